/*
 * libmemplan: arithmetic on the sizes of memory devices.
 *
 * Which devices to unplug to take away exactly so much, and which to plug so that afterwards every
 * multiple of a granule can be taken away again (a complete set). Answers are exact: where the best
 * one would need more work or memory than allowed, the status is MEMPLAN_LIMIT, never a worse
 * answer.
 *
 * Sizes are in bytes, of any granularity. No I/O, no clock, no global state; thread-safe as long as
 * two threads do not share a result. What a result holds is freed by its _free function, which
 * takes a result that was filled with any status, or zeroed, and leaves it zeroed.
 * SPDX-License-Identifier: MIT
 */
#ifndef MEMPLAN_H
#define MEMPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MEMPLAN_API __attribute__((visibility("default")))
#else
#define MEMPLAN_API
#endif

enum memplan_status {
    MEMPLAN_OK = 0,
    MEMPLAN_NONE,  /* there is no such subset or plan; the nearest that there are, are filled in */
    MEMPLAN_LIMIT, /* the answer would pass the bound on work or memory */
    MEMPLAN_INVALID, /* an argument cannot be: see each function */
    MEMPLAN_NOMEM    /* malloc said no */
};

/* At most this many items in one call. QEMU has at most 256 slots. */
#define MEMPLAN_MAX_ITEMS 16384
/* At most this many guest nodes. QEMU has at most 128. */
#define MEMPLAN_MAX_NODES 1024
/* Any guest node: the plan keeps the nodes in balance. */
#define MEMPLAN_ANY_NODE UINT32_MAX
/* The item of a step that plugs: none of those that there are. */
#define MEMPLAN_NO_ITEM SIZE_MAX

/* A memory device that there is. The caller's array is borrowed; results name items by index. */
struct memplan_item {
    uint64_t size;  /* bytes; an item of size 0 is never chosen */
    uint64_t order; /* greater: newer; where equal, the greater index is the newer */
    uint32_t cost;  /* the risk that the guest refuses to give it up; costs are added up */
    uint32_t node;  /* guest node */
    bool pinned;    /* is never chosen */
};

/*
 * The bound on one call. work: elementary steps (about 2 to 5 ns each), 0: 2^29. memory: bytes
 * that the search may hold at once, besides what it returns, 0: 64 MiB. A NULL pointer: defaults.
 * The sizes of new devices are not counted: they take microseconds for QEMU's 256 slots, and less
 * than a second for MEMPLAN_MAX_ITEMS.
 */
struct memplan_limits {
    uint64_t work;
    size_t memory;
};

/* ---- Subsets ---- */

enum memplan_goal {
    MEMPLAN_EXACT,   /* the sum is the target */
    MEMPLAN_AT_MOST, /* the greatest sum that is not above the target */
    MEMPLAN_AT_LEAST /* the smallest sum that is not below the target */
};

struct memplan_subset_request {
    const struct memplan_item *items;
    size_t item_count;
    enum memplan_goal goal;
    uint64_t target;
    /* The present total of each guest node, base memory included; NULL: balance does not matter. */
    const uint64_t *node_totals;
    uint32_t node_count;
    const struct memplan_limits *limits;
};

struct memplan_subset {
    size_t *chosen; /* indexes of items, newest first; owned by the result */
    size_t count;
    uint64_t sum;
    uint64_t cost;
    /* The reachable sums nearest to the target, which is itself one of them where it is reachable.
     * Sum 0 (take nothing) is always reachable. Filled with OK and NONE. */
    bool has_below, has_above;
    uint64_t below, above;
};

