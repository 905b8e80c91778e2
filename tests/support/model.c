#include "model.h"

#include <stdio.h>
#include <string.h>

#include "dimm.h"

enum happening {
    /* to a command */
    CARRIED_OUT,
    REPLY_LOST,
    COMMAND_LOST,
    QEMU_REFUSES,
    /* to a look */
    SEEN,
    VM_LOST,
    /* to a wait */
    TIME_PASSES,
    DISCONNECTS,
    /* of the guest */
    GUEST_RELEASES,
    GUEST_REFUSES,
    GUEST_TRIES,
    GUEST_ACCEPTS,
    GUEST_REJECTS,
    /* of the user */
    INTERRUPTS,
    HAPPENINGS
};

struct choice {
    enum happening happening;
    struct model_device *device;
};

static void broken(struct model *model, const char *rule)
{
    if (!model->broken)
        model->broken = rule;
}

/* Of the device with this id; a new one where it has none. */
static struct model_fate *fate_of(struct model *model, const char *id)
{
    struct model_fate *fate = model->fates;

    while (*fate->id && strcmp(fate->id, id) != 0) {
        if (++fate == model->fates + MODEL_FATES) {
            broken(model, "more devices than fates");
            return model->fates;
        }
    }
    snprintf(fate->id, sizeof fate->id, "%s", id);
    return fate;
}

static uint64_t total(const struct model *model)
{
    uint64_t bytes = MODEL_BASE;

    for (size_t i = 0; i < MODEL_DEVICES; i++)
        bytes += *model->devices[i].id ? model->devices[i].size : 0;
    return bytes;
}

/* What a snapshot shows now. */
static void look(struct model *model)
{
    struct memory *memory = &model->memory;

    memory->device_count = memory->backend_count = 0;
    memcpy(model->shown, model->devices, sizeof model->shown);
    for (size_t i = 0; i < MODEL_DEVICES; i++) {
        struct model_device *device = &model->shown[i];
        struct memory_backend *backend = NULL;

        if (*device->backend) {
            backend = &model->backends[memory->backend_count++];
            *backend = (struct memory_backend){.id = device->backend,
                                               .type = "ram",
                                               .size = device->size,
                                               .policy = "default",
                                               .used = *device->id,
                                               .orphan = !*device->id};
        }
        if (*device->id)
            model->rows[memory->device_count++] = (struct memory_device){.id = device->id,
                                                                         .qom_path = device->path,
                                                                         .type = "dimm",
                                                                         .slot = device->slot,
                                                                         .size = device->size,
                                                                         .hotplugged = true,
                                                                         .hotpluggable = true,
                                                                         .backend = backend,
                                                                         .answer = device->answer};
    }
    memory->plugged = model->node.plugged = total(model) - MODEL_BASE;
    memory->slots_used = (int64_t)memory->device_count;
    model->seen = true;
}

static void obey(struct model *model, struct action action);

static void tell(struct model *model, struct input input)
{
    input.now = model->now;
    input.memory = model->seen ? &model->memory : NULL;
    obey(model, job_step(&model->job, &input));
}

static void tell_error(struct model *model, enum input_kind kind, enum exit_code code)
{
    const struct error error = {.code = code, .text = "it went wrong", .qmp_desc = "no"};

    tell(model, (struct input){.kind = kind, .error = &error});
}

static const char *argument(const struct model *model, const char *name)
{
    const char *text = json_string_value(json_object_get(model->action.arguments, name));

    return text ? text : "";
}

static struct model_device *find(struct model *model, const char *id, const char *backend)
{
    for (size_t i = 0; i < MODEL_DEVICES; i++) {
        struct model_device *device = &model->devices[i];

        if ((id && strcmp(device->id, id) == 0) ||
            (backend && strcmp(device->backend, backend) == 0))
            return device;
    }
    return NULL;
}

/* ---- the rules for commands ---- */

static void watch_command(struct model *model)
{
    const char *command = model->action.command;
    struct model_device *device;

    if (strcmp(command, "object-add") == 0 && model->job.change->kind == CHANGE_UNPLUG_SIZE &&
        !model->job.change->swap && model->job.state == JOB_STEPPING)
        broken(model, "an unplug plugs");
    if (strcmp(command, "object-del") == 0) {
        device = find(model, NULL, argument(model, "id"));
        if (device && *device->id)
            broken(model, "object-del before the device was gone");
    } else if (strcmp(command, "device_del") == 0) {
        if (model->asked_state == (int)model->job.state && model->asked_step == model->job.current)
            broken(model, "a second device_del for one attempt");
        model->asked_state = (int)model->job.state;
        model->asked_step = model->job.current;
        device = find(model, argument(model, "id"), NULL);
        if (device)
            device->answer_when_asked = device->answer;
    }
}

