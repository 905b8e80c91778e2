/* Devices by other names than qmpctl gives them: by path, without an id, with the memory of
 * another; none is counted twice, none is taken for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"

#define MIB     ((json_int_t)1024 * 1024)
#define BASE    (512 * MIB)
#define PATIENT 60 /* seconds until a guest that may act must have acted */
#define PATH    "/machine/peripheral/dimm0"
#define ANON    "/machine/peripheral-anon/device[0]"

static void add_backend(const char *socket, const char *name)
{
    char id[64];

    snprintf(id, sizeof id, "id=%s", name);
    EXPECT(0, socket, "qmp", "object-add", "qom-type=memory-backend-ram", id, "size=134217728");
}

static void a_device_named_twice_goes_once(const char *socket)
{
    EXPECT(0, socket, "plug", "128M");
    EXPECT(2, socket, "unplug", "dimm0", PATH);
    assert_int_equal(status_number(socket, "memory.total"), BASE + 128 * MIB);
    EXPECT(0, socket, "unplug", PATH);
    assert_int_equal(status_number(socket, "memory.total"), BASE);
}

/* As a request leaves it that the guest granted when nobody was connected. */
static void what_had_gone_is_known_by_its_path(const char *socket)
{
    const struct run_result *result;

    add_backend(socket, "mem-dimm0");
    result = EXPECT(0, socket, "unplug", PATH);
    assert_non_null(strstr(result->out, "the guest had given it up before"));
    assert_int_equal(status_rows(socket, "orphans"), 0);
}

/* Its memory is another's, and what bears the name of its own is nobody's. */
static void a_device_that_is_there_has_not_gone(const char *socket)
{
    json_t *result;

    add_backend(socket, "other");
    add_backend(socket, "mem-dimm0");
    EXPECT(0, socket, "qmp", "device_add", "driver=pc-dimm", "id=dimm0", "memdev=other");
    result = run_json(EXPECT(0, socket, "unplug", "dimm0", "--json"));
    assert_int_equal(json_integer_value(json_at(result, "before")), BASE + 128 * MIB);
    assert_int_equal(json_integer_value(json_at(result, "after")), BASE);
    assert_int_equal(json_array_size(json_at(result, "steps")), 1);
    json_decref(result);
    assert_int_equal(status_number(socket, "memory.total"), BASE);
    assert_int_equal(status_rows(socket, "orphans"), 0);
}

/* It comes back without an id, as it was. */
static void a_device_without_an_id_is_taken_back(struct lab_vm *vm)
{
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    json_t *result, *status;

    add_backend(socket, "nameless");
    EXPECT(0, socket, "qmp", "device_add", "driver=pc-dimm", "memdev=nameless");
    lab_await_memtotal(vm, boot + 128 * MIB, boot + 128 * MIB, PATIENT);
    lab_command(vm, "policy online_kernel", "policy");
    EXPECT(0, socket, "plug", "256M", "--id", "stays");
    lab_command(vm, "pin", "pinned");
    result = run_json(EXPECT(4, socket, "unplug", ANON, "stays", "--atomic", "--json"));
    assert_string_equal(json_string_value(json_at(result, "steps.0.result")), "undone");
    assert_int_equal(json_integer_value(json_at(result, "after")), BASE + 384 * MIB);
    json_decref(result);
    status = run_json(EXPECT(0, socket, "status", "--json"));
    assert_int_equal(json_array_size(json_at(status, "devices")), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *device = json_array_get(json_at(status, "devices"), i);

        assert_string_equal(json_string_value(json_at(device, "backend.id")),
                            json_is_null(json_at(device, "id")) ? "nameless" : "mem-stays");
    }
    json_decref(status);
}

static void devices_are_known_by_any_name(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);

    a_device_named_twice_goes_once(socket);
    what_had_gone_is_known_by_its_path(socket);
    a_device_that_is_there_has_not_gone(socket);
    a_device_without_an_id_is_taken_back(vm);
}

static void assert_id(const json_t *result, const char *path, const char *id)
{
    assert_string_equal(json_string_value(json_at(result, path)), id);
}

/* By devices that are no memory, and by objects that are no backends: QEMU has one list of each. */
static void names_that_are_taken_are_passed_over(int qemu)
{
    static const char *const others[] = {"-device", "virtio-rng-pci,id=dimm0", "-object",
                                         "iothread,id=mem-dimm1", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, others);
    const char *socket = lab_socket(vm);
    const struct run_result *refused;
    json_t *plan, *result;

    plan = run_json(EXPECT(0, socket, "plan", "+256M", "--json"));
    result = run_json(EXPECT(0, socket, "set", "+256M", "--json", "--accept-timeout", "0"));
    assert_id(plan, "steps.0.id", "dimm2");
    assert_id(result, "steps.0.id", "dimm2");
    assert_id(plan, "steps.1.id", "dimm3");
    assert_id(result, "steps.1.id", "dimm3");
    json_decref(plan);
    json_decref(result);
    for (int i = 0; i < 2; i++) {
        refused = EXPECT(1, socket, "-v", "plug", "128M", "--id", i == 0 ? "dimm0" : "dimm1");
        assert_null(strstr(refused->err, "object-add"));
        assert_non_null(strstr(refused->err, "\nhint: say another --id\n"));
    }
    EXPECT(0, socket, "plug", "128M", "--id", "dimm4", "--accept-timeout", "0");
    assert_int_equal(status_rows(socket, "orphans"), 0);
}

TEST_ON_EACH(names_that_are_taken_are_passed_over)
TEST_ON(devices_are_known_by_any_name, LAB_BULLSEYE, on_bullseye)
TEST_ON(devices_are_known_by_any_name, LAB_SID, on_sid)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(names_that_are_taken_are_passed_over),
        cmocka_unit_test_teardown(devices_are_known_by_any_name_on_bullseye, lab_teardown),
        cmocka_unit_test_teardown(devices_are_known_by_any_name_on_sid, lab_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
