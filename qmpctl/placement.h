/*
 * Where memory comes from on the host: what the user asks for, what becomes of it, and the
 * arguments that say so to QEMU. SPDX: MIT
 */
#ifndef QMPCTL_PLACEMENT_H
#define QMPCTL_PLACEMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/preflight.h"

struct error;

#define PLACEMENT_PATH 1024

enum backend_kind { BACKEND_RAM, BACKEND_FILE, BACKEND_MEMFD };
enum placement_switch { SWITCH_DEFAULT, SWITCH_ON, SWITCH_OFF };

/* What the user asks for. Zero-initialised: nothing; then the VM's boot memory is the model. */
struct placement_request {
    bool kind_given, policy_given;
    enum backend_kind kind;
    bool hugepages;       /* of the host's default size */
    uint64_t pagesize;    /* bytes; 0: not given */
    const char *mem_path; /* borrowed; NULL: not given */
    enum placement_switch share, prealloc, merge, dump;
    enum preflight_policy policy;
    struct node_set host_nodes;
    bool discard;   /* QEMU need not keep the content when it ends */
    bool strict;    /* what is likely trouble is an error, too */
    char note[256]; /* what of a module description is done otherwise, for people; empty: nothing */
};

/* What is done, nothing left open. Zero-initialised: anonymous memory of ordinary pages. */
struct placement {
    enum backend_kind kind;
    uint64_t pagesize;             /* bytes, of hugepages; 0: the host's ordinary pages */
    char mem_path[PLACEMENT_PATH]; /* of BACKEND_FILE */
    bool share, prealloc;
    bool prealloc_off; /* QEMU may be one that preallocates by itself (-mem-prealloc): it is told */
    bool discard;      /* of files alone; elsewhere there is nothing to keep */
    unsigned cpus;     /* that QEMU may run on: so many can preallocate; 0: QEMU decides */
    enum placement_switch merge, dump;
    enum preflight_policy policy;
    struct node_set host_nodes;
};

/* What contradicts itself, whatever the host: 0, or -1 with EXIT_USAGE. */
int placement_request_check(const struct placement_request *request, struct error *error);

/* QEMU's words. */
const char *placement_kind_name(enum backend_kind kind);
const char *placement_policy_name(enum preflight_policy policy);

/* For people: "file in /dev/hugepages, hugepages of 2M, preallocated, policy bind on host nodes 0".
 * False, and an empty text: nothing out of the ordinary. */
bool placement_describe(const struct placement *placement, char *text, size_t size);

/* The arguments of object-add for a backend of this size; for the caller to release. NULL: memory.
 */
json_t *placement_backend_arguments(const struct placement *placement, const char *id,
                                    uint64_t size);

/* Where these arguments of object-add preallocate: by as many threads as the host has room for. */
void placement_share_prealloc(const struct placement *placement, uint64_t size, json_t *arguments);

/* The arguments of device_add for a pc-dimm; an id that is a QOM path stands for none. slot -1:
 * QEMU chooses. */
json_t *placement_device_arguments(const char *id, const char *backend, int64_t node, int64_t slot);

#endif
