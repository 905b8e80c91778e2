/* The user ends a change, or whoever reads what it says has gone: what is under way is finished,
 * what stands is told, and nobody waits. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/fake_monitor.h"
#include "support/fake_vm.h"
#include "support/run.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PATIENT    30 /* seconds for what takes milliseconds */
#define AT_ONCE    5  /* seconds, far below the time-outs that are given */

static struct timespec began;

static void sent_a_signal(void)
{
    clock_gettime(CLOCK_MONOTONIC, &began);
}

static double seconds_since(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began.tv_sec) + (double)(now.tv_nsec - began.tv_nsec) / 1e9;
}

/* Ends it with the signal; what it said last is in process->said. */
static void assert_ends(struct run_process *process, int number, int code)
{
    sent_a_signal();
    assert_int_equal(run_end(process, number), code);
    assert_true(seconds_since() < AT_ONCE);
}

/* It waits for the guest; the request cannot be taken back. */
static void the_request_stands(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct run_process process;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct fake_monitor *fake = fake_monitor_start();

        fake_vm_describe(fake);
        fake_vm_has_dimm(fake);
        fake_monitor_expect(fake, "device_del", "{\"id\":\"dimm0\"}", "{}");
        run_begin(&process, fake_monitor_path(fake), WORDS("-vj", "unplug", "dimm0", "-t", "60"));
        run_await(&process, "\"device_del\"", PATIENT);
        run_await(&process, "\"return\": {}", PATIENT);
        kill(process.pid, numbers[i]);
        run_await(&process, "\"after\":805306368", PATIENT);
        run_await(&process, "\"pending\":true", PATIENT);
        run_await(&process, "the request stands", PATIENT);
        assert_ends(&process, 0, 128 + numbers[i]);
        fake_monitor_finish(fake);
    }
}

/* arguments: with -v and long time-outs. It says this, and is interrupted. */
static void interrupt(struct fake_monitor *fake, const char *const *arguments, const char *when,
                      const char *words)
{
    struct run_process process;

    run_begin(&process, fake_monitor_path(fake), arguments);
    run_await(&process, when, PATIENT);
    kill(process.pid, SIGINT);
    run_await(&process, words, PATIENT);
    assert_ends(&process, 0, 130);
    fake_monitor_finish(fake);
}

static void nobody_waits_for_a_monitor_that_does_not_open(void **state)
{
    static const char greeting[] =
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, "
        "\"major\": 10}, \"package\": \"\"}, \"capabilities\": []}}\r\n";
    struct fake_monitor *fake = fake_monitor_start_greeting(NULL);

    (void)state;
    fake_monitor_send(fake, greeting, sizeof greeting - 1);
    fake_monitor_expect(fake, "qmp_capabilities", NULL, NULL);
    interrupt(fake, WORDS("-v", "set", "1G", "--connect-timeout", "60"), "qmp_capabilities",
              "qmpctl: interrupted: nothing was begun");
}

static void nobody_waits_for_the_first_look(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    fake_vm_describe(fake);
    fake_monitor_allow(fake, "query-memdev", NULL, NULL);
    interrupt(fake, WORDS("-vj", "set", "1G"), "\"query-memdev\"",
              "{\"error\":{\"code\":5,\"message\":\"interrupted: nothing was begun\"}}");
}

static void accept_device(struct fake_monitor *fake, const char *slot)
{
    char data[160];

    snprintf(data, sizeof data,
             "{\"info\":{\"slot\":\"%s\",\"slot-type\":\"DIMM\",\"source\":1,\"status\":0}}", slot);
    fake_monitor_event(fake, "ACPI_DEVICE_OST", data);
}

/* Two of three are plugged. The first signal takes them back, the last first; the guest does not
 * answer, and the second signal ends that: the other is not asked for. */
static void taking_back_can_be_interrupted_too(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    struct run_process process;

    (void)state;
    fake_vm_describe(fake);
    for (int i = 0; i < 2; i++) {
        fake_monitor_expect(fake, "object-add", "*", "{}");
        fake_monitor_expect(fake, "device_add", "*", "{}");
        if (i == 0)
            accept_device(fake, "0");
    }
    fake_monitor_expect(fake, "device_del", "{\"id\":\"dimm1\"}", "{}");
    run_begin(&process, fake_monitor_path(fake),
              WORDS("-v", "plug", "128M", "--count", "3", "--atomic", "-t", "60",
                    "--accept-timeout", "60"));
    run_await(&process, "\"mem-dimm1\"", PATIENT);
    run_await(&process, "\"device_add\"", PATIENT);
    kill(process.pid, SIGINT);
    run_await(&process, "\"device_del\"", PATIENT);
    run_await(&process, "\"return\": {}", PATIENT);
    kill(process.pid, SIGTERM);
    run_await(&process, "could not be taken back: interrupted\n", PATIENT);
    run_await(&process, "could not be taken back: interrupted; the request stands", PATIENT);
    assert_ends(&process, 0, 143);
    fake_monitor_finish(fake);
}

