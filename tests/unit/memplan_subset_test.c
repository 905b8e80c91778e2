/* Subsets: agreement with brute force, tie-breaks, balance, bounds. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memplan.h"
#include "support/random.h"

#define GIB       ((uint64_t)1 << 30)
#define MIB       ((uint64_t)1 << 20)
#define MAX_BRUTE 18

static struct memplan_subset find(const struct memplan_item *items, size_t count,
                                  enum memplan_goal goal, uint64_t target,
                                  enum memplan_status expected)
{
    struct memplan_subset_request request = {
        .items = items, .item_count = count, .goal = goal, .target = target};
    struct memplan_subset subset;

    assert_int_equal(memplan_subset_find(&request, &subset), expected);
    return subset;
}

/* ---- Brute force: all subsets, straight from the contract ---- */

/* A subset; of its bits the highest is the newest item. */
struct trial {
    bool found;
    uint64_t sum, cost;
    int count;
    unsigned bits;
};

struct brute {
    size_t newest[MAX_BRUTE]; /* indexes of what can be chosen, newest first */
    size_t count;
    struct trial below, above; /* the best with the nearest sums */
};

static void brute_collect(struct brute *brute, const struct memplan_item *items, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        size_t at;

        if (items[i].pinned || !items[i].size)
            continue;
        for (at = brute->count++; at > 0; at--) {
            if (items[brute->newest[at - 1]].order >= items[i].order)
                break;
            brute->newest[at] = brute->newest[at - 1];
        }
        brute->newest[at] = i;
    }
}

static const struct memplan_item *brute_item(const struct brute *brute,
                                             const struct memplan_item *items, int bit)
{
    return &items[brute->newest[brute->count - 1 - (size_t)bit]];
}

/* Of two with the same sum. */
static bool is_better(const struct trial *now, const struct trial *best)
{
    if (now->cost != best->cost)
        return now->cost < best->cost;
    if (now->count != best->count)
        return now->count < best->count;
    return now->bits > best->bits;
}

static void brute_judge(struct brute *brute, const struct trial *now, uint64_t target)
{
    struct trial *below = &brute->below, *above = &brute->above;

    if (now->sum <= target && (!below->found || now->sum > below->sum ||
                               (now->sum == below->sum && is_better(now, below))))
        *below = *now;
    if (now->sum >= target && (!above->found || now->sum < above->sum ||
                               (now->sum == above->sum && is_better(now, above))))
        *above = *now;
}

/* In the order of a Gray code: each subset has one item more or less than the one before. */
static void brute_force(struct brute *brute, const struct memplan_item *items, uint64_t target)
{
    struct trial now = {.found = true};

    brute_judge(brute, &now, target);
    for (unsigned i = 1; i < 1U << brute->count; i++) {
        int bit = __builtin_ctz(i);
        const struct memplan_item *item = brute_item(brute, items, bit);

        now.bits ^= 1U << bit;
        if (now.bits >> bit & 1) {
            now.sum += item->size;
            now.cost += item->cost;
            now.count++;
        } else {
            now.sum -= item->size;
            now.cost -= item->cost;
            now.count--;
        }
        brute_judge(brute, &now, target);
    }
}

static void assert_chosen(const struct brute *brute, const struct trial *best,
                          const struct memplan_subset *subset)
{
    size_t n = 0;

    for (size_t i = 0; i < brute->count; i++)
        if (best->bits >> (brute->count - 1 - i) & 1)
            assert_int_equal(subset->chosen[n++], brute->newest[i]);
    assert_int_equal(n, subset->count);
}

/* Returns among how many items there was to choose. */
static size_t compare_with_brute(const struct memplan_item *items, size_t count,
                                 enum memplan_goal goal, uint64_t target)
{
    struct brute brute = {.count = 0};
    const struct trial *best;
    struct memplan_subset subset;
    bool possible;

    brute_collect(&brute, items, count);
    brute_force(&brute, items, target);
    best = goal == MEMPLAN_AT_LEAST ? &brute.above : &brute.below;
    possible = best->found && (goal != MEMPLAN_EXACT || best->sum == target);
    subset = find(items, count, goal, target, possible ? MEMPLAN_OK : MEMPLAN_NONE);
    assert_true(subset.has_below);
    assert_int_equal(subset.below, brute.below.sum);
    assert_int_equal(subset.has_above, brute.above.found);
    if (brute.above.found)
        assert_int_equal(subset.above, brute.above.sum);
    if (possible) {
        assert_int_equal(subset.sum, best->sum);
        assert_int_equal(subset.cost, best->cost);
        assert_chosen(&brute, best, &subset);
    }
    memplan_subset_free(&subset);
    return brute.count;
}

