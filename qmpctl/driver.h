/* Runs a job over a VM in the event loop: sends, waits, takes snapshots, connects again.
 * SPDX: MIT */
#ifndef QMPCTL_DRIVER_H
#define QMPCTL_DRIVER_H

#include "job.h"
#include "vm.h"

struct driver;

/* After every move of the job, for progress; and when it has finished. */
typedef void driver_cb(struct job *job, void *arg);

/* vm is connected or will be connected by the driver; both must outlive it. NULL: memory. */
struct driver *driver_new(struct event_base *base, struct vm *vm, struct job *job,
                          driver_cb *progress, driver_cb *done, void *arg);
void driver_start(struct driver *driver);
/* The user wants it to end: what is under way is finished, nothing new begun. */
void driver_interrupt(struct driver *driver);
void driver_free(struct driver *driver);

#endif
