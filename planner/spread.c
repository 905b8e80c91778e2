/*
 * New devices over guest nodes.
 *
 * The sizes alone decide what can be reached later; which node a device is on, only the balance. So
 * the fewest, roundest sizes are dealt to the nodes first, largest to the emptiest. Where that
 * leaves the totals less level than whole granules could, each node's share is computed, and sizes
 * are made that fill each share exactly. SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "grow.h"

struct spread {
    const struct grow_request *request;
    uint64_t *shares; /* what each node is to get, in granules */
    wide *totals;     /* bytes, as devices are dealt */
    uint32_t *order;  /* nodes, emptiest first */
};

static uint32_t emptiest(const struct spread *spread)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < spread->request->node_count; i++)
        if (spread->totals[i] < spread->totals[best])
            best = i;
    return best;
}

static void reset_totals(struct spread *spread)
{
    for (uint32_t i = 0; i < spread->request->node_count; i++)
        spread->totals[i] = spread->request->node_totals[i];
}

/* How far apart the nodes' totals are. */
static wide unevenness(const struct spread *spread)
{
    wide low = spread->totals[0], high = low;

    for (uint32_t i = 1; i < spread->request->node_count; i++) {
        if (spread->totals[i] < low)
            low = spread->totals[i];
        if (spread->totals[i] > high)
            high = spread->totals[i];
    }
    return high - low;
}

/* Puts sizes, sorted, on nodes: the largest first, each on the node that has the least. */
static wide deal(struct spread *spread, struct grow_device *devices, size_t count)
{
    reset_totals(spread);
    for (size_t i = count; i-- > 0;) {
        uint32_t node = emptiest(spread);

        devices[i].node = node;
        spread->totals[node] += (wide)devices[i].size * spread->request->granule;
    }
    return unevenness(spread);
}

static void sort_nodes(struct spread *spread)
{
    const uint64_t *totals = spread->request->node_totals;

    /* Insertion: nodes are few, and stable, so that equal ones stay in the order of their numbers.
     */
    for (uint32_t i = 0; i < spread->request->node_count; i++) {
        uint32_t at = i;

        for (; at > 0 && totals[spread->order[at - 1]] > totals[i]; at--)
            spread->order[at] = spread->order[at - 1];
        spread->order[at] = i;
    }
}

/* Fills the first count nodes of the order like water; what is less than a granule each, one by
 * one. */
static void pour(struct spread *spread, uint32_t count)
{
    const struct grow_request *request = spread->request;
    wide amount = (wide)request->amount * request->granule, below = 0, level = 0;
    uint64_t left = request->amount;
    uint32_t wet = 0;

    for (; wet < count; wet++) {
        uint64_t next = request->node_totals[spread->order[wet]];

        if (wet && (wide)next * wet - below >= amount)
            break;
        below += next;
    }
    level = (amount + below) / wet;
    reset_totals(spread);
    memset(spread->shares, 0, request->node_count * sizeof(*spread->shares));
    for (uint32_t i = 0; i < wet; i++) {
        uint32_t node = spread->order[i];

        spread->shares[node] = (uint64_t)((level - request->node_totals[node]) / request->granule);
        spread->totals[node] += (wide)spread->shares[node] * request->granule;
        left -= spread->shares[node];
    }
    for (; left; left--) {
        uint32_t node = spread->order[0];

        for (uint32_t i = 1; i < count; i++)
            if (spread->totals[spread->order[i]] < spread->totals[node])
                node = spread->order[i];
        spread->shares[node]++;
        spread->totals[node] += request->granule;
    }
}

/* The node to serve next: the largest share that one device of at most limit fills; else the
 * largest. */
static uint32_t next_node(const struct spread *spread, uint64_t limit)
{
    const uint64_t *shares = spread->shares;
    uint32_t best = 0;

    for (uint32_t i = 1; i < spread->request->node_count; i++) {
        bool fills = shares[i] && shares[i] <= limit;
        bool best_fills = shares[best] && shares[best] <= limit;

        if (fills != best_fills ? fills : shares[i] > shares[best])
            best = i;
    }
    return best;
}

/* Devices that fill all shares, and are a chain. Returns how many, SIZE_MAX for too many. */
static size_t fill_shares(struct spread *spread, struct grow_device *devices)
{
    const struct grow_request *request = spread->request;
    uint64_t sum = 0, left = request->amount;
    size_t count = 0, next = 0;

    while (left) {
        uint64_t size;
        uint32_t node;

        while (next < request->chain_count && request->chain[next] <= size_add(sum, request->step))
            sum += request->chain[next++];
        size = size_min(size_add(sum, request->step), request->largest);
        node = next_node(spread, size);
        size = size_min(size, spread->shares[node]);
        if (count == request->slots)
            return SIZE_MAX;
        devices[count++] = (struct grow_device){size, node};
        spread->shares[node] -= size;
        sum += size;
        left -= size;
    }
    return count;
}

static int compare_devices(const void *a, const void *b)
{
    const struct grow_device *x = a, *y = b;

    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

/* Replaces the devices that were dealt where shares come out more level, within the slots. */
static size_t improve(struct spread *spread, struct grow_device *devices, size_t count, wide dealt,
                      struct grow_device *filled)
{
    const struct grow_request *request = spread->request;
    size_t most = request->slots < request->node_count ? request->slots : request->node_count;
    size_t better;

    sort_nodes(spread);
    pour(spread, (uint32_t)most);
    if (unevenness(spread) >= dealt)
        return count;
    better = fill_shares(spread, filled);
    if (better == SIZE_MAX)
        return count;
    memcpy(devices, filled, better * sizeof(*devices));
    return better;
}

static enum memplan_status spread_devices(const struct grow_request *request,
                                          struct grow_device *devices, size_t *count)
{
    struct spread spread = {.request = request};
    struct grow_device *filled = malloc(request->slots * sizeof(*filled));
    enum memplan_status status = MEMPLAN_NOMEM;

    spread.shares = malloc(request->node_count * sizeof(*spread.shares));
    spread.totals = malloc(request->node_count * sizeof(*spread.totals));
    spread.order = malloc(request->node_count * sizeof(*spread.order));
    if (filled && spread.shares && spread.totals && spread.order) {
        wide dealt = deal(&spread, devices, *count);

        *count = improve(&spread, devices, *count, dealt, filled);
        status = MEMPLAN_OK;
    }
    free(filled);
    free(spread.shares);
    free(spread.totals);
    free(spread.order);
    return status;
}

enum memplan_status grow_devices(struct grow_request *request, struct grow_device *devices,
                                 size_t *count)
{
    bool spread = request->node == MEMPLAN_ANY_NODE && request->node_count > 1;
    enum memplan_status status = MEMPLAN_OK;
    struct grow_request before;

    grow_find_step(request);
    /* Finding the sizes uses the request up. */
    before = *request;
    before.chain = malloc((request->chain_count + 1) * sizeof(*before.chain));
    if (!before.chain)
        return MEMPLAN_NOMEM;
    if (request->chain_count)
        memcpy(before.chain, request->chain, request->chain_count * sizeof(*before.chain));
    *count = grow_sizes(request, devices);
    for (size_t i = 0; i < *count; i++)
        devices[i].node = request->node == MEMPLAN_ANY_NODE ? 0 : request->node;
    if (spread)
        status = spread_devices(&before, devices, count);
    qsort(devices, *count, sizeof(*devices), compare_devices);
    free(before.chain);
    return status;
}
