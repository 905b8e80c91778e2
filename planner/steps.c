/* The steps of a plan: which devices go, which come. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "plan.h"

struct draft {
    const struct memplan_request *request;
    const struct change *change;
    struct budget *budget;
    struct memplan_subset gone;
    struct memplan_item *after; /* what is left; what has gone has size 0 */
    struct grow_device *devices;
    size_t device_count;
    uint64_t *totals; /* of the nodes when the chosen devices have gone; NULL without nodes */
};

/* For growing, half of the free slots; all for a swap, or where the devices may not be large
 * enough. */
static size_t slots_to_use(const struct draft *draft)
{
    const struct memplan_request *request = draft->request;
    uint64_t all = size_min(request->free_slots, MEMPLAN_MAX_ITEMS);
    uint64_t share = draft->change->unplug ? all : all / 2 + all % 2;

    if (request->largest) {
        uint64_t largest = request->largest / request->granule * request->granule;
        uint64_t need = draft->change->plug / largest + (draft->change->plug % largest != 0);

        if (need > share)
            share = need;
    }
    return (size_t)size_min(size_min(share, all), draft->change->plug / request->granule);
}

static enum memplan_status choose_gone(struct draft *draft)
{
    const struct memplan_request *request = draft->request;
    struct memplan_subset_request subset = {.items = request->items,
                                            .item_count = request->item_count,
                                            .goal = MEMPLAN_EXACT,
                                            .target = draft->change->unplug,
                                            .node_totals = request->node_totals,
                                            .node_count = request->node_count,
                                            .limits = request->limits};

    return subset_with_sum(&subset, draft->change->unplug, draft->budget, &draft->gone);
}

static enum memplan_status copy_after(struct draft *draft, size_t slots)
{
    const struct memplan_request *request = draft->request;

    draft->after = malloc((request->item_count + 1) * sizeof(*draft->after));
    draft->totals = malloc(((size_t)request->node_count + 1) * sizeof(*draft->totals));
    draft->devices = malloc((slots + 1) * sizeof(*draft->devices));
    if (!draft->after || !draft->totals || !draft->devices)
        return MEMPLAN_NOMEM;
    if (request->item_count)
        memcpy(draft->after, request->items, request->item_count * sizeof(*draft->after));
    if (request->node_count)
        memcpy(draft->totals, request->node_totals, request->node_count * sizeof(*draft->totals));
    for (size_t i = 0; i < draft->gone.count; i++) {
        struct memplan_item *item = &draft->after[draft->gone.chosen[i]];

        if (item->node < request->node_count)
            draft->totals[item->node] -= size_min(item->size, draft->totals[item->node]);
        item->size = 0;
    }
    return MEMPLAN_OK;
}

/*
 * The sizes that new devices can bridge: multiples of the granule, up to the first that is too
 * large even when all that is new is below it. Sorted, in granules. Returns how many.
 */
static size_t chain_of(const struct draft *draft, uint64_t *chain)
{
    uint64_t granule = draft->request->granule, sum = draft->change->plug / granule + 1;
    size_t all = sizes_that_can_go(draft->after, draft->request->item_count, chain), count = 0;

    for (size_t i = 0; i < all; i++) {
        uint64_t size = chain[i] / granule;

        if (chain[i] % granule)
            continue;
        if (size > sum)
            break;
        sum += size;
        chain[count++] = size;
    }
    return count;
}

static enum memplan_status make_devices(struct draft *draft, size_t slots)
{
    const struct memplan_request *request = draft->request;
    struct grow_request grow = {.amount = draft->change->plug / request->granule,
                                .largest = UINT64_MAX,
                                .slots = slots,
                                .granule = request->granule,
                                .node_totals = draft->totals,
                                .node_count = request->node_count,
                                .node = request->node};
    enum memplan_status status;

    if (!draft->change->plug)
        return MEMPLAN_OK;
    if (request->largest)
        grow.largest = request->largest / request->granule;
    grow.chain = malloc((request->item_count + GROW_CHAIN_SPACE) * sizeof(*grow.chain));
    if (!grow.chain)
        return MEMPLAN_NOMEM;
    grow.chain_count = chain_of(draft, grow.chain);
    status = grow_devices(&grow, draft->devices, &draft->device_count);
    free(grow.chain);
    return status;
}

static void write_plugs(const struct draft *draft, struct memplan_plan *plan)
{
    for (size_t i = 0; i < draft->device_count; i++) {
        struct memplan_step *step = &plan->steps[plan->step_count++];

        step->action = MEMPLAN_PLUG;
        step->item = MEMPLAN_NO_ITEM;
        step->size = draft->devices[i].size * draft->request->granule;
        step->node = draft->devices[i].node;
        plan->plugged += step->size;
    }
}

static void write_unplugs(const struct draft *draft, struct memplan_plan *plan)
{
    for (size_t i = 0; i < draft->gone.count; i++) {
        struct memplan_step *step = &plan->steps[plan->step_count++];
        const struct memplan_item *item = &draft->request->items[draft->gone.chosen[i]];

        step->action = MEMPLAN_UNPLUG;
        step->item = draft->gone.chosen[i];
        step->size = item->size;
        step->node = item->node;
        plan->unplugged += item->size;
        plan->cost += item->cost;
    }
}

static enum memplan_status write_steps(const struct draft *draft, struct memplan_plan *plan)
{
    plan->steps = calloc(draft->device_count + draft->gone.count + 1, sizeof(*plan->steps));
    if (!plan->steps)
        return MEMPLAN_NOMEM;
    write_plugs(draft, plan);
    write_unplugs(draft, plan);
    plan->delta = (int64_t)plan->plugged - (int64_t)plan->unplugged;
    plan->swapped = plan->plugged && plan->unplugged;
    plan->nearest_chosen = draft->change->nearest;
    return MEMPLAN_OK;
}

enum memplan_status plan_steps(const struct memplan_request *request, const struct change *change,
                               struct budget *budget, struct memplan_plan *plan)
{
    struct draft draft = {.request = request, .change = change, .budget = budget};
    size_t slots = slots_to_use(&draft);
    enum memplan_status status = choose_gone(&draft);

    if (status == MEMPLAN_OK)
        status = copy_after(&draft, slots);
    if (status == MEMPLAN_OK)
        status = make_devices(&draft, slots);
    if (status == MEMPLAN_OK)
        status = write_steps(&draft, plan);
    memplan_subset_free(&draft.gone);
    free(draft.after);
    free(draft.totals);
    free(draft.devices);
    return status;
}
