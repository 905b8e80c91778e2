/*
 * The engine: one connection as a state machine on libevent.
 *
 *   IDLE -> CONNECTING -> GREETING -> NEGOTIATING -> READY -> ENDED
 *
 * client_enter is the one function that changes the state. It reads and writes the descriptor
 * itself instead of through a bufferevent: a library must not leave SIGPIPE to its user, and
 * send() with MSG_NOSIGNAL is the only write that never raises it.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "codec.h"
#include "framer.h"
#include "request.h"

#define DEFAULT_MAX_MESSAGE ((size_t)64 << 20)
#define IN_BAND_LIMIT       8 /* QEMU suspends reading beyond (QMP_REQ_QUEUE_LEN_MAX) */
#define RETRY_MS            25
#define READ_CHUNK          16384
#define CLOSED_UNKNOWN      "the connection ended before the reply; whether it was done is unknown"

enum state { IDLE, CONNECTING, GREETING, NEGOTIATING, READY, ENDED };

struct qmp_client {
    struct event_base *base;
    struct qmp_client_options options;
    enum state state;
    struct address address;
    int descriptor;
    struct event *readable, *writable, *timer;
    struct framer framer;
    char *output;
    size_t output_length, output_sent, output_capacity;
    struct request_list requests;
    int64_t next_id, wait_until, open_timeout, open_deadline;
    qmp_ready_cb *ready;
    void *ready_arg;
    struct qmp_version version;
    bool oob_offered, oob;
    uint64_t dropped;
    unsigned dispatching; /* callbacks on the stack */
    bool destroyed;       /* freed inside one of them */
};

static void on_timer(evutil_socket_t fd, short what, void *arg);
static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void client_connect_now(struct qmp_client *client);
static void client_flush(struct qmp_client *client);

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum qmp_phase client_phase(const struct qmp_client *client)
{
    switch (client->state) {
    case IDLE:
    case CONNECTING:
        return QMP_PHASE_CONNECT;
    case GREETING:
        return QMP_PHASE_GREETING;
    case NEGOTIATING:
        return QMP_PHASE_NEGOTIATION;
    case READY:
    case ENDED:
        break;
    }
    return QMP_PHASE_COMMAND;
}

__attribute__((format(printf, 4, 5))) static struct qmp_error
client_error(const struct qmp_client *client, enum qmp_error_code code, int sys_errno,
             const char *format, ...)
{
    struct qmp_error error = {.code = code, .phase = client_phase(client), .sys_errno = sys_errno};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    return error;
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
    request_list_init(&client->requests);
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
    if (client->readable)
        event_free(client->readable);
    if (client->writable)
        event_free(client->writable);
    client->readable = client->writable = NULL;
    if (client->descriptor >= 0)
        close(client->descriptor);
    client->descriptor = -1;
    free(client->output);
    client->output = NULL;
    client->output_length = client->output_sent = client->output_capacity = 0;
}

static void client_release(struct qmp_client *client)
{
    framer_free(&client->framer);
    address_free(&client->address);
    event_free(client->timer);
    free(client);
}

/* From the event loop, after the client has gone. */
static void cancel_later(evutil_socket_t fd, short what, void *arg)
{
    struct request *request = arg;
    const struct qmp_error error = {.code = QMP_ERROR_CANCELED,
                                    .phase = QMP_PHASE_COMMAND,
                                    .text = "the client was closed before the reply"};

    (void)fd;
    (void)what;
    request->reply(NULL, NULL, &error, request->arg);
    request_free(request);
}

void qmp_client_free(struct qmp_client *client)
{
    const struct timeval at_once = {0, 0};
    struct request *request;

    if (!client || client->destroyed)
        return;
    client->destroyed = true;
    client->state = ENDED;
    client_disarm(client);
    while ((request = request_list_take_first(&client->requests))) {
        if (!request->reply ||
            event_base_once(client->base, -1, EV_TIMEOUT, cancel_later, request, &at_once) < 0)
            request_free(request);
    }
    if (client->dispatching == 0)
        client_release(client);
}

static void dispatch_begin(struct qmp_client *client)
{
    client->dispatching++;
}

/* False: the client was destroyed meanwhile and must not be touched. */
static bool dispatch_end(struct qmp_client *client)
{
    if (--client->dispatching > 0 || !client->destroyed)
        return !client->destroyed;
    client_release(client);
    return false;
}

