/* Monitors of real QEMUs: which there are, who may use them, and several at a time. */
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"
#include "support/user.h"

/* Somebody else: a connection of this process, greeted, which holds the monitor. */
static int hold_at(const struct sockaddr *name, socklen_t length)
{
    int holder = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    assert_true(holder >= 0);
    assert_int_equal(connect(holder, name, length), 0);
    assert_int_equal(read(holder, &byte, 1), 1);
    return holder;
}

static int hold(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    return hold_at((struct sockaddr *)&name, sizeof name);
}

static void expect_text(const char *text, const char *part)
{
    if (strstr(text, part))
        return;
    print_error("'%s' is not in:\n%s\n", part, text);
    fail();
}

/* ---- list ---- */

/* The row of this VM, among those of other QEMUs that this host may run. */
static const json_t *row_of(const json_t *rows, const struct lab_vm *vm)
{
    const json_t *row;
    size_t index;

    json_array_foreach(rows, index, row)
    {
        if (json_integer_value(json_at(row, "pid")) == lab_pid(vm))
            return row;
    }
    fail();
    return NULL;
}

static void test_list_finds_a_qemu_and_its_monitor(int qemu)
{
    static const char *const named[] = {"-name", "guest=web", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, named);
    json_t *rows = run_json(EXPECT(0, NULL, "list", "--json"));
    const json_t *row = row_of(rows, vm);

    assert_string_equal(json_string_value(json_at(row, "name")), "web");
    assert_string_equal(json_string_value(json_at(row, "socket")), lab_socket(vm));
    assert_int_equal(json_integer_value(json_at(row, "memory")), 512 << 20);
    assert_true(json_is_true(json_at(row, "usable")));
    json_decref(rows);
    expect_text(EXPECT(0, lab_socket(vm), "list")->out, "web");
    lab_stop(vm);
}

TEST_ON_EACH(test_list_finds_a_qemu_and_its_monitor)

/* How QEMU 11.1 wants a monitor to be said: as an object, on a chardev. */
static void test_list_finds_a_monitor_that_is_an_object_on_sid(void **state)
{
    char folder[80], path[96], chardev[160];
    const char *arguments[] = {"-chardev", chardev, "-object", "monitor-qmp,id=m,chardev=own",
                               NULL};
    const char *parent = getenv("TMPDIR");
    struct lab_vm *vm;
    json_t *rows;

    (void)state;
    lab_require(LAB_SID);
    snprintf(folder, sizeof folder, "%.60s/object-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/qmp", folder);
    snprintf(chardev, sizeof chardev, "socket,id=own,path=%s,server=on,wait=off", path);
    vm = lab_start(LAB_SID, LAB_ABSENT, NULL, arguments);
    rows = run_json(EXPECT(0, path, "list", "--json"));
    assert_int_equal(json_array_size(rows), 1);
    assert_int_equal(json_integer_value(json_at(rows, "0.pid")), lab_pid(vm));
    json_decref(rows);
    EXPECT(0, path, "status");
    lab_stop(vm);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void test_list_names_who_uses_a_monitor(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    int holder = hold(lab_socket(vm));
    char expected[64];
    json_t *rows;

    (void)state;
    snprintf(expected, sizeof expected, "in use by monitor_test (pid %d)", (int)getpid());
    expect_text(EXPECT(0, lab_socket(vm), "list")->out, expected);
    rows = run_json(EXPECT(0, NULL, "list", "--json"));
    assert_true(json_is_false(json_at(row_of(rows, vm), "monitors.0.usable")));
    assert_true(json_is_true(json_at(row_of(rows, vm), "usable"))); /* by its second monitor */
    assert_string_equal(json_string_value(json_at(row_of(rows, vm), "monitors.0.why-not")),
                        expected);
    json_decref(rows);
    close(holder);
    lab_stop(vm);
}

static void test_list_tells_that_a_qemu_stands_still(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    json_t *rows;

    (void)state;
    lab_pause(vm);
    rows = run_json(EXPECT(0, lab_socket(vm), "list", "--json"));
    assert_true(json_is_false(json_at(row_of(rows, vm), "usable")));
    assert_string_equal(json_string_value(json_at(row_of(rows, vm), "monitors.0.why-not")),
                        "QEMU is stopped");
    json_decref(rows);
    lab_resume(vm);
    rows = run_json(EXPECT(0, lab_socket(vm), "list", "--json"));
    assert_true(json_is_true(json_at(row_of(rows, vm), "usable")));
    json_decref(rows);
    lab_stop(vm);
}

/* What is said of a VM's first monitor. */
static void expect_why_not(const struct lab_vm *vm, const char *expected)
{
    json_t *rows = run_json(EXPECT(0, NULL, "list", "--json"));
    const char *why = json_string_value(json_at(row_of(rows, vm), "monitors.0.why-not"));

    assert_string_equal(why ? why : "free", expected);
    json_decref(rows);
}

/* One's own VM, beside one of root. */
static void test_list_is_for_ordinary_users(void **state)
{
    struct lab_vm *other = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL), *own;
    char expected[64];
    int holder;

    (void)state;
    user_set_ordinary(true);
    own = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    expect_why_not(own, "free");
    expect_text(EXPECT(0, lab_socket(own), "list")->out, "  free\n");
    EXPECT(0, lab_socket(own), "set", "512M");
    if (user_differs())
        expect_why_not(other, "no permission");
    holder = hold(lab_socket(own));
    snprintf(expected, sizeof expected, "in use by monitor_test (pid %d)", (int)getpid());
    expect_why_not(own, user_differs() ? "in use" : expected);
    close(holder);
    unlink(lab_socket(own));
    expect_why_not(own, "no such socket");
    lab_stop(own);
    lab_stop(other);
}

