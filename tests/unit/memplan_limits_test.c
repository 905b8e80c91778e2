/*
 * Questions of every kind with each allocation refused in turn, and with every bound on work and
 * memory: the answer is the same, or it is said that there is none. SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memplan.h"
#include "support/random.h"
#include "support/refusal.h"

#define MAX_ITEMS 64
#define NODES     4

/* ---- Questions ---- */

enum kind { SUBSET, PLAN, LEVEL, COMPLETENESS };

struct question {
    enum kind kind;
    struct memplan_item items[MAX_ITEMS];
    uint64_t totals[NODES];
    struct memplan_subset_request subset;
    struct memplan_request plan;
};

struct answer {
    enum memplan_status status;
    size_t count;
    uint64_t what[MAX_ITEMS], where[MAX_ITEMS];
    uint64_t cost;
    int64_t delta;
    bool complete;
};

/* Devices of one size out of sizes each, on the nodes in turn; half of them are wanted. */
static void fill(struct question *question, size_t count, const uint64_t *sizes, size_t size_count,
                 uint32_t costs)
{
    memset(question, 0, sizeof(*question));
    question->subset = (struct memplan_subset_request){.items = question->items};
    for (size_t i = 0; i < count; i++) {
        struct memplan_item *item = &question->items[i];

        *item = (struct memplan_item){.size = sizes[random_below(size_count)],
                                      .order = i,
                                      .cost = (uint32_t)random_below(costs),
                                      .node = (uint32_t)(i * i % NODES)};
        question->totals[item->node] += item->size;
        question->subset.target += i % 2 ? item->size : 0;
    }
    question->subset.item_count = count;
    question->plan = (struct memplan_request){.items = question->items,
                                              .item_count = count,
                                              .delta = -(int64_t)question->subset.target,
                                              .granule = 1,
                                              .free_slots = 20,
                                              .free_space = 1 << 30,
                                              .node = MEMPLAN_ANY_NODE};
}

static void on_nodes(struct question *question)
{
    question->subset.node_totals = question->plan.node_totals = question->totals;
    question->subset.node_count = question->plan.node_count = NODES;
}

/* So many sizes that hardly two devices have the same. */
static void fill_different(struct question *question, size_t count, uint64_t least, uint64_t range,
                           uint32_t costs)
{
    uint64_t sizes[MAX_ITEMS];

    for (size_t i = 0; i < count; i++)
        sizes[i] = least + random_below(range);
    fill(question, count, sizes, count, costs);
}

static const uint64_t powers[] = {1, 2, 4, 8, 16, 32};

static void balanced(struct question *question)
{
    fill(question, 40, powers, 6, 2);
    on_nodes(question);
}

static void of_one_size(struct question *question)
{
    fill(question, 40, powers + 3, 1, 1);
}

static void with_costs(struct question *question)
{
    fill_different(question, 40, 1, 400, 100);
}

static void without_costs(struct question *question)
{
    fill_different(question, 60, 1, 2000, 1);
}

static void in_a_narrow_band(struct question *question)
{
    fill_different(question, 60, 30000, 400, 1);
}

/* Too uneven for a bit for each sum. */
static void in_bytes(struct question *question)
{
    fill_different(question, 16, 1, (uint64_t)1 << 40, 3);
}

static void at_least_in_bytes(struct question *question)
{
    in_bytes(question);
    question->subset.goal = MEMPLAN_AT_LEAST;
    question->subset.target++;
}

static void growth(struct question *question)
{
    fill(question, 20, powers + 3, 3, 1);
    question->kind = PLAN;
    question->plan.delta = 500;
    on_nodes(question);
}

static void growth_of_each_node(struct question *question)
{
    growth(question);
    question->kind = LEVEL;
    question->plan.free_slots = 64;
}

static void shrinking_of_each_node(struct question *question)
{
    fill(question, 60, powers, 6, 1);
    question->kind = LEVEL;
    on_nodes(question);
}

static void swap_in_bytes(struct question *question)
{
    in_bytes(question);
    question->kind = PLAN;
    question->plan.delta -= 1234567;
    question->plan.granule = 1000;
    question->plan.free_space = INT64_MAX;
    question->plan.swap = true;
}

static void swap_for_a_growth(struct question *question)
{
    fill_different(question, 12, 3, 100, 1);
    question->kind = PLAN;
    question->plan.delta = 1001;
    question->plan.granule = 4;
    question->plan.swap = true;
}

static void nearest_by_a_swap(struct question *question)
{
    fill(question, 12, powers + 4, 2, 1);
    question->kind = PLAN;
    question->plan.delta = -37;
    question->plan.granule = 4;
    question->plan.swap = true;
    question->plan.nearest = MEMPLAN_NEAREST_UP;
}

static void completeness_of_bytes(struct question *question)
{
    fill(question, 40, powers, 6, 1);
    question->kind = COMPLETENESS;
    question->plan.granule = 3;
}

typedef void fill_fn(struct question *question);
static fill_fn *const questions[] = {balanced,
                                     of_one_size,
                                     with_costs,
                                     without_costs,
                                     in_a_narrow_band,
                                     in_bytes,
                                     at_least_in_bytes,
                                     growth,
                                     growth_of_each_node,
                                     shrinking_of_each_node,
                                     swap_in_bytes,
                                     swap_for_a_growth,
                                     nearest_by_a_swap,
                                     completeness_of_bytes};

#define QUESTIONS (sizeof(questions) / sizeof(*questions))

/* ---- Answers ---- */

