/* The watch command against scripted monitors: which events it shows, and when it gives a VM up. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/clock.h"
#include "support/fake_monitor.h"
#include "support/run.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SECONDS    20

/* ---- events ---- */

#define OST(device, type)                                                                          \
    "{\"info\":{\"device\":\"" device "\",\"slot\":\"0\",\"slot-type\":\"" type "\"}}"
#define DELETED "{\"device\":\"d0\",\"path\":\"/p\"}"

static void tell(struct fake_monitor *fake, const char *name, const char *data)
{
    char line[512];

    snprintf(line, sizeof line,
             "{\"timestamp\": {\"seconds\": 1700000000, \"microseconds\": 123456}, "
             "\"event\": \"%s\", \"data\": %s}\r\n",
             name, data);
    fake_monitor_send(fake, line, strlen(line));
}

/* A monitor that tells of these, and ends. */
static struct fake_monitor *start_telling(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    tell(fake, "STOP", "{}");
    tell(fake, "ACPI_DEVICE_OST", OST("c0", "CPU"));
    tell(fake, "ACPI_DEVICE_OST", OST("d0", "DIMM"));
    tell(fake, "DEVICE_DELETED", DELETED);
    fake_monitor_close(fake);
    return fake;
}

/* What is printed of them, with the socket twice. */
#define EVENT_LINES                                                                                \
    "{\"time\":1700000000.123456,\"socket\":\"%s\",\"event\":\"ACPI_DEVICE_OST\","                 \
    "\"data\":" OST(                                                                               \
        "d0",                                                                                      \
        "DIMM") "}\n"                                                                              \
                "{\"time\":1700000000.123456,\"socket\":\"%s\",\"event\":\"DEVICE_DELETED\","      \
                "\"data\":" DELETED "}\n"

static void test_events_of_memory_are_objects_a_line(void **state)
{
    struct fake_monitor *fake = start_telling();
    const char *path = fake_monitor_path(fake);
    char expected[1024];

    (void)state;
    snprintf(
        expected, sizeof expected,
        "{\"time\":1700000000.123456,\"socket\":\"%s\",\"event\":\"ACPI_DEVICE_OST\","
        "\"data\":" OST(
            "d0",
            "DIMM") "}\n"
                    "{\"time\":1700000000.123456,\"socket\":\"%s\",\"event\":\"DEVICE_DELETED\","
                    "\"data\":" DELETED "}\n"
                    "{\"error\":{\"code\":3,\"message\":\"%s: the connection was closed by "
                    "QEMU\",\"phase\":\"command\"}}\n",
        path, path, path);
    assert_string_equal(EXPECT(3, path, "watch", "--json")->out, expected);
    fake_monitor_finish(fake);
}

static void test_all_events_are_lines_of_text(void **state)
{
    struct fake_monitor *fake = start_telling();

    (void)state;
    setenv("TZ", "UTC", 1);
    assert_string_equal(
        EXPECT(3, fake_monitor_path(fake), "watch", "--all")->out,
        "2023-11-14 22:13:20.123 STOP {}\n"
        "2023-11-14 22:13:20.123 ACPI_DEVICE_OST " OST(
            "c0", "CPU") "\n"
                         "2023-11-14 22:13:20.123 ACPI_DEVICE_OST " OST(
                             "d0", "DIMM") "\n"
                                           "2023-11-14 22:13:20.123 DEVICE_DELETED " DELETED "\n");
    fake_monitor_finish(fake);
}