/* Runs QEMU as a daemon, from this folder; it ends with "quit". */
static void start_daemon(const char *folder)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        if (chdir(folder) == 0 && setenv("PWD", folder, 1) == 0)
            execlp("qemu-system-x86_64", "qemu-system-x86_64", "-machine", "none", "-nodefaults",
                   "-display", "none", "-daemonize", "-name", "daemon", "-qmp",
                   "unix:web.qmp,server=on,wait=off", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_list_finds_a_daemon_by_its_relative_path(void **state)
{
    char folder[] = "/tmp/qmpctl-daemon-XXXXXX", path[64];
    json_t *rows;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/web.qmp", folder);
    start_daemon(folder);
    rows = json_loads(RUN(path, "list", "--json")->out, 0, NULL);
    EXPECT(0, path, "qmp", "quit"); /* before anything may fail */
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_at(rows, "0.socket")), path);
    assert_true(json_is_true(json_at(rows, "0.usable")));
    json_decref(rows);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static int end_ordinary(void **state)
{
    user_set_ordinary(false);
    return lab_teardown(state);
}

static void test_list_says_what_is_missing(void **state)
{
    json_t *rows = run_json(EXPECT(3, "/nonexistent/qmp", "list", "--json"));

    (void)state;
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_at(rows, "0.socket")), "/nonexistent/qmp");
    assert_int_equal(json_integer_value(json_at(rows, "0.error.code")), 3);
    json_decref(rows);
}

/* ---- several VMs ---- */

/* Three VMs, of which one was killed and one stands still. */
static void test_status_of_many_waits_for_no_dead_one(void **state)
{
    struct lab_vm *well = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    struct lab_vm *dead = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    struct lab_vm *still = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    const struct run_result *result;
    json_t *rows;

    (void)state;
    lab_kill(dead);
    lab_pause(still);
    result = EXPECT(3, lab_socket(dead), "--connect-timeout", "0.5", "-s", lab_socket(still), "-s",
                    lab_socket(well), "status", "--json");
    rows = run_json(result);
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(json_string_value(json_at(rows, "0.socket")), lab_socket(dead));
    assert_int_equal(json_integer_value(json_at(rows, "0.error.code")), 3);
    assert_string_equal(json_string_value(json_at(rows, "1.socket")), lab_socket(still));
    expect_text(json_string_value(json_at(rows, "1.error.message")), "is stopped");
    assert_string_equal(json_string_value(json_at(rows, "2.vm.socket")), lab_socket(well));
    assert_int_equal(json_integer_value(json_at(rows, "2.memory.total")), 512 << 20);
    json_decref(rows);

    lab_resume(still);
    result = EXPECT(0, lab_socket(still), "-s", lab_socket(well), "status");
    expect_text(result->out, lab_socket(still));
    expect_text(result->out, "512 MiB");
    lab_stop(still);
    lab_stop(dead);
    lab_stop(well);
}

