/* Swaps, and the nearest that can be reached, against brute force. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memplan.h"
#include "support/clock.h"
#include "support/plans.h"
#include "support/random.h"

/* ---- Swaps ---- */

/* The smallest set that a swap could take away for wanted; UINT64_MAX: none. */
static uint64_t brute_swap(const struct memplan_request *request, uint64_t wanted)
{
    uint64_t best = UINT64_MAX;

    for (unsigned bits = 0; bits < 1U << request->item_count; bits++) {
        uint64_t sum = 0;

        for (size_t i = 0; i < request->item_count; i++)
            sum += bits >> i & 1 ? request->items[i].size : 0;
        if (sum >= wanted && (sum - wanted) % request->granule == 0 && sum < best)
            best = sum;
    }
    if (best != UINT64_MAX && best != wanted &&
        (best - wanted > request->free_space || !request->free_slots))
        return UINT64_MAX;
    return best;
}

static void a_swap_moves_the_least_memory_within_slots_and_space(void **state)
{
    size_t swaps = 0, none = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        struct memplan_request request;
        struct memplan_plan plan;
        uint64_t wanted, best;
        size_t count;

        random_seed(seed);
        count = 1 + (size_t)random_below(6);
        for (size_t i = 0; i < count; i++)
            items[i] = (struct memplan_item){.size = 1 + random_below(40), .order = i};
        wanted = 1 + random_below(60);
        request = plans_request(items, count, -(int64_t)wanted);
        request.granule = 1 + random_below(4);
        request.free_slots = (uint32_t)random_below(5);
        request.free_space = random_below(20);
        best = brute_swap(&request, wanted);
        plan = plans_make(&request, best == wanted ? MEMPLAN_OK : MEMPLAN_NONE);
        if (best != wanted)
            assert_int_equal(plan.swap_reaches, best != UINT64_MAX);
        memplan_plan_free(&plan);
        request.swap = true;
        plan = plans_make(&request, best != UINT64_MAX ? MEMPLAN_OK : MEMPLAN_NONE);
        if (best != UINT64_MAX) {
            assert_int_equal(plan.delta, request.delta);
            assert_int_equal(plan.unplugged, best);
            assert_int_equal(plan.swapped, best != wanted);
            plans_apply(&request, &plan, items, NULL);
            swaps += plan.swapped;
        } else {
            none++;
        }
        memplan_plan_free(&plan);
    }
    assert_true(swaps > 500 && none > 500);
}

/* Sizes so uneven that their sums are listed, not marked in bits. */
static void a_swap_of_odd_sizes_moves_the_least_memory(void **state)
{
    size_t swaps = 0, none = 0;
    double started = clock_now();

    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        struct memplan_request request;
        struct memplan_plan plan;
        uint64_t wanted, best;
        size_t count;

        random_seed(seed);
        count = 1 + (size_t)random_below(9);
        for (size_t i = 0; i < count; i++)
            items[i] = (struct memplan_item){.size = 1 + random_below((uint64_t)1 << 40)};
        wanted = 1 + random_below((uint64_t)1 << 41);
        request = plans_request(items, count, -(int64_t)wanted);
        request.granule = 2 + random_below(30);
        request.free_space = random_below((uint64_t)1 << 41);
        request.swap = true;
        best = brute_swap(&request, wanted);
        plan = plans_make(&request, best != UINT64_MAX ? MEMPLAN_OK : MEMPLAN_NONE);
        if (best != UINT64_MAX) {
            assert_int_equal(plan.delta, request.delta);
            assert_int_equal(plan.unplugged, best);
        }
        swaps += plan.swapped;
        none += best == UINT64_MAX;
        memplan_plan_free(&plan);
    }
    assert_true(swaps > 300 && none > 300);
    /* Whether all multiples can be reached afterwards would take a second each to find out. */
    assert_true(clock_now() - started < 60);
}

static void a_swap_reaches_a_growth_that_is_no_multiple(void **state)
{
    struct memplan_item items[PLANS_MAX_ITEMS] = {{.size = 8}, {.size = 3}};
    struct memplan_request request = plans_request(items, 2, 7);
    struct memplan_plan plan;

    (void)state;
    request.granule = 2;
    plan = plans_make(&request, MEMPLAN_NONE);
    assert_true(plan.swap_reaches && plan.has_below && plan.has_above);
    assert_int_equal(plan.below, 6);
    assert_int_equal(plan.above, 8);
    memplan_plan_free(&plan);
    request.swap = true;
    plan = plans_make(&request, MEMPLAN_OK);
    assert_int_equal(plan.delta, 7);
    assert_int_equal(plan.plugged, 10);
    request.free_space = 9;
    memplan_plan_free(&plan);
    plans_make(&request, MEMPLAN_NONE);
    request.free_space = 10;
    plan = plans_make(&request, MEMPLAN_OK);
    plans_apply(&request, &plan, items, NULL);
    memplan_plan_free(&plan);
}

