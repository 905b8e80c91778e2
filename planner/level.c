/* Plans for several guest nodes, each as if it were a VM of its own. SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "plan.h"

/* No VM has more; squares of such totals, counted in granules, can be added up. */
#define TOTAL_MOST ((uint64_t)1 << 52)

struct level {
    const struct memplan_request *request;
    uint64_t *lowest;           /* shrinking: what a node has when all has gone that can */
    uint64_t *shares;           /* what each node gets, or gives */
    uint64_t *totals;           /* of a plan that is judged */
    struct memplan_item *items; /* of the node that is planned, and their places in the request */
    size_t *places;
    struct memplan_limits limits;
    size_t busy; /* nodes with a share */
};

static uint64_t amount_of(const struct memplan_request *request)
{
    return request->delta < 0 ? (uint64_t)0 - (uint64_t)request->delta : (uint64_t)request->delta;
}

static bool is_for_levelling(const struct memplan_request *request, const struct memplan_plan *plan)
{
    bool fine = request->node == MEMPLAN_ANY_NODE && request->node_count > 1 && plan->step_count &&
                !plan->swapped && !plan->nearest_chosen &&
                amount_of(request) % request->granule == 0 && amount_of(request) < TOTAL_MOST;

    for (uint32_t i = 0; fine && i < request->node_count; i++)
        fine = request->node_totals[i] < TOTAL_MOST;
    for (size_t i = 0; fine && i < request->item_count; i++)
        fine = request->items[i].node < request->node_count;
    return fine;
}

/* In granules, what node i gets to rise to this height, or gives to fall to it. */
static uint64_t share_at(const struct level *level, uint32_t i, uint64_t height)
{
    const struct memplan_request *request = level->request;
    uint64_t total = request->node_totals[i], low = level->lowest[i];

    if (request->delta > 0)
        return height > total ? (height - total) / request->granule : 0;
    if (height < low)
        height = low;
    return total > height ? (total - height) / request->granule : 0;
}

static uint64_t shares_at(const struct level *level, uint64_t height)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < level->request->node_count; i++)
        sum += share_at(level, i, height);
    return sum;
}

/* The shares that level the nodes, as far as whole granules do. false: they cannot come together.
 */
static bool find_shares(struct level *level)
{
    const struct memplan_request *request = level->request;
    uint64_t wanted = amount_of(request) / request->granule;
    bool grow = request->delta > 0;
    uint64_t near = grow ? 0 : 2 * TOTAL_MOST, far = grow ? 2 * TOTAL_MOST : 0, left, next;

    /* Near gives no more than is wanted; the furthest such height. */
    if (shares_at(level, far) < wanted)
        return false;
    while ((grow ? far - near : near - far) > 1) {
        uint64_t middle = near / 2 + far / 2 + (near & far & 1);

        if (shares_at(level, middle) <= wanted)
            near = middle;
        else
            far = middle;
    }
    if (shares_at(level, far) <= wanted)
        near = far;
    left = wanted - shares_at(level, near);
    next = near == far ? near : far;
    level->busy = 0;
    for (uint32_t i = 0; i < request->node_count; i++) {
        uint64_t share = share_at(level, i, near);

        if (left > 0 && share_at(level, i, next) > share) {
            share++;
            left--;
        }
        level->shares[i] = share * request->granule;
        level->busy += share > 0;
    }
    return left == 0;
}

/* Node i's plan, by itself; at most its part of half of the free slots. */
static enum memplan_status plan_node(struct level *level, uint32_t i, struct memplan_plan *plan)
{
    struct memplan_request own = *level->request;
    enum memplan_status status;
    struct budget budget;
    size_t slots =
        (level->request->free_slots / 2 + (level->request->free_slots & 1)) / level->busy;

    own.item_count = 0;
    for (size_t item = 0; item < level->request->item_count; item++) {
        if (level->request->items[item].node != i)
            continue;
        level->places[own.item_count] = item;
        level->items[own.item_count++] = level->request->items[item];
    }
    own.items = level->items;
    own.delta = own.delta > 0 ? (int64_t)level->shares[i] : -(int64_t)level->shares[i];
    own.nearest = MEMPLAN_NEAREST_EXACT;
    own.swap = false;
    own.free_slots = (uint32_t)(2 * slots);
    own.node = i;
    own.limits = &level->limits;
    status = plan_draft(&own, &budget, plan);
    /* Only growing asks whether the node becomes complete. */
    return status == MEMPLAN_OK && own.delta > 0 ? plan_judge(&own, &budget, plan) : status;
}

static bool append(const struct level *level, struct memplan_plan *whole,
                   const struct memplan_plan *part)
{
    struct memplan_step *steps =
        realloc(whole->steps, (whole->step_count + part->step_count) * sizeof(*steps));

    if (!steps)
        return false;
    memcpy(steps + whole->step_count, part->steps, part->step_count * sizeof(*steps));
    for (size_t i = 0; i < part->step_count; i++) {
        size_t *item = &steps[whole->step_count + i].item;

        *item = *item == MEMPLAN_NO_ITEM ? *item : level->places[*item];
    }
    whole->steps = steps;
    whole->step_count += part->step_count;
    whole->delta += part->delta;
    whole->plugged += part->plugged;
    whole->unplugged += part->unplugged;
    whole->cost += part->cost;
    return true;
}

/* The plans of all nodes, one after the other. */
static enum memplan_status plan_nodes(struct level *level, struct memplan_plan *whole)
{
    enum memplan_status status = MEMPLAN_OK;