/* To each its own plan, as if it were alone; the code is that of the last that has none. */
static void test_plan_of_many_is_a_plan_of_each(void **state)
{
    struct lab_vm *full = lab_start(LAB_HOST, LAB_ABSENT, "512M,slots=1,maxmem=640M", NULL);
    struct lab_vm *dead = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    struct lab_vm *well = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    const struct run_result *result;
    json_t *plans, *alone;

    (void)state;
    lab_kill(dead);
    plans = run_json(EXPECT(6, lab_socket(well), "-s", lab_socket(dead), "-s", lab_socket(full),
                            "plan", "768M", "--json", "--granule", "64M", "--host-nodes", "0"));
    alone = run_json(EXPECT(0, lab_socket(well), "plan", "768M", "--json", "--granule", "64M",
                            "--host-nodes", "0"));
    assert_int_equal(json_array_size(plans), 3);
    assert_string_equal(json_string_value(json_at(plans, "0.socket")), lab_socket(well));
    json_object_set_new(alone, "socket", json_string(lab_socket(well)));
    assert_true(json_equal(alone, json_array_get(plans, 0)));
    assert_string_equal(json_string_value(json_at(plans, "1.socket")), lab_socket(dead));
    assert_int_equal(json_integer_value(json_at(plans, "1.error.code")), 3);
    assert_string_equal(json_string_value(json_at(plans, "2.socket")), lab_socket(full));
    assert_int_equal(json_integer_value(json_at(plans, "2.error.code")), 6);
    assert_true(json_is_object(json_at(plans, "2.nearest")));
    json_decref(alone);
    json_decref(plans);
    result = EXPECT(0, lab_socket(well), "-s", lab_socket(full), "plan", "512M");
    expect_text(result->out, lab_socket(full));
    expect_text(result->out, "memory  512 MiB, unchanged");
}

static void test_a_glob_names_the_sockets_that_match(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    char pattern[160], missing[160];
    const char *slash = strrchr(lab_socket(vm), '/');
    json_t *rows;

    (void)state;
    snprintf(pattern, sizeof pattern, "%.*s/qm?", (int)(slash - lab_socket(vm)), lab_socket(vm));
    snprintf(missing, sizeof missing, "%.*s/x*", (int)(slash - lab_socket(vm)), lab_socket(vm));
    rows = run_json(EXPECT(0, pattern, "status", "--json"));
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_at(rows, "0.vm.socket")), lab_socket(vm));
    json_decref(rows);
    /* A command for one VM takes a glob that matches one. */
    EXPECT(0, pattern, "plan", "512M");
    expect_text(EXPECT(3, missing, "status")->err, "no such socket");
    lab_stop(vm);
}

static void test_one_change_is_for_one_vm(void **state)
{
    (void)state;
    expect_text(EXPECT(2, "/nonexistent/a", "-s", "/nonexistent/b", "set", "1G")->err,
                "works on one VM");
}

/* ---- a monitor in use ---- */

static void test_a_busy_monitor_is_named_with_its_user(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    int holder = hold(lab_socket(vm));
    const struct run_result *result =
        EXPECT(3, lab_socket(vm), "--connect-timeout", "0.3", "status");
    char expected[256];

    snprintf(expected, sizeof expected,
             "qmpctl: %s: the monitor is in use by monitor_test (pid %d)\n", lab_socket(vm),
             (int)getpid());
    expect_text(result->err, expected);
    expect_text(result->err, "hint: ");
    assert_true(lab_is_alive(vm));
    close(holder);
    EXPECT(0, lab_socket(vm), "status");
    lab_stop(vm);
}

