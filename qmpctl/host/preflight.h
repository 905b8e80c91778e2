/*
 * Would the host give this memory? Pure: facts and a need go in, findings come out.
 *
 * What the VM has to say (slots, space, migration) is not judged here. SPDX: MIT
 */
#ifndef QMPCTL_HOST_PREFLIGHT_H
#define QMPCTL_HOST_PREFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/host.h"

#define PREFLIGHT_FINDINGS 24

enum preflight_severity { PREFLIGHT_NOTE, PREFLIGHT_WARNING, PREFLIGHT_IMPOSSIBLE };
enum preflight_policy {
    PREFLIGHT_POLICY_DEFAULT,
    PREFLIGHT_POLICY_PREFERRED,
    PREFLIGHT_POLICY_BIND,
    PREFLIGHT_POLICY_INTERLEAVE
};

/* What the kernel does about memory of ordinary pages. */
enum preflight_backing {
    PREFLIGHT_COMMITTED,   /* anonymous or private: it commits to all of it at once */
    PREFLIGHT_SHMEM,       /* a shared memfd or file of a tmpfs: page by page */
    PREFLIGHT_WRITTEN_BACK /* a shared file on a disk: never, it can write pages back */
};

struct preflight_need {
    const uint64_t *sizes; /* of the devices to plug */
    size_t count;
    uint64_t page_size; /* of hugepages; 0: the host's ordinary pages */
    bool prealloc;
    bool no_reserve; /* QEMU's reserve=off */
    enum preflight_backing backing;
    enum preflight_policy policy;
    struct node_set nodes;
    const char *path;    /* the mem-path, for the mend */
    uint64_t path_free;  /* struct mem_path's free; HOST_UNKNOWN where there is no mem-path */
    uint64_t path_tmpfs; /* struct mem_path's tmpfs_size */
};

struct preflight_finding {
    enum preflight_severity severity;
    const char *check; /* a stable name: "hugepages", "memory", ...; static */
    char text[256];    /* "needs 512 hugepages of 2M on node 0, 130 are free" */
    char mend[512];    /* the command that helps; empty where none is known */
};

struct preflight_report {
    struct preflight_finding findings[PREFLIGHT_FINDINGS];
    size_t count;
};

/*
 * Appends what speaks against the need to *report (which begins zero-initialised). facts NULL:
 * QEMU is not on this host; that becomes the one note. Checks by name: remote, policy, nodes,
 * alignment, pagesize, hugepages, memory, commit, cgroup, cgroup-high, hugetlb-cgroup, locked,
 * mem-path.
 */
void preflight_check(const struct host_facts *facts, const struct preflight_need *need,
                     struct preflight_report *report);

/* The finding of the highest severity, the first of these; NULL where there is none. */
const struct preflight_finding *preflight_worst(const struct preflight_report *report);

/* QEMU's words: "default", "preferred", "bind", "interleave"; NULL is default. false: none. */
bool preflight_policy_parse(const char *name, enum preflight_policy *policy);

/* How many threads to give QEMU for the prealloc of one device of this size: at least 1. */
unsigned preflight_prealloc_threads(const struct host_facts *facts, uint64_t size);

#endif
