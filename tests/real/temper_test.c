/* What an unplug tells of a guest that refuses, of one that stalls, and where there is none. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"

#define MIB     (1024 * 1024)
#define PATIENT 60 /* seconds until a guest that may act must have acted */

static json_int_t plugged(const char *socket)
{
    json_t *status = run_json(EXPECT(0, socket, "status", "--json"));
    json_int_t value = json_integer_value(json_at(status, "memory.plugged"));

    json_decref(status);
    return value;
}

static void assert_unplug(const char *socket, int code, const char *seconds, const char *expected)
{
    json_t *result = run_json(EXPECT(code, socket, "unplug", "dimm0", "-t", seconds, "--json"));

    assert_string_equal(json_string_value(json_at(result, "steps.0.result")), expected);
    assert_false(json_is_true(json_at(result, "complete")));
    json_decref(result);
}

static void a_guest_that_refuses(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_REFUSES, NULL, NULL);
    uint64_t grown;

    EXPECT(0, lab_socket(vm), "plug", "256M");
    grown = lab_memtotal(vm);
    assert_unplug(lab_socket(vm), 4, "60", "refused");
    assert_unplug(lab_socket(vm), 4, "60", "refused");
    assert_int_equal(plugged(lab_socket(vm)), 256 * MIB);
    assert_int_equal(lab_memtotal(vm), grown);
}

/* The removal completes with nobody connected, and leaves a backend for repair. */
static void a_guest_that_stalls(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    uint64_t boot = lab_memtotal(vm);
    json_t *repaired;

    EXPECT(0, lab_socket(vm), "plug", "256M");
    lab_command(vm, "crowd 64", "filled");
    assert_unplug(lab_socket(vm), 5, "2", "timeout");
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

static void no_guest(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    json_t *result =
        run_json(EXPECT(0, lab_socket(vm), "plug", "256M", "--accept-timeout", "0.2", "--json"));

    assert_true(json_is_false(json_at(result, "steps.0.accepted")));
    json_decref(result);
    assert_unplug(lab_socket(vm), 5, "0.5", "timeout");
    assert_int_equal(plugged(lab_socket(vm)), 256 * MIB);
}

TEST_ON_EACH(a_guest_that_refuses)
TEST_ON_EACH(a_guest_that_stalls)
TEST_ON_EACH(no_guest)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(a_guest_that_refuses),
        ON_EACH(a_guest_that_stalls),
        ON_EACH(no_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
