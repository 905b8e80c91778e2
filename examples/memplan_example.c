/*
 * libmemplan in one page: a VM whose memory grows by 6 GiB and then gives 1.5 GiB back.
 *
 *     cc memplan_example.c $(pkg-config --cflags --libs memplan)
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>

#include <memplan.h>

#define MIB UINT64_C(1048576)

static void print_steps(const struct memplan_plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct memplan_step *step = &plan->steps[i];

        printf("  %-6s %5" PRIu64 " MiB, node %" PRIu32 ": %s\n",
               step->action == MEMPLAN_PLUG ? "plug" : "unplug", step->size / MIB, step->node,
               step->reason);
    }
}

/* Plans, prints, and does as if the plan had been carried out. Returns how many devices there are
 * then. */
static size_t change_memory(struct memplan_item *items, size_t count, int64_t mebibytes)
{
    struct memplan_request request = {.items = items,
                                      .item_count = count,
                                      .delta = mebibytes * (int64_t)MIB,
                                      .granule = 128 * MIB,
                                      .free_slots = 16,
                                      .free_space = 16384 * MIB,
                                      .node = MEMPLAN_ANY_NODE};
    struct memplan_plan plan;
    enum memplan_status status = memplan_plan_make(&request, &plan);

    printf("%+" PRId64 " MiB: %s\n", mebibytes, memplan_status_text(status));
    print_steps(&plan);
    for (size_t i = 0; i < plan.step_count; i++) {
        if (plan.steps[i].action == MEMPLAN_PLUG) {
            items[count] = (struct memplan_item){.size = plan.steps[i].size, .order = count};
            count++;
        } else {
            items[plan.steps[i].item].size = 0;
        }
    }
    memplan_plan_free(&plan);
    return count;
}

int main(void)
{
    struct memplan_item items[64] = {{.size = 0}};
    size_t count = 0;

    count = change_memory(items, count, 6144);
    count = change_memory(items, count, -1536);
    printf("complete: %s\n", memplan_is_complete(items, count, 128 * MIB) ? "yes" : "no");
    return 0;
}
