/*
 * The client where the system itself says no: calls that are interrupted or fail. They are defined
 * here, before the C library's, and fail as each test wants.
 */
/* With it the header defines recv itself, and clang takes no other. */
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/peer.h"

/* ---- the system ---- */

/* This call fails so many times, after some that do not; never for the descriptor spared. */
static struct {
    const char *call;
    int times, after, number;
    int spared;
} fault;

static bool fails(const char *call, int descriptor)
{
    if (!fault.call || strcmp(fault.call, call) != 0 || descriptor == fault.spared)
        return false;
    if (fault.after > 0) {
        fault.after--;
        return false;
    }
    if (fault.times == 0)
        return false;
    fault.times--;
    errno = fault.number;
    return true;
}

static void fail_call(const char *call, int times, int number)
{
    fault.call = call;
    fault.times = times;
    fault.after = 0;
    fault.number = number;
    fault.spared = -2;
}

/* Both are read in the thread of a look-up. */
static sem_t look_up_may_end;
static const char *addresses; /* of each host name; NULL: ask the system */
static const char *second;    /* the other of them; NULL: the same once more */

#define FOR_ALL __attribute__((visibility("default")))
/* The C library's own. */
#define REAL(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

FOR_ALL ssize_t recv(int descriptor, void *bytes, size_t size, int flags)
{
    if (fails("recv", descriptor))
        return -1;
    return REAL(recv)(descriptor, bytes, size, flags);
}

FOR_ALL ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags)
{
    return fails("sendmsg", descriptor) ? -1 : REAL(sendmsg)(descriptor, message, flags);
}

static int tcp_option(int descriptor, int name)
{
    socklen_t length = sizeof(int);
    int value = 0;

    return REAL(getsockopt)(descriptor, IPPROTO_TCP, name, &value, &length) == 0 ? value : 0;
}

/* How long the end of the other host can go unnoticed; 0: for ever. */
static int seconds_to_notice;

static int keep_alive_seconds(int descriptor)
{
    socklen_t length = sizeof(int);
    int on = 0;

    if (REAL(getsockopt)(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, &length) != 0 || !on)
        return 0;
    return tcp_option(descriptor, TCP_KEEPIDLE) +
           tcp_option(descriptor, TCP_KEEPINTVL) * tcp_option(descriptor, TCP_KEEPCNT);
}

/* Connects to nobody but itself, as the kernel does where it happens to choose the port that is
 * asked for. */
FOR_ALL int connect(int descriptor, __CONST_SOCKADDR_ARG name, socklen_t length)
{
    if (fails("connect", descriptor))
        assert_int_equal(bind(descriptor, name, length), 0);
    seconds_to_notice = keep_alive_seconds(descriptor);
    return REAL(connect)(descriptor, name, length);
}

/* number 0: the call succeeds and says ECONNREFUSED. */
FOR_ALL int getsockopt(int descriptor, int level, int name, void *value, socklen_t *length)
{
    if (!fails(name == SO_ERROR ? "SO_ERROR" : "getsockopt", descriptor))
        return REAL(getsockopt)(descriptor, level, name, value, length);
    if (fault.number != 0)
        return -1;
    memcpy(value, &(int){ECONNREFUSED}, sizeof(int));
    return 0;
}

FOR_ALL int fcntl(int descriptor, int command, ...)
{
    va_list arguments;
    long argument;

    va_start(arguments, command);
    argument = va_arg(arguments, long);
    va_end(arguments);
    return fails("fcntl", descriptor) ? -1 : REAL(fcntl)(descriptor, command, argument);
}

FOR_ALL int epoll_ctl(int loop, int operation, int descriptor, struct epoll_event *event)
{
    return fails("epoll_ctl", descriptor) ? -1
                                          : REAL(epoll_ctl)(loop, operation, descriptor, event);
}

FOR_ALL int pthread_create(pthread_t *thread, const pthread_attr_t *settings, void *(*run)(void *),
                           void *arg)
{
    return fails("pthread_create", -1) ? EAGAIN : REAL(pthread_create)(thread, settings, run, arg);
}

