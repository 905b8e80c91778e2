/* One change of a VM at a time, by whichever of its monitors, and no lock that outlives its holder.
 */
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

#include "lab/each.h"
#include "support/proxy.h"
#include "support/run.h"

#define PATIENT 60 /* seconds for what takes milliseconds */

/* A VM with two monitors and dimm0, which its guest does not give up, and one who waits for that.
 */
static struct {
    char folder[80], second[96];
    struct lab_vm *vm;
    struct run_process holder;
    struct proxy *proxy;
} stage;

static void start(int qemu)
{
    const char *parent = getenv("TMPDIR");
    char option[128];
    const char *const arguments[] = {"-qmp", option, NULL};

    snprintf(stage.folder, sizeof stage.folder, "%.40s/qmpctl-lock-XXXXXX",
             parent ? parent : "/tmp");
    assert_non_null(mkdtemp(stage.folder));
    snprintf(stage.second, sizeof stage.second, "%s/qmp", stage.folder);
    snprintf(option, sizeof option, "unix:%s,server=on,wait=off", stage.second);
    stage.vm = lab_start(qemu, LAB_ABSENT, NULL, arguments);
    EXPECT(0, lab_socket(stage.vm), "plug", "128M", "--accept-timeout", "0");
}

static int stop(void **state)
{
    proxy_stop(stage.proxy);
    stage.proxy = NULL;
    unlink(stage.second);
    rmdir(stage.folder);
    return lab_teardown(state);
}

static void hold(const char *socket)
{
    run_begin(&stage.holder, socket,
              (const char *const[]){"-v", "unplug", "dimm0", "-t", "120", NULL});
    run_await(&stage.holder, "\"device_del\"", PATIENT);
}

static void assert_held(const char *socket)
{
    static const char *const changes[][4] = {
        {"plug", "128M"}, {"set", "1G"}, {"unplug", "dimm0"}, {"unplug", "--size", "128M"},
        {"repair"},
    };
    char text[64];

    snprintf(text, sizeof text, "another qmpctl (pid %d) is changing this VM", stage.holder.pid);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct run_result *result = run_expect(3, socket, changes[i]);

        assert_non_null(strstr(result->err, text));
        assert_string_equal(result->out, "");
    }
}

static void either_monitor_is_held(int qemu)
{
    json_t *error;

    start(qemu);
    hold(lab_socket(stage.vm));
    assert_held(lab_socket(stage.vm));
    assert_held(stage.second);
    error = run_json(EXPECT(3, stage.second, "-j", "set", "1G"));
    assert_int_equal(json_integer_value(json_at(error, "error.code")), 3);
    json_decref(error);
    /* Who changes nothing may look. */
    EXPECT(0, stage.second, "status");
    EXPECT(0, stage.second, "plan", "1G");
    EXPECT(0, stage.second, "repair", "--dry-run");
    EXPECT(0, stage.second, "plug", "128M", "--dry-run");

    assert_int_equal(run_end(&stage.holder, SIGTERM), 128 + SIGTERM);
    EXPECT(0, stage.second, "plug", "128M", "--accept-timeout", "0");

    /* The other way round. */
    hold(stage.second);
    assert_held(lab_socket(stage.vm));
    run_end(&stage.holder, SIGTERM);
}

static void a_killed_one_holds_nothing(int qemu)
{
    start(qemu);
    hold(lab_socket(stage.vm));
    assert_held(stage.second);
    run_end(&stage.holder, SIGKILL);
    EXPECT(0, stage.second, "plug", "128M", "--accept-timeout", "0");
    EXPECT(0, lab_socket(stage.vm), "plug", "128M", "--accept-timeout", "0");
}

/* Behind what passes a monitor on there is no QEMU to be seen; the socket is held all the same. */
static void a_monitor_that_is_passed_on_is_held(int qemu)
{
    start(qemu);
    stage.proxy = proxy_start(lab_socket(stage.vm));
    hold(proxy_path(stage.proxy));
    assert_held(proxy_path(stage.proxy));
    run_end(&stage.holder, SIGTERM);
    EXPECT(0, proxy_path(stage.proxy), "plug", "128M", "--accept-timeout", "0");
}

#define ON_HOST_AND_SID(test)                                                                      \
    cmocka_unit_test_teardown(test##_on_host, stop), cmocka_unit_test_teardown(test##_on_sid, stop)
#define TEST_ON_HOST_AND_SID(test)                                                                 \
    TEST_ON(test, LAB_HOST, on_host)                                                               \
    TEST_ON(test, LAB_SID, on_sid)

TEST_ON_HOST_AND_SID(either_monitor_is_held)
TEST_ON_HOST_AND_SID(a_killed_one_holds_nothing)
TEST_ON_HOST_AND_SID(a_monitor_that_is_passed_on_is_held)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_HOST_AND_SID(either_monitor_is_held),
        ON_HOST_AND_SID(a_killed_one_holds_nothing),
        ON_HOST_AND_SID(a_monitor_that_is_passed_on_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
