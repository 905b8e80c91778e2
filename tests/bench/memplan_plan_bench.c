/*
 * Whole plans of libmemplan: what a hot set waits for before anything is sent. VMs with devices of
 * 128 MiB to 64 GiB, on one guest node and on four; growing, shrinking, and a swap.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memplan.h"
#include "support/clock.h"
#include "support/random.h"

#define MIB         ((uint64_t)1 << 20)
#define GIB         ((uint64_t)1 << 30)
#define MAX_DEVICES 256
#define MAX_NODES   4
#define RUNS        200

struct vm {
    struct memplan_item items[MAX_DEVICES];
    size_t count;
    uint64_t totals[MAX_NODES];
    uint32_t nodes;
    uint64_t plugged;
};

static void fill(struct vm *vm, size_t count, uint32_t nodes)
{
    memset(vm, 0, sizeof(*vm));
    vm->nodes = nodes;
    for (uint32_t i = 0; i < nodes; i++)
        vm->totals[i] = 16 * GIB;
    for (; vm->count < count; vm->count++) {
        struct memplan_item *item = &vm->items[vm->count];

        *item = (struct memplan_item){.size = 128 * MIB << random_below(10),
                                      .order = vm->count,
                                      .cost = random_below(10) ? 10 : 40,
                                      .node = (uint32_t)random_below(nodes)};
        vm->totals[item->node] += item->size;
        vm->plugged += item->size;
    }
}

/* The least time of many, in microseconds; negative: there is no plan, or another than asked for.
 */
static double measure(const struct vm *vm, int64_t delta, bool swap)
{
    double best = 1e9;

    for (int run = 0; run < RUNS; run++) {
        const struct memplan_request request = {.items = vm->items,
                                                .item_count = vm->count,
                                                .delta = delta,
                                                .swap = swap,
                                                .granule = 128 * MIB,
                                                .free_slots = 64,
                                                .free_space = 1024 * GIB * 16,
                                                .node_totals = vm->totals,
                                                .node_count = vm->nodes,
                                                .node = MEMPLAN_ANY_NODE};
        struct memplan_plan plan;
        double start = clock_now(), seconds;
        enum memplan_status status = memplan_plan_make_level(&request, &plan);
        bool reached;

        seconds = clock_now() - start;
        best = seconds < best ? seconds : best;
        reached = status == MEMPLAN_OK && plan.delta == delta && plan.swapped == swap;
        memplan_plan_free(&plan);
        if (!reached)
            return -1;
    }
    return best * 1e6;
}

int main(void)
{
    static const size_t counts[] = {16, 64, 256};
    static struct vm vm;
    bool planned = true;

    printf("Whole plans in a granule of 128 MiB, the least of %d runs\n\n", RUNS);
    printf("devices  nodes  %14s  %14s  %14s\n", "grow by 1 TiB", "to a third", "swap");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (uint32_t nodes = 1; nodes <= MAX_NODES; nodes += 3) {
            double grow, shrink, swap;

            fill(&vm, counts[i], nodes);
            grow = measure(&vm, (int64_t)(1024 * GIB), false);
            shrink = measure(&vm, -(int64_t)(vm.plugged / 3 / (128 * MIB) * (128 * MIB)), false);
            /* Only large ones: what is smaller has to be plugged first. */
            for (size_t item = 0; item < vm.count; item++)
                vm.items[item].size = 4 * GIB << random_below(5);
            swap = measure(&vm, -(int64_t)(5 * GIB + 384 * MIB), true);
            printf("%7zu  %5" PRIu32 "  %11.1f us  %11.1f us  %11.1f us\n", counts[i], nodes, grow,
                   shrink, swap);
            planned = planned && grow >= 0 && shrink >= 0 && swap >= 0;
        }
    }
    if (!planned)
        printf("\nfailed: a plan was not found\n");
    return planned ? 0 : 1;
}
