/* set on real guests, without a device, a slot or a node being named, to any size there is. */
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

#define MIB   ((json_int_t)1024 * 1024)
#define BASE  (512 * MIB)
#define TOTAL "memory.total"

static json_t *status_of(const char *socket)
{
    return run_json(EXPECT(0, socket, "status", "--json"));
}

static json_int_t total_of(const char *socket)
{
    json_t *status = status_of(socket);
    json_int_t total = integer_at(status, TOTAL);

    json_decref(status);
    return total;
}

/* What the VM had when it started, and nothing else, in its devices, its backends and the guest. */
static void assert_as_started(struct lab_vm *vm, uint64_t boot, size_t backends)
{
    const char *socket = lab_socket(vm);
    json_t *status = status_of(socket), *memdev;

    assert_int_equal(integer_at(status, TOTAL), BASE);
    assert_int_equal(json_array_size(json_at(status, "devices")), 0);
    assert_int_equal(json_array_size(json_at(status, "orphans")), 0);
    json_decref(status);
    memdev = run_json(EXPECT(0, socket, "qmp", "--json", "query-memdev"));
    assert_int_equal(json_array_size(memdev), backends);
    json_decref(memdev);
    assert_int_equal(lab_memtotal(vm), boot);
}

/* Verbose shows what was sent: only questions. */
static void assert_only_asked(const struct run_result *result)
{
    static const char *const changing[] = {"object-add", "object-del", "device_add", "device_del",
                                           "qom-set"};

    assert_non_null(strstr(result->err, "query-memory-devices"));
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
        assert_null(strstr(result->err, changing[i]));
}

/* ---- What others cannot do ---- */

/* Plugs these, takes away that much, and finds what has to be left. */
static void take_away_exactly(struct lab_vm *vm, const char *const *devices, const char *less,
                              json_int_t left)
{
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    json_t *json;

    for (; *devices; devices++)
        EXPECT(0, socket, "plug", *devices);
    json = run_json(EXPECT(0, socket, "set", less, "--json"));
    assert_int_equal(json_array_size(json_at(json, "steps")), 2);
    assert_int_equal(integer_at(json, "after"), BASE + left);
    json_decref(json);
    json = status_of(socket);
    assert_int_equal(integer_at(json, TOTAL), BASE + left);
    assert_int_equal(json_array_size(json_at(json, "devices")), 1);
    json_decref(json);
    assert_int_equal(lab_memtotal(vm) - boot, left);
    EXPECT(0, socket, "set", "512M");
}

/* Largest first takes 3072 MiB of the first, 1024 MiB of the second, and then finds no more. */
static void what_largest_first_misses(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, "512M,slots=16,maxmem=9G", NULL);
    uint64_t boot = lab_memtotal(vm);

    take_away_exactly(vm, (const char *const[]){"3072M", "2048M", "2048M", NULL}, "-4096M",
                      3072 * MIB);
    take_away_exactly(vm, (const char *const[]){"1024M", "768M", "768M", NULL}, "-1536M",
                      1024 * MIB);
    assert_as_started(vm, boot, 1);
    lab_stop(vm);
}

static void a_swap_reaches_what_no_subset_does(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    const struct run_result *result;
    json_t *json;

    EXPECT(0, socket, "plug", "1G");
    result = EXPECT(6, socket, "-v", "set", "-384M", "--json");
    assert_only_asked(result);
    json = run_json(result);
    assert_non_null(strstr(json_string_value(json_at(json, "error.hint")), "--swap would reach"));
    assert_int_equal(integer_at(json, "nearest.below"), BASE);
    assert_int_equal(integer_at(json, "nearest.above"), BASE + 1024 * MIB);
    json_decref(json);

    json = run_json(EXPECT(0, socket, "set", "-384M", "--swap", "--json"));
    assert_int_equal(integer_at(json, "after"), BASE + 640 * MIB);
    assert_string_equal(json_string_value(json_at(json, "steps.0.action")), "plug");
    json_decref(json);
    assert_int_equal(total_of(socket), BASE + 640 * MIB);
    assert_int_equal(lab_memtotal(vm) - boot, 640 * MIB);
    EXPECT(0, socket, "set", "512M");
    assert_as_started(vm, boot, 1);
    lab_stop(vm);
}

