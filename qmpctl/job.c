#include "job.h"

#include <stdio.h>
#include <string.h>

static struct action begin_step(struct job *job, const struct memory *memory, int64_t now);

void job_init(struct job *job, const struct change *change)
{
    *job = (struct job){.change = change};
}

void job_free(struct job *job)
{
    result_free(&job->result);
    name_list_free(&job->excluded);
    name_list_free(&job->orphans);
}

static void job_enter(struct job *job, enum job_state state)
{
    job->state = state;
}

static struct action finish(struct job *job)
{
    job->result.complete = job->result.error.code == EXIT_DONE;
    job_enter(job, JOB_FINISHED);
    return action_finish();
}

/* LOOKING: plan from this snapshot. */
static struct action look(struct job *job, int64_t now)
{
    job_enter(job, JOB_LOOKING);
    return action_snapshot(now + COMMAND_TIMEOUT_MS);
}

static uint64_t after_by_steps(const struct result *result)
{
    uint64_t after = result->before;

    for (size_t i = 0; i < result->step_count; i++) {
        const struct step *step = &result->steps[i];

        if (step->result == STEP_DONE)
            after += step->action == STEP_PLUG ? step->size : -step->size;
    }
    return after;
}

/* -> CLOSING: what was certain needs no second look. */
static struct action close_job(struct job *job, int64_t now)
{
    job->result.after = after_by_steps(&job->result);
    if (job->result.error.code == EXIT_DONE || job->result.error.code == EXIT_NO_CONNECTION)
        return finish(job);
    job_enter(job, JOB_CLOSING);
    return action_snapshot(now + 900);
}

/* ---- undoing (--atomic) ---- */

/* UNDOING: the last step that was done, taken back; or CLOSING. */
static struct action undo_next(struct job *job, const struct memory *memory, int64_t now)
{
    for (size_t i = job->result.step_count; i-- > 0;) {
        const struct step *step = &job->result.steps[i];
        struct memory_device device = {.qom_path = "", .slot = step->slot, .type = "dimm"};
        struct memory_backend backend;
        char path[300], id[300];

        if (step->result != STEP_DONE || *step->error.text)
            continue;
        job_enter(job, JOB_UNDOING);
        job->current = i;
        job->undo = (struct step){.size = step->size, .node = step->node, .slot = step->slot};
        snprintf(job->undo.id, sizeof job->undo.id, "%s", step->id);
        if (step->action == STEP_UNPLUG) {
            job->machine = job->undo.action = STEP_PLUG;
            plug_init(&job->plug, &job->undo, &job->change->placement, memory,
                      job->change->accept_timeout);
            return plug_step(&job->plug, &(struct input){.kind = INPUT_BEGIN, .now = now});
        }
        snprintf(path, sizeof path, "/machine/peripheral/%s", step->id);
        snprintf(id, sizeof id, "mem-%s", step->id);
        backend = (struct memory_backend){.id = id};
        device.qom_path = path;
        device.backend = &backend;
        job->machine = job->undo.action = STEP_UNPLUG;
        unplug_init(&job->unplug, &job->undo, &device, memory, now + job->change->timeout);
        return unplug_step(&job->unplug, &(struct input){.kind = INPUT_BEGIN, .now = now});
    }
    return close_job(job, now);
}

static void undone(struct job *job)
{
    struct step *step = &job->result.steps[job->current];

    if (job->undo.result == STEP_DONE) {
        step->result = STEP_UNDONE;
        snprintf(step->detail, sizeof step->detail, "taken back, since a later step fell short");
        return;
    }
    step->error = job->undo.error;
    snprintf(step->detail, sizeof step->detail, "could not be taken back: %.250s",
             job->undo.reason);
}

/* ---- carrying out ---- */

/* Nothing more will be done; the error is that of the last step that fell short. */
static struct action stop(struct job *job, const struct error *error, const struct memory *memory,
                          int64_t now)
{
    job->result.error = *error;
    if (job->change->atomic && error->code != EXIT_NO_CONNECTION && memory)
        return undo_next(job, memory, now);
    return close_job(job, now);
}

/* Steps that were planned and not begun are gone when a new plan is made. */
static void drop_planned(struct job *job)
{
    while (job->result.step_count > 0 &&
           job->result.steps[job->result.step_count - 1].result == STEP_PLANNED)
        job->result.step_count--;
}

static bool may_replan(const struct job *job)
{
    return job->change->kind == CHANGE_SET || job->change->kind == CHANGE_UNPLUG_SIZE;
}

/* The plan of this snapshot, and its first step. */
static struct action plan(struct job *job, const struct memory *memory, int64_t now)
{
    struct error error = {0};
    size_t first = job->result.step_count;

    if (!job->target_known) {
        job->result.before = job->result.after = memory_total(memory);
        if (planning_target(job->change, memory, &job->target, &error) < 0)
            return stop(job, &error, NULL, now);
        job->result.requested = job->target;
        job->target_known = true;
    }
    if (planning_make(job->change, memory, job->target, &job->excluded, &job->result, &error) < 0) {
        drop_planned(job);
        if (job->excluded.count == 0)
            return stop(job, &error, memory, now);
        if (job->released_since_refusal && !job->second_try) {
            job->second_try = true;
            name_list_free(&job->excluded);
            return plan(job, memory, now);
        }
        error_hint(&error, "%s", job->refusal.hint);
        return stop(job, &job->refusal, memory, now);
    }
    job_enter(job, JOB_STEPPING);
    job->current = first;
    return begin_step(job, memory, now);
}

