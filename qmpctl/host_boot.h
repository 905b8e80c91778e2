/* The memory that a VM was started with, as a model for what is added. Pure. SPDX: MIT */
#ifndef QMPCTL_HOST_BOOT_H
#define QMPCTL_HOST_BOOT_H

#include "memory.h"
#include "placement.h"

/* Where several backends make up the boot memory and differ in something, that is left open. */
struct boot_memory {
    bool kind_known;
    enum backend_kind kind; /* BACKEND_RAM where not known */
    uint64_t pagesize;      /* bytes, of hugepages; 0: ordinary pages, or not known */
    bool pages_unknown;     /* it may be hugepages: neither QEMU nor the host has told */
    const char *mem_path;   /* borrowed from the model of the VM; NULL: none */
    bool share, prealloc;
    bool prealloc_somewhere; /* in one of them at least */
    enum preflight_policy policy;
    struct node_set host_nodes;
    bool nodes_differ; /* policy and host nodes are left open since each has its own */
};

struct boot_memory boot_memory_of(const struct memory *memory);

/* What of the placement comes from the boot memory and not from the request, for people. False, and
 * an empty text: nothing out of the ordinary. */
bool boot_memory_is_model(const struct boot_memory *boot, const struct placement_request *request,
                          const struct placement *placement, char *text, size_t size);

#endif
