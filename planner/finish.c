/* What is said of a plan once its steps are there. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "reason.h"

/* A plan is not to wait for what is only said of it: about 10 ms, and only where sizes are odd. */
#define JUDGE_WORK ((uint64_t)1 << 22)

enum memplan_status plan_judge(const struct memplan_request *request, const struct budget *budget,
                               struct memplan_plan *plan)
{
    size_t count = request->item_count;
    struct memplan_item *after = calloc(count + plan->step_count + 1, sizeof(*after));
    struct budget own = {size_min(budget->work, JUDGE_WORK), budget->memory};
    enum memplan_status status = MEMPLAN_NOMEM;

    if (!after)
        return status;
    if (count)
        memcpy(after, request->items, count * sizeof(*after));
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].action == MEMPLAN_PLUG)
            after[count++].size = plan->steps[i].size;
        else
            after[plan->steps[i].item].size = 0;
    }
    status = completeness(after, count, request->granule, &own, &plan->gap);
    plan->complete = status == MEMPLAN_OK;
    free(after);
    return status == MEMPLAN_NOMEM ? status : MEMPLAN_OK;
}

/* What a node has after the plan. One that is said to have less than its devices ends with nothing.
 */
static wide total_after(const struct memplan_request *request, const struct memplan_plan *plan,
                        uint32_t node)
{
    wide total = request->node_totals[node];

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct memplan_step *step = &plan->steps[i];

        if (step->node == node)
            total += step->action == MEMPLAN_PLUG ? (wide)step->size : -(wide)step->size;
    }
    return total > 0 ? total : 0;
}

/* How far apart the nodes' totals are now (plan NULL), or after the plan. */
static wide unevenness(const struct memplan_request *request, const struct memplan_plan *plan)
{
    wide low = 0, high = 0;

    for (uint32_t i = 0; i < request->node_count; i++) {
        wide total = plan ? total_after(request, plan, i) : request->node_totals[i];

        low = i == 0 || total < low ? total : low;
        high = total > high ? total : high;
    }
    return high - low;
}

static enum balance balance_after(const struct memplan_request *request,
                                  const struct memplan_plan *plan)
{
    wide after;

    if (request->node != MEMPLAN_ANY_NODE || request->node_count < 2)
        return BALANCE_NONE;
    after = unevenness(request, plan);
    if (after <= request->granule)
        return BALANCE_LEVEL;
    return after < unevenness(request, NULL) ? BALANCE_CLOSER : BALANCE_NONE;
}

static void explain_plug(const struct memplan_request *request, const struct memplan_plan *plan,
                         enum balance balance, struct memplan_step *step)
{
    if (plan->swapped)
        reason_replace(step, plan->unplugged);
    else
        reason_grow(step, request->granule, plan->gap, plan->complete, balance);
}

static void explain_unplug(const struct memplan_plan *plan, bool level, enum balance balance,
                           struct memplan_step *step)
{
    if (plan->swapped)
        reason_swap(step, plan->plugged);
    else if (level)
        reason_level(step, plan->step_count, plan->unplugged, balance == BALANCE_LEVEL);
    else
        reason_shrink(step, plan->step_count, plan->unplugged, plan->nearest_chosen);
}

enum memplan_status plan_finish(const struct memplan_request *request, const struct budget *budget,
                                bool level, struct memplan_plan *plan)
{
    enum memplan_status status = plan_judge(request, budget, plan);
    enum balance balance;

    if (status != MEMPLAN_OK) {
        memplan_plan_free(plan);
        return status;
    }
    balance = balance_after(request, plan);
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].action == MEMPLAN_PLUG)
            explain_plug(request, plan, balance, &plan->steps[i]);
        else
            explain_unplug(plan, level, balance, &plan->steps[i]);
    }
    return MEMPLAN_OK;
}