static bool is_refusal(const struct guest_answer *answer)
{
    return answer->source == OST_SOURCE_EJECT && answer->status != OST_SUCCESS &&
           answer->status != OST_IN_PROGRESS;
}

/* Whether it heard the guest or looked after it had lost the connection, it knows of a refusal. One
 * that is the same as an older one cannot be told from that. */
static void watch_wait(struct model *model)
{
    const struct attempt *attempt = &model->job.attempt;
    const struct model_device *device;

    if (attempt->action != STEP_UNPLUG)
        return;
    device = find(model, attempt->unplug.step->id, NULL);
    if (device && is_refusal(&device->answer) &&
        device->answer.status != device->answer_when_asked.status)
        broken(model, "a wait for a guest that has refused");
}

static void obey(struct model *model, struct action action)
{
    if (action.kind == ACTION_NONE)
        return;
    if (model->finished > 0)
        broken(model, "an action after the end");
    json_decref(model->action.arguments);
    model->action = action;
    if (action.kind == ACTION_FINISH)
        model->finished++;
    if (action.kind == ACTION_SEND)
        watch_command(model);
    if (action.kind == ACTION_WAIT)
        watch_wait(model);
}

/* ---- QEMU ---- */

static bool add_backend(struct model *model)
{
    struct model_device *row = find(model, "", NULL);
    const char *id = argument(model, "id");

    for (size_t i = 0; i < MODEL_DEVICES; i++) {
        if (!*model->devices[i].backend)
            row = &model->devices[i];
    }
    if (find(model, NULL, id) || !row || *row->backend || strlen(id) >= sizeof row->backend)
        return false;
    *row = (struct model_device){0};
    snprintf(row->backend, sizeof row->backend, "%s", id);
    row->size = (uint64_t)json_integer_value(json_object_get(model->action.arguments, "size"));
    return true;
}

static bool add_device(struct model *model)
{
    struct model_device *row = find(model, NULL, argument(model, "memdev"));
    const json_t *slot = json_object_get(model->action.arguments, "slot");
    const char *id = argument(model, "id");

    if (!row || *row->id || find(model, id, NULL) || strlen(id) >= sizeof row->id)
        return false;
    snprintf(row->id, sizeof row->id, "%s", id);
    snprintf(row->path, sizeof row->path, "/machine/peripheral/%s", id);
    row->slot = slot ? json_integer_value(slot) : row - model->devices;
    row->fresh = true;
    return true;
}

static bool carry_out(struct model *model)
{
    const char *command = model->action.command;
    struct model_device *device;

    if (strcmp(command, "object-add") == 0)
        return add_backend(model);
    if (strcmp(command, "device_add") == 0)
        return add_device(model);
    if (strcmp(command, "object-del") == 0) {
        device = find(model, NULL, argument(model, "id"));
        if (!device || *device->id)
            return false;
        *device->backend = '\0';
        return true;
    }
    device = find(model, argument(model, "id"), NULL);
    if (!device)
        return false;
    device->asked = true;
    device->of_others = false;
    return true;
}

/* ---- the guest ---- */

static void tell_event(struct model *model, const struct qmp_event *event)
{
    if (model->action.kind != ACTION_FINISH && !model->deaf)
        tell(model, (struct input){.kind = INPUT_EVENT, .event = event});
}

static void ost(struct model *model, struct model_device *device, int64_t source, int64_t status)
{
    char slot[24];
    json_t *data;
    struct qmp_event event = {.name = "ACPI_DEVICE_OST"};

    snprintf(slot, sizeof slot, "%lld", (long long)device->slot);
    data = dimm_answer(slot, NULL, source, status);
    event.data = data;
    device->answer = (struct guest_answer){source, status};
    tell_event(model, &event);
    json_decref(data);
}

static void release(struct model *model, struct model_device *device)
{
    json_t *data = json_pack("{s:s,s:s}", "device", device->id, "path", device->path);
    const struct qmp_event event = {.name = "DEVICE_DELETED", .data = data};

    fate_of(model, device->id)->released = true;
    *device->id = '\0';
    device->asked = false;
    tell_event(model, &event);
    json_decref(data);
}

/* ---- what can happen ---- */

