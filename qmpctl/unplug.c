#include "unplug.h"

#include <stdio.h>
#include <string.h>

#include "unplug_words.h"

void unplug_init(struct unplug *unplug, struct step *step, const struct memory_device *device,
                 const struct memory *memory, int64_t deadline)
{
    *unplug = (struct unplug){.step = step,
                              .deadline = deadline,
                              .guest_runs = memory_is_running(memory),
                              .guest_tells = memory->guest_tells};
    snprintf(unplug->path, sizeof unplug->path, "%s", device->qom_path);
    if (device->backend && !device->backend->boot)
        snprintf(unplug->backend, sizeof unplug->backend, "%s", device->backend->id);
    unplug->answer = device->answer;
    step->slot = device->slot;
}

static void unplug_enter(struct unplug *unplug, enum unplug_state state)
{
    unplug->state = state;
}

static struct action finish(struct unplug *unplug, enum step_result result, int64_t now)
{
    unplug->step->result = result;
    unplug->step->seconds = (double)(now - unplug->started) / 1000;
    unplug_enter(unplug, UNPLUG_FINISHED);
    return action_finish();
}

static struct action fall_short(struct unplug *unplug, enum step_result result, enum exit_code code,
                                const char *reason, int64_t now)
{
    struct step *step = unplug->step;

    snprintf(step->reason, sizeof step->reason, "%s", reason);
    error_set(&step->error, code, "unplug %s: %s", step->id, reason);
    return finish(unplug, result, now);
}

/* ASKING, AWAITING, CHECKING -> DELETING_BACKEND or FINISHED: the device is gone. */
static struct action released(struct unplug *unplug, int64_t now)
{
    if (!*unplug->backend)
        return finish(unplug, STEP_DONE, now);
    unplug_enter(unplug, UNPLUG_DELETING_BACKEND);
    return action_send("object-del", json_pack("{s:s}", "id", unplug->backend), COMMAND_TIMEOUT_MS);
}

static struct action refused(struct unplug *unplug, int64_t now)
{
    char reason[400];

    snprintf(reason, sizeof reason, "the guest refused: %s", unplug->refusal);
    fall_short(unplug, STEP_REFUSED, EXIT_REFUSED, reason, now);
    error_hint(&unplug->step->error, "%s", unplug_refusal_hint(unplug->refusal_status));
    return action_finish();
}

/* The deadline has passed and the device is still there. */
static struct action not_in_time(struct unplug *unplug, int64_t now)
{
    const struct unplug_words words = unplug_late_words(unplug);

    unplug->step->pending = true;
    fall_short(unplug, STEP_TIMEOUT, EXIT_TIMED_OUT, words.reason, now);
    if (words.hint)
        error_hint(&unplug->step->error, "%s", words.hint);
    return action_finish();
}

/* QEMU itself said no. */
static struct action failed(struct unplug *unplug, int64_t now)
{
    unplug->step->error = unplug->no;
    snprintf(unplug->step->reason, sizeof unplug->step->reason, "%s",
             *unplug->no.qmp_desc ? unplug->no.qmp_desc : unplug->no.text);
    return finish(unplug, STEP_FAILED, now);
}

/* -> AWAITING, or what events have decided already: they may come before the reply. */
static struct action await(struct unplug *unplug, int64_t now)
{
    unplug_enter(unplug, UNPLUG_AWAITING);
    if (unplug->gone)
        return released(unplug, now);
    if (*unplug->refusal)
        return refused(unplug, now);
    if (unplug->interrupted || unplug->reset || now >= unplug->deadline || !unplug->guest_runs)
        return not_in_time(unplug, now);
    return action_wait(unplug->deadline);
}

/* -> CHECKING */
static struct action check(struct unplug *unplug, int64_t now)
{
    unplug_enter(unplug, UNPLUG_CHECKING);
    /* What was said before is older than the snapshot; what is said meanwhile may be newer. */
    unplug->gone = false;
    unplug->before = unplug->answer;
    /* A snapshot takes milliseconds, and a stopped QEMU must not hold us for long. */
    return action_snapshot((now > unplug->deadline ? now : unplug->deadline) + LAST_LOOK_MS);
}