/* ---- Guest nodes ---- */

static const char *const two_nodes[] = {"-object", "memory-backend-ram,id=boot0,size=256M",
                                        "-object", "memory-backend-ram,id=boot1,size=256M",
                                        "-numa",   "node,nodeid=0,cpus=0,memdev=boot0",
                                        "-numa",   "node,nodeid=1,cpus=1,memdev=boot1",
                                        NULL};

/* Each node has base and so much more. */
static void assert_level(const char *socket, json_int_t plugged)
{
    json_t *status = status_of(socket);

    assert_int_equal(json_array_size(json_at(status, "nodes")), 2);
    for (int i = 0; i < 2; i++) {
        char path[32];

        snprintf(path, sizeof path, "nodes.%d.base", i);
        assert_int_equal(integer_at(status, path), BASE / 2);
        snprintf(path, sizeof path, "nodes.%d.plugged", i);
        assert_int_equal(integer_at(status, path), plugged);
    }
    json_decref(status);
}

static void two_nodes_stay_in_balance(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, two_nodes);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);

    assert_level(socket, 0);
    EXPECT(0, socket, "set", "1536M");
    assert_level(socket, 512 * MIB);
    EXPECT(0, socket, "set", "+2G");
    assert_level(socket, 1536 * MIB);
    assert_int_equal(lab_memtotal(vm) - boot, 3072 * MIB);
    EXPECT(0, socket, "set", "-1G");
    assert_level(socket, 1024 * MIB);
    EXPECT(0, socket, "set", "-1280M");
    assert_level(socket, 384 * MIB);
    assert_int_equal(lab_memtotal(vm) - boot, 768 * MIB);
    EXPECT(0, socket, "set", "512M");
    assert_level(socket, 0);

    /* Two on each: whichever is the newest, one of each node goes. */
    EXPECT(0, socket, "plug", "256M", "--count", "2", "--node", "0");
    EXPECT(0, socket, "plug", "256M", "--count", "2", "--node", "1");
    EXPECT(0, socket, "set", "-512M");
    assert_level(socket, 256 * MIB);
    EXPECT(0, socket, "set", "-512M");
    assert_as_started(vm, boot, 2);
    lab_stop(vm);
}

/* ---- Large guests ---- */

/* Its memory ends at 64 GiB, and so it takes more in blocks of 2 GiB, and smaller devices not at
 * all. Most of the memory is never touched, so that the host needs to have 2 GiB of it. */
static void a_large_guest_takes_large_devices(void **state)
{
    static const char *const arguments[] = {"-object",
                                            "memory-backend-ram,id=boot,size=62G,reserve=off",
                                            "-machine", "memory-backend=boot", NULL};
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, "62G,slots=16,maxmem=80G", arguments);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    json_t *json = run_json(EXPECT(0, socket, "plan", "+6G", "--json"));

    (void)state;
    assert_int_equal(integer_at(json, "steps.0.size"), 2048 * MIB);
    assert_non_null(strstr(json_string_value(json_at(json, "note")), "granule 2G"));
    json_decref(json);
    EXPECT(6, socket, "set", "+1G");
    EXPECT(0, socket, "set", "+6G");
    assert_int_equal(lab_memtotal(vm) - boot, 6144 * MIB);
    EXPECT(0, socket, "set", "-2G");
    assert_int_equal(lab_memtotal(vm) - boot, 4096 * MIB);
    assert_non_null(strstr(EXPECT(0, socket, "plug", "1G")->out, "may not use all of 1G"));
    assert_int_equal(lab_memtotal(vm) - boot, 4096 * MIB);
    EXPECT(0, socket, "set", "62G");
    lab_await_memtotal(vm, boot, boot, 5);
    lab_stop(vm);
}