static unsigned guest_choices(struct model *model, struct choice *choices)
{
    unsigned count = 0;

    for (size_t i = 0; i < MODEL_DEVICES; i++) {
        struct model_device *device = &model->devices[i];

        if (*device->id && device->asked) {
            choices[count++] = (struct choice){GUEST_RELEASES, device};
            choices[count++] = (struct choice){GUEST_REFUSES, device};
            if (device->answer.status != OST_IN_PROGRESS)
                choices[count++] = (struct choice){GUEST_TRIES, device};
        }
        if (*device->id && device->fresh) {
            choices[count++] = (struct choice){GUEST_ACCEPTS, device};
            choices[count++] = (struct choice){GUEST_REJECTS, device};
        }
    }
    return count;
}

/* On a good day a wait ends with the guest's answer. */
static unsigned list(struct model *model, struct choice *choices)
{
    unsigned count = 0;

    switch (model->action.kind) {
    case ACTION_SEND:
        for (enum happening happening = CARRIED_OUT; happening <= QEMU_REFUSES; happening++) {
            /* Without a connection nothing is sent; only a look makes one again. */
            if (!model->deaf || happening == COMMAND_LOST)
                choices[count++] = (struct choice){happening, NULL};
        }
        count += guest_choices(model, choices + count);
        break;
    case ACTION_WAIT:
        count = guest_choices(model, choices);
        choices[count++] = (struct choice){TIME_PASSES, NULL};
        choices[count++] = (struct choice){DISCONNECTS, NULL};
        break;
    case ACTION_SNAPSHOT:
        choices[count++] = (struct choice){SEEN, NULL};
        choices[count++] = (struct choice){VM_LOST, NULL};
        count += guest_choices(model, choices + count);
        break;
    default:
        return 0;
    }
    if (!model->interrupted || (model->job.state == JOB_UNDOING && !model->job.undo_interrupted))
        choices[count++] = (struct choice){INTERRUPTS, NULL};
    return count;
}

unsigned model_choices(struct model *model)
{
    struct choice choices[5 * MODEL_DEVICES + 8];

    return list(model, choices);
}

static void happen(struct model *model, const struct choice *choice)
{
    switch (choice->happening) {
    case CARRIED_OUT:
        if (carry_out(model))
            tell(model, (struct input){.kind = INPUT_REPLY});
        else
            tell_error(model, INPUT_ERROR, EXIT_FAILED);
        break;
    case REPLY_LOST:
        model->unanswered = model->deaf = true;
        carry_out(model);
        tell_error(model, INPUT_UNANSWERED, EXIT_NO_CONNECTION);
        break;
    case COMMAND_LOST:
        model->unanswered = model->deaf = true;
        tell_error(model, INPUT_UNANSWERED, EXIT_NO_CONNECTION);
        break;
    case QEMU_REFUSES:
        model->qemu_refused = true;
        tell_error(model, INPUT_ERROR, EXIT_FAILED);
        break;
    case SEEN:
        model->deaf = false;
        look(model);
        tell(model, (struct input){.kind = INPUT_SNAPSHOT});
        break;
    case VM_LOST:
        model->lost = true;
        tell_error(model, INPUT_LOST, EXIT_NO_CONNECTION);
        break;
    case TIME_PASSES:
        model->now = model->action.until > model->now ? model->action.until : model->now;
        tell(model, (struct input){.kind = INPUT_TIME});
        break;
    case DISCONNECTS:
        model->lost = model->lost || ++model->disconnects > 3; /* that often is given up */
        model->deaf = true;
        tell(model, (struct input){.kind = INPUT_DISCONNECTED});
        break;
    case GUEST_RELEASES:
        release(model, choice->device);
        break;
    case GUEST_REFUSES:
        choice->device->asked = false;
        fate_of(model, choice->device->id)->refused = true;
        ost(model, choice->device, OST_SOURCE_EJECT, 0x82);
        break;
    case GUEST_TRIES:
        ost(model, choice->device, OST_SOURCE_EJECT, OST_IN_PROGRESS);
        break;
    case GUEST_ACCEPTS:
    case GUEST_REJECTS:
        choice->device->fresh = false;
        ost(model, choice->device, OST_SOURCE_PLUG, choice->happening == GUEST_REJECTS);
        break;
    default:
        model->interrupted = true;
        tell(model, (struct input){.kind = INPUT_INTERRUPT});
        break;
    }
}