    whole->complete = true;
    for (uint32_t i = 0; status == MEMPLAN_OK && i < level->request->node_count; i++) {
        struct memplan_plan part;

        if (!level->shares[i])
            continue;
        status = plan_node(level, i, &part);
        if (status == MEMPLAN_OK && !append(level, whole, &part))
            status = MEMPLAN_NOMEM;
        whole->complete = whole->complete && part.complete;
        memplan_plan_free(&part);
    }
    return status;
}

/* ---- Which of the two plans ---- */

/* The sum of the squares of the node totals after unplugging, in granules. A node that is said to
 * have less than its devices ends with nothing. */
static wide unevenness(const struct level *level, const struct memplan_plan *plan)
{
    const struct memplan_request *request = level->request;
    wide sum = 0;

    memcpy(level->totals, request->node_totals, request->node_count * sizeof(*level->totals));
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct memplan_step *step = &plan->steps[i];

        level->totals[step->node] -= size_min(step->size, level->totals[step->node]);
    }
    for (uint32_t i = 0; i < request->node_count; i++) {
        wide granules = (wide)(level->totals[i] / request->granule);

        sum += granules * granules;
    }
    return sum;
}

static uint32_t greatest_cost(const struct level *level, const struct memplan_plan *plan)
{
    uint32_t greatest = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        uint32_t cost = level->request->items[plan->steps[i].item].cost;

        greatest = cost > greatest ? cost : greatest;
    }
    return greatest;
}

static bool is_better(const struct level *level, const struct memplan_plan *own,
                      const struct memplan_plan *together)
{
    uint32_t slots = level->request->free_slots;

    if (level->request->delta > 0)
        return own->complete && own->step_count <= slots / 2 + (slots & 1);
    return unevenness(level, own) < unevenness(level, together) &&
           greatest_cost(level, own) <= greatest_cost(level, together);
}

/* ---- The plan as a whole ---- */

/* Plugs, smallest first, stay as the nodes have them where equal; unplugs, newest first. An
 * insertion sort: there are few, in runs that are sorted. */
static void sort_steps(const struct memplan_request *request, struct memplan_plan *plan)
{
    for (size_t i = 1; i < plan->step_count; i++) {
        struct memplan_step step = plan->steps[i];
        size_t at = i;

        while (at > 0 &&
               (step.action == MEMPLAN_PLUG
                    ? plan->steps[at - 1].size > step.size
                    : items_newer(request->items, step.item, plan->steps[at - 1].item) < 0)) {
            plan->steps[at] = plan->steps[at - 1];
            at--;
        }
        plan->steps[at] = step;
    }
}

static bool level_init(struct level *level)
{
    const struct memplan_request *request = level->request;
    uint32_t nodes = request->node_count;

    level->lowest = calloc(nodes, sizeof(*level->lowest));
    level->shares = calloc(nodes, sizeof(*level->shares));
    level->totals = calloc(nodes, sizeof(*level->totals));
    level->items = calloc(request->item_count + 1, sizeof(*level->items));
    level->places = calloc(request->item_count + 1, sizeof(*level->places));
    if (!level->lowest || !level->shares || !level->totals || !level->items || !level->places)
        return false;
    memcpy(level->lowest, request->node_totals, nodes * sizeof(*level->lowest));
    for (size_t i = 0; i < request->item_count; i++) {
        const struct memplan_item *item = &request->items[i];

        if (!item->pinned)
            level->lowest[item->node] -= size_min(item->size, level->lowest[item->node]);
    }
    if (request->limits)
        level->limits = *request->limits;
    /* All nodes together may take as long as one plan. */
    if (!level->limits.work)
        level->limits.work = (uint64_t)1 << 29;
    level->limits.work = level->limits.work / nodes + 1;
    return true;
}

static void level_free(struct level *level)
{
    free(level->lowest);
    free(level->shares);
    free(level->totals);
    free(level->items);
    free(level->places);
}

/* Replaces the plan where each node by itself makes a better one. OK, NONE where they do not, or
 * NOMEM. */
static enum memplan_status replace_plan(const struct memplan_request *request,
                                        struct memplan_plan *plan)
{
    struct level level = {.request = request};
    struct memplan_plan own = {0}, unused;
    enum memplan_status status = level_init(&level) ? MEMPLAN_OK : MEMPLAN_NOMEM;

    if (status == MEMPLAN_OK)
        status = find_shares(&level) ? plan_nodes(&level, &own) : MEMPLAN_NONE;
    if (status == MEMPLAN_OK && !is_better(&level, &own, plan))
        status = MEMPLAN_NONE;
    if (status == MEMPLAN_OK) {
        sort_steps(request, &own);
        own.has_below = own.has_above = true;
        own.below = own.above = request->delta;
        unused = *plan;
        *plan = own;
        own = unused;
    }
    memplan_plan_free(&own);
    level_free(&level);
    return status == MEMPLAN_OK || status == MEMPLAN_NOMEM ? status : MEMPLAN_NONE;
}

enum memplan_status memplan_plan_make_level(const struct memplan_request *request,
                                            struct memplan_plan *plan)
{
    struct budget budget;
    enum memplan_status status = plan_draft(request, &budget, plan);
    enum memplan_status level = MEMPLAN_NONE;

    if (status != MEMPLAN_OK)
        return status;
    if (is_for_levelling(request, plan))
        level = replace_plan(request, plan);
    if (level == MEMPLAN_OK)
        budget_init(&budget, request->limits);
    if (level != MEMPLAN_NOMEM)
        return plan_finish(request, &budget, level == MEMPLAN_OK, plan);
    memplan_plan_free(plan);
    return level;
}
