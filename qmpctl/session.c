#include "session.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* What a callback leaves for the loop's caller. */
struct outcome {
    struct event_base *base;
    struct error *error;
    bool done, failed;
    struct memory *memory;
    json_t *value;
    const char *what; /* is attempted */
};

struct event_base *session_base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config) {
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        base = event_base_new_with_config(config);
        event_config_free(config);
    }
    return base;
}

int session_no_socket(struct error *error)
{
    error_set(error, EXIT_USAGE, "no monitor named");
    return error_hint(error, "say --socket PATH, or set QMPCTL_SOCKET");
}

void session_base_free(struct event_base *base)
{
    if (!base)
        return;
    /* Whom a client that is gone owes an answer is told by the loop. */
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_free(base);
}

int session_open(struct session *session, const struct options *options, struct error *error)
{
    const struct vm_options vm = {.address = options->socket,
                                  .connect_timeout = options->connect_timeout,
                                  .wait = options->wait,
                                  .verbose = options->verbose};

    *session = (struct session){0};
    if (!options->socket || !*options->socket)
        return session_no_socket(error);
    session->base = session_base_new();
    session->vm = session->base ? vm_new(session->base, &vm) : NULL;
    return session->vm ? 0 : error_set(error, EXIT_FAILED, "out of memory");
}

void session_close(struct session *session)
{
    vm_free(session->vm);
    session_base_free(session->base);
    *session = (struct session){0};
}

static void outcome_set(struct outcome *outcome, const struct error *error)
{
    outcome->done = true;
    outcome->failed = error != NULL;
    if (error)
        *outcome->error = *error;
    event_base_loopbreak(outcome->base);
}

static void on_ready(struct vm *vm, const struct error *error, void *arg)
{
    (void)vm;
    outcome_set(arg, error);
}

static int outcome_wait(struct outcome *outcome)
{
    if (!outcome->done)
        event_base_dispatch(outcome->base);
    return outcome->done && !outcome->failed ? 0 : -1;
}

int session_connect(struct session *session, struct error *error)
{
    struct outcome outcome = {.base = session->base, .error = error};

    vm_connect(session->vm, 0, on_ready, &outcome);
    return outcome_wait(&outcome);
}

static void on_snapshot(struct vm *vm, struct memory *memory, const struct error *error, void *arg)
{
    struct outcome *outcome = arg;

    (void)vm;
    outcome->memory = memory;
    outcome_set(outcome, error);
}

struct memory *session_snapshot(struct session *session, const struct options *options,
                                struct error *error)
{
    struct outcome outcome = {.base = session->base, .error = error};

    (void)options;
    if (session_connect(session, error) < 0)
        return NULL;
    vm_snapshot(session->vm, VM_SNAPSHOT_TIMEOUT_MS, on_snapshot, &outcome);
    outcome_wait(&outcome);
    return outcome.memory;
}

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    struct outcome *outcome = arg;
    struct error why = {0};

    if (!client)
        return;
    outcome->value = json_incref(value);
    if (error)
        error_from_qmp(&why, outcome->what, error);
    outcome_set(outcome, error ? &why : NULL);
}

json_t *session_command(struct session *session, const char *command, const json_t *arguments,
                        int64_t timeout, struct error *error)
{
    struct outcome outcome = {.base = session->base, .error = error, .what = command};
    struct qmp_error why = {.code = QMP_ERROR_CLOSED, .text = "the connection was lost"};
    struct qmp_client *client = vm_client(session->vm);

    if (!client ||
        qmp_client_send(client, command, arguments, timeout, on_reply, &outcome, &why) < 0) {
        error_from_qmp(error, command, &why);
        return NULL;
    }
    outcome_wait(&outcome);
    return outcome.value;
}
