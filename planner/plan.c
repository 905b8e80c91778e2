/* The plan: what to change, whether growing, shrinking or swapping. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

static bool nodes_are_valid(const struct memplan_request *request)
{
    if (!request->node_totals)
        return request->node_count == 0 &&
               (request->node == MEMPLAN_ANY_NODE || request->node == 0);
    return request->node_count > 0 && request->node_count <= MEMPLAN_MAX_NODES &&
           (request->node == MEMPLAN_ANY_NODE || request->node < request->node_count);
}

static enum memplan_status check(const struct memplan_request *request)
{
    if (items_check(request->items, request->item_count, INT64_MAX) != MEMPLAN_OK ||
        request->granule == 0 || request->granule > INT64_MAX || !nodes_are_valid(request))
        return MEMPLAN_INVALID;
    if (request->largest && request->largest < request->granule)
        return MEMPLAN_INVALID;
    if (request->nearest != MEMPLAN_NEAREST_EXACT && request->nearest != MEMPLAN_NEAREST_UP &&
        request->nearest != MEMPLAN_NEAREST_DOWN)
        return MEMPLAN_INVALID;
    return MEMPLAN_OK;
}

uint64_t plan_most(const struct memplan_request *request)
{
    uint64_t most = size_min(request->free_space, INT64_MAX) / request->granule;
    uint64_t slots = size_min(request->free_slots, MEMPLAN_MAX_ITEMS);

    if (!slots)
        return 0;
    if (request->largest) {
        uint64_t largest = request->largest / request->granule;

        if (largest <= most / slots)
            most = largest * slots;
    }
    return most * request->granule;
}

/*
 * A swap takes away a set larger than wanted and plugs what was too much, a multiple of the
 * granule: so unplug and wanted leave the same rest, and the smallest such set moves the least
 * memory.
 */
static enum memplan_status find_swap(const struct memplan_request *request,
                                     const struct reach *reach, uint64_t wanted,
                                     struct budget *budget, struct change *change)
{
    uint64_t sum;
    enum memplan_status status = reach_next(reach, wanted, request->granule, budget, &sum);

    if (status != MEMPLAN_OK)
        return status;
    if (sum - wanted > plan_most(request))
        return MEMPLAN_NONE;
    *change = (struct change){sum - wanted, sum, false};
    return MEMPLAN_OK;
}

/* Growing by what is no multiple of the granule: a device of an odd size has to go for it. */
static enum memplan_status find_odd_growth(const struct memplan_request *request, uint64_t amount,
                                           struct budget *budget, struct change *change)
{
    uint64_t missing = request->granule - amount % request->granule;
    enum memplan_status status;
    struct reach reach;

    status = reach_items(&reach, request->items, request->item_count, budget);
    if (status == MEMPLAN_OK)
        status = find_swap(request, &reach, missing, budget, change);
    reach_free(&reach);
    if (status != MEMPLAN_OK)
        return status;
    /* Both sides are as much larger as the amount is than the part that is missing. */
    if (change->plug + missing > plan_most(request) ||
        amount > plan_most(request) - change->plug - missing)
        return MEMPLAN_NONE;
    change->plug += missing + amount;
    return MEMPLAN_OK;
}

/* What was asked for is itself the nearest. */
static void set_reached(const struct memplan_request *request, struct memplan_plan *plan)
{
    plan->has_below = plan->has_above = true;
    plan->below = plan->above = request->delta;
}

static enum memplan_status decide_growth(const struct memplan_request *request,
                                         struct budget *budget, struct memplan_plan *plan,
                                         struct change *change)
{
    uint64_t amount = (uint64_t)request->delta, most = plan_most(request);
    uint64_t below = size_min(amount, most) / request->granule * request->granule;
    bool odd = amount % request->granule != 0;
    enum memplan_status status = MEMPLAN_NONE;

    plan->has_below = true;
    plan->below = (int64_t)below;
    plan->has_above = amount <= most;
    if (plan->has_above)
        plan->above = (int64_t)(odd ? below + request->granule : amount);
    *change = (struct change){below, 0, below != amount};
    if (below == amount)
        return MEMPLAN_OK;
    if (odd && amount < most) {
        struct change swap;

        status = find_odd_growth(request, amount, budget, &swap);
        if (status != MEMPLAN_OK && status != MEMPLAN_NONE && request->swap)
            return status;
        plan->swap_reaches = status == MEMPLAN_OK;
        if (status == MEMPLAN_OK && request->swap) {
            set_reached(request, plan);
            *change = swap;
            return MEMPLAN_OK;
        }
    }
    if (request->nearest == MEMPLAN_NEAREST_DOWN)
        return MEMPLAN_OK;
    change->plug = (uint64_t)plan->above;
    return request->nearest == MEMPLAN_NEAREST_UP && plan->has_above ? MEMPLAN_OK : MEMPLAN_NONE;
}

/*
 * The nearest multiple of the granule that a swap reaches in this direction, where no subset takes
 * amount itself. Downwards less can be plugged than is to stay, so that slots and space suffice;
 * upwards more would have to be.
 */
static enum memplan_status find_nearest_swap(const struct memplan_request *request,
                                             const struct reach *reach, uint64_t amount, bool up,
                                             struct budget *budget, struct change *change)
{
    uint64_t rest = amount % request->granule, most = plan_most(request), sum;
    uint64_t even = amount - rest + (up || !rest ? 0 : request->granule);
    enum memplan_status status = reach_next(reach, even, request->granule, budget, &sum);

    if (status != MEMPLAN_OK)
        return status;
    if (up && sum - even > most)
        return MEMPLAN_NONE;
    *change = (struct change){size_min(sum - even, most), sum, true};
    return MEMPLAN_OK;
}

