/* Monitors at TCP addresses of this host that serve another client: this process itself, by a
 * connection of its own. */
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/stage.h"

static struct addrinfo *look_up(const char *host, int port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found;
    char service[8];

    snprintf(service, sizeof service, "%d", port);
    assert_int_equal(getaddrinfo(host, service, &hints, &found), 0);
    return found;
}

/* A monitor at this address, on a port that the kernel chooses. */
static int tcp_serve(struct stage *stage, enum manner manner, const char *host)
{
    struct addrinfo *target = look_up(host, 0);
    struct sockaddr_in6 name = {0};
    socklen_t length = sizeof name;

    stage_open(stage);
    stage->server.manner = manner;
    stage->server.listener = socket(target->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stage->server.listener, target->ai_addr, target->ai_addrlen), 0);
    freeaddrinfo(target);
    assert_int_equal(getsockname(stage->server.listener, (struct sockaddr *)&name, &length), 0);
    stage_listen(stage, 1);
    return ntohs(name.sin6_port); /* at the same place in both families */
}

static int tcp_connect(const char *host, int port, int flags)
{
    struct addrinfo *target = look_up(host, port);
    int descriptor = socket(target->ai_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    int connected = connect(descriptor, target->ai_addr, target->ai_addrlen);

    assert_true(connected == 0 || flags == SOCK_NONBLOCK);
    freeaddrinfo(target);
    return descriptor;
}

static void expect_us(const struct stage *stage, const struct qmp_holder *holder)
{
    char expected[64];

    snprintf(expected, sizeof expected, "the monitor is in use by busy_tcp_test (pid %d)",
             (int)getpid());
    assert_int_equal(holder->pid, getpid());
    assert_string_equal(holder->name, "busy_tcp_test");
    stage_expect(stage, QMP_ERROR_BUSY, QMP_PHASE_GREETING, 0, expected);
}

/* In milliseconds. A name is looked up within it, by a thread that has little of valgrind's time.
 */
#define PATIENCE 1000

/* Where it listens, where its user connects, and by what name it is asked for then. */
static void expect_named(const char *listens, const char *user, const char *asked)
{
    struct qmp_holder holder;
    struct stage stage;
    char address[64];
    int held, port = tcp_serve(&stage, SERVES, listens);

    snprintf(address, sizeof address, "%s:%d", asked, port);
    assert_int_equal(qmp_monitor_holder(address, &holder), 0);
    held = tcp_connect(user, port, 0);
    assert_int_equal(qmp_monitor_holder(address, &holder), 0); /* it waits, and is not served */
    event_base_loop(stage.base, EVLOOP_ONCE);
    assert_int_equal(qmp_monitor_holder(address, &holder), 1);
    stage_connect(&stage, address, 0, PATIENCE);
    expect_us(&stage, &holder);
    close(held);
    stage_close(&stage);
}

static void test_a_monitor_of_ipv4(void **state)
{
    (void)state;
    expect_named("127.0.0.1", "127.0.0.1", "127.0.0.1");
    expect_named("127.0.0.1", "127.0.0.1", "localhost");
}

static void require_ipv6(void)
{
    const struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = bind(descriptor, (const struct sockaddr *)&name, sizeof name) == 0;

    close(descriptor);
    if (is_there)
        return;
    print_message("this machine has no such loopback\n");
    skip();
}

static void test_a_monitor_of_ipv6(void **state)
{
    struct qmp_holder holder;
    struct stage stage;
    char address[64];
    int held, port;

    (void)state;
    require_ipv6();
    expect_named("::1", "::1", "[::1]");
    port = tcp_serve(&stage, SERVES, "::1");
    held = tcp_connect("::1", port, 0);
    event_base_loop(stage.base, EVLOOP_ONCE);
    snprintf(address, sizeof address, "localhost:%d", port);
    assert_int_equal(qmp_monitor_holder(address, &holder), 1);
    assert_int_equal(holder.pid, getpid());
    close(held);
    stage_close(&stage);
}

/* Its user came by another address than we do. */
static void test_a_monitor_at_every_address(void **state)
{
    (void)state;
    require_ipv6();
    expect_named("0.0.0.0", "127.0.0.2", "127.0.0.1");
    expect_named("::", "127.0.0.2", "127.0.0.1");
    expect_named("::", "127.0.0.2", "[::1]");
    expect_named("::", "::1", "127.0.0.1");
}

/* Another monitor has the same port at another address. */
static void test_a_monitor_beside_one_that_is_used(void **state)
{
    struct qmp_holder holder;
    struct stage used, other;
    struct addrinfo *target;
    char address[64];
    int port = tcp_serve(&used, SERVES, "127.0.0.1"), held = tcp_connect("127.0.0.1", port, 0);

    (void)state;
    event_base_loop(used.base, EVLOOP_ONCE);
    stage_open(&other);
    other.server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    target = look_up("127.0.0.2", port);
    assert_int_equal(bind(other.server.listener, target->ai_addr, target->ai_addrlen), 0);
    freeaddrinfo(target);
    stage_listen(&other, 1);
    snprintf(address, sizeof address, "127.0.0.2:%d", port);
    assert_int_equal(qmp_monitor_holder(address, &holder), 0);
    stage_connect(&other, address, 0, 100);
    stage_expect(&other, QMP_ERROR_TIMEOUT, QMP_PHASE_GREETING, 0, "no client is served");
    close(held);
    stage_close(&other);
    stage_close(&used);
}

static void test_a_server_that_takes_us_and_says_nothing(void **state)
{
    struct stage stage;
    char address[64];

    (void)state;
    snprintf(address, sizeof address, "127.0.0.1:%d", tcp_serve(&stage, SILENT, "127.0.0.1"));
    stage_connect(&stage, address, 0, 100);
    stage_expect(&stage, QMP_ERROR_TIMEOUT, QMP_PHASE_GREETING, 0,
                 "no greeting within 0.1 s: the server took the connection and says nothing");
    stage_close(&stage);
}

/* Two may wait for a monitor with a backlog of one; the next is not connected. */
static void test_a_full_backlog(void **state)
{
    struct stage stage;
    char address[64], expected[64];
    int port = tcp_serve(&stage, SERVES, "127.0.0.1"), held = tcp_connect("127.0.0.1", port, 0),
        waiting[2];

    (void)state;
    event_base_loop(stage.base, EVLOOP_ONCE);
    for (int i = 0; i < 2; i++)
        waiting[i] = tcp_connect("127.0.0.1", port, SOCK_NONBLOCK);
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    snprintf(expected, sizeof expected, "in use by busy_tcp_test (pid %d)", (int)getpid());
    stage_connect(&stage, address, 0, 200);
    stage_expect(&stage, QMP_ERROR_BUSY, QMP_PHASE_CONNECT, 0, expected);
    for (int i = 0; i < 2; i++)
        close(waiting[i]);
    close(held);
    stage_close(&stage);
}

/* ---- a descriptor that was handed over ---- */

static void expect_busy_behind(struct stage *stage, int descriptor)
{
    char address[32], expected[64];

    snprintf(address, sizeof address, "fd:%d", descriptor);
    snprintf(expected, sizeof expected, "the monitor is in use by busy_tcp_test (pid %d)",
             (int)getpid());
    stage_connect(stage, address, 0, 100);
    stage_expect(stage, QMP_ERROR_BUSY, QMP_PHASE_GREETING, 0, expected);
}

static void test_an_inherited_descriptor_of_tcp(void **state)
{
    struct stage stage;
    int port = tcp_serve(&stage, SERVES, "127.0.0.1"), held = tcp_connect("127.0.0.1", port, 0);

    (void)state;
    event_base_loop(stage.base, EVLOOP_ONCE);
    expect_busy_behind(&stage, tcp_connect("127.0.0.1", port, 0));
    close(held);
    stage_close(&stage);
}

static int unix_connect(const struct sockaddr_un *name)
{
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(descriptor, (const struct sockaddr *)name, sizeof *name), 0);
    return descriptor;
}

