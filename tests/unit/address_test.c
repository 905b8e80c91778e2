/* The forms of an address: paths, inherited descriptors, hosts. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/stage.h"

/* ---- addresses ---- */

static void test_what_is_no_address_is_refused_at_once(void **state)
{
    static const struct {
        const char *address, *text;
    } rows[] = {
        {"", "empty"},
        {"unix:", "path of the socket is empty"},
        {"fd:", "number of an open descriptor"},
        {"fd:x", "number of an open descriptor"},
        {"fd:-1", "number of an open descriptor"},
        {"fd:1x", "number of an open descriptor"},
        {"fd:1048577", "number of an open descriptor"},
        {"fd:99999999999999999999", "number of an open descriptor"},
        {":4444", "host is missing"},
        {"[]:4444", "host is missing"},
        {"::1:4444", "[ADDRESS]:PORT"},
        {"[::1:4444", "[ADDRESS]:PORT"},
        {"h:0", "port is not between"},
        {"localhost:0", "port is not between"},
        {"localhost:65536", "port is not between"},
        {"localhost:99999999999999999999", "port is not between"},
    };
    struct stage stage;

    (void)state;
    stage_open(&stage);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qmp_client *client = qmp_client_new(stage.base, NULL);

        assert_int_equal(
            qmp_client_connect(client, rows[i].address, 0, 0, stage_on_ready, &stage, NULL), -1);
        assert_int_equal(
            qmp_client_connect(client, rows[i].address, 0, 0, stage_on_ready, &stage, &stage.error),
            -1);
        stage_expect(&stage, QMP_ERROR_INVALID, QMP_PHASE_CONNECT, 0, rows[i].text);
        qmp_client_free(client);
    }
    assert_false(stage.told);
    stage_close(&stage);
}

static void test_a_path_with_and_without_prefix(void **state)
{
    char address[80];
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, SERVES);
    stage_connect(&stage, stage.path, 0, LIMIT_MS);
    stage_expect_ready(&stage);
    /* Whoever leaves, the socket stays. */
    assert_int_equal(access(stage.path, F_OK), 0);
    event_free(stage.server.saying);
    close(stage.server.served);
    event_add(stage.server.coming, NULL);
    snprintf(address, sizeof address, "unix:%s", stage.path);
    stage_connect(&stage, address, 0, LIMIT_MS);
    stage_expect_ready(&stage);
    stage_close(&stage);
}

/* sun_path ends at 107 bytes; the address does not. */
static void test_a_path_of_any_length(void **state)
{
    char deep[400], path[420], name[64];
    struct stage stage;
    int folder;

    (void)state;
    stage_open(&stage);
    snprintf(deep, sizeof deep, "%s/%0150d", stage.folder, 7);
    snprintf(path, sizeof path, "%s/qmp", deep);
    assert_int_equal(mkdir(deep, 0700), 0);
    stage_connect(&stage, path, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ENOENT, "no such socket");
    folder = open(deep, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(name, sizeof name, "/proc/self/fd/%d/qmp", folder);
    stage.server.manner = SERVES;
    stage_bind(&stage, name, SOCK_STREAM);
    stage_connect(&stage, path, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ECONNREFUSED, "nobody listens");
    stage_listen(&stage, 4);
    stage_connect(&stage, path, 0, LIMIT_MS);
    stage_expect_ready(&stage);
    close(folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(deep), 0);
    stage_close(&stage);
}

/* ---- an inherited descriptor ---- */

static void test_an_inherited_descriptor(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char address[32];
    struct stage stage;
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, SERVES);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", stage.path);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&name, sizeof name), 0);
    snprintf(address, sizeof address, "fd:%d", descriptor);
    stage_connect(&stage, address, 0, LIMIT_MS);
    stage_expect_ready(&stage);
    /* The client owned it. */
    assert_int_equal(fcntl(descriptor, F_GETFD), -1);
    stage_connect(&stage, address, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EBADF, "Bad file descriptor");
    stage_close(&stage);
}

static void test_a_descriptor_that_is_no_socket(void **state)
{
    char address[32];
    struct stage stage;
    int ends[2];

    (void)state;
    stage_open(&stage);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    snprintf(address, sizeof address, "fd:%d", ends[0]);
    stage_connect(&stage, address, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ENOTSOCK, "not a socket");
    /* It is still its owner's. */
    assert_int_equal(close(ends[0]), 0);
    close(ends[1]);
    stage_close(&stage);
}

/* An event loop does not watch files, and says so on stderr. */
static void test_a_descriptor_of_a_file(void **state)
{
    char address[32];
    struct stage stage;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    stage_open(&stage);
    snprintf(address, sizeof address, "fd:%d", file);
    stage_connect(&stage, address, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ENOTSOCK, "not a socket");
    assert_int_equal(close(file), 0);
    stage_close(&stage);
}

static void test_a_descriptor_of_another_kind_of_socket(void **state)
{
    char address[32];
    struct stage stage;
    int ends[2];

    (void)state;
    stage_open(&stage);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    snprintf(address, sizeof address, "fd:%d", ends[0]);
    stage_connect(&stage, address, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EPROTOTYPE, "of another kind");
    assert_int_equal(close(ends[0]), 0);
    close(ends[1]);
    stage_close(&stage);
}

