/* The plan of a hot set: from the devices, slots and nodes of the VM to libmemplan, and its answer
 * in words for people. Pure. SPDX: MIT */
#ifndef QMPCTL_HOT_SET_H
#define QMPCTL_HOT_SET_H

#include "change.h"
#include "memory.h"
#include "names.h"
#include "result.h"

/* What planning_make does for CHANGE_SET and CHANGE_UNPLUG_SIZE. The change has been checked. */
int hot_set_plan(const struct change *change, const struct placement *placement,
                 const struct memory *memory, uint64_t target, const struct name_list *excluded,
                 struct result *result, struct error *error);

/* Whether every multiple of granule from base to total can be reached by unplugging. */
bool hot_set_is_complete(const struct memory *memory, uint64_t granule);

#endif
