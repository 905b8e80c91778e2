/*
 * A whole client at the other end of a socket pair, against a server that says any bytes in any
 * pieces, closes at any point, and is sent commands meanwhile. Whatever it does: each command is
 * told its outcome exactly once, ready exactly once, the end at most once and not before ready, and
 * nothing after the client has gone. SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qmpclient.h"

#define GREETING                                                                                   \
    "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":2,\"minor\":0,\"major\":10},\"package\":\"\"},"    \
    "\"capabilities\":[\"oob\"]}}\r\n{\"return\":{},\"id\":1}\r\n"
#define COMMANDS 64

enum act {
    ACT_SAY,     /* the next byte is how many bytes follow, which are said */
    ACT_REPLY,   /* a good reply; the next byte is its id */
    ACT_FAIL,    /* an error */
    ACT_EVENT,   /* an event */
    ACT_SEND,    /* the client sends a command */
    ACT_URGENT,  /* and one out of band */
    ACT_DOOM,    /* the client destroys itself in the next callback */
    ACT_DESTROY, /* or here */
    ACT_CLOSE,   /* the server closes */
    ACT_COUNT
};

struct scene {
    struct event_base *base;
    struct qmp_client *client;
    int server;
    bool doomed;
    unsigned sent, told, ready, closed;
    bool outcome[COMMANDS]; /* was told */
};

struct command {
    struct scene *scene;
    unsigned number;
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void meet_doom(struct scene *scene)
{
    if (!scene->doomed || !scene->client)
        return;
    qmp_client_free(scene->client);
    scene->client = NULL;
}

static void on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct scene *scene = arg;

    check(client == scene->client && ++scene->ready == 1 && scene->closed == 0);
    check(!error || (error->code != QMP_ERROR_NONE && *error->text));
    meet_doom(scene);
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct scene *scene = arg;

    check(client == scene->client && scene->ready == 1 && ++scene->closed == 1);
    check(error->code != QMP_ERROR_NONE && scene->told == scene->sent);
    meet_doom(scene);
}

static void on_event(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    struct scene *scene = arg;

    check(client == scene->client && scene->closed == 0);
    check(event->name && json_is_object(event->data));
    meet_doom(scene);
}

static void on_trace(struct qmp_client *client, enum qmp_direction direction, const char *text,
                     size_t length, void *arg)
{
    struct scene *scene = arg;

    check(client == scene->client && text && length > 0);
    (void)direction;
    meet_doom(scene);
}

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    struct command *command = arg;
    struct scene *scene = command->scene;

    check(!scene->outcome[command->number] && client == scene->client && scene->closed == 0);
    check((value != NULL) != (error != NULL));
    scene->outcome[command->number] = true;
    scene->told++;
    free(command);
    meet_doom(scene);
}

static void client_command(struct scene *scene, bool urgent)
{
    struct command *command;

    if (!scene->client || scene->sent == COMMANDS)
        return;
    command = malloc(sizeof *command);
    check(command != NULL);
    *command = (struct command){scene, scene->sent};
    if ((urgent ? qmp_client_send_oob : qmp_client_send)(scene->client, "query-status", NULL, 0,
                                                         on_reply, command, NULL) == 0)
        scene->sent++;
    else
        free(command);
    /* It is on_reply's now. */
    // cppcheck-suppress memleak
}

/* Until the client has read all there is; what it sent is read, so that it never has to wait. */
static void run(struct scene *scene)
{
    char heard[4096];

    for (int i = 0; i < 3; i++) {
        event_base_loop(scene->base, EVLOOP_NONBLOCK);
        while (scene->server >= 0 &&
               recv(scene->server, heard, sizeof heard, MSG_DONTWAIT) == (ssize_t)sizeof heard)
            continue;
    }
}

static void say(struct scene *scene, const void *bytes, size_t length)
{
    if (scene->server >= 0 && length > 0 &&
        send(scene->server, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        check(errno == EPIPE || errno == ECONNRESET || errno == EAGAIN);
    run(scene);
}

static void say_line(struct scene *scene, const char *format, unsigned id)
{
    char line[128];

    snprintf(line, sizeof line, format, id);
    say(scene, line, strlen(line));
}

static void hang_up(struct scene *scene)
{
    if (scene->server >= 0)
        close(scene->server);
    scene->server = -1;
    run(scene);
}

/* One act of the server or the client; how many bytes of the script it took. */
static size_t act(struct scene *scene, const uint8_t *script, size_t left)
{
    size_t count = left > 1 ? script[1] : 0;

    switch (script[0] % ACT_COUNT) {
    case ACT_SAY:
        count = count < left - 1 ? count : left - 1;
        count = left > 2 && count > left - 2 ? left - 2 : count;
        if (left > 2)
            say(scene, script + 2, count);
        return left > 2 ? 2 + count : left;
    case ACT_REPLY:
        say_line(scene, "{\"return\": {}, \"id\": %u}\r\n", (unsigned)count);
        return 2;
    case ACT_FAIL:
        say_line(scene, "{\"id\": %u, \"error\": {\"class\": \"E\", \"desc\": \"d\"}}\n",
                 (unsigned)count);
        return 2;
    case ACT_EVENT:
        say_line(scene, "{\"event\": \"E\", \"data\": {\"n\": %u}}", (unsigned)count);
        return 2;
    case ACT_SEND:
    case ACT_URGENT:
        client_command(scene, script[0] % ACT_COUNT == ACT_URGENT);
        break;
    case ACT_DOOM:
        scene->doomed = true;
        break;
    case ACT_DESTROY:
        qmp_client_free(scene->client);
        scene->client = NULL;
        run(scene);
        break;
    default:
        hang_up(scene);
        break;
    }
    return 1;
}

static void begin(struct scene *scene, uint8_t flags)
{
    const struct qmp_client_options options = {.max_message = flags & 2 ? 300 : 0,
                                               .no_oob = flags & 4,
                                               .on_event = on_event,
                                               .on_closed = on_closed,
                                               .on_trace = flags & 8 ? on_trace : NULL,
                                               .arg = scene};
    char address[32];
    int ends[2];

    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    scene->server = ends[0];
    snprintf(address, sizeof address, "fd:%d", ends[1]);
    scene->client = qmp_client_new(scene->base, &options);
    check(scene->client != NULL);
    check(qmp_client_connect(scene->client, address, 0, 0, on_ready, scene, NULL) == 0);
    run(scene);
    if (flags & 1)
        say(scene, GREETING, sizeof GREETING - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene scene = {.server = -1};
    size_t done = 1;
    bool alive;

    if (size == 0)
        return 0;
    scene.base = event_base_new();
    check(scene.base != NULL);
    begin(&scene, data[0]);
    while (done < size)
        done += act(&scene, data + done, size - done);
    hang_up(&scene);
    alive = scene.client != NULL;
    check(!alive || scene.ready == 1);
    qmp_client_free(scene.client);
    scene.client = NULL;
    run(&scene);
    check(scene.told == scene.sent);
    event_base_free(scene.base);
    return 0;
}
