#include "plug.h"

#include <stdio.h>
#include <string.h>

#include "backend_name.h"
#include "host/progress.h"
#include "room.h"

/* A lost connection is looked into this often in one attempt. */
#define LOOKS 3

void plug_init(struct plug *plug, struct step *step, const struct placement *placement,
               const struct memory *memory, int64_t accept_timeout)
{
    *plug = (struct plug){.step = step,
                          .placement = placement,
                          .accept_timeout = accept_timeout,
                          .guest_runs = memory_is_running(memory)};
    snprintf(plug->backend, sizeof plug->backend, "%.255s", backend_name_of(step->id).text);
}

void plug_restore(struct plug *plug, const json_t *backend)
{
    const char *id = json_string_value(json_object_get(backend, "id"));

    plug->restore = backend;
    if (id)
        snprintf(plug->backend, sizeof plug->backend, "%s", id);
}

bool plug_preallocates(const struct plug *plug)
{
    return plug->restore ? json_is_true(json_object_get(plug->restore, "prealloc"))
                         : plug->placement->prealloc;
}

static void plug_enter(struct plug *plug, enum plug_state state)
{
    plug->state = state;
}

static struct action finish(struct plug *plug, enum step_result result, int64_t now)
{
    plug->step->result = result;
    plug->step->seconds = (double)(now - plug->started) / 1000;
    plug_enter(plug, PLUG_FINISHED);
    return action_finish();
}

static struct action fail(struct plug *plug, const struct error *error, int64_t now)
{
    plug->step->error = *error;
    snprintf(plug->step->reason, sizeof plug->step->reason, "%s",
             *error->qmp_desc ? error->qmp_desc : error->text);
    return finish(plug, STEP_FAILED, now);
}

static json_t *backend_arguments(const struct plug *plug)
{
    json_t *arguments;

    if (!plug->restore)
        return placement_backend_arguments(plug->placement, plug->backend, plug->step->size);
    arguments = json_deep_copy(plug->restore);
    placement_share_prealloc(plug->placement, plug->step->size, arguments);
    return arguments;
}

/* -> ADDING_BACKEND. Preallocation holds QEMU for as long as the host needs. */
static struct action add_backend(struct plug *plug, int64_t now)
{
    int64_t timeout =
        plug_preallocates(plug) ? progress_longest(plug->step->size) : COMMAND_TIMEOUT_MS;

    plug_enter(plug, PLUG_ADDING_BACKEND);
    plug->patience = now + timeout;
    return action_send("object-add", backend_arguments(plug), timeout);
}

/* ADDING_BACKEND, CHECKING -> ADDING_DEVICE */
static struct action add_device(struct plug *plug, int64_t now)
{
    plug_enter(plug, PLUG_ADDING_DEVICE);
    plug->patience = now + COMMAND_TIMEOUT_MS;
    return action_send("device_add",
                       placement_device_arguments(plug->step->id, plug->backend, plug->step->node,
                                                  plug->step->slot),
                       COMMAND_TIMEOUT_MS);
}

/* ADDING_DEVICE -> TAKING_BACK: a device that QEMU refused leaves its backend behind. */
static struct action take_back(struct plug *plug, const struct input *input)
{
    plug->step->error = *input->error;
    room_hint(input->memory, plug->step->size, plug->step->node, &plug->step->error);
    plug_enter(plug, PLUG_TAKING_BACK);
    return action_send("object-del", json_pack("{s:s}", "id", plug->backend), COMMAND_TIMEOUT_MS);
}

/* -> CHECKING */
static struct action check(struct plug *plug, int64_t now)
{
    static const struct error lost = {
        .code = EXIT_NO_CONNECTION,
        .text = "the connection was lost again and again; see qmpctl status"};

    if (++plug->looks > LOOKS)
        return fail(plug, &lost, now);
    plug_enter(plug, PLUG_CHECKING);
    /* A QEMU that has not answered for that long must not hold us for as long again. */
    return action_snapshot((now > plug->patience ? now : plug->patience) + LAST_LOOK_MS);
}

/* ADDING_DEVICE, CHECKING -> AWAITING_ACCEPTANCE or FINISHED */
static struct action await_acceptance(struct plug *plug, int64_t now)
{
    if (plug->step->accepted_known || !plug->guest_runs || plug->accept_timeout == 0 ||
        plug->interrupted)
        return finish(plug, STEP_DONE, now);
    plug_enter(plug, PLUG_AWAITING_ACCEPTANCE);
    return action_wait(now + plug->accept_timeout);
}

/* Success says that the guest knows the device, and not that it uses it: Linux says so, too, where
 * it ignores one since its size is no multiple of its memory blocks (granule_warn). */
