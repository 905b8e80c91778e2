/* Several guest nodes: level after growing and after shrinking. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memplan.h"
#include "support/plans.h"
#include "support/random.h"

#define MAX_ITEMS 300
#define MAX_NODES 4

/* A VM that counts in granules of 1. */
struct vm {
    struct memplan_item items[MAX_ITEMS];
    size_t count;
    uint64_t totals[MAX_NODES];
    uint32_t nodes;
    uint32_t slots;
    uint64_t next_order;
};

static struct memplan_request request_of(const struct vm *vm, int64_t delta)
{
    return (struct memplan_request){.items = vm->items,
                                    .item_count = vm->count,
                                    .delta = delta,
                                    .granule = 1,
                                    .free_slots = vm->slots - (uint32_t)vm->count,
                                    .free_space = 100000,
                                    .node_totals = vm->totals,
                                    .node_count = vm->nodes,
                                    .node = MEMPLAN_ANY_NODE};
}

/* Checks what holds for every plan, and does what it says. */
static void apply(struct vm *vm, const struct memplan_plan *plan, int64_t delta)
{
    uint64_t plugged = 0, unplugged = 0, cost = 0, last = 0;
    size_t kept = 0, before = vm->count;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct memplan_step *step = &plan->steps[i];

        assert_true(step->reason[0] != '\0');
        if (step->action == MEMPLAN_PLUG) {
            assert_true(step->size > 0 && step->size >= last && vm->count < MAX_ITEMS);
            last = step->size;
            plugged += step->size;
            vm->totals[step->node] += step->size;
            vm->items[vm->count++] = (struct memplan_item){
                .size = step->size, .node = step->node, .order = vm->next_order++, .cost = 10};
        } else {
            struct memplan_item *item = &vm->items[step->item];

            assert_true(step->item < before && !item->pinned && item->size == step->size &&
                        item->size > 0 && item->node == step->node);
            cost += item->cost;
            unplugged += item->size;
            vm->totals[item->node] -= item->size;
            item->size = 0;
        }
    }
    assert_true(vm->count <= vm->slots);
    assert_int_equal(plan->complete, memplan_is_complete(vm->items, vm->count, 1));
    assert_int_equal(plan->gap, memplan_largest_gap(vm->items, vm->count));
    for (size_t i = 0; i < vm->count; i++) {
        if (vm->items[i].size)
            vm->items[kept++] = vm->items[i];
    }
    vm->count = kept;
    assert_int_equal(plan->plugged, plugged);
    assert_int_equal(plan->unplugged, unplugged);
    assert_int_equal(plan->cost, cost);
    assert_int_equal((int64_t)plugged - (int64_t)unplugged, delta);
    assert_int_equal(plan->delta, delta);
    assert_true(plan->has_below && plan->has_above && plan->below == delta && plan->above == delta);
}

static uint64_t height(const struct vm *vm)
{
    uint64_t least = UINT64_MAX, most = 0;

    for (uint32_t i = 0; i < vm->nodes; i++) {
        least = vm->totals[i] < least ? vm->totals[i] : least;
        most = vm->totals[i] > most ? vm->totals[i] : most;
    }
    return most - least;
}

static void change_level(struct vm *vm, int64_t delta)
{
    struct memplan_request request = request_of(vm, delta);
    struct memplan_plan plan;

    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
    if (delta != 0)
        apply(vm, &plan, delta);
    memplan_plan_free(&plan);
    assert_true(height(vm) <= 1);
}

/* Grown in a few steps, and then by any amount less. */
static void nodes_stay_level_up_and_down(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        static struct vm vm;
        int64_t plugged = 0, less;

        random_seed(seed);
        vm = (struct vm){.slots = 256, .nodes = 2 + (uint32_t)random_below(3)};
        for (uint32_t i = 0; i < vm.nodes; i++)
            vm.totals[i] = 16;
        for (uint64_t step = random_below(4); step < 4; step++) {
            int64_t more = (int64_t)random_below(200);

            change_level(&vm, more);
            plugged += more;
        }
        less = (int64_t)random_below((uint64_t)plugged + 1);
        change_level(&vm, -less);
        change_level(&vm, less - plugged);
        assert_int_equal(vm.count, 0);
    }
}

/* Where bases differ, the emptiest grow first, and the fullest shrink first. */
static void uneven_nodes_are_levelled(void **state)
{
    static struct vm vm = {.slots = 64, .nodes = 3, .totals = {10, 20, 40}};
    static const struct {
        int64_t delta;
        uint64_t totals[3];
    } steps[] = {
        {7, {17, 20, 40}},  {9, {23, 23, 40}},   {35, {41, 40, 40}},
        {-3, {39, 39, 40}}, {-38, {20, 20, 40}},
    };
    struct memplan_request request;
    struct memplan_plan plan;

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        request = request_of(&vm, steps[i].delta);
        assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
        apply(&vm, &plan, steps[i].delta);
        memplan_plan_free(&plan);
        for (uint32_t node = 0; node < 3; node++)
            assert_int_equal(vm.totals[node], steps[i].totals[node]);
    }
}

