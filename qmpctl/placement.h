/* Where memory comes from on the host, and the arguments that say so to QEMU. SPDX: MIT */
#ifndef QMPCTL_PLACEMENT_H
#define QMPCTL_PLACEMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACEMENT_NODES 64

enum backend_kind { BACKEND_RAM, BACKEND_FILE, BACKEND_MEMFD };
enum placement_prealloc { PREALLOC_DEFAULT, PREALLOC_ON, PREALLOC_OFF };

/* Zero-initialised: anonymous memory of the host's ordinary pages, from anywhere. */
struct placement {
    enum backend_kind kind;
    uint64_t pagesize; /* bytes, of hugepages; 0: the host's ordinary pages */
    const char *mem_path;
    bool share;
    enum placement_prealloc prealloc;
    const char *policy; /* NULL: QEMU's default */
    unsigned host_nodes[PLACEMENT_NODES];
    size_t host_node_count;
};

/* The arguments of object-add for a backend of this size; for the caller to release. NULL: memory.
 */
json_t *placement_backend_arguments(const struct placement *placement, const char *id,
                                    uint64_t size);

/* The arguments of device_add for a pc-dimm. slot -1: QEMU chooses. */
json_t *placement_device_arguments(const char *id, const char *backend, int64_t node, int64_t slot);

#endif
