#include "client.h"

#include <assert.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holder.h"

#define DEFAULT_MAX_MESSAGE ((size_t)64 << 20)

static void on_timer(evutil_socket_t fd, short what, void *arg);

/* ---- time ---- */

int64_t client_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

int64_t client_later(int64_t delay_ms)
{
    int64_t now = client_now();

    return delay_ms < INT64_MAX - now ? now + delay_ms : INT64_MAX;
}

/* When the timer has to run; 0: never. */
static int64_t client_due(const struct qmp_client *client)
{
    switch (client->state) {
    case CLIENT_WAITING:
        return client->retry_at;
    case CLIENT_CONNECTING:
        return client->target_deadline ? client->target_deadline : client->open_deadline;
    case CLIENT_RESOLVING:
    case CLIENT_GREETING:
    case CLIENT_NEGOTIATING:
        return client->open_deadline;
    case CLIENT_READY:
        return request_queue_deadline(&client->queue);
    case CLIENT_IDLE:
    case CLIENT_ENDED:
        break;
    }
    return 0;
}

/* A timer that runs too early does no harm, and costs less than moving it with every command. */
bool client_arm_timer(struct qmp_client *client)
{
    int64_t due = client_due(client), left;
    struct timeval delay;

    if (due == 0 || (client->timer_at && client->timer_at <= due))
        return true;
    left = due - client_now();
    left = left < 0 ? 0 : left;
    delay.tv_sec = (time_t)(left / 1000);
    delay.tv_usec = (suseconds_t)(left % 1000) * 1000;
    if (event_add(client->timer, &delay) < 0)
        return false;
    client->timer_at = due;
    return true;
}

pid_t client_stopped_server(const struct qmp_client *client)
{
    pid_t pid = qmp_client_server_pid(client);

    return holder_is_stopped(pid) ? pid : 0;
}

/* Why there is no reply, as far as it can be seen from here. */
static void explain_silence(const struct qmp_client *client, char *text, size_t size)
{
    pid_t stopped = client_stopped_server(client);

    *text = '\0';
    if (stopped)
        snprintf(text, size, ": its QEMU (pid %d) is stopped", (int)stopped);
}

