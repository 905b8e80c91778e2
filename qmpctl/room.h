/* Why a VM has no room for one more memory device, in words for people. Pure. SPDX: MIT */
#ifndef QMPCTL_ROOM_H
#define QMPCTL_ROOM_H

#include "error.h"
#include "memory.h"

/* Anything above is no amount that a VM has. */
#define ROOM_UNKNOWN ((uint64_t)1 << 50)

/* How many bytes of memory devices can be plugged before any is unplugged, as far as the VM's
 * maximum goes; ROOM_UNKNOWN where that is not known. */
uint64_t room_left(const struct memory *memory);

/* How much of the maximum is not there and cannot be plugged either: devices hold it that may grow
 * (virtio-mem). */
uint64_t room_held(const struct memory *memory);

/*
 * Adds to *error the next step for whoever wants a device of so many bytes on this guest node: more
 * slots, a larger maximum, another node. Reckoned from the VM's figures, since the texts of QEMU
 * change. Adds nothing where the figures show no lack. memory may be NULL.
 */
void room_hint(const struct memory *memory, uint64_t size, int64_t node, struct error *error);

/* True also where the nodes are not known. */
bool room_has_node(const struct memory *memory, int64_t node);

#endif
