/*
 * One search: which runs are flipped in which order, in one frontier or in two that meet.
 *
 * Order: sizes of real devices have structure, mostly powers of two. The few sizes that are not
 * divisible by what all others are divisible by come first; once they are decided, the rest of the
 * sum modulo that divisor can not change any more, and all states with a wrong rest are dropped.
 * Powers of two keep a frontier at a few dozen states that way. What has no such structure is dealt
 * to two frontiers, cheapest flips first: the pairs of their states are as many subsets as the
 * product of their lengths, and one pass over both finds the best pair with the right sum.
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "search.h"

enum { SIDES = 2 };

/* A group with more runs than this is not worth deciding first. */
#define FEW_RUNS 12

struct side {
    struct frontier frontier;
    struct run *runs; /* in order */
    size_t run_count;
    size_t *entries; /* the entry of each bit of the masks */
    size_t entry_count;
    uint64_t base_sum, base_weight;
    uint64_t all_up, all_down; /* how far all flips of the side can move its sum */
    uint64_t up, down;         /* how far those can that are left */
};

struct search {
    const struct relaxation *relaxation;
    struct run *runs; /* the left side's from the front, the right side's after them */
    size_t *bits;     /* the bit of each entry in its side's masks */
    struct side sides[SIDES];
    struct budget *budget;
};

