/*
 * A quick guess where very many subsets are right.
 *
 * Where all entries weigh the same, only their number matters. Of the entries in the order of their
 * sizes, that many neighbours are taken so that their sum is just below the target; then one or two
 * of them are exchanged for others to make up for the difference. With dozens of different sizes
 * there nearly always are two such exchanges, and a table of differences finds them at once.
 * Finding none proves nothing: the search goes on. SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "search.h"

/* How many entries may go out, and how many come in: enough for millions of double exchanges. */
#define SWAP_ENTRIES 64
#define TABLE_SIZE   (2 * SWAP_ENTRIES * SWAP_ENTRIES)
/* How many other starting points are tried. */
#define VARIANTS 3

struct exchange {
    uint64_t difference; /* modulo 2^64, like all sums here */
    size_t out, in;      /* places in the order of sizes */
    bool used;
};

struct guess {
    const struct relaxation *relaxation;
    size_t *sorted;   /* entries, largest first */
    size_t first, k;  /* sorted[first .. first + k) are taken */
    uint64_t missing; /* modulo 2^64: may be below 0 */
    struct exchange *table;
    size_t out[SWAP_ENTRIES], in[SWAP_ENTRIES], out_count, in_count;
};

static uint64_t size_at(const struct guess *guess, size_t place)
{
    return guess->relaxation->entries[guess->sorted[place]].size;
}

/* Takes the largest k neighbours whose sum is not above the target. */
static bool place_window(struct guess *guess)
{
    size_t count = guess->relaxation->count;
    uint64_t target = guess->relaxation->target, sum = 0;

    if (guess->k == 0 || guess->k >= count)
        return false;
    for (size_t i = 0; i < guess->k; i++)
        sum += size_at(guess, i);
    while (sum > target && guess->first + guess->k < count) {
        sum -= size_at(guess, guess->first);
        sum += size_at(guess, guess->first + guess->k);
        guess->first++;
    }
    guess->missing = target - sum;
    return sum <= target;
}

/* Up to SWAP_ENTRIES places, evenly spread, of those in the window or of those outside. */
static size_t spread_places(const struct guess *guess, bool inside, size_t *places)
{
    size_t all = inside ? guess->k : guess->relaxation->count - guess->k;
    size_t count = all < SWAP_ENTRIES ? all : SWAP_ENTRIES;

    for (size_t i = 0; i < count; i++) {
        size_t nth = i * all / count;

        if (inside)
            places[i] = guess->first + nth;
        else
            places[i] = nth < guess->first ? nth : nth + guess->k;
    }
    return count;
}

static struct exchange *table_find(const struct guess *guess, uint64_t difference)
{
    uint64_t hash = difference * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(hash >> 32) % TABLE_SIZE;

    while (guess->table[at].used && guess->table[at].difference != difference)
        at = (at + 1) % TABLE_SIZE;
    return &guess->table[at];
}

static void fill_table(struct guess *guess)
{
    guess->out_count = spread_places(guess, true, guess->out);
    guess->in_count = spread_places(guess, false, guess->in);
    for (size_t o = 0; o < guess->out_count; o++)
        for (size_t i = 0; i < guess->in_count; i++) {
            uint64_t difference = size_at(guess, guess->in[i]) - size_at(guess, guess->out[o]);
            struct exchange *exchange = table_find(guess, difference);

            if (!exchange->used)
                *exchange = (struct exchange){difference, guess->out[o], guess->in[i], true};
        }
}

static void swap_in(const struct guess *guess, const struct exchange *exchange, bool *chosen)
{
    chosen[guess->sorted[exchange->out]] = false;
    chosen[guess->sorted[exchange->in]] = true;
}

/* Makes one or two exchanges that add up to what is missing. */
static bool make_exchanges(const struct guess *guess, bool *chosen)
{
    const struct exchange *single = table_find(guess, guess->missing);

    if (guess->missing == 0)
        return true;
    if (single->used) {
        swap_in(guess, single, chosen);
        return true;
    }
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        const struct exchange *one = &guess->table[i], *two;

        if (!one->used)
            continue;
        two = table_find(guess, guess->missing - one->difference);
        if (two->used && two->out != one->out && two->in != one->in) {
            swap_in(guess, one, chosen);
            swap_in(guess, two, chosen);
            return true;
        }
    }
    return false;
}

/* Tries the window as it is placed. */
static bool try_window(struct guess *guess, bool *chosen)
{
    memset(guess->table, 0, TABLE_SIZE * sizeof(*guess->table));
    fill_table(guess);
    memset(chosen, 0, guess->relaxation->count);
    for (size_t i = 0; i < guess->k; i++)
        chosen[guess->sorted[guess->first + i]] = true;
    return make_exchanges(guess, chosen);
}

/* Puts one entry out of the window and another one in, the same way when called again. */
static void disturb(struct guess *guess, size_t variant)
{
    size_t outside = guess->relaxation->count - guess->k;
    size_t nth = variant * 13 % outside;
    size_t in = nth < guess->first ? nth : nth + guess->k;
    size_t out = guess->first + variant * 7 % guess->k;
    size_t swap = guess->sorted[in];

    guess->missing += size_at(guess, out) - size_at(guess, in);
    guess->sorted[in] = guess->sorted[out];
    guess->sorted[out] = swap;
}

/* The window as it is, and with one exchange made beforehand. */
static bool try_variants(struct guess *guess, bool *chosen)
{
    for (size_t variant = 0; variant <= VARIANTS; variant++) {
        bool found;

        if (variant)
            disturb(guess, variant);
        found = try_window(guess, chosen);
        if (variant)
            disturb(guess, variant);
        if (found)
            return true;
    }
    return false;
}

static bool try_guess(struct guess *guess, bool *chosen)
{
    const struct relaxation *relaxation = guess->relaxation;
    size_t n = 0;

    for (size_t r = 0; r < relaxation->run_count; r++)
        for (size_t i = 0; i < relaxation->runs[r].count; i++)
            guess->sorted[n++] = relaxation->members[relaxation->runs[r].first + i];
    if (!place_window(guess))
        return false;
    if (try_variants(guess, chosen))
        return true;
    if (!guess->first)
        return false;
    /* Near the ends of the order, only the neighbour above has exchanges enough. */
    guess->first--;
    guess->missing += size_at(guess, guess->first + guess->k) - size_at(guess, guess->first);
    return try_variants(guess, chosen);
}

enum memplan_status guess_run(const struct relaxation *relaxation, uint64_t weight,
                              struct budget *budget, struct outcome *outcome)
{
    struct guess guess = {.relaxation = relaxation};
    enum memplan_status status = MEMPLAN_OK;

    outcome->found = outcome->proven = false;
    if (!budget_spend(budget, 2 * (VARIANTS + 1) * TABLE_SIZE + relaxation->count))
        return MEMPLAN_LIMIT;
    guess.k = (size_t)size_min(weight / relaxation->runs[0].weight, SIZE_MAX);
    guess.sorted = malloc(relaxation->count * sizeof(*guess.sorted));
    guess.table = malloc(TABLE_SIZE * sizeof(*guess.table));
    if (!guess.sorted || !guess.table)
        status = MEMPLAN_NOMEM;
    else
        outcome->found = try_guess(&guess, outcome->chosen);
    outcome->weight = weight;
    free(guess.sorted);
    free(guess.table);
    return status;
}
