#include "job.h"

#include <stdio.h>
#include <string.h>

#include "host_view.h"
#include "undo.h"

static struct action begin_step(struct job *job, const struct memory *memory, int64_t now);

void job_init(struct job *job, const struct change *change)
{
    *job = (struct job){.change = change, .result.carried_out = true};
}

void job_free(struct job *job)
{
    result_free(&job->result);
    name_list_free(&job->excluded);
    orphans_free(&job->orphans);
    name_list_free(&job->released);
    json_decref(job->restoring);
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
    job->surprised = false;
    job_enter(job, JOB_LOOKING);
    return action_snapshot(now + COMMAND_TIMEOUT_MS);
}

/* -> CLOSING: what was certain needs no second look. */
static struct action close_job(struct job *job, int64_t now)
{
    job->result.after = result_after(&job->result);
    job->result.uncertain = job->result.error.code == EXIT_NO_CONNECTION;
    if ((job->result.error.code == EXIT_DONE && !job->drifted) || job->result.uncertain)
        return finish(job);
    job_enter(job, JOB_CLOSING);
    return action_snapshot(now + LAST_LOOK_MS);
}

/* Nothing more is tried, and all that stands is named. */
static struct action undo_none(struct job *job, const struct error *error, const char *why,
                               int64_t now)
{
    struct step *step;

    while ((step = undo_last(&job->result)))
        undo_note_untried(step, error, why);
    return close_job(job, now);
}

/* UNDOING: the last step that was done, taken back; or CLOSING. */
static struct action undo_next(struct job *job, const struct memory *memory, int64_t now)
{
    const struct change *change = job->change;
    const struct step *step = undo_last(&job->result);

    if (!step)
        return close_job(job, now);
    if (job->undo_interrupted)
        return undo_none(job, &job->result.error, "interrupted", now);
    job_enter(job, JOB_UNDOING);
    if (job->undo_deadline == 0)
        job->undo_deadline = now + change->timeout;
    job->current = (size_t)(step - job->result.steps);
    job->undo = undo_of(step);
    if (job->undo.action == STEP_PLUG)
        return attempt_plug(&job->attempt, &job->undo, &job->placement, memory,
                            json_object_get(job->restoring, step->id), change->accept_timeout, now);
    return attempt_unplug(&job->attempt, &job->undo, memory, true, job->undo_deadline, now);
}

/* One step was taken back, or not: the next. */
static struct action undo_ended(struct job *job, const struct input *input)
{
    undo_note(&job->result.steps[job->current], &job->undo);
    if (job->undo.error.code == EXIT_NO_CONNECTION)
        return undo_none(job, &job->undo.error, error_how_lost(&job->undo.error), input->now);
    return undo_next(job, input->memory, input->now);
}

/* ---- carrying out ---- */

/* Nothing more will be done; the error is that of the last step that fell short. */
static struct action stop(struct job *job, const struct error *error, const struct memory *memory,
                          int64_t now)
{
    job->result.error = *error;
    if (!job->change->atomic || !memory)
        return close_job(job, now);
    if (error->code == EXIT_NO_CONNECTION)
        return undo_none(job, error, error_how_lost(error), now);
    return undo_next(job, memory, now);
}

static bool may_replan(const struct job *job)
{
    return job->change->kind == CHANGE_SET || job->change->kind == CHANGE_UNPLUG_SIZE;
}

/* What the host has to say to the plan, before its first step. */
static int judge(struct job *job, const struct memory *memory, size_t first, struct error *error)
{
    return job->host ? host_view_judge(job->host, memory, job->change->placement.strict, first,
                                       &job->result, error)
                     : 0;
}

static void begin_target(struct job *job, const struct memory *memory)
{
    job->result.before = job->result.after = memory_total(memory);
    job->result.requested = job->target = planning_target(job->change, memory);
    job->target_known = true;
}

/* Guests change their mind when other devices have gone: those that refused are asked again. */
static bool try_again(struct job *job)
{
    if (job->excluded.count == 0 || !job->released_since_refusal || job->second_try)
        return false;
    job->second_try = true;
    name_list_free(&job->excluded);
    return true;
}

/* Where the refusals leave no way to the target: as far down as they let us. Those that refused may
 * change their mind then. */
static int plan_closest(struct job *job, const struct memory *memory, struct error *error)
{
    struct change change = *job->change;

    if (job->excluded.count == 0 || job->target > memory_total(memory))
        return -1;
    change.nearest = MEMPLAN_NEAREST_UP;
    result_drop_planned(&job->result);
    return planning_make(&change, &job->placement, memory, job->target, &job->excluded,
                         &job->result, error);
}

static int make_plan(struct job *job, const struct memory *memory, struct error *error)
{
    struct error closest = {0};
    int code =
        planning_make(job->change, &job->placement, memory, job->target,
                      may_replan(job) ? &job->excluded : &job->released, &job->result, error);

    return code < 0 ? plan_closest(job, memory, &closest) : code;
}

/* A request of somebody else was granted meanwhile: who wants less does not want some of it back.
 */