/* The smallest set with which a growth that is no multiple can be swapped; UINT64_MAX: none. */
static void growth_by_what_is_no_multiple_is_what_brute_force_says(void **state)
{
    size_t swaps = 0, none = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        struct memplan_request request;
        struct memplan_plan plan;
        uint64_t best = UINT64_MAX, amount;
        size_t count;

        random_seed(seed);
        count = (size_t)random_below(6);
        for (size_t i = 0; i < count; i++)
            items[i] = (struct memplan_item){.size = 1 + random_below(12)};
        request = plans_request(items, count, 0);
        request.granule = 2 + random_below(5);
        amount = 1 + random_below(40);
        amount += amount % request.granule == 0;
        request.delta = (int64_t)amount;
        request.free_slots = (uint32_t)random_below(4);
        request.free_space = random_below(60);
        for (unsigned bits = 0; bits < 1U << count; bits++) {
            uint64_t sum = 0;

            for (size_t i = 0; i < count; i++)
                sum += bits >> i & 1 ? items[i].size : 0;
            if ((sum + amount) % request.granule == 0 && sum < best)
                best = sum;
        }
        if (best != UINT64_MAX && (best + amount > request.free_space || !request.free_slots))
            best = UINT64_MAX;
        plan = plans_make(&request, MEMPLAN_NONE);
        assert_int_equal(plan.swap_reaches, best != UINT64_MAX);
        memplan_plan_free(&plan);
        request.swap = true;
        plan = plans_make(&request, best != UINT64_MAX ? MEMPLAN_OK : MEMPLAN_NONE);
        if (best != UINT64_MAX) {
            assert_int_equal(plan.unplugged, best);
            assert_int_equal(plan.delta, amount);
        }
        swaps += plan.swapped;
        none += best == UINT64_MAX;
        memplan_plan_free(&plan);
    }
    assert_true(swaps > 500 && none > 500);
}

/* ---- Nearest ---- */

static int64_t nearest_delta(struct memplan_request request, enum memplan_nearest nearest)
{
    struct memplan_plan plan;
    int64_t delta;

    request.nearest = nearest;
    plan = plans_make(&request, MEMPLAN_OK);
    delta = plan.delta;
    assert_true(plan.nearest_chosen);
    memplan_plan_free(&plan);
    return delta;
}

static void nearest_goes_the_way_it_is_told(void **state)
{
    const struct memplan_item items[] = {{.size = 8}, {.size = 4}};
    struct memplan_request request = plans_request(items, 2, -6);
    struct memplan_plan plan;

    (void)state;
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_UP), -4);
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_DOWN), -8);
    plan = plans_make(&request, MEMPLAN_NONE);
    assert_int_equal(plan.above, -4);
    assert_int_equal(plan.below, -8);
    assert_int_equal(plan.step_count, 0);
    memplan_plan_free(&plan);
    request.delta = -13;
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_UP), -12);
    request.nearest = MEMPLAN_NEAREST_DOWN;
    plan = plans_make(&request, MEMPLAN_NONE);
    assert_false(plan.has_below);
    memplan_plan_free(&plan);
    request = plans_request(items, 2, 7);
    request.granule = 4;
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_UP), 8);
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_DOWN), 4);
    request.free_space = 6;
    request.delta = 100;
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_DOWN), 4);
}

static void nearest_takes_a_swap_where_it_is_closer(void **state)
{
    const struct memplan_item items[] = {{.size = 16}};
    struct memplan_request request = plans_request(items, 1, -7);

    (void)state;
    request.granule = 2;
    request.swap = true;
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_UP), -6);
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_DOWN), -8);
    /* With less space less can be plugged instead, and so more has to go. */
    request.free_space = 4;
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_DOWN), -12);
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_UP), 0);
    request.free_slots = 0;
    assert_int_equal(nearest_delta(request, MEMPLAN_NEAREST_DOWN), -16);
}

/* Whether some set can be taken away for this amount, and the rest be plugged before. */
static bool brute_reaches(const struct memplan_request *request, uint64_t amount)
{
    uint64_t swap = amount % request->granule ? UINT64_MAX : brute_swap(request, amount);

    for (unsigned bits = 0; bits < 1U << request->item_count; bits++) {
        uint64_t sum = 0;

        for (size_t i = 0; i < request->item_count; i++)
            sum += bits >> i & 1 ? request->items[i].size : 0;
        if (sum == amount)
            return true;
    }
    return request->swap && swap != UINT64_MAX;
}