/* ---- Back again ---- */

/* What there is before: any devices on any nodes, in every second VM no multiples of the granule.
 */
static size_t scatter(uint64_t seed, uint64_t granule, uint32_t nodes, struct memplan_item *items,
                      uint64_t *totals)
{
    size_t count = (size_t)random_below(7);

    for (uint32_t node = 0; node < nodes; node++)
        totals[node] = random_below(40);
    for (size_t i = 0; i < count; i++) {
        uint64_t size = 1 + random_below(20);

        items[i] = (struct memplan_item){.size = seed % 2 ? size : size * granule,
                                         .order = i,
                                         .node = (uint32_t)random_below(nodes),
                                         .pinned = random_below(8) == 0};
        totals[items[i].node] += items[i].size;
    }
    return count;
}

static void shrink(const struct memplan_request *grown, const struct memplan_item *items,
                   size_t count, const uint64_t *totals, uint64_t less)
{
    struct memplan_item left[PLANS_MAX_ITEMS];
    uint64_t left_totals[MAX_NODES];
    struct memplan_request request = *grown;
    struct memplan_plan plan;

    memcpy(left, items, count * sizeof *left);
    memcpy(left_totals, totals, request.node_count * sizeof *totals);
    request.items = items;
    request.item_count = count;
    request.node_totals = totals;
    request.delta = -(int64_t)less;
    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
    plans_apply(&request, &plan, left, left_totals);
    assert_int_equal(plan.delta, request.delta);
    assert_int_equal(plan.plugged, 0);
    memplan_plan_free(&plan);
}

/* From any set on any nodes: what it grew by can go again, and so can, where the plan calls the set
 * complete, every multiple of the granule. */
static void what_has_grown_can_shrink_by_every_multiple(void **state)
{
    size_t complete = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        struct memplan_item items[PLANS_MAX_ITEMS];
        uint64_t before[MAX_NODES], totals[MAX_NODES], granule, can_go = 0;
        struct memplan_request request;
        struct memplan_plan plan;
        size_t count;

        random_seed(seed);
        granule = 1 + random_below(4);
        request = plans_request(items, 0, (int64_t)(granule * (1 + random_below(40))));
        request.granule = granule;
        request.free_slots = 1 + (uint32_t)random_below(30);
        request.node_count = 1 + (uint32_t)random_below(MAX_NODES);
        request.item_count = scatter(seed, granule, request.node_count, items, before);
        request.node_totals = before;
        assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
        assert_int_equal(plan.delta, request.delta);
        memcpy(totals, before, sizeof totals);
        count = plans_apply(&request, &plan, items, totals);
        shrink(&request, items, count, totals, (uint64_t)request.delta);
        for (size_t i = 0; i < count; i++)
            can_go += items[i].pinned ? 0 : items[i].size;
        for (uint64_t less = granule; plan.complete && less <= can_go; less += granule)
            shrink(&request, items, count, totals, less);
        complete += plan.complete;
        memplan_plan_free(&plan);
    }
    assert_true(complete > 600 && complete < 1500);
}

/* ---- Beside memplan_plan_make ---- */

static uint64_t squares_after(const struct vm *vm, const struct memplan_plan *plan)
{
    uint64_t totals[MAX_NODES], sum = 0;

    memcpy(totals, vm->totals, sizeof totals);
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct memplan_step *step = &plan->steps[i];

        totals[step->node] += step->action == MEMPLAN_PLUG ? step->size : 0 - step->size;
    }
    for (uint32_t i = 0; i < vm->nodes; i++)
        sum += totals[i] * totals[i];
    return sum;
}

static uint32_t greatest_cost(const struct vm *vm, const struct memplan_plan *plan)
{
    uint32_t greatest = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].action == MEMPLAN_UNPLUG &&
            vm->items[plan->steps[i].item].cost > greatest)
            greatest = vm->items[plan->steps[i].item].cost;
    }
    return greatest;
}

static void fill(struct vm *vm)
{
    *vm = (struct vm){.slots = 1 + (uint32_t)random_below(40),
                      .nodes = 1 + (uint32_t)random_below(MAX_NODES)};
    for (uint32_t i = 0; i < vm->nodes; i++)
        vm->totals[i] = 10 + random_below(20);
    vm->count = (size_t)random_below(vm->slots + 1);
    vm->count = vm->count > 14 ? 14 : vm->count;
    for (size_t i = 0; i < vm->count; i++) {
        struct memplan_item *item = &vm->items[i];

        *item = (struct memplan_item){.size = 1 + random_below(12),
                                      .order = random_below(8),
                                      .cost = random_below(6) ? 10 : 40,
                                      .node = (uint32_t)random_below(vm->nodes),
                                      .pinned = random_below(8) == 0};
        vm->totals[item->node] += item->size;
    }
    vm->next_order = 100;
}