bool unplug_is_about(const struct unplug *unplug, const struct qmp_event *event)
{
    const char *path = json_string_value(json_object_get(event->data, "path"));
    const char *device = json_string_value(json_object_get(event->data, "device"));

    if (path)
        return strcmp(path, unplug->path) == 0;
    return device && strcmp(device, unplug->step->id) == 0;
}

static void note_ost(struct unplug *unplug, const struct guest_answer *answer)
{
    unplug->answer = *answer;
    if (answer->source != OST_SOURCE_EJECT && answer->source != OST_SOURCE_OSPM_EJECT)
        return;
    if (answer->status == OST_IN_PROGRESS)
        unplug->in_progress = true;
    if (answer->status == OST_IN_PROGRESS || answer->status == OST_SUCCESS)
        return; /* success: DEVICE_DELETED says it */
    unplug->refusal_status = answer->status;
    snprintf(unplug->refusal, sizeof unplug->refusal, "%s (OST status %lld)",
             ost_status_text(answer->status), (long long)answer->status);
}

static void note_event(struct unplug *unplug, const struct qmp_event *event)
{
    const char *message = json_string_value(json_object_get(event->data, "msg"));
    struct guest_answer answer;

    /* QEMU keeps a request over a reset (is_removing in its hw/acpi/memory_hotplug.c), and the
     * guest, which looks at all slots at each event of one (MSCN there), acts on it when it is next
     * told of any: of a device_add, for example. */
    if (strcmp(event->name, "RESET") == 0) {
        unplug->reset = unplug->asked;
    } else if (event_is_ost(event, unplug->step->id, unplug->step->slot, &answer)) {
        note_ost(unplug, &answer);
    } else if (!unplug_is_about(unplug, event)) {
        return;
    } else if (strcmp(event->name, "DEVICE_DELETED") == 0) {
        unplug->gone = true;
    } else if (strcmp(event->name, "DEVICE_UNPLUG_GUEST_ERROR") == 0 ||
               strcmp(event->name, "MEM_UNPLUG_ERROR") == 0) {
        unplug->refusal_status = -1;
        snprintf(unplug->refusal, sizeof unplug->refusal, "%s",
                 message ? message : "it reported an unplug error");
    }
}

/* QEMU keeps the last answer of a slot: what came while nobody listened is there. One that was
 * there before may be to an earlier request. */
static void note_slot(struct unplug *unplug, const struct guest_answer *answer)
{
    if (answer->source != unplug->before.source || answer->status != unplug->before.status)
        note_ost(unplug, answer);
}

static struct action on_snapshot(struct unplug *unplug, const struct input *input)
{
    const struct memory_device *device = memory_device_by_name(input->memory, unplug->step->id);

    if (!device || (unplug->step->slot >= 0 && device->slot != unplug->step->slot))
        return released(unplug, input->now);
    if (unplug->no.code != EXIT_DONE && !unplug->gone)
        return failed(unplug, input->now);
    note_slot(unplug, &device->answer);
    if (memory_device_is_pending(device))
        unplug->in_progress = true;
    unplug->guest_runs = memory_is_running(input->memory);
    unplug->guest_tells = input->memory->guest_tells;
    return await(unplug, input->now);
}

static struct action on_backend_snapshot(struct unplug *unplug, const struct input *input)
{
    const struct memory_backend *backend = memory_backend_by_id(input->memory, unplug->backend);

    /* One that is used belongs to a device that somebody has plugged since. */
    if (!backend || (backend->used && !backend->boot))
        return finish(unplug, STEP_DONE, input->now);
    if (!unplug->backend_retried) {
        unplug->backend_retried = true;
        return released(unplug, input->now);
    }
    snprintf(unplug->step->detail, sizeof unplug->step->detail,
             "its backend %s is still there; qmpctl repair deletes it", unplug->backend);
    return finish(unplug, STEP_DONE, input->now);
}

static struct action in_asking(struct unplug *unplug, const struct input *input)
{
    switch (input->kind) {
    case INPUT_REPLY:
        unplug->asked = true;
        return await(unplug, input->now);
    case INPUT_ERROR: /* also when an earlier request was granted just before */
        unplug->no = *input->error;
        return check(unplug, input->now);
    case INPUT_UNANSWERED:
        /* Perhaps it was heard: a second request for one attempt would be worse. */
        unplug->asked = unplug->unsure = true;
        return check(unplug, input->now);
    case INPUT_EVENT:
        note_event(unplug, input->event);
        return action_none();
    case INPUT_INTERRUPT:
        unplug->interrupted = true;
        return action_none();
    default:
        return action_none();
    }
}

