#include "attempt.h"

#include <stdio.h>

#include "backend_name.h"

struct action attempt_plug(struct attempt *attempt, struct step *step,
                           const struct placement *placement, const struct memory *memory,
                           const json_t *restore, int64_t accept_timeout, int64_t now)
{
    attempt->action = STEP_PLUG;
    plug_init(&attempt->plug, step, placement, memory, accept_timeout);
    if (restore)
        plug_restore(&attempt->plug, restore);
    return plug_step(&attempt->plug, &(struct input){.kind = INPUT_BEGIN, .now = now});
}

struct action attempt_unplug(struct attempt *attempt, struct step *step,
                             const struct memory *memory, bool ours, int64_t deadline, int64_t now)
{
    const struct memory_device *device = memory_device_by_name(memory, step->id);
    struct memory_device made = {.slot = step->slot, .type = "dimm"};
    struct memory_backend backend = {0};
    const struct backend_name name = backend_name_of(step->id);
    char path[300];

    if (!device) {
        snprintf(path, sizeof path, "/machine/peripheral/%s", step->id);
        made.qom_path = *step->id == '/' ? step->id : path;
        backend.id = name.text;
        if (ours || memory_backend_by_id(memory, name.text))
            made.backend = &backend;
        device = &made;
    }
    attempt->action = STEP_UNPLUG;
    unplug_init(&attempt->unplug, step, device, memory, deadline);
    return unplug_step(&attempt->unplug, &(struct input){.kind = INPUT_BEGIN, .now = now});
}

struct action attempt_step(struct attempt *attempt, const struct input *input)
{
    return attempt->action == STEP_PLUG ? plug_step(&attempt->plug, input)
                                        : unplug_step(&attempt->unplug, input);
}

bool attempt_is_about(const struct attempt *attempt, const struct qmp_event *event)
{
    return attempt->action == STEP_UNPLUG && unplug_is_about(&attempt->unplug, event);
}

int64_t attempt_started(const struct attempt *attempt)
{
    return attempt->action == STEP_PLUG ? attempt->plug.started : attempt->unplug.started;
}
