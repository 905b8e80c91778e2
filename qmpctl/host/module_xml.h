/*
 * The description of a memory module, as libvirt and oVirt write it:
 *
 *   <memory model='acpi-dimm'>               or 'dimm'; access='shared|private' may be given
 *     <source>                               optional
 *       <node>1</node>                       or <nodemask>0-3,^2</nodemask>
 *       <pagesize unit='MiB'>2</pagesize>
 *     </source>
 *     <target>
 *       <node>0</node>                       optional
 *       <size unit='GiB'>1</size>
 *     </target>
 *   </memory>
 *
 * Anything else is named and refused with its line; so are DOCTYPE and entities. SPDX: MIT
 */
#ifndef QMPCTL_HOST_MODULE_XML_H
#define QMPCTL_HOST_MODULE_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/nodes.h"

struct error;

/* The largest description that is read. */
#define MODULE_XML_BYTES 65536

struct module_description {
    uint64_t size;      /* bytes, more than 0, at most SIZE_LIMIT */
    uint64_t page_size; /* 0: not given */
    int target_node;    /* -1: not given */
    bool has_source_nodes;
    struct node_set source_nodes;
    bool has_access, shared; /* access= */
};

/* Returns 0, or -1 with *error set (EXIT_USAGE); *result is complete or untouched. */
int module_xml_parse(const char *text, size_t length, struct module_description *result,
                     struct error *error);

/* The same from a file, "-" being stdin. */
int module_xml_read(const char *path, struct module_description *result, struct error *error);

#endif
