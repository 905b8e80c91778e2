/* Subsets of the items: from the caller's question to an exact one. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* What can be chosen, newest first. */
struct candidates {
    struct newest *items;
    struct entry *entries;
    bool *chosen;
    size_t count;
};

static int compare_newest(const void *a, const void *b)
{
    const struct newest *x = a, *y = b;

    if (x->order != y->order)
        return x->order > y->order ? -1 : 1;
    return x->index > y->index ? -1 : x->index < y->index;
}

static void sort_newest(struct newest *items, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (compare_newest(&items[i - 1], &items[i]) > 0) {
            qsort(items, count, sizeof(*items), compare_newest);
            return;
        }
}

static void candidates_free(struct candidates *candidates)
{
    free(candidates->items);
    free(candidates->entries);
    free(candidates->chosen);
}

/*
 * Divides all sizes by their greatest common divisor, which is returned. The part of the weights
 * that is in proportion to the sizes is the same for all subsets with one sum, so it is taken off;
 * what is left is divided in the same way. Small numbers, often equal ones, are easier to search.
 */
static uint64_t normalise(struct candidates *candidates)
{
    uint64_t size = 0, weight = 0, ratio = UINT64_MAX;
    struct entry *entries = candidates->entries;

    for (size_t i = 0; i < candidates->count; i++)
        size = size_gcd(entries[i].size, size);
    for (size_t i = 0; i < candidates->count; i++) {
        entries[i].size /= size;
        ratio = size_min(ratio, entries[i].weight / entries[i].size);
    }
    for (size_t i = 0; i < candidates->count; i++) {
        entries[i].weight -= ratio * entries[i].size;
        weight = size_gcd(entries[i].weight, weight);
    }
    for (size_t i = 0; weight && i < candidates->count; i++)
        entries[i].weight /= weight;
    return size ? size : 1;
}

/* One unit of cost weighs more than all items together do as a count. */
static struct entry entry_of(const struct memplan_item *item, size_t item_count)
{
    struct entry entry = {item->size, (uint64_t)item->cost * (item_count + 1) + 1};

    return entry;
}

static enum memplan_status candidates_init(struct candidates *candidates,
                                           const struct memplan_subset_request *request)
{
    const struct memplan_item *items = request->items;
    size_t places = request->item_count + 1;

    memset(candidates, 0, sizeof(*candidates));
    candidates->items = malloc(places * sizeof(*candidates->items));
    candidates->entries = malloc(places * sizeof(*candidates->entries));
    candidates->chosen = calloc(places, sizeof(*candidates->chosen));
    if (!candidates->items || !candidates->entries || !candidates->chosen) {
        candidates_free(candidates);
        return MEMPLAN_NOMEM;
    }
    for (size_t i = request->item_count; i-- > 0;)
        if (!items[i].pinned && items[i].size)
            candidates->items[candidates->count++] = (struct newest){items[i].order, i};
    sort_newest(candidates->items, candidates->count);
    for (size_t i = 0; i < candidates->count; i++)
        candidates->entries[i] = entry_of(&items[candidates->items[i].index], request->item_count);
    return MEMPLAN_OK;
}

/* Turns what was chosen among the candidates into the result, balanced over nodes where asked for.
 */
static enum memplan_status fill_result(const struct memplan_subset_request *request,
                                       const struct candidates *candidates, struct budget *budget,
                                       struct memplan_subset *result)
{
    enum memplan_status status = MEMPLAN_OK;

    result->chosen = malloc((candidates->count + 1) * sizeof(*result->chosen));
    if (!result->chosen)
        return MEMPLAN_NOMEM;
    if (request->node_totals && request->node_count > 1)
        status = balance_chosen(request, candidates->items, candidates->count, budget,
                                candidates->chosen);
    for (size_t i = 0; i < candidates->count; i++) {
        size_t index = candidates->items[i].index;

        if (!candidates->chosen[i])
            continue;
        result->chosen[result->count++] = index;
        result->sum += request->items[index].size;
        result->cost += request->items[index].cost;
    }
    return status;
}

enum memplan_status subset_with_sum(const struct memplan_subset_request *request, uint64_t sum,
                                    struct budget *budget, struct memplan_subset *result)
{
    struct candidates candidates;
    enum memplan_status status = candidates_init(&candidates, request);
    uint64_t unit;

    if (status != MEMPLAN_OK)
        return status;
    unit = normalise(&candidates);
    status = sum % unit != 0 ? MEMPLAN_NONE
                             : exact_solve(candidates.entries, candidates.count, sum / unit, budget,
                                           candidates.chosen);
    if (status == MEMPLAN_OK)
        status = fill_result(request, &candidates, budget, result);
    candidates_free(&candidates);
    return status;
}

/* The reachable sums around the target. */
static enum memplan_status find_nearest(const struct memplan_subset_request *request,
                                        struct budget *budget, struct memplan_subset *result)
{
    struct reach reach;
    enum memplan_status status = reach_items(&reach, request->items, request->item_count, budget);

    if (status == MEMPLAN_OK)
        status = reach_previous(&reach, request->target, budget, &result->below);
    result->has_below = status == MEMPLAN_OK;
    if (status == MEMPLAN_OK) {
        status = reach_next(&reach, request->target, 1, budget, &result->above);
        result->has_above = status == MEMPLAN_OK;
        if (status == MEMPLAN_NONE)
            status = MEMPLAN_OK;
    }
    reach_free(&reach);
    return status;
}

/* Where the reachable sums can not be listed, an exact target may still be found directly. */
static enum memplan_status find_blindly(const struct memplan_subset_request *request,
                                        const struct budget *budget, struct memplan_subset *result)
{
    struct budget rest = *budget;
    enum memplan_status status;

    if (request->goal != MEMPLAN_EXACT)
        return MEMPLAN_LIMIT;
    budget_init(&rest, request->limits);
    status = subset_with_sum(request, request->target, &rest, result);
    result->has_below = result->has_above = status == MEMPLAN_OK;
    result->below = result->above = request->target;
    return status == MEMPLAN_NONE ? MEMPLAN_LIMIT : status;
}

static enum memplan_status find(const struct memplan_subset_request *request,
                                struct memplan_subset *result)
{
    struct budget budget;
    enum memplan_status status = items_check(request->items, request->item_count, UINT64_MAX);
    bool up = request->goal == MEMPLAN_AT_LEAST;

    if (status != MEMPLAN_OK)
        return status;
    if (request->node_totals && request->node_count > MEMPLAN_MAX_NODES)
        return MEMPLAN_INVALID;
    if (request->goal != MEMPLAN_EXACT && request->goal != MEMPLAN_AT_MOST && !up)
        return MEMPLAN_INVALID;
    budget_init(&budget, request->limits);
    status = find_nearest(request, &budget, result);
    if (status == MEMPLAN_LIMIT)
        return find_blindly(request, &budget, result);
    if (status != MEMPLAN_OK)
        return status;
    if (up ? !result->has_above
           : request->goal == MEMPLAN_EXACT && result->below != request->target)
        return MEMPLAN_NONE;
    return subset_with_sum(request, up ? result->above : result->below, &budget, result);
}

enum memplan_status memplan_subset_find(const struct memplan_subset_request *request,
                                        struct memplan_subset *result)
{
    enum memplan_status status;

    memset(result, 0, sizeof(*result));
    status = find(request, result);
    if (status != MEMPLAN_OK && status != MEMPLAN_NONE)
        memplan_subset_free(result);
    return status;
}

void memplan_subset_free(struct memplan_subset *result)
{
    if (!result)
        return;
    free(result->chosen);
    memset(result, 0, sizeof(*result));
}
