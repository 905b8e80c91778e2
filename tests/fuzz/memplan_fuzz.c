/* Any items, any request: no crash, and what is answered keeps its promises.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "memplan.h"

#define MAX_ITEMS 48
#define MAX_NODES 4

struct input {
    const uint8_t *bytes;
    size_t left;
};

/* The next bytes as a number; zeros where they have run out. */
static uint64_t take(struct input *input, size_t count)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count && input->left; i++, input->left--)
        value = value << 8 | *input->bytes++;
    return value;
}

/* Small numbers, granules, odd ones and extreme ones. */
static uint64_t take_size(struct input *input)
{
    uint64_t kind = take(input, 1);

    switch (kind % 5) {
    case 0:
        return take(input, 1);
    case 1:
        return take(input, 1) << (kind / 5);
    case 2:
        return take(input, 3);
    case 3:
        return UINT64_MAX - take(input, 1);
    default:
        return take(input, 8);
    }
}

static void check(bool condition)
{
    if (!condition)
        abort();
}

static size_t take_items(struct input *input, struct memplan_item *items)
{
    size_t count = (size_t)take(input, 1) % (MAX_ITEMS + 1);

    for (size_t i = 0; i < count; i++) {
        items[i].size = take_size(input);
        items[i].order = take(input, 1);
        items[i].cost = (uint32_t)take(input, items[i].order % 3 ? 1 : 4);
        items[i].node = (uint32_t)take(input, 1) % (MAX_NODES + 1);
        items[i].pinned = take(input, 1) % 8 == 7;
    }
    return count;
}

static void check_subset(struct input *input, const struct memplan_item *items, size_t count,
                         const uint64_t *totals, const struct memplan_limits *limits)
{
    struct memplan_subset_request request = {.items = items,
                                             .item_count = count,
                                             .goal = (enum memplan_goal)(take(input, 1) % 3),
                                             .target = take_size(input),
                                             .node_totals = totals,
                                             .node_count = totals ? MAX_NODES : 0,
                                             .limits = limits};
    struct memplan_subset subset;
    enum memplan_status status = memplan_subset_find(&request, &subset);
    bool seen[MAX_ITEMS] = {false};
    uint64_t sum = 0, cost = 0;

    for (size_t i = 0; i < subset.count; i++) {
        size_t at = subset.chosen[i];

        check(at < count && !seen[at] && !items[at].pinned && items[at].size);
        seen[at] = true;
        sum += items[at].size;
        cost += items[at].cost;
    }
    check(sum == subset.sum && cost == subset.cost);
    if (status == MEMPLAN_OK) {
        check(request.goal == MEMPLAN_AT_MOST ? sum <= request.target : sum >= request.target);
        check(request.goal != MEMPLAN_EXACT || sum == request.target);
        check(request.goal == MEMPLAN_AT_LEAST ? sum == subset.above : sum == subset.below);
    } else {
        check(subset.count == 0);
    }
    memplan_subset_free(&subset);
}

static void check_steps(const struct memplan_request *request, const struct memplan_plan *plan)
{
    bool seen[MAX_ITEMS] = {false};
    uint64_t plugged = 0, unplugged = 0, plugs = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct memplan_step *step = &plan->steps[i];

        check(memchr(step->reason, 0, sizeof(step->reason)) != NULL);
        if (step->action == MEMPLAN_PLUG) {
            check(!unplugged && step->size && step->size % request->granule == 0);
            check(!request->node_count || step->node < request->node_count);
            plugged += step->size;
            plugs++;
        } else {
            check(step->item < request->item_count && !seen[step->item]);
            check(!request->items[step->item].pinned);
            check(request->items[step->item].size == step->size);
            seen[step->item] = true;
            unplugged += step->size;
        }
    }
    check(plugs <= request->free_slots && plugged <= request->free_space);
    check(plan->delta == (int64_t)plugged - (int64_t)unplugged);
    check(plan->nearest_chosen == (plan->delta != request->delta));
    check(request->swap || !plan->swapped);
}

/* The delta that is named is the one that is taken, unless that is too much work. */
static void check_nearest(struct memplan_request request, enum memplan_nearest nearest, bool named,
                          int64_t delta)
{
    struct memplan_plan plan;
    enum memplan_status status;

    request.nearest = nearest;
    status = memplan_plan_make(&request, &plan);
    check(status == MEMPLAN_LIMIT || status == (named ? MEMPLAN_OK : MEMPLAN_NONE));
    check(status != MEMPLAN_OK || plan.delta == delta);
    memplan_plan_free(&plan);
}

static void check_plan(struct input *input, const struct memplan_item *items, size_t count,
                       const uint64_t *totals, const struct memplan_limits *limits)
{
    struct memplan_request request = {
        .items = items,
        .item_count = count,
        .delta = (int64_t)take_size(input),
        .nearest = (enum memplan_nearest)(take(input, 1) % 3),
        .granule = take_size(input),
        .largest = take_size(input),
        .free_slots = (uint32_t)take(input, 1),
        .free_space = take_size(input),
        .node_totals = totals,
        .node_count = totals ? MAX_NODES : 0,
        .limits = limits,
    };
    struct memplan_plan plan;
    enum memplan_status status;

    request.swap = take(input, 1) % 2;
    request.node = take(input, 1) % 2 ? MEMPLAN_ANY_NODE : (uint32_t)(take(input, 1) % MAX_NODES);
    status = take(input, 1) % 2 ? memplan_plan_make_level(&request, &plan)
                                : memplan_plan_make(&request, &plan);
    if (status == MEMPLAN_OK)
        check_steps(&request, &plan);
    else
        check(plan.step_count == 0);
    if (status == MEMPLAN_NONE) {
        check_nearest(request, MEMPLAN_NEAREST_UP, plan.has_above, plan.above);
        check_nearest(request, MEMPLAN_NEAREST_DOWN, plan.has_below, plan.below);
    }
    memplan_plan_free(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct memplan_item items[MAX_ITEMS];
    struct memplan_limits limits = {.work = 2000000, .memory = 1 << 20};
    uint64_t totals[MAX_NODES];
    uint64_t choice = take(&input, 1);
    size_t count = take_items(&input, items);

    for (size_t i = 0; i < MAX_NODES; i++)
        totals[i] = take_size(&input);
    if (choice % 2)
        check_subset(&input, items, count, choice / 2 % 2 ? totals : NULL, &limits);
    else
        check_plan(&input, items, count, choice / 2 % 2 ? totals : NULL, &limits);
    return 0;
}
