/* What an unplug tells of a guest in each temper: one that gives, one that refuses, one that stalls
 * and gives later, none; and within which time. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"

#define MIB     (1024 * 1024)
#define PATIENT 60 /* seconds until a guest that may act must have acted */

static json_int_t plugged(const char *socket)
{
    return status_number(socket, "memory.plugged");
}

/* One unplug of dimm0, what it said and how long it took: to be quoted from the suite's output. */
struct told {
    json_t *result;
    double seconds;
};

static struct told unplug(int qemu, const char *temper, const char *socket, int code,
                          const char *timeout)
{
    const struct run_result *run = EXPECT(code, socket, "unplug", "dimm0", "-t", timeout, "--json");
    struct told told = {.result = run_json(run), .seconds = run->seconds};

    print_message("QEMU %s, %s: exit %d after %.2f s of %s\n", lab_qemu_name(qemu), temper, code,
                  told.seconds, timeout);
    assert_true(told.seconds < strtod(timeout, NULL) + 1);
    return told;
}

static void assert_member(const json_t *json, const char *path, const char *expected)
{
    const char *text = json_string_value(json_at(json, path));

    if (!text || !strstr(text, expected))
        fail_msg("%s is not '%s': %s", path, expected, text ? text : "none");
}

/* All that it says where the device is still there. */
static void assert_kept(const json_t *result, const char *outcome, int code, const char *reason)
{
    assert_int_equal(json_array_size(json_at(result, "steps")), 1);
    assert_member(result, "steps.0.action", "unplug");
    assert_member(result, "steps.0.id", "dimm0");
    assert_int_equal(json_integer_value(json_at(result, "steps.0.size")), 256 * MIB);
    assert_int_equal(json_integer_value(json_at(result, "steps.0.node")), 0);
    assert_member(result, "steps.0.result", outcome);
    assert_member(result, "steps.0.reason", reason);
    assert_true(json_is_real(json_at(result, "steps.0.seconds")));
    assert_int_equal(json_is_true(json_at(result, "steps.0.pending")), code == 5);
    assert_true(json_is_false(json_at(result, "complete")));
    assert_int_equal(json_integer_value(json_at(result, "before")), 768 * MIB);
    assert_int_equal(json_integer_value(json_at(result, "requested")), 512 * MIB);
    assert_int_equal(json_integer_value(json_at(result, "after")), 768 * MIB);
    assert_int_equal(json_integer_value(json_at(result, "error.code")), code);
    assert_member(result, "error.message", reason);
    assert_true(json_is_string(json_at(result, "error.hint")));
}

static void a_guest_that_gives(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    struct told told;

    EXPECT(0, lab_socket(vm), "plug", "256M");
    told = unplug(qemu, "gives", lab_socket(vm), 0, "60");
    assert_int_equal(json_array_size(json_at(told.result, "steps")), 1);
    assert_member(told.result, "steps.0.result", "done");
    assert_null(json_at(told.result, "steps.0.reason"));
    assert_null(json_at(told.result, "steps.0.pending"));
    assert_null(json_at(told.result, "error"));
    assert_true(json_is_true(json_at(told.result, "complete")));
    assert_int_equal(json_integer_value(json_at(told.result, "after")), 512 * MIB);
    json_decref(told.result);
    assert_int_equal(status_rows(lab_socket(vm), "orphans"), 0);
}

/* A guest's answer ends the wait. */
static void a_guest_that_refuses(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_REFUSES, NULL, NULL);
    uint64_t grown;

    EXPECT(0, lab_socket(vm), "plug", "256M");
    lab_command(vm, "pin", "pinned");
    grown = lab_memtotal(vm);
    for (int i = 0; i < 2; i++) {
        struct told told = unplug(qemu, "refuses", lab_socket(vm), 4, "60");

        assert_kept(told.result, "refused", 4, "the guest refused: the device is busy");
        assert_member(told.result, "error.hint", "online_movable");
        json_decref(told.result);
    }
    assert_int_equal(plugged(lab_socket(vm)), 256 * MIB);
    assert_int_equal(lab_memtotal(vm), grown);
}

/* The removal completes with nobody connected, and leaves a backend for repair. */
static void a_guest_that_stalls(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    uint64_t boot = lab_memtotal(vm);
    json_t *repaired;
    struct told told;

    EXPECT(0, lab_socket(vm), "plug", "256M");
    lab_command(vm, "crowd 64", "filled");
    told = unplug(qemu, "stalls", lab_socket(vm), 5, "2");
    assert_true(told.seconds >= 2);
    assert_kept(told.result, "timeout", 5, "stalled: the guest is still trying");
    json_decref(told.result);
    assert_int_equal(plugged(lab_socket(vm)), 256 * MIB);

    lab_command(vm, "free", "freed");
    lab_await_memtotal(vm, 0, boot + MIB, PATIENT);
    for (int i = 0; plugged(lab_socket(vm)) > 0 && i < PATIENT * 10; i++)
        poll(NULL, 0, 100);
    assert_int_equal(plugged(lab_socket(vm)), 0);
    repaired = run_json(EXPECT(0, lab_socket(vm), "repair", "--json"));
    assert_int_equal(json_array_size(json_at(repaired, "deleted")), 1);
    assert_string_equal(json_string_value(json_at(repaired, "deleted.0")), "mem-dimm0");
    json_decref(repaired);
}

/* It stalls, and gives while it is still waited for. */
static void a_guest_that_gives_in_time(int qemu)
{
    static const char *const arguments[] = {"unplug", "dimm0", "-t", "60", "-v", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    struct run_process process;

    EXPECT(0, lab_socket(vm), "plug", "256M");
    lab_command(vm, "crowd 64", "filled");
    run_begin(&process, lab_socket(vm), arguments);
    run_await(&process, "\"status\": 132", PATIENT);
    lab_command(vm, "free", "freed");
    run_await(&process, "DEVICE_DELETED", PATIENT);
    run_await(&process, "unplug  dimm0               256 MiB  node 0  done", PATIENT);
    assert_int_equal(run_end(&process, 0), 0);
    assert_int_equal(plugged(lab_socket(vm)), 0);
    assert_int_equal(status_rows(lab_socket(vm), "orphans"), 0);
}

static void no_guest(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    json_t *result =
        run_json(EXPECT(0, lab_socket(vm), "plug", "256M", "--accept-timeout", "0.2", "--json"));
    struct told told;

    assert_true(json_is_false(json_at(result, "steps.0.accepted")));
    json_decref(result);
    told = unplug(qemu, "absent", lab_socket(vm), 5, "0.5");
    assert_true(told.seconds >= 0.5);
    assert_kept(told.result, "timeout", 5, "nobody answers");
    json_decref(told.result);
    assert_int_equal(plugged(lab_socket(vm)), 256 * MIB);
}

TEST_ON_EACH(a_guest_that_gives)
TEST_ON_EACH(a_guest_that_refuses)
TEST_ON_EACH(a_guest_that_stalls)
TEST_ON_EACH(a_guest_that_gives_in_time)
TEST_ON_EACH(no_guest)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(a_guest_that_gives),
        ON_EACH(a_guest_that_refuses),
        ON_EACH(a_guest_that_stalls),
        ON_EACH(a_guest_that_gives_in_time),
        ON_EACH(no_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
