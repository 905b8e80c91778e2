/* The sizes of new devices: see grow.h. SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

static void put_devices(struct grow_device *devices, size_t at, size_t count, uint64_t size)
{
    for (size_t i = 0; devices && i < count; i++)
        devices[at + i] = (struct grow_device){size, 0};
}

/* How many more of the largest size follow before something changes: the end, or a link to bridge.
 */
static uint64_t count_repeats(const struct grow_request *request, size_t next, uint64_t sum,
                              uint64_t rest)
{
    uint64_t repeats = rest / request->largest, missing;

    if (next == request->chain_count)
        return repeats;
    if (request->chain[next] <= size_add(sum, request->step))
        return 0;
    missing = request->chain[next] - sum - request->step;
    return size_min(repeats, missing / request->largest + (missing % request->largest != 0));
}

/*
 * Takes the largest possible device each time, which is the fewest that reach the amount: nothing
 * smaller makes more possible later. Returns how many, SIZE_MAX where the amount can not bridge the
 * chain; *largest: the largest of them. devices: where to put them; may be NULL.
 */
static size_t walk(const struct grow_request *request, uint64_t *largest,
                   struct grow_device *devices)
{
    uint64_t sum = 0, used = 0, repeats;
    size_t count = 0, next = 0;

    *largest = 0;
    for (;;) {
        uint64_t size;

        while (next < request->chain_count && request->chain[next] <= size_add(sum, request->step))
            sum += request->chain[next++];
        if (used == request->amount)
            return next == request->chain_count ? count : SIZE_MAX;
        size = size_min(size_add(sum, request->step),
                        size_min(request->largest, request->amount - used));
        repeats = 1;
        if (size == request->largest)
            repeats += count_repeats(request, next, sum + size, request->amount - used - size);
        if (size > *largest)
            *largest = size;
        put_devices(devices, count, (size_t)repeats, size);
        used += size * repeats;
        sum += size * repeats;
        count += (size_t)repeats;
    }
}

size_t grow_count(const struct grow_request *request)
{
    uint64_t largest;

    return walk(request, &largest, NULL);
}

void grow_find_step(struct grow_request *request)
{
    uint64_t low = 1, high = request->amount;

    for (size_t i = 0; i < request->chain_count; i++)
        if (request->chain[i] > high)
            high = request->chain[i];
    while (low < high) {
        request->step = low + (high - low) / 2;
        if (grow_count(request) <= request->slots)
            high = request->step;
        else
            low = request->step + 1;
    }
    request->step = low;
}

static size_t chain_place(const struct grow_request *request, uint64_t size)
{
    size_t at = 0;

    while (at < request->chain_count && request->chain[at] < size)
        at++;
    return at;
}

static void chain_insert(struct grow_request *request, uint64_t size)
{
    size_t at = chain_place(request, size);

    memmove(request->chain + at + 1, request->chain + at,
            (request->chain_count - at) * sizeof(*request->chain));
    request->chain[at] = size;
    request->chain_count++;
    request->amount -= size;
}

static void chain_remove(struct grow_request *request, uint64_t size)
{
    size_t at = chain_place(request, size);

    request->chain_count--;
    memmove(request->chain + at, request->chain + at + 1,
            (request->chain_count - at) * sizeof(*request->chain));
    request->amount += size;
}

/* Whether one of the devices can have this size, and no other a larger one. */
static bool size_fits(struct grow_request *request, uint64_t size, size_t count)
{
    uint64_t largest = request->largest;
    bool fits;

    chain_insert(request, size);
    request->largest = size_min(largest, size);
    fits = grow_count(request) <= count - 1;
    request->largest = largest;
    chain_remove(request, size);
    return fits;
}

/* The number in low..high that is divisible by the greatest power of two. */
static uint64_t roundest(uint64_t low, uint64_t high)
{
    uint64_t power = 1;

    while (power <= high / 2 && high / (2 * power) * (2 * power) >= low)
        power *= 2;
    return high / power * power;
}

/* The furthest size from good, in the direction of limit, that still fits. */
static uint64_t furthest(struct grow_request *request, uint64_t good, uint64_t limit, size_t count)
{
    bool up = limit > good;
    uint64_t distance = up ? limit - good : good - limit, low = 0;

    while (low < distance) {
        uint64_t middle = distance - (distance - low) / 2;

        if (size_fits(request, up ? good + middle : good - middle, count))
            low = middle;
        else
            distance = middle - 1;
    }
    return up ? good + low : good - low;
}

/* The roundest size that the largest of count devices can have: large ones are round, small ones
 * odd. */
static uint64_t choose_size(struct grow_request *request, size_t count)
{
    uint64_t good, low, high, size;

    walk(request, &good, NULL);
    if (count == 1)
        return request->amount;
    low = furthest(request, good, 1, count);
    high =
        furthest(request, good, size_min(request->largest, request->amount - (count - 1)), count);
    size = roundest(low, high);
    return size_fits(request, size, count) ? size : good;
}

static int compare_devices(const void *a, const void *b)
{
    const struct grow_device *x = a, *y = b;

    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

size_t grow_sizes(struct grow_request *request, struct grow_device *devices)
{
    size_t count = grow_count(request);
    uint64_t largest;

    assert(count <= request->slots);
    if (count > ROUNDED_DEVICES)
        walk(request, &largest, devices);
    for (size_t left = count > ROUNDED_DEVICES ? 0 : count; left > 0; left--) {
        uint64_t size = choose_size(request, left);

        devices[left - 1] = (struct grow_device){size, 0};
        chain_insert(request, size);
        request->largest = size_min(request->largest, size);
    }
    qsort(devices, count, sizeof(*devices), compare_devices);
    return count;
}
