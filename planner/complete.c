/* Completeness, and how far apart the reachable sums are. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "internal.h"

static int compare_sizes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

size_t sizes_that_can_go(const struct memplan_item *items, size_t count, uint64_t *sizes)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (!items[i].pinned && items[i].size)
            sizes[n++] = items[i].size;
    qsort(sizes, n, sizeof(*sizes), compare_sizes);
    return n;
}

/*
 * Of sorted sizes: where a size is larger than all smaller ones together, no sum lies between. And
 * by induction no two sums are further apart than the largest such step.
 */
static uint64_t sizes_largest_gap(const uint64_t *sizes, size_t count)
{
    uint64_t sum = 0, gap = 0;

    for (size_t i = 0; i < count; i++) {
        if (sizes[i] > sum && sizes[i] - sum > gap)
            gap = sizes[i] - sum;
        sum += sizes[i];
    }
    return gap;
}

uint64_t memplan_largest_gap(const struct memplan_item *items, size_t count)
{
    uint64_t *sizes, gap;

    if (items_check(items, count, UINT64_MAX) != MEMPLAN_OK)
        return 0;
    sizes = malloc((count + 1) * sizeof(*sizes));
    if (!sizes)
        return UINT64_MAX;
    gap = sizes_largest_gap(sizes, sizes_that_can_go(items, count, sizes));
    free(sizes);
    return gap;
}

/* Asks for each multiple whether it is a sum. Only for sizes that are no multiples themselves. */
static enum memplan_status check_multiples(const struct reach *reach, uint64_t granule,
                                           struct budget *budget)
{
    /* Every sum is a multiple of the unit, so the granule has to be one as well. */
    if (granule % reach->unit)
        return granule <= reach->total ? MEMPLAN_NONE : MEMPLAN_OK;
    for (uint64_t at = granule; at <= reach->total; at += granule) {
        uint64_t sum;
        enum memplan_status status = reach_next(reach, at, 1, budget, &sum);

        if (status != MEMPLAN_OK)
            return status;
        if (sum != at)
            return MEMPLAN_NONE;
        if (at > UINT64_MAX - granule)
            break;
    }
    return MEMPLAN_OK;
}

enum memplan_status completeness(const struct memplan_item *items, size_t count, uint64_t granule,
                                 struct budget *budget, uint64_t *gap)
{
    uint64_t *sizes = malloc((count + 1) * sizeof(*sizes));
    enum memplan_status status;
    struct reach reach;
    bool multiples = true;
    size_t n;

    if (!sizes)
        return MEMPLAN_NOMEM;
    n = sizes_that_can_go(items, count, sizes);
    *gap = sizes_largest_gap(sizes, n);
    for (size_t i = 0; i < n; i++)
        multiples = multiples && sizes[i] % granule == 0;
    /* Between two multiples that are sums, and from the last to the total, no gap is larger. */
    if (multiples || *gap > granule) {
        status = *gap <= granule ? MEMPLAN_OK : MEMPLAN_NONE;
    } else {
        status = reach_init(&reach, sizes, n, budget);
        if (status == MEMPLAN_OK)
            status = check_multiples(&reach, granule, budget);
        reach_free(&reach);
    }
    free(sizes);
    return status;
}

enum memplan_status memplan_completeness(const struct memplan_item *items, size_t count,
                                         uint64_t granule, const struct memplan_limits *limits)
{
    struct budget budget;
    uint64_t gap;

    if (!granule || items_check(items, count, UINT64_MAX) != MEMPLAN_OK)
        return MEMPLAN_INVALID;
    budget_init(&budget, limits);
    return completeness(items, count, granule, &budget, &gap);
}

bool memplan_is_complete(const struct memplan_item *items, size_t count, uint64_t granule)
{
    return memplan_completeness(items, count, granule, NULL) == MEMPLAN_OK;
}
