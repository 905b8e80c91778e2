/* Plans of libmemplan, asked for and checked. SPDX-License-Identifier: MIT */
#ifndef PLANS_H
#define PLANS_H

#include "memplan.h"

#define PLANS_MAX_ITEMS 400

/* A VM without guest nodes, counting in granules of 1. */
struct memplan_request plans_request(const struct memplan_item *items, size_t count, int64_t delta);
/* The plan; fails where the status is not the expected one. */
struct memplan_plan plans_make(const struct memplan_request *request, enum memplan_status expected);
/* Does what the plan says to items, which has PLANS_MAX_ITEMS places, and to the totals of nodes,
 * if any; checks what holds for every plan. Returns the new count of items. */
size_t plans_apply(const struct memplan_request *request, const struct memplan_plan *plan,
                   struct memplan_item *items, uint64_t *totals);

#endif
