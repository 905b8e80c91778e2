/* What the guest can make use of. Pure. SPDX: MIT */
#ifndef QMPCTL_GRANULE_H
#define QMPCTL_GRANULE_H

#include "memory.h"
#include "placement.h"
#include "result.h"

/* The smallest device that the guest can use, in bytes. *why: a sentence for people. */
uint64_t granule_of(const struct memory *memory, const char **why);

/*
 * Adds to the result's note where the guest may make no use of the first device that is planned to
 * be plugged, although it accepts it: its size, or the address that QEMU will give it, is no
 * multiple of the guest's blocks. placement: its pages bound the address; NULL: ordinary ones.
 */
void granule_warn(const struct memory *memory, const struct placement *placement,
                  struct result *result);

#endif
