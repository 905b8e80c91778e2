/*
 * The log, a line each:
 *   ready                                ready was told that all is well
 *   unready CODE PHASE                   or not
 *   NAME = JSON                          the reply of a command
 *   NAME ! CODE [CLASS: TEXT]            or why there is none; class and text only for QEMU's own
 *   event NAME JSON SECONDS
 *   closed CODE
 */
#include "peer.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct peer_command {
    struct peer *peer;
    char name[64];
};

const char *peer_code_name(enum qmp_error_code code)
{
    static const char *const names[] = {"NONE",   "INVALID", "MEMORY",   "CONNECT",
                                        "BUSY",   "TIMEOUT", "PROTOCOL", "TOO_BIG",
                                        "CLOSED", "COMMAND", "CANCELED"};

    return names[code];
}

const char *peer_phase_name(enum qmp_phase phase)
{
    static const char *const names[] = {"connect", "greeting", "negotiation", "command"};

    return names[phase];
}

void peer_note(struct peer *peer, const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    assert_true(length >= 0);
    peer->log = realloc(peer->log, peer->log_length + (size_t)length + 2);
    assert_non_null(peer->log);
    memcpy(peer->log + peer->log_length, text, (size_t)length);
    peer->log_length += (size_t)length;
    peer->log[peer->log_length++] = '\n';
    peer->log[peer->log_length] = '\0';
    free(text);
}

/* The client is destroyed in this callback, if it was told so; a second time does no harm. */
static void meet_doom(struct peer *peer, enum peer_doom here)
{
    bool is_counted = peer->doom_countdown > 0 && --peer->doom_countdown == 0;

    if (peer->doom != here && !is_counted)
        return;
    peer->doom = DOOM_NONE;
    qmp_client_free(peer->client);
    qmp_client_free(peer->client);
    peer->client = NULL;
}

void peer_on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                   void *arg)
{
    struct peer_command command = *(struct peer_command *)arg;
    char *text = value ? qmp_json_dumps(value, false) : NULL;

    free(arg);
    assert_true((value == NULL) != (error == NULL));
    assert_ptr_equal(client, command.peer->client);
    if (value)
        peer_note(command.peer, "%s = %s", command.name, text);
    else if (error->code == QMP_ERROR_COMMAND)
        peer_note(command.peer, "%s ! COMMAND %s: %s", command.name, error->error_class,
                  error->text);
    else
        peer_note(command.peer, "%s ! %s", command.name, peer_code_name(error->code));
    free(text);
    meet_doom(command.peer, DOOM_REPLY);
}

struct peer_command *peer_command_new(struct peer *peer, const char *name)
{
    struct peer_command *command = malloc(sizeof *command);

    assert_non_null(command);
    command->peer = peer;
    snprintf(command->name, sizeof command->name, "%s", name);
    return command;
}

void peer_command(struct peer *peer, const char *command, const json_t *arguments)
{
    assert_int_equal(qmp_client_send(peer->client, command, arguments, peer->command_timeout,
                                     peer_on_reply, peer_command_new(peer, command), NULL),
                     0);
}

void peer_command_oob(struct peer *peer, const char *command)
{
    assert_int_equal(qmp_client_send_oob(peer->client, command, NULL, peer->command_timeout,
                                         peer_on_reply, peer_command_new(peer, command), NULL),
                     0);
}

void peer_expect_invalid(struct peer *peer, const char *command, json_t *arguments)
{
    struct qmp_error error = {0};

    assert_int_equal(qmp_client_send(peer->client, command, arguments, 0, NULL, NULL, &error), -1);
    assert_int_equal(error.code, QMP_ERROR_INVALID);
    assert_true(*error.text);
    assert_int_equal(qmp_client_send(peer->client, command, arguments, 0, NULL, NULL, NULL), -1);
    json_decref(arguments);
}

static void on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct peer *peer = arg;
    char name[32];

    assert_ptr_equal(client, peer->client);
    if (error) {
        assert_false(qmp_client_is_ready(client));
        assert_true(*error->text);
        peer_note(peer, "unready %s %s", peer_code_name(error->code),
                  peer_phase_name(error->phase));
    } else {
        assert_true(qmp_client_is_ready(client));
        peer_note(peer, "ready");
    }
    for (unsigned i = 1; !error && peer->client && i <= peer->send_when_ready; i++) {
        snprintf(name, sizeof name, "query-%u", i);
        peer_command(peer, name, NULL);
    }
    meet_doom(peer, DOOM_READY);
}

static void on_event(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    struct peer *peer = arg;
    char *data = qmp_json_dumps(event->data, false);

    assert_ptr_equal(client, peer->client);
    peer_note(peer, "event %s %s %lld", event->name, data, (long long)event->seconds);
    free(data);
    meet_doom(peer, DOOM_EVENT);
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct peer *peer = arg;

    assert_ptr_equal(client, peer->client);
    assert_int_equal(qmp_client_pending(client), 0);
    peer_note(peer, "closed %s", peer_code_name(error->code));
    meet_doom(peer, DOOM_CLOSED);
}