/* ---- Random instances ---- */

enum { SIZES_SMALL, SIZES_POWERS, SIZES_ODD, SIZES_THREES, SIZES_HUGE, SIZES_BLOCKS, SIZE_KINDS };

static uint64_t random_size(int kind, size_t i, size_t count)
{
    switch (kind) {
    case SIZES_SMALL:
        return random_below(20);
    case SIZES_POWERS:
        return 128 * MIB << random_below(8);
    case SIZES_ODD:
        return random_below(1000000007);
    case SIZES_THREES:
        return 3 * (1 + random_below(9)) + (i == 0);
    case SIZES_HUGE:
        return random_below(UINT64_MAX / count);
    default:
        return 2 * MIB * (1 + random_below(500));
    }
}

static uint32_t random_cost(int kind)
{
    if (kind == 0)
        return 7;
    if (kind == 1)
        return (uint32_t)random_below(3);
    return random_below(2) ? (uint32_t)random_below(1000) : UINT32_MAX - (uint32_t)random_below(4);
}

static uint64_t random_target(const struct memplan_item *items, size_t count)
{
    uint64_t all = 0, some = 0;

    for (size_t i = 0; i < count; i++) {
        all += items[i].pinned ? 0 : items[i].size;
        some += items[i].pinned || random_below(2) ? 0 : items[i].size;
    }
    if (random_below(3) == 0)
        return random_below(all + 3);
    return some + (random_below(4) ? 0 : random_below(3));
}

static size_t run_random(uint64_t seed, size_t least, size_t most)
{
    struct memplan_item items[MAX_BRUTE];
    size_t count, chosen_from = 0;
    int kind, costs;

    random_seed(seed);
    count = least + (size_t)random_below(most - least + 1);
    kind = (int)random_below(SIZE_KINDS);
    costs = (int)random_below(3);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct memplan_item){.size = random_size(kind, i, count),
                                         .order = random_below(4) ? i : random_below(3),
                                         .cost = random_cost(costs),
                                         .pinned = seed % 2 && random_below(8) == 0};
    for (int goal = 0; goal < 3; goal++)
        chosen_from =
            compare_with_brute(items, count, (enum memplan_goal)goal, random_target(items, count));
    return chosen_from;
}

static void agrees_with_brute_force_on_small_instances(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6000; seed++)
        run_random(seed, 0, 11);
}

static void agrees_with_brute_force_on_instances_of_12_to_18_items(void **state)
{
    size_t of_18 = 0;

    (void)state;
    for (uint64_t seed = 10001; seed <= 13000; seed++)
        of_18 += run_random(seed, 12, MAX_BRUTE) == 18;
    assert_true(of_18 > 150);
}

/* ---- What the contract says, one sentence each ---- */

static void greedy_counter_examples_are_solved_exactly(void **state)
{
    const struct memplan_item first[] = {
        {.size = 3072 * MIB}, {.size = 2048 * MIB}, {.size = 2048 * MIB}};
    const struct memplan_item second[] = {
        {.size = 1024 * MIB}, {.size = 768 * MIB}, {.size = 768 * MIB}};
    struct memplan_subset subset = find(first, 3, MEMPLAN_EXACT, 4096 * MIB, MEMPLAN_OK);

    (void)state;
    assert_int_equal(subset.count, 2);
    assert_int_equal(subset.chosen[0], 2);
    assert_int_equal(subset.chosen[1], 1);
    memplan_subset_free(&subset);
    subset = find(second, 3, MEMPLAN_EXACT, 1536 * MIB, MEMPLAN_OK);
    assert_int_equal(subset.count, 2);
    assert_int_equal(subset.sum, 1536 * MIB);
    memplan_subset_free(&subset);
}

