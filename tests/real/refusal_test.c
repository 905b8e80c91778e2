/*
 * Guests that let go of some of their memory and not of the rest: another way is found where there
 * is one, what was done is taken back with --atomic, and an answer that comes when nobody is
 * connected is counted once.
 */
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

#define MIB     ((json_int_t)1024 * 1024)
#define PATIENT 60 /* seconds until a guest that may act must have acted */

static void plug(struct lab_vm *vm, const char *policy, const char *size)
{
    char line[64];

    snprintf(line, sizeof line, "policy %s", policy);
    lab_command(vm, line, "policy");
    EXPECT(0, lab_socket(vm), "plug", size);
}

static size_t steps_with(const json_t *result, const char *outcome)
{
    const json_t *step;
    size_t index, count = 0;

    json_array_foreach(json_at(result, "steps"), index, step)
    {
        count += strcmp(json_string_value(json_at(step, "result")), outcome) == 0;
    }
    return count;
}

static void assert_step(const json_t *result, size_t at, const char *id, const char *outcome)
{
    const json_t *step = json_array_get(json_at(result, "steps"), at);

    assert_string_equal(json_string_value(json_at(step, "id")), id);
    assert_string_equal(json_string_value(json_at(step, "result")), outcome);
}

/* Two of one size: a device that was there at start gives, and one that was plugged refuses. The
 * planner asks the latter first. */
static struct lab_vm *start_with_two(int qemu)
{
    static const char *const cold[] = {"-object", "memory-backend-ram,id=ram1,size=256M", "-device",
                                       "pc-dimm,id=cold0,memdev=ram1", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_REFUSES, NULL, cold);

    EXPECT(0, lab_socket(vm), "plug", "256M");
    lab_command(vm, "pin", "pinned");
    return vm;
}

static void another_way_is_found(int qemu)
{
    struct lab_vm *vm = start_with_two(qemu);
    const char *socket = lab_socket(vm);
    json_t *result = run_json(EXPECT(0, socket, "set", "768M", "--json", "-t", "60"));

    assert_step(result, 0, "dimm1", "refused");
    assert_step(result, 1, "cold0", "done");
    assert_true(json_is_true(json_at(result, "complete")));
    json_decref(result);
    assert_int_equal(status_number(socket, "memory.total"), 768 * MIB);

    /* Nobody is left that gives. */
    result = run_json(EXPECT(4, socket, "set", "512M", "--json", "-t", "60"));
    assert_int_equal(steps_with(result, "refused"), 1);
    assert_int_equal(json_integer_value(json_at(result, "after")), 768 * MIB);
    json_decref(result);
}

static void a_refusal_may_end_it(int qemu)
{
    struct lab_vm *vm = start_with_two(qemu);
    json_t *result = run_json(
        EXPECT(4, lab_socket(vm), "set", "768M", "--json", "-t", "60", "--on-refusal", "stop"));

    assert_int_equal(json_array_size(json_at(result, "steps")), 1);
    assert_string_equal(json_string_value(json_at(result, "steps.0.result")), "refused");
    assert_non_null(strstr(json_string_value(json_at(result, "error.message")), "refused"));
    assert_non_null(strstr(json_string_value(json_at(result, "error.hint")), "online_movable"));
    assert_int_equal(json_integer_value(json_at(result, "after")), 1024 * MIB);
    json_decref(result);
}

/* Linux keeps what it has to know of new memory in memory of the same node that it onlined for
 * itself: the first device is busy for as long as the second is there. The kernel's own threads of
 * the node live in what the node had at start. The second takes the address of one that has gone
 * and counts as the older, so that the first is asked first. */
