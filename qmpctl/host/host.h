/*
 * What the host has: facts read from /proc, /sys and the cgroups, for the preflight to judge.
 *
 * Reading changes nothing and never fails: what is missing, unreadable or malformed stays
 * HOST_UNKNOWN (or false, or empty). All sizes in bytes. No state outside struct host_facts.
 * SPDX-License-Identifier: MIT
 */
#ifndef QMPCTL_HOST_HOST_H
#define QMPCTL_HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/nodes.h"

#define HOST_UNKNOWN UINT64_MAX
#define HOST_POOLS   8
#define HOST_MOUNTS  16
#define HOST_GROUPS  64

/* The limit of a cgroup with the least room left, among QEMU's own and all above it. */
struct host_limit {
    uint64_t limit;    /* HOST_UNKNOWN: none is set, or none could be read */
    uint64_t usage;    /* without file cache that the kernel can drop */
    uint64_t headroom; /* limit - usage, 0 where over it; HOST_UNKNOWN without limit */
    char file[1024];   /* where the limit is set; empty where that is too long */
};

/* The hugepages of one size; counts are pages. */
struct host_pool {
    uint64_t page_size;
    uint64_t total, free, reserved, surplus, overcommit;
    uint64_t node_total[HOST_NODES], node_free[HOST_NODES];
    struct host_limit limit; /* of the hugetlb controller, in bytes */
};

struct host_mount {
    uint64_t page_size;
    bool writable;
    char path[1024]; /* as QEMU sees it */
};

/* Whom QEMU's access to files is judged by. */
struct host_identity {
    bool known;
    bool any; /* CAP_DAC_OVERRIDE: modes do not bind it */
    uint32_t user, groups[HOST_GROUPS];
    size_t group_count;
};

struct host_facts {
    pid_t pid;
    uint64_t page_size;             /* of ordinary pages */
    uint64_t default_hugepage_size; /* what --hugepages means */
    uint64_t memory_total, memory_available, swap_total, swap_free;
    uint64_t commit_limit, committed;
    uint64_t overcommit_memory; /* /proc/sys/vm/overcommit_memory: 0 guess, 1 always, 2 strict */

    struct node_set online, has_memory; /* empty where unknown */
    uint64_t node_memory_free[HOST_NODES], node_memory_total[HOST_NODES];

    struct host_pool pools[HOST_POOLS]; /* ascending by page size */
    size_t pool_count;
    struct host_mount mounts[HOST_MOUNTS]; /* hugetlbfs, in the order of the mount table */
    size_t mount_count;

    struct host_limit memory_limit; /* of QEMU's cgroups */
    struct host_limit swap_limit;   /* of what of them lies in swap (version 2) */
    struct host_limit both_limit;   /* of memory and swap together (version 1) */
    bool hugepages_charged;         /* they count as memory of the cgroup, too (Linux 6.6) */
    struct host_limit memory_high;  /* beyond it the kernel reclaims and throttles (version 2) */

    /* QEMU itself */
    struct node_set allowed_nodes; /* empty where unknown */
    unsigned cpus;                 /* that QEMU may run on; 0 where unknown */
    uint64_t locked, locked_limit; /* HOST_UNKNOWN limit: unlimited or not known */
    bool may_lock_any;             /* CAP_IPC_LOCK: the limit does not bind it */
    struct host_identity identity;
    bool uses_vfio; /* guest memory is pinned; false where not known */
};

/*
 * Reads the facts for the QEMU process pid. root: "/" for the host, or a made-up tree. pid 0: the
 * host alone, with the mounts of this process. *facts is overwritten.
 */
void host_facts_read(const char *root, pid_t pid, struct host_facts *facts);

/* All unknown: what host_facts_read begins with. */
void host_facts_init(struct host_facts *facts);

/* NULL where the host has no hugepages of this size. */
const struct host_pool *host_pool_find(const struct host_facts *facts, uint64_t page_size);

#endif