TEST_ON_EACH(test_a_busy_monitor_is_named_with_its_user)

/* A port that nobody uses: the kernel's choice. */
static uint16_t free_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof name;

    assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &length), 0);
    close(listener);
    return ntohs(name.sin_port);
}

/* At a TCP port, where QEMU 5.2 and 11.1 listen in their own ways. */
static void test_a_busy_monitor_of_tcp_is_named_with_its_user(int qemu)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint16_t port = free_port();
    char address[32], monitor[64], user[64], expected[160];
    const char *extra[] = {"-qmp", monitor, NULL};
    const json_t *row;
    struct lab_vm *vm;
    json_t *rows;
    int holder;

    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    snprintf(monitor, sizeof monitor, "tcp:%s,server=on,wait=off", address);
    vm = lab_start(qemu, LAB_ABSENT, NULL, extra);
    EXPECT(0, address, "--wait", "20", "status");
    name.sin_port = htons(port);
    holder = hold_at((struct sockaddr *)&name, sizeof name);
    snprintf(user, sizeof user, "in use by monitor_test (pid %d)", (int)getpid());
    snprintf(expected, sizeof expected, "qmpctl: %s: the monitor is %s\n", address, user);
    expect_text(EXPECT(3, address, "--connect-timeout", "0.3", "status")->err, expected);
    rows = run_json(EXPECT(0, address, "list", "--json"));
    row = row_of(rows, vm);
    assert_true(json_is_true(json_at(row, "usable"))); /* by the lab's own */
    assert_string_equal(json_string_value(json_at(row, "monitors.2.socket")), address);
    assert_true(json_is_false(json_at(row, "monitors.2.usable")));
    assert_string_equal(json_string_value(json_at(row, "monitors.2.why-not")), user);
    json_decref(rows);
    close(holder);
    lab_stop(vm);
}

TEST_ON_EACH(test_a_busy_monitor_of_tcp_is_named_with_its_user)

/* A VM with a second monitor, at a path that outlives it. */
struct second {
    struct lab_vm *vm;
    char folder[40], path[56];
};

static void second_start(struct second *second, int qemu, enum lab_temper temper)
{
    char monitor[128];
    const char *extra[] = {"-qmp", monitor, NULL};
    bool first = !*second->folder;

    if (first) {
        snprintf(second->folder, sizeof second->folder, "/tmp/qmpctl-monitor-XXXXXX");
        assert_non_null(mkdtemp(second->folder));
        snprintf(second->path, sizeof second->path, "%s/second", second->folder);
    }
    snprintf(monitor, sizeof monitor, "unix:%s,server=on,wait=off", second->path);
    second->vm = lab_start(qemu, temper, NULL, extra);
    /* It may be a moment behind; later on there may be a watch that holds it. */
    if (first)
        EXPECT(0, second->path, "--wait", "20", "qmp", "query-status");
}

static void second_stop(struct second *second)
{
    lab_stop(second->vm);
    unlink(second->path);
    assert_int_equal(rmdir(second->folder), 0);
}

static void test_a_second_monitor_serves_beside_a_busy_one(void **state)
{
    struct second second = {0};
    int holder;

    (void)state;
    second_start(&second, LAB_HOST, LAB_ABSENT);
    holder = hold(lab_socket(second.vm));
    EXPECT(0, second.path, "status");
    expect_text(EXPECT(0, lab_socket(second.vm), "list")->out, second.path);
    close(holder);
    second_stop(&second);
}

/* ---- watch ---- */

#define WORDS(...)    ((const char *const[]){__VA_ARGS__, NULL})
#define NEGOTIATED    "<- {\"return\": {}, \"id\": 1}"
#define EVENT_SECONDS 20

