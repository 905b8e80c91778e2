/*
 * The best subset with one given sum: searches of growing size until one is proven.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "search.h"

/* Searches, small ones first: most questions are answered by the first. 0: all memory there is. */
static const struct {
    size_t capacity;
    bool halves;
} ladder[] = {{256, false}, {2048, true}, {32768, true}, {0, true}, {0, false}};
#define LADDER_LENGTH (sizeof(ladder) / sizeof(*ladder))

/* A question reduced to entries that can be in and can be out. */
struct question {
    struct entry *entries;
    size_t *index; /* of each entry in the caller's array */
    size_t count;
    uint64_t target;
    uint64_t taken_weight; /* of entries that must be in */
    bool possible;
};

/*
 * An entry larger than what is wanted can not be in; one larger than what is to be left can not be
 * out. Repeats until nothing changes. chosen is set for those that must be in.
 */
static void reduce(struct question *question, bool *chosen)
{
    uint64_t sum = 0;
    bool changed = true;

    for (size_t i = 0; i < question->count; i++)
        sum += question->entries[i].size;
    while (changed && sum >= question->target) {
        size_t kept = 0;

        for (size_t i = 0; i < question->count && sum >= question->target; i++) {
            struct entry entry = question->entries[i];

            if (entry.size > question->target) {
                sum -= entry.size;
            } else if (entry.size > sum - question->target) {
                sum -= entry.size;
                question->target -= entry.size;
                question->taken_weight += entry.weight;
                chosen[question->index[i]] = true;
            } else {
                question->index[kept] = question->index[i];
                question->entries[kept++] = entry;
            }
        }
        changed = kept != question->count;
        question->count = kept;
    }
    question->possible = sum >= question->target;
}

/* How many states each frontier may hold so that all of them stay within the memory. */
static size_t capacity_limit(size_t count, bool halves, const struct budget *budget)
{
    size_t stride = 2 + (count + 63) / 64;
    size_t state = 2 * (2 * stride * sizeof(uint64_t) + sizeof(wide));
    size_t limit = budget->memory / (halves ? 2 * state : state);

    return limit < 16 ? 16 : limit;
}

/* A relaxation, and what is searched in its place, if anything: see relax_mirror. */
struct views {
    struct relaxation relaxation, mirror;
    struct entry *mirror_entries;
    uint64_t mirror_weight; /* that the answer has in the mirror */
    bool mirrored;
};

static enum memplan_status views_init(struct views *views, const struct question *question)
{
    struct relaxation *relaxation = &views->relaxation;
    enum memplan_status status;

    memset(views, 0, sizeof(*views));
    status = relax_init(relaxation, question->entries, question->count, question->target);
    /* Unless all answers weigh the same, only the lightest will do. */
    if (status != MEMPLAN_OK || relaxation->lower != relaxation->highest || !relaxation->count)
        return status;
    views->mirror_entries = malloc(question->count * sizeof(*views->mirror_entries));
    if (!views->mirror_entries)
        return MEMPLAN_NOMEM;
    views->mirror_weight = relaxation->lower;
    status = relax_mirror(&views->mirror, relaxation, views->mirror_entries, &views->mirror_weight);
    if (status == MEMPLAN_OK)
        views->mirrored = relax_slack(&views->mirror, views->mirror_weight) <
                          relax_slack(relaxation, relaxation->lower);
    return status == MEMPLAN_NONE ? MEMPLAN_OK : status;
}

static void views_free(struct views *views)
{
    relax_free(&views->relaxation);
    relax_free(&views->mirror);
    free(views->mirror_entries);
}

/* One rung: a search, and after the first one a guess, which is what very many solutions call for.
 */
static enum memplan_status step_up(const struct views *views, size_t rung, uint64_t upper,
                                   uint64_t enough, struct budget *budget, struct outcome *next)
{
    const struct relaxation *relaxation = &views->relaxation;
    bool halves = ladder[rung].halves;
    size_t capacity = capacity_limit(relaxation->count, halves, budget);
    enum memplan_status status;

    if (ladder[rung].capacity && ladder[rung].capacity < capacity)
        capacity = ladder[rung].capacity;
    if (views->mirrored)
        status = search_run(&views->mirror, capacity, halves, views->mirror_weight, budget, next);
    else
        status = search_run(relaxation, capacity, halves, upper, budget, next);
    if (views->mirrored)
        next->weight = relaxation->lower;
    if (status == MEMPLAN_OK && rung == 0 && !next->found && !next->proven)
        status = guess_run(relaxation, enough, budget, next);
    return status;
}

/*
 * Climbs the ladder until the best one is proven, or one that weighs no more than enough is found.
 * outcome->chosen belongs to the relaxation's entries. LIMIT where the ladder is too short.
 */
static enum memplan_status climb(const struct views *views, uint64_t upper, uint64_t enough,
                                 struct budget *budget, struct outcome *outcome)
{
    size_t count = views->relaxation.count;
    struct outcome next = {.chosen = malloc(count + 1)};
    enum memplan_status status = next.chosen ? MEMPLAN_OK : MEMPLAN_NOMEM;
    bool done = false;