/*
 * The best subset of the items that are not pinned. Among the subsets with the right sum the best
 * has, in this order:
 *  1. the least total cost,
 *  2. the fewest items,
 *  3. newest first: it has the newest item if any subset that is still in the race has it, then
 *     the next newest, and so on. This decides between any two subsets, so the answer is unique.
 *  4. With node_totals, equal devices (same size, same cost) are then exchanged between nodes so
 *     that the node totals that remain come closer to each other; within a node the newest go
 *     first. This never changes sum, cost or count. Guarantee: no exchange of one chosen device
 * with an equal one of another node would bring the two nodes closer; where only one size leaves a
 *     choice, the sum of the squares of the totals is the least possible. Items on nodes outside of
 *     node_totals stay as step 3 had them.
 * Returns OK, NONE (nothing chosen; below and above are filled), LIMIT, NOMEM, or INVALID: more
 * than MEMPLAN_MAX_ITEMS or MEMPLAN_MAX_NODES, the sum of all sizes passes 2^64-1, NULL items, or
 * an unknown goal.
 */
MEMPLAN_API enum memplan_status memplan_subset_find(const struct memplan_subset_request *request,
                                                    struct memplan_subset *result);
MEMPLAN_API void memplan_subset_free(struct memplan_subset *result);

/* ---- Completeness ---- */

/*
 * OK: every multiple of granule, from 0 to the sum of the items that are not pinned, is the sum of
 * some of them. NONE: it is not so. LIMIT: not known within the bounds (only where sizes are no
 * multiples of granule). INVALID: granule 0, or items as for memplan_subset_find.
 */
MEMPLAN_API enum memplan_status memplan_completeness(const struct memplan_item *items, size_t count,
                                                     uint64_t granule,
                                                     const struct memplan_limits *limits);
/* The same with the default limits: true only for MEMPLAN_OK. */
MEMPLAN_API bool memplan_is_complete(const struct memplan_item *items, size_t count,
                                     uint64_t granule);
/*
 * The greatest distance between two neighbouring sums that can be reached with the items that are
 * not pinned; 0 where there are none (or the arguments are invalid), UINT64_MAX where malloc says
 * no. Where all sizes are multiples of granule, the set is complete exactly if this is at most
 * granule.
 */
MEMPLAN_API uint64_t memplan_largest_gap(const struct memplan_item *items, size_t count);

/* ---- Plans ---- */

/* What to do where the wanted size cannot be reached exactly. */
enum memplan_nearest {
    MEMPLAN_NEAREST_EXACT, /* nothing: the status is NONE */
    MEMPLAN_NEAREST_UP,    /* reach the smallest total above it */
    MEMPLAN_NEAREST_DOWN   /* reach the greatest total below it */
};

struct memplan_request {
    const struct memplan_item *items; /* all memory devices, those that cannot go as pinned */
    size_t item_count;
    int64_t delta;                /* how much more (or, negative, less) memory there shall be */
    enum memplan_nearest nearest; /* default exact */
    bool swap;                    /* may plug small devices to be able to unplug a larger one */
    uint64_t granule;    /* smallest new device; every new one is a multiple of it; not 0 */
    uint64_t largest;    /* largest new device, rounded down to the granule; 0: any */
    uint32_t free_slots; /* slots that new devices can take */
    uint64_t free_space; /* how much memory can be plugged before any is unplugged */
    /* The present total of each guest node, base memory included. NULL: one node, number 0. */
    const uint64_t *node_totals;
    uint32_t node_count;
    uint32_t node; /* for all new devices; or MEMPLAN_ANY_NODE: kept in balance */
    const struct memplan_limits *limits;
};

enum memplan_action { MEMPLAN_PLUG, MEMPLAN_UNPLUG };

struct memplan_step {
    enum memplan_action action;
    size_t item; /* what to unplug; MEMPLAN_NO_ITEM for plug */
    uint64_t size;
    uint32_t node;
    char reason[120]; /* why this step, a short sentence for people without a full stop */
};

