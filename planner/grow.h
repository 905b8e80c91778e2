/*
 * New devices: their sizes, and their guest nodes. All sizes here count granules.
 *
 * A chain: sorted sizes of which none is larger than the sum of the smaller ones plus a step. Then
 * no two sums of its subsets are further apart than the step; with a step of one granule the set is
 * complete. A device that is no larger than the whole chain plus the step can be added to a chain
 * in any place, and it stays one. SPDX-License-Identifier: MIT
 */
#ifndef MEMPLAN_GROW_H
#define MEMPLAN_GROW_H

#include "internal.h"

struct grow_device {
    uint64_t size;
    uint32_t node;
};

/* More devices than this are not rounded: there are so many only where largest is small. */
#define ROUNDED_DEVICES 64
/* What a chain needs space for besides the devices that are there. */
#define GROW_CHAIN_SPACE (ROUNDED_DEVICES + 1)

struct grow_request {
    uint64_t *chain; /* sizes that are there and can be bridged, sorted, and GROW_CHAIN_SPACE */
    size_t chain_count;
    uint64_t amount, largest; /* neither is 0 */
    uint64_t step;            /* see grow_find_step */
    size_t slots;             /* how many devices there may be */
    uint64_t granule;         /* bytes, for the totals */
    const uint64_t *node_totals;
    uint32_t node_count;
    uint32_t node;
};

/* How many devices are needed; SIZE_MAX where the amount can not bridge the chain. */
size_t grow_count(const struct grow_request *request);
/* Sets the smallest step with which the slots suffice. There are slots for the amount in devices of
 * the largest size. */
void grow_find_step(struct grow_request *request);
/* The fewest, roundest devices; devices has space for the slots. Returns how many; uses the chain
 * up. */
size_t grow_sizes(struct grow_request *request, struct grow_device *devices);

/* ---- spread.c ---- */

/*
 * Devices with nodes, smallest first; *count: how many. devices has space for slots. OK or NOMEM.
 */
enum memplan_status grow_devices(struct grow_request *request, struct grow_device *devices,
                                 size_t *count);

#endif
