/* Plans: growth, completeness, walks, against brute force and by property.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memplan.h"
#include "support/plans.h"
#include "support/random.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* ---- Growth: every way to cut the amount into devices ---- */

struct cuts {
    const struct memplan_item *present;
    size_t present_count, slots;
    uint64_t parts[16];
    uint64_t best_gap;
    size_t best_count;
};

static void try_cuts(struct cuts *cuts, uint64_t rest, uint64_t least, size_t count)
{
    struct memplan_item items[PLANS_MAX_ITEMS];
    uint64_t gap;

    if (rest && count < cuts->slots)
        for (uint64_t size = least; size <= rest; size++) {
            cuts->parts[count] = size;
            try_cuts(cuts, rest - size, size, count + 1);
        }
    if (rest)
        return;
    memcpy(items, cuts->present, cuts->present_count * sizeof(*items));
    for (size_t i = 0; i < count; i++)
        items[cuts->present_count + i] = (struct memplan_item){.size = cuts->parts[i]};
    gap = memplan_largest_gap(items, cuts->present_count + count);
    if (gap < cuts->best_gap || (gap == cuts->best_gap && count < cuts->best_count)) {
        cuts->best_gap = gap;
        cuts->best_count = count;
    }
}

static void growth_has_the_smallest_gap_with_the_fewest_devices(void **state)
{
    size_t complete = 0, bridged = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        struct memplan_request request;
        struct memplan_plan plan;
        struct cuts cuts = {.present = items, .best_gap = UINT64_MAX};
        uint64_t largest = 0;

        random_seed(seed);
        cuts.present_count = (size_t)random_below(5);
        for (size_t i = 0; i < cuts.present_count; i++) {
            items[i] = (struct memplan_item){.size = 1 + random_below(seed % 2 ? 4 : 14)};
            if (items[i].size > largest)
                largest = items[i].size;
        }
        request = plans_request(items, cuts.present_count, 1 + (int64_t)random_below(15));
        request.free_slots = 1 + (uint32_t)random_below(14);
        cuts.slots = (request.free_slots + 1) / 2;
        try_cuts(&cuts, (uint64_t)request.delta, 1, 0);
        plan = plans_make(&request, MEMPLAN_OK);
        assert_int_equal(plan.delta, request.delta);
        assert_true(plan.step_count <= cuts.slots);
        assert_int_equal(plan.gap, cuts.best_gap);
        /* Devices that are too large to be bridged yet may call for more than the fewest. */
        if (plan.complete || largest <= (uint64_t)request.delta + 1) {
            assert_int_equal(plan.step_count, cuts.best_count);
            bridged++;
        }
        complete += plan.complete;
        plans_apply(&request, &plan, items, NULL);
        memplan_plan_free(&plan);
    }
    assert_true(complete > 500 && bridged > complete);
}

static void a_grown_set_gives_up_every_multiple_of_the_granule(void **state)
{
    (void)state;
    for (uint64_t amount = 1; amount <= 96; amount++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        struct memplan_request request = plans_request(items, 0, (int64_t)(amount * 128 * MIB));
        struct memplan_plan plan;
        size_t count;

        request.granule = 128 * MIB;
        request.free_slots = 16;
        request.free_space = 64 * GIB;
        plan = plans_make(&request, MEMPLAN_OK);
        assert_true(plan.complete && plan.gap == request.granule);
        count = plans_apply(&request, &plan, items, NULL);
        memplan_plan_free(&plan);
        for (uint64_t back = 0; back <= amount; back++) {
            request.item_count = count;
            request.delta = -(int64_t)(back * 128 * MIB);
            plan = plans_make(&request, MEMPLAN_OK);
            assert_int_equal(plan.delta, request.delta);
            assert_int_equal(plan.plugged, 0);
            memplan_plan_free(&plan);
        }
    }
}

