/* Monitors that serve another client, and servers that are stopped. The others are children, where
 * it matters whose processes they are. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/peer.h"
#include "support/stage.h"

/* A child that connects as a program of this name, and leaves when the pipe that it is handed
 * closes. */
static pid_t other_client(const char *path, const char *program, int *leave)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int ends[2], done[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pipe2(done, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

        prctl(PR_SET_NAME, program);
        close(ends[1]);
        snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
        if (connect(descriptor, (struct sockaddr *)&name, sizeof name) != 0 ||
            write(done[1], "x", 1) != 1)
            _exit(1);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(done[1]);
    assert_int_equal(read(done[0], &byte, 1), 1);
    close(done[0]);
    close(ends[0]);
    *leave = ends[1];
    return pid;
}

static void test_a_monitor_in_use_is_named_with_its_user(void **state)
{
    struct qmp_holder holder;
    struct stage stage;
    char expected[64];
    pid_t pid;
    int leave;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, SERVES);
    assert_int_equal(qmp_monitor_holder(stage.path, &holder), 0);
    pid = other_client(stage.path, "so\tcat", &leave);
    event_base_loop(stage.base, EVLOOP_ONCE); /* it is accepted, and nobody after it */
    assert_int_equal(qmp_monitor_holder(stage.path, &holder), 1);
    assert_int_equal(holder.pid, pid);
    assert_string_equal(holder.name, "so cat");
    stage_connect(&stage, stage.path, 0, 100);
    snprintf(expected, sizeof expected, "the monitor is in use by so cat (pid %d)", (int)pid);
    stage_expect(&stage, QMP_ERROR_BUSY, QMP_PHASE_GREETING, 0, expected);
    close(leave);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    stage_close(&stage);
}

/* A program may have no name, and other users' processes show no descriptors. */
static void test_a_user_without_a_name(void **state)
{
    struct qmp_holder holder;
    struct stage stage;
    pid_t pid;
    int leave;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, SERVES);
    pid = other_client(stage.path, "", &leave);
    event_base_loop(stage.base, EVLOOP_ONCE);
    assert_int_equal(qmp_monitor_holder(stage.path, &holder), 1);
    assert_int_equal(holder.pid, pid);
    assert_string_equal(holder.name, "a process");
    if (geteuid() == 0) {
        assert_int_equal(chmod(stage.folder, 0755), 0);
        assert_int_equal(seteuid(65534), 0);
        assert_int_equal(qmp_monitor_holder(stage.path, &holder), 1);
        assert_int_equal(holder.pid, 0);
        assert_int_equal(seteuid(0), 0);
    }
    close(leave);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(qmp_monitor_holder("/etc/passwd", &holder), -1);
    stage_close(&stage);
}

/* A connection that is on its way between processes belongs to none that could be named. */
static void test_a_monitor_in_use_by_somebody_who_cannot_be_seen(void **state)
{
    char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int ends[2], client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct qmp_holder holder;
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, SERVES);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", stage.path);
    assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof name), 0);
    event_base_loop(stage.base, EVLOOP_ONCE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    *header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof client), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &client, sizeof client);
    assert_int_equal(sendmsg(ends[0], &message, 0), 1);
    close(client);
    assert_int_equal(qmp_monitor_holder(stage.path, &holder), 1);
    assert_int_equal(holder.pid, 0);
    stage_connect(&stage, stage.path, 0, 100);
    stage_expect(&stage, QMP_ERROR_BUSY, QMP_PHASE_GREETING, 0, "by a process of another user");
    close(ends[0]);
    close(ends[1]);
    stage_close(&stage);
}

static void test_a_server_that_takes_us_and_says_nothing(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, SILENT);
    stage_connect(&stage, stage.path, 0, 100);
    stage_expect(&stage, QMP_ERROR_TIMEOUT, QMP_PHASE_GREETING, 0,
                 "no greeting within 0.1 s: the server took the connection and says nothing");
    stage_close(&stage);
}

static void test_a_server_that_takes_nobody(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, IGNORES);
    stage_connect(&stage, stage.path, 0, 100);
    stage_expect(&stage, QMP_ERROR_TIMEOUT, QMP_PHASE_GREETING, 0, "no client is served");
    stage_close(&stage);
}

static void on_vanish(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    unlink(((struct stage *)arg)->path);
}

static void test_a_server_that_cannot_be_looked_up(void **state)
{
    const struct timeval moment = {0, 50000};
    struct qmp_holder holder;
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, IGNORES);
    stage.server.later = event_new(stage.base, -1, 0, on_vanish, &stage);
    event_add(stage.server.later, &moment);
    stage_connect(&stage, stage.path, 0, 200);
    stage_expect(&stage, QMP_ERROR_BUSY, QMP_PHASE_GREETING, 0,
                 "another client, or QEMU is stopped");
    assert_int_equal(qmp_monitor_holder(stage.path, &holder), -1);
    stage_close(&stage);
}