/* The first amount in the direction that can be taken away; UINT64_MAX: none. */
static uint64_t brute_nearest(const struct memplan_request *request, uint64_t wanted, bool up)
{
    for (uint64_t amount = wanted; amount <= 400; amount += up ? UINT64_MAX : 1) {
        if (brute_reaches(request, amount))
            return amount;
    }
    return UINT64_MAX;
}

/* Of the nearest subset and a swap to the nearest multiple, the closer one; the subset in a tie. */
static void nearest_with_a_swap_is_what_brute_force_says(void **state)
{
    size_t swaps = 0, subsets = 0, none = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 8000; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        struct memplan_request request;
        struct memplan_plan plan;
        uint64_t wanted, expected;
        size_t count;
        bool up;

        random_seed(seed);
        count = (size_t)random_below(5);
        for (size_t i = 0; i < count; i++)
            items[i] = (struct memplan_item){.size = 1 + random_below(40), .order = i};
        wanted = 1 + random_below(60);
        up = random_below(2);
        request = plans_request(items, count, -(int64_t)wanted);
        request.granule = 2 + random_below(6);
        request.free_slots = (uint32_t)random_below(3);
        request.free_space = random_below(20);
        if (brute_swap(&request, wanted) != UINT64_MAX)
            continue;
        request.swap = true;
        expected = brute_nearest(&request, wanted, up);
        request.nearest = up ? MEMPLAN_NEAREST_UP : MEMPLAN_NEAREST_DOWN;
        plan = plans_make(&request, expected != UINT64_MAX ? MEMPLAN_OK : MEMPLAN_NONE);
        if (expected != UINT64_MAX) {
            assert_int_equal(plan.delta, -(int64_t)expected);
            assert_true(plan.nearest_chosen);
        }
        swaps += plan.swapped;
        subsets += plan.step_count && !plan.swapped;
        none += expected == UINT64_MAX;
        memplan_plan_free(&plan);
    }
    assert_true(swaps > 150 && subsets > 1000 && none > 1000);
}

/* "The nearest are ..." is a promise: told by one request, kept by the next. */
static void the_nearest_that_are_named_are_what_nearest_takes(void **state)
{
    size_t taken = 0, refused = 0, swaps = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 8000; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        struct memplan_request request;
        struct memplan_plan named, plan;
        size_t count;

        random_seed(seed);
        count = (size_t)random_below(6);
        for (size_t i = 0; i < count; i++)
            items[i] = (struct memplan_item){
                .size = 1 + random_below(40), .order = i, .pinned = random_below(8) == 0};
        request = plans_request(items, count, (int64_t)random_below(120) - 80);
        request.granule = 1 + random_below(7);
        request.largest = random_below(2) ? request.granule + random_below(20) : 0;
        request.free_slots = (uint32_t)random_below(4);
        request.free_space = random_below(50);
        request.swap = random_below(2);
        if (memplan_plan_make(&request, &named) == MEMPLAN_OK) {
            assert_true(named.has_below && named.has_above);
            assert_int_equal(named.below, request.delta);
            assert_int_equal(named.above, request.delta);
            memplan_plan_free(&named);
            continue;
        }
        for (int up = 0; up < 2; up++) {
            bool possible = up ? named.has_above : named.has_below;

            request.nearest = up ? MEMPLAN_NEAREST_UP : MEMPLAN_NEAREST_DOWN;
            plan = plans_make(&request, possible ? MEMPLAN_OK : MEMPLAN_NONE);
            if (possible)
                assert_int_equal(plan.delta, up ? named.above : named.below);
            assert_int_equal(plan.has_below, named.has_below);
            assert_int_equal(plan.below, named.below);
            assert_int_equal(plan.has_above, named.has_above);
            assert_int_equal(plan.above, named.above);
            *(possible ? &taken : &refused) += 1;
            swaps += plan.swapped;
            memplan_plan_free(&plan);
        }
    }
    assert_true(taken > 2000 && refused > 500 && swaps > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_swap_moves_the_least_memory_within_slots_and_space),
        cmocka_unit_test(a_swap_of_odd_sizes_moves_the_least_memory),
        cmocka_unit_test(a_swap_reaches_a_growth_that_is_no_multiple),
        cmocka_unit_test(growth_by_what_is_no_multiple_is_what_brute_force_says),
        cmocka_unit_test(nearest_goes_the_way_it_is_told),
        cmocka_unit_test(nearest_takes_a_swap_where_it_is_closer),
        cmocka_unit_test(nearest_with_a_swap_is_what_brute_force_says),
        cmocka_unit_test(the_nearest_that_are_named_are_what_nearest_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