static int compare_runs(const void *a, const void *b)
{
    const struct run *x = a, *y = b;

    if (x->price != y->price)
        return x->price < y->price ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static uint64_t gcd_of_runs(const struct run *runs, size_t count)
{
    uint64_t unit = 0;

    for (size_t i = 0; i < count; i++)
        unit = size_gcd(runs[i].size, unit);
    return unit;
}

static size_t count_odd(const struct run *runs, size_t count, uint64_t unit, uint64_t prime)
{
    size_t odd = 0;

    for (size_t i = 0; i < count; i++)
        odd += runs[i].size / unit % prime != 0;
    return odd;
}

/* Moves the runs that are no multiple of unit * prime to the front, cheapest first. */
static size_t split_odd(struct run *runs, size_t count, uint64_t unit, uint64_t prime)
{
    size_t odd = 0;

    for (size_t i = 0; i < count; i++) {
        struct run run = runs[i];

        if (run.size / unit % prime == 0)
            continue;
        runs[i] = runs[odd];
        runs[odd++] = run;
    }
    qsort(runs, odd, sizeof(*runs), compare_runs);
    return odd;
}

/* The next group to be decided, moved to the front: the smallest that leaves a greater divisor. */
static size_t next_group(struct run *runs, size_t count)
{
    static const uint64_t primes[] = {3, 5, 7};
    uint64_t unit = gcd_of_runs(runs, count), best = 2;
    size_t fewest = count_odd(runs, count, unit, 2);

    for (size_t i = 0; i < sizeof(primes) / sizeof(*primes) && fewest > FEW_RUNS; i++) {
        size_t odd = count_odd(runs, count, unit, primes[i]);

        if (odd < fewest) {
            fewest = odd;
            best = primes[i];
        }
    }
    return split_odd(runs, count, unit, best);
}

/* Deals runs, sorted, one to each side in turn. Returns how many are on the left, at the front. */
static size_t deal_runs(struct run *runs, size_t count, struct run *copy)
{
    size_t left = 0, right = (count + 1) / 2;

    qsort(runs, count, sizeof(*runs), compare_runs);
    memcpy(copy, runs, count * sizeof(*runs));
    for (size_t i = 0; i < count; i++)
        runs[i % 2 ? right++ : left++] = copy[i];
    return left;
}

/* Puts the runs in order. Returns how many are on the left side. */
static size_t order_runs(struct search *search, bool halves, struct run *copy)
{
    size_t count = search->relaxation->run_count, done = 0;
    struct run *runs = search->runs;

    memcpy(runs, search->relaxation->runs, count * sizeof(*runs));
    while (done < count) {
        size_t group = next_group(runs + done, count - done);

        if (halves && (group > FEW_RUNS || done + group > 2 * FEW_RUNS))
            return done + deal_runs(runs + done, count - done, copy);
        done += group;
        if (done < count)
            runs[done - 1].modulus = gcd_of_runs(runs + done, count - done);
    }
    return count;
}

static void side_add(struct side *side, const struct run *run)
{
    uint64_t size = run->size * run->count;

    side->run_count++;
    side->entry_count += run->count;
    if (run->in) {
        side->base_sum += size;
        side->base_weight += run->weight * run->count;
        side->all_down += size;
    } else {
        side->all_up += size;
    }
}

/* Gives each entry the next bit of its side, in the order of entries: newest first. */
static void number_bits(struct search *search, size_t *all)
{
    const struct relaxation *relaxation = search->relaxation;
    size_t next[SIDES] = {0};

    for (int s = 0; s < SIDES; s++)
        for (size_t r = 0; r < search->sides[s].run_count; r++) {
            const struct run *run = &search->sides[s].runs[r];

            for (size_t i = 0; i < run->count; i++)
                search->bits[relaxation->members[run->first + i]] = (size_t)s;
        }
    search->sides[0].entries = all;
    search->sides[1].entries = all + search->sides[0].entry_count;
    for (size_t i = 0; i < relaxation->count; i++) {
        size_t s = search->bits[i];

        search->sides[s].entries[next[s]] = i;
        search->bits[i] = next[s]++;
    }
}

static enum memplan_status start_side(struct search *search, struct side *side, size_t capacity,
                                      wide bound)
{
    const struct relaxation *relaxation = search->relaxation;
    enum memplan_status status =
        frontier_init(&side->frontier, relaxation, capacity, side->entry_count, bound);

    if (status != MEMPLAN_OK)
        return status;
    side->frontier.states[0] = side->base_sum;
    side->frontier.states[1] = side->base_weight;
    for (size_t r = 0; r < side->run_count; r++)
        for (size_t i = 0; side->runs[r].in && i < side->runs[r].count; i++)
            frontier_mark(side->frontier.states,
                          search->bits[relaxation->members[side->runs[r].first + i]]);
    frontier_start(&side->frontier);
    return MEMPLAN_OK;
}

/* Flips the members of a run one after the other, as long as that leads to anything new. */
static bool flip_run(struct search *search, struct side *side, const struct side *other,
                     const struct run *run)
{
    uint64_t wanted = search->relaxation->target - other->base_sum;
    uint64_t *left = run->in ? &side->down : &side->up;
    uint64_t end = *left - run->size * run->count;
    struct flip flip = {run->size, run->weight, !run->in, 0, 0, 0};

    for (size_t i = 0; i < run->count && run->price <= side->frontier.bound; i++) {
        uint64_t up, down;

        *left -= run->size;
        up = size_add(side->up, other->all_up);
        down = size_add(side->down, other->all_down);
        flip.low = wanted > up ? wanted - up : 0;
        flip.high = size_add(wanted, down);
        flip.bit = search->bits[search->relaxation->members[run->first + i]];
        if (!budget_spend(search->budget, 2 * (uint64_t)side->frontier.count + 1))
            return false;
        if (!frontier_flip(&side->frontier, &flip))
            break;
    }
    *left = end;
    return true;
}

static enum memplan_status expand_side(struct search *search, struct side *side,
                                       const struct side *other)
{
    uint64_t wanted = search->relaxation->target - other->base_sum;

    side->up = side->all_up;
    side->down = side->all_down;
    for (size_t r = 0; r < side->run_count; r++) {
        uint64_t modulus = side->runs[r].modulus;

        if (!flip_run(search, side, other, &side->runs[r]))
            return MEMPLAN_LIMIT;
        if (modulus > 1)
            frontier_filter(&side->frontier, modulus, wanted % modulus);
    }
    return MEMPLAN_OK;
}

/* The first entry that is in one of two states of a side only. They have different sums. */
static size_t first_difference(const struct side *side, const uint64_t *a, const uint64_t *b)
{
    size_t bit = 0;

    while (frontier_has(a, bit) == frontier_has(b, bit)) {
        bit++;
        assert(bit < side->entry_count);
    }
    return side->entries[bit];
}

/* Whether the pair (a0, a1) has the newest entry in which it differs from the pair (b0, b1). They
 * have the same sum, and no two states of a side have, so both sides differ. */
static bool pair_is_newer(const struct search *search, const uint64_t *const a[SIDES],
                          const uint64_t *const b[SIDES])
{
    size_t first[SIDES];
    int s;

    for (s = 0; s < SIDES; s++)
        first[s] = first_difference(&search->sides[s], a[s], b[s]);
    s = first[0] < first[1] ? 0 : 1;
    return frontier_has(a[s], search->bits[first[s]]);
}

/* One pass over both frontiers, up the one and down the other. */
static bool meet(const struct search *search, const uint64_t *best[SIDES], uint64_t *weight)
{
    const struct frontier *left = &search->sides[0].frontier, *right = &search->sides[1].frontier;
    uint64_t target = search->relaxation->target;
    size_t i = 0, j = right->count;
    bool found = false;

    while (i < left->count && j > 0) {
        const uint64_t *pair[SIDES] = {frontier_state(left, i), frontier_state(right, j - 1)};
        uint64_t sum = pair[0][0] + pair[1][0], together = pair[0][1] + pair[1][1];

        if (sum == target && (!found || together < *weight ||
                              (together == *weight && pair_is_newer(search, pair, best)))) {
            memcpy(best, pair, sizeof(pair));
            *weight = together;
            found = true;
        }
        if (sum <= target)
            i++;
        if (sum >= target)
            j--;
    }
    return found;
}

static void report(const struct search *search, uint64_t upper, struct outcome *outcome)
{
    const struct side *sides = search->sides;
    const uint64_t *best[SIDES];
    bool cut = sides[0].frontier.cut || sides[1].frontier.cut;
    wide bound = sides[0].frontier.bound < sides[1].frontier.bound ? sides[0].frontier.bound
                                                                   : sides[1].frontier.bound;

    outcome->found = meet(search, best, &outcome->weight) && outcome->weight <= upper;
    outcome->proven = !cut;
    if (!outcome->found)
        return;
    if (relax_price(search->relaxation, outcome->weight) <= bound)
        outcome->proven = true;
    for (int s = 0; s < SIDES; s++)
        for (size_t i = 0; i < sides[s].entry_count; i++)
            outcome->chosen[sides[s].entries[i]] = frontier_has(best[s], i);
}

static enum memplan_status run_sides(struct search *search, size_t capacity, uint64_t upper,
                                     struct outcome *outcome)
{
    wide bound = relax_price(search->relaxation, upper);
    enum memplan_status status = MEMPLAN_OK;

    for (int s = 0; s < SIDES && status == MEMPLAN_OK; s++)
        status =
            start_side(search, &search->sides[s], search->sides[s].run_count ? capacity : 1, bound);
    for (int s = 0; s < SIDES && status == MEMPLAN_OK; s++)
        status = expand_side(search, &search->sides[s], &search->sides[1 - s]);
    if (status == MEMPLAN_OK)
        report(search, upper, outcome);
    for (int s = 0; s < SIDES; s++)
        frontier_free(&search->sides[s].frontier);
    return status;
}

enum memplan_status search_run(const struct relaxation *relaxation, size_t capacity, bool halves,
                               uint64_t upper, struct budget *budget, struct outcome *outcome)
{
    size_t count = relaxation->run_count;
    size_t places = relaxation->count + 1;
    struct search search = {.relaxation = relaxation, .budget = budget};
    size_t *entries = malloc(places * sizeof(*entries));
    struct run *copy = malloc((count + 1) * sizeof(*copy));
    enum memplan_status status = MEMPLAN_NOMEM;

    search.runs = malloc((count + 1) * sizeof(*search.runs));
    search.bits = malloc(places * sizeof(*search.bits));
    if (entries && copy && search.runs && search.bits) {
        size_t left = order_runs(&search, halves, copy);

        search.sides[0].runs = search.runs;
        search.sides[1].runs = search.runs + left;
        for (size_t i = 0; i < count; i++)
            side_add(&search.sides[i >= left], &search.runs[i]);
        number_bits(&search, entries);
        status = run_sides(&search, capacity, upper, outcome);
    }
    free(entries);
    free(copy);
    free(search.runs);
    free(search.bits);
    return status;
}
