/*
 * Each VM is watched on its own:
 *
 *   CONNECTING  -> WATCHING    it is ready
 *   CONNECTING  -> PAUSING     it is not there yet, or ended meanwhile, and --wait goes on
 *   PAUSING     -> CONNECTING  a moment later
 *   WATCHING    -> CONNECTING  the connection was lost, and --wait is given
 *   all         -> LOST        no connection within --wait
 */
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "output.h"
#include "session.h"
#include "utf8.h"

/* A QEMU that ends takes connections until it is gone, and a new one takes a moment to listen; not
 * to be tried faster than this. */
#define PAUSE_MS 100

struct watch;

struct watched {
    struct watch *watch;
    const char *address;
    struct vm *vm;
    struct event *pause;
    int64_t give_up; /* when a lost VM is no longer waited for; 0: it was never lost */
};

struct watch {
    const struct options *options;
    struct event_base *base;
    struct watched *vms;
    size_t count, lost;
    struct error *error; /* of the last that was lost */
};

static void begin(struct watched *watched);

static int64_t now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---- events ---- */

/* What the guest's firmware interface says of a CPU, and not of memory. */
static bool is_about_cpu(const struct qmp_event *event)
{
    const json_t *type = json_object_get(json_object_get(event->data, "info"), "slot-type");

    return json_is_string(type) && strcmp(json_string_value(type), "CPU") == 0;
}

static bool is_about_memory(const struct qmp_event *event)
{
    static const char *const names[] = {"ACPI_DEVICE_OST",
                                        "DEVICE_DELETED",
                                        "DEVICE_UNPLUG_GUEST_ERROR",
                                        "MEM_UNPLUG_ERROR",
                                        "MEMORY_DEVICE_SIZE_CHANGE",
                                        "BALLOON_CHANGE",
                                        "MEMORY_FAILURE",
                                        NULL};

    for (size_t i = 0; names[i]; i++) {
        if (strcmp(event->name, names[i]) == 0)
            return !is_about_cpu(event);
    }
    return false;
}

static void print_text(const struct qmp_event *event, const char *address)
{
    char *data = qmp_json_dumps(event->data, false), when[32];
    time_t seconds = (time_t)event->seconds;
    struct tm local;

    if (!localtime_r(&seconds, &local) || !strftime(when, sizeof when, "%F %T", &local))
        when[0] = '\0';
    printf("%s.%03d ", when, (int)(event->microseconds / 1000));
    if (address)
        output_untrusted(stdout, address);
    if (address)
        putchar(' ');
    output_untrusted(stdout, event->name);
    output_lines(stdout, " %s\n", data ? data : "{}");
    free(data);
}

static void on_event(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    const struct watched *watched = arg;
    const struct options *options = watched->watch->options;

    (void)client;
    if (!options->all_events && !is_about_memory(event))
        return;
    if (options->json)
        output_json(stdout, json_pack("{s:f,s:o,s:s,s:O}", "time",
                                      (double)event->seconds + (double)event->microseconds / 1e6,
                                      "socket", utf8_json(watched->address), "event", event->name,
                                      "data", event->data));
    else
        print_text(event, options->sockets.many ? watched->address : NULL);
    /* Nobody can read on: main says so. */
    if (fflush(stdout) != 0)
        event_base_loopbreak(watched->watch->base);
}

/* ---- connections that come and go ---- */

static void note(const struct watched *watched, const char *what)
{
    if (!watched->watch->options->quiet)
        fprintf(stderr, "qmpctl: %s: %s\n", watched->address, what);
}

/* Among several, one that is lost is named at once; the only one is left to main. */
static void give_up(struct watched *watched, const struct error *error)
{
    struct watch *watch = watched->watch;

    *watch->error = *error;
    watch->lost++;
    if (watch->options->sockets.many) {
        if (watch->options->json)
            output_json(stdout, output_unreachable_json(watched->address, error));
        output_error(stderr, error);
    }
    if (watch->lost == watch->count || fflush(stdout) != 0)
        event_base_loopbreak(watch->base);
}

