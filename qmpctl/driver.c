#include "driver.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/process_end.h"
#include "identity.h"

struct driver {
    struct event_base *base;
    struct vm *vm;
    struct job *job;
    driver_cb *progress, *done;
    driver_look_cb *look;
    void *arg;
    struct memory *memory; /* of the last snapshot */
    const struct host_view *host;
    struct event *timer;
    struct event *ending;   /* of QEMU's process; NULL: it is not watched */
    int process;            /* its descriptor; -1: none */
    bool ended;             /* or cannot be watched: nobody waits for it to come back */
    enum action_kind doing; /* what the job waits for */
    int64_t until;
    const char *command; /* the one in flight */
    unsigned generation; /* tells the reply to it from an older one's */
    bool looking;        /* a snapshot, or the connection for it, is under way */
};

struct reply_tag {
    struct driver *driver;
    unsigned generation;
};

/* A look knows more of why it fails than that its time is over. */
#define LOOK_GRACE_MS 100

static void driver_do(struct driver *driver, struct action action);

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until what the job waits for must be there: no less than a moment. */
static int64_t driver_left(const struct driver *driver)
{
    int64_t left = driver->until - now_ms();

    return left > 1 ? left : 1;
}

static void driver_alarm(struct driver *driver, int64_t left)
{
    struct timeval delay = {0};

    if (left > 0)
        delay = (struct timeval){(time_t)(left / 1000), (suseconds_t)(left % 1000) * 1000};
    event_add(driver->timer, &delay);
}

static void driver_tell(struct driver *driver, struct input input)
{
    input.now = now_ms();
    input.memory = driver->memory;
    input.host = driver->host;
    driver_do(driver, job_step(driver->job, &input));
}

static void driver_tell_error(struct driver *driver, enum input_kind kind,
                              const struct error *error)
{
    driver_tell(driver, (struct input){.kind = kind, .error = error});
}

/* ---- snapshots ---- */

static void on_ready(struct vm *vm, const struct error *error, void *arg);

/* The first look waits as long as the user said. After a loss the socket may be away for a while,
 * as that of a tunnel; not that of a QEMU that has ended. */
static void driver_connect(struct driver *driver)
{
    int64_t left = driver_left(driver);

    if (driver->memory)
        vm_reconnect(driver->vm, driver->ended ? 0 : left, left, on_ready, driver);
    else
        vm_connect(driver->vm, 0, on_ready, driver);
}

static void on_ending(evutil_socket_t fd, short what, void *arg)
{
    struct driver *driver = arg;

    (void)fd;
    (void)what;
    driver->ended = true;
    if (driver->looking && !vm_is_connected(driver->vm)) {
        vm_abandon(driver->vm);
        driver_connect(driver);
    }
}

/* From the first look on, while it is known to live. */
static void driver_watch_process(struct driver *driver, pid_t pid)
{
    if (pid == 0 || driver->ending || driver->ended)
        return;
    driver->process = process_end_open(pid);
    if (driver->process >= 0)
        driver->ending = event_new(driver->base, driver->process, EV_READ, on_ending, driver);
    driver->ended = !driver->ending || event_add(driver->ending, NULL) < 0;
}

/* A QEMU that is not the one of before is told nothing, and the job nothing of it. */
static void driver_take(struct driver *driver, struct memory *memory)
{
    struct error other = {0};

    if (driver->memory && identity_compare(driver->memory, memory, &other) < 0) {
        memory_free(memory);
        vm_abandon(driver->vm);
        driver_tell_error(driver, INPUT_LOST, &other);
        return;
    }
    driver_watch_process(driver, (pid_t)memory->pid);
    memory_free(driver->memory);
    driver->memory = memory;
    driver->host = driver->look ? driver->look(driver->vm, memory, driver->arg) : NULL;
    driver_tell(driver, (struct input){.kind = INPUT_SNAPSHOT});
}

static void on_snapshot(struct vm *vm, struct memory *memory, const struct error *error, void *arg)
{
    struct driver *driver = arg;

    driver->looking = false;
    if (memory) {
        memory->pid = vm_pid(vm);
        driver_take(driver, memory);
    } else if (vm_is_connected(vm) || driver->until <= now_ms()) {
        driver_tell_error(driver, INPUT_LOST, error);
    } else {
        driver_do(driver, action_snapshot(driver->until));
    }
}

static void on_ready(struct vm *vm, const struct error *error, void *arg)
{
    struct driver *driver = arg;

    if (!error) {
        vm_snapshot(vm, driver_left(driver), on_snapshot, driver);
        return;
    }
    driver->looking = false;
    driver_tell_error(driver, INPUT_LOST, error);
}

