/*
 * What the files of libmemplan share.
 *
 *   subset.c    the question: validation, goal, result
 *   balance.c   equal devices between nodes
 *   exact.c     the best subset with one given sum: which search, with which bounds, tie-breaks
 *   relax.c     the linear relaxation: a first guess, and the price of departing from it
 *   search.c    one search: two frontiers that meet
 *   frontier.c  lists of partial subsets
 *   guess.c     a quick guess
 *   kinds.c     equal entries together
 *   reach.c     which sums there are
 *   complete.c  completeness and gaps
 *   plan.c      the plan: grow, shrink or swap
 *   steps.c     its steps
 *   finish.c    what is said of it
 *   grow.c      sizes of new devices
 *   spread.c    their guest nodes
 *   level.c     several nodes, each by itself
 *   reason.c    sentences
 *   budget.c    limits and checks
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MEMPLAN_INTERNAL_H
#define MEMPLAN_INTERNAL_H

#include "memplan.h"

/* Wide enough for the product of any size and any weight. */
__extension__ typedef __int128 wide;

/* What is left of a caller's limits. */
struct budget {
    uint64_t work;
    size_t memory;
};

void budget_init(struct budget *budget, const struct memplan_limits *limits);
/* Takes steps from the budget; false, with nothing left, where they are too many. */
bool budget_spend(struct budget *budget, uint64_t steps);

/* The greatest common divisor; gcd(0, b) is b. */
uint64_t size_gcd(uint64_t a, uint64_t b);
/* The sum, or UINT64_MAX where it passes that. */
uint64_t size_add(uint64_t a, uint64_t b);
uint64_t size_min(uint64_t a, uint64_t b);
/* OK, or INVALID: too many, NULL, or all sizes together pass the most. */
enum memplan_status items_check(const struct memplan_item *items, size_t count, uint64_t most);
/* The order of newest first, for indexes a and b: negative where a is the newer. */
int items_newer(const struct memplan_item *items, size_t a, size_t b);

/* ---- reach.c ---- */

/* All sums of subsets of some sizes: a bit for each multiple of their greatest common divisor, or,
 * where that is too much, two sorted lists whose sums they are. */
struct reach {
    uint64_t unit, total;
    uint64_t *bits;
    uint64_t *left, *right;
    size_t left_count, right_count;
};

/* OK, LIMIT or NOMEM. sizes are not 0, and their sum does not overflow; the array is sorted. */
enum memplan_status reach_init(struct reach *reach, uint64_t *sizes, size_t count,
                               struct budget *budget);
void reach_free(struct reach *reach);
/*
 * The smallest sum not below from that leaves the same rest as from when divided by modulus (1:
 * any). OK, NONE, LIMIT or NOMEM.
 */
enum memplan_status reach_next(const struct reach *reach, uint64_t from, uint64_t modulus,
                               struct budget *budget, uint64_t *sum);
/* The greatest sum not above from. There always is one: 0. */
enum memplan_status reach_previous(const struct reach *reach, uint64_t from, struct budget *budget,
                                   uint64_t *sum);
/* reach_init for the items that can be taken away. */
enum memplan_status reach_items(struct reach *reach, const struct memplan_item *items, size_t count,
                                struct budget *budget);

/* ---- complete.c ---- */

/* The sizes of the items that can be taken away, sorted; returns how many. */
size_t sizes_that_can_go(const struct memplan_item *items, size_t count, uint64_t *sizes);
/* As memplan_completeness, on checked arguments. *gap: as memplan_largest_gap; NOMEM leaves it. */
enum memplan_status completeness(const struct memplan_item *items, size_t count, uint64_t granule,
                                 struct budget *budget, uint64_t *gap);

/* ---- kinds.c ---- */

/* An item of a search; arrays of them are newest first. */
struct entry {
    uint64_t size;
    uint64_t weight; /* cost and count in one number, so that comparing weights compares both */
};

/* Equal entries: members[first .. first + count), in the order of the entries. */
struct kind {
    uint64_t size, weight;
    size_t first, count;
};

struct kinds {
    struct kind *list; /* no two are equal; sorted */
    size_t count;
    size_t *members; /* indexes of entries */
};

/* compare: of two kinds, by size and weight alone. OK or NOMEM. */
enum memplan_status kinds_init(struct kinds *kinds, const struct entry *entries, size_t count,
                               int (*compare)(const void *, const void *));
void kinds_free(struct kinds *kinds);

/* ---- exact.c ---- */

/* The best subset with the sum target; chosen has a place for each entry. OK, NONE, LIMIT, NOMEM.
 */
enum memplan_status exact_solve(const struct entry *entries, size_t count, uint64_t target,
                                struct budget *budget, bool *chosen);

/* ---- subset.c, balance.c ---- */

/* The best subset with exactly this sum, on checked arguments; fills chosen, count, sum and cost.
 */
enum memplan_status subset_with_sum(const struct memplan_subset_request *request, uint64_t sum,
                                    struct budget *budget, struct memplan_subset *result);
/* An item that can be chosen. Arrays of them are newest first. */
struct newest {
    uint64_t order;
    size_t index;
};
/* Step 4 of memplan_subset_find. chosen: a place for each of newest. */
enum memplan_status balance_chosen(const struct memplan_subset_request *request,
                                   const struct newest *newest, size_t count, struct budget *budget,
                                   bool *chosen);

#endif