/* ---- time ---- */

static void client_arm_timer(struct qmp_client *client)
{
    int64_t deadline = request_list_deadline(&client->requests), left;
    struct timeval delay;

    if (client->state == GREETING || client->state == NEGOTIATING ||
        (client->state == CONNECTING && client->descriptor >= 0))
        deadline = client->open_deadline;
    if (deadline == 0) {
        event_del(client->timer);
        return;
    }
    left = deadline - now_ms();
    if (left < 0)
        left = 0;
    delay = (struct timeval){.tv_sec = (time_t)(left / 1000),
                             .tv_usec = (suseconds_t)(left % 1000) * 1000};
    event_add(client->timer, &delay);
}

/* ---- state ---- */

static void client_enter(struct qmp_client *client, enum state state)
{
    client->state = state;
    client_arm_timer(client);
}

static void request_tell(struct qmp_client *client, struct request *request, json_t *value,
                         const struct qmp_error *error)
{
    if (request->reply)
        request->reply(client, value, error, request->arg);
    request_free(request);
}

/* The connection is over. Tells ready, or the pending replies and then on_closed. The client may
 * be gone when this returns: it is the last thing that a function does. */
static void client_end(struct qmp_client *client, const struct qmp_error *error)
{
    struct qmp_error unknown = {
        .code = QMP_ERROR_CLOSED, .phase = QMP_PHASE_COMMAND, .text = CLOSED_UNKNOWN};
    bool was_ready = client->state == READY;
    struct request *request;

    if (error->code != QMP_ERROR_CLOSED) {
        unknown = *error;
        unknown.phase = QMP_PHASE_COMMAND;
    }
    client_disarm(client);
    client->state = ENDED;
    dispatch_begin(client);
    while (!client->destroyed && (request = request_list_take_first(&client->requests)))
        request_tell(client, request, NULL, &unknown);
    if (!client->destroyed && !was_ready && client->ready) {
        qmp_ready_cb *ready = client->ready;

        client->ready = NULL;
        ready(client, error, client->ready_arg);
    } else if (!client->destroyed && was_ready && client->options.on_closed) {
        client->options.on_closed(client, error, client->options.arg);
    }
    dispatch_end(client);
}

static void client_end_closed(struct qmp_client *client, int sys_errno)
{
    static const char *const where[] = {"while connecting", "before its greeting",
                                        "during negotiation", "by QEMU"};
    struct qmp_error error = client_error(
        client, QMP_ERROR_CLOSED, sys_errno, "the connection was closed %s%s%s",
        where[client_phase(client)], sys_errno ? ": " : "", sys_errno ? strerror(sys_errno) : "");

    client_end(client, &error);
}

static void client_end_timeout(struct qmp_client *client)
{
    struct qmp_error error;

    if (client->state == GREETING)
        error = client_error(client, QMP_ERROR_BUSY, 0,
                             "no greeting within %g s: the monitor is in use by another client, or "
                             "QEMU is stopped",
                             (double)client->open_timeout / 1000);
    else
        error = client_error(client, QMP_ERROR_TIMEOUT, 0, "no answer within %g s %s",
                             (double)client->open_timeout / 1000,
                             client->state == NEGOTIATING ? "to the negotiation of capabilities"
                                                          : "to the connection");
    client_end(client, &error);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct qmp_client *client = arg;
    struct request *request;
    struct qmp_error error;

    (void)fd;
    (void)what;
    if (client->state == CONNECTING && client->descriptor < 0) {
        client_connect_now(client);
        return;
    }
    if (client->state != READY) {
        client_end_timeout(client);
        return;
    }
    dispatch_begin(client);
    while (!client->destroyed &&
           (request = request_list_take_expired(&client->requests, now_ms()))) {
        error = client_error(client, QMP_ERROR_TIMEOUT, 0,
                             "no reply within %g s; whether it was done is unknown",
                             (double)request->timeout_ms / 1000);
        request_tell(client, request, NULL, &error);
    }
    if (!client->destroyed && client->state == READY) {
        client_flush(client);
        if (!client->destroyed)
            client_arm_timer(client);
    }
    dispatch_end(client);
}

/* ---- connecting ---- */

static bool worth_waiting(int number)
{
    return number == ENOENT || number == ECONNREFUSED;
}

