/*
 * One change of a VM at a time. A lock is an abstract UNIX socket: it lies in no folder, goes with
 * the process that holds it, however that ends, and is seen by all processes in the same network
 * namespace. Two names are held, since a VM may be reached in two ways:
 *   qmpctl/DEVICE:INODE    the monitor's socket (or qmpctl/HOST:PORT), before it is connected to
 *   qmpctl/NAMESPACE/PID   QEMU, once connected, whichever of its monitors it was; only where it
 *                          serves that UNIX socket itself, as a process of this host
 * SPDX: MIT
 */
#ifndef QMPCTL_LOCK_H
#define QMPCTL_LOCK_H

#include <sys/types.h>

#include "error.h"

struct lock {
    int monitor, process; /* descriptors; -1: not held */
    pid_t pid;            /* that process is about */
};

#define LOCK_NONE ((struct lock){-1, -1, 0})

/* 0, or -1 with *error set: where another qmpctl holds it, the error names that one. address: as
 * the monitor is called in errors. pid 0: there is nothing to hold. */
int lock_monitor(struct lock *lock, const char *address, struct error *error);
int lock_process(struct lock *lock, const char *address, pid_t pid, struct error *error);
void lock_release(struct lock *lock);

#endif