FOR_ALL int event_base_once(struct event_base *base, evutil_socket_t descriptor, short what,
                            event_callback_fn run, void *arg, const struct timeval *delay)
{
    return fails("event_base_once", -1)
               ? -1
               : REAL(event_base_once)(base, descriptor, what, run, arg, delay);
}

/* A host name has two addresses here, both of this machine. */
FOR_ALL int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                        struct addrinfo **found)
{
    int status;

    if (hints->ai_flags & AI_NUMERICHOST || !addresses)
        return REAL(getaddrinfo)(host, port, hints, found);
    sem_wait(&look_up_may_end);
    status = REAL(getaddrinfo)(addresses, port, hints, found);
    if (status == 0)
        status = REAL(getaddrinfo)(second ? second : addresses, port, hints, &(*found)->ai_next);
    return status;
}

/* The thread of a look-up that nobody waits for any more: a test waits for its end. */
static pthread_t left_thread;
static bool keep_thread;

FOR_ALL int pthread_detach(pthread_t thread)
{
    left_thread = thread;
    return keep_thread ? 0 : REAL(pthread_detach)(thread);
}

/* libevent tells of the calls that fail here. */
static void ignore_log(int severity, const char *text)
{
    (void)severity;
    (void)text;
}

static int start(void **state)
{
    (void)state;
    fault.call = NULL;
    addresses = second = NULL;
    return 0;
}

/* ---- reading and writing ---- */

static void test_what_is_interrupted_is_done_again(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
    fail_call("sendmsg", 3, EINTR);
    peer_command(&peer, "a", NULL);
    peer_pump(&peer);
    assert_int_equal(fault.times, 0);
    fail_call("recv", 3, EINTR);
    fault.spared = peer.server;
    peer_say_text(&peer, "{\"return\": 2, \"id\": 2}");
    assert_int_equal(fault.times, 0);
    peer_expect_log(&peer, "a = 2\n");
    peer_stop(&peer);
}

static void test_a_write_that_fails_ends_a_silent_connection(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
    fail_call("sendmsg", 1, ENOBUFS);
    peer_command(&peer, "a", NULL);
    peer_await(&peer, "closed");
    peer_expect_log(&peer, "a ! CLOSED\nclosed CLOSED\n");
    peer_stop(&peer);
}

/* More than the socket takes, and the loop cannot say when it takes more. */
static void test_a_write_that_cannot_go_on_ends_the_connection(void **state)
{
    static char text[4U << 20];
    struct peer peer = {.deaf = true};
    json_t *arguments;

    (void)state;
    peer_open(&peer);
    memset(text, 'x', sizeof text - 1);
    arguments = json_pack("{s:s}", "a", text);
    fail_call("epoll_ctl", 1, ENOSPC);
    peer_command(&peer, "large", arguments);
    peer_await(&peer, "closed");
    assert_int_equal(fault.times, 0);
    peer_expect_log(&peer, "large ! CLOSED\nclosed CLOSED\n");
    json_decref(arguments);
    peer_stop(&peer);
}

static void test_a_read_that_fails_ends_the_connection(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
    peer_command(&peer, "a", NULL);
    peer_pump(&peer);
    fail_call("recv", 1, ETIMEDOUT);
    fault.spared = peer.server;
    peer_say_text(&peer, "{\"return\": 2, \"id\": 2}");
    peer_expect_log(&peer, "a ! CLOSED\nclosed CLOSED\n");
    peer_stop(&peer);
}

static void test_a_server_that_the_kernel_does_not_name_is_found(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
    fail_call("getsockopt", 1, ENOPROTOOPT);
    assert_int_equal(qmp_client_server_pid(peer.client), getpid());
    fault.call = NULL;
    peer_stop(&peer);
}

static void on_canceled(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                        void *arg)
{
    assert_null(client);
    assert_null(value);
    assert_int_equal(error->code, QMP_ERROR_CANCELED);
    ++*(int *)arg;
}