static void cost_goes_before_count_and_count_before_age(void **state)
{
    struct memplan_item items[] = {{.size = 2 * GIB, .order = 1, .cost = 1},
                                   {.size = 1 * GIB, .order = 2},
                                   {.size = 1 * GIB, .order = 3}};
    struct memplan_subset subset = find(items, 3, MEMPLAN_EXACT, 2 * GIB, MEMPLAN_OK);

    (void)state;
    assert_int_equal(subset.count, 2);
    assert_int_equal(subset.cost, 0);
    memplan_subset_free(&subset);
    items[0].cost = 0;
    subset = find(items, 3, MEMPLAN_EXACT, 2 * GIB, MEMPLAN_OK);
    assert_int_equal(subset.count, 1);
    assert_int_equal(subset.chosen[0], 0);
    memplan_subset_free(&subset);
    subset = find(items, 3, MEMPLAN_EXACT, 1 * GIB, MEMPLAN_OK);
    assert_int_equal(subset.chosen[0], 2);
    memplan_subset_free(&subset);
}

static void nothing_is_always_reachable(void **state)
{
    const struct memplan_item pinned = {.size = GIB, .pinned = true};
    struct memplan_subset subset = find(NULL, 0, MEMPLAN_EXACT, 0, MEMPLAN_OK);

    (void)state;
    assert_int_equal(subset.count, 0);
    memplan_subset_free(&subset);
    subset = find(NULL, 0, MEMPLAN_AT_LEAST, 1, MEMPLAN_NONE);
    assert_true(subset.has_below && !subset.has_above);
    memplan_subset_free(&subset);
    subset = find(&pinned, 1, MEMPLAN_AT_MOST, UINT64_MAX, MEMPLAN_OK);
    assert_int_equal(subset.sum, 0);
    memplan_subset_free(&subset);
    memplan_subset_free(NULL);
}

static void what_can_not_be_is_refused(void **state)
{
    static const uint64_t totals[MEMPLAN_MAX_NODES + 1] = {0};
    struct memplan_subset_request many = {.node_totals = totals,
                                          .node_count = MEMPLAN_MAX_NODES + 1};
    const struct memplan_item halves[] = {{.size = (uint64_t)1 << 63},
                                          {.size = ((uint64_t)1 << 63) - 1}};
    const struct memplan_item items[] = {{.size = UINT64_MAX}, {.size = 1, .pinned = true}};
    struct memplan_subset subset;

    (void)state;
    find(items, 2, MEMPLAN_EXACT, 1, MEMPLAN_INVALID);
    find(NULL, 1, MEMPLAN_EXACT, 1, MEMPLAN_INVALID);
    find(items, 1, (enum memplan_goal)9, 1, MEMPLAN_INVALID);
    find(items, MEMPLAN_MAX_ITEMS + 1, MEMPLAN_EXACT, 1, MEMPLAN_INVALID);
    subset = find(items, 1, MEMPLAN_AT_LEAST, 1, MEMPLAN_OK);
    assert_int_equal(subset.sum, UINT64_MAX);
    memplan_subset_free(&subset);
    assert_int_equal(memplan_largest_gap(items, 2), 0);
    assert_int_equal(memplan_completeness(items, 2, 1, NULL), MEMPLAN_INVALID);
    assert_int_equal(memplan_completeness(items, 1, 0, NULL), MEMPLAN_INVALID);
    assert_int_equal(memplan_subset_find(&many, &subset), MEMPLAN_INVALID);
    many.node_count--;
    assert_int_equal(memplan_subset_find(&many, &subset), MEMPLAN_OK);
    memplan_subset_free(&subset);
    assert_int_equal(memplan_completeness(halves, 2, halves[0].size, NULL), MEMPLAN_OK);
    assert_int_equal(memplan_largest_gap(items, 1), UINT64_MAX);
}

/* Thousands of items, in which the largest sizes are the fewest that make the sum. */
static void more_items_than_slots_of_qemu_work(void **state)
{
    static struct memplan_item items[4000];
    struct memplan_subset subset;

    (void)state;
    for (size_t i = 0; i < 4000; i++)
        items[i] = (struct memplan_item){.size = 128 * MIB << (i % 4), .order = i};
    subset = find(items, 4000, MEMPLAN_EXACT, 128 * MIB * 8 * 500 + 128 * MIB * 7, MEMPLAN_OK);
    assert_int_equal(subset.count, 503);
    for (size_t i = 1; i < subset.count; i++)
        assert_true(subset.chosen[i - 1] > subset.chosen[i]);
    memplan_subset_free(&subset);
}

