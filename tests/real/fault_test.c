/*
 * QEMU killed, ended, its guest reset or powered off in the middle of plug, unplug (of a device, of
 * a size) and set (up, down, with a swap): each its exit code, within the time that was given plus
 * a second, and nothing that the next command does not mend. QMPCTL_LONG=1: on all four QEMUs.
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
#include "support/clock.h"
#include "support/proxy.h"
#include "support/run.h"

#define MIB     ((json_int_t)1024 * 1024)
#define BASE    (512 * MIB)
#define WORDS   8
#define COMMAND 10.0 /* what QEMU itself may take for a command, in seconds */
#define TIMEOUT 30.0 /* what a guest may take by default, in seconds */
#define PATIENT 60   /* seconds until a guest that may act must have acted */

/* What is happening to whom, for the proxy's thread. */
struct fault {
    const char *name;
    struct lab_vm *vm;
    int signal; /* to QEMU, or 0 */
    void (*happen)(struct lab_vm *vm);
};

static struct proxy *proxy;

/* How often the last operation met the last fault. */
static struct {
    char operation[64];
    const char *fault;
    size_t count;
} tally;

static void tell_cases(void)
{
    if (tally.count > 0)
        print_message("%s x %s: %zu cases\n", tally.operation, tally.fault, tally.count);
    tally.count = 0;
}

static void count_case(const char *const *command, const char *fault)
{
    char operation[sizeof tally.operation] = "";

    for (size_t i = 0; command[i]; i++) {
        size_t length = strlen(operation);

        snprintf(operation + length, sizeof operation - length, "%s%s", i ? " " : "", command[i]);
    }
    if (strcmp(operation, tally.operation) != 0 || (tally.fault && strcmp(tally.fault, fault) != 0))
        tell_cases();
    snprintf(tally.operation, sizeof tally.operation, "%s", operation);
    tally.fault = fault;
    tally.count++;
}

static int teardown(void **state)
{
    tell_cases();
    proxy_stop(proxy);
    proxy = NULL;
    return lab_teardown(state);
}

static enum proxy_verdict strike(pid_t client, void *arg)
{
    const struct fault *fault = arg;

    (void)client;
    if (fault->signal)
        kill(lab_pid(fault->vm), fault->signal);
    else
        fault->happen(fault->vm);
    return PROXY_GO_ON;
}

/* A guest that boots may take what comes meanwhile, or decline it in its own words. */
#define MAY_FAIL (-1)

static bool was_declined(const struct run_result *result)
{
    return result->code == 0 ||
           (result->code == 1 && strstr(result->err, "the guest did not accept it: it failed"));
}

static const struct run_result *run_struck(struct fault *fault, const char *text,
                                           enum proxy_moment moment, const char *const *command,
                                           int code, double seconds)
{
    const struct run_result *result;

    if (!proxy)
        proxy = proxy_start(lab_socket(fault->vm));
    proxy_on(proxy, text, moment, strike, fault);
    result = run_qmpctl(proxy_path(proxy), command);
    if (result->code != code && !(code == MAY_FAIL && was_declined(result)))
        fail_msg("%s ended with %d, not %d: %s", command[0], result->code, code, result->err);
    assert_true(proxy_has_struck(proxy));
    if (result->seconds > seconds + 1)
        fail_msg("%s took %.2f s of %.2f", command[0], result->seconds, seconds);
    count_case(command, fault->name);
    return result;
}

/* ---- QEMU dies ---- */

static const struct {
    const char *prepare[WORDS], *command[WORDS], *text;
    enum proxy_moment moment;
    const char *said;
} deaths[] = {
    {{NULL}, {"plug", "128M"}, "\"object-add\"", PROXY_BEFORE, "whether it is plugged"},
    {{NULL}, {"plug", "128M"}, "\"object-add\"", PROXY_AFTER, "whether it is plugged"},
    {{NULL}, {"plug", "128M"}, "\"device_add\"", PROXY_AFTER, "whether it is plugged"},
    {{NULL}, {"set", "896M"}, "\"device_add\"", PROXY_AFTER, "whether it is plugged"},
    {{"plug", "128M"}, {"unplug", "dimm0"}, "\"device_del\"", PROXY_BEFORE, "device is gone"},
    {{"plug", "128M"}, {"unplug", "dimm0"}, "\"device_del\"", PROXY_AFTER, "device is gone"},
    {{"plug", "128M"}, {"set", "512M"}, "\"device_del\"", PROXY_AFTER, "device is gone"},
    {{"plug", "128M"},
     {"unplug", "--size", "128M"},
     "\"device_del\"",
     PROXY_AFTER,
     "device is gone"},
    {{"plug", "256M"},
     {"set", "640M", "--swap"},
     "\"device_add\"",
     PROXY_AFTER,
     "whether it is plugged"},
};

/* A QEMU that has the device_add may answer it before it dies, of whichever signal: then the device
 * was plugged, and only what the guest makes of it is not known. */
