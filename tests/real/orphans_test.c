/* Whose a backend is that no device uses: what qmpctl left behind goes, all else stays. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/proxy.h"
#include "support/run.h"

#define MIB  ((json_int_t)1024 * 1024)
#define BASE (512 * MIB)

static struct proxy *proxy;

/* What qmpctl leaves when it is killed after its object-add. */
static void leave(const char *socket, const char *device)
{
    char id[64];

    snprintf(id, sizeof id, "id=mem-%s", device);
    EXPECT(0, socket, "qmp", "object-add", "qom-type=memory-backend-ram", id, "size=134217728");
}

/* Why repair keeps it; NULL: it does not. For the caller to release. */
static json_t *reason_of(const char *socket, const char *id)
{
    json_t *answer = run_json(EXPECT(0, socket, "repair", "--dry-run", "--json"));
    json_t *reason = NULL, *row;
    size_t i;

    json_array_foreach(json_at(answer, "kept"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "id")), id) == 0)
            reason = json_incref(json_object_get(row, "reason"));
    }
    json_decref(answer);
    return reason;
}

static void what_qemu_was_started_with_stays(int qemu)
{
    static const char *const arguments[] = {"-object", "memory-backend-ram,id=mem-spare,size=64M",
                                            NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, arguments);
    const char *socket = lab_socket(vm);
    json_t *reason;

    assert_int_equal(status_rows(socket, "orphans"), 0);
    leave(socket, "web0");
    assert_int_equal(status_rows(socket, "orphans"), 1);
    EXPECT(0, socket, "plug", "128M", "--accept-timeout", "0");
    assert_int_equal(status_rows(socket, "orphans"), 0);
    EXPECT(0, socket, "repair");
    reason = reason_of(socket, "mem-spare");
    assert_string_equal(json_string_value(reason), "QEMU was started with it");
    json_decref(reason);
}

/* Two guest nodes: neither backend is as large as the boot memory. */
static void what_is_left_in_a_vm_of_several_nodes_is_seen(int qemu)
{
    static const char *const arguments[] = {
        "-object", "memory-backend-ram,id=low,size=256M",  "-numa", "node,nodeid=0,memdev=low",
        "-object", "memory-backend-ram,id=high,size=256M", "-numa", "node,nodeid=1,memdev=high",
        NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, arguments);
    const char *socket = lab_socket(vm);
    json_t *reason;

    leave(socket, "web0");
    assert_int_equal(status_rows(socket, "orphans"), 1);
    reason = reason_of(socket, "low");
    assert_string_equal(json_string_value(reason), "the machine's own memory");
    json_decref(reason);
    EXPECT(0, socket, "plug", "256M", "--id", "web0", "--accept-timeout", "0");
    assert_int_equal(status_rows(socket, "orphans"), 0);
    assert_int_equal(status_number(socket, "memory.total"), BASE + 256 * MIB);
}

/* What cannot work changes nothing. */
static void what_has_no_plan_leaves_all_as_it_is(int qemu)
{
    static const struct {
        const char *command[8];
        int code;
    } cases[] = {
        {{"set", "1G", "--keep", "nobody"}, 2},     {{"set", "1G", "--node", "9"}, 2},
        {{"plug", "128M", "--backend", "file"}, 2}, {{"set", "600M"}, 6},
        {{"unplug", "--size", "128M"}, 6},          {{"unplug", "nobody"}, 1},
        {{"plug", "128M", "--mem-path", "/no"}, 2},
    };
    const char *socket = lab_socket(lab_start(qemu, LAB_ABSENT, NULL, NULL));

    leave(socket, "dimm3");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_expect(cases[i].code, socket, cases[i].command);
        assert_int_equal(status_rows(socket, "orphans"), 1);
    }
}

static void what_is_cleaned_is_told(int qemu)
{
    const char *socket = lab_socket(lab_start(qemu, LAB_ABSENT, NULL, NULL));
    const struct run_result *result;
    json_t *json;

    leave(socket, "dimm3");
    json = run_json(EXPECT(0, socket, "set", "512M", "--json"));
    assert_int_equal(json_array_size(json_at(json, "cleaned")), 1);
    assert_string_equal(json_string_value(json_at(json, "cleaned.0.id")), "mem-dimm3");
    assert_int_equal(json_integer_value(json_at(json, "cleaned.0.size")), 128 * MIB);
    assert_int_equal(json_array_size(json_at(json, "steps")), 0);
    json_decref(json);
    leave(socket, "dimm4");
    result = EXPECT(0, socket, "plug", "256M", "--accept-timeout", "0");
    assert_non_null(strstr(result->out, "clean   mem-dimm4           128 MiB"));
    /* Where it is the answer to what was asked for, a step says so. */
    leave(socket, "web");
    json = run_json(EXPECT(0, socket, "unplug", "web", "--json"));
    assert_int_equal(json_array_size(json_at(json, "steps")), 1);
    assert_null(json_at(json, "cleaned"));
    json_decref(json);
    json = run_json(EXPECT(0, socket, "set", "768M", "--json"));
    assert_null(json_at(json, "cleaned"));
    json_decref(json);
}

static enum proxy_verdict interrupt(pid_t client, void *arg)
{
    (void)arg;
    kill(client, SIGINT);
    return PROXY_GO_ON;
}

/* What is under way is finished; what is not begun stays, and is told. */
static void a_repair_is_interrupted(int qemu)
{
    const char *socket = lab_socket(lab_start(qemu, LAB_ABSENT, NULL, NULL));
    json_t *answer, *row;
    size_t deleted, i;

    for (const char *digit = "123456789"; *digit; digit++)
        leave(socket, (const char[]){'d', 'i', 'm', 'm', *digit, '\0'});
    proxy = proxy_start(socket);
    proxy_on(proxy, "\"object-del\"", PROXY_BEFORE, interrupt, NULL);
    answer = run_json(EXPECT(128 + SIGINT, proxy_path(proxy), "repair", "--json"));
    deleted = json_array_size(json_at(answer, "deleted"));
    assert_in_range(deleted, 1, 8);
    assert_int_equal(status_rows(socket, "orphans"), 9 - deleted);
    json_array_foreach(json_at(answer, "kept"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "reason")), "interrupted: not begun") ==
            0)
            deleted++;
    }
    assert_int_equal(deleted, 9);
    json_decref(answer);
}

static int teardown(void **state)
{
    proxy_stop(proxy);
    proxy = NULL;
    return lab_teardown(state);
}

TEST_ON_EACH(what_qemu_was_started_with_stays)
TEST_ON_EACH(what_is_left_in_a_vm_of_several_nodes_is_seen)
TEST_ON_EACH(what_has_no_plan_leaves_all_as_it_is)
TEST_ON_EACH(what_is_cleaned_is_told)
TEST_ON(a_repair_is_interrupted, LAB_HOST, on_host)
TEST_ON(a_repair_is_interrupted, LAB_SID, on_sid)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(what_qemu_was_started_with_stays),
        ON_EACH(what_is_left_in_a_vm_of_several_nodes_is_seen),
        ON_EACH(what_has_no_plan_leaves_all_as_it_is),
        ON_EACH(what_is_cleaned_is_told),
        cmocka_unit_test_teardown(a_repair_is_interrupted_on_host, teardown),
        cmocka_unit_test_teardown(a_repair_is_interrupted_on_sid, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