static void a_passed_bound_is_said(void **state)
{
    struct memplan_item items[60];
    struct memplan_limits little = {.work = 1000, .memory = 4096};
    struct memplan_subset_request request = {
        .items = items, .item_count = 60, .target = 0, .limits = &little};
    struct memplan_subset subset;

    (void)state;
    random_seed(42);
    for (size_t i = 0; i < 60; i++) {
        items[i] = (struct memplan_item){.size = 1 + random_below((uint64_t)1 << 50), .order = i};
        request.target += i % 2 ? items[i].size : 0;
    }
    assert_int_equal(memplan_subset_find(&request, &subset), MEMPLAN_LIMIT);
    assert_null(subset.chosen);
    assert_int_equal(subset.count, 0);
}

/* Where the sums are too many to be listed, one may be found, but none be excluded. */
static void what_can_not_be_listed_is_not_denied(void **state)
{
    static struct memplan_item items[250];
    struct memplan_limits little = {.work = (uint64_t)1 << 20};
    struct memplan_subset_request request = {.items = items, .item_count = 250, .limits = &little};
    struct memplan_subset subset;

    (void)state;
    random_seed(7);
    for (size_t i = 0; i < 250; i++)
        items[i] = (struct memplan_item){.size = 2 + 2 * random_below((uint64_t)1 << 48)};
    request.target = items[100].size + 1;
    assert_int_equal(memplan_subset_find(&request, &subset), MEMPLAN_LIMIT);
    request.goal = MEMPLAN_AT_MOST;
    assert_int_equal(memplan_subset_find(&request, &subset), MEMPLAN_LIMIT);
    /* All but one: little is left to search. */
    request.goal = MEMPLAN_EXACT;
    request.target = 0;
    for (size_t i = 1; i < 250; i++)
        request.target += items[i].size;
    items[0].size = (uint64_t)1 << 60;
    assert_int_equal(memplan_subset_find(&request, &subset), MEMPLAN_OK);
    assert_int_equal(subset.count, 249);
    assert_int_equal(subset.below, request.target);
    memplan_subset_free(&subset);
}

/* With hardly any memory the searches are cut short again and again: LIMIT, or the same answer. */
static void a_bound_never_changes_an_answer(void **state)
{
    size_t same = 0, passed = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        struct memplan_item items[40];
        struct memplan_limits little = {.memory = 1500 + 20 * (seed % 200)};
        struct memplan_subset_request request = {.items = items, .item_count = 10 + seed % 30};
        struct memplan_subset free_search, bound_search;

        random_seed(seed);
        for (size_t i = 0; i < request.item_count; i++) {
            items[i] = (struct memplan_item){.size = 1 + random_below(seed % 2 ? 100 : 1000),
                                             .order = i,
                                             .cost = (uint32_t)random_below(1 + seed % 3)};
            request.target += random_below(2) ? items[i].size : 0;
        }
        assert_int_equal(memplan_subset_find(&request, &free_search), MEMPLAN_OK);
        request.limits = &little;
        if (memplan_subset_find(&request, &bound_search) == MEMPLAN_OK) {
            assert_int_equal(bound_search.count, free_search.count);
            assert_memory_equal(bound_search.chosen, free_search.chosen,
                                free_search.count * sizeof(*free_search.chosen));
            same++;
        } else {
            passed++;
        }
        memplan_subset_free(&free_search);
        memplan_subset_free(&bound_search);
    }
    assert_true(same > 100 && passed > 0);
}

/* ---- Guest nodes ---- */

static uint64_t squares(const uint64_t *totals, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += totals[i] * totals[i];
    return sum;
}

static void take_chosen(const struct memplan_item *items, const struct memplan_subset *subset,
                        uint64_t *totals)
{
    for (size_t i = 0; i < subset->count; i++)
        totals[items[subset->chosen[i]].node] -= items[subset->chosen[i]].size;
}