static bool is_enough(const struct job *job, const struct memory *memory)
{
    return job->change->kind == CHANGE_UNPLUG_SIZE && job->goal_known &&
           memory_total(memory) <= job->goal;
}

/* The plan of this snapshot, and its first step. */
static struct action plan(struct job *job, const struct memory *memory, int64_t now)
{
    struct error error = {0};
    uint64_t reached;
    size_t first;

    if (!job->goal_known)
        begin_target(job, memory);
    first = job->result.step_count;
    if (is_enough(job, memory)) {
        job->drifted = true;
        return close_job(job, now);
    }
    if (make_plan(job, memory, &error) < 0) {
        result_drop_planned(&job->result);
        if (try_again(job))
            return plan(job, memory, now);
        return stop(job, job->excluded.count > 0 ? &job->refusal : &error, memory, now);
    }
    reached = result_planned(&job->result, first, memory_total(memory));
    if (!job->goal_known || job->excluded.count == 0)
        job->goal = reached;
    job->goal_known = true;
    job->short_of_goal = may_replan(job) && reached != job->goal && reached != job->target;
    if (judge(job, memory, first, &error) < 0)
        return stop(job, &error, memory, now);
    job_enter(job, JOB_STEPPING);
    job->current = first;
    return begin_step(job, memory, now);
}

/* CLEANING: one orphan after the other, then the plan from a new look. */
static struct action clean_next(struct job *job, int64_t now)
{
    const struct orphan *orphan = job->interrupted ? NULL : orphans_next(&job->orphans);

    if (!orphan)
        return look(job, now);
    job_enter(job, JOB_CLEANING);
    return action_send("object-del", json_pack("{s:s}", "id", orphan->id), COMMAND_TIMEOUT_MS);
}

static bool is_without_place(const struct job *job)
{
    for (size_t i = 0; i < job->result.step_count; i++) {
        if (job->result.steps[i].action == STEP_PLUG)
            return job->host && job->host->error.code != EXIT_DONE;
    }
    return false;
}

/* Where there is no plan nothing changes, and what was left behind stays, too. */
static int try_plan(struct job *job, const struct memory *memory, struct error *error)
{
    struct name_list released = {0};
    int code;

    orphans_releases(&job->orphans, job->change, memory, &released);
    code = planning_make(job->change, &job->placement, memory, job->target, &released, &job->result,
                         error);
    if (code == 0 && is_without_place(job))
        code = judge(job, memory, 0, error);
    result_drop_planned(&job->result);
    name_list_free(&released);
    return code;
}

static struct action on_look(struct job *job, const struct memory *memory, int64_t now)
{
    struct error error = {0};

    if (!job->target_known)
        begin_target(job, memory);
    if (job->cleaned)
        return plan(job, memory, now);
    job->cleaned = true;
    orphans_collect(&job->orphans, memory);
    if (job->orphans.count == 0)
        return plan(job, memory, now);
    if (!job->goal_known && try_plan(job, memory, &error) < 0)
        return stop(job, &error, memory, now);
    return clean_next(job, now);
}

/* All is done, or the user wants it to end. */
static struct action end_steps(struct job *job, const struct memory *memory, int64_t now)
{
    struct error error = {0};

    if (job->current < job->result.step_count) {
        error_set(&error, EXIT_TIMED_OUT, "interrupted: %zu planned steps not begun",
                  job->result.step_count - job->current);
        return stop(job, &error, memory, now);
    }
    if (job->surprised && may_replan(job))
        return look(job, now);
    if (!job->short_of_goal)
        return close_job(job, now);
    return try_again(job) ? look(job, now) : stop(job, &job->refusal, memory, now);
}

static struct action begin_step(struct job *job, const struct memory *memory, int64_t now)
{
    struct step *step;

    if (job->current >= job->result.step_count || job->interrupted)
        return end_steps(job, memory, now);
    step = &job->result.steps[job->current];
    if (step->action == STEP_PLUG)
        return attempt_plug(&job->attempt, step, &job->placement, memory, NULL,
                            job->change->accept_timeout, now);
    if (job->deadline == 0)
        job->deadline = now + job->change->timeout;
    if (job->change->atomic)
        undo_remember(&job->restoring, memory, step->id);
    return attempt_unplug(&job->attempt, step, memory, false, job->deadline, now);
}

/* The guest refused: where there may be another way, it is looked for. */
static struct action step_refused(struct job *job, const struct input *input)
{
    job->refusal = job->result.steps[job->current - 1].error;
    if (job->released_since_refusal && job->excluded.count == 0)
        job->released_since_refusal = false;
    name_list_add(&job->excluded, job->result.steps[job->current - 1].id);
    result_drop_planned(&job->result);
    return look(job, input->now);
}

/* The guest said no; where it says nothing, it may still come to it. */
static void accept_failed(const struct job *job, const struct step *step, struct error *error)
{
    error_set(error, EXIT_FAILED, "plug %s: %s", step->id, step->detail);
    if (!job->change->atomic)
        error_hint(error, "the device is there all the same; the guest's log may tell why, and "
                          "qmpctl unplug takes it away");
}