/* It accepts all the same: only the plan can tell. */
static void what_the_guest_does_not_use_is_said_before(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);

    (void)state;
    assert_non_null(strstr(EXPECT(0, socket, "plug", "64M")->out, "may not use all of 64M"));
    assert_int_equal(lab_memtotal(vm), boot);
    assert_non_null(strstr(EXPECT(0, socket, "plan", "+128M")->out, "behind dimm0"));
    assert_non_null(strstr(EXPECT(0, socket, "set", "+128M")->out, "the guest may not use it"));
    assert_int_equal(lab_memtotal(vm), boot);
    /* Two wrongs make the next right. */
    EXPECT(0, socket, "plug", "64M");
    assert_null(strstr(EXPECT(0, socket, "set", "+256M")->out, "may not use"));
    assert_int_equal(lab_memtotal(vm) - boot, 256 * MIB);
    lab_stop(vm);
}

/* ---- Options ---- */

static void options_are_heeded(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    json_t *json;

    (void)state;
    EXPECT(0, socket, "set", "1G", "--granule", "256M");
    json = status_of(socket);
    assert_int_equal(json_array_size(json_at(json, "devices")), 2);
    assert_int_equal(integer_at(json, "devices.0.size"), 256 * MIB);
    json_decref(json);

    assert_string_equal(EXPECT(0, socket, "set", "-256M", "--keep", "dimm1", "--dry-run")->err, "");
    json = run_json(EXPECT(0, socket, "set", "-256M", "--keep", "dimm1", "--json"));
    assert_string_equal(json_string_value(json_at(json, "steps.0.id")), "dimm0");
    json_decref(json);
    EXPECT(6, socket, "set", "600M");
    json = run_json(EXPECT(0, socket, "set", "600M", "--nearest", "up", "--json"));
    assert_int_equal(integer_at(json, "requested"), 600 * MIB);
    assert_true(json_is_true(json_at(json, "complete")));
    assert_non_null(strstr(json_string_value(json_at(json, "note")),
                           "600M cannot be reached exactly, 768M is the nearest above"));
    json_decref(json);
    assert_int_equal(total_of(socket), 768 * MIB);
    assert_non_null(strstr(EXPECT(0, socket, "plan", "800M", "--nearest", "down")->out,
                           "(800M cannot be reached exactly, 768M is the nearest below; granule"));
    EXPECT(0, socket, "set", "1000M", "--nearest", "down");
    assert_int_equal(total_of(socket), 896 * MIB);
    EXPECT(0, socket, "set", "1000M", "--nearest", "up");
    assert_int_equal(total_of(socket), 1024 * MIB);
    EXPECT(0, socket, "unplug", "--size", "384M");
    assert_int_equal(total_of(socket), 640 * MIB);
    EXPECT(0, socket, "set", "9G", "--nearest", "down", "--dry-run");
    assert_int_equal(total_of(socket), 640 * MIB);
    lab_stop(vm);
}

/* ---- Bad input ---- */