/* *nearest is the subset that comes nearest in this direction; or a swap, if it is closer. */
static enum memplan_status find_nearest(const struct memplan_request *request,
                                        const struct reach *reach, uint64_t amount, bool up,
                                        struct budget *budget, struct memplan_plan *plan,
                                        struct change *nearest)
{
    bool *possible = up ? &plan->has_above : &plan->has_below;
    int64_t *delta = up ? &plan->above : &plan->below;
    uint64_t subset = (uint64_t)0 - (uint64_t)*delta, taken;
    enum memplan_status status = MEMPLAN_NONE;
    struct change swap;

    *nearest = (struct change){0, subset, true};
    if (request->swap)
        status = find_nearest_swap(request, reach, amount, up, budget, &swap);
    if (status != MEMPLAN_OK)
        return status == MEMPLAN_NONE ? MEMPLAN_OK : status;
    taken = swap.unplug - swap.plug;
    if (*possible && (up ? taken <= subset : taken >= subset))
        return MEMPLAN_OK;
    *possible = true;
    *delta = -(int64_t)taken;
    *nearest = swap;
    return MEMPLAN_OK;
}

static enum memplan_status decide_nearest(const struct memplan_request *request,
                                          const struct reach *reach, uint64_t amount,
                                          struct budget *budget, struct memplan_plan *plan,
                                          struct change *change)
{
    struct change above, below;
    enum memplan_status status = find_nearest(request, reach, amount, true, budget, plan, &above);
    bool up = request->nearest == MEMPLAN_NEAREST_UP;

    if (status == MEMPLAN_OK)
        status = find_nearest(request, reach, amount, false, budget, plan, &below);
    if (status != MEMPLAN_OK)
        return status;
    *change = up ? above : below;
    if (request->nearest == MEMPLAN_NEAREST_EXACT || !(up ? plan->has_above : plan->has_below))
        return MEMPLAN_NONE;
    return MEMPLAN_OK;
}

static enum memplan_status decide_with_reach(const struct memplan_request *request,
                                             const struct reach *reach, uint64_t amount,
                                             struct budget *budget, struct memplan_plan *plan,
                                             struct change *change)
{
    uint64_t sum;
    enum memplan_status status = reach_previous(reach, amount, budget, &sum);

    if (status != MEMPLAN_OK)
        return status;
    plan->has_above = true;
    plan->above = -(int64_t)sum;
    *change = (struct change){0, amount, false};
    status = reach_next(reach, amount, 1, budget, &sum);
    if (status != MEMPLAN_OK && status != MEMPLAN_NONE)
        return status;
    plan->has_below = status == MEMPLAN_OK;
    plan->below = plan->has_below ? -(int64_t)sum : 0;
    if (status == MEMPLAN_OK && sum == amount)
        return MEMPLAN_OK;
    status = find_swap(request, reach, amount, budget, change);
    plan->swap_reaches = status == MEMPLAN_OK;
    if (status == MEMPLAN_OK && request->swap)
        set_reached(request, plan);
    if (status != MEMPLAN_NONE && request->swap)
        return status;
    return decide_nearest(request, reach, amount, budget, plan, change);
}

static enum memplan_status decide_shrinking(const struct memplan_request *request,
                                            struct budget *budget, struct memplan_plan *plan,
                                            struct change *change)
{
    uint64_t amount = (uint64_t)0 - (uint64_t)request->delta;
    struct reach reach;
    enum memplan_status status = reach_items(&reach, request->items, request->item_count, budget);

    if (status == MEMPLAN_OK)
        status = decide_with_reach(request, &reach, amount, budget, plan, change);
    reach_free(&reach);
    if (status != MEMPLAN_LIMIT)
        return status;
    /* The sums can not be listed, but one set may still be found. */
    budget_init(budget, request->limits);
    set_reached(request, plan);
    plan->swap_reaches = false;
    *change = (struct change){0, amount, false};
    return MEMPLAN_OK;
}

enum memplan_status plan_decide(const struct memplan_request *request, struct budget *budget,
                                struct memplan_plan *plan, struct change *change)
{
    if (request->delta >= 0)
        return decide_growth(request, budget, plan, change);
    return decide_shrinking(request, budget, plan, change);
}

static enum memplan_status draft(const struct memplan_request *request, struct budget *budget,
                                 struct memplan_plan *plan)
{
    enum memplan_status status = check(request);
    struct change change;

    if (status != MEMPLAN_OK)
        return status;
    budget_init(budget, request->limits);
    status = plan_decide(request, budget, plan, &change);
    if (status != MEMPLAN_OK)
        return status;
    status = plan_steps(request, &change, budget, plan);
    /* Only a set that was looked for without knowing that there is one is not found. */
    return status == MEMPLAN_NONE ? MEMPLAN_LIMIT : status;
}

enum memplan_status plan_draft(const struct memplan_request *request, struct budget *budget,
                               struct memplan_plan *plan)
{
    enum memplan_status status;

    memset(plan, 0, sizeof(*plan));
    status = draft(request, budget, plan);
    if (status != MEMPLAN_OK && status != MEMPLAN_NONE)
        memplan_plan_free(plan);
    return status;
}

enum memplan_status memplan_plan_make(const struct memplan_request *request,
                                      struct memplan_plan *plan)
{
    struct budget budget;
    enum memplan_status status = plan_draft(request, &budget, plan);

    return status == MEMPLAN_OK ? plan_finish(request, &budget, false, plan) : status;
}

void memplan_plan_free(struct memplan_plan *plan)
{
    if (!plan)
        return;
    free(plan->steps);
    memset(plan, 0, sizeof(*plan));
}
