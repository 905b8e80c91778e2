/*
 * Which sums the subsets of some sizes have.
 *
 * One bit for each multiple of the unit (the greatest common divisor): adding a device is one shift
 * and one or, 64 sums a word. Where sizes are so uneven that this takes too much (single bytes,
 * say), the sizes are cut in two halves and all distinct sums of each half are listed.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int compare_sizes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* bits |= bits << shift, for sums of up to top before; one pass from the high end. */
static void shift_or(uint64_t *bits, uint64_t top, uint64_t shift)
{
    size_t words = (size_t)(shift / 64);
    unsigned rest = (unsigned)(shift % 64);
    size_t last = (size_t)(top / 64);

    if (!rest) {
        for (size_t i = last + 1; i-- > 0;)
            bits[i + words] |= bits[i];
        return;
    }
    /* The word above the last one gets the bits that are shifted out of it. */
    if ((top + shift) / 64 > last + words)
        bits[last + words + 1] |= bits[last] >> (64 - rest);
    for (size_t i = last; i > 0; i--)
        bits[i + words] |= bits[i] << rest | bits[i - 1] >> (64 - rest);
    bits[words] |= bits[0] << rest;
}

/* Sets the bits of all sums. Equal sizes are added 1, 2, 4, ... at a time. The budget suffices. */
static void fill_bits(struct reach *reach, const uint64_t *sizes, size_t count,
                      struct budget *budget)
{
    uint64_t top = 0;

    reach->bits[0] = 1;
    for (size_t i = 0, same; i < count; i += same) {
        uint64_t size = sizes[i] / reach->unit;
        size_t left;

        for (same = 1; i + same < count && sizes[i + same] == sizes[i];)
            same++;
        left = same;
        for (size_t pack = 1; left; pack *= 2) {
            size_t take = pack < left ? pack : left;

            budget_spend(budget, top / 64 + 1);
            shift_or(reach->bits, top, size * take);
            top += size * take;
            left -= take;
        }
    }
}

/* out = the sorted union of in and in + size. Returns its length, or SIZE_MAX above capacity. */
static size_t merge_sums(const uint64_t *in, size_t count, uint64_t size, uint64_t *out,
                         size_t capacity)
{
    size_t n = 0;

    for (size_t i = 0, j = 0; j < count;) {
        uint64_t shifted = in[j] + size;

        if (n == capacity)
            return SIZE_MAX;
        if (i < count && in[i] <= shifted) {
            j += in[i] == shifted;
            out[n++] = in[i++];
        } else {
            out[n++] = shifted;
            j++;
        }
    }
    return n;
}

/* All distinct sums of sizes[first], sizes[first + 2], ... */
static enum memplan_status list_sums(const uint64_t *sizes, size_t count, size_t first,
                                     struct budget *budget, uint64_t **list, size_t *length)
{
    size_t room = count - first < 2 * 60 ? (size_t)1 << ((count - first + 1) / 2) : SIZE_MAX;
    size_t capacity = budget->memory / 5 / sizeof(**list);
    uint64_t *from, *to;
    size_t n = 1;

    if (room < capacity)
        capacity = room;
    from = malloc((capacity + 1) * sizeof(*from));
    to = malloc((capacity + 1) * sizeof(*to));
    if (!from || !to) {
        free(from);
        free(to);
        return MEMPLAN_NOMEM;
    }
    from[0] = 0;
    for (size_t i = first; i < count && n != SIZE_MAX; i += 2) {
        uint64_t *swap = from;

        n = budget_spend(budget, 2 * n) ? merge_sums(from, n, sizes[i], to, capacity) : SIZE_MAX;
        from = to;
        to = swap;
    }
    free(to);
    *list = from;
    *length = n;
    return n == SIZE_MAX ? MEMPLAN_LIMIT : MEMPLAN_OK;
}

/* Bits cost a pass over their words for each size; lists double for every second size. */
static bool bits_are_better(const struct reach *reach, size_t count, const struct budget *budget)
{
    uint64_t words = reach->total / reach->unit / 64 + 2;

    if (words > budget->memory / 8 || words > budget->work / (count + 1))
        return false;
    return count >= 40 || words * count <= (uint64_t)1 << (count / 2 + 4);
}

enum memplan_status reach_init(struct reach *reach, uint64_t *sizes, size_t count,
                               struct budget *budget)
{
    enum memplan_status status;

    memset(reach, 0, sizeof(*reach));
    reach->unit = 0;
    for (size_t i = 0; i < count; i++) {
        reach->total += sizes[i];
        reach->unit = size_gcd(sizes[i], reach->unit);
    }
    if (!reach->unit)
        reach->unit = 1;
    qsort(sizes, count, sizeof(*sizes), compare_sizes);
    if (bits_are_better(reach, count, budget)) {
        reach->bits = calloc((size_t)(reach->total / reach->unit / 64 + 2), sizeof(*reach->bits));
        if (!reach->bits)
            return MEMPLAN_NOMEM;
        fill_bits(reach, sizes, count, budget);
        return MEMPLAN_OK;
    }
    status = list_sums(sizes, count, 0, budget, &reach->left, &reach->left_count);
    if (status == MEMPLAN_OK)
        status = list_sums(sizes, count, count ? 1 : 0, budget, &reach->right, &reach->right_count);
    return status;
}

