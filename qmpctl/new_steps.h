/* Steps of a plan: which slot and which name a new device gets. Pure. SPDX: MIT */
#ifndef QMPCTL_NEW_STEPS_H
#define QMPCTL_NEW_STEPS_H

#include "change.h"
#include "memory.h"
#include "result.h"

/*
 * Appends a device to plug. Its slot: the user's, else the first that is free; -1, for QEMU to say
 * what it thinks, where none is. Its id: the user's, else dimmN, N being the slot or the next
 * number with which neither dimmN nor mem-dimmN is taken. NULL: out of memory.
 */
struct step *new_plug(const struct change *change, const struct memory *memory,
                      struct result *result, uint64_t size, int64_t node);

/* Appends a device to unplug. NULL: out of memory. */
struct step *new_unplug(const struct memory_device *device, struct result *result);

#endif