static void who_refused_is_asked_again_when_others_have_gone(int qemu)
{
    static const char *const nodes[] = {"-object", "memory-backend-ram,id=boot0,size=384M",
                                        "-object", "memory-backend-ram,id=boot1,size=128M",
                                        "-numa",   "node,nodeid=0,cpus=0-1,memdev=boot0",
                                        "-numa",   "node,nodeid=1,memdev=boot1",
                                        NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, nodes);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    json_t *result;

    EXPECT(0, socket, "plug", "128M", "--node", "0", "--id", "place");
    lab_command(vm, "policy online_kernel", "policy");
    EXPECT(0, socket, "plug", "128M", "--node", "1", "--id", "first");
    EXPECT(0, socket, "unplug", "place", "-t", "60");
    lab_command(vm, "policy online_movable", "policy");
    EXPECT(0, socket, "plug", "128M", "--node", "1", "--id", "second");

    result = run_json(EXPECT(0, socket, "set", "512M", "--json", "-t", "60"));
    assert_int_equal(json_array_size(json_at(result, "steps")), 3);
    assert_step(result, 0, "first", "refused");
    assert_step(result, 1, "second", "done");
    assert_step(result, 2, "first", "done");
    assert_true(json_is_true(json_at(result, "complete")));
    json_decref(result);
    assert_int_equal(status_number(socket, "memory.total"), 512 * MIB);
    assert_int_equal(status_rows(socket, "orphans"), 0);
    lab_await_memtotal(vm, boot - MIB, boot + MIB, PATIENT);
}

static void what_was_done_is_taken_back(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    uint64_t grown;
    json_t *result;

    plug(vm, "online_movable", "256M");
    plug(vm, "online_kernel", "128M");
    lab_command(vm, "pin", "pinned");
    lab_command(vm, "policy online_movable", "policy");
    grown = lab_memtotal(vm);
    result =
        run_json(EXPECT(4, socket, "unplug", "dimm0", "dimm1", "--atomic", "--json", "-t", "60"));
    assert_string_equal(json_string_value(json_at(result, "steps.0.result")), "undone");
    assert_string_equal(json_string_value(json_at(result, "steps.1.result")), "refused");
    assert_int_equal(json_integer_value(json_at(result, "after")), 896 * MIB);
    json_decref(result);
    assert_int_equal(status_number(socket, "memory.total"), 896 * MIB);
    assert_int_equal(status_rows(socket, "orphans"), 0);
    lab_await_memtotal(vm, grown - MIB, grown + MIB, PATIENT);

    /* Without --atomic the first stays away. */
    EXPECT(4, socket, "unplug", "dimm0", "dimm1", "-t", "60");
    assert_int_equal(status_number(socket, "memory.total"), 640 * MIB);
}

/* Also one that others plugged, whose backend has a name of theirs. */
static void what_comes_back_has_its_own_backend(int qemu)
{
    struct lab_vm *vm = start_with_two(qemu);
    const json_t *device, *devices;
    size_t index, found = 0;
    json_t *status;

    EXPECT(4, lab_socket(vm), "unplug", "cold0", "dimm1", "--atomic", "-t", "60");
    status = run_json(EXPECT(0, lab_socket(vm), "status", "--json"));
    assert_int_equal(json_integer_value(json_at(status, "memory.total")), 1024 * MIB);
    devices = json_at(status, "devices");
    for (index = 0; (device = json_array_get(devices, index)); index++) {
        if (strcmp(json_string_value(json_at(device, "id")), "cold0") != 0)
            continue;
        assert_string_equal(json_string_value(json_at(device, "backend.id")), "ram1");
        assert_true(json_is_true(json_at(device, "hotplugged")));
        found++;
    }
    assert_int_equal(found, 1);
    json_decref(status);
}

static void await_release(struct lab_vm *vm)
{
    lab_command(vm, "free", "freed");
    for (int i = 0; status_number(lab_socket(vm), "memory.plugged") > 0 && i < PATIENT * 10; i++)
        poll(NULL, 0, 100);
    assert_int_equal(status_number(lab_socket(vm), "memory.plugged"), 0);
    assert_int_equal(status_rows(lab_socket(vm), "orphans"), 1);
}

static void stall(struct lab_vm *vm, const char *const *command)
{
    json_t *result;

    EXPECT(0, lab_socket(vm), "plug", "256M");
    lab_command(vm, "crowd 64", "filled");
    result = run_json(run_expect(5, lab_socket(vm), command));
    assert_int_equal(steps_with(result, "timeout"), 1);
    assert_true(json_is_true(json_at(result, "steps.0.pending")));
    assert_non_null(strstr(json_string_value(json_at(result, "error.message")), "stalled"));
    json_decref(result);
}