/* CLEANING: one orphan after the other, then the plan from a new look. */
static struct action clean_next(struct job *job, int64_t now)
{
    if (job->orphans.count == 0)
        return look(job, now);
    job_enter(job, JOB_CLEANING);
    return action_send("object-del",
                       json_pack("{s:s}", "id", job->orphans.names[--job->orphans.count]),
                       COMMAND_TIMEOUT_MS);
}

static struct action on_first_look(struct job *job, const struct memory *memory, int64_t now)
{
    if (!job->target_known && job->change->kind != CHANGE_PLUG) {
        for (size_t i = 0; i < memory->backend_count; i++) {
            if (memory->backends[i].orphan)
                name_list_add(&job->orphans, memory->backends[i].id);
        }
        if (job->orphans.count > 0 && job->state == JOB_LOOKING && job->current == 0) {
            job->current = 1; /* cleaned once */
            return clean_next(job, now);
        }
    }
    return plan(job, memory, now);
}

static struct action begin_step(struct job *job, const struct memory *memory, int64_t now)
{
    const struct input begin = {.kind = INPUT_BEGIN, .now = now};
    const struct memory_device *device;
    struct step *step;

    if (job->interrupted && job->current < job->result.step_count)
        error_set(&job->result.error, EXIT_TIMED_OUT, "interrupted: %zu planned steps not begun",
                  job->result.step_count - job->current);
    if (job->current >= job->result.step_count || job->interrupted)
        return close_job(job, now);
    step = &job->result.steps[job->current];
    job->machine = step->action;
    if (step->action == STEP_PLUG) {
        plug_init(&job->plug, step, &job->change->placement, memory, job->change->accept_timeout);
        return plug_step(&job->plug, &begin);
    }
    if (job->deadline == 0)
        job->deadline = now + job->change->timeout;
    device = memory_device_by_name(memory, step->id);
    if (!device) {
        step->result = STEP_DONE; /* it has gone since the snapshot was planned from */
        job->current++;
        return begin_step(job, memory, now);
    }
    unplug_init(&job->unplug, step, device, memory, job->deadline);
    return unplug_step(&job->unplug, &begin);
}

/* A step has ended. */
static struct action step_ended(struct job *job, const struct input *input)
{
    const struct step *step = &job->result.steps[job->current];
    const struct error error = step->error;
    bool go_on;

    job->current++;
    switch (step->result) {
    case STEP_DONE:
        if (step->action == STEP_UNPLUG)
            job->released_since_refusal = true;
        if (step->accepted_known && !step->accepted && may_replan(job)) {
            struct error refused;

            error_set(&refused, EXIT_FAILED, "plug %s: %s", step->id, step->detail);
            return stop(job, &refused, input->memory, input->now);
        }
        return begin_step(job, input->memory, input->now);
    case STEP_REFUSED:
        job->refusal = error;
        if (may_replan(job) && !job->change->stop_on_refusal && !job->interrupted) {
            name_list_add(&job->excluded, step->id);
            if (job->second_try)
                return stop(job, &error, input->memory, input->now);
            job->released_since_refusal = false;
            drop_planned(job);
            return look(job, input->now);
        }
        go_on = job->change->kind == CHANGE_UNPLUG;
        break;
    case STEP_TIMEOUT:
        go_on = job->change->kind == CHANGE_UNPLUG && job->change->timeout == 0;
        break;
    default:
        go_on = false;
        break;
    }
    if (!go_on || job->change->atomic)
        return stop(job, &error, input->memory, input->now);
    job->result.error = error;
    return begin_step(job, input->memory, input->now);
}

static struct action machine_step(struct job *job, const struct input *input)
{
    return job->machine == STEP_PLUG ? plug_step(&job->plug, input)
                                     : unplug_step(&job->unplug, input);
}

static struct action in_looking(struct job *job, const struct input *input)
{
    if (input->kind == INPUT_SNAPSHOT)
        return on_first_look(job, input->memory, input->now);
    return input->kind == INPUT_LOST ? stop(job, input->error, NULL, input->now) : action_none();
}

static struct action in_cleaning(struct job *job, const struct input *input)
{
    switch (input->kind) {
    case INPUT_REPLY:
    case INPUT_ERROR:
    case INPUT_UNANSWERED:
        return clean_next(job, input->now);
    default:
        return action_none();
    }
}

static struct action in_closing(struct job *job, const struct input *input)
{
    if (input->kind != INPUT_SNAPSHOT && input->kind != INPUT_LOST)
        return action_none();
    if (input->kind == INPUT_SNAPSHOT)
        job->result.after = memory_total(input->memory);
    return finish(job);
}

struct action job_step(struct job *job, const struct input *input)
{
    struct action action;

    if (input->kind == INPUT_INTERRUPT)
        job->interrupted = true;
    switch (job->state) {
    case JOB_BEGIN:
        return look(job, input->now);
    case JOB_LOOKING:
        return in_looking(job, input);
    case JOB_CLEANING:
        return in_cleaning(job, input);
    case JOB_STEPPING:
        action = machine_step(job, input);
        return action.kind == ACTION_FINISH ? step_ended(job, input) : action;
    case JOB_UNDOING:
        action = machine_step(job, input);
        if (action.kind != ACTION_FINISH)
            return action;
        undone(job);
        return undo_next(job, input->memory, input->now);
    case JOB_CLOSING:
        return in_closing(job, input);
    case JOB_FINISHED:
        break;
    }
    return action_none();
}
