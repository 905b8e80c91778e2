/* Monitors that do as little as they can, for benchmarks: one process serves any number of sockets
 * and answers each command with the same value. SPDX: MIT */
#ifndef FAST_MONITOR_H
#define FAST_MONITOR_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

/* FOLDER/NUMBER.qmp */
void fast_monitor_name(struct sockaddr_un *name, const char *folder, size_t number);

/* A monitor at each of so many of these names. Two descriptors each in the new process. */
pid_t fast_monitor_start(const char *folder, size_t count);
/* Ends it, and removes the sockets. */
void fast_monitor_stop(pid_t pid, const char *folder, size_t count);

#endif