enum memplan_status reach_items(struct reach *reach, const struct memplan_item *items, size_t count,
                                struct budget *budget)
{
    uint64_t *sizes = malloc((count + 1) * sizeof(*sizes));
    enum memplan_status status;
    size_t n = 0;

    memset(reach, 0, sizeof(*reach));
    if (!sizes)
        return MEMPLAN_NOMEM;
    for (size_t i = 0; i < count; i++)
        if (!items[i].pinned && items[i].size)
            sizes[n++] = items[i].size;
    status = reach_init(reach, sizes, n, budget);
    free(sizes);
    return status;
}

void reach_free(struct reach *reach)
{
    free(reach->bits);
    free(reach->left);
    free(reach->right);
    memset(reach, 0, sizeof(*reach));
}

static enum memplan_status next_bit(const struct reach *reach, uint64_t from, uint64_t modulus,
                                    struct budget *budget, uint64_t *sum)
{
    uint64_t first = from / reach->unit + (from % reach->unit != 0);
    uint64_t end = reach->total / reach->unit / 64;

    for (uint64_t i = first / 64; i <= end; i++) {
        uint64_t word = reach->bits[i];

        if (i == first / 64)
            word &= UINT64_MAX << first % 64;
        if (!budget_spend(budget, 1))
            return MEMPLAN_LIMIT;
        for (; word; word &= word - 1) {
            uint64_t at = (i * 64 + (unsigned)__builtin_ctzll(word)) * reach->unit;

            if (modulus == 1 || (at - from) % modulus == 0) {
                *sum = at;
                return MEMPLAN_OK;
            }
        }
    }
    return MEMPLAN_NONE;
}

struct residue {
    uint64_t rest, sum;
};

static int compare_residues(const void *a, const void *b)
{
    const struct residue *x = a, *y = b;

    if (x->rest != y->rest)
        return x->rest < y->rest ? -1 : 1;
    return x->sum < y->sum ? -1 : x->sum > y->sum;
}

/* The first of sorted that is not below what. */
static size_t lower_bound(const struct residue *sorted, size_t count, struct residue what)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_residues(&sorted[middle], &what) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t subtract_rest(uint64_t a, uint64_t b, uint64_t modulus)
{
    return a >= b ? a - b : a + (modulus - b);
}

/* For each sum of the left list the smallest of the right one that fits it. */
static bool scan_lists(const struct reach *reach, const struct residue *right, uint64_t from,
                       uint64_t modulus, uint64_t *best)
{
    bool found = false;

    for (size_t i = 0; i < reach->left_count; i++) {
        uint64_t left = reach->left[i];
        struct residue want = {0, from > left ? from - left : 0};
        size_t at;

        want.rest = subtract_rest(from % modulus, left % modulus, modulus);
        at = lower_bound(right, reach->right_count, want);
        if (at == reach->right_count || right[at].rest != want.rest)
            continue;
        if (!found || left + right[at].sum < *best)
            *best = left + right[at].sum;
        found = true;
    }
    return found;
}

static enum memplan_status next_in_lists(const struct reach *reach, uint64_t from, uint64_t modulus,
                                         struct budget *budget, uint64_t *sum)
{
    struct residue *right;
    bool found;

    if (!budget_spend(budget, 16 * (uint64_t)(reach->left_count + reach->right_count)))
        return MEMPLAN_LIMIT;
    right = malloc(reach->right_count * sizeof(*right));
    if (!right)
        return MEMPLAN_NOMEM;
    for (size_t i = 0; i < reach->right_count; i++) {
        right[i].sum = reach->right[i];
        right[i].rest = reach->right[i] % modulus;
    }
    if (modulus != 1)
        qsort(right, reach->right_count, sizeof(*right), compare_residues);
    found = scan_lists(reach, right, from, modulus, sum);
    free(right);
    return found ? MEMPLAN_OK : MEMPLAN_NONE;
}

enum memplan_status reach_next(const struct reach *reach, uint64_t from, uint64_t modulus,
                               struct budget *budget, uint64_t *sum)
{
    if (from > reach->total)
        return MEMPLAN_NONE;
    if (reach->bits)
        return next_bit(reach, from, modulus, budget, sum);
    return next_in_lists(reach, from, modulus, budget, sum);
}

enum memplan_status reach_previous(const struct reach *reach, uint64_t from, struct budget *budget,
                                   uint64_t *sum)
{
    enum memplan_status status;
    uint64_t rest;

    /* What a subset leaves is a subset as well. */
    if (from >= reach->total) {
        *sum = reach->total;
        return MEMPLAN_OK;
    }
    status = reach_next(reach, reach->total - from, 1, budget, &rest);
    if (status == MEMPLAN_OK)
        *sum = reach->total - rest;
    return status;
}
