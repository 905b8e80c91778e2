/* How the checks of the preflight say what they found. SPDX: MIT */
#ifndef QMPCTL_HOST_FINDINGS_H
#define QMPCTL_HOST_FINDINGS_H

#include "host/preflight.h"

/* What the checks share: the need summed up. */
struct preflight_sum {
    uint64_t bytes, largest; /* of all devices, saturating */
    struct node_set usable;  /* nodes the memory may come from; empty where that is not known */
    bool bound;              /* to usable by policy or cpuset: fewer than the host's nodes */
};

/* NULL where the report is full. The mend starts empty. */
struct preflight_finding *finding_add(struct preflight_report *report,
                                      enum preflight_severity severity, const char *check,
                                      const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* finding may be NULL. */
void finding_mend(struct preflight_finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The mend of a limit: its file and what to write there. Nothing where the file is not known. */
void finding_mend_limit(struct preflight_finding *finding, const struct host_limit *limit,
                        uint64_t missing);

/* A path as a shell takes it: in quotes where it needs them. systemd's names of cgroups have
 * backslashes in them. */
struct finding_word {
    char text[4200];
};
struct finding_word finding_quote(const char *path);

/* " on node 0", " on nodes 0-3", or nothing for an empty set. Returns buffer. */
char *finding_nodes(const struct node_set *nodes, char *buffer, size_t size);

/* Hugepages: whether the host has that size, free pages, limits of the hugetlb controller. */
void preflight_check_hugepages(const struct host_facts *facts, const struct preflight_need *need,
                               const struct preflight_sum *sum, struct preflight_report *report);

/* Ordinary pages: memory available, commit limit. */
void preflight_check_memory(const struct host_facts *facts, const struct preflight_need *need,
                            const struct preflight_sum *sum, struct preflight_report *report);

/* What counts for the memory controller: its limits. */
void preflight_check_cgroups(const struct host_facts *facts, const struct preflight_need *need,
                             const struct preflight_sum *sum, struct preflight_report *report);

#endif
