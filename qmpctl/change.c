/* What plug, unplug, set and plan share: the job, its driver, signals, progress, the output. */
#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

#include "commands.h"
#include "driver.h"
#include "output.h"
#include "session.h"

struct run {
    struct session session;
    struct job job;
    struct driver *driver;
    struct event *signals[2];
    int signal; /* that interrupted it, or 0 */
    bool finished, live;
    size_t announced; /* steps that progress has named */
};

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct run *run = arg;

    (void)what;
    run->signal = (int)number;
    if (!run->finished)
        driver_interrupt(run->driver);
}

/* A line a device, with what is being waited for; only on a terminal. */
static void on_progress(struct job *job, void *arg)
{
    struct run *run = arg;
    const struct step *step;

    if (!run->live || job->state != JOB_STEPPING || job->current >= job->result.step_count ||
        run->announced > job->current)
        return;
    step = &job->result.steps[job->current];
    run->announced = job->current + 1;
    fprintf(stderr, "%s %s, %s: waiting for %s\n", step_action_name(step->action), step->id,
            size_human(step->size).text,
            step->action == STEP_PLUG ? "QEMU, then the guest to accept it"
                                      : "the guest to give it up");
}

static void on_done(struct job *job, void *arg)
{
    struct run *run = arg;

    (void)job;
    run->finished = true;
    event_base_loopbreak(run->session.base);
}

static int catch_signals(struct run *run)
{
    static const int numbers[] = {SIGINT, SIGTERM};

    for (size_t i = 0; i < 2; i++) {
        run->signals[i] = evsignal_new(run->session.base, numbers[i], on_signal, run);
        if (!run->signals[i] || event_add(run->signals[i], NULL) < 0)
            return -1;
    }
    return 0;
}

static int carry_out(struct run *run, struct error *error)
{
    run->driver =
        driver_new(run->session.base, run->session.vm, &run->job, on_progress, on_done, run);
    if (!run->driver || catch_signals(run) < 0)
        return error_set(error, EXIT_FAILED, "out of memory");
    driver_start(run->driver);
    while (!run->finished)
        event_base_loop(run->session.base, EVLOOP_ONCE);
    return 0;
}

static int plan_only(struct run *run, const struct options *options, struct error *error)
{
    struct memory *memory = session_snapshot(&run->session, options, error);
    struct result *result = &run->job.result;
    uint64_t target = 0;
    int code = -1;

    if (!memory)
        return -1;
    result->before = result->after = memory_total(memory);
    code = planning_target(&options->change, memory, &target, &result->error);
    result->requested = target;
    if (code == 0)
        code = planning_make(&options->change, memory, target, NULL, result, &result->error);
    result->complete = code == 0;
    memory_free(memory);
    return 0;
}

static void print_result(const struct options *options, const struct result *result)
{
    if (options->json)
        output_json(stdout, output_result_json(result));
    else if (result->error.code != EXIT_NO_CONNECTION || result->step_count > 0)
        output_result_text(stdout, result);
}

int change_run(struct options *options, bool dry_run, struct error *error)
{
    struct run run = {.live = !options->quiet && !options->json && isatty(STDERR_FILENO)};
    int code = session_open(&run.session, options, error);

    job_init(&run.job, &options->change);
    if (code == 0 && !dry_run)
        code = session_lock(&run.session, error);
    if (code == 0)
        code = dry_run ? plan_only(&run, options, error) : carry_out(&run, error);
    if (code == 0) {
        print_result(options, &run.job.result);
        /* The JSON has said it; the text goes to stderr as every error does. */
        if (run.job.result.error.code != EXIT_DONE)
            output_error(stderr, &run.job.result.error);
        code = run.signal ? 128 + run.signal : (int)run.job.result.error.code;
    }
    driver_free(run.driver);
    for (size_t i = 0; i < 2; i++) {
        if (run.signals[i])
            event_free(run.signals[i]);
    }
    job_free(&run.job);
    session_close(&run.session);
    return code;
}