static void note_answer(struct plug *plug, const struct guest_answer *answer)
{
    struct step *step = plug->step;

    if (answer->source != OST_SOURCE_PLUG)
        return;
    step->accepted_known = true;
    step->accepted = answer->status == OST_SUCCESS;
    if (!step->accepted)
        snprintf(step->detail, sizeof step->detail, "the guest did not accept it: %s",
                 ost_status_text(answer->status));
}

static void note_event(struct plug *plug, const struct qmp_event *event)
{
    struct guest_answer answer;

    if (event_is_ost(event, plug->step->id, plug->step->slot, &answer))
        note_answer(plug, &answer);
}

static struct action on_snapshot(struct plug *plug, const struct input *input)
{
    const struct memory_device *device = memory_device_by_name(input->memory, plug->step->id);

    plug->guest_runs = memory_is_running(input->memory);
    if (device) {
        plug->step->slot = device->slot;
        note_answer(plug, &device->answer);
        return await_acceptance(plug, input->now);
    }
    if (memory_backend_by_id(input->memory, plug->backend))
        return add_device(plug, input->now);
    return add_backend(plug, input->now);
}

static struct action in_adding_backend(struct plug *plug, const struct input *input)
{
    switch (input->kind) {
    case INPUT_REPLY:
        return add_device(plug, input->now);
    case INPUT_ERROR:
        return fail(plug, input->error, input->now);
    case INPUT_UNANSWERED:
        return check(plug, input->now);
    default:
        return action_none();
    }
}

static struct action in_adding_device(struct plug *plug, const struct input *input)
{
    switch (input->kind) {
    case INPUT_REPLY:
        plug->plugged = true;
        return await_acceptance(plug, input->now);
    case INPUT_ERROR:
        return take_back(plug, input);
    case INPUT_UNANSWERED:
        return check(plug, input->now);
    case INPUT_EVENT:
        note_event(plug, input->event);
        return action_none();
    default:
        return action_none();
    }
}

/* CHECKING -> FINISHED: what became of it cannot be seen. */
static struct action lose(struct plug *plug, const struct error *cause, int64_t now)
{
    struct error error = {0};

    error_set(&error, EXIT_NO_CONNECTION, "plug %s: %s; %s not known (%s)", plug->step->id,
              error_how_lost(cause),
              plug->plugged ? "it was plugged, whether the guest accepted it is"
                            : "whether it is plugged is",
              cause->text);
    error.unanswered = cause->unanswered;
    error.replaced = cause->replaced;
    error_hint(&error, "look with qmpctl status when the VM can be reached");
    return fail(plug, &error, now);
}

static struct action in_checking(struct plug *plug, const struct input *input)
{
    if (input->kind == INPUT_SNAPSHOT)
        return on_snapshot(plug, input);
    if (input->kind == INPUT_EVENT) /* the snapshot may be older */
        note_event(plug, input->event);
    if (input->kind == INPUT_INTERRUPT)
        return action_snapshot(input->now + LAST_LOOK_MS);
    return input->kind == INPUT_LOST ? lose(plug, input->error, input->now) : action_none();
}

static struct action in_awaiting(struct plug *plug, const struct input *input)
{
    switch (input->kind) {
    case INPUT_EVENT:
        note_event(plug, input->event);
        return plug->step->accepted_known ? finish(plug, STEP_DONE, input->now) : action_none();
    case INPUT_TIME:
    case INPUT_INTERRUPT:
        return finish(plug, STEP_DONE, input->now);
    case INPUT_DISCONNECTED:
        return check(plug, input->now);
    default:
        return action_none();
    }
}

static struct action in_taking_back(struct plug *plug, const struct input *input)
{
    const struct error why = plug->step->error;

    if (input->kind != INPUT_REPLY && input->kind != INPUT_ERROR && input->kind != INPUT_UNANSWERED)
        return action_none();
    if (input->kind != INPUT_REPLY)
        snprintf(plug->step->detail, sizeof plug->step->detail,
                 "its backend %s may still be there; qmpctl repair deletes it", plug->backend);
    return fail(plug, &why, input->now);
}

struct action plug_step(struct plug *plug, const struct input *input)
{
    if (input->kind == INPUT_INTERRUPT)
        plug->interrupted = true;
    switch (plug->state) {
    case PLUG_BEGIN:
        plug->started = input->now;
        return add_backend(plug, input->now);
    case PLUG_ADDING_BACKEND:
        return in_adding_backend(plug, input);
    case PLUG_ADDING_DEVICE:
        return in_adding_device(plug, input);
    case PLUG_CHECKING:
        return in_checking(plug, input);
    case PLUG_AWAITING_ACCEPTANCE:
        return in_awaiting(plug, input);
    case PLUG_TAKING_BACK:
        return in_taking_back(plug, input);
    case PLUG_FINISHED:
        break;
    }
    return action_none();
}
