/* What plug, unplug, set and plan share: the job, its driver, signals, progress, the output. */
#include <event2/event.h>
#include <unistd.h>

#include "commands.h"
#include "driver.h"
#include "host_view.h"
#include "live.h"
#include "output.h"
#include "planning.h"
#include "preview.h"
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
    if (planning_may_plug(run->job.change))
        driver_look(run->driver, look);
    driver_start(run->driver);
    while (!run->finished)
        event_base_loop(run->session.base, EVLOOP_ONCE);
    live_free(run->live);
    run->live = NULL;
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

    if (code == 0 && dry_run)
        return preview_run(options, error);
    if (code == 0)
        code = session_open(&run.session, options, error);
    job_init(&run.job, &options->change);
    if (code == 0)
        code = vm_lock(run.session.vm, error);
    if (code == 0)
        code = carry_out(&run, options, error);
    if (code == 0) {
        print_result(options, &run.job.result, run.job.target_known);
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