/* Tells those whose time is over. */
static void client_expire(struct qmp_client *client)
{
    char why[64] = "?";         /* asked once for all of them */
    int64_t now = client_now(); /* what is sent meanwhile has its turn in another one of the loop */
    struct request *request;
    bool taken;

    while (!client_is_over(client) &&
           (request = request_queue_expire(&client->queue, now, &taken))) {
        struct qmp_error error = {.code = QMP_ERROR_TIMEOUT, .phase = QMP_PHASE_COMMAND};
        qmp_reply_cb *reply = request->reply;
        void *arg = request->arg;

        if (*why == '?')
            explain_silence(client, why, sizeof why);
        snprintf(error.text, sizeof error.text, "no reply within %g s%s; %s",
                 (double)request->timeout_ms / 1000, why,
                 taken ? "it was not sent, since others before it had none either"
                       : "whether it was done is unknown");
        if (taken)
            request_free(request);
        if (reply)
            reply(client, NULL, &error, arg);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct qmp_client *client = arg;
    int64_t due = client_due(client);

    (void)fd;
    (void)what;
    client->timer_at = 0;
    client_dispatch_begin(client);
    if (due && due <= client_now()) {
        if (client->state == CLIENT_WAITING)
            opening_attempt(client);
        else if (client->state == CLIENT_READY)
            client_expire(client);
        else
            opening_timeout(client);
    }
    if (!client_is_over(client))
        client_arm_timer(client);
    client_dispatch_end(client);
}

/* ---- states ---- */

void client_enter(struct qmp_client *client, enum client_state state)
{
    static const unsigned from[] = {
        [CLIENT_IDLE] = 0,
        [CLIENT_WAITING] = 1U << CLIENT_IDLE | 1U << CLIENT_WAITING | 1U << CLIENT_RESOLVING |
                           1U << CLIENT_CONNECTING,
        [CLIENT_RESOLVING] = 1U << CLIENT_WAITING,
        [CLIENT_CONNECTING] =
            1U << CLIENT_WAITING | 1U << CLIENT_RESOLVING | 1U << CLIENT_CONNECTING,
        [CLIENT_GREETING] = 1U << CLIENT_WAITING | 1U << CLIENT_RESOLVING | 1U << CLIENT_CONNECTING,
        [CLIENT_NEGOTIATING] = 1U << CLIENT_GREETING,
        [CLIENT_READY] = 1U << CLIENT_NEGOTIATING,
        [CLIENT_ENDED] = ~0U,
    };

    assert(from[state] & 1U << client->state);
    (void)from;
    client->state = state;
    client_arm_timer(client);
}

bool client_is_over(const struct qmp_client *client)
{
    return client->destroyed || client->state == CLIENT_ENDED;
}

static enum qmp_phase client_phase(const struct qmp_client *client)
{
    switch (client->state) {
    case CLIENT_GREETING:
        return QMP_PHASE_GREETING;
    case CLIENT_NEGOTIATING:
        return QMP_PHASE_NEGOTIATION;
    case CLIENT_READY:
    case CLIENT_ENDED:
        return QMP_PHASE_COMMAND;
    default:
        return QMP_PHASE_CONNECT;
    }
}

/* ---- the life of the object ---- */

struct qmp_client *qmp_client_new(struct event_base *base, const struct qmp_client_options *options)
{
    struct qmp_client *client = calloc(1, sizeof *client);

    if (!client)
        return NULL;
    client->base = base;
    if (options)
        client->options = *options;
    if (!client->options.max_message)
        client->options.max_message = DEFAULT_MAX_MESSAGE;
    client->descriptor = -1;
    client->address.descriptor = -1;
    client->next_id = 1;
    framer_init(&client->framer, client->options.max_message);
    request_queue_init(&client->queue);
    client->timer = event_new(base, -1, 0, on_timer, client);
    if (!client->timer) {
        free(client);
        return NULL;
    }
    return client;
}

/* Everything that could call us again is taken down. */
static void client_disarm(struct qmp_client *client)
{
    event_del(client->timer);
    client->timer_at = 0;
    wire_close(client);
    opening_forget(client);
}

static void client_release(struct qmp_client *client)
{
    framer_free(&client->framer);
    event_free(client->timer);
    free(client);
}

void client_dispatch_begin(struct qmp_client *client)
{
    client->dispatching++;
}

bool client_dispatch_end(struct qmp_client *client)
{
    if (--client->dispatching > 0 || !client->destroyed)
        return !client->destroyed;
    client_release(client);
    return false;
}

/* From the event loop, after the client has gone: its requests, a list linked by next. */
static void cancel_later(evutil_socket_t fd, short what, void *arg)
{
    const struct qmp_error error = {.code = QMP_ERROR_CANCELED,
                                    .phase = QMP_PHASE_COMMAND,
                                    .text = "the client was closed before the reply"};
    struct request *request = arg;

    (void)fd;
    (void)what;
    while (request) {
        struct request *next = request->next;

        client_tell(NULL, request, NULL, &error);
        request = next;
    }
}

/* Takes out those that are still to be told, in order. */
static struct request *client_take_pending(struct qmp_client *client)
{
    struct request *first = NULL, **end = &first, *request;
    bool was_flying;

    while ((request = request_queue_take_first(&client->queue, &was_flying))) {
        if (request->abandoned || !request->reply) {
            request_free(request);
            continue;
        }
        *end = request;
        end = &request->next;
    }
    return first;
}

void qmp_client_free(struct qmp_client *client)
{
    const struct timeval at_once = {0, 0};
    struct request *pending;

    if (!client || client->destroyed)
        return;
    client->destroyed = true;
    client_disarm(client);
    client_enter(client, CLIENT_ENDED);
    pending = client_take_pending(client);
    if (pending && event_base_once(client->base, -1, EV_TIMEOUT, cancel_later, pending, &at_once))
        cancel_later(-1, 0, pending); /* out of memory: too early is better than never */
    if (client->dispatching == 0)
        client_release(client);
}

/* ---- the end of the connection ---- */

void client_tell(struct qmp_client *client, struct request *request, json_t *value,
                 const struct qmp_error *error)
{
    qmp_reply_cb *reply = request->abandoned ? NULL : request->reply;
    void *arg = request->arg;

    request_free(request);
    if (reply)
        reply(client, value, error, arg);
}

/* What a command is told when the connection ends: its own failure is that it has no reply. */
static struct qmp_error unanswered(const struct qmp_error *cause, bool was_flying)
{
    struct qmp_error error = *cause;

    error.phase = QMP_PHASE_COMMAND;
    if (!was_flying)
        snprintf(error.text, sizeof error.text, "the connection ended before it was sent");
    else if (cause->code == QMP_ERROR_CLOSED)
        snprintf(error.text, sizeof error.text,
                 "the connection ended before the reply; whether it was done is unknown");
    return error;
}

static void client_end_with(struct qmp_client *client, const struct qmp_error *error)
{
    bool was_ready = client->state == CLIENT_READY, was_flying;
    qmp_ready_cb *ready = client->ready;
    struct request *request;

    client_disarm(client);
    client_enter(client, CLIENT_ENDED);
    client->ready = NULL;
    client_dispatch_begin(client);
    while (!client->destroyed &&
           (request = request_queue_take_first(&client->queue, &was_flying))) {
        struct qmp_error why = unanswered(error, was_flying);

        client_tell(client, request, NULL, &why);
    }
    if (!client->destroyed && ready)
        ready(client, error, client->ready_arg);
    else if (!client->destroyed && was_ready && client->options.on_closed)
        client->options.on_closed(client, error, client->options.arg);
    client_dispatch_end(client);
}

void client_end(struct qmp_client *client, enum qmp_error_code code, int sys_errno,
                const char *format, ...)
{
    struct qmp_error error = {.code = code, .phase = client_phase(client), .sys_errno = sys_errno};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    client_end_with(client, &error);
}

/* ---- what can be asked ---- */

bool qmp_client_is_ready(const struct qmp_client *client)
{
    return client->state == CLIENT_READY;
}

bool qmp_client_has_oob(const struct qmp_client *client)
{
    return client->oob;
}

const struct qmp_version *qmp_client_version(const struct qmp_client *client)
{
    return &client->version;
}

size_t qmp_client_pending(const struct qmp_client *client)
{
    return client->queue.pending;
}

uint64_t qmp_client_dropped(const struct qmp_client *client)
{
    return client->dropped;
}

pid_t qmp_client_server_pid(const struct qmp_client *client)
{
    return client->descriptor < 0 ? 0 : holder_server(client->address.path, client->descriptor);
}