/* Told before the call returns rather than never. */
static void test_destroyed_where_nothing_can_be_told_later(void **state)
{
    struct peer peer = {0};
    int told = 0;

    (void)state;
    peer_open(&peer);
    assert_int_equal(qmp_client_send(peer.client, "a", NULL, 0, on_canceled, &told, NULL), 0);
    fail_call("event_base_once", 1, ENOMEM);
    qmp_client_free(peer.client);
    peer.client = NULL;
    assert_int_equal(told, 1);
    peer_stop(&peer);
    assert_int_equal(told, 1);
}

/* ---- connecting ---- */

struct outcome {
    struct event_base *base;
    bool told;
    struct qmp_error error;
};

static void on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct outcome *outcome = arg;

    (void)client;
    assert_false(outcome->told);
    assert_non_null(error);
    outcome->told = true;
    outcome->error = *error;
    event_base_loopbreak(outcome->base);
}

/* Connects, which must fail so. */
static void expect_failure_in(enum qmp_phase phase, const char *address, int64_t timeout,
                              enum qmp_error_code code, int number, const char *text)
{
    struct outcome outcome = {.base = event_base_new()};
    struct qmp_client *client = qmp_client_new(outcome.base, NULL);

    assert_int_equal(qmp_client_connect(client, address, 0, timeout, on_ready, &outcome, NULL), 0);
    while (!outcome.told)
        assert_int_equal(event_base_loop(outcome.base, EVLOOP_ONCE), 0);
    qmp_client_free(client);
    event_base_free(outcome.base);
    if (!strstr(outcome.error.text, text))
        fail_msg("%s: %s", address, outcome.error.text);
    assert_int_equal(outcome.error.code, code);
    assert_int_equal(outcome.error.sys_errno, number);
    assert_int_equal(outcome.error.phase, phase);
}

static void expect_failure(const char *address, int64_t timeout, enum qmp_error_code code,
                           int number, const char *text)
{
    expect_failure_in(QMP_PHASE_CONNECT, address, timeout, code, number, text);
}

static void test_a_descriptor_that_cannot_be_made_ours(void **state)
{
    char address[32];

    (void)state;
    for (int after = 0; after < 3; after++) {
        int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address, sizeof address, "fd:%d", descriptor);
        fail_call("fcntl", 1, EPERM);
        fault.after = after;
        expect_failure(address, 0, QMP_ERROR_CONNECT, EPERM, "no permission");
        assert_int_equal(fault.times, 0);
        close(descriptor);
    }
}

/* Listens on a port of this machine, and takes nobody. */
static int listen_tcp(char address[64], const char *host)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = sizeof name;

    assert_int_equal(bind(listener, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &length), 0);
    snprintf(address, 64, "%s:%d", host, ntohs(name.sin_port));
    return listener;
}

static void test_a_connection_of_which_nothing_is_told(void **state)
{
    char address[64];
    int listener = listen_tcp(address, "127.0.0.1");

    (void)state;
    fail_call("SO_ERROR", 1, ENOBUFS);
    expect_failure(address, 0, QMP_ERROR_CONNECT, ENOBUFS, "No buffer space");
    close(listener);
}

static void test_a_connection_that_cannot_be_watched(void **state)
{
    char address[64];
    int listener = listen_tcp(address, "127.0.0.1");

    (void)state;
    fail_call("epoll_ctl", 1, ENOSPC);
    fault.after = 2; /* writing is watched, and then no more */
    expect_failure(address, 0, QMP_ERROR_MEMORY, 0, "out of memory");
    close(listener);
}

static void test_a_connection_to_itself_is_none(void **state)
{
    char address[64];
    int listener = listen_tcp(address, "127.0.0.1");

    (void)state;
    close(listener);
    fail_call("connect", 1, 0);
    expect_failure(address, 2000, QMP_ERROR_CONNECT, ECONNREFUSED, "nobody listens there");
    assert_int_equal(fault.times, 0);
}

static void test_a_host_that_is_gone_is_noticed(void **state)
{
    char address[64];
    int listener = listen_tcp(address, "127.0.0.1");

    (void)state;
    close(listener);
    expect_failure(address, 2000, QMP_ERROR_CONNECT, ECONNREFUSED, "nobody listens there");
    assert_int_equal(seconds_to_notice, 120);
}

