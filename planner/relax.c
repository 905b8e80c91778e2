/* The linear relaxation: see search.h. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "search.h"

/* The least weight a byte first; then the larger. */
static int compare_kinds(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;
    wide left = (wide)x->weight * y->size, right = (wide)y->weight * x->size;

    if (left != right)
        return left < right ? -1 : 1;
    return x->size > y->size ? -1 : x->size < y->size;
}

/* Goes on where the base ends, with what the kind at has left, and takes what still fits; where
 * that comes out even, it is a subset. */
static void guess_upper(struct relaxation *relaxation, const struct kinds *kinds, size_t at,
                        size_t taken)
{
    uint64_t sum = relaxation->base_sum, weight = relaxation->base_weight, all = weight;

    for (; at < kinds->count; at++, taken = 0) {
        const struct kind *kind = &kinds->list[at];
        uint64_t left = kind->count - taken;
        uint64_t fit = size_min(left, (relaxation->target - sum) / kind->size);

        all += left * kind->weight;
        sum += fit * kind->size;
        weight += fit * kind->weight;
    }
    relaxation->upper = sum == relaxation->target ? weight : all;
}

/* The heaviest that the relaxation can be: the most weight a byte first. */
static void find_highest(struct relaxation *relaxation, const struct kinds *kinds)
{
    uint64_t left = relaxation->target;

    for (size_t k = kinds->count; k-- > 0 && left;) {
        const struct kind *kind = &kinds->list[k];
        uint64_t fit = size_min(kind->count, left / kind->size);

        relaxation->highest += fit * kind->weight;
        left -= fit * kind->size;
        if (fit < kind->count) {
            relaxation->highest += (uint64_t)((wide)kind->weight * left / kind->size);
            break;
        }
    }
}

static void add_run(struct relaxation *relaxation, const struct kind *kind, size_t first,
                    size_t count, bool in)
{
    struct run *run = &relaxation->runs[relaxation->run_count];
    size_t *members = relaxation->members + first;
    wide price =
        (wide)relaxation->break_size * kind->weight - (wide)relaxation->break_weight * kind->size;

    if (!count)
        return;
    relaxation->run_count++;
    *run = (struct run){.size = kind->size,
                        .weight = kind->weight,
                        .first = first,
                        .count = count,
                        .in = in,
                        .price = in ? -price : price};
    /* The newest are the first to come in and the last to go out. */
    for (size_t i = 0; in && i < count / 2; i++) {
        size_t swap = members[i];

        members[i] = members[count - 1 - i];
        members[count - 1 - i] = swap;
    }
}

/* The base is all kinds before the one at place split, and the first taken of that one. */
static void make_runs(struct relaxation *relaxation, const struct kinds *kinds, size_t split,
                      size_t taken)
{
    for (size_t k = 0; k < kinds->count; k++) {
        const struct kind *kind = &kinds->list[k];
        size_t in = k < split ? kind->count : k == split ? taken : 0;

        add_run(relaxation, kind, kind->first, in, true);
        add_run(relaxation, kind, kind->first + in, kind->count - in, false);
    }
}

static void find_base(struct relaxation *relaxation, const struct kinds *kinds)
{
    size_t split = 0, taken = 0;
    wide rest;

    for (; split < kinds->count; split++) {
        const struct kind *kind = &kinds->list[split];
        uint64_t left = relaxation->target - relaxation->base_sum;

        taken = (size_t)size_min(kind->count, left / kind->size);
        relaxation->base_sum += taken * kind->size;
        relaxation->base_weight += taken * kind->weight;
        relaxation->break_size = kind->size;
        relaxation->break_weight = kind->weight;
        if (taken < kind->count)
            break;
        taken = 0;
    }
    rest = (wide)relaxation->break_weight * (relaxation->target - relaxation->base_sum);
    relaxation->lower = relaxation->base_weight +
                        (uint64_t)((rest + relaxation->break_size - 1) / relaxation->break_size);
    guess_upper(relaxation, kinds, split, taken);
    find_highest(relaxation, kinds);
    make_runs(relaxation, kinds, split, taken);
}

enum memplan_status relax_init(struct relaxation *relaxation, const struct entry *entries,
                               size_t count, uint64_t target)
{
    struct kinds kinds;
    enum memplan_status status = kinds_init(&kinds, entries, count, compare_kinds);

    *relaxation =
        (struct relaxation){.entries = entries, .count = count, .target = target, .break_size = 1};
    if (status != MEMPLAN_OK)
        return status;
    /* One kind can be in the base in part. */
    relaxation->runs = malloc((kinds.count + 1) * sizeof(*relaxation->runs));
    if (relaxation->runs) {
        relaxation->members = kinds.members;
        kinds.members = NULL;
        find_base(relaxation, &kinds);
    }
    kinds_free(&kinds);
    return relaxation->runs ? MEMPLAN_OK : MEMPLAN_NOMEM;
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
