#include "undo.h"

#include <stdio.h>

#include "restore.h"

void undo_remember(json_t **restoring, const struct memory *memory, const char *name)
{
    const struct memory_device *device = memory_device_by_name(memory, name);

    if (!device || !device->backend)
        return;
    if (!*restoring)
        *restoring = json_object();
    json_object_set_new(*restoring, name, restore_backend_arguments(device->backend));
}

struct step *undo_last(const struct result *result)
{
    for (size_t i = result->step_count; i-- > 0;) {
        struct step *step = &result->steps[i];

        if (step->result == STEP_DONE && !step->earlier && !*step->error.text)
            return step;
    }
    return NULL;
}

struct step undo_of(const struct step *step)
{
    struct step undo = {.action = step->action == STEP_PLUG ? STEP_UNPLUG : STEP_PLUG,
                        .size = step->size,
                        .node = step->node,
                        .slot = step->slot};

    snprintf(undo.id, sizeof undo.id, "%s", step->id);
    return undo;
}

void undo_note(struct step *step, const struct step *undo)
{
    if (undo->result == STEP_DONE) {
        step->result = STEP_UNDONE;
        snprintf(step->detail, sizeof step->detail, "taken back, since not all could be done");
        return;
    }
    step->error = undo->error;
    step->pending = undo->pending;
    snprintf(step->detail, sizeof step->detail, "could not be taken back: %.250s", undo->reason);
}

void undo_note_untried(struct step *step, const struct error *error, const char *why)
{
    step->error = *error;
    snprintf(step->detail, sizeof step->detail, "could not be taken back: %s", why);
}