static struct qmp_error connect_error(const struct qmp_client *client, int number)
{
    bool tcp = client->address.kind == ADDRESS_TCP;

    switch (number) {
    case ENOENT:
        return client_error(client, QMP_ERROR_CONNECT, number, "no such socket");
    case ENOTSOCK:
        return client_error(client, QMP_ERROR_CONNECT, number, "not a socket");
    case ECONNREFUSED:
        return client_error(client, QMP_ERROR_CONNECT, number,
                            tcp ? "nobody listens there"
                                : "nobody listens on this socket; its QEMU has ended");
    case EAGAIN:
        return client_error(client, QMP_ERROR_BUSY, number,
                            "the monitor is in use, and others wait for it already");
    case EADDRNOTAVAIL:
        return client_error(client, QMP_ERROR_CONNECT, number, "the host is not known");
    default:
        return client_error(client, QMP_ERROR_CONNECT, number, "%s", strerror(number));
    }
}

static void client_connect_failed(struct qmp_client *client, int number)
{
    const struct timeval retry = {0, RETRY_MS * 1000};
    struct qmp_error error;

    if (worth_waiting(number) && now_ms() < client->wait_until) {
        client_disarm(client);
        event_add(client->timer, &retry);
        return;
    }
    error = connect_error(client, number);
    client_end(client, &error);
}

static void client_watch(struct qmp_client *client, bool in_progress)
{
    client->readable =
        event_new(client->base, client->descriptor, EV_READ | EV_PERSIST, on_readable, client);
    client->writable = event_new(client->base, client->descriptor, EV_WRITE, on_writable, client);
    if (!client->readable || !client->writable ||
        event_add(in_progress ? client->writable : client->readable, NULL) < 0) {
        struct qmp_error error = client_error(client, QMP_ERROR_MEMORY, 0, "out of memory");

        client_end(client, &error);
        return;
    }
    client_enter(client, in_progress ? CONNECTING : GREETING);
}

static void client_connect_now(struct qmp_client *client)
{
    bool in_progress;
    int descriptor = address_connect(&client->address, &in_progress);

    if (descriptor < 0) {
        client_connect_failed(client, errno);
        return;
    }
    client->descriptor = descriptor;
    client->open_deadline = now_ms() + client->open_timeout;
    client_watch(client, in_progress);
}

int qmp_client_connect(struct qmp_client *client, const char *address, int64_t wait_ms,
                       int64_t timeout_ms, qmp_ready_cb *ready, void *arg, struct qmp_error *error)
{
    const struct timeval at_once = {0, 0};
    struct qmp_error ignored;

    if (!error)
        error = &ignored;
    if (client->state != IDLE) {
        *error = client_error(client, QMP_ERROR_INVALID, 0, "the client was connected before");
        return -1;
    }
    if (address_parse(address, &client->address, error) < 0) {
        address_free(&client->address);
        return -1;
    }
    client->ready = ready;
    client->ready_arg = arg;
    client->wait_until = now_ms() + wait_ms;
    client->open_timeout = timeout_ms;
    client->state = CONNECTING;
    event_add(client->timer, &at_once);
    return 0;
}

/* ---- writing ---- */

/* Makes room for more bytes behind the unsent ones. */
static bool output_reserve(struct qmp_client *client, size_t more)
{
    size_t unsent = client->output_length - client->output_sent;
    char *output;

    if (client->output_sent > 0 && unsent > 0)
        memmove(client->output, client->output + client->output_sent, unsent);
    client->output_sent = 0;
    client->output_length = unsent;
    if (more <= client->output_capacity - unsent)
        return true;
    output = realloc(client->output, unsent + more);
    if (!output)
        return false;
    client->output = output;
    client->output_capacity = unsent + more;
    return true;
}

static bool output_add(struct qmp_client *client, const char *bytes, size_t length)
{
    if (!output_reserve(client, length))
        return false;
    memcpy(client->output + client->output_length, bytes, length);
    client->output_length += length;
    if (client->options.on_trace)
        client->options.on_trace(client, QMP_SENT, bytes, length - 1, client->options.arg);
    return true;
}