/* The numbers that nobody handed over are in use by the program itself: its event loop, say. */
static void test_descriptors_of_the_program_itself(void **state)
{
    char address[32];
    struct stage stage;
    int first = dup(STDERR_FILENO), behind;

    (void)state;
    close(first);
    stage_open(&stage);
    behind = dup(STDERR_FILENO);
    close(behind);
    assert_true(behind > first);
    for (int descriptor = first; descriptor < behind; descriptor++) {
        snprintf(address, sizeof address, "fd:%d", descriptor);
        stage_connect(&stage, address, 0, LIMIT_MS);
        assert_int_equal(stage.error.code, QMP_ERROR_CONNECT);
    }
    stage_close(&stage);
}

/* ---- TCP ---- */

/* Listens on a port that the kernel chooses; false: this family is not there. */
static bool tcp_start(struct stage *stage, int family, int *port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *name = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t length = family == AF_INET ? sizeof four : sizeof six;

    stage->server.manner = SERVES;
    stage->server.listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stage->server.listener < 0 || bind(stage->server.listener, name, length) != 0)
        return false;
    assert_int_equal(getsockname(stage->server.listener, name, &length), 0);
    *port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
    return true;
}

static void serve_tcp(int family, const char *host)
{
    char address[64];
    struct stage stage;
    int port = 0;

    stage_open(&stage);
    if (!tcp_start(&stage, family, &port)) {
        stage_close(&stage);
        print_message("this machine has no such loopback\n");
        skip();
    }
    snprintf(address, sizeof address, "%s:%d", host, port);
    stage_connect(&stage, address, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ECONNREFUSED,
                 "nobody listens there");
    stage_listen(&stage, 4);
    stage_connect(&stage, address, 0, LIMIT_MS);
    stage_expect_ready(&stage);
    stage_close(&stage);
}

static void test_tcp_by_ipv4_address(void **state)
{
    (void)state;
    serve_tcp(AF_INET, "127.0.0.1");
}

static void test_tcp_by_ipv6_address(void **state)
{
    (void)state;
    serve_tcp(AF_INET6, "[::1]");
}

static void test_tcp_by_name(void **state)
{
    (void)state;
    serve_tcp(AF_INET, "localhost");
}

static void test_a_host_that_can_be_none(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_connect(&stage, "no..host:4444", 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EADDRNOTAVAIL,
                 "the host is not known");
    stage_close(&stage);
}

/* The address of all is nobody's: that fails before anything is under way. */
static void test_a_host_that_cannot_be_connected(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_connect(&stage, "255.255.255.255:1", 0, LIMIT_MS);
    assert_int_equal(stage.error.code, QMP_ERROR_CONNECT);
    assert_int_not_equal(stage.error.sys_errno, 0);
    stage_close(&stage);
}

static void test_destroyed_while_a_name_is_looked_up(void **state)
{
    struct qmp_client *client;
    struct stage stage;
    bool told;

    (void)state;
    stage_open(&stage);
    client = qmp_client_new(stage.base, NULL);
    assert_int_equal(qmp_client_connect(client, "localhost:1", 0, 0, stage_on_ready, &stage, NULL),
                     0);
    event_base_loop(stage.base, EVLOOP_NONBLOCK);
    told = stage.told; /* a fast look-up may have ended by now */
    qmp_client_free(client);
    event_base_loop(stage.base, EVLOOP_NONBLOCK);
    assert_int_equal(stage.told, told);
    stage_close(&stage);
}

/* A peer that is there but takes no connection: the deadline is that of the opening. */
static void test_tcp_that_is_not_accepted(void **state)
{
    char address[64];
    struct stage stage;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int port = 0, waiting[4];

    (void)state;
    stage_open(&stage);
    assert_true(tcp_start(&stage, AF_INET, &port));
    stage.server.manner = IGNORES;
    stage_listen(&stage, 0);
    name.sin_port = htons((uint16_t)port);
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(waiting[i], (struct sockaddr *)&name, sizeof name) != 0)
            assert_int_equal(errno, EINPROGRESS);
    }
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    stage_connect(&stage, address, 0, 150);
    stage_expect(&stage, QMP_ERROR_TIMEOUT, QMP_PHASE_CONNECT, 0,
                 "within 0.15 s to the connection");
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    stage_close(&stage);
}

static void test_tcp_that_comes_is_waited_for(void **state)
{
    const struct timeval moment = {0, 100000};
    char address[64];
    struct stage stage;
    int port = 0;

    (void)state;
    stage_open(&stage);
    assert_true(tcp_start(&stage, AF_INET, &port));
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    stage.server.later = event_new(stage.base, -1, 0, stage_on_later, &stage);
    event_add(stage.server.later, &moment);
    stage_connect(&stage, address, LIMIT_MS, LIMIT_MS);
    stage_expect_ready(&stage);
    assert_true(stage.seconds > 0.09);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_address_is_refused_at_once),
        cmocka_unit_test(test_a_path_with_and_without_prefix),
        cmocka_unit_test(test_a_path_of_any_length),
        cmocka_unit_test(test_an_inherited_descriptor),
        cmocka_unit_test(test_a_descriptor_that_is_no_socket),
        cmocka_unit_test(test_a_descriptor_of_a_file),
        cmocka_unit_test(test_a_descriptor_of_another_kind_of_socket),
        cmocka_unit_test(test_descriptors_of_the_program_itself),
        cmocka_unit_test(test_tcp_by_ipv4_address),
        cmocka_unit_test(test_tcp_by_ipv6_address),
        cmocka_unit_test(test_tcp_by_name),
        cmocka_unit_test(test_a_host_that_can_be_none),
        cmocka_unit_test(test_a_host_that_cannot_be_connected),
        cmocka_unit_test(test_destroyed_while_a_name_is_looked_up),
        cmocka_unit_test(test_tcp_that_is_not_accepted),
        cmocka_unit_test(test_tcp_that_comes_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
