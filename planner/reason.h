/* Why a step is there: one short sentence for people. SPDX-License-Identifier: MIT */
#ifndef MEMPLAN_REASON_H
#define MEMPLAN_REASON_H

#include "internal.h"

/* How the totals of several nodes end: level, as far as granules go; closer than before; or
 * neither, or nobody asked for it. */
enum balance { BALANCE_NONE, BALANCE_CLOSER, BALANCE_LEVEL };

/* A plug into a set that becomes complete, or else keeps its sums within gap of each other. */
void reason_grow(struct memplan_step *step, uint64_t granule, uint64_t gap, bool complete,
                 enum balance balance);
/* A plug that takes the place of part of what is unplugged afterwards. */
void reason_replace(struct memplan_step *step, uint64_t unplugged);
/* An unplug, one of count that together are sum; nearest: sum is not what was asked for. */
void reason_shrink(struct memplan_step *step, size_t count, uint64_t sum, bool nearest);
/* An unplug, one of count (two at least) that together are sum, each node's share of it; level: the
 * nodes end so, else as near to it as what can go allows. */
void reason_level(struct memplan_step *step, size_t count, uint64_t sum, bool level);
/* An unplug that takes more than asked for, after plugged has taken the place of the rest. */
void reason_swap(struct memplan_step *step, uint64_t plugged);

#endif