/* Writes what the socket takes; an error shows up when reading. */
static void output_write(struct qmp_client *client)
{
    while (client->output_sent < client->output_length) {
        ssize_t sent =
            send(client->descriptor, client->output + client->output_sent,
                 client->output_length - client->output_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            if (errno == EAGAIN)
                event_add(client->writable, NULL);
            return;
        }
        client->output_sent += (size_t)sent;
    }
}

static void client_flush(struct qmp_client *client)
{
    struct request *request;

    dispatch_begin(client);
    while (!client->destroyed &&
           (request = request_list_sendable(&client->requests, IN_BAND_LIMIT))) {
        if (!output_add(client, request->bytes, request->length))
            break;
        free(request->bytes);
        request->bytes = NULL;
        request_mark_sent(&client->requests, request, now_ms());
    }
    if (!client->destroyed)
        output_write(client);
    dispatch_end(client);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct qmp_client *client = arg;
    socklen_t length = sizeof(int);
    int number = 0;

    (void)what;
    if (client->state != CONNECTING) {
        output_write(client);
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &length) < 0)
        number = errno;
    if (number != 0) {
        client_connect_failed(client, number);
        return;
    }
    event_add(client->readable, NULL);
    client_enter(client, GREETING);
}

static int client_queue(struct qmp_client *client, const char *command, const json_t *arguments,
                        bool oob, int64_t timeout_ms, qmp_reply_cb *reply, void *arg,
                        struct qmp_error *error)
{
    struct request *request = calloc(1, sizeof *request);
    struct qmp_error ignored;

    if (!error)
        error = &ignored;
    if (!request) {
        *error = client_error(client, QMP_ERROR_MEMORY, 0, "out of memory");
        return -1;
    }
    *request = (struct request){
        .id = client->next_id, .oob = oob, .timeout_ms = timeout_ms, .reply = reply, .arg = arg};
    request->bytes = codec_encode(command, arguments, request->id, oob, &request->length, error);
    if (!request->bytes) {
        request_free(request);
        return -1;
    }
    client->next_id++;
    request_list_add(&client->requests, request);
    client_flush(client);
    return 0;
}

static int client_send(struct qmp_client *client, const char *command, const json_t *arguments,
                       bool oob, int64_t timeout_ms, qmp_reply_cb *reply, void *arg,
                       struct qmp_error *error)
{
    struct qmp_error ignored;

    if (!error)
        error = &ignored;
    if (client->state != READY || (oob && !client->oob)) {
        *error = client_error(client, QMP_ERROR_INVALID, 0, "%s",
                              client->state != READY ? "not connected"
                                                     : "the server takes no out-of-band commands");
        return -1;
    }
    dispatch_begin(client);
    if (client_queue(client, command, arguments, oob, timeout_ms, reply, arg, error) < 0) {
        dispatch_end(client);
        return -1;
    }
    if (!client->destroyed)
        client_arm_timer(client);
    dispatch_end(client);
    return 0;
}

int qmp_client_send(struct qmp_client *client, const char *command, const json_t *arguments,
                    int64_t timeout_ms, qmp_reply_cb *reply, void *arg, struct qmp_error *error)
{
    return client_send(client, command, arguments, false, timeout_ms, reply, arg, error);
}

int qmp_client_send_oob(struct qmp_client *client, const char *command, const json_t *arguments,
                        int64_t timeout_ms, qmp_reply_cb *reply, void *arg, struct qmp_error *error)
{
    return client_send(client, command, arguments, true, timeout_ms, reply, arg, error);
}

/* ---- reading ---- */

static void on_negotiated(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                          void *arg)
{
    qmp_ready_cb *ready;

    (void)arg;
    if (!client || client->state != NEGOTIATING)
        return; /* canceled, or told by client_end */
    if (!value) {
        client_end(client, error);
        return;
    }
    client->oob = client->oob_offered && !client->options.no_oob;
    client_enter(client, READY);
    ready = client->ready;
    client->ready = NULL;
    ready(client, NULL, client->ready_arg);
}

static void client_negotiate(struct qmp_client *client, const struct message *greeting)
{
    json_t *arguments = NULL;
    struct qmp_error error;

    client->version = greeting->version;
    client->oob_offered = greeting->oob;
    if (client->oob_offered && !client->options.no_oob)
        arguments = json_pack("{s:[s]}", "enable", "oob");
    client_enter(client, NEGOTIATING);
    if (client_queue(client, "qmp_capabilities", arguments, false, 0, on_negotiated, NULL, &error) <
        0)
        client_end(client, &error);
    json_decref(arguments);
}