static void test_each_address_of_a_host_is_tried(void **state)
{
    char address[64];
    int listener = listen_tcp(address, "two.test"), one, other;

    (void)state;
    addresses = "127.0.0.1";
    sem_post(&look_up_may_end);
    fail_call("SO_ERROR", 2, 0);
    expect_failure(address, 0, QMP_ERROR_CONNECT, ECONNREFUSED, "nobody listens there");
    one = accept(listener, NULL, NULL);
    other = accept(listener, NULL, NULL);
    assert_true(one >= 0 && other >= 0);
    assert_int_equal(accept(listener, NULL, NULL), -1);
    close(one);
    close(other);
    close(listener);
}

/* The first address has no room for more, so that the kernel drops what asks for it. */
static void test_an_address_that_never_answers_leaves_the_next_its_part(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t length = sizeof name;
    char address[64];
    int deaf = listen_tcp(address, "two.test"), other, waiting[4];

    (void)state;
    assert_int_equal(listen(deaf, 0), 0);
    assert_int_equal(getsockname(deaf, (struct sockaddr *)&name, &length), 0);
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(waiting[i], (struct sockaddr *)&name, length) != 0)
            assert_int_equal(errno, EINPROGRESS);
    }
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(other, 4), 0);
    addresses = "127.0.0.1";
    second = "127.0.0.2";
    sem_post(&look_up_may_end);
    /* It is connected then, and not greeted. */
    expect_failure_in(QMP_PHASE_GREETING, address, 400, QMP_ERROR_TIMEOUT, 0,
                      "no client is served");
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    close(other);
    close(deaf);
}

static void test_a_name_whose_look_up_takes_too_long(void **state)
{
    (void)state;
    addresses = "127.0.0.1";
    keep_thread = true;
    expect_failure("slow.test:1", 50, QMP_ERROR_TIMEOUT, 0,
                   "no answer within 0.05 s to the question for the host's address");
    keep_thread = false;
    sem_post(&look_up_may_end);
    assert_int_equal(pthread_join(left_thread, NULL), 0);
}

static void test_a_name_that_cannot_be_looked_up(void **state)
{
    (void)state;
    fail_call("pthread_create", 1, EAGAIN);
    expect_failure("one.test:1", 0, QMP_ERROR_MEMORY, 0, "out of memory");
    fail_call("epoll_ctl", 1, ENOSPC);
    expect_failure("one.test:1", 0, QMP_ERROR_MEMORY, 0, "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_interrupted_is_done_again, start),
        cmocka_unit_test_setup(test_a_write_that_fails_ends_a_silent_connection, start),
        cmocka_unit_test_setup(test_a_write_that_cannot_go_on_ends_the_connection, start),
        cmocka_unit_test_setup(test_a_read_that_fails_ends_the_connection, start),
        cmocka_unit_test_setup(test_a_server_that_the_kernel_does_not_name_is_found, start),
        cmocka_unit_test_setup(test_destroyed_where_nothing_can_be_told_later, start),
        cmocka_unit_test_setup(test_a_descriptor_that_cannot_be_made_ours, start),
        cmocka_unit_test_setup(test_a_connection_of_which_nothing_is_told, start),
        cmocka_unit_test_setup(test_a_connection_that_cannot_be_watched, start),
        cmocka_unit_test_setup(test_a_connection_to_itself_is_none, start),
        cmocka_unit_test_setup(test_a_host_that_is_gone_is_noticed, start),
        cmocka_unit_test_setup(test_each_address_of_a_host_is_tried, start),
        cmocka_unit_test_setup(test_an_address_that_never_answers_leaves_the_next_its_part, start),
        cmocka_unit_test_setup(test_a_name_whose_look_up_takes_too_long, start),
        cmocka_unit_test_setup(test_a_name_that_cannot_be_looked_up, start),
    };

    event_set_log_callback(ignore_log);
    sem_init(&look_up_may_end, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