static bool has_said(const struct run_result *result, size_t i)
{
    return strstr(result->err, deaths[i].said) ||
           (strcmp(deaths[i].text, "\"device_add\"") == 0 &&
            strstr(result->err, "it was plugged, whether the guest accepted it is"));
}

/* It ends with QEMU. Not every QEMU ends when it is told to: in a few of a thousand times 7.2 waits
 * for itself for ever in its monitor_cleanup, with the monitor open. Then all the time is waited.
 */
static void assert_at_once(const struct run_result *result)
{
    double left = proxy_monitor_left(proxy), since = clock_now() - left;

    if (left > 0 && since > 1)
        fail_msg("it ended %.2f s after QEMU: %s", since, result->err);
    if (left == 0 && !strstr(result->err, "QEMU does not answer"))
        fail_msg("QEMU stands, and not a word of it: %s", result->err);
}

static void die(int qemu, int number)
{
    for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        struct fault fault = {.name = number == SIGKILL ? "QEMU killed" : "QEMU ended",
                              .vm = lab_start(qemu, LAB_ABSENT, NULL, NULL),
                              .signal = number};
        const struct run_result *result;

        if (deaths[i].prepare[0])
            EXPECT(0, lab_socket(fault.vm), deaths[i].prepare[0], deaths[i].prepare[1],
                   "--accept-timeout", "0");
        result =
            run_struck(&fault, deaths[i].text, deaths[i].moment, deaths[i].command, 3, TIMEOUT);
        assert_at_once(result);
        if (!has_said(result, i) || !strstr(result->err, "not known"))
            fail_msg("case %zu: not '%s' in: %s", i, deaths[i].said, result->err);
        proxy_stop(proxy);
        proxy = NULL;
        lab_stop(fault.vm);
    }
}

static void qemu_is_killed(int qemu)
{
    die(qemu, SIGKILL);
}

static void qemu_quits(int qemu)
{
    die(qemu, SIGTERM);
}