static void client_reply(struct qmp_client *client, const struct message *message)
{
    struct request *request = request_list_take(&client->requests, message->id);
    struct qmp_error error;

    if (!request) {
        client->dropped++;
        return;
    }
    if (message->kind == MESSAGE_REPLY) {
        request_tell(client, request, message->value, NULL);
    } else {
        error = client_error(client, QMP_ERROR_COMMAND, 0, "%s", message->desc);
        snprintf(error.error_class, sizeof error.error_class, "%s", message->error_class);
        request_tell(client, request, NULL, &error);
    }
    if (!client->destroyed && client->state == READY) {
        client_flush(client);
        if (!client->destroyed)
            client_arm_timer(client);
    }
}

static void client_broken(struct qmp_client *client, const char *why)
{
    struct qmp_error error = client_error(client, QMP_ERROR_PROTOCOL, 0, "%s", why);

    client_end(client, &error);
}

/* One message. The connection or the client may have ended when it returns. */
static void client_message(struct qmp_client *client, const struct message *message)
{
    if (message->kind == MESSAGE_BROKEN) {
        client_broken(client, client->state == GREETING ? "it does not speak QMP"
                                                        : "the server sent what is no JSON");
        return;
    }
    if (message->kind == MESSAGE_GREETING && client->state == GREETING) {
        client_negotiate(client, message);
        return;
    }
    if (message->kind == MESSAGE_EVENT) {
        if (client->options.on_event)
            client->options.on_event(client, &message->event, client->options.arg);
        return;
    }
    if (message->kind == MESSAGE_FAILURE && message->id < 0) {
        /* QEMU's parser lost its place: which commands it saw is not known any more. */
        client_broken(client, message->desc);
        return;
    }
    if (message->kind == MESSAGE_REPLY || message->kind == MESSAGE_FAILURE)
        client_reply(client, message);
    else
        client->dropped++;
}

/* False: stop reading, since the connection or the client has ended. */
static bool client_text(struct qmp_client *client, const char *text, size_t length)
{
    struct message message;

    if (client->options.on_trace)
        client->options.on_trace(client, QMP_RECEIVED, text, length, client->options.arg);
    if (client->destroyed || client->state == ENDED)
        return false;
    codec_decode(text, length, &message);
    client_message(client, &message);
    codec_message_free(&message);
    return !client->destroyed && client->state != ENDED;
}

static bool client_texts(struct qmp_client *client)
{
    enum framer_status status;
    struct qmp_error error;
    const char *text;
    size_t length;

    while ((status = framer_next(&client->framer, &text, &length)) == FRAMER_TEXT) {
        if (!client_text(client, text, length))
            return false;
    }
    if (status == FRAMER_MORE)
        return true;
    error = client_error(client, QMP_ERROR_TOO_BIG, 0,
                         "a message of the server is longer than %zu bytes",
                         client->options.max_message);
    client_end(client, &error);
    return false;
}

/* The end of the stream may still complete a text. */
static void client_eof(struct qmp_client *client, int sys_errno)
{
    const char *text;
    size_t length;

    if (framer_last(&client->framer, &text, &length) == FRAMER_TEXT &&
        !client_text(client, text, length))
        return;
    client_end_closed(client, sys_errno);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct qmp_client *client = arg;
    char chunk[READ_CHUNK];
    ssize_t got = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);

    (void)what;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    dispatch_begin(client);
    if (got <= 0) {
        client_eof(client, got < 0 ? errno : 0);
    } else if (!framer_append(&client->framer, chunk, (size_t)got)) {
        struct qmp_error error = client_error(client, QMP_ERROR_MEMORY, 0, "out of memory");

        client_end(client, &error);
    } else {
        client_texts(client);
    }
    dispatch_end(client);
}

/* ---- what can be asked ---- */

bool qmp_client_is_ready(const struct qmp_client *client)
{
    return client->state == READY;
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
    return client->requests.count;
}

uint64_t qmp_client_dropped(const struct qmp_client *client)
{
    return client->dropped;
}

pid_t qmp_client_peer_pid(const struct qmp_client *client)
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (client->descriptor < 0 ||
        getsockopt(client->descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return 0;
    return peer.pid;
}