static void a_late_answer_is_counted_once(int qemu)
{
    static const char *const unplug[] = {"unplug", "dimm0", "-t", "1.5", "--json", NULL};
    static const char *const set[] = {"set", "512M", "-t", "1.5", "--json", NULL};
    static const char *const size[] = {"unplug", "--size", "256M", "-t", "1.5", "--json", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    json_t *result;

    stall(vm, unplug);
    await_release(vm);
    result = run_json(run_expect(0, socket, unplug));
    assert_int_equal(json_array_size(json_at(result, "steps")), 1);
    assert_step(result, 0, "dimm0", "done");
    assert_int_equal(json_integer_value(json_at(result, "steps.0.size")), 256 * MIB);
    assert_true(json_is_null(json_at(result, "steps.0.node"))); /* gone with the device */
    assert_int_equal(json_integer_value(json_at(result, "before")), 512 * MIB);
    assert_int_equal(json_integer_value(json_at(result, "after")), 512 * MIB);
    json_decref(result);
    assert_int_equal(status_rows(socket, "orphans"), 0);

    stall(vm, set);
    /* Asking again while it is at it asks for the same device, and for nothing else. */
    result = run_json(run_expect(5, socket, set));
    assert_int_equal(json_array_size(json_at(result, "steps")), 1);
    json_decref(result);
    result = run_json(run_expect(5, socket, size));
    assert_string_equal(json_string_value(json_at(result, "steps.0.id")), "dimm0");
    json_decref(result);
    await_release(vm);
    result = run_json(run_expect(0, socket, set));
    assert_int_equal(json_array_size(json_at(result, "steps")), 0);
    assert_int_equal(json_integer_value(json_at(result, "after")), 512 * MIB);
    json_decref(result);
    assert_int_equal(status_rows(socket, "orphans"), 0);
}

/* One that stalls, others behind it: they are not asked. */
static void a_stalled_guest_is_not_flooded(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    json_t *result;

    EXPECT(0, socket, "plug", "128M", "--count", "4");
    lab_command(vm, "crowd 64", "filled");
    result = run_json(EXPECT(5, socket, "set", "512M", "-t", "1.5", "--json"));
    assert_int_equal(steps_with(result, "timeout"), 1);
    assert_int_equal(steps_with(result, "planned"), 3);
    json_decref(result);
    lab_command(vm, "free", "freed");
    EXPECT(0, socket, "set", "512M", "-t", "60");
    assert_int_equal(status_rows(socket, "orphans"), 0);
}

TEST_ON_EACH(another_way_is_found)
TEST_ON_EACH(who_refused_is_asked_again_when_others_have_gone)
TEST_ON_EACH(what_was_done_is_taken_back)
TEST_ON(what_comes_back_has_its_own_backend, LAB_BULLSEYE, on_bullseye)
TEST_ON(what_comes_back_has_its_own_backend, LAB_SID, on_sid)
TEST_ON(a_refusal_may_end_it, LAB_HOST, on_host)
TEST_ON(a_refusal_may_end_it, LAB_SID, on_sid)
TEST_ON(a_late_answer_is_counted_once, LAB_BULLSEYE, on_bullseye)
TEST_ON(a_late_answer_is_counted_once, LAB_SID, on_sid)
TEST_ON(a_stalled_guest_is_not_flooded, LAB_HOST, on_host)
TEST_ON(a_stalled_guest_is_not_flooded, LAB_SID, on_sid)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(another_way_is_found),
        ON_EACH(who_refused_is_asked_again_when_others_have_gone),
        ON_EACH(what_was_done_is_taken_back),
        cmocka_unit_test_teardown(what_comes_back_has_its_own_backend_on_bullseye, lab_teardown),
        cmocka_unit_test_teardown(what_comes_back_has_its_own_backend_on_sid, lab_teardown),
        cmocka_unit_test_teardown(a_refusal_may_end_it_on_host, lab_teardown),
        cmocka_unit_test_teardown(a_refusal_may_end_it_on_sid, lab_teardown),
        cmocka_unit_test_teardown(a_late_answer_is_counted_once_on_bullseye, lab_teardown),
        cmocka_unit_test_teardown(a_late_answer_is_counted_once_on_sid, lab_teardown),
        cmocka_unit_test_teardown(a_stalled_guest_is_not_flooded_on_host, lab_teardown),
        cmocka_unit_test_teardown(a_stalled_guest_is_not_flooded_on_sid, lab_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
