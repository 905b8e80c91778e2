/* Lists of partial subsets: see search.h. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "search.h"

enum { SUM, WEIGHT, MASK };

enum memplan_status frontier_init(struct frontier *frontier, const struct relaxation *relaxation,
                                  size_t capacity, size_t bits, wide bound)
{
    size_t stride = MASK + (bits + 63) / 64;

    memset(frontier, 0, sizeof(*frontier));
    frontier->stride = stride;
    frontier->capacity = capacity;
    frontier->bound = bound;
    frontier->break_size = relaxation->break_size;
    frontier->break_weight = relaxation->break_weight;
    /* A flip can double the list before it is cut. */
    frontier->states = malloc(2 * capacity * stride * sizeof(*frontier->states));
    frontier->spare = malloc(2 * capacity * stride * sizeof(*frontier->spare));
    frontier->prices = malloc(2 * capacity * sizeof(*frontier->prices));
    if (!frontier->states || !frontier->spare || !frontier->prices) {
        frontier_free(frontier);
        return MEMPLAN_NOMEM;
    }
    memset(frontier->states, 0, stride * sizeof(*frontier->states));
    frontier->count = 1;
    return MEMPLAN_OK;
}

void frontier_free(struct frontier *frontier)
{
    free(frontier->states);
    free(frontier->spare);
    free(frontier->prices);
    memset(frontier, 0, sizeof(*frontier));
}

uint64_t *frontier_state(const struct frontier *frontier, size_t at)
{
    return frontier->states + at * frontier->stride;
}

static uint64_t bit_of(size_t bit)
{
    return (uint64_t)1 << (63 - bit % 64);
}

void frontier_mark(uint64_t *state, size_t bit)
{
    state[MASK + bit / 64] ^= bit_of(bit);
}

bool frontier_has(const uint64_t *state, size_t bit)
{
    return (state[MASK + bit / 64] & bit_of(bit)) != 0;
}

static wide price_of(const struct frontier *frontier, uint64_t sum, uint64_t weight)
{
    return (wide)frontier->break_size * weight - (wide)frontier->break_weight * sum -
           frontier->origin;
}

void frontier_start(struct frontier *frontier)
{
    frontier->origin = 0;
    frontier->origin = price_of(frontier, frontier->states[SUM], frontier->states[WEIGHT]);
}

/* Whether state a is better than state b with the flip made, of the same sum. */
static bool is_better(const uint64_t *a, const uint64_t *b, uint64_t b_weight, size_t stride,
                      size_t bit)
{
    if (a[WEIGHT] != b_weight)
        return a[WEIGHT] < b_weight;
    for (size_t i = MASK; i < stride; i++) {
        uint64_t other = b[i] ^ (i == MASK + bit / 64 ? bit_of(bit) : 0);

        if (a[i] != other)
            return a[i] > other;
    }
    return true;
}

/* The next state from at on that is worth flipping; its new sum and weight. */
static size_t next_flipped(const struct frontier *frontier, const struct flip *flip, size_t at,
                           uint64_t *sum, uint64_t *weight)
{
    const uint64_t *state = frontier_state(frontier, at);

    for (; at < frontier->count; at++, state += frontier->stride) {
        *sum = flip->add ? state[SUM] + flip->size : state[SUM] - flip->size;
        *weight = flip->add ? state[WEIGHT] + flip->weight : state[WEIGHT] - flip->weight;
        if (*sum >= flip->low && *sum <= flip->high &&
            price_of(frontier, *sum, *weight) <= frontier->bound)
            break;
    }
    return at;
}

static void put(uint64_t *to, const uint64_t *from, size_t stride)
{
    for (size_t i = 0; i < stride; i++)
        to[i] = from[i];
}

static int compare_prices(wide a, wide b)
{
    return a < b ? -1 : a > b;
}