static void test_an_inherited_descriptor_of_a_path(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stage stage;
    int held;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, SERVES);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", stage.path);
    held = unix_connect(&name);
    event_base_loop(stage.base, EVLOOP_ONCE);
    expect_busy_behind(&stage, unix_connect(&name));
    close(held);
    stage_close(&stage);
}

/* One whose server has no path that could be looked for. */
static void test_an_inherited_descriptor_without_a_name(void **state)
{
    struct stage stage;
    char address[32];
    int ends[2];

    (void)state;
    stage_open(&stage);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    snprintf(address, sizeof address, "fd:%d", ends[0]);
    stage_connect(&stage, address, 0, 100);
    stage_expect(&stage, QMP_ERROR_BUSY, QMP_PHASE_GREETING, 0,
                 "another client, or QEMU is stopped");
    close(ends[1]);
    stage_close(&stage);
}

/* ---- what cannot be known ---- */

static void test_addresses_of_which_nothing_is_known(void **state)
{
    static const char *const addresses[] = {
        "",
        "fd:0",
        "127.0.0.1:1", /* nobody listens */
        "[::1]:1",
        "192.0.2.1:1", /* of another host */
        "no.name:1",
        "255.255.255.255:1",
    };
    struct qmp_holder holder;

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        assert_int_equal(qmp_monitor_holder(addresses[i], &holder), -1);
    assert_true(fcntl(0, F_GETFD) >= 0); /* the caller's, as before */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_monitor_of_ipv4),
        cmocka_unit_test(test_a_monitor_of_ipv6),
        cmocka_unit_test(test_a_monitor_at_every_address),
        cmocka_unit_test(test_a_monitor_beside_one_that_is_used),
        cmocka_unit_test(test_a_server_that_takes_us_and_says_nothing),
        cmocka_unit_test(test_a_full_backlog),
        cmocka_unit_test(test_an_inherited_descriptor_of_tcp),
        cmocka_unit_test(test_an_inherited_descriptor_of_a_path),
        cmocka_unit_test(test_an_inherited_descriptor_without_a_name),
        cmocka_unit_test(test_addresses_of_which_nothing_is_known),
    };

    prctl(PR_SET_NAME, "busy_tcp_test"); /* under valgrind it bears another */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
