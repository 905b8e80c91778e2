#include "result.h"

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

void result_free(struct result *result)
{
    free(result->steps);
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