static void assert_sizes(const struct memplan_plan *plan, const uint64_t *sizes, size_t count)
{
    assert_int_equal(plan->step_count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(plan->steps[i].size, sizes[i]);
}

static void sizes_are_small_first_and_large_ones_round(void **state)
{
    static const uint64_t thirty_two[] = {1, 1, 2, 4, 8, 16}, forty_eight[] = {1, 2, 3, 6, 12, 24};
    static const uint64_t on_eight[] = {1, 1, 2, 4};
    const struct memplan_item eight = {.size = 8};
    struct memplan_request request = plans_request(NULL, 0, 32);
    struct memplan_plan plan = plans_make(&request, MEMPLAN_OK);

    (void)state;
    assert_sizes(&plan, thirty_two, 6);
    memplan_plan_free(&plan);
    request.delta = 48;
    plan = plans_make(&request, MEMPLAN_OK);
    assert_sizes(&plan, forty_eight, 6);
    memplan_plan_free(&plan);
    request = plans_request(&eight, 1, 8);
    plan = plans_make(&request, MEMPLAN_OK);
    assert_sizes(&plan, on_eight, 4);
    assert_true(plan.complete);
    memplan_plan_free(&plan);
}

static void few_slots_cost_granularity_and_the_plan_says_so(void **state)
{
    static const uint64_t expected[] = {11, 21};
    struct memplan_request request = plans_request(NULL, 0, 32);
    struct memplan_plan plan;

    (void)state;
    request.free_slots = 4;
    plan = plans_make(&request, MEMPLAN_OK);
    assert_sizes(&plan, expected, 2);
    assert_false(plan.complete);
    assert_int_equal(plan.gap, 11);
    memplan_plan_free(&plan);
}

static void a_largest_size_may_take_more_than_half_of_the_slots(void **state)
{
    struct memplan_request request = plans_request(NULL, 0, 40);
    struct memplan_plan plan;

    (void)state;
    request.largest = 8;
    request.free_slots = 6;
    plan = plans_make(&request, MEMPLAN_OK);
    assert_int_equal(plan.step_count, 5);
    memplan_plan_free(&plan);
    request.free_slots = 4;
    plan = plans_make(&request, MEMPLAN_NONE);
    assert_true(plan.has_below && !plan.has_above);
    assert_int_equal(plan.below, 32);
    memplan_plan_free(&plan);
}

/* So many that they are not rounded: small, and then of the largest size. */
static void very_many_devices_are_planned_as_well(void **state)
{
    size_t many = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS] = {{.size = 1}, {.size = 9}};
        uint64_t totals[4] = {0, seed % 60, 3, 100}, amount, fewest;
        struct memplan_request request;
        struct memplan_plan plan;

        random_seed(seed);
        amount = 100 + random_below(300);
        request = plans_request(items, 2 * (seed % 2), (int64_t)amount);
        request.largest = 1 + random_below(5);
        request.free_slots = (uint32_t)(amount / request.largest + random_below(200));
        request.free_slots += amount % request.largest != 0;
        if (seed % 3 == 0) {
            request.node_totals = totals;
            request.node_count = 4;
        }
        fewest = (amount + request.largest - 1) / request.largest;
        plan = plans_make(&request, MEMPLAN_OK);
        assert_int_equal(plan.delta, amount);
        assert_true(plan.step_count >= fewest);
        /* With no slot to spare, none is lost to small devices. */
        if (request.free_slots == fewest)
            assert_int_equal(plan.step_count, fewest);
        many += plan.step_count > 64;
        plans_apply(&request, &plan, items, NULL);
        memplan_plan_free(&plan);
    }
    assert_true(many > 200);
}

/* Sizes that, with the step between them, pass 2^64. */
static void a_gap_of_extreme_sizes_is_the_smallest(void **state)
{
    const struct memplan_item items[] = {{.size = INT64_MAX - 1000011}, {.size = 7}};
    struct memplan_request request = plans_request(items, 2, INT64_MAX - 77777);
    struct memplan_plan plan;

    (void)state;
    request.free_space = UINT64_MAX;
    plan = plans_make(&request, MEMPLAN_OK);
    assert_int_equal(plan.step_count, 32);
    /* 32 devices, each as large as all before it and a gap: the gap is the amount by 2^32 - 1. */
    assert_true(plan.gap <= ((uint64_t)1 << 31) + 1);
    memplan_plan_free(&plan);
}

/* ---- Guest nodes ---- */

static uint64_t unevenness(const uint64_t *totals, size_t count)
{
    uint64_t low = UINT64_MAX, high = 0;

    for (size_t i = 0; i < count; i++) {
        low = totals[i] < low ? totals[i] : low;
        high = totals[i] > high ? totals[i] : high;
    }
    return high - low;
}

/* As level as it gets: one granule after the other to the node that has the least. */
static uint64_t level_by_granules(const uint64_t *totals, size_t count, uint64_t amount)
{
    uint64_t filled[4];

    memcpy(filled, totals, count * sizeof(*totals));
    for (; amount; amount--) {
        size_t least = 0;

        for (size_t i = 1; i < count; i++)
            least = filled[i] < filled[least] ? i : least;
        filled[least]++;
    }
    return unevenness(filled, count);
}