/* Who reads stdout alone knows which of several are watched no longer. */
static void test_each_of_several_that_is_lost_has_a_line(void **state)
{
    struct fake_monitor *fake = start_telling();
    const char *path = fake_monitor_path(fake);
    const struct run_result *result = EXPECT(3, "/nowhere/qmp", "-s", path, "watch", "--json");
    char expected[1024];

    (void)state;
    snprintf(expected, sizeof expected,
             "{\"socket\":\"/nowhere/qmp\",\"error\":{\"code\":3,\"message\":"
             "\"/nowhere/qmp: no such socket\",\"phase\":\"connect\"}}\n" EVENT_LINES
             "{\"socket\":\"%s\",\"error\":{\"code\":3,\"message\":"
             "\"%s: the connection was closed by QEMU\",\"phase\":\"command\"}}\n",
             path, path, path, path);
    assert_string_equal(result->out, expected);
    snprintf(expected, sizeof expected,
             "qmpctl: /nowhere/qmp: no such socket\n"
             "qmpctl: %s: the connection was closed by QEMU\n",
             path);
    assert_string_equal(result->err, expected);
    fake_monitor_finish(fake);
}

/* ---- a VM that goes and comes back ---- */

/* One that says itself when it greets: now. */
static void greet(struct fake_monitor *fake)
{
    static const char greeting[] =
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}, "
        "\"package\": \"\"}, \"capabilities\": []}}\r\n";

    fake_monitor_send(fake, greeting, sizeof greeting - 1);
    fake_monitor_expect(fake, "qmp_capabilities", NULL, "{}");
}

static void test_a_vm_that_came_back_may_greet_late(void **state)
{
    struct fake_monitor *fake = fake_monitor_start_greeting(NULL);
    struct run_process watch;

    (void)state;
    greet(fake);
    fake_monitor_close(fake);
    fake_monitor_wait(fake, 1500); /* after it was accepted again */
    greet(fake);
    fake_monitor_event(fake, "DEVICE_DELETED", "{\"device\": \"d0\"}");
    run_begin(&watch, fake_monitor_path(fake),
              WORDS("watch", "--wait", "60", "--connect-timeout", "1"));
    run_await(&watch, "waiting for the VM to come back", SECONDS);
    run_await(&watch, "connected again", SECONDS);
    run_await(&watch, " DEVICE_DELETED {\"device\":\"d0\"}\n", SECONDS);
    assert_int_equal(run_end(&watch, SIGTERM), 0);
    fake_monitor_finish(fake);
}

static void test_a_vm_that_does_not_greet_again_is_given_up(void **state)
{
    struct fake_monitor *fake = fake_monitor_start_greeting(NULL);
    struct run_process watch;
    double lost;

    (void)state;
    greet(fake);
    fake_monitor_close(fake);
    run_begin(&watch, fake_monitor_path(fake),
              WORDS("watch", "--wait", "2", "--connect-timeout", "1"));
    run_await(&watch, "waiting for the VM to come back", SECONDS);
    lost = clock_now();
    run_await(&watch, "no greeting within ", SECONDS);
    assert_true(clock_now() - lost > 1.8);
    assert_int_equal(run_end(&watch, 0), 3);
    fake_monitor_finish(fake);
}

static void test_a_vm_that_does_not_come_back_is_given_up(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    struct run_process watch;
    double lost;

    (void)state;
    fake_monitor_event(fake, "STOP", "{}");
    run_begin(&watch, fake_monitor_path(fake), WORDS("watch", "--all", "--wait", "1"));
    run_await(&watch, " STOP {}\n", SECONDS);
    assert_int_equal(unlink(fake_monitor_path(fake)), 0);
    fake_monitor_close(fake);
    run_await(&watch, "waiting for the VM to come back", SECONDS);
    lost = clock_now();
    run_await(&watch, ": no such socket\n", SECONDS);
    assert_true(clock_now() - lost > 0.8);
    assert_int_equal(run_end(&watch, 0), 3);
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_of_memory_are_objects_a_line),
        cmocka_unit_test(test_all_events_are_lines_of_text),
        cmocka_unit_test(test_each_of_several_that_is_lost_has_a_line),
        cmocka_unit_test(test_a_vm_that_came_back_may_greet_late),
        cmocka_unit_test(test_a_vm_that_does_not_greet_again_is_given_up),
        cmocka_unit_test(test_a_vm_that_does_not_come_back_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
