/* Between deciding what to change and working out the steps. SPDX-License-Identifier: MIT */
#ifndef MEMPLAN_PLAN_H
#define MEMPLAN_PLAN_H

#include "internal.h"

/* How much to plug and to unplug. Both: a swap. */
struct change {
    uint64_t plug, unplug; /* bytes */
    bool nearest;          /* not what was asked for, but the nearest there is */
};

/* The most that can be plugged at once, a multiple of the granule. */
uint64_t plan_most(const struct memplan_request *request);
/* Chooses; fills the plan's below, above and swap_reaches. NONE where there is nothing to choose.
 */
enum memplan_status plan_decide(const struct memplan_request *request, struct budget *budget,
                                struct memplan_plan *plan, struct change *change);
/* Works the steps out. plan is owned by the caller, also on failure. */
enum memplan_status plan_steps(const struct memplan_request *request, const struct change *change,
                               struct budget *budget, struct memplan_plan *plan);
/* All of memplan_plan_make but for what plan_finish fills in: complete, gap, and the reasons. */
enum memplan_status plan_draft(const struct memplan_request *request, struct budget *budget,
                               struct memplan_plan *plan);
/* Looks at the devices that there are after the plan: fills complete and gap. OK or NOMEM. */
enum memplan_status plan_judge(const struct memplan_request *request, const struct budget *budget,
                               struct memplan_plan *plan);
/* The same, and gives each step its reason; level: each node gives its share. Else frees the plan.
 */
enum memplan_status plan_finish(const struct memplan_request *request, const struct budget *budget,
                                bool level, struct memplan_plan *plan);

#endif