    outcome->found = outcome->proven = false;
    for (size_t i = 0; i < LADDER_LENGTH && status == MEMPLAN_OK && !done; i++) {
        status = step_up(views, i, upper, enough, budget, &next);
        if (status != MEMPLAN_OK)
            break;
        if (next.found) {
            memcpy(outcome->chosen, next.chosen, count);
            upper = outcome->weight = next.weight;
            outcome->found = true;
        }
        outcome->proven = next.proven;
        done = next.proven || (outcome->found && upper <= enough);
    }
    free(next.chosen);
    return status == MEMPLAN_OK && !done ? MEMPLAN_LIMIT : status;
}

static enum memplan_status climb_views(const struct views *views, uint64_t upper, uint64_t enough,
                                       struct budget *budget, struct outcome *outcome)
{
    const struct relaxation *relaxation = &views->relaxation;

    outcome->found = false;
    outcome->proven = true;
    if (relaxation->lower > upper || relaxation->lower > relaxation->highest)
        return MEMPLAN_OK;
    if (enough < relaxation->lower)
        enough = relaxation->lower;
    return climb(views, size_min(upper, relaxation->upper), enough, budget, outcome);
}

static enum memplan_status answer(struct question *question, uint64_t upper, uint64_t enough,
                                  struct budget *budget, struct outcome *outcome)
{
    struct views views;
    struct outcome reduced = {.chosen = malloc(question->count + 1)};
    enum memplan_status status = reduced.chosen ? MEMPLAN_OK : MEMPLAN_NOMEM;

    if (status == MEMPLAN_OK) {
        status = views_init(&views, question);
        if (status == MEMPLAN_OK)
            status = climb_views(&views, upper, enough, budget, &reduced);
        views_free(&views);
    }
    if (status == MEMPLAN_OK) {
        outcome->found = reduced.found;
        outcome->proven = reduced.proven;
        outcome->weight = reduced.weight + question->taken_weight;
        for (size_t i = 0; reduced.found && i < question->count; i++)
            outcome->chosen[question->index[i]] = reduced.chosen[i];
    }
    free(reduced.chosen);
    return status;
}

/*
 * The best subset with the sum target that weighs no more than upper. Where one weighs no more than
 * enough it need not be the best, and proven is false. OK, LIMIT or NOMEM.
 */
static enum memplan_status best_of(const struct entry *entries, size_t count, uint64_t target,
                                   uint64_t upper, uint64_t enough, struct budget *budget,
                                   struct outcome *outcome)
{
    struct question question = {.count = count, .target = target};
    enum memplan_status status = MEMPLAN_NOMEM;

    question.entries = malloc((count + 1) * sizeof(*entries));
    question.index = malloc((count + 1) * sizeof(*question.index));
    if (question.entries && question.index) {
        if (count)
            memcpy(question.entries, entries, count * sizeof(*entries));
        for (size_t i = 0; i < count; i++)
            question.index[i] = i;
        memset(outcome->chosen, 0, count);
        reduce(&question, outcome->chosen);
        if (question.possible && question.taken_weight <= upper) {
            uint64_t taken = question.taken_weight;

            status = answer(&question, upper - taken, enough > taken ? enough - taken : 0, budget,
                            outcome);
        } else {
            outcome->found = false;
            outcome->proven = true;
            status = MEMPLAN_OK;
        }
    }
    free(question.entries);
    free(question.index);
    return status;
}

/*
 * chosen weighs as little as possible, but it may not be the newest of those that do: there are so
 * many that a search can not hold them all. Decides entry by entry, newest first: it is in if some
 * lightest subset has it besides what was decided before. Each such subset is the next chosen.
 */
static enum memplan_status find_newest(const struct entry *entries, size_t count, uint64_t target,
                                       uint64_t weight, struct budget *budget, bool *chosen)
{
    struct outcome rest = {.chosen = malloc(count + 1)};
    enum memplan_status status = rest.chosen ? MEMPLAN_OK : MEMPLAN_NOMEM;
    bool done = false;

    for (size_t i = 0; i < count && status == MEMPLAN_OK && !done; i++) {
        const struct entry *entry = &entries[i];

        if (entry->size > target || entry->weight > weight)
            continue;
        if (!chosen[i]) {
            status = best_of(entry + 1, count - i - 1, target - entry->size, weight - entry->weight,
                             weight - entry->weight, budget, &rest);
            if (status != MEMPLAN_OK || !rest.found)
                continue;
            chosen[i] = true;
            memcpy(chosen + i + 1, rest.chosen, count - i - 1);
            done = rest.proven;
        }
        target -= entry->size;
        weight -= entry->weight;
    }
    free(rest.chosen);
    return status;
}

enum memplan_status exact_solve(const struct entry *entries, size_t count, uint64_t target,
                                struct budget *budget, bool *chosen)
{
    struct outcome outcome = {.chosen = chosen};
    enum memplan_status status = best_of(entries, count, target, UINT64_MAX, 0, budget, &outcome);

    if (status != MEMPLAN_OK)
        return status;
    if (!outcome.found)
        return MEMPLAN_NONE;
    if (!outcome.proven)
        status = find_newest(entries, count, target, outcome.weight, budget, chosen);
    return status;
}
