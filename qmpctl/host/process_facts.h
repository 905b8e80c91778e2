/* What of the facts lies with the QEMU process itself. SPDX: MIT */
#ifndef QMPCTL_HOST_PROCESS_FACTS_H
#define QMPCTL_HOST_PROCESS_FACTS_H

#include <sys/types.h>

struct host_facts;

/* Nodes and CPUs allowed, locked memory and its limit, VFIO. pid 0: this process. */
void process_facts_read(const char *root, pid_t pid, struct host_facts *facts);

#endif
