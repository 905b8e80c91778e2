/*
 * Entries by their kinds. A VM has many devices, but of few sizes: sorting only what differs takes
 * a fraction of the time. SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* What finding the kinds needs besides the result. */
struct finder {
    size_t *table; /* by hash: a kind's place in the list and 1; 0: nothing */
    size_t places; /* in the table: a power of two, at least twice as many as entries */
    size_t *kind;  /* of each entry: its place in the list */
};

static bool finder_init(struct finder *finder, size_t count)
{
    for (finder->places = 2; finder->places < 2 * count;)
        finder->places *= 2;
    finder->table = calloc(finder->places, sizeof(*finder->table));
    finder->kind = malloc((count + 1) * sizeof(*finder->kind));
    return finder->table && finder->kind;
}

/* Where in the table the entry's kind is, or is to be put. */
static size_t *table_find(const struct finder *finder, const struct kinds *kinds,
                          const struct entry *entry)
{
    uint64_t hash =
        (entry->size ^ entry->weight * UINT64_C(0xD6E8FEB86659FD93)) * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(hash >> 32) & (finder->places - 1);

    for (; finder->table[at]; at = (at + 1) & (finder->places - 1)) {
        const struct kind *kind = &kinds->list[finder->table[at] - 1];

        if (kind->size == entry->size && kind->weight == entry->weight)
            break;
    }
    return &finder->table[at];
}

static void find_kinds(struct finder *finder, struct kinds *kinds, const struct entry *entries,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t *found = table_find(finder, kinds, &entries[i]);

        if (!*found) {
            kinds->list[kinds->count] = (struct kind){
                .size = entries[i].size, .weight = entries[i].weight, .first = kinds->count};
            *found = ++kinds->count;
        }
        finder->kind[i] = *found - 1;
        kinds->list[*found - 1].count++;
    }
}

/* Members follow their kinds, in the order of the entries. The table is used up. */
static void place_members(struct finder *finder, struct kinds *kinds, size_t count)
{
    size_t *next = finder->table, first = 0;

    for (size_t k = 0; k < kinds->count; k++) {
        next[kinds->list[k].first] = first;
        kinds->list[k].first = first;
        first += kinds->list[k].count;
    }
    for (size_t i = 0; i < count; i++)
        kinds->members[next[finder->kind[i]]++] = i;
}

enum memplan_status kinds_init(struct kinds *kinds, const struct entry *entries, size_t count,
                               int (*compare)(const void *, const void *))
{
    struct finder finder = {0};
    enum memplan_status status = MEMPLAN_NOMEM;

    memset(kinds, 0, sizeof(*kinds));
    kinds->list = malloc((count + 1) * sizeof(*kinds->list));
    kinds->members = malloc((count + 1) * sizeof(*kinds->members));
    if (finder_init(&finder, count) && kinds->list && kinds->members) {
        find_kinds(&finder, kinds, entries, count);
        qsort(kinds->list, kinds->count, sizeof(*kinds->list), compare);
        place_members(&finder, kinds, count);
        status = MEMPLAN_OK;
    } else {
        kinds_free(kinds);
    }
    free(finder.table);
    free(finder.kind);
    return status;
}

void kinds_free(struct kinds *kinds)
{
    free(kinds->list);
    free(kinds->members);
    memset(kinds, 0, sizeof(*kinds));
}
