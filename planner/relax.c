/* The linear relaxation: see search.h. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "search.h"

struct ranked {
    uint64_t size, weight;
    size_t index;
};

/* The least weight a byte first; then the larger; equal ones newest first. */
static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    wide left = (wide)x->weight * y->size, right = (wide)y->weight * x->size;

    if (left != right)
        return left < right ? -1 : 1;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Goes on where the base ends and takes what still fits; where that comes out even, it is a subset.
 */
static void guess_upper(struct relaxation *relaxation, const struct ranked *ranked, size_t from)
{
    uint64_t sum = relaxation->base_sum, weight = relaxation->base_weight, all = weight;

    for (size_t i = from; i < relaxation->count; i++) {
        all += ranked[i].weight;
        if (ranked[i].size > relaxation->target - sum)
            continue;
        sum += ranked[i].size;
        weight += ranked[i].weight;
    }
    relaxation->upper = sum == relaxation->target ? weight : all;
}

/* The heaviest that the relaxation can be: the most weight a byte first. */
static void find_highest(struct relaxation *relaxation, const struct ranked *ranked)
{
    uint64_t left = relaxation->target;

    for (size_t i = relaxation->count; i-- > 0 && left;) {
        const struct ranked *next = &ranked[i];

        if (next->size > left) {
            relaxation->highest += (uint64_t)((wide)next->weight * left / next->size);
            break;
        }
        relaxation->highest += next->weight;
        left -= next->size;
    }
}

static void add_run(struct relaxation *relaxation, const struct ranked *ranked, size_t first,
                    size_t end, bool in)
{
    struct run *run = &relaxation->runs[relaxation->run_count++];
    wide price = (wide)relaxation->break_size * ranked[first].weight -
                 (wide)relaxation->break_weight * ranked[first].size;

    run->size = ranked[first].size;
    run->weight = ranked[first].weight;
    run->first = first;
    run->count = end - first;
    run->in = in;
    run->price = in ? -price : price;
    run->modulus = 0;
    /* The newest are the first to come in and the last to go out. */
    for (size_t i = first; i < end; i++)
        relaxation->members[i] = ranked[in ? end - 1 - (i - first) : i].index;
}

static void make_runs(struct relaxation *relaxation, const struct ranked *ranked, size_t split)
{
    for (size_t i = 0, end; i < relaxation->count; i = end) {
        size_t stop = i < split ? split : relaxation->count;

        for (end = i + 1; end < stop && ranked[end].size == ranked[i].size &&
                          ranked[end].weight == ranked[i].weight;)
            end++;
        add_run(relaxation, ranked, i, end, i < split);
    }
}

static void find_base(struct relaxation *relaxation, const struct ranked *ranked)
{
    size_t split = 0, at;
    wide rest;

    while (split < relaxation->count &&
           ranked[split].size <= relaxation->target - relaxation->base_sum) {
        relaxation->base_sum += ranked[split].size;
        relaxation->base_weight += ranked[split].weight;
        split++;
    }
    at = split < relaxation->count ? split : split - 1;
    relaxation->break_size = relaxation->count ? ranked[at].size : 1;
    relaxation->break_weight = relaxation->count ? ranked[at].weight : 0;
    rest = (wide)relaxation->break_weight * (relaxation->target - relaxation->base_sum);
    relaxation->lower = relaxation->base_weight +
                        (uint64_t)((rest + relaxation->break_size - 1) / relaxation->break_size);
    guess_upper(relaxation, ranked, split);
    find_highest(relaxation, ranked);
    make_runs(relaxation, ranked, split);
}

enum memplan_status relax_init(struct relaxation *relaxation, const struct entry *entries,
                               size_t count, uint64_t target)
{
    struct ranked *ranked = malloc((count + 1) * sizeof(*ranked));

    memset(relaxation, 0, sizeof(*relaxation));
    relaxation->entries = entries;
    relaxation->count = count;
    relaxation->target = target;
    relaxation->runs = malloc((count + 1) * sizeof(*relaxation->runs));
    relaxation->members = malloc((count + 1) * sizeof(*relaxation->members));
    if (!ranked || !relaxation->runs || !relaxation->members) {
        free(ranked);
        relax_free(relaxation);
        return MEMPLAN_NOMEM;
    }
    for (size_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){entries[i].size, entries[i].weight, i};
    qsort(ranked, count, sizeof(*ranked), compare_ranked);
    find_base(relaxation, ranked);
    free(ranked);
    return MEMPLAN_OK;
}

void relax_free(struct relaxation *relaxation)
{
    free(relaxation->runs);
    free(relaxation->members);
    memset(relaxation, 0, sizeof(*relaxation));
}

wide relax_price(const struct relaxation *relaxation, uint64_t weight)
{
    return (wide)relaxation->break_size * ((wide)weight - relaxation->base_weight) -
           (wide)relaxation->break_weight * (relaxation->target - relaxation->base_sum);
}

double relax_slack(const struct relaxation *relaxation, uint64_t weight)
{
    return (double)relax_price(relaxation, weight) / (double)relaxation->break_size;
}

enum memplan_status relax_mirror(struct relaxation *mirror, const struct relaxation *relaxation,
                                 struct entry *entries, uint64_t *weight)
{
    uint64_t factor = 0, sum = 0;

    for (size_t i = 0; i < relaxation->count; i++) {
        const struct entry *entry = &relaxation->entries[i];
        uint64_t ratio = entry->weight / entry->size + (entry->weight % entry->size != 0);

        sum += entry->size;
        if (ratio > factor)
            factor = ratio;
    }
    if ((wide)factor * sum > INT64_MAX / 2)
        return MEMPLAN_NONE;
    for (size_t i = 0; i < relaxation->count; i++) {
        entries[i].size = relaxation->entries[i].size;
        entries[i].weight = factor * entries[i].size - relaxation->entries[i].weight;
    }
    *weight = factor * relaxation->target - *weight;
    return relax_init(mirror, entries, relaxation->count, relaxation->target);
}
