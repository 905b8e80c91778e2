/* Why there is no connection: the error names the phase and what to do something about. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/stage.h"

/* ---- why not ---- */

static void test_no_socket(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_connect(&stage, stage.path, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ENOENT, "no such socket");
    stage_close(&stage);
}

static void test_a_file_is_no_socket_and_not_waited_for(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    close(open(stage.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    stage_connect(&stage, stage.path, LIMIT_MS, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ENOTSOCK, "not a socket");
    assert_true(stage.seconds < 5);
    assert_int_equal(access(stage.path, F_OK), 0);
    stage_close(&stage);
}

static void test_a_socket_of_another_kind(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_bind(&stage, stage.path, SOCK_DGRAM);
    stage_connect(&stage, stage.path, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EPROTOTYPE, "of another kind");
    stage_close(&stage);
}

static void test_a_socket_that_we_may_not_use(void **state)
{
    struct stage stage;
    bool is_root = geteuid() == 0;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, SERVES);
    assert_int_equal(chmod(stage.path, 0), 0);
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    stage_connect(&stage, stage.path, LIMIT_MS, LIMIT_MS);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EACCES, "no permission");
    stage_close(&stage);
}

static void test_the_socket_of_a_qemu_that_has_ended(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_bind(&stage, stage.path, SOCK_STREAM);
    stage_connect(&stage, stage.path, 0, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ECONNREFUSED, "its QEMU has ended");
    assert_int_equal(access(stage.path, F_OK), 0);
    stage_close(&stage);
}

static void test_no_answer_to_the_negotiation(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, GREETS);
    stage_connect(&stage, stage.path, 0, 100);
    stage_expect(&stage, QMP_ERROR_TIMEOUT, QMP_PHASE_NEGOTIATION, 0,
                 "within 0.1 s to the negotiation");
    stage_close(&stage);
}

/* ---- --wait ---- */

static void wait_for(struct stage *stage)
{
    const struct timeval moment = {0, 100000};

    stage->server.manner = SERVES;
    stage->server.later = event_new(stage->base, -1, 0, stage_on_later, stage);
    event_add(stage->server.later, &moment);
    stage_connect(stage, stage->path, LIMIT_MS, LIMIT_MS);
    stage_expect_ready(stage);
    assert_true(stage->seconds > 0.09);
}

static void test_a_socket_that_comes_is_waited_for(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    wait_for(&stage);
    stage_close(&stage);
}

static void test_a_server_that_comes_is_waited_for(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_bind(&stage, stage.path, SOCK_STREAM);
    wait_for(&stage);
    stage_close(&stage);
}

static void test_waiting_ends(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage_connect(&stage, stage.path, 150, LIMIT_MS);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, ENOENT, "no such socket");
    assert_true(stage.seconds > 0.14);
    stage_close(&stage);
}

/* ---- no descriptor left ---- */

/* Runs connect_to while this process may open so many more. */
static void connect_with(struct stage *stage, const char *address, rlim_t more)
{
    struct rlimit before, limit;
    int next = dup(STDERR_FILENO);

    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = (struct rlimit){(rlim_t)next + more, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    stage_connect(stage, address, 0, 100);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_no_descriptor_is_left(void **state)
{
    struct stage stage;
    char path[300], deep[200];

    (void)state;
    stage_open(&stage);
    stage_serve(&stage, IGNORES);
    connect_with(&stage, stage.path, 0);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EMFILE, "Too many open files");
    connect_with(&stage, "127.0.0.1:1", 0);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EMFILE, "Too many open files");
    connect_with(&stage, "localhost:1", 0);
    assert_int_not_equal(stage.error.code, QMP_ERROR_NONE);
    /* One for the connection, none to look up whom the monitor serves. */
    connect_with(&stage, stage.path, 1);
    stage_expect(&stage, QMP_ERROR_BUSY, QMP_PHASE_GREETING, 0,
                 "another client, or QEMU is stopped");
    snprintf(deep, sizeof deep, "%s/%0150d", stage.folder, 7);
    snprintf(path, sizeof path, "%s/..//qmp", deep);
    assert_int_equal(mkdir(deep, 0700), 0);
    connect_with(&stage, path, 0);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EMFILE, "Too many open files");
    connect_with(&stage, path, 1);
    stage_expect(&stage, QMP_ERROR_CONNECT, QMP_PHASE_CONNECT, EMFILE, "Too many open files");
    assert_int_equal(rmdir(deep), 0);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_socket),
        cmocka_unit_test(test_a_file_is_no_socket_and_not_waited_for),
        cmocka_unit_test(test_a_socket_of_another_kind),
        cmocka_unit_test(test_a_socket_that_we_may_not_use),
        cmocka_unit_test(test_the_socket_of_a_qemu_that_has_ended),
        cmocka_unit_test(test_no_answer_to_the_negotiation),
        cmocka_unit_test(test_a_socket_that_comes_is_waited_for),
        cmocka_unit_test(test_a_server_that_comes_is_waited_for),
        cmocka_unit_test(test_waiting_ends),
        cmocka_unit_test(test_no_descriptor_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
