/* On every QEMU: plug, look, unplug, and the guest's own MemTotal each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"

#define MIB (1024 * 1024)

static void assert_only_boot_backend(const char *socket)
{
    json_t *backends = run_json(EXPECT(0, socket, "qmp", "--json", "query-memdev"));

    assert_int_equal(json_array_size(backends), 1);
    json_decref(backends);
}

/* The guest sees less than QEMU gives: page structures and the like. */
static void assert_guest_grew(struct lab_vm *vm, uint64_t from, uint64_t by)
{
    uint64_t grown = lab_memtotal(vm) - from;

    assert_in_range(grown, by - by / 16, by);
}

static void plug_and_unplug(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    json_t *result;

    result = run_json(EXPECT(0, socket, "plug", "256M", "--json"));
    assert_true(json_is_true(json_at(result, "steps.0.accepted")));
    assert_string_equal(json_string_value(json_at(result, "steps.0.id")), "dimm0");
    json_decref(result);
    assert_guest_grew(vm, boot, 256 * MIB);

    EXPECT(0, socket, "plug", "128M", "--count", "3");
    assert_int_equal(status_rows(socket, "devices"), 4);
    assert_int_equal(status_number(socket, "memory.total"), (512 + 256 + 384) * (json_int_t)MIB);
    assert_int_equal(status_number(socket, "slots.total"), 16);
    assert_int_equal(status_number(socket, "slots.used"), 4);
    assert_guest_grew(vm, boot, (uint64_t)640 * MIB);

    EXPECT(0, socket, "unplug", "dimm1");
    assert_int_equal(status_rows(socket, "devices"), 3);
    assert_guest_grew(vm, boot, 512 * MIB);

    EXPECT(0, socket, "unplug", "dimm0", "dimm2", "dimm3");
    assert_int_equal(status_number(socket, "memory.plugged"), 0);
    assert_true(lab_memtotal(vm) <= boot);
    assert_only_boot_backend(socket);
    lab_stop(vm);
}

static void set_up_and_down(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    json_t *result;

    EXPECT(0, socket, "set", "1536M");
    assert_int_equal(status_number(socket, "memory.total"), 1536 * (json_int_t)MIB);
    assert_guest_grew(vm, boot, (uint64_t)1024 * MIB);
    EXPECT(0, socket, "set", "-384M");
    assert_int_equal(status_number(socket, "memory.total"), 1152 * (json_int_t)MIB);
    EXPECT(0, socket, "set", "1152M");
    result = run_json(EXPECT(6, socket, "set", "1100M", "--json"));
    assert_int_equal(json_integer_value(json_at(result, "nearest.below")), 1024 * (json_int_t)MIB);
    assert_int_equal(json_integer_value(json_at(result, "nearest.above")), 1152 * (json_int_t)MIB);
    json_decref(result);
    EXPECT(0, socket, "set", "512M");
    assert_true(lab_memtotal(vm) <= boot);
    assert_only_boot_backend(socket);
    lab_stop(vm);
}

TEST_ON_EACH(plug_and_unplug)
TEST_ON_EACH(set_up_and_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(plug_and_unplug),
        ON_EACH(set_up_and_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