/* All but the first end when they must. */
static void driver_snapshot(struct driver *driver)
{
    if (driver->memory)
        driver_alarm(driver, driver_left(driver) + LOOK_GRACE_MS);
    if (driver->looking)
        return;
    driver->looking = true;
    if (vm_is_connected(driver->vm))
        vm_snapshot(driver->vm, driver_left(driver), on_snapshot, driver);
    else
        driver_connect(driver);
}

/* ---- commands ---- */

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    const struct reply_tag tag = *(struct reply_tag *)arg;
    struct error why = {0};

    free(arg);
    if (!client || tag.driver->generation != tag.generation)
        return;
    if (!error) {
        driver_tell(tag.driver, (struct input){.kind = INPUT_REPLY, .value = value});
        return;
    }
    error_from_qmp(&why, tag.driver->command, error);
    driver_tell_error(tag.driver, error->code == QMP_ERROR_COMMAND ? INPUT_ERROR : INPUT_UNANSWERED,
                      &why);
}

static void driver_send(struct driver *driver, const struct action *action)
{
    struct reply_tag *tag = malloc(sizeof *tag);
    struct qmp_client *client = vm_client(driver->vm);
    struct qmp_error error = {.code = QMP_ERROR_CLOSED, .text = "not connected"};
    struct error why;
    int sent = -1;

    driver->command = action->command;
    driver->generation++;
    if (tag && client) {
        *tag = (struct reply_tag){driver, driver->generation};
        sent = qmp_client_send(client, action->command, action->arguments, action->timeout,
                               on_reply, tag, &error);
    }
    json_decref(action->arguments);
    if (sent == 0)
        return;
    free(tag);
    error_from_qmp(&why, action->command, &error);
    driver_tell_error(
        driver, error.code == QMP_ERROR_INVALID && client ? INPUT_ERROR : INPUT_UNANSWERED, &why);
}

/* ---- waiting ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    static const struct error late = {
        .code = EXIT_NO_CONNECTION, .text = "no answer in time", .unanswered = true};
    struct driver *driver = arg;

    (void)fd;
    (void)what;
    if (driver->doing == ACTION_WAIT) {
        driver_tell(driver, (struct input){.kind = INPUT_TIME});
    } else if (driver->looking) {
        driver->looking = false;
        vm_abandon(driver->vm);
        driver_tell_error(driver, INPUT_LOST, &late);
    }
}

static void on_event(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    (void)client;
    driver_tell(arg, (struct input){.kind = INPUT_EVENT, .event = event});
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct driver *driver = arg;

    (void)client;
    (void)error;
    if (driver->doing == ACTION_WAIT)
        driver_tell(driver, (struct input){.kind = INPUT_DISCONNECTED});
}

static void driver_do(struct driver *driver, struct action action)
{
    if (action.kind == ACTION_NONE)
        return;
    event_del(driver->timer);
    driver->doing = action.kind;
    driver->until = action.until;
    if (driver->progress)
        driver->progress(driver->job, driver->arg);
    switch (action.kind) {
    case ACTION_SEND:
        driver_send(driver, &action);
        break;
    case ACTION_WAIT:
        if (vm_is_connected(driver->vm))
            driver_alarm(driver, driver->until - now_ms());
        else
            driver_tell(driver, (struct input){.kind = INPUT_DISCONNECTED});
        break;
    case ACTION_SNAPSHOT:
        driver_snapshot(driver);
        break;
    case ACTION_FINISH:
        driver->done(driver->job, driver->arg);
        break;
    case ACTION_NONE:
        break;
    }
}

struct driver *driver_new(struct event_base *base, struct vm *vm, struct job *job,
                          driver_cb *progress, driver_cb *done, void *arg)
{
    struct driver *driver = calloc(1, sizeof *driver);

    if (!driver)
        return NULL;
    *driver = (struct driver){.base = base,
                              .vm = vm,
                              .job = job,
                              .progress = progress,
                              .done = done,
                              .arg = arg,
                              .process = -1};
    driver->timer = event_new(base, -1, 0, on_timer, driver);
    if (!driver->timer) {
        free(driver);
        return NULL;
    }
    vm_listen(vm, on_event, on_closed, driver);
    return driver;
}

void driver_look(struct driver *driver, driver_look_cb *look)
{
    driver->look = look;
}

void driver_start(struct driver *driver)
{
    driver_tell(driver, (struct input){.kind = INPUT_BEGIN});
}

void driver_interrupt(struct driver *driver)
{
    driver_tell(driver, (struct input){.kind = INPUT_INTERRUPT});
}

void driver_free(struct driver *driver)
{
    if (!driver)
        return;
    vm_listen(driver->vm, NULL, NULL, NULL);
    event_free(driver->timer);
    if (driver->ending)
        event_free(driver->ending);
    if (driver->process >= 0)
        close(driver->process);
    memory_free(driver->memory);
    free(driver);
}