static void growth_levels_the_nodes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        uint64_t totals[4];
        struct memplan_request request;
        struct memplan_plan plan, single;
        uint64_t ideal;
        size_t present, nodes;

        random_seed(seed);
        present = (size_t)random_below(6);
        nodes = 2 + (size_t)random_below(3);
        for (size_t i = 0; i < nodes; i++)
            totals[i] = seed % 2 ? 50 : 50 + random_below(30);
        for (size_t i = 0; i < present; i++) {
            items[i] = (struct memplan_item){.size = (uint64_t)1 << i,
                                             .node = (uint32_t)random_below(nodes)};
            totals[items[i].node] += items[i].size;
        }
        request = plans_request(items, present, 1 + (int64_t)random_below(120));
        single = plans_make(&request, MEMPLAN_OK);
        request.node_totals = totals;
        request.node_count = (uint32_t)nodes;
        ideal = level_by_granules(totals, nodes, (uint64_t)request.delta);
        plan = plans_make(&request, MEMPLAN_OK);
        assert_true(plan.complete);
        assert_true(plan.step_count <= single.step_count + nodes);
        plans_apply(&request, &plan, items, totals);
        assert_int_equal(unevenness(totals, nodes), ideal);
        memplan_plan_free(&plan);
        memplan_plan_free(&single);
    }
}

static void a_fixed_node_gets_everything(void **state)
{
    const uint64_t totals[] = {100, 1, 50};
    struct memplan_request request = plans_request(NULL, 0, 32);
    struct memplan_plan plan;

    (void)state;
    request.node_totals = totals;
    request.node_count = 3;
    request.node = 2;
    plan = plans_make(&request, MEMPLAN_OK);
    for (size_t i = 0; i < plan.step_count; i++)
        assert_int_equal(plan.steps[i].node, 2);
    memplan_plan_free(&plan);
}

/* ---- Degenerate requests ---- */

static void nothing_to_do_is_a_plan_without_steps(void **state)
{
    struct memplan_request request = plans_request(NULL, 0, 0);
    struct memplan_plan plan;

    (void)state;
    request.free_slots = 0;
    request.free_space = 0;
    plan = plans_make(&request, MEMPLAN_OK);
    assert_int_equal(plan.step_count, 0);
    assert_true(plan.complete);
    memplan_plan_free(&plan);
    memplan_plan_free(NULL);
}

static void without_slots_or_space_nothing_grows(void **state)
{
    struct memplan_request request = plans_request(NULL, 0, 1);
    struct memplan_plan plan;

    (void)state;
    request.free_slots = 0;
    plan = plans_make(&request, MEMPLAN_NONE);
    assert_true(plan.has_below && plan.below == 0 && !plan.has_above);
    memplan_plan_free(&plan);
    request.free_slots = 1;
    request.free_space = 0;
    plan = plans_make(&request, MEMPLAN_NONE);
    memplan_plan_free(&plan);
}

static void extreme_numbers_are_refused_or_planned(void **state)
{
    const struct memplan_item half = {.size = (uint64_t)1 << 62};
    const struct memplan_item huge[] = {{.size = INT64_MAX}, {.size = 1}};
    static const uint64_t totals[MEMPLAN_MAX_NODES + 1] = {0};
    struct memplan_request request = plans_request(&half, 1, INT64_MIN);
    struct memplan_plan plan = plans_make(&request, MEMPLAN_NONE);

    (void)state;
    assert_int_equal(plan.above, -((int64_t)1 << 62));
    memplan_plan_free(&plan);
    request.swap = true;
    plans_make(&request, MEMPLAN_NONE);
    request = plans_request(&half, 1, INT64_MAX);
    request.free_space = UINT64_MAX;
    request.free_slots = UINT32_MAX;
    plan = plans_make(&request, MEMPLAN_OK);
    assert_int_equal(plan.delta, INT64_MAX);
    memplan_plan_free(&plan);
    request = plans_request(huge, 2, 1);
    plans_make(&request, MEMPLAN_INVALID);
    request = plans_request(NULL, 0, 1);
    request.granule = 0;
    plans_make(&request, MEMPLAN_INVALID);
    request.granule = 2;
    request.largest = 1;
    plans_make(&request, MEMPLAN_INVALID);
    request.largest = 0;
    request.node_count = 1;
    plans_make(&request, MEMPLAN_INVALID);
    request.node_count = 0;
    request.node = 1;
    plans_make(&request, MEMPLAN_INVALID);
    request.node_totals = totals;
    plans_make(&request, MEMPLAN_INVALID);
    request.node_count = 1;
    request.node = 1;
    plans_make(&request, MEMPLAN_INVALID);
    request.node = 0;
    request.granule = (uint64_t)1 << 63;
    plans_make(&request, MEMPLAN_INVALID);
    request.granule = 2;
    request.item_count = 1;
    plans_make(&request, MEMPLAN_INVALID);
    request.item_count = 0;
    request.node_count = MEMPLAN_MAX_NODES + 1;
    plans_make(&request, MEMPLAN_INVALID);
    request.node_count = MEMPLAN_MAX_NODES;
    request.delta = 10;
    plan = plans_make(&request, MEMPLAN_OK);
    memplan_plan_free(&plan);
    request.nearest = (enum memplan_nearest)9;
    plans_make(&request, MEMPLAN_INVALID);
    assert_string_equal(memplan_status_text((enum memplan_status)99), "unknown status");
    for (int status = MEMPLAN_OK; status <= MEMPLAN_NOMEM; status++)
        assert_string_not_equal(memplan_status_text((enum memplan_status)status), "unknown status");
}

