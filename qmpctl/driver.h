/* Runs a job over a VM in the event loop: sends, waits, takes snapshots, connects again.
 * SPDX: MIT */
#ifndef QMPCTL_DRIVER_H
#define QMPCTL_DRIVER_H

#include "job.h"
#include "vm.h"

struct driver;

/* The host as it is now, for the VM of this snapshot; borrowed until the next call. May be NULL. */
typedef const struct host_view *driver_look_cb(struct vm *vm, const struct memory *memory,
                                               void *arg);
/* After every move of the job, for progress; and when it has finished. */
typedef void driver_cb(struct job *job, void *arg);

/* vm is connected or will be connected by the driver; both must outlive it. NULL: memory. */
struct driver *driver_new(struct event_base *base, struct vm *vm, struct job *job,
                          driver_cb *progress, driver_cb *done, void *arg);
/* Asked with each snapshot, from before driver_start on. */
void driver_look(struct driver *driver, driver_look_cb *look);
void driver_start(struct driver *driver);
/* The user wants it to end: what is under way is finished, nothing new begun. */
void driver_interrupt(struct driver *driver);
void driver_free(struct driver *driver);

#endif
