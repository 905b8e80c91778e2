#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "output.h"
#include "session.h"

struct watch {
    struct session session;
    const struct options *options;
    struct error *error;
    bool lost;
};

static bool is_about_memory(const char *name)
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
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void print_text(const struct qmp_event *event)
{
    char *data = qmp_json_dumps(event->data, false), when[32];
    time_t seconds = (time_t)event->seconds;
    struct tm local;

    if (!localtime_r(&seconds, &local) || !strftime(when, sizeof when, "%F %T", &local))
        when[0] = '\0';
    printf("%s.%03d %s %s\n", when, (int)(event->microseconds / 1000), event->name,
           data ? data : "{}");
    free(data);
}

static void on_event(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    struct watch *watch = arg;

    (void)client;
    if (!watch->options->all_events && !is_about_memory(event->name))
        return;
    if (watch->options->json)
        output_json(stdout,
                    json_pack("{s:f,s:s,s:s,s:O}", "time",
                              (double)event->seconds + (double)event->microseconds / 1e6, "socket",
                              watch->options->socket, "event", event->name, "data", event->data));
    else
        print_text(event);
    fflush(stdout);
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct watch *watch = arg;

    (void)client;
    watch->lost = true;
    error_from_qmp(watch->error, watch->options->socket, error);
    event_base_loopbreak(watch->session.base);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    event_base_loopbreak(arg);
}

int cmd_watch(struct options *options, struct error *error)
{
    struct watch watch = {.options = options, .error = error};
    struct event *interrupt = NULL, *terminate = NULL;
    int code;

    if (options->argument_count > 1)
        return error_set(error, EXIT_USAGE, "watch takes no arguments");
    code = session_open(&watch.session, options, error);
    if (code == 0) {
        vm_listen(watch.session.vm, on_event, on_closed, &watch);
        code = session_connect(&watch.session, error);
    }
    if (code == 0) {
        interrupt = evsignal_new(watch.session.base, SIGINT, on_signal, watch.session.base);
        terminate = evsignal_new(watch.session.base, SIGTERM, on_signal, watch.session.base);
        if (interrupt && terminate) {
            event_add(interrupt, NULL);
            event_add(terminate, NULL);
            event_base_dispatch(watch.session.base);
        }
        code = watch.lost ? -1 : EXIT_DONE;
    }
    if (interrupt)
        event_free(interrupt);
    if (terminate)
        event_free(terminate);
    session_close(&watch.session);
    return code;
}