/* ---- Completeness ---- */

static void completeness_is_what_brute_force_says(void **state)
{
    size_t complete = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        struct memplan_item items[8];
        uint64_t granule, sum = 0;
        bool reached[200] = {false}, expected = true;
        size_t count;

        random_seed(seed);
        count = (size_t)random_below(9);
        granule = 1 + random_below(4);
        for (size_t i = 0; i < count; i++) {
            uint64_t size = 1 + random_below(seed % 2 ? 6 : 20);

            items[i] = (struct memplan_item){.size = seed % 3 ? size : size / granule * granule,
                                             .pinned = random_below(6) == 0};
            sum += items[i].pinned ? 0 : items[i].size;
        }
        for (unsigned bits = 0; bits < 1U << count; bits++) {
            uint64_t now = 0;

            for (size_t i = 0; i < count; i++)
                now += bits >> i & 1 && !items[i].pinned ? items[i].size : 0;
            reached[now] = true;
        }
        for (uint64_t at = 0; at <= sum; at += granule)
            expected = expected && reached[at];
        assert_int_equal(memplan_is_complete(items, count, granule), expected);
        complete += expected;
    }
    assert_true(complete > 500 && complete < 4500);
}

/* ---- A life: many changes in a row ---- */

static void step_of_walk(struct memplan_item *items, size_t *count, uint64_t *totals)
{
    struct memplan_request request = plans_request(items, *count, 0);
    struct memplan_plan plan;
    uint64_t used = 0, slots = 0;
    enum memplan_status status;

    for (size_t i = 0; i < *count; i++) {
        used += items[i].size;
        slots += items[i].size != 0;
    }
    request.free_slots = (uint32_t)(16 - slots);
    request.free_space = 64 - used;
    request.node_totals = totals;
    request.node_count = 2;
    request.swap = random_below(2);
    request.delta = (int64_t)random_below(65) - (int64_t)used;
    status = memplan_plan_make(&request, &plan);
    assert_true(status == MEMPLAN_OK || status == MEMPLAN_NONE);
    if (status == MEMPLAN_OK) {
        assert_int_equal(plan.delta, request.delta);
        *count = plans_apply(&request, &plan, items, totals);
    } else {
        assert_int_equal(plan.step_count, 0);
        assert_true(request.delta < 0 || request.free_slots == 0);
        assert_false(request.swap && plan.swap_reaches);
    }
    memplan_plan_free(&plan);
}

static void a_random_walk_never_leaves_slots_or_space(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        uint64_t totals[2] = {20, 20};
        size_t count = 0;

        random_seed(seed);
        for (int i = 0; i < 30; i++) {
            size_t kept = 0;

            step_of_walk(items, &count, totals);
            for (size_t at = 0; at < count; at++)
                if (items[at].size)
                    items[kept++] = items[at];
            count = kept;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_has_the_smallest_gap_with_the_fewest_devices),
        cmocka_unit_test(a_grown_set_gives_up_every_multiple_of_the_granule),
        cmocka_unit_test(sizes_are_small_first_and_large_ones_round),
        cmocka_unit_test(few_slots_cost_granularity_and_the_plan_says_so),
        cmocka_unit_test(a_largest_size_may_take_more_than_half_of_the_slots),
        cmocka_unit_test(very_many_devices_are_planned_as_well),
        cmocka_unit_test(a_gap_of_extreme_sizes_is_the_smallest),
        cmocka_unit_test(growth_levels_the_nodes),
        cmocka_unit_test(a_fixed_node_gets_everything),
        cmocka_unit_test(nothing_to_do_is_a_plan_without_steps),
        cmocka_unit_test(without_slots_or_space_nothing_grows),
        cmocka_unit_test(extreme_numbers_are_refused_or_planned),
        cmocka_unit_test(completeness_is_what_brute_force_says),
        cmocka_unit_test(a_random_walk_never_leaves_slots_or_space),
    };

    return cmocka_run_group_tests_name("memplan: plans", tests, NULL, NULL);
}
