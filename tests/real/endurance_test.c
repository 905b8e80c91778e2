/* One guest, plugged and unplugged again and again: QEMU keeps nothing of it. QMPCTL_LONG=1 for all
 * the cycles; and the user's signals, on a real guest. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/proxy.h"
#include "support/run.h"

#define MIB ((json_int_t)1024 * 1024)

static struct proxy *proxy;

static int teardown(void **state)
{
    proxy_stop(proxy);
    proxy = NULL;
    return lab_teardown(state);
}

/* How many there are of QEMU's objects of this folder. */
static size_t objects(const char *socket, const char *path)
{
    char argument[64];
    json_t *list;
    size_t count;

    snprintf(argument, sizeof argument, "path=%s", path);
    list = run_json(EXPECT(0, socket, "qmp", "--json", "qom-list", argument));
    count = json_array_size(list);
    json_decref(list);
    return count;
}

static void cycles_leave_nothing(void **state)
{
    const unsigned cycles = getenv("QMPCTL_LONG") ? 500 : 50;
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    size_t backends = objects(socket, "/objects"), devices = objects(socket, "/machine/peripheral");

    (void)state;
    for (unsigned i = 0; i < cycles; i++) {
        EXPECT(0, socket, "plug", "128M");
        EXPECT(0, socket, "unplug", "dimm0");
    }
    assert_int_equal(objects(socket, "/objects"), backends);
    assert_int_equal(objects(socket, "/machine/peripheral"), devices);
    lab_await_memtotal(vm, boot - 8 * (uint64_t)MIB, boot, 10);
    print_message("%u cycles\n", cycles);
}

/* ---- signals ---- */

static enum proxy_verdict interrupt(pid_t client, void *arg)
{
    kill(client, *(int *)arg);
    return PROXY_GO_ON;
}

static json_t *interrupted(int number, const char *text, const char *const *command)
{
    const struct run_result *result;

    proxy_on(proxy, text, PROXY_AFTER, interrupt, &number);
    result = run_expect(128 + number, proxy_path(proxy), command);
    assert_true(proxy_has_struck(proxy));
    assert_true(result->seconds < 3);
    return run_json(result);
}

/* The one that is asked for is pending, the other is not begun. */
static void signals_end_an_unplug(int number)
{
    static const char *const command[] = {"unplug", "dimm0", "dimm1", "--json", NULL};
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, NULL, NULL);
    json_t *result;

    EXPECT(0, lab_socket(vm), "plug", "128M", "--count", "2");
    lab_command(vm, "crowd 64", "filled");
    proxy = proxy_start(lab_socket(vm));
    result = interrupted(number, "\"status\": 132", command);
    assert_string_equal(json_string_value(json_at(result, "steps.0.result")), "timeout");
    assert_true(json_is_true(json_at(result, "steps.0.pending")));
    assert_non_null(strstr(json_string_value(json_at(result, "error.message")), "interrupted"));
    assert_string_equal(json_string_value(json_at(result, "steps.1.result")), "planned");
    json_decref(result);
    result = run_json(EXPECT(0, lab_socket(vm), "status", "--json"));
    assert_true(json_is_true(json_at(result, "devices.0.unplug-pending")));
    assert_false(json_is_true(json_at(result, "devices.1.unplug-pending")));
    json_decref(result);
}

/* The exchange under way is finished: the first device is there, whole, and the second is not. */
static void signals_end_a_set(int number)
{
    static const char *const command[] = {"set", "1G", "--json", NULL};
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, NULL, NULL);
    json_t *result;

    proxy = proxy_start(lab_socket(vm));
    result = interrupted(number, "\"object-add\"", command);
    assert_string_equal(json_string_value(json_at(result, "steps.0.result")), "done");
    assert_string_equal(json_string_value(json_at(result, "steps.1.result")), "planned");
    assert_non_null(strstr(json_string_value(json_at(result, "error.message")), "not begun"));
    assert_int_equal(json_integer_value(json_at(result, "after")),
                     512 * MIB + json_integer_value(json_at(result, "steps.0.size")));
    json_decref(result);
    EXPECT(0, lab_socket(vm), "set", "1G");
}

static void sigint_ends_an_unplug(void **state)
{
    (void)state;
    signals_end_an_unplug(SIGINT);
}

static void sigterm_ends_an_unplug(void **state)
{
    (void)state;
    signals_end_an_unplug(SIGTERM);
}

static void sigint_ends_a_set(void **state)
{
    (void)state;
    signals_end_a_set(SIGINT);
}

static void sigterm_ends_a_set(void **state)
{
    (void)state;
    signals_end_a_set(SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cycles_leave_nothing, teardown),
        cmocka_unit_test_teardown(sigint_ends_an_unplug, teardown),
        cmocka_unit_test_teardown(sigterm_ends_an_unplug, teardown),
        cmocka_unit_test_teardown(sigint_ends_a_set, teardown),
        cmocka_unit_test_teardown(sigterm_ends_a_set, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