static void on_ready(struct vm *vm, const struct error *error, void *arg)
{
    const struct timeval moment = {0, PAUSE_MS * 1000L};
    struct watched *watched = arg;

    (void)vm;
    if (!error && watched->give_up)
        note(watched, "connected again; events in between are lost");
    else if (error && (error->closed || error->absent) && now_ms() < watched->give_up)
        event_add(watched->pause, &moment);
    else if (error)
        give_up(watched, error);
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct watched *watched = arg;
    struct error why;

    (void)client;
    if (watched->watch->options->wait > 0) {
        note(watched, "the connection ended; waiting for the VM to come back");
        watched->give_up = now_ms() + watched->watch->options->wait;
        /* Not from inside the client that has just ended. */
        event_active(watched->pause, EV_TIMEOUT, 0);
        return;
    }
    error_from_qmp(&why, watched->address, error);
    give_up(watched, &why);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin(arg);
}

/* A QEMU that has come back may greet late, since it preallocates its memory first: after a loss
 * one connection has the rest of --wait. 0: as the options say. */
static int64_t time_to_connect(const struct watched *watched)
{
    int64_t usual = watched->watch->options->connect_timeout;
    int64_t left = watched->give_up - now_ms();

    if (!watched->give_up || usual == 0)
        return 0;
    return left > usual ? left : usual;
}

static void begin(struct watched *watched)
{
    vm_connect(watched->vm, time_to_connect(watched), on_ready, watched);
}

/* ---- the command ---- */

static int watch_open(struct watch *watch, struct error *error)
{
    const struct options *options = watch->options;
    const struct vm_options how = {.connect_timeout = options->connect_timeout,
                                   .wait = options->wait,
                                   .verbose = options->verbose,
                                   .several = options->sockets.many};

    watch->base = session_base_new();
    watch->vms = calloc(options->sockets.count + 1, sizeof *watch->vms);
    if (!watch->base || !watch->vms)
        return error_set(error, EXIT_FAILED, "out of memory");
    for (size_t i = 0; i < options->sockets.count; i++) {
        struct watched *watched = &watch->vms[watch->count++];
        struct vm_options its = how;

        its.address = options->sockets.addresses[i];
        *watched = (struct watched){.watch = watch, .address = its.address};
        watched->vm = vm_new(watch->base, &its);
        watched->pause = event_new(watch->base, -1, 0, on_pause_over, watched);
        if (!watched->vm || !watched->pause)
            return error_set(error, EXIT_FAILED, "out of memory");
        vm_listen(watched->vm, on_event, on_closed, watched);
    }
    return 0;
}

static void watch_close(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        vm_free(watch->vms[i].vm);
        if (watch->vms[i].pause)
            event_free(watch->vms[i].pause);
    }
    free(watch->vms);
    session_base_free(watch->base);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    event_base_loopbreak(arg);
}

/* Until a signal ends it, its output cannot be written, or the last VM is lost; -1: main is to say
 * why. */
static int watch_run(struct watch *watch)
{
    struct event *interrupt = evsignal_new(watch->base, SIGINT, on_signal, watch->base);
    struct event *terminate = evsignal_new(watch->base, SIGTERM, on_signal, watch->base);

    if (interrupt && terminate) {
        event_add(interrupt, NULL);
        event_add(terminate, NULL);
        for (size_t i = 0; i < watch->count; i++)
            begin(&watch->vms[i]);
        if (watch->lost < watch->count)
            event_base_dispatch(watch->base);
    }
    if (interrupt)
        event_free(interrupt);
    if (terminate)
        event_free(terminate);
    if (watch->lost < watch->count)
        return EXIT_DONE;
    return watch->options->sockets.many ? (int)watch->error->code : -1;
}

int cmd_watch(struct options *options, struct error *error)
{
    struct watch watch = {.options = options, .error = error};
    int code;

    if (options->argument_count > 1)
        return error_set(error, EXIT_USAGE, "watch takes no arguments");
    if (options->sockets.count == 0)
        return session_no_socket(error);
    code = watch_open(&watch, error);
    if (code == 0)
        code = watch_run(&watch);
    watch_close(&watch);
    return code;
}
