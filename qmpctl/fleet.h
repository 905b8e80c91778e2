/* Several VMs asked side by side in one event loop: none waits for another. SPDX: MIT */
#ifndef QMPCTL_FLEET_H
#define QMPCTL_FLEET_H

#include "memory.h"
#include "options.h"

struct vm;

struct fleet_vm {
    const char *address;   /* borrowed from the options */
    struct memory *memory; /* NULL: it could not be asked, error says why */
    pid_t pid;             /* QEMU's, where that was asked for; 0: it cannot be seen */
    struct error error;
    struct vm *vm; /* while it is asked */
    struct fleet *fleet;
};

struct fleet {
    struct fleet_vm *vms; /* in the order that they were named */
    size_t count;
    const struct options *options;
    struct event_base *base;
    size_t next, open; /* the next to be asked; how many are being asked */
    bool with_pids, advancing;
};

/* Takes a snapshot of each VM that the options name, with_pids: and finds its process; 0, or -1
 * with *error set where none could be asked for a reason of our own. fleet_free is right in either
 * case. */
int fleet_snapshot(struct fleet *fleet, const struct options *options, bool with_pids,
                   struct error *error);
void fleet_free(struct fleet *fleet);

#endif