static void test_a_full_backlog(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stage stage;
    int waiting[8], count = 0;

    (void)state;
    stage_open(&stage);
    stage_bind(&stage, stage.path, SOCK_STREAM);
    stage_listen(&stage, 1);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", stage.path);
    do {
        assert_true(count < 8);
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    } while (connect(waiting[count++], (struct sockaddr *)&name, sizeof name) == 0);
    assert_int_equal(errno, EAGAIN);
    stage_connect(&stage, stage.path, LIMIT_MS, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_TIMEOUT, QMP_PHASE_CONNECT, EAGAIN, "backlog is full");
    while (count > 0)
        close(waiting[--count]);
    stage_close(&stage);
}

/* Takes one client, greets it and, where that is its manner, agrees with it. */
static void serve_one(int listener, enum manner manner)
{
    int served = accept(listener, NULL, NULL);
    char heard[256];

    if (write(served, PEER_GREETING, sizeof PEER_GREETING - 1) < 0)
        _exit(1);
    if (manner == SERVES && (read(served, heard, sizeof heard) <= 0 ||
                             write(served, PEER_NEGOTIATED, sizeof PEER_NEGOTIATED - 1) < 0))
        _exit(1);
}

/*
 * A child that does with one client what its manner is; then it stops. It listens itself, or was
 * handed the socket on which this process did, as libvirt does with QEMU. It does not outlive this
 * test.
 */
static pid_t stopping_server(struct stage *stage, enum manner manner, bool handed)
{
    pid_t parent = getpid(), pid;

    if (handed) {
        stage_bind(stage, stage->path, SOCK_STREAM);
        assert_int_equal(listen(stage->server.listener, 4), 0);
    }
    pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        if (handed)
            close(stage->server.listener);
        stage->server.listener = -1;
        return pid;
    }
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    if (!handed) {
        stage_bind(stage, stage->path, SOCK_STREAM);
        listen(stage->server.listener, 4);
    }
    if (manner != IGNORES)
        serve_one(stage->server.listener, manner);
    raise(SIGSTOP);
    _exit(0);
}

static void expect_stopped(enum manner manner, bool handed, enum qmp_phase phase, const char *what)
{
    char expected[120];
    struct stage stage;
    pid_t pid;

    stage_open(&stage);
    stage.command_timeout = 1000;
    pid = stopping_server(&stage, manner, handed);
    if (manner == IGNORES)
        assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
    stage_connect(&stage, stage.path, LIMIT_MS, manner == SERVES ? LIMIT_MS : 1000);
    snprintf(expected, sizeof expected, "no %s: its QEMU (pid %d) is stopped", what, (int)pid);
    stage_expect(&stage, QMP_ERROR_TIMEOUT, phase, 0, expected);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    stage_close(&stage);
}

static void test_a_stopped_server(void **state)
{
    (void)state;
    expect_stopped(IGNORES, false, QMP_PHASE_GREETING, "greeting within 1 s");
    expect_stopped(IGNORES, true, QMP_PHASE_GREETING, "greeting within 1 s");
}

static void test_a_server_that_stops_after_its_greeting(void **state)
{
    static const char what[] = "answer within 1 s to the negotiation of capabilities";

    (void)state;
    expect_stopped(GREETS, false, QMP_PHASE_NEGOTIATION, what);
    expect_stopped(GREETS, true, QMP_PHASE_NEGOTIATION, what);
}

static void test_a_server_that_stops_before_its_reply(void **state)
{
    (void)state;
    expect_stopped(SERVES, false, QMP_PHASE_COMMAND, "reply within 1 s");
    expect_stopped(SERVES, true, QMP_PHASE_COMMAND, "reply within 1 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_monitor_in_use_is_named_with_its_user),
        cmocka_unit_test(test_a_user_without_a_name),
        cmocka_unit_test(test_a_monitor_in_use_by_somebody_who_cannot_be_seen),
        cmocka_unit_test(test_a_server_that_takes_us_and_says_nothing),
        cmocka_unit_test(test_a_server_that_takes_nobody),
        cmocka_unit_test(test_a_server_that_cannot_be_looked_up),
        cmocka_unit_test(test_a_full_backlog),
        cmocka_unit_test(test_a_stopped_server),
        cmocka_unit_test(test_a_server_that_stops_after_its_greeting),
        cmocka_unit_test(test_a_server_that_stops_before_its_reply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
