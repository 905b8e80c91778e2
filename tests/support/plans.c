/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/plans.h"
#include "support/random.h"

struct memplan_request plans_request(const struct memplan_item *items, size_t count, int64_t delta)
{
    return (struct memplan_request){.items = items,
                                    .item_count = count,
                                    .delta = delta,
                                    .granule = 1,
                                    .free_slots = 64,
                                    .free_space = 1000000,
                                    .node = MEMPLAN_ANY_NODE};
}

struct memplan_plan plans_make(const struct memplan_request *request, enum memplan_status expected)
{
    struct memplan_plan plan;

    assert_int_equal(memplan_plan_make(request, &plan), expected);
    return plan;
}

size_t plans_apply(const struct memplan_request *request, const struct memplan_plan *plan,
                   struct memplan_item *items, uint64_t *totals)
{
    uint64_t plugged = 0, unplugged = 0, cost = 0, last = 0;
    size_t count = request->item_count, plugs = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct memplan_step *step = &plan->steps[i];

        assert_true(step->reason[0] != '\0');
        assert_non_null(memchr(step->reason, '\0', sizeof(step->reason)));
        if (step->action == MEMPLAN_PLUG) {
            assert_int_equal(unplugged, 0);
            assert_int_equal(step->size % request->granule, 0);
            assert_true(step->size >= request->granule && step->size >= last);
            assert_true(!request->largest || step->size <= request->largest);
            last = step->size;
            plugs++;
            plugged += step->size;
            assert_true(count < PLANS_MAX_ITEMS);
            items[count++] = (struct memplan_item){
                .size = step->size, .node = step->node, .order = 1000 + random_below(1000)};
        } else {
            assert_true(step->item < request->item_count && !items[step->item].pinned);
            assert_int_equal(items[step->item].size, step->size);
            cost += items[step->item].cost;
            unplugged += step->size;
            items[step->item].size = 0;
        }
        if (totals && step->action == MEMPLAN_PLUG)
            totals[step->node] += step->size;
        else if (totals)
            totals[step->node] -= step->size;
    }
    assert_true(plugs <= request->free_slots && plugged <= request->free_space);
    assert_int_equal(plan->plugged, plugged);
    assert_int_equal(plan->unplugged, unplugged);
    assert_int_equal(plan->cost, cost);
    assert_int_equal(plan->delta, (int64_t)plugged - (int64_t)unplugged);
    assert_int_equal(plan->complete, memplan_is_complete(items, count, request->granule));
    assert_int_equal(plan->gap, memplan_largest_gap(items, count));
    return count;
}