static void equal_devices_go_where_most_is(void **state)
{
    const struct memplan_item items[] = {{.size = 1, .order = 1, .node = 0},
                                         {.size = 1, .order = 2, .node = 0},
                                         {.size = 1, .order = 3, .node = 1},
                                         {.size = 1, .order = 4, .node = 1}};
    uint64_t totals[] = {6, 4};
    struct memplan_subset_request request = {
        .items = items, .item_count = 4, .target = 2, .node_totals = totals, .node_count = 2};
    struct memplan_subset subset;

    (void)state;
    assert_int_equal(memplan_subset_find(&request, &subset), MEMPLAN_OK);
    take_chosen(items, &subset, totals);
    assert_int_equal(totals[0], 4);
    assert_int_equal(totals[1], 4);
    assert_int_equal(subset.chosen[0], 1);
    memplan_subset_free(&subset);
}

/* One size on three nodes: compared with every way to take that many. */
static void balance_of_one_size_is_the_best_there_is(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct memplan_item items[10];
        uint64_t base[3], totals[3], best = UINT64_MAX;
        struct memplan_subset_request request = {
            .items = items, .item_count = 10, .node_totals = base, .node_count = 3};
        struct memplan_subset subset;

        random_seed(seed);
        for (size_t i = 0; i < 3; i++)
            base[i] = 30 + random_below(20);
        for (size_t i = 0; i < 10; i++)
            items[i] = (struct memplan_item){
                .size = 3, .order = random_below(5), .node = (uint32_t)random_below(3)};
        request.target = 3 * random_below(11);
        assert_int_equal(memplan_subset_find(&request, &subset), MEMPLAN_OK);
        for (unsigned bits = 0; bits < 1024; bits++) {
            uint64_t now;

            memcpy(totals, base, sizeof(totals));
            for (size_t i = 0; i < 10; i++)
                totals[items[i].node] -= bits >> i & 1 ? 3 : 0;
            now = squares(totals, 3);
            if ((uint64_t)__builtin_popcount(bits) * 3 == request.target && now < best)
                best = now;
        }
        memcpy(totals, base, sizeof(totals));
        take_chosen(items, &subset, totals);
        assert_int_equal(squares(totals, 3), best);
        memplan_subset_free(&subset);
    }
}

static void balance_never_changes_sum_cost_or_count(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct memplan_item items[16];
        uint64_t totals[4] = {100, 90, 110, 100};
        struct memplan_subset_request request = {.items = items, .item_count = 16};
        struct memplan_subset plain, level;

        random_seed(seed);
        for (size_t i = 0; i < 16; i++)
            items[i] = (struct memplan_item){.size = 1 + random_below(4),
                                             .order = i,
                                             .cost = (uint32_t)random_below(2),
                                             .node = (uint32_t)random_below(5)};
        request.target = random_below(30);
        request.goal = MEMPLAN_AT_MOST;
        assert_int_equal(memplan_subset_find(&request, &plain), MEMPLAN_OK);
        request.node_totals = totals;
        request.node_count = 4;
        assert_int_equal(memplan_subset_find(&request, &level), MEMPLAN_OK);
        assert_int_equal(plain.sum, level.sum);
        assert_int_equal(plain.cost, level.cost);
        assert_int_equal(plain.count, level.count);
        memplan_subset_free(&plain);
        memplan_subset_free(&level);
    }
}

/* ---- Large instances: not by brute force, but by what must hold ---- */

static void hard_instance(uint64_t seed, uint32_t costs)
{
    struct memplan_item items[256];
    struct memplan_subset_request request = {.items = items, .item_count = 256};
    struct memplan_subset subset;
    uint64_t sum = 0;

    random_seed(seed);
    for (size_t i = 0; i < 256; i++) {
        items[i] = (struct memplan_item){.size = 2 * MIB * (1 + random_below(65536)),
                                         .order = i,
                                         .cost = (uint32_t)random_below(costs)};
        if (random_below(2))
            request.target += items[i].size;
    }
    assert_int_equal(memplan_subset_find(&request, &subset), MEMPLAN_OK);
    for (size_t i = 0; i < subset.count; i++)
        sum += items[subset.chosen[i]].size;
    assert_int_equal(sum, request.target);
    memplan_subset_free(&subset);
}

