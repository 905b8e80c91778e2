/* The limits of the cgroups that QEMU runs in, versions 1 and 2, nested. SPDX: MIT */
#ifndef QMPCTL_HOST_CGROUPS_H
#define QMPCTL_HOST_CGROUPS_H

struct host_facts;

/*
 * Fills memory_limit, swap_limit, both_limit, memory_high, hugepages_charged and the pools' limit
 * of facts from groups, the text of
 * /proc/PID/cgroup, and mounts, that of our own mountinfo. Both texts are changed.
 */
void cgroups_read(const char *root, char *groups, char *mounts, struct host_facts *facts);

#endif