/* The value that would be at place nth if prices were sorted; reorders them. */
static wide select_price(wide *prices, size_t count, size_t nth)
{
    size_t low = 0, high = count - 1;

    while (low < high) {
        wide pivot = prices[low + (high - low) / 2];
        size_t i = low, j = high;

        for (;; i++, j--) {
            while (compare_prices(prices[i], pivot) < 0)
                i++;
            while (compare_prices(prices[j], pivot) > 0)
                j--;
            if (i >= j)
                break;
            wide swap = prices[i];
            prices[i] = prices[j];
            prices[j] = swap;
        }
        if (nth <= j)
            high = j;
        else
            low = j + 1;
    }
    return prices[nth];
}

/* Drops the dearest states, so that about half of the capacity is left; equal prices go together.
 */
static void cut_dearest(struct frontier *frontier)
{
    size_t kept = 0, cheap = 0;
    wide limit;

    for (size_t i = 0; i < frontier->count; i++) {
        const uint64_t *state = frontier_state(frontier, i);

        frontier->prices[i] = price_of(frontier, state[SUM], state[WEIGHT]);
    }
    limit = select_price(frontier->prices, frontier->count, frontier->capacity / 2);
    for (size_t i = 0; i < frontier->count; i++)
        cheap += frontier->prices[i] <= limit;
    if (cheap > frontier->capacity)
        limit--;
    for (size_t i = 0; i < frontier->count; i++) {
        const uint64_t *state = frontier_state(frontier, i);

        if (price_of(frontier, state[SUM], state[WEIGHT]) <= limit)
            put(frontier_state(frontier, kept++), state, frontier->stride);
    }
    frontier->count = kept;
    frontier->bound = limit;
    frontier->cut = true;
}

/* Writes the union of the states and the flipped ones to spare; returns how many were flipped. */
static size_t merge_flipped(struct frontier *frontier, const struct flip *flip, size_t *count)
{
    size_t i = 0, n = 0, flipped = 0, stride = frontier->stride;
    uint64_t sum = 0, weight = 0;
    size_t j = next_flipped(frontier, flip, 0, &sum, &weight);

    while (i < frontier->count || j < frontier->count) {
        const uint64_t *plain = frontier_state(frontier, i);
        const uint64_t *source = frontier_state(frontier, j);
        uint64_t *out = frontier->spare + n * stride;

        if (i < frontier->count && (plain[SUM] < flip->low || plain[SUM] > flip->high)) {
            i++;
            continue;
        }
        n++;
        if (j == frontier->count || (i < frontier->count && plain[SUM] < sum)) {
            put(out, plain, stride);
            i++;
            continue;
        }
        if (i < frontier->count && plain[SUM] == sum &&
            is_better(plain, source, weight, stride, flip->bit)) {
            put(out, plain, stride);
        } else {
            put(out, source, stride);
            out[SUM] = sum;
            out[WEIGHT] = weight;
            frontier_mark(out, flip->bit);
            flipped++;
        }
        i += i < frontier->count && plain[SUM] == sum;
        j = next_flipped(frontier, flip, j + 1, &sum, &weight);
    }
    *count = n;
    return flipped;
}

bool frontier_flip(struct frontier *frontier, const struct flip *flip)
{
    uint64_t *states = frontier->states;
    size_t count;
    size_t flipped = merge_flipped(frontier, flip, &count);

    frontier->states = frontier->spare;
    frontier->spare = states;
    frontier->count = count;
    if (count > frontier->capacity)
        cut_dearest(frontier);
    return flipped != 0;
}

void frontier_filter(struct frontier *frontier, uint64_t modulus, uint64_t rest)
{
    size_t kept = 0;

    for (size_t i = 0; i < frontier->count; i++) {
        const uint64_t *state = frontier_state(frontier, i);

        if (state[SUM] % modulus == rest)
            put(frontier_state(frontier, kept++), state, frontier->stride);
    }
    frontier->count = kept;
}
