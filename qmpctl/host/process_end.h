/* The end of a process of this host, as something that an event loop can wait for. SPDX: MIT */
#ifndef QMPCTL_HOST_PROCESS_END_H
#define QMPCTL_HOST_PROCESS_END_H

#include <sys/types.h>

/* A descriptor that becomes readable when the process ends, for the caller to close; -1: it has
 * ended, or the system cannot tell (Linux before 5.3). */
int process_end_open(pid_t pid);

#endif