/* A step has ended. */
static struct action step_ended(struct job *job, const struct input *input)
{
    const struct step *step = &job->result.steps[job->current++];
    const bool named = job->change->kind == CHANGE_UNPLUG && !job->change->atomic;
    struct error error = step->error;
    bool go_on = false;

    switch (step->result) {
    case STEP_DONE:
        if (step->action == STEP_UNPLUG)
            job->released_since_refusal = true;
        if (!step->accepted_known || step->accepted)
            return begin_step(job, input->memory, input->now);
        accept_failed(job, step, &error);
        break;
    case STEP_REFUSED:
        if (may_replan(job) && !job->change->stop_on_refusal && !job->interrupted)
            return step_refused(job, input);
        go_on = named;
        break;
    case STEP_TIMEOUT:
        go_on = named && job->change->timeout == 0;
        break;
    default:
        break;
    }
    if (!go_on)
        return stop(job, &error, input->memory, input->now);
    job->result.error = error;
    return begin_step(job, input->memory, input->now);
}

/* Nobody waits long for a look that leads to nothing; the first has nothing to wait for at all. */
static struct action interrupt_look(struct job *job, const struct input *input)
{
    struct error error = {0};

    if (input->memory)
        return action_snapshot(input->now + LAST_LOOK_MS);
    error_set(&error, EXIT_TIMED_OUT, "interrupted: nothing was begun");
    job->result.error = error;
    return finish(job);
}

static struct action in_looking(struct job *job, const struct input *input)
{
    if (input->kind == INPUT_INTERRUPT)
        return interrupt_look(job, input);
    if (input->kind == INPUT_SNAPSHOT) {
        job->host = input->host;
        if (job->host)
            job->placement = job->host->placement;
        return on_look(job, input->memory, input->now);
    }
    return input->kind == INPUT_LOST ? stop(job, input->error, input->memory, input->now)
                                     : action_none();
}

static struct action in_cleaning(struct job *job, const struct input *input)
{
    switch (input->kind) {
    case INPUT_REPLY:
        orphans_note_deleted(&job->orphans, job->change, input->memory, &job->released,
                             &job->result);
        return clean_next(job, input->now);
    case INPUT_ERROR:
        return clean_next(job, input->now);
    case INPUT_UNANSWERED: /* the next would wait as long again */
        return look(job, input->now);
    default:
        return action_none();
    }
}

/* What goes while the last look is taken may be the size that was reached. */
static bool is_to_do_again(const struct job *job)
{
    return job->surprised && job->result.error.code == EXIT_DONE && may_replan(job);
}

static struct action in_closing(struct job *job, const struct input *input)
{
    if (input->kind != INPUT_SNAPSHOT && input->kind != INPUT_LOST)
        return action_none();
    if (input->kind == INPUT_SNAPSHOT && is_to_do_again(job))
        return look(job, input->now);
    if (input->kind == INPUT_SNAPSHOT)
        job->result.after = memory_total(input->memory);
    job->result.uncertain = input->kind == INPUT_LOST;
    return finish(job);
}

/* A device has gone that no step is waiting for; it leaves its backend behind. */
static bool is_release(const struct job *job, const struct input *input)
{
    bool stepping = job->state == JOB_STEPPING || job->state == JOB_UNDOING;

    return input->kind == INPUT_EVENT && strcmp(input->event->name, "DEVICE_DELETED") == 0 &&
           !(stepping && attempt_is_about(&job->attempt, input->event));
}

/* A device may have gone that nobody has cleaned up after; what cleaning leaves is left for good.
 */
static bool may_leave_orphans(const struct job *job, const struct input *input)
{
    bool deaf = input->kind == INPUT_DISCONNECTED || input->kind == INPUT_UNANSWERED;

    return is_release(job, input) || (deaf && job->state != JOB_CLEANING);
}

/* Something came about that this step is not, or may have while nobody listened. */
static bool is_surprise(const struct job *job, const struct input *input)
{
    return input->kind == INPUT_DISCONNECTED || input->kind == INPUT_UNANSWERED ||
           is_release(job, input) ||
           (input->kind == INPUT_EVENT &&
            strcmp(input->event->name, "MEMORY_DEVICE_SIZE_CHANGE") == 0);
}

struct action job_step(struct job *job, const struct input *input)
{
    struct action action;

    if (input->kind == INPUT_INTERRUPT) {
        job->undo_interrupted = job->state == JOB_UNDOING;
        job->interrupted = true;
    }
    if (is_surprise(job, input))
        job->surprised = job->drifted = true;
    if (may_leave_orphans(job, input))
        job->cleaned = false;
    switch (job->state) {
    case JOB_BEGIN:
        return look(job, input->now);
    case JOB_LOOKING:
        return in_looking(job, input);
    case JOB_CLEANING:
        return in_cleaning(job, input);
    case JOB_STEPPING:
        action = attempt_step(&job->attempt, input);
        return action.kind == ACTION_FINISH ? step_ended(job, input) : action;
    case JOB_UNDOING:
        action = attempt_step(&job->attempt, input);
        return action.kind == ACTION_FINISH ? undo_ended(job, input) : action;
    case JOB_CLOSING:
        return in_closing(job, input);
    case JOB_FINISHED:
        break;
    }
    return action_none();
}
