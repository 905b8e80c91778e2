#include "stage.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "peer.h"

/* ---- the server ---- */

static void on_saying(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;
    char heard[256];

    (void)what;
    if (read(fd, heard, sizeof heard) <= 0)
        event_del(server->saying);
    else if (server->manner == SERVES)
        assert_true(write(fd, PEER_NEGOTIATED, sizeof PEER_NEGOTIATED - 1) > 0);
}

static void on_coming(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;

    (void)what;
    server->served = accept(fd, NULL, NULL);
    assert_true(server->served >= 0);
    event_del(server->coming);
    if (server->manner >= GREETS)
        assert_true(write(server->served, PEER_GREETING, sizeof PEER_GREETING - 1) > 0);
    server->saying = event_new(event_get_base(server->coming), server->served, EV_READ | EV_PERSIST,
                               on_saying, server);
    event_add(server->saying, NULL);
}

void stage_listen(struct stage *stage, int backlog)
{
    struct server *server = &stage->server;

    assert_int_equal(listen(server->listener, backlog), 0);
    server->coming =
        event_new(stage->base, server->listener, EV_READ | EV_PERSIST, on_coming, server);
    if (server->manner != IGNORES)
        event_add(server->coming, NULL);
}

void stage_bind(struct stage *stage, const char *path, int type)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    stage->server.listener = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(stage->server.listener >= 0);
    assert_int_equal(bind(stage->server.listener, (struct sockaddr *)&name, sizeof name), 0);
}

void stage_serve(struct stage *stage, enum manner manner)
{
    stage->server.manner = manner;
    stage_bind(stage, stage->path, SOCK_STREAM);
    stage_listen(stage, 4);
}

/* ---- the stage ---- */

void stage_open(struct stage *stage)
{
    *stage = (struct stage){.folder = "/tmp/qmpctl-connect-XXXXXX",
                            .base = event_base_new(),
                            .server = {.listener = -1, .served = -1}};
    assert_non_null(mkdtemp(stage->folder));
    snprintf(stage->path, sizeof stage->path, "%s/qmp", stage->folder);
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

void stage_close(struct stage *stage)
{
    struct server *server = &stage->server;

    free_event(server->coming);
    free_event(server->saying);
    free_event(server->later);
    if (server->served >= 0)
        close(server->served);
    if (server->listener >= 0)
        close(server->listener);
    event_base_free(stage->base);
    unlink(stage->path);
    assert_int_equal(rmdir(stage->folder), 0);
}

static void tell(struct stage *stage, const struct qmp_error *error)
{
    assert_false(stage->told);
    stage->told = true;
    stage->error = error ? *error : (struct qmp_error){0};
    event_base_loopbreak(stage->base);
}

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    (void)value;
    assert_true(qmp_client_is_ready(client));
    tell(arg, error);
}

void stage_on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct stage *stage = arg;

    assert_int_equal(qmp_client_is_ready(client), !error);
    if (error || !stage->command_timeout)
        tell(stage, error);
    else
        assert_int_equal(qmp_client_send(client, "query-status", NULL, stage->command_timeout,
                                         on_reply, stage, NULL),
                         0);
}

void stage_connect(struct stage *stage, const char *address, int64_t wait, int64_t timeout)
{
    struct qmp_client *client = qmp_client_new(stage->base, NULL);
    double started = clock_now();

    stage->told = false;
    assert_non_null(client);
    assert_int_equal(
        qmp_client_connect(client, address, wait, timeout, stage_on_ready, stage, &stage->error),
        0);
    assert_false(stage->told);
    while (!stage->told)
        event_base_dispatch(stage->base);
    stage->seconds = clock_now() - started;
    qmp_client_free(client);
}

void stage_expect(const struct stage *stage, enum qmp_error_code code, enum qmp_phase phase,
                  int number, const char *text)
{
    if (stage->error.code == code && (code == QMP_ERROR_NONE || stage->error.phase == phase) &&
        stage->error.sys_errno == number && strstr(stage->error.text, text))
        return;
    print_error("%s in %s (errno %d): %s\nnot %s in %s (errno %d): ...%s...\n",
                peer_code_name(stage->error.code), peer_phase_name(stage->error.phase),
                stage->error.sys_errno, stage->error.text, peer_code_name(code),
                peer_phase_name(phase), number, text);
    fail();
}

void stage_expect_ready(const struct stage *stage)
{
    stage_expect(stage, QMP_ERROR_NONE, QMP_PHASE_CONNECT, 0, "");
}

void stage_on_later(evutil_socket_t fd, short what, void *arg)
{
    struct stage *stage = arg;

    (void)fd;
    (void)what;
    if (stage->server.listener < 0)
        stage_bind(stage, stage->path, SOCK_STREAM);
    stage_listen(stage, 4);
}