static void it_is_never_worse_than_one_plan_for_all(void **state)
{
    size_t more_level = 0, same = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        static struct vm vm;
        struct memplan_request request;
        struct memplan_plan together, level;
        enum memplan_status status;

        random_seed(seed);
        fill(&vm);
        request = request_of(&vm, (int64_t)random_below(80) - 40);
        request.swap = random_below(4) == 0;
        request.nearest = (enum memplan_nearest)random_below(3);
        status = memplan_plan_make(&request, &together);
        assert_int_equal(memplan_plan_make_level(&request, &level), status);
        assert_int_equal(level.delta, together.delta);
        assert_int_equal(level.swapped, together.swapped);
        assert_true(squares_after(&vm, &level) <= squares_after(&vm, &together) || level.delta > 0);
        assert_true(greatest_cost(&vm, &level) <= greatest_cost(&vm, &together));
        assert_true(level.complete || !together.complete || level.delta < 0);
        assert_true(level.step_count <= together.step_count || level.delta < 0 ||
                    level.step_count <= (request.free_slots + 1) / 2);
        if (squares_after(&vm, &level) < squares_after(&vm, &together)) {
            more_level++;
            apply(&vm, &level, request.delta);
        } else {
            same++;
        }
        memplan_plan_free(&level);
        memplan_plan_free(&together);
    }
    assert_true(more_level > 300 && same > 1000);
}

/* ---- What is said of it ---- */

static bool says(const struct memplan_plan *plan, const char *words)
{
    return plan->step_count > 0 && strstr(plan->steps[0].reason, words) != NULL;
}

static void balance_is_said_where_it_is_so(void **state)
{
    size_t level = 0, closer = 0, neither = 0, left_level = 0, left_otherwise = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        static struct vm vm;
        struct memplan_request request;
        struct memplan_plan plan;
        uint64_t before, after;

        random_seed(seed);
        fill(&vm);
        request = request_of(&vm, (int64_t)random_below(80) - 40);
        if (memplan_plan_make_level(&request, &plan) != MEMPLAN_OK || vm.nodes == 1) {
            memplan_plan_free(&plan);
            continue;
        }
        before = height(&vm);
        apply(&vm, &plan, request.delta);
        after = height(&vm);
        if (request.delta > 0) {
            assert_int_equal(says(&plan, "and nodes in balance"), after <= 1);
            assert_int_equal(says(&plan, "brings nodes closer to balance"),
                             after > 1 && after < before);
            *(after <= 1 ? &level : after < before ? &closer : &neither) += 1;
        } else if (says(&plan, "leave the nodes")) {
            assert_int_equal(says(&plan, "in balance"), after <= 1);
            *(after <= 1 ? &left_level : &left_otherwise) += 1;
        }
        memplan_plan_free(&plan);
    }
    assert_true(level > 500 && closer > 500 && neither > 100);
    assert_true(left_level > 50 && left_otherwise > 50);
}

/* Balance is no reason to ask for what has been refused. */
static void a_risk_is_not_taken_for_balance(void **state)
{
    static struct vm vm = {.slots = 16,
                           .nodes = 2,
                           .totals = {18, 18},
                           .count = 3,
                           .items = {{.size = 8, .node = 0, .cost = 10},
                                     {.size = 4, .node = 1, .cost = 40},
                                     {.size = 4, .node = 0, .cost = 10}}};
    struct memplan_request request = request_of(&vm, -8);
    struct memplan_plan plan;

    (void)state;
    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
    assert_int_equal(plan.step_count, 1);
    assert_int_equal(plan.steps[0].item, 0);
    memplan_plan_free(&plan);
    vm.items[1].cost = 10;
    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
    assert_int_equal(plan.step_count, 2);
    assert_int_equal(plan.steps[0].item, 2);
    assert_int_equal(plan.steps[1].item, 1);
    memplan_plan_free(&plan);
}

/* Too few slots for a set on each node: then one for all. */
static void few_slots_are_kept_for_later(void **state)
{
    static struct vm vm = {.slots = 6, .nodes = 2, .totals = {8, 8}};
    struct memplan_request request = request_of(&vm, 14);
    struct memplan_plan together, level;

    (void)state;
    assert_int_equal(memplan_plan_make(&request, &together), MEMPLAN_OK);
    assert_int_equal(memplan_plan_make_level(&request, &level), MEMPLAN_OK);
    assert_int_equal(level.step_count, together.step_count);
    assert_true(level.step_count <= 3);
    memplan_plan_free(&level);
    memplan_plan_free(&together);
}