static void test_watch_shows_what_memory_does(void **state)
{
    struct second second = {0};
    struct run_process watch;

    (void)state;
    second_start(&second, LAB_HOST, LAB_GIVES);
    run_begin(&watch, second.path, WORDS("-v", "watch"));
    run_await(&watch, NEGOTIATED, EVENT_SECONDS);
    EXPECT(0, lab_socket(second.vm), "plug", "128M");
    run_await(&watch, " ACPI_DEVICE_OST {\"info\":{\"device\":\"dimm0\"", EVENT_SECONDS);
    EXPECT(0, lab_socket(second.vm), "unplug", "dimm0");
    run_await(&watch, " DEVICE_DELETED {\"device\":\"dimm0\"", EVENT_SECONDS);
    assert_int_equal(run_end(&watch, SIGINT), 0);
    second_stop(&second);
}

/* Two VMs, one of which goes: the other is watched on. */
static void test_watch_of_many_goes_on_without_the_lost(void **state)
{
    struct second well = {0};
    struct lab_vm *lost = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    struct run_process watch;
    char expected[256];

    (void)state;
    second_start(&well, LAB_HOST, LAB_ABSENT);
    run_begin(&watch, well.path, WORDS("-s", lab_socket(lost), "-v", "-ja", "watch"));
    run_await(&watch, NEGOTIATED, EVENT_SECONDS);
    run_await(&watch, NEGOTIATED, EVENT_SECONDS);
    lab_kill(lost);
    snprintf(expected, sizeof expected, "qmpctl: %s: the connection", lab_socket(lost));
    run_await(&watch, expected, EVENT_SECONDS);
    EXPECT(0, lab_socket(well.vm), "qmp", "stop");
    snprintf(expected, sizeof expected, "\"socket\":\"%s\",\"event\":\"STOP\",\"data\":{}}",
             well.path);
    run_await(&watch, expected, EVENT_SECONDS);
    lab_kill(well.vm);
    assert_int_equal(run_end(&watch, 0), 3);
    second_stop(&well);
}

static void test_watch_waits_for_a_vm_to_come_back(void **state)
{
    struct second second = {0};
    struct run_process watch;

    (void)state;
    second_start(&second, LAB_HOST, LAB_ABSENT);
    run_begin(&watch, second.path, WORDS("-v", "--wait", "60", "watch", "--all"));
    run_await(&watch, NEGOTIATED, EVENT_SECONDS);
    lab_stop(second.vm);
    run_await(&watch, "waiting for the VM to come back", EVENT_SECONDS);
    second_start(&second, LAB_HOST, LAB_ABSENT);
    run_await(&watch, "connected again", EVENT_SECONDS);
    EXPECT(0, lab_socket(second.vm), "qmp", "stop");
    run_await(&watch, " STOP {}", EVENT_SECONDS);
    assert_int_equal(run_end(&watch, SIGTERM), 0);
    second_stop(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(test_list_finds_a_qemu_and_its_monitor),
        cmocka_unit_test_teardown(test_list_finds_a_monitor_that_is_an_object_on_sid, lab_teardown),
        cmocka_unit_test_teardown(test_list_names_who_uses_a_monitor, lab_teardown),
        cmocka_unit_test_teardown(test_list_tells_that_a_qemu_stands_still, lab_teardown),
        cmocka_unit_test_teardown(test_list_is_for_ordinary_users, end_ordinary),
        cmocka_unit_test(test_list_finds_a_daemon_by_its_relative_path),
        cmocka_unit_test(test_list_says_what_is_missing),
        cmocka_unit_test_teardown(test_status_of_many_waits_for_no_dead_one, lab_teardown),
        cmocka_unit_test_teardown(test_plan_of_many_is_a_plan_of_each, lab_teardown),
        cmocka_unit_test_teardown(test_a_glob_names_the_sockets_that_match, lab_teardown),
        cmocka_unit_test(test_one_change_is_for_one_vm),
        ON_EACH(test_a_busy_monitor_is_named_with_its_user),
        ON_EACH(test_a_busy_monitor_of_tcp_is_named_with_its_user),
        cmocka_unit_test_teardown(test_a_second_monitor_serves_beside_a_busy_one, lab_teardown),
        cmocka_unit_test_teardown(test_watch_shows_what_memory_does, lab_teardown),
        cmocka_unit_test_teardown(test_watch_of_many_goes_on_without_the_lost, lab_teardown),
        cmocka_unit_test_teardown(test_watch_waits_for_a_vm_to_come_back, lab_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