/* Its process is seen to end, so that nobody waits for its socket, which is away, to come back. */
static void qemu_is_killed_in_sight(int qemu)
{
    static const char *const unplug[] = {"-v", "unplug", "dimm0", "-t", "60", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    struct run_process process;
    double killed;

    EXPECT(0, lab_socket(vm), "plug", "128M", "--accept-timeout", "0");
    run_begin(&process, lab_socket(vm), unplug);
    run_await(&process, "\"device_del\"", PATIENT);
    run_await(&process, "\"return\"", PATIENT);
    unlink(lab_socket(vm));
    killed = clock_now();
    lab_kill(vm);
    run_await(&process, "no such socket", PATIENT);
    assert_int_equal(run_end(&process, 0), 3);
    assert_true(clock_now() - killed < 1);
    count_case(unplug + 1, "QEMU killed in sight");
}

static void the_guest_powers_off(int qemu)
{
    static const struct {
        const char *command[WORDS], *text;
    } cases[] = {
        {{"unplug", "dimm0"}, "\"device_del\""}, {{"unplug", "--size", "256M"}, "\"device_del\""},
        {{"set", "512M"}, "\"device_del\""},     {{"set", "640M", "--swap"}, "\"device_del\""},
        {{"plug", "128M"}, "\"device_add\""},    {{"set", "1G"}, "\"device_add\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {.name = "power off",
                              .vm = lab_start(qemu, LAB_GIVES, NULL, NULL),
                              .happen = lab_power_off};

        EXPECT(0, lab_socket(fault.vm), "plug", "256M");
        run_struck(&fault, cases[i].text, PROXY_BEFORE, cases[i].command, 3, TIMEOUT);
        EXPECT(3, lab_socket(fault.vm), "status");
        proxy_stop(proxy);
        proxy = NULL;
        lab_stop(fault.vm);
    }
}

/* ---- the guest is reset ---- */

static enum proxy_verdict reset_now(pid_t client, void *arg)
{
    (void)client;
    lab_reset(arg);
    return PROXY_GO_ON;
}

/* Before the request; the reset comes when it was confirmed, so that the guest is asked and has no
 * time to answer. */
static void halt_then_reset(struct lab_vm *vm)
{
    lab_halt(vm);
    proxy_on(proxy, "\"return\"", PROXY_AFTER, reset_now, vm);
}

static void assert_reset(struct lab_vm *vm, const char *const *command)
{
    struct fault fault = {.name = "reset", .vm = vm, .happen = halt_then_reset};
    const struct run_result *result =
        run_struck(&fault, "\"device_del\"", PROXY_BEFORE, command, 5, 20);

    assert_non_null(strstr(result->err, "was reset"));
    lab_await_ready(vm);
}

static void the_guest_is_reset(int qemu)
{
    static const char *const unplug[] = {"unplug", "dimm0", "-t", "20", NULL};
    static const char *const up[] = {"set", "1G", NULL};
    static const char *const down[] = {"set", "512M", "-t", "20", NULL};
    static const char *const size[] = {"unplug", "--size", "256M", "-t", "20", NULL};
    struct fault fault = {
        .name = "reset", .vm = lab_start(qemu, LAB_GIVES, NULL, NULL), .happen = lab_reset};
    const char *socket = lab_socket(fault.vm);

    EXPECT(0, socket, "plug", "256M");
    assert_reset(fault.vm, unplug);
    assert_int_equal(status_number(socket, "memory.total"), BASE + 256 * MIB);
    assert_reset(fault.vm, down);
    assert_reset(fault.vm, size);

    /* The requests stand: QEMU's flags of a slot know no reset (hw/acpi/memory_hotplug.c), and the
     * guest looks at all slots when it is told of the new device (MSCN there). */
    run_struck(&fault, "\"device_add\"", PROXY_AFTER, up, MAY_FAIL, 20);
    lab_await_ready(fault.vm);
    run_expect(0, socket, up);
    assert_int_equal(status_number(socket, "memory.total"), 2 * BASE);
}

/* Not on QEMU 5.2: a guest that is reset right after that device_add resets itself for ever there,
 * also where qmpctl has no part in it. */
static void the_guest_is_reset_while_it_grows(int qemu)
{
    static const char *const plug[] = {"plug", "128M", "--id", "web0", NULL};
    static const char *const unplug[] = {"unplug", "web0", "-t", "2", NULL};
    static const char *const swap[] = {"set", "640M", "--swap", "-t", "20", NULL};
    struct fault fault = {
        .name = "reset", .vm = lab_start(qemu, LAB_GIVES, NULL, NULL), .happen = lab_reset};
    const char *socket = lab_socket(fault.vm);
    uint64_t boot = lab_memtotal(fault.vm);

    /* QEMU has it, and the guest finds it when it boots. */
    run_struck(&fault, "\"device_add\"", PROXY_AFTER, plug, MAY_FAIL, COMMAND);
    lab_await_ready(fault.vm);
    assert_int_equal(status_number(socket, "memory.total"), BASE + 128 * MIB);
    lab_command(fault.vm, "online", "online");
    lab_await_memtotal(fault.vm, boot + 120 * MIB, boot + 130 * MIB, PATIENT);
    /* The guest found the device at its boot, and QEMU still has the news of it: of one slot MSCN
     * tells one thing at a time, the coming before the going. So this request may go unheard, and
     * the next is heard. */
    run_qmpctl(socket, unplug);
    EXPECT(0, socket, "set", "512M", "-t", "60");

    /* What was to take its place is there; the large one is, too. */
    EXPECT(0, socket, "plug", "256M", "--id", "large");
    assert_reset(fault.vm, swap);
    assert_int_equal(status_number(socket, "memory.total"), BASE + 384 * MIB);
    run_expect(0, socket, swap);
    assert_int_equal(status_number(socket, "memory.total"), BASE + 128 * MIB);
}

#define ON_TWO(test)                                                                               \
    cmocka_unit_test_teardown(test##_on_host, teardown),                                           \
        cmocka_unit_test_teardown(test##_on_sid, teardown)
#define ON_THE_OTHERS(test)                                                                        \
    cmocka_unit_test_teardown(test##_on_bullseye, teardown),                                       \
        cmocka_unit_test_teardown(test##_on_trixie, teardown)

TEST_ON_EACH(qemu_is_killed)
TEST_ON_EACH(qemu_is_killed_in_sight)
TEST_ON_EACH(qemu_quits)
TEST_ON_EACH(the_guest_powers_off)
TEST_ON_EACH(the_guest_is_reset)
TEST_ON(the_guest_is_reset_while_it_grows, LAB_HOST, on_host)
TEST_ON(the_guest_is_reset_while_it_grows, LAB_TRIXIE, on_trixie)
TEST_ON(the_guest_is_reset_while_it_grows, LAB_SID, on_sid)

int main(void)
{
    const struct CMUnitTest ordinary[] = {
        ON_TWO(qemu_is_killed),     ON_TWO(qemu_is_killed_in_sight),
        ON_TWO(qemu_quits),         ON_TWO(the_guest_powers_off),
        ON_TWO(the_guest_is_reset), ON_TWO(the_guest_is_reset_while_it_grows),
    };
    const struct CMUnitTest others[] = {
        ON_THE_OTHERS(qemu_is_killed),
        ON_THE_OTHERS(qemu_is_killed_in_sight),
        ON_THE_OTHERS(qemu_quits),
        ON_THE_OTHERS(the_guest_powers_off),
        ON_THE_OTHERS(the_guest_is_reset),
        cmocka_unit_test_teardown(the_guest_is_reset_while_it_grows_on_trixie, teardown),
    };
    int failed = cmocka_run_group_tests(ordinary, NULL, NULL);

    return getenv("QMPCTL_LONG") ? failed + cmocka_run_group_tests(others, NULL, NULL) : failed;
}