static void what_cannot_be_changes_nothing(void **state)
{
    static const struct {
        int code;
        const char *arguments[6], *says;
    } cases[] = {
        {6, {"set", "256M"}, "the nearest is 512M above"},
        {6, {"set", "-2G"}, "the nearest is 512M above"},
        {6, {"set", "-1G"}, "base memory"},
        {6, {"set", "8G"}, "the nearest is 3G below"},
        {6, {"set", "+4G"}, "maxmem"},
        {6, {"set", "1100M"}, "1G below and 1152M above"},
        {6, {"set", "+1M"}, "1G below and 1152M above"},
        {2, {"set", "1152M", "--granule", "3M"}, "--granule 3M"},
        {2, {"set", "1152M", "--granule", "0"}, "unit"},
        {2, {"set", "512M", "--keep", "nobody"}, "nobody"},
        {2, {"set", "1152M", "--keep", "nobody"}, "nobody"},
        {2, {"unplug", "--size", "128M", "--keep", "dimm9"}, "dimm9"},
        {2, {"set", "1152M", "--node", "5"}, "node 5"},
        {2, {"set", "1152"}, "unit"},
        {6, {"set", "512M", "--keep", "dimm0"}, "the nearest is 768M above"},
        {6, {"set", "896M"}, "the nearest are 768M below and 1G above"},
        {6, {"unplug", "--size", "128M"}, "--swap would reach it"},
    };
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, "512M,slots=16,maxmem=3G", NULL);
    const char *socket = lab_socket(vm);
    uint64_t before;

    (void)state;
    EXPECT(0, socket, "plug", "256M", "--count", "2");
    before = lab_memtotal(vm);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct run_result *result;
        const char *arguments[8] = {"-v"};

        for (size_t j = 0; j < 6 && cases[i].arguments[j]; j++)
            arguments[j + 1] = cases[i].arguments[j];
        result = run_expect(cases[i].code, socket, arguments);
        if (!strstr(result->err, cases[i].says))
            print_error("set %s: no '%s' in: %s\n", arguments[2], cases[i].says, result->err);
        assert_non_null(strstr(result->err, cases[i].says));
        if (strstr(result->err, "->"))
            assert_only_asked(result);
    }
    assert_int_equal(total_of(socket), BASE + 512 * MIB);
    assert_int_equal(lab_memtotal(vm), before);
    lab_stop(vm);
}

static void no_slot_is_left_to_grow(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, "512M,slots=2,maxmem=3G", NULL);
    const char *socket = lab_socket(vm);
    const struct run_result *result;

    (void)state;
    EXPECT(0, socket, "plug", "256M", "--count", "2", "--accept-timeout", "0");
    result = EXPECT(6, socket, "-v", "set", "2G");
    assert_non_null(strstr(result->err, "all 2 slots are in use"));
    assert_only_asked(result);
    assert_int_equal(total_of(socket), BASE + 512 * MIB);
    lab_stop(vm);
}

static void the_present_size_needs_nothing(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    const char *socket = lab_socket(vm);
    json_t *json;

    (void)state;
    assert_only_asked(EXPECT(0, socket, "-v", "set", "512M"));
    EXPECT(0, socket, "plug", "128M", "--accept-timeout", "0");
    assert_only_asked(EXPECT(0, socket, "-v", "set", "640M"));
    json = run_json(EXPECT(0, socket, "set", "640M", "--json"));
    assert_true(json_is_true(json_at(json, "complete")));
    assert_int_equal(json_array_size(json_at(json, "steps")), 0);
    assert_int_equal(integer_at(json, "after"), 640 * MIB);
    json_decref(json);
    lab_stop(vm);
}

TEST_ON_EACH(what_largest_first_misses)
TEST_ON_EACH(a_swap_reaches_what_no_subset_does)
TEST_ON_EACH(two_nodes_stay_in_balance)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(what_largest_first_misses),
        ON_EACH(a_swap_reaches_what_no_subset_does),
        ON_EACH(two_nodes_stay_in_balance),
        cmocka_unit_test_teardown(a_large_guest_takes_large_devices, lab_teardown),
        cmocka_unit_test_teardown(what_the_guest_does_not_use_is_said_before, lab_teardown),
        cmocka_unit_test_teardown(options_are_heeded, lab_teardown),
        cmocka_unit_test_teardown(what_cannot_be_changes_nothing, lab_teardown),
        cmocka_unit_test_teardown(no_slot_is_left_to_grow, lab_teardown),
        cmocka_unit_test_teardown(the_present_size_needs_nothing, lab_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
