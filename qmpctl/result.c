#include "result.h"

#include <stdio.h>
#include <stdlib.h>

struct step *result_add(struct result *result)
{
    struct step *grown = realloc(result->steps, (result->step_count + 1) * sizeof *grown);

    if (!grown)
        return NULL;
    result->steps = grown;
    grown[result->step_count] = (struct step){.slot = -1};
    return &grown[result->step_count++];
}

void result_add_cleaned(struct result *result, const char *id, uint64_t size)
{
    struct cleaned *grown = realloc(result->cleaned, (result->cleaned_count + 1) * sizeof *grown);

    if (!grown)
        return;
    result->cleaned = grown;
    grown[result->cleaned_count].size = size;
    snprintf(grown[result->cleaned_count++].id, sizeof grown->id, "%s", id);
}

void result_drop_planned(struct result *result)
{
    while (result->step_count > 0 && result->steps[result->step_count - 1].result == STEP_PLANNED)
        result->step_count--;
}

static uint64_t step_applied(const struct step *step, uint64_t total)
{
    return step->action == STEP_PLUG ? total + step->size : total - step->size;
}

uint64_t result_after(const struct result *result)
{
    uint64_t total = result->before;

    for (size_t i = 0; i < result->step_count; i++) {
        if (result->steps[i].result == STEP_DONE && !result->steps[i].earlier)
            total = step_applied(&result->steps[i], total);
    }
    return total;
}

uint64_t result_planned(const struct result *result, size_t first, uint64_t total)
{
    for (size_t i = first; i < result->step_count; i++)
        total = step_applied(&result->steps[i], total);
    return total;
}

void result_free(struct result *result)
{
    free(result->steps);
    free(result->cleaned);
    *result = (struct result){0};
}

const char *step_result_name(enum step_result result)
{
    static const char *const names[] = {"planned", "done",   "refused",
                                        "timeout", "failed", "undone"};

    return names[result];
}

const char *step_action_name(enum step_action action)
{
    return action == STEP_PLUG ? "plug" : "unplug";
}