/* Steps are to be done in their order, each when the guest has accepted the one before. */
struct memplan_plan {
    struct memplan_step *steps; /* owned by the result; plugs first, smallest first, then unplugs */
    size_t step_count;
    int64_t delta; /* what the plan reaches */
    uint64_t plugged, unplugged;
    uint64_t cost;       /* of what is unplugged */
    bool swapped;        /* has plugs and unplugs */
    bool nearest_chosen; /* delta is not what was asked, but the nearest that can be reached */
    /* Of the devices after the plan (the new ones included, the pinned ones not): whether every
     * multiple of the granule can be taken away, and the greatest distance between neighbouring
     * sums. complete is false where it is not known within the limits, of which a plan spends
     * little on this: it is always known where all sizes are multiples of the granule. */
    bool complete;
    uint64_t gap;
    /* The deltas nearest to the one asked for that the request can reach (equal to it where it can
     * be reached): what nearest up and down take, all else being the same. Filled with OK and NONE.
     */
    bool has_below, has_above;
    int64_t below, above;
    bool swap_reaches; /* with NONE: the same request with swap would reach the delta exactly */
};

/*
 * One plan to change the memory by delta.
 *
 * delta 0: no steps. Growing (delta above 0) plugs new devices:
 *  - Each is a multiple of the granule; together they are delta exactly.
 *  - The set of all devices that can be unplugged becomes complete, where delta and slots allow:
 *    sorted, a chain in which no device is larger than the smaller ones and one granule together.
 *    A device that is too large for delta to bridge is left out of the chain (a later growth may
 *    bridge it), and so is one that is no multiple of the granule.
 *  - At most half of the free slots (rounded up, so at least one) are used, so that growth
 *    stays possible. Only where largest leaves no other way more are used, up to all.
 *  - With these slots, the smallest possible gap; then the fewest devices for the chain (on one
 *    node: exactly the fewest; on several: at most as many more as there are nodes); then round
 *    sizes for the large devices.
 *  - With MEMPLAN_ANY_NODE the nodes that have the least are filled first, so that the totals end
 *    as level as whole granules and slots allow.
 * Shrinking (below 0) unplugs the best subset, as memplan_subset_find has it. Where there is
 * none and swap is allowed: plugs as for growing (but may use all free slots), then unplugs, with
 * the least memory moved. A swap can also serve a growth that is no multiple of the granule. Where
 * there is still none, nearest decides; of the nearest subset and the swap to the nearest multiple
 * of the granule that slots and space allow it takes the closer one, the subset where they tie.
 *
 * Returns OK, NONE (no steps; below, above and swap_reaches are filled), LIMIT, NOMEM, or INVALID:
 * items as for memplan_subset_find, granule 0, largest below the granule but not 0, node_totals
 * without node_count or the other way round, more than MEMPLAN_MAX_NODES, node not below node_count
 * (MEMPLAN_ANY_NODE is fine, and 0 where there is no node_count),
 * an unknown nearest, or sizes that together pass 2^63-1.
 */
MEMPLAN_API enum memplan_status memplan_plan_make(const struct memplan_request *request,
                                                  struct memplan_plan *plan);
/*
 * The same for several guest nodes, so that they are level after shrinking, too: each node is
 * planned as a VM of its own, with its share of delta, wherever this is possible and
 *  - growing: every node becomes complete, with no more than half of the free slots. These are more
 *    devices than memplan_plan_make needs, which may leave most of a node in one of them.
 *  - shrinking: it leaves the totals closer to each other (by the sum of their squares), and takes
 *    no device with a greater cost than memplan_plan_make takes.
 * Else, and with one node, a fixed node, a swap, or nearest chosen: what memplan_plan_make says.
 * The status is always that of memplan_plan_make.
 */
MEMPLAN_API enum memplan_status memplan_plan_make_level(const struct memplan_request *request,
                                                        struct memplan_plan *plan);
MEMPLAN_API void memplan_plan_free(struct memplan_plan *plan);

/* The name of a status for messages, such as "no such plan". Never NULL. */
MEMPLAN_API const char *memplan_status_text(enum memplan_status status);

#ifdef __cplusplus
}
#endif

#endif
