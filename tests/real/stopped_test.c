/*
 * A QEMU that stands still (SIGSTOP) in the middle of plug, unplug (of a device, of a size) and set
 * (up, down, with a swap): code 3 within the time that was given plus a second, and nothing that
 * the next command does not mend when it goes on. All QEMUs stand still at once, since each case is
 * seconds of waiting. QMPCTL_LONG=1: all four.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "support/clock.h"
#include "support/proxy.h"
#include "support/run.h"

#define MIB     ((json_int_t)1024 * 1024)
#define BASE    (512 * MIB)
#define COMMAND 10.0 /* what QEMU itself may take for a command, in seconds */
#define PATIENT 60   /* seconds until the message comes at which they stand still */

/* One that stands still. */
struct still {
    struct lab_vm *vm;
    struct proxy *proxy;
    struct run_process process;
};

static struct still each[LAB_QEMUS];
static size_t count;

static int start(void **state)
{
    static const int ordinary[] = {LAB_HOST, LAB_SID};
    static const int all[] = {LAB_HOST, LAB_SID, LAB_BULLSEYE, LAB_TRIXIE};
    size_t many =
        getenv("QMPCTL_LONG") ? sizeof all / sizeof *all : sizeof ordinary / sizeof *ordinary;

    (void)state;
    for (size_t i = 0; i < many; i++) {
        if (!lab_has_qemu(all[i]))
            continue;
        each[count].vm = lab_start(all[i], LAB_GIVES, NULL, NULL);
        each[count].proxy = proxy_start(lab_socket(each[count].vm));
        count++;
    }
    return 0;
}

static int stop(void **state)
{
    for (size_t i = 0; i < count; i++)
        proxy_stop(each[i].proxy);
    return lab_teardown(state);
}

static enum proxy_verdict stand_still(pid_t client, void *arg)
{
    (void)client;
    kill(lab_pid(arg), SIGSTOP);
    return PROXY_GO_ON;
}

static void assert_mended(const struct still *still, const char *const *again, json_int_t total)
{
    const char *socket = lab_socket(still->vm);
    const struct run_result *result;

    lab_resume(still->vm);
    result = run_qmpctl(socket, again);
    /* "Done already" is an error where a device is named. */
    if (result->code != 0 && !(result->code == 1 && strcmp(again[0], "set") != 0))
        fail_msg("again: %d: %s", result->code, result->err);
    EXPECT(0, socket, "repair");
    assert_int_equal(status_number(socket, "memory.total"), total);
}

/* Since the last of them stands still. */
static void assert_in_time(const char *const *command, double seconds)
{
    double last = 0, took;

    for (size_t i = 0; i < count; i++) {
        assert_true(proxy_has_struck(each[i].proxy));
        last = proxy_struck_at(each[i].proxy) > last ? proxy_struck_at(each[i].proxy) : last;
    }
    took = clock_now() - last;
    if (took > seconds + 1)
        fail_msg("%s took %.2f s of %.2f", command[0], took, seconds);
}

/* They stand still before this message. again: what leads to the same memory, or finds that it is
 * reached. */
static void all_stand_still(const char *text, const char *const *command, double seconds,
                            const char *const *again, json_int_t total)
{
    for (size_t i = 0; i < count; i++) {
        proxy_on(each[i].proxy, text, PROXY_BEFORE, stand_still, each[i].vm);
        run_begin(&each[i].process, proxy_path(each[i].proxy), command);
    }
    for (size_t i = 0; i < count; i++) {
        run_await(&each[i].process, "QEMU does not answer", PATIENT + seconds);
        assert_int_equal(run_end(&each[i].process, 0), 3);
    }
    assert_in_time(command, seconds);
    for (size_t i = 0; i < count; i++)
        assert_mended(&each[i], again, total);
    print_message("%s %s x QEMU stopped: %zu cases\n", command[0], command[1], count);
}

static void all_plug_256(void)
{
    for (size_t i = 0; i < count; i++)
        EXPECT(0, lab_socket(each[i].vm), "plug", "256M");
}

static void in_plug_and_unplug(void **state)
{
    static const char *const plug[] = {"plug", "128M", "--id", "web0", NULL};
    static const char *const unplug[] = {"unplug", "web0", "-t", "1.5", NULL};

    (void)state;
    all_stand_still("\"object-add\"", plug, COMMAND, plug, BASE + 128 * MIB);
    all_stand_still("\"device_del\"", unplug, 1.5, unplug, BASE);
}

static void in_set(void **state)
{
    static const char *const up[] = {"set", "1G", NULL};
    static const char *const down[] = {"set", "512M", "-t", "2", NULL};
    static const char *const size[] = {"unplug", "--size", "256M", "-t", "2", NULL};

    (void)state;
    all_stand_still("\"device_add\"", up, COMMAND, up, 2 * BASE);
    all_stand_still("\"device_del\"", down, 2, down, BASE);
    all_plug_256();
    all_stand_still("\"device_del\"", size, 2, down, BASE);
}

/* The small ones are plugged before; the guest's part, which -t is for, is the last. */
static void in_a_swap(void **state)
{
    static const char *const swap[] = {"set", "640M", "--swap", "-t", "2", NULL};

    (void)state;
    all_plug_256();
    all_stand_still("\"device_del\"", swap, 2, swap, BASE + 128 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_plug_and_unplug),
        cmocka_unit_test(in_set),
        cmocka_unit_test(in_a_swap),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