static struct action in_awaiting(struct unplug *unplug, const struct input *input)
{
    switch (input->kind) {
    case INPUT_EVENT:
        note_event(unplug, input->event);
        return await(unplug, input->now);
    case INPUT_TIME:
        return check(unplug, input->now);
    case INPUT_DISCONNECTED:
        return check(unplug, input->now);
    case INPUT_INTERRUPT:
        unplug->interrupted = true;
        return not_in_time(unplug, input->now);
    default:
        return action_none();
    }
}

/* CHECKING -> FINISHED: what became of it cannot be seen. */
static struct action lose(struct unplug *unplug, const struct error *cause, int64_t now)
{
    char reason[sizeof unplug->step->reason];

    unplug->step->pending = unplug->asked;
    snprintf(reason, sizeof reason, "%s; whether the device is gone is not known (%.300s)",
             error_how_lost(cause), cause->text);
    fall_short(unplug, STEP_FAILED, EXIT_NO_CONNECTION, reason, now);
    unplug->step->error.unanswered = cause->unanswered;
    unplug->step->error.replaced = cause->replaced;
    error_hint(&unplug->step->error, "%s",
               "look with qmpctl status when the VM can be reached; the next set, unplug or repair "
               "cleans up");
    return action_finish();
}

/* The snapshot cannot be had. What was heard since it was asked for holds without it. */
static struct action on_lost(struct unplug *unplug, const struct input *input)
{
    if (unplug->gone)
        return released(unplug, input->now);
    if (*unplug->refusal && unplug->no.code == EXIT_DONE)
        return refused(unplug, input->now);
    return lose(unplug, input->error, input->now);
}

static struct action in_checking(struct unplug *unplug, const struct input *input)
{
    if (input->kind == INPUT_SNAPSHOT)
        return on_snapshot(unplug, input);
    if (input->kind == INPUT_INTERRUPT) {
        unplug->interrupted = true;
        return action_snapshot(input->now + LAST_LOOK_MS);
    }
    if (input->kind == INPUT_EVENT)
        note_event(unplug, input->event);
    return input->kind == INPUT_LOST ? on_lost(unplug, input) : action_none();
}

static struct action in_backend(struct unplug *unplug, const struct input *input)
{
    switch (input->kind) {
    case INPUT_REPLY:
        return finish(unplug, STEP_DONE, input->now);
    case INPUT_ERROR:
    case INPUT_UNANSWERED:
        unplug_enter(unplug, UNPLUG_CHECKING_BACKEND);
        return action_snapshot(input->now + COMMAND_TIMEOUT_MS);
    case INPUT_SNAPSHOT:
        return on_backend_snapshot(unplug, input);
    case INPUT_LOST:
        snprintf(unplug->step->detail, sizeof unplug->step->detail,
                 "%s; its backend %s may still be there", error_how_lost(input->error),
                 unplug->backend);
        return finish(unplug, STEP_DONE, input->now);
    default:
        return action_none();
    }
}

/* A QEMU that hangs must not hold the user longer than the guest may. */
static int64_t ask_timeout(const struct unplug *unplug, int64_t now)
{
    int64_t left = unplug->deadline - now;

    return left < 500 ? 500 : left < COMMAND_TIMEOUT_MS ? left : COMMAND_TIMEOUT_MS;
}

struct action unplug_step(struct unplug *unplug, const struct input *input)
{
    switch (unplug->state) {
    case UNPLUG_BEGIN:
        unplug->started = input->now;
        unplug_enter(unplug, UNPLUG_ASKING);
        return action_send("device_del", json_pack("{s:s}", "id", unplug->step->id),
                           ask_timeout(unplug, input->now));
    case UNPLUG_ASKING:
        return in_asking(unplug, input);
    case UNPLUG_AWAITING:
        return in_awaiting(unplug, input);
    case UNPLUG_CHECKING:
        return in_checking(unplug, input);
    case UNPLUG_DELETING_BACKEND:
    case UNPLUG_CHECKING_BACKEND:
        return in_backend(unplug, input);
    case UNPLUG_FINISHED:
        break;
    }
    return action_none();
}