void model_happen(struct model *model, unsigned choice)
{
    struct choice choices[5 * MODEL_DEVICES + 8];
    unsigned count = list(model, choices);

    model->now++;
    if (choice < count)
        happen(model, &choices[choice]);
}

/* ---- the truth of what was told ---- */

static void judge_step(struct model *model, const struct step *step)
{
    const struct model_fate *fate = fate_of(model, step->id);

    if (step->action == STEP_UNPLUG && step->result == STEP_DONE && !fate->released)
        broken(model, "done, and nothing was released");
    if (step->result == STEP_REFUSED && !fate->refused)
        broken(model, "refused, and nobody did");
    if (step->action == STEP_PLUG && step->result == STEP_FAILED && !model->unanswered &&
        !model->qemu_refused && !model->lost)
        broken(model, "a plug failed on a good day");
    if (step->result == STEP_REFUSED || step->result == STEP_TIMEOUT ||
        step->result == STEP_FAILED) {
        if (step->error.code == EXIT_DONE || !*step->reason)
            broken(model, "fell short without a reason");
    }
    if (step->error.code == EXIT_NO_CONNECTION && !model->lost && !model->unanswered)
        broken(model, "no connection, and there was one");
}

static void judge_totals(struct model *model)
{
    const struct job *job = &model->job;
    const struct result *result = &job->result;
    bool orphan = false;

    for (size_t i = 0; i < MODEL_DEVICES; i++)
        orphan = orphan || (*model->devices[i].backend && !*model->devices[i].id &&
                            !model->devices[i].of_others);
    if (result->error.code == EXIT_DONE && job->change->kind == CHANGE_SET && !result->uncertain &&
        total(model) != job->goal && total(model) != job->target)
        broken(model, "done, and the size is another");
    if (!result->uncertain && job->target_known && result->after != total(model))
        broken(model, "the total told is not the VM's");
    if (orphan && result->error.code == EXIT_DONE && !model->interrupted && !model->lost &&
        !model->unanswered && !model->qemu_refused)
        broken(model, "done, and a backend is left");
}

void model_judge(struct model *model)
{
    const struct result *result = &model->job.result;

    if (model->finished != 1)
        broken(model, "it did not end once");
    if (result->complete != (result->error.code == EXIT_DONE))
        broken(model, "complete, and an error");
    if (result->error.code == EXIT_REFUSED && model->job.refusal.code == EXIT_DONE &&
        model->job.change->kind != CHANGE_UNPLUG && !model->job.change->stop_on_refusal &&
        !model->interrupted)
        broken(model, "refused, and no refusal is known");
    for (size_t i = 0; i < result->step_count; i++)
        judge_step(model, &result->steps[i]);
    judge_totals(model);
    tell(model, (struct input){.kind = INPUT_REPLY});
    tell(model, (struct input){.kind = INPUT_INTERRUPT});
}

void model_init(struct model *model, const struct change *change, const uint64_t *sizes,
                size_t count)
{
    *model = (struct model){.asked_state = -1};
    model->memory = (struct memory){.state = "running",
                                    .guest_tells = true,
                                    .base = MODEL_BASE,
                                    .maximum = (uint64_t)16 << 30,
                                    .slots_total = MODEL_DEVICES,
                                    .devices = model->rows,
                                    .backends = model->backends,
                                    .nodes = &model->node,
                                    .node_count = 1};
    model->node.base = MODEL_BASE;
    for (size_t i = 0; i < count && i < MODEL_DEVICES; i++) {
        struct model_device *device = &model->devices[i];

        if (!sizes[i])
            continue;
        if (!(sizes[i] & MODEL_GONE))
            snprintf(device->id, sizeof device->id, "dimm%zu", i);
        snprintf(device->path, sizeof device->path, "/machine/peripheral/dimm%zu", i);
        snprintf(device->backend, sizeof device->backend, "mem-dimm%zu", i);
        device->size = sizes[i] & ~(MODEL_GONE | MODEL_PENDING);
        device->asked = device->of_others = sizes[i] & MODEL_PENDING;
        if (device->asked)
            device->answer = (struct guest_answer){OST_SOURCE_EJECT, OST_IN_PROGRESS};
        if (sizes[i] & MODEL_GONE)
            fate_of(model, device->path + strlen("/machine/peripheral/"))->released = true;
        device->slot = (int64_t)i;
    }
    job_init(&model->job, change);
    tell(model, (struct input){.kind = INPUT_BEGIN});
}

void model_free(struct model *model)
{
    json_decref(model->action.arguments);
    job_free(&model->job);
}
