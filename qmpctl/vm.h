/* One VM: the connection to its monitor, and snapshots of its memory. SPDX: MIT */
#ifndef QMPCTL_VM_H
#define QMPCTL_VM_H

#include <sys/types.h>

#include "error.h"
#include "memory.h"
#include "qmpclient.h"

struct event_base;
struct vm;

/* QEMU answers a query in milliseconds; one that does not for this long hangs. */
#define VM_SNAPSHOT_TIMEOUT_MS 10000

struct vm_options {
    const char *address;           /* borrowed for the life of the VM */
    int64_t connect_timeout, wait; /* milliseconds */
    bool verbose;                  /* QMP traffic on stderr */
    bool several;                  /* a line of that says whose it is */
};

typedef void vm_ready_cb(struct vm *vm, const struct error *error, void *arg);
/* memory is the receiver's to free; exactly one of memory and error is not NULL. */
typedef void vm_snapshot_cb(struct vm *vm, struct memory *memory, const struct error *error,
                            void *arg);

struct vm *vm_new(struct event_base *base, const struct vm_options *options);
void vm_free(struct vm *vm);
const char *vm_address(const struct vm *vm);

/* Events of QEMU, and the end of the connection, from now on. */
void vm_listen(struct vm *vm, qmp_event_cb *on_event, qmp_closed_cb *on_closed, void *arg);

/* Before it is connected: nobody else shall change it as long as it lives. 0, or -1 with *error
 * set; connecting may find so later, too. */
int vm_lock(struct vm *vm, struct error *error);

/* Connects, or connects again after a loss, within timeout milliseconds (0: as in the options). */
void vm_connect(struct vm *vm, int64_t timeout, vm_ready_cb *ready, void *arg);
/* The same after a loss, where a socket that is away or refuses is waited for that long before. */
void vm_reconnect(struct vm *vm, int64_t wait, int64_t timeout, vm_ready_cb *ready, void *arg);
bool vm_is_connected(const struct vm *vm);

/* QEMU's process, where it is one of this host; 0: it cannot be seen. */
pid_t vm_pid(struct vm *vm);

/* NULL while not connected. */
struct qmp_client *vm_client(struct vm *vm);

/* Ends the connection, and a snapshot that is being taken; neither is told of. */
void vm_abandon(struct vm *vm);

/* Needs a connection. One at a time. */
void vm_snapshot(struct vm *vm, int64_t timeout, vm_snapshot_cb *done, void *arg);

#endif