/* Asks both ways; a level plan that is the same as the other is not a node's own. */
static void assert_as_without(const struct memplan_request *request)
{
    struct memplan_plan plan, level;

    assert_int_equal(memplan_plan_make(request, &plan), MEMPLAN_OK);
    assert_int_equal(memplan_plan_make_level(request, &level), MEMPLAN_OK);
    assert_int_equal(level.step_count, plan.step_count);
    assert_memory_equal(level.steps, plan.steps, plan.step_count * sizeof(*plan.steps));
    memplan_plan_free(&plan);
    memplan_plan_free(&level);
}

static void what_nodes_can_not_share_is_as_without(void **state)
{
    const struct memplan_item threes[] = {
        {.size = 3, .node = 0}, {.size = 3, .node = 1}, {.size = 1, .node = 0}};
    uint64_t totals[] = {4, 3};
    struct memplan_request request = {.items = threes,
                                      .item_count = 3,
                                      .delta = -7,
                                      .granule = 2,
                                      .free_slots = 16,
                                      .free_space = 100,
                                      .node_totals = totals,
                                      .node_count = 2,
                                      .node = MEMPLAN_ANY_NODE};

    (void)state;
    assert_as_without(&request);
    /* Three granules, of which each node has one in whole. */
    request.delta = -6;
    assert_as_without(&request);
    /* A node that is said to have less than its devices. */
    totals[0] = totals[1] = 0;
    request.granule = 1;
    assert_as_without(&request);
    request.delta = -3;
    assert_as_without(&request);
}

/* A node that is said to have nothing has a device all the same: taking it levels nothing. */
static void a_node_with_less_than_its_devices_is_empty_at_worst(void **state)
{
    const struct memplan_item items[] = {
        {.size = 1}, {.size = 1}, {.size = 1}, {.size = 3, .node = 1}};
    const uint64_t totals[] = {100, 0};
    struct memplan_request request = {.items = items,
                                      .item_count = 4,
                                      .delta = -3,
                                      .granule = 1,
                                      .node_totals = totals,
                                      .node_count = 2,
                                      .node = MEMPLAN_ANY_NODE};
    struct memplan_plan plan;

    (void)state;
    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
    assert_int_equal(plan.step_count, 3);
    memplan_plan_free(&plan);
}

/* Where small devices need more than half of the slots, nodes do not take more each by itself. */
static void small_devices_are_as_without(void **state)
{
    const uint64_t totals[] = {0, 0};
    struct memplan_request request = {.delta = 40,
                                      .granule = 1,
                                      .largest = 4,
                                      .free_slots = 16,
                                      .free_space = 100,
                                      .node_totals = totals,
                                      .node_count = 2,
                                      .node = MEMPLAN_ANY_NODE};
    struct memplan_plan plan;

    (void)state;
    assert_as_without(&request);
    request.free_slots = 64;
    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
    assert_true(plan.complete);
    memplan_plan_free(&plan);
}

static void extreme_numbers_are_as_without(void **state)
{
    static const uint64_t huge[] = {UINT64_MAX, 1}, wide[] = {(uint64_t)1 << 51, 1};
    struct memplan_request request = {
        .granule = 1, .delta = 1000, .free_slots = 16, .node = MEMPLAN_ANY_NODE, .node_count = 2};
    struct memplan_plan plan;

    (void)state;
    request.free_space = UINT64_MAX;
    request.node_totals = huge;
    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
    assert_int_equal(plan.delta, 1000);
    memplan_plan_free(&plan);
    request.node_totals = wide;
    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_OK);
    assert_int_equal(plan.delta, 1000);
    for (size_t i = 0; i < plan.step_count; i++)
        assert_int_equal(plan.steps[i].node, 1);
    memplan_plan_free(&plan);
    request.granule = 0;
    assert_int_equal(memplan_plan_make_level(&request, &plan), MEMPLAN_INVALID);
    assert_null(plan.steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_stay_level_up_and_down),
        cmocka_unit_test(uneven_nodes_are_levelled),
        cmocka_unit_test(what_has_grown_can_shrink_by_every_multiple),
        cmocka_unit_test(it_is_never_worse_than_one_plan_for_all),
        cmocka_unit_test(balance_is_said_where_it_is_so),
        cmocka_unit_test(a_risk_is_not_taken_for_balance),
        cmocka_unit_test(few_slots_are_kept_for_later),
        cmocka_unit_test(what_nodes_can_not_share_is_as_without),
        cmocka_unit_test(a_node_with_less_than_its_devices_is_empty_at_worst),
        cmocka_unit_test(small_devices_are_as_without),
        cmocka_unit_test(extreme_numbers_are_as_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