/* The least weight (cost, then count) of every sum up to target, device by device. */
static uint64_t textbook_weight(const struct memplan_item *items, size_t count, uint64_t target)
{
    uint64_t *best = malloc((target + 1) * sizeof(*best)), answer;

    assert_non_null(best);
    for (uint64_t at = 0; at <= target; at++)
        best[at] = at ? UINT64_MAX / 2 : 0;
    for (size_t i = 0; i < count; i++)
        for (uint64_t at = target; at >= items[i].size; at--) {
            uint64_t with = best[at - items[i].size] + items[i].cost * 1000 + 1;

            if (with < best[at])
                best[at] = with;
        }
    answer = best[target];
    free(best);
    return answer;
}

/* Sizes: any, a narrow band, or multiples of 6 and a few others. Costs: equal, few, many. */
static void compare_with_textbook(uint64_t seed)
{
    static const uint32_t costs[] = {1, 2, 5, 100};
    struct memplan_item items[80];
    struct memplan_subset_request request = {.items = items, .item_count = 20 + seed % 60};
    struct memplan_subset subset;
    uint64_t weight;

    random_seed(seed);
    for (size_t i = 0; i < request.item_count; i++) {
        uint64_t size = seed % 3 == 0   ? 1 + random_below(400)
                        : seed % 3 == 1 ? 300 + random_below(60)
                                        : 6 * (1 + random_below(60)) + (i < 4 ? i : 0);

        items[i] = (struct memplan_item){
            .size = size, .order = i, .cost = (uint32_t)random_below(costs[seed / 3 % 4])};
        request.target += random_below(4) <= seed / 12 % 4 ? size : 0;
    }
    weight = textbook_weight(items, request.item_count, request.target);
    assert_int_equal(memplan_subset_find(&request, &subset), MEMPLAN_OK);
    assert_int_equal(subset.sum, request.target);
    assert_int_equal(subset.cost * 1000 + subset.count, weight);
    memplan_subset_free(&subset);
}

static void agrees_with_a_textbook_program_on_up_to_80_items(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1200; seed++)
        compare_with_textbook(seed);
}

/* It changes the common divisors of sizes and weights, though, that the search works with. */
static void an_item_that_is_too_large_changes_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct memplan_item items[81];
        struct memplan_subset_request request = {.items = items, .item_count = 80};
        struct memplan_subset without, with;

        random_seed(seed);
        for (size_t i = 0; i < 80; i++) {
            items[i] =
                (struct memplan_item){.size = 1 + random_below(20000), .order = i, .cost = 1};
            request.target += random_below(8) <= seed % 8 ? items[i].size : 0;
        }
        items[80] = (struct memplan_item){.size = (uint64_t)1 << 30, .order = 80};
        assert_int_equal(memplan_subset_find(&request, &without), MEMPLAN_OK);
        request.item_count = 81;
        assert_int_equal(memplan_subset_find(&request, &with), MEMPLAN_OK);
        assert_int_equal(with.count, without.count);
        assert_memory_equal(with.chosen, without.chosen, with.count * sizeof(*with.chosen));
        memplan_subset_free(&without);
        memplan_subset_free(&with);
    }
}

static void hard_instances_are_solved_within_the_default_limits(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        hard_instance(seed * 77, 1000);
    hard_instance(5, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_brute_force_on_small_instances),
        cmocka_unit_test(agrees_with_brute_force_on_instances_of_12_to_18_items),
        cmocka_unit_test(greedy_counter_examples_are_solved_exactly),
        cmocka_unit_test(cost_goes_before_count_and_count_before_age),
        cmocka_unit_test(nothing_is_always_reachable),
        cmocka_unit_test(what_can_not_be_is_refused),
        cmocka_unit_test(more_items_than_slots_of_qemu_work),
        cmocka_unit_test(a_passed_bound_is_said),
        cmocka_unit_test(what_can_not_be_listed_is_not_denied),
        cmocka_unit_test(a_bound_never_changes_an_answer),
        cmocka_unit_test(equal_devices_go_where_most_is),
        cmocka_unit_test(balance_of_one_size_is_the_best_there_is),
        cmocka_unit_test(balance_never_changes_sum_cost_or_count),
        cmocka_unit_test(agrees_with_a_textbook_program_on_up_to_80_items),
        cmocka_unit_test(an_item_that_is_too_large_changes_nothing),
        cmocka_unit_test(hard_instances_are_solved_within_the_default_limits),
    };

    return cmocka_run_group_tests_name("memplan: subsets", tests, NULL, NULL);
}
