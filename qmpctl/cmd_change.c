/* What plug, unplug, set and plan share: the job, its driver, signals, progress, the output. */
#include <event2/event.h>
#include <unistd.h>

#include "commands.h"
#include "driver.h"
#include "host_view.h"
#include "live.h"
#include "output.h"
#include "session.h"
#include "signals.h"

struct run {
    struct session session;
    struct job job;
    struct driver *driver;
    struct signals signals; /* that interrupt it */
    bool finished;
    struct live *live; /* NULL: nobody watches */
    struct host_view host;
};

static void on_signal(void *arg)
{
    struct run *run = arg;

    if (!run->finished)
        driver_interrupt(run->driver);
}

static void on_progress(struct job *job, void *arg)
{
    struct run *run = arg;

    (void)job;
    live_update(run->live);
}

/* A change that only gives back has nothing to ask of the host. */
static bool may_plug(const struct change *change)
{
    return change->kind == CHANGE_PLUG || change->kind == CHANGE_SET ||
           (change->kind == CHANGE_UNPLUG_SIZE && change->swap);
}

/* What the host has for this VM; QEMU is the process at the other end, where it can be seen. */
static const struct host_view *look(struct vm *vm, const struct memory *memory, void *arg)
{
    struct run *run = arg;
    const struct change *change = run->job.change;

    host_view_read("/", vm_pid(vm), &change->placement, memory, NULL, &run->host);
    return &run->host;
}

static void on_done(struct job *job, void *arg)
{
    struct run *run = arg;

    (void)job;
    run->finished = true;
    event_base_loopbreak(run->session.base);
}

static bool is_watched(const struct options *options)
{
    return !options->quiet && !options->json && isatty(STDERR_FILENO);
}

static int carry_out(struct run *run, const struct options *options, struct error *error)
{
    if (is_watched(options))
        run->live = live_new(stderr, options->verbose, run->session.base, &run->job);
    run->driver =
        driver_new(run->session.base, run->session.vm, &run->job, on_progress, on_done, run);
    if (!run->driver || signals_catch(&run->signals, run->session.base, on_signal, run) < 0)
        return error_set(error, EXIT_FAILED, "out of memory");
    if (may_plug(run->job.change))
        driver_look(run->driver, look);
    driver_start(run->driver);
    while (!run->finished)
        event_base_loop(run->session.base, EVLOOP_ONCE);
    live_free(run->live);
    run->live = NULL;
    return 0;
}

static int plan_only(struct run *run, const struct options *options, struct error *error)
{
    struct memory *memory = session_snapshot(&run->session, options, error);
    const struct host_view *host = NULL;
    struct result *result = &run->job.result;
    uint64_t target;
    int code;

    if (!memory)
        return -1;
    if (may_plug(&options->change))
        host = look(run->session.vm, memory, run);
    result->before = result->after = memory_total(memory);
    result->requested = target = planning_target(&options->change, memory);
    code = planning_make(&options->change, host ? &host->placement : NULL, memory, target, NULL,
                         result, &result->error);
    if (code == 0 && host)
        code = host_view_judge(host, memory, options->change.placement.strict, 0, result,
                               &result->error);
    result->complete = code == 0;
    memory_free(memory);
    return 0;
}

/* seen: the VM was, so that there are figures to tell. */
static void print_result(const struct options *options, const struct result *result, bool seen)
{
    if (options->json)
        output_json(stdout, seen ? output_result_json(result) : output_error_json(&result->error));
    else if (seen)
        output_result_text(stdout, result);
}

int change_run(struct options *options, bool dry_run, struct error *error)
{
    struct run run = {0};
    int code = placement_request_check(&options->change.placement, error);

    if (code == 0)
        code = session_open(&run.session, options, error);
    job_init(&run.job, &options->change);
    if (code == 0 && !dry_run)
        code = vm_lock(run.session.vm, error);
    if (code == 0)
        code = dry_run ? plan_only(&run, options, error) : carry_out(&run, options, error);
    if (code == 0) {
        print_result(options, &run.job.result, dry_run || run.job.target_known);
        /* The JSON has said it; the text goes to stderr as every error does. */
        if (run.job.result.error.code != EXIT_DONE)
            output_error(stderr, &run.job.result.error);
        code = run.signals.number ? 128 + run.signals.number : (int)run.job.result.error.code;
    }
    live_free(run.live);
    driver_free(run.driver);
    signals_release(&run.signals);
    job_free(&run.job);
    session_close(&run.session);
    return code;
}
