/*
 * Equal devices on different guest nodes: which of them go.
 *
 * Taking size s from node a instead of node b lowers the sum of the squares of what the nodes keep
 * exactly if a then has more than s above b. Each exchange lowers it, so exchanging comes to an
 * end. SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "internal.h"

/* Equal devices of one node: members[0 .. present), newest first; the first of them are taken. */
struct group {
    uint64_t size;
    const size_t *members; /* places in entries */
    size_t present, taken;
    uint32_t node;
    bool opens; /* the first group of its size and cost */
};

struct balance {
    struct entry *entries; /* the weight: cost and node */
    size_t *places;        /* of each entry in newest */
    size_t entry_count;
    struct kinds kinds;
    struct group *groups; /* one of each kind */
    wide *kept;           /* by node */
    struct budget *budget;
};

/* Largest first, then by cost, then by node. */
static int compare_kinds(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;

    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->weight < y->weight ? -1 : x->weight > y->weight;
}

static void collect(struct balance *balance, const struct memplan_subset_request *request,
                    const struct newest *newest, size_t count, const bool *chosen)
{
    for (uint32_t i = 0; i < request->node_count; i++)
        balance->kept[i] = request->node_totals[i];
    for (size_t i = 0; i < count; i++) {
        const struct memplan_item *item = &request->items[newest[i].index];

        if (item->node >= request->node_count)
            continue;
        if (chosen[i])
            balance->kept[item->node] -= item->size;
        balance->places[balance->entry_count] = i;
        balance->entries[balance->entry_count++] =
            (struct entry){item->size, (uint64_t)item->cost << 32 | item->node};
    }
}

static void make_groups(struct balance *balance, const bool *chosen)
{
    for (size_t k = 0; k < balance->kinds.count; k++) {
        const struct kind *kind = &balance->kinds.list[k];
        struct group *group = &balance->groups[k];

        *group = (struct group){.size = kind->size,
                                .members = balance->kinds.members + kind->first,
                                .present = kind->count,
                                .node = (uint32_t)kind->weight};
        group->opens =
            k == 0 || kind[-1].size != kind->size || kind[-1].weight >> 32 != kind->weight >> 32;
        for (size_t i = 0; i < group->present; i++)
            group->taken += chosen[balance->places[group->members[i]]];
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
        for (size_t i = 0, count; i < balance->kinds.count; i += count) {
            struct group *groups = &balance->groups[i];

            for (count = 1; i + count < balance->kinds.count && !groups[count].opens;)
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
    for (size_t g = 0; g < balance->kinds.count; g++) {
        const struct group *group = &balance->groups[g];

        for (size_t i = 0; i < group->present; i++)
            chosen[balance->places[group->members[i]]] = i < group->taken;
    }
}

static enum memplan_status balance_kinds(struct balance *balance, bool *chosen)
{
    enum memplan_status status =
        kinds_init(&balance->kinds, balance->entries, balance->entry_count, compare_kinds);

    if (status != MEMPLAN_OK)
        return status;
    balance->groups = malloc((balance->kinds.count + 1) * sizeof(*balance->groups));
    if (!balance->groups)
        return MEMPLAN_NOMEM;
    make_groups(balance, chosen);
    status = exchange_all(balance);
    if (status == MEMPLAN_OK)
        apply(balance, chosen);
    return status;
}

enum memplan_status balance_chosen(const struct memplan_subset_request *request,
                                   const struct newest *newest, size_t count, struct budget *budget,
                                   bool *chosen)
{
    struct balance balance = {.budget = budget};
    enum memplan_status status = MEMPLAN_NOMEM;

    balance.entries = malloc((count + 1) * sizeof(*balance.entries));
    balance.places = malloc((count + 1) * sizeof(*balance.places));
    balance.kept = malloc(request->node_count * sizeof(*balance.kept));
    if (balance.entries && balance.places && balance.kept) {
        collect(&balance, request, newest, count, chosen);
        status = balance_kinds(&balance, chosen);
    }
    kinds_free(&balance.kinds);
    free(balance.groups);
    free(balance.entries);
    free(balance.places);
    free(balance.kept);
    return status;
}
