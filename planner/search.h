/*
 * Finding the lightest subset with one exact sum.
 *
 * The linear relaxation (take the entries with the least weight a byte until the next does not fit;
 * of that one, the break entry, take a fraction) is the base. Every subset is the base with some
 * entries flipped, in or out. Measured against the weight a byte of the break entry, each flip has
 * a price of 0 or more, prices add up, and all subsets with the right sum and the same weight have
 * the same total price. So the lightest subset is the cheapest set of flips that brings the base to
 * the right sum, and a set of flips that is dearer than a known subset can be forgotten.
 * SPDX-License-Identifier: MIT
 */
#ifndef MEMPLAN_SEARCH_H
#define MEMPLAN_SEARCH_H

#include "internal.h"

/* Equal entries that are all in the base, or all not in it. */
struct run {
    uint64_t size, weight;
    size_t first, count; /* in relaxation.members: in the order in which they are best flipped */
    bool in;             /* in the base */
    wide price;          /* of flipping one */
    uint64_t modulus;    /* set by the search: see there */
};

struct relaxation {
    const struct entry *entries;
    size_t count;
    uint64_t target;
    struct run *runs;
    size_t run_count;
    size_t *members; /* indexes of entries */
    uint64_t base_sum, base_weight;
    uint64_t break_size, break_weight;
    uint64_t lower;   /* no subset with the sum target weighs less */
    uint64_t highest; /* nor more */
    uint64_t upper;   /* the weight of one that was found on the way, or the weight of all */
};

/* entries: none larger than target, all together not below it. OK or NOMEM. */
enum memplan_status relax_init(struct relaxation *relaxation, const struct entry *entries,
                               size_t count, uint64_t target);
/*
 * The same question with each weight w replaced by factor * size - w: the sum is fixed, so the
 * lightest subset is the heaviest of before. Where lower and highest are the same, so are the
 * answers, but the prices are different ones, and may leave less to search. entries: space for the
 * new entries. OK, NONE where numbers would get too large, or NOMEM.
 */
enum memplan_status relax_mirror(struct relaxation *mirror, const struct relaxation *relaxation,
                                 struct entry *entries, uint64_t *weight);
/* How much heavier weight is than the relaxation, fractions included: less is easier to search. */
double relax_slack(const struct relaxation *relaxation, uint64_t weight);
void relax_free(struct relaxation *relaxation);
/* The price that every subset with the sum target and this weight has; below 0: there is none. */
wide relax_price(const struct relaxation *relaxation, uint64_t weight);

/* ---- frontier.c ---- */

/*
 * Partial subsets: for some entries it is decided whether to flip them. A list sorted by sum; of
 * those with equal sums only the best (weight, then newest first) is kept, since what completes the
 * one completes the other. Holds at most capacity of them: beyond that the dearest are dropped, and
 * bound says up to which price nothing is missing.
 */
struct frontier {
    uint64_t *states; /* stride words each: sum, weight, mask (first bit: newest) */
    uint64_t *spare;
    wide *prices;
    size_t count, capacity, stride;
    uint64_t break_size, break_weight;
    wide origin, bound;
    bool cut;
};

struct flip {
    uint64_t size, weight;
    bool add;
    size_t bit;
    uint64_t low, high; /* sums out of here lead nowhere */
};

/* An empty frontier for masks of bits; the caller sets sum, weight and mask of its first state. */
enum memplan_status frontier_init(struct frontier *frontier, const struct relaxation *relaxation,
                                  size_t capacity, size_t bits, wide bound);
void frontier_free(struct frontier *frontier);
uint64_t *frontier_state(const struct frontier *frontier, size_t at);
void frontier_mark(uint64_t *state, size_t bit);
bool frontier_has(const uint64_t *state, size_t bit);
/* The price of the first state is the origin. Call when it is set. */
void frontier_start(struct frontier *frontier);
/* Adds every state with the flip made. Returns whether the frontier has changed. */
bool frontier_flip(struct frontier *frontier, const struct flip *flip);
/* Keeps the states whose sum leaves rest when divided by modulus. */
void frontier_filter(struct frontier *frontier, uint64_t modulus, uint64_t rest);

/* ---- search.c ---- */

struct outcome {
    bool found;
    bool proven; /* found: it is the best one; else: there is none up to the weight asked for */
    uint64_t weight;
    bool *chosen; /* by entry; the caller's */
};

/*
 * One search with frontiers of up to capacity, for subsets up to the weight upper. halves: two
 * frontiers that meet in the middle, else one. OK, LIMIT (work) or NOMEM.
 */
enum memplan_status search_run(const struct relaxation *relaxation, size_t capacity, bool halves,
                               uint64_t upper, struct budget *budget, struct outcome *outcome);

/* ---- guess.c ---- */

/*
 * Looks for any subset of exactly this weight, quickly; proven is always false. All entries have
 * the same weight, and it is not 0.
 */
enum memplan_status guess_run(const struct relaxation *relaxation, uint64_t weight,
                              struct budget *budget, struct outcome *outcome);

#endif
