#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "output.h"
#include "qmp_stream.h"
#include "qmp_words.h"
#include "session.h"

/* The event that --wait-event names, looked out for from before the command is sent. */
struct lookout {
    struct event_base *base;
    const char *address;
    json_t *wanted, *seen;
    bool waiting; /* the loop runs for this alone */
    struct error *error;
    bool lost;
};

static void on_event(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    struct lookout *lookout = arg;

    (void)client;
    if (lookout->seen || !qmp_words_match(lookout->wanted, event->name, event->data))
        return;
    lookout->seen = json_pack("{s:s,s:O,s:f}", "event", event->name, "data", event->data, "time",
                              (double)event->seconds + (double)event->microseconds / 1e6);
    if (lookout->waiting)
        event_base_loopbreak(lookout->base);
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct lookout *lookout = arg;

    (void)client;
    lookout->lost = true;
    error_from_qmp(lookout->error, lookout->address, error);
    if (lookout->waiting)
        event_base_loopbreak(lookout->base);
}

static int lookout_wait(struct lookout *lookout, const struct options *options)
{
    const struct timeval limit = {(time_t)(options->timeout / 1000),
                                  (suseconds_t)(options->timeout % 1000) * 1000};

    lookout->waiting = true;
    if (!lookout->seen && !lookout->lost) {
        if (options->timeout > 0)
            event_base_loopexit(lookout->base, &limit);
        event_base_dispatch(lookout->base);
    }
    if (lookout->seen)
        return 0;
    if (lookout->lost)
        return -1;
    return error_set(lookout->error, EXIT_TIMED_OUT, "%s: no such event within %g s: %s",
                     lookout->address, (double)options->timeout / 1000, options->wait_event);
}

static void print_value(const struct options *options, const json_t *value)
{
    const char *text = json_string_value(value);
    char *json;

    if (options->hmp && text && !options->json) {
        fputs(text, stdout);
        return;
    }
    json = qmp_json_dumps(value, !options->json);
    puts(json ? json : "null");
    free(json);
}

/* The command of the arguments, or of --hmp; NULL: there is none. */
static const char *named_command(const struct options *options)
{
    if (options->hmp)
        return "human-monitor-command";
    return options->argument_count > 1 ? options->arguments[1] : NULL;
}

static int build_arguments(const struct options *options, json_t *arguments, struct error *error)
{
    if (options->hmp &&
        json_object_set_new(arguments, "command-line", json_string(options->hmp)) < 0)
        return error_set(error, EXIT_USAGE, "--hmp: not UTF-8");
    for (size_t i = 2; i < options->argument_count; i++) {
        if (qmp_words_add(arguments, options->arguments[i], error) < 0)
            return -1;
    }
    return 0;
}

/* Sends the command, where there is one, and waits for the event, where one is named. */
static int work(struct session *session, const struct options *options, struct lookout *lookout,
                const json_t *arguments, struct error *error)
{
    const char *command = named_command(options);
    json_t *value = NULL, *both;
    int code = session_connect(session, error);

    if (code == 0 && command) {
        value = session_command(session, command, arguments, options->timeout, error);
        code = value ? 0 : -1;
        /* QEMU has it, and may still do it: that is not the same as no connection. */
        if (error->unanswered)
            error->code = EXIT_TIMED_OUT;
    }
    if (code == 0 && lookout->wanted)
        code = lookout_wait(lookout, options);
    if (code == 0) {
        both = lookout->wanted ? json_pack("{s:O*,s:O}", "return", value, "event", lookout->seen)
                               : json_incref(value);
        print_value(options, both);
        json_decref(both);
    }
    json_decref(value);
    return code == 0 ? EXIT_DONE : -1;
}

static int one_command(struct session *session, const struct options *options, struct error *error)
{
    struct lookout lookout = {.base = session->base, .address = options->socket, .error = error};
    json_t *arguments = json_object();
    int code = build_arguments(options, arguments, error);

    if (code == 0 && options->wait_event) {
        lookout.wanted = qmp_words_event(options->wait_event, error);
        code = lookout.wanted ? 0 : -1;
        vm_listen(session->vm, on_event, on_closed, &lookout);
    }
    if (code == 0)
        code = work(session, options, &lookout, arguments, error);
    json_decref(arguments);
    json_decref(lookout.wanted);
    json_decref(lookout.seen);
    return code;
}

static int check(const struct options *options, bool stream, struct error *error)
{
    if (options->argument_count < 2 && !options->hmp && !options->wait_event)
        return error_set(error, EXIT_USAGE, "qmp takes a COMMAND, or - for standard input");
    if (options->hmp && options->argument_count > 1)
        return error_set(error, EXIT_USAGE, "qmp takes a COMMAND or --hmp, not both");
    if (stream && (options->wait_event || options->argument_count > 2))
        return error_set(error, EXIT_USAGE, "qmp - takes its commands from standard input alone");
    return 0;
}

int cmd_qmp(struct options *options, struct error *error)
{
    bool stream = options->argument_count > 1 && strcmp(options->arguments[1], "-") == 0;
    struct session session;
    int code;

    if (check(options, stream, error) < 0)
        return -1;
    code = session_open(&session, options, error);
    if (code == 0 && stream)
        code = session_connect(&session, error);
    if (code == 0)
        code = stream ? qmp_stream_run(&session, options, error)
                      : one_command(&session, options, error);
    session_close(&session);
    return code;
}
