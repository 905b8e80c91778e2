#include "live.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "live_allocation.h"
#include "utf8.h"

/* How often a line that only waits is drawn again, for its seconds. */
#define TICK_USECONDS 200000

struct live {
    FILE *file;
    const struct job *job;
    bool plain;
    struct event *tick;
    size_t rows, columns, drawn; /* of the terminal; lines that are on it */
    size_t told;                 /* plain: steps whose end has been told */
    size_t step;                 /* plain: whose wait was told last */
    const char *waiting;         /* plain: and what for */
    struct allocation allocation;
};

static const char *waiting_to_plug(const struct plug *plug)
{
    switch (plug->state) {
    case PLUG_ADDING_BACKEND:
        return "QEMU to take memory from the host";
    case PLUG_ADDING_DEVICE:
        return "QEMU to plug it";
    case PLUG_CHECKING:
        return "a look at the VM";
    case PLUG_AWAITING_ACCEPTANCE:
        return "the guest to accept it";
    case PLUG_TAKING_BACK:
        return "QEMU to give its memory back";
    default:
        return NULL;
    }
}

static const char *waiting_to_unplug(const struct unplug *unplug)
{
    switch (unplug->state) {
    case UNPLUG_ASKING:
        return "QEMU to ask the guest for it";
    case UNPLUG_AWAITING:
        return unplug->in_progress ? "the guest, which is at it" : "the guest to give it up";
    case UNPLUG_CHECKING:
    case UNPLUG_CHECKING_BACKEND:
        return "a look at the VM";
    case UNPLUG_DELETING_BACKEND:
        return "QEMU to give its memory back";
    default:
        return NULL;
    }
}

const char *live_waiting(const struct job *job)
{
    switch (job->state) {
    case JOB_LOOKING:
    case JOB_CLOSING:
        return "a look at the VM";
    case JOB_CLEANING:
        return "QEMU to delete what an interrupted command left behind";
    case JOB_STEPPING:
    case JOB_UNDOING:
        return job->attempt.action == STEP_PLUG ? waiting_to_plug(&job->attempt.plug)
                                                : waiting_to_unplug(&job->attempt.unplug);
    default:
        return NULL;
    }
}

static bool is_current(const struct job *job, size_t step)
{
    return (job->state == JOB_STEPPING || job->state == JOB_UNDOING) && step == job->current;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static double seconds_of_current(const struct job *job)
{
    int64_t started = attempt_started(&job->attempt);

    return (double)(now_ms() - started) / 1000;
}

/* One line, no longer than the terminal is wide, so that it stays one. */
static void __attribute__((format(printf, 2, 3)))
print_line(struct live *live, const char *format, ...)
{
    char text[512];
    size_t length;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    length = strlen(text);
    if (!live->plain && length > live->columns - 1)
        length = live->columns - 1;
    utf8_print_tame(live->file, text, text + length);
    fputs(live->plain ? "\n" : "\033[K\n", live->file);
    live->drawn++;
}

static void print_step(struct live *live, size_t index)
{
    const struct job *job = live->job;
    const struct step *step = &job->result.steps[index];
    const char *waiting = is_current(job, index) ? live_waiting(job) : NULL;
    const char *taking_back = job->state == JOB_UNDOING ? "taking back, " : "";
    char state[160], far[96];

    if (!waiting && step->result == STEP_PLANNED)
        snprintf(state, sizeof state, "planned");
    else if (!waiting)
        snprintf(state, sizeof state, "%s in %.2f s", step_result_name(step->result),
                 step->seconds);
    else if (!live->plain && allocation_describe(&live->allocation, job, now_ms(), far, sizeof far))
        snprintf(state, sizeof state, "%staking memory: %s", taking_back, far);
    else if (live->plain || seconds_of_current(job) < 1)
        snprintf(state, sizeof state, "%swaiting for %s", taking_back, waiting);
    else
        snprintf(state, sizeof state, "%swaiting for %s, %.0f s", taking_back, waiting,
                 seconds_of_current(job));
    print_line(live, "%-7s %-12s %10s  %s", step_action_name(step->action), step->id,
               size_human(step->size).text, state);
}

/* ---- redrawn in place ---- */

static void erase(struct live *live)
{
    if (live->drawn > 0 && !live->plain)
        fprintf(live->file, "\033[%zuA\033[J", live->drawn);
    live->drawn = 0;
}

static void measure(struct live *live)
{
    struct winsize size = {0};

    /* A terminal that does not know its size says 0. */
    if (ioctl(fileno(live->file), TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    live->rows = size.ws_row;
    live->columns = size.ws_col;
}

/* Where there are more devices than lines, those around the one that is being done. */
static void draw(struct live *live)
{
    const struct job *job = live->job;
    size_t count = job->result.step_count, first = 0, last, lines;

    erase(live);
    measure(live);
    lines = live->rows > 2 ? live->rows - 2 : 1;
    if (count > lines && job->current > lines / 2)
        first = job->current - lines / 2 < count - lines ? job->current - lines / 2 : count - lines;
    last = count < first + lines ? count : first + lines;
    for (size_t i = first; i < last; i++)
        print_step(live, i);
    if (job->state != JOB_STEPPING && job->state != JOB_UNDOING && live_waiting(job))
        print_line(live, "waiting for %s", live_waiting(job));
    fflush(live->file);
}

static void on_tick(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    draw(arg);
}

/* ---- a line each ---- */

static void tell(struct live *live)
{
    const struct job *job = live->job;
    const char *waiting = live_waiting(job);

    for (; live->told < job->result.step_count && live->told < job->current &&
           job->result.steps[live->told].result != STEP_PLANNED;
         live->told++)
        print_step(live, live->told);
    if (waiting && job->current < job->result.step_count && is_current(job, job->current) &&
        (waiting != live->waiting || job->current != live->step)) {
        print_step(live, job->current);
        live->waiting = waiting;
        live->step = job->current;
    }
    fflush(live->file);
}

struct live *live_new(FILE *file, bool plain, struct event_base *base, const struct job *job)
{
    const char *term = getenv("TERM");
    const struct timeval tick = {.tv_usec = TICK_USECONDS};
    struct live *live = calloc(1, sizeof *live);

    if (!live)
        return NULL;
    live->file = file;
    live->job = job;
    live->plain = plain || !term || !*term || strcmp(term, "dumb") == 0;
    if (live->plain)
        return live;
    live->tick = event_new(base, -1, EV_PERSIST, on_tick, live);
    if (live->tick && event_add(live->tick, &tick) == 0)
        return live;
    live_free(live);
    return NULL;
}

void live_update(struct live *live)
{
    if (!live)
        return;
    if (live->plain)
        tell(live);
    else
        draw(live);
}

void live_free(struct live *live)
{
    if (!live)
        return;
    if (live->tick)
        event_free(live->tick);
    erase(live);
    fflush(live->file);
    free(live);
}
