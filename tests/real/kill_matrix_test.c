/*
 * qmpctl killed before and after each message of each operation, on a real QEMU with a real guest:
 * what is left is shown by status, and repair and the same command again lead to what was meant.
 * The same with the connection cut instead: the command itself gets there.
 *
 * A stride spares most of the cases; QMPCTL_LONG=1 (make check-long) plays them all.
 */
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
#include "support/proxy.h"
#include "support/run.h"

#define MIB    ((json_int_t)1024 * 1024)
#define BASE   (512 * MIB)
#define STRIDE 7
#define WORDS  8

struct operation {
    const char *name;
    const char *prepare[2][WORDS]; /* from a VM without plugged memory */
    const char *command[WORDS];
    json_int_t total;
    bool may_say_so; /* done already is an error of this command: exit 1 */
};

static const struct operation operations[] = {
    {"plug", {{NULL}}, {"plug", "128M", "--id", "web0"}, BASE + 128 * MIB, true},
    {"unplug", {{"plug", "128M", "--id", "web0"}}, {"unplug", "web0", "-t", "6"}, BASE, true},
    {"set up", {{NULL}}, {"set", "896M"}, BASE + 384 * MIB, false},
    {"set down", {{"set", "896M"}}, {"set", "512M", "-t", "6"}, BASE, false},
    {"set --swap",
     {{"plug", "256M"}},
     {"set", "640M", "--swap", "-t", "6"},
     BASE + 128 * MIB,
     false},
};

struct bench {
    struct lab_vm *vm;
    struct proxy *proxy;
    const char *socket;
};

static struct bench bench;

static int teardown(void **state)
{
    proxy_stop(bench.proxy);
    bench.proxy = NULL;
    return lab_teardown(state);
}

static size_t count_backends(void)
{
    json_t *backends = run_json(EXPECT(0, bench.socket, "qmp", "--json", "query-memdev"));
    size_t count = json_array_size(backends);

    json_decref(backends);
    return count;
}

/* Nothing is there that status does not show. A device that goes meanwhile leaves an orphan, so
 * that the sum stays. */
static void assert_all_is_shown(void)
{
    json_t *status = run_json(EXPECT(0, bench.socket, "status", "--json"));

    assert_int_equal(json_array_size(json_at(status, "devices")) +
                         json_array_size(json_at(status, "orphans")) + 1,
                     count_backends());
    json_decref(status);
}

static void assert_reached(json_int_t total)
{
    json_t *status = run_json(EXPECT(0, bench.socket, "status", "--json"));
    size_t devices = json_array_size(json_at(status, "devices"));

    assert_int_equal(json_integer_value(json_at(status, "memory.total")), total);
    assert_true(json_is_true(json_at(status, "reachable.complete")));
    assert_int_equal(json_array_size(json_at(status, "orphans")), 0);
    json_decref(status);
    assert_int_equal(count_backends(), devices + 1);
}

static void prepare(const struct operation *operation)
{
    EXPECT(0, bench.socket, "set", "512M");
    for (size_t i = 0; i < 2 && operation->prepare[i][0]; i++)
        run_expect(0, bench.socket, operation->prepare[i]);
}

/* Whether that message came at all, and the client was killed. */
static bool kill_at(const struct operation *operation, size_t message, enum proxy_moment moment)
{
    const struct run_result *result;
    size_t orphans;

    prepare(operation);
    proxy_at(bench.proxy, message, moment, proxy_kill_client, NULL);
    result = run_qmpctl(proxy_path(bench.proxy), operation->command);
    if (!proxy_has_struck(bench.proxy)) {
        assert_int_equal(result->code, 0);
        return false;
    }
    /* It may have been through: with the last reply, and before an event that it did not need. */
    if (result->code != 128 + 9 && result->code != 0)
        fail_msg("%s: ended with %d: %s", operation->name, result->code, result->err);
    if (result->code == 0)
        assert_int_equal(status_number(bench.socket, "memory.total"), operation->total);
    assert_all_is_shown();
    if (message % 2)
        EXPECT(0, bench.socket, "repair");
    orphans = status_rows(bench.socket, "orphans");
    result = run_qmpctl(bench.socket, operation->command);
    /* An error only where no trace of the first request is left, or its device is there. */
    if (result->code != 0 && !(operation->may_say_so && result->code == 1 && !orphans))
        fail_msg("%s, killed %s message %zu, again: %d: %s", operation->name,
                 moment == PROXY_BEFORE ? "before" : "after", message, result->code, result->err);
    EXPECT(0, bench.socket, "repair");
    assert_reached(operation->total);
    return true;
}

/* The connection is cut instead, and got again: the command itself does what it was asked for, or
 * says that it could not begin. */
static bool cut_at(const struct operation *operation, size_t message, enum proxy_moment moment)
{
    const struct run_result *result;

    prepare(operation);
    proxy_at(bench.proxy, message, moment, proxy_cut, NULL);
    result = run_qmpctl(proxy_path(bench.proxy), operation->command);
    if (!proxy_has_struck(bench.proxy))
        return false;
    /* In the greeting nothing was begun; and it does not ask twice on its own. */
    if ((result->code == 3 && message < 3) ||
        (result->code == 5 && strstr(result->err, "whether the guest was asked is not known")))
        result = run_qmpctl(bench.socket, operation->command);
    if (result->code != 0)
        fail_msg("%s, cut %s message %zu: %d: %s", operation->name,
                 moment == PROXY_BEFORE ? "before" : "after", message, result->code, result->err);
    assert_reached(operation->total);
    return true;
}

typedef bool play_case(const struct operation *operation, size_t message, enum proxy_moment moment);

static void play(int qemu, play_case *play_one)
{
    const size_t stride = getenv("QMPCTL_LONG") ? 1 : STRIDE;
    size_t cases = 0;

    bench.vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    bench.socket = lab_socket(bench.vm);
    bench.proxy = proxy_start(bench.socket);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        size_t before = cases;

        for (size_t point = i % stride;
             play_one(&operations[i], point / 2, point % 2 ? PROXY_AFTER : PROXY_BEFORE);
             point += stride)
            cases++;
        print_message("%s: %zu cases\n", operations[i].name, cases - before);
    }
    assert_true(cases > 30);
    assert_true(lab_is_alive(bench.vm));
}

static void killed(int qemu)
{
    play(qemu, kill_at);
}

static void cut(int qemu)
{
    play(qemu, cut_at);
}

TEST_ON(killed, LAB_BULLSEYE, on_bullseye)
TEST_ON(killed, LAB_SID, on_sid)
TEST_ON(cut, LAB_BULLSEYE, on_bullseye)
TEST_ON(cut, LAB_SID, on_sid)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(killed_on_bullseye, teardown),
        cmocka_unit_test_teardown(killed_on_sid, teardown),
        cmocka_unit_test_teardown(cut_on_bullseye, teardown),
        cmocka_unit_test_teardown(cut_on_sid, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