/* A VM with dimm0, which is to be asked for once. */
static struct fake_monitor *start_with_dimm(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_vm_describe(fake);
    fake_vm_has_dimm(fake);
    fake_monitor_expect(fake, "device_del", "*", "{}");
    return fake;
}

/* The connection was lost, and the monitor that is there again does not answer. */
static void nobody_waits_for_a_look_that_does_not_come(void **state)
{
    struct fake_monitor *fake = start_with_dimm();
    struct run_process process;

    (void)state;
    fake_monitor_allow(fake, "query-memdev", NULL, NULL);
    fake_monitor_close(fake);
    run_begin(&process, fake_monitor_path(fake), WORDS("-v", "unplug", "dimm0", "-t", "60"));
    run_await(&process, "\"device_del\"", PATIENT);
    run_await(&process, "\"query-memdev\"", PATIENT);
    kill(process.pid, SIGTERM);
    run_await(&process, "whether the device is gone is not known", PATIENT);
    run_await(&process, "memory  768 MiB, as far as is known", PATIENT);
    assert_ends(&process, 0, 143);
    fake_monitor_finish(fake);
}

/* As after nohup, or in the background of a script. */
static void who_ignores_a_signal_still_does(void **state)
{
    struct fake_monitor *fake = start_with_dimm();
    struct run_process process;

    (void)state;
    fake_monitor_allow(fake, "object-del", "*", "{}");
    signal(SIGHUP, SIG_IGN);
    run_begin(&process, fake_monitor_path(fake), WORDS("-v", "unplug", "dimm0", "-t", "60"));
    signal(SIGHUP, SIG_DFL);
    run_await(&process, "\"device_del\"", PATIENT);
    kill(process.pid, SIGHUP);
    fake_monitor_event(fake, "DEVICE_DELETED", "{\"path\":\"/machine/peripheral/dimm0\"}");
    run_await(&process, "768 MiB -> 512 MiB", PATIENT);
    assert_ends(&process, 0, 0);
    fake_monitor_finish(fake);
}

/* Its output goes to a pipe that nobody reads any more; returns its exit code. */
static int run_unheard(const char *socket, const char *const *arguments)
{
    const char *program = getenv("QMPCTL"), *all[16] = {NULL, "-s", socket};
    int ends[2], status;
    pid_t pid;

    all[0] = program ? program : "build/qmpctl";
    for (int i = 0; arguments[i]; i++)
        all[i + 3] = arguments[i];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execv(all[0], (char **)(uintptr_t)all);
        _exit(127);
    }
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void what_nobody_reads_is_done_all_the_same(void **state)
{
    static const char *const commands[][5] = {
        {"-v", "unplug", "dimm0"}, {"-j", "unplug", "dimm0"}, {"unplug", "--size", "256M", "-v"}};

    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct fake_monitor *fake = fake_monitor_start();

        fake_vm_describe(fake);
        fake_vm_has_dimm(fake);
        fake_monitor_expect(fake, "device_del", "*", "{}");
        fake_monitor_event(fake, "DEVICE_DELETED", "{\"path\":\"/machine/peripheral/dimm0\"}");
        fake_monitor_expect(fake, "object-del", "*", "{}");
        /* The result could not be told. */
        assert_int_equal(run_unheard(fake_monitor_path(fake), commands[i]), 1);
        fake_monitor_finish(fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_stands),
        cmocka_unit_test(nobody_waits_for_a_monitor_that_does_not_open),
        cmocka_unit_test(nobody_waits_for_the_first_look),
        cmocka_unit_test(taking_back_can_be_interrupted_too),
        cmocka_unit_test(nobody_waits_for_a_look_that_does_not_come),
        cmocka_unit_test(who_ignores_a_signal_still_does),
        cmocka_unit_test(what_nobody_reads_is_done_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