static void on_trace(struct qmp_client *client, enum qmp_direction direction, const char *text,
                     size_t length, void *arg)
{
    struct peer *peer = arg;

    (void)text;
    assert_ptr_equal(client, peer->client);
    assert_true(length > 0);
    meet_doom(peer, direction == QMP_SENT ? DOOM_SENT : DOOM_RECEIVED);
}

static void tcp_pair(int ends[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof name;

    assert_int_equal(bind(listener, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &length), 0);
    ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[1], (struct sockaddr *)&name, length), 0);
    ends[0] = accept(listener, NULL, NULL);
    assert_true(ends[0] >= 0);
    close(listener);
}

void peer_start(struct peer *peer, const struct qmp_client_options *options, int64_t timeout_ms)
{
    struct qmp_client_options own = options ? *options : (struct qmp_client_options){0};
    struct qmp_error error;
    int ends[2];
    char address[32];

    peer->log = calloc(1, 1);
    peer->heard = calloc(1, 1);
    peer->log_length = peer->heard_length = peer->commands = 0;
    if (!peer->base)
        peer->base = event_base_new();
    assert_non_null(peer->base);
    if (peer->tcp)
        tcp_pair(ends);
    else
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer->server = ends[0];
    own.on_event = on_event;
    own.on_closed = on_closed;
    own.on_trace = on_trace;
    own.arg = peer;
    peer->client = qmp_client_new(peer->base, &own);
    assert_non_null(peer->client);
    snprintf(address, sizeof address, "fd:%d", ends[1]);
    assert_int_equal(
        qmp_client_connect(peer->client, address, 0, timeout_ms, on_ready, peer, &error), 0);
    peer_pump(peer);
}

/* Takes what the client sent. */
static void listen_to_client(struct peer *peer)
{
    char bytes[65536];
    ssize_t got;

    while (peer->server >= 0 && (got = recv(peer->server, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        peer->heard = realloc(peer->heard, peer->heard_length + (size_t)got + 1);
        assert_non_null(peer->heard);
        memcpy(peer->heard + peer->heard_length, bytes, (size_t)got);
        peer->heard_length += (size_t)got;
        peer->heard[peer->heard_length] = '\0';
        for (ssize_t i = 0; i < got; i++)
            peer->commands += bytes[i] == '\n';
        if (peer->peeks)
            break;
    }
}

static bool client_has_unread(const struct peer *peer)
{
    int unread = 0;

    return peer->server >= 0 && peer->client && ioctl(peer->server, SIOCOUTQ, &unread) == 0 &&
           unread > 0;
}

void peer_pump(struct peer *peer)
{
    do {
        for (int turn = 0; turn < 3; turn++)
            event_base_loop(peer->base, EVLOOP_NONBLOCK);
        listen_to_client(peer);
    } while (client_has_unread(peer));
}

void peer_say(struct peer *peer, const char *bytes, size_t length)
{
    while (length > 0 && peer->server >= 0) {
        ssize_t sent = send(peer->server, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno != EAGAIN)
            break; /* the client has ended the connection */
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        }
        peer_pump(peer);
    }
}

void peer_say_text(struct peer *peer, const char *text)
{
    peer_say(peer, text, strlen(text));
}

void peer_hang_up(struct peer *peer)
{
    listen_to_client(peer);
    close(peer->server);
    peer->server = -1;
    peer_pump(peer);
}

static void on_impatience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

void peer_await(struct peer *peer, const char *text)
{
    const struct timeval patience = {20, 0};
    bool over = false;
    struct event *limit = event_new(peer->base, -1, 0, on_impatience, &over);

    event_add(limit, &patience);
    while (!strstr(peer->log, text)) {
        event_base_loop(peer->base, EVLOOP_ONCE);
        listen_to_client(peer);
        if (over)
            fail_msg("waited in vain for \"%s\"; the log is\n%s", text, peer->log);
    }
    event_free(limit);
}

void peer_expect_log(struct peer *peer, const char *text)
{
    assert_string_equal(peer->log, text);
    peer->log_length = 0;
    *peer->log = '\0';
}

void peer_stop(struct peer *peer)
{
    qmp_client_free(peer->client);
    peer->client = NULL;
    /* Replies that were still pending are told now. */
    event_base_loop(peer->base, EVLOOP_NONBLOCK);
    if (peer->server >= 0)
        close(peer->server);
    if (!peer->shares_base)
        event_base_free(peer->base);
    free(peer->heard);
    free(peer->log);
    *peer = (struct peer){.server = -1};
}

void peer_open(struct peer *peer)
{
    peer_start(peer, NULL, 60000);
    peer_say_text(peer, PEER_GREETING);
    peer_say_text(peer, PEER_NEGOTIATED);
    peer_expect_log(peer, "ready\n");
    peer->heard_length = 0;
    peer->commands = 0;
}

void peer_reply(struct peer *peer, int first, int last)
{
    char text[64];

    for (int id = first; id <= last; id++) {
        snprintf(text, sizeof text, "{\"return\": %d, \"id\": %d}\r\n", id, id);
        peer_say_text(peer, text);
    }
}

void peer_run_for(struct peer *peer, long milliseconds)
{
    const struct timeval moment = {milliseconds / 1000, milliseconds % 1000 * 1000};

    event_base_loopexit(peer->base, &moment);
    event_base_dispatch(peer->base);
}
