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

static enum memplan_status search_rung(const struct views *views, size_t rung, uint64_t upper,
                                       struct budget *budget, struct outcome *outcome)
{
    const struct relaxation *relaxation = &views->relaxation;
    bool halves = ladder[rung].halves;
    size_t capacity = capacity_limit(relaxation->count, halves, budget);
    enum memplan_status status;

    if (ladder[rung].capacity && ladder[rung].capacity < capacity)
        capacity = ladder[rung].capacity;
    if (!views->mirrored)
        return search_run(relaxation, capacity, halves, upper, budget, outcome);
    status = search_run(&views->mirror, capacity, halves, views->mirror_weight, budget, outcome);
    outcome->weight = relaxation->lower;
    return status;
}

/*
 * Climbs the ladder from a rung until the best one is proven, or one that weighs no more than
 * enough is found, which may have been before. outcome->chosen belongs to the relaxation's entries;
 * next: space for another one. LIMIT where the ladder is too short.
 */
static enum memplan_status climb(const struct views *views, size_t rung, size_t end, uint64_t upper,
                                 uint64_t enough, struct budget *budget, struct outcome *outcome,
                                 struct outcome *next)
{
    for (; rung < end; rung++) {
        enum memplan_status status = search_rung(views, rung, upper, budget, next);

        if (status != MEMPLAN_OK)
            return status;
        if (next->found) {
            memcpy(outcome->chosen, next->chosen, views->relaxation.count);
            upper = outcome->weight = next->weight;
            outcome->found = true;
        }
        outcome->proven = next->proven;
        if (next->proven || (outcome->found && outcome->weight <= enough))
            return MEMPLAN_OK;
    }
    return MEMPLAN_LIMIT;
}

/*
 * Where all entries weigh the same there are few possible weights, and often very many answers of
 * each: a guess finds one, and a search for one weight only, knowing all prices, finds or excludes
 * it.
 */
static enum memplan_status climb_by_weight(const struct views *views, uint64_t unit, uint64_t upper,
                                           struct budget *budget, struct outcome *outcome,
                                           struct outcome *next)
{
    bool found = outcome->found;
    uint64_t first = (views->relaxation.lower + unit - 1) / unit * unit;

    for (uint64_t weight = first; weight <= upper; weight += unit) {
        enum memplan_status status;

        /* That nothing is lighter says nothing about which of these is the newest. */
        outcome->proven = false;
        if (found && outcome->weight == weight)
            return MEMPLAN_OK;
        status = guess_run(&views->relaxation, weight, budget, next);
        if (status != MEMPLAN_OK)
            return status;
        if (next->found) {
            memcpy(outcome->chosen, next->chosen, views->relaxation.count);
            outcome->weight = weight;
            outcome->found = true;
            return MEMPLAN_OK;
        }
        outcome->found = false;
        status = climb(views, 1, LADDER_LENGTH, weight, weight, budget, outcome, next);
        if (status != MEMPLAN_OK || outcome->found)
            return status;
        outcome->found = found;
    }
    return MEMPLAN_OK;
}

/* The weight of every entry where they are the same; 0 where they are not. */
static uint64_t common_weight(const struct relaxation *relaxation)
{
    for (size_t i = 1; i < relaxation->run_count; i++)
        if (relaxation->runs[i].weight != relaxation->runs[0].weight)
            return 0;
    return relaxation->run_count ? relaxation->runs[0].weight : 0;
}

static enum memplan_status climb_views(const struct views *views, uint64_t upper, uint64_t enough,
                                       struct budget *budget, struct outcome *outcome)
{
    const struct relaxation *relaxation = &views->relaxation;
    uint64_t unit = common_weight(relaxation);
    struct outcome next = {.chosen = malloc(relaxation->count + 1)};
    enum memplan_status status;

    outcome->found = false;
    outcome->proven = true;
    if (!next.chosen)
        return MEMPLAN_NOMEM;
    upper = size_min(size_min(upper, relaxation->upper), relaxation->highest);
    if (enough < relaxation->lower)
        enough = relaxation->lower;
    if (relaxation->lower > upper || relaxation->lower > relaxation->highest)
        status = MEMPLAN_OK;
    else
        status = climb(views, 0, 1, upper, enough, budget, outcome, &next);
    if (status == MEMPLAN_LIMIT && budget->work) {
        if (outcome->found)
            upper = outcome->weight;
        if (unit)
            status = climb_by_weight(views, unit, upper, budget, outcome, &next);
        else
            status = climb(views, 1, LADDER_LENGTH, upper, enough, budget, outcome, &next);
    }
    free(next.chosen);
    return status;
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
