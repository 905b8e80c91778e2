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

static void explain_plug(const struct memplan_request *request, const struct memplan_plan *plan,
                         struct memplan_step *step)
{
    bool several = request->node == MEMPLAN_ANY_NODE && request->node_count > 1;

    if (plan->swapped)
        reason_replace(step, plan->unplugged);
    else
        reason_grow(step, request->granule, plan->gap, plan->complete, several);
}

static void explain_unplug(const struct memplan_plan *plan, bool level, struct memplan_step *step)
{
    if (plan->swapped)
        reason_swap(step, plan->plugged);
    else if (level)
        reason_level(step, plan->step_count, plan->unplugged);
    else
        reason_shrink(step, plan->step_count, plan->unplugged, plan->nearest_chosen);
}

enum memplan_status plan_finish(const struct memplan_request *request, const struct budget *budget,
                                bool level, struct memplan_plan *plan)
{
    enum memplan_status status = plan_judge(request, budget, plan);

    if (status != MEMPLAN_OK) {
        memplan_plan_free(plan);
        return status;
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].action == MEMPLAN_PLUG)
            explain_plug(request, plan, &plan->steps[i]);
        else
            explain_unplug(plan, level, &plan->steps[i]);
    }
    return MEMPLAN_OK;
}
