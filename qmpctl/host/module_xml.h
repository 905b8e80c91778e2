/*
 * The description of a memory module, as libvirt and oVirt write it:
 *
 *   <memory model='acpi-dimm'>               or 'dimm'; access='shared|private' and
 *                                            discard='yes|no' may be given
 *     <source>                               optional
 *       <node>1</node>                       or <nodemask>0-3,^2</nodemask>
 *       <pagesize unit='MiB'>2</pagesize>
 *     </source>
 *     <target>
 *       <node>0</node>                       optional
 *       <size unit='GiB'>1</size>
 *     </target>
 *     <alias name='dimm0'/>                  optional, as is base; a live VM has them
 *     <address type='dimm' slot='0' base='0x100000000'/>
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
/* A longer alias is cut; QEMU would not take it as an id. */
#define MODULE_ALIAS 256

struct module_description {
    uint64_t size;      /* bytes, more than 0, at most SIZE_LIMIT */
    uint64_t page_size; /* 0: not given */
    int target_node;    /* -1: not given */
    bool has_source_nodes;
    struct node_set source_nodes;
    bool has_access, shared;  /* access= */
    bool discard;             /* discard='yes' */
    char alias[MODULE_ALIAS]; /* empty: not given; no id of QEMU's for certain */
    int slot;                 /* -1: not given */
    bool has_base;            /* an address in the guest is given */
};

/* Returns 0, or -1 with *error set (EXIT_USAGE); *result is complete or untouched. */
int module_xml_parse(const char *text, size_t length, struct module_description *result,
                     struct error *error);

/* The same from a file, "-" being stdin. */
int module_xml_read(const char *path, struct module_description *result, struct error *error);

#endif