static void ask_subset(struct question *question, struct answer *answer)
{
    struct memplan_subset subset;

    answer->status = memplan_subset_find(&question->subset, &subset);
    answer->count = subset.count;
    for (size_t i = 0; i < subset.count; i++)
        answer->what[i] = subset.chosen[i];
    answer->cost = subset.cost;
    answer->delta = (int64_t)subset.sum;
    memplan_subset_free(&subset);
}

static void ask_plan(struct question *question, struct answer *answer)
{
    struct memplan_plan plan;

    answer->status = question->kind == LEVEL ? memplan_plan_make_level(&question->plan, &plan)
                                             : memplan_plan_make(&question->plan, &plan);
    answer->count = plan.step_count;
    for (size_t i = 0; i < plan.step_count; i++) {
        const struct memplan_step *step = &plan.steps[i];

        answer->what[i] = step->action == MEMPLAN_PLUG ? step->size : step->item;
        answer->where[i] = step->node;
    }
    answer->cost = plan.cost;
    answer->delta = plan.delta;
    answer->complete = plan.complete;
    memplan_plan_free(&plan);
}

static struct answer ask(struct question *question, const struct memplan_limits *limits)
{
    struct answer answer;

    memset(&answer, 0, sizeof(answer));
    question->subset.limits = question->plan.limits = limits;
    if (question->kind == SUBSET)
        ask_subset(question, &answer);
    else if (question->kind == COMPLETENESS)
        answer.status = memplan_completeness(question->items, question->plan.item_count,
                                             question->plan.granule, limits);
    else
        ask_plan(question, &answer);
    return answer;
}

static bool is_same(const struct answer *answer, const struct answer *expected)
{
    return answer->status == expected->status && answer->count == expected->count &&
           memcmp(answer->what, expected->what, sizeof(answer->what)) == 0 &&
           memcmp(answer->where, expected->where, sizeof(answer->where)) == 0 &&
           answer->cost == expected->cost && answer->delta == expected->delta;
}

/* ---- Memory that is refused ---- */

/* Returns whether the allocation of this number was refused; *told counts where that is said. */
static bool refuse_one(struct question *question, const struct answer *expected, long number,
                       size_t *told)
{
    long before = live;
    struct answer answer;

    refused = false;
    left = number;
    answer = ask(question, NULL);
    left = -1;
    assert_int_equal(live, before);
    /* qsort can do without the memory that it asks for. */
    if (answer.status == MEMPLAN_NOMEM)
        assert_true(refused && answer.count == 0);
    else
        assert_true(is_same(&answer, expected));
    *told += answer.status == MEMPLAN_NOMEM;
    return refused;
}

static void a_refused_allocation_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct question question;
        struct answer expected;
        long number = 0;
        size_t told = 0;

        random_seed(i + 1);
        questions[i](&question);
        expected = ask(&question, NULL);
        assert_in_range(expected.status, MEMPLAN_OK, MEMPLAN_NONE);
        /* Where one search follows the other, later ones are like earlier ones. */
        while (refuse_one(&question, &expected, number, &told))
            number += 1 + number / 100;
#ifndef __SANITIZE_ADDRESS__
        assert_true(told >= 2);
#endif
    }
}

static void the_gap_says_so_as_well(void **state)
{
    const struct memplan_item item = {.size = 4};
    uint64_t gap;
    bool complete;

    (void)state;
    assert_int_equal(memplan_largest_gap(&item, 1), 4);
    assert_true(memplan_is_complete(&item, 1, 4));
    refused = false;
    left = 0;
    gap = memplan_largest_gap(&item, 1);
    left = 0;
    complete = memplan_is_complete(&item, 1, 4);
    left = -1;
    assert_int_equal(gap, refused ? UINT64_MAX : 4);
    assert_int_equal(complete, !refused);
}

/* ---- Bounds ---- */

struct tally {
    size_t same, limit;
};

/* plain: what a level plan may be where the nodes' own pass the bound. */
static void ask_within(struct question *question, const struct memplan_limits *limits,
                       const struct answer *expected, const struct answer *plain,
                       struct tally *tally)
{
    struct answer answer = ask(question, limits);

    if (answer.status == MEMPLAN_LIMIT) {
        assert_int_equal(answer.count, 0);
        tally->limit++;
        return;
    }
    assert_true(is_same(&answer, expected) || is_same(&answer, plain));
    assert_true(!answer.complete || expected->complete || plain->complete);
    tally->same++;
}

static void sweep(struct question *question, struct tally *tally)
{
    struct answer expected = ask(question, NULL), plain = expected;

    if (question->kind == LEVEL) {
        question->kind = PLAN;
        plain = ask(question, NULL);
        question->kind = LEVEL;
    }
    for (uint64_t work = 1; work < (uint64_t)1 << 26; work += 1 + work / 3) {
        const struct memplan_limits limits = {.work = work};

        ask_within(question, &limits, &expected, &plain, tally);
    }
    for (size_t memory = 1; memory < (size_t)1 << 22; memory += 1 + memory / 3) {
        const struct memplan_limits limits = {.memory = memory, .work = (uint64_t)1 << 22};

        ask_within(question, &limits, &expected, &plain, tally);
    }
}

static void no_bound_changes_an_answer(void **state)
{
    size_t with_limit = 0;

    (void)state;
    for (size_t i = 0; i < QUESTIONS; i++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            struct question question;
            struct tally tally = {0, 0};

            random_seed(seed);
            questions[i](&question);
            sweep(&question, &tally);
            assert_true(tally.same > 0);
            with_limit += tally.limit > 0;
        }
    assert_true(with_limit > 30);
}

static int begin(void **state)
{
    (void)state;
    refusal_begin();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_allocation_is_said),
        cmocka_unit_test(the_gap_says_so_as_well),
        cmocka_unit_test(no_bound_changes_an_answer),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
