/*
 * Equal devices on different guest nodes: which of them go.
 *
 * Taking size s from node a instead of node b lowers the sum of the squares of what the nodes keep
 * exactly if a then has more than s above b. Each exchange lowers it, so exchanging comes to an
 * end. SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct candidate {
    uint64_t size, order;
    size_t index;
    uint32_t cost, node;
};

/* Equal devices of one node: candidates[first .. first + present), newest first. */
struct group {
    uint64_t size;
    size_t first, present, taken;
    uint32_t node;
    bool opens; /* the first group of its size and cost */
};

struct balance {
    struct candidate *candidates;
    size_t candidate_count;
    struct group *groups;
    size_t group_count;
    wide *kept; /* by node */
    struct budget *budget;
};

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->order != y->order)
        return x->order > y->order ? -1 : 1;
    return x->index > y->index ? -1 : x->index < y->index;
}

static void collect(struct balance *balance, const struct memplan_subset_request *request,
                    const bool *chosen)
{
    for (size_t i = 0; i < request->item_count; i++) {
        const struct memplan_item *item = &request->items[i];

        if (item->node >= request->node_count)
            continue;
        if (chosen[i])
            balance->kept[item->node] -= item->size;
        if (!item->pinned && item->size)
            balance->candidates[balance->candidate_count++] =
                (struct candidate){item->size, item->order, i, item->cost, item->node};
    }
    qsort(balance->candidates, balance->candidate_count, sizeof(*balance->candidates),
          compare_candidates);
}

static void make_groups(struct balance *balance, const bool *chosen)
{
    struct group *group = NULL;

    for (size_t i = 0; i < balance->candidate_count; i++) {
        const struct candidate *now = &balance->candidates[i];
        bool equal = i > 0 && now[-1].size == now->size && now[-1].cost == now->cost;

        if (!equal || now[-1].node != now->node) {
            group = &balance->groups[balance->group_count++];
            *group = (struct group){now->size, i, 0, 0, now->node, !equal};
        }
        group->present++;
        group->taken += chosen[now->index];
    }
}

/* Makes the best exchange among groups of equal devices; false where none brings nodes closer. */
static bool exchange(struct balance *balance, struct group *groups, size_t count)
{
    struct group *more = NULL, *less = NULL;

    for (size_t i = 0; i < count; i++) {
        struct group *group = &groups[i];

        if (group->taken < group->present &&
            (!more || balance->kept[group->node] > balance->kept[more->node]))
            more = group;
        if (group->taken && (!less || balance->kept[group->node] < balance->kept[less->node]))
            less = group;
    }
    if (!more || !less || balance->kept[more->node] - balance->kept[less->node] <= more->size)
        return false;
    more->taken++;
    less->taken--;
    balance->kept[more->node] -= more->size;
    balance->kept[less->node] += less->size;
    return true;
}

/* Exchanges until no size has an exchange left. */
static enum memplan_status exchange_all(struct balance *balance)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0, count; i < balance->group_count; i += count) {
            struct group *groups = &balance->groups[i];

            for (count = 1; i + count < balance->group_count && !groups[count].opens;)
                count++;
            do {
                if (!budget_spend(balance->budget, count))
                    return MEMPLAN_LIMIT;
            } while (exchange(balance, groups, count) && (changed = true));
        }
    }
    return MEMPLAN_OK;
}

static void apply(const struct balance *balance, bool *chosen)
{
    for (size_t g = 0; g < balance->group_count; g++) {
        const struct group *group = &balance->groups[g];

        for (size_t i = 0; i < group->present; i++)
            chosen[balance->candidates[group->first + i].index] = i < group->taken;
    }
}

enum memplan_status balance_chosen(const struct memplan_subset_request *request,
                                   struct budget *budget, bool *chosen)
{
    size_t places = request->item_count + 1;
    struct balance balance = {.budget = budget};
    enum memplan_status status = MEMPLAN_NOMEM;

    balance.candidates = malloc(places * sizeof(*balance.candidates));
    balance.groups = malloc(places * sizeof(*balance.groups));
    balance.kept = malloc(request->node_count * sizeof(*balance.kept));
    if (balance.candidates && balance.groups && balance.kept) {
        for (uint32_t i = 0; i < request->node_count; i++)
            balance.kept[i] = request->node_totals[i];
        collect(&balance, request, chosen);
        make_groups(&balance, chosen);
        status = exchange_all(&balance);
        if (status == MEMPLAN_OK)
            apply(&balance, chosen);
    }
    free(balance.candidates);
    free(balance.groups);
    free(balance.kept);
    return status;
}
