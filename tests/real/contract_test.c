/* Every key that scripts may rely on, with its type, in the documents that a real VM gives. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "support/run.h"

/* A letter a type: s string, i integer, r real, b boolean, n null, a array with at least one
 * element, o object. */
struct key {
    const char *path, *type;
};

static char letter_of(const json_t *value)
{
    static const char letters[] = {
        [JSON_OBJECT] = 'o', [JSON_ARRAY] = 'a', [JSON_STRING] = 's', [JSON_INTEGER] = 'i',
        [JSON_REAL] = 'r',   [JSON_TRUE] = 'b',  [JSON_FALSE] = 'b',  [JSON_NULL] = 'n'};

    if (!value || (json_is_array(value) && json_array_size(value) == 0))
        return '-';
    return letters[json_typeof(value)];
}

static void assert_keys(const char *document, const json_t *json, const struct key *keys)
{
    for (; keys->path; keys++) {
        char letter = letter_of(json_at(json, keys->path));

        if (letter != *keys->type)
            fail_msg("%s: %s is of type %c, not %s", document, keys->path, letter, keys->type);
    }
}

#define ASSERT_KEYS(document, json, ...)                                                           \
    assert_keys(document, json, (const struct key[]){__VA_ARGS__, {NULL, NULL}})

/* The document of a command that ends with this code. */
static json_t *document(int code, const char *socket, const char *const *arguments)
{
    return run_json(run_expect(code, socket, arguments));
}
#define DOCUMENT(code, socket, ...)                                                                \
    document(code, socket, (const char *const[]){__VA_ARGS__, "--json", NULL})

static struct lab_vm *start_with_all_there_is(void)
{
    static const char *const arguments[] = {"-name",   "web",
                                            "-object", "memory-backend-memfd,id=nameless,size=128M",
                                            "-device", "pc-dimm,memdev=nameless",
                                            "-object", "memory-backend-ram,id=pool,size=1G",
                                            "-device", "virtio-mem-pci,id=elastic,memdev=pool",
                                            NULL};
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, arguments);

    EXPECT(0, lab_socket(vm), "plug", "1G", "--id", "dimm1", "--host-nodes", "0",
           "--accept-timeout", "0");
    EXPECT(0, lab_socket(vm), "qmp", "object-add", "qom-type=memory-backend-ram", "id=mem-dimm7",
           "size=134217728");
    return vm;
}

/* Of the row with this id, or without one (NULL). */
static const json_t *device(const json_t *status, const char *id)
{
    const json_t *row;
    size_t index;

    json_array_foreach(json_at(status, "devices"), index, row)
    {
        const char *its = json_string_value(json_at(row, "id"));

        if (id ? its && strcmp(its, id) == 0 : !its)
            return row;
    }
    fail_msg("status shows no device %s", id ? id : "without an id");
    return NULL;
}

static void assert_device(const json_t *row, const char *id_type)
{
    ASSERT_KEYS("a device of status", row, {"id", id_type}, {"qom-path", "s"}, {"type", "s"},
                {"slot", "i"}, {"node", "i"}, {"address", "i"}, {"size", "i"}, {"hotplugged", "b"},
                {"hotpluggable", "b"}, {"backend.id", "s"}, {"backend.type", "s"},
                {"backend.pagesize", "i"}, {"backend.policy", "s"}, {"backend.prealloc", "b"},
                {"backend.share", "b"});
    assert_true(json_is_array(json_at(row, "backend.host-nodes")));
}

static void assert_status(const json_t *status)
{
    ASSERT_KEYS("status", status, {"vm.name", "s"}, {"vm.uuid", "s"}, {"vm.state", "s"},
                {"vm.qemu", "s"}, {"vm.socket", "s"}, {"memory.base", "i"}, {"memory.plugged", "i"},
                {"memory.total", "i"}, {"memory.maximum", "i"}, {"slots.total", "i"},
                {"slots.used", "i"}, {"devices", "a"}, {"nodes.0.node", "i"}, {"nodes.0.base", "i"},
                {"nodes.0.plugged", "i"}, {"orphans.0.id", "s"}, {"orphans.0.size", "i"},
                {"reachable.granule", "i"}, {"reachable.complete", "b"});
    assert_device(device(status, "dimm1"), "s");
    assert_device(device(status, NULL), "n");
    assert_device(device(status, "elastic"), "s");
    ASSERT_KEYS("virtio-mem", device(status, "elastic"), {"requested-size", "i"}, {"max-size", "i"},
                {"block-size", "i"});
    ASSERT_KEYS("dimm1", device(status, "dimm1"), {"backend.host-nodes.0", "i"});
}

static void status_has_its_keys(void **state)
{
    struct lab_vm *vm = start_with_all_there_is();
    json_t *status = DOCUMENT(0, lab_socket(vm), "status");

    (void)state;
    assert_status(status);
    json_decref(status);
    /* Of several VMs, an array. */
    status = DOCUMENT(3, lab_socket(vm), "status", "-s", "/nowhere/qmp");
    assert_status(json_array_get(status, 0));
    ASSERT_KEYS("a VM that cannot be asked", json_array_get(status, 1), {"socket", "s"},
                {"error.code", "i"}, {"error.message", "s"});
    json_decref(status);
    lab_stop(vm);
}

static void assert_result(const char *command, const json_t *json)
{
    ASSERT_KEYS(command, json, {"before", "i"}, {"requested", "i"}, {"after", "i"},
                {"complete", "b"}, {"steps.0.action", "s"}, {"steps.0.id", "s"},
                {"steps.0.size", "i"}, {"steps.0.node", "i"}, {"steps.0.result", "s"});
}

static void assert_plan(const char *command, json_t *json)
{
    assert_result(command, json);
    ASSERT_KEYS(command, json, {"steps.0.reason", "s"});
    json_decref(json);
}

static void assert_growth(const char *command, json_t *json)
{
    assert_result(command, json);
    ASSERT_KEYS(command, json, {"steps.0.accepted", "b"}, {"steps.0.seconds", "r"});
    json_decref(json);
}

static void changes_have_their_keys(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    const char *socket = lab_socket(vm);
    json_t *json;

    (void)state;
    assert_plan("plan", DOCUMENT(0, socket, "plan", "1G"));
    assert_plan("set --dry-run", DOCUMENT(0, socket, "set", "1G", "--dry-run"));
    assert_growth("set", DOCUMENT(0, socket, "set", "1G", "--accept-timeout", "0"));
    assert_growth("plug", DOCUMENT(0, socket, "plug", "1G", "--accept-timeout", "0"));
    json = DOCUMENT(6, socket, "plan", "1100M");
    ASSERT_KEYS("plan of no way", json, {"nearest.below", "i"}, {"nearest.above", "i"},
                {"error.code", "i"}, {"error.message", "s"});
    json_decref(json);
    json = DOCUMENT(6, socket, "plan", "100M");
    ASSERT_KEYS("plan below the base", json, {"nearest.below", "n"}, {"nearest.above", "i"});
    json_decref(json);
    json = DOCUMENT(5, socket, "unplug", "dimm0", "--timeout", "0");
    assert_result("unplug", json);
    ASSERT_KEYS("unplug", json, {"steps.0.reason", "s"}, {"steps.0.seconds", "r"},
                {"error.code", "i"}, {"error.message", "s"});
    json_decref(json);
    lab_stop(vm);
}

static void errors_of_qemu_have_their_keys(void **state)
{
    struct lab_vm *vm =
        lab_start(LAB_HOST, LAB_ABSENT, NULL, (const char *const[]){"-machine", "acpi=off", NULL});
    json_t *json = DOCUMENT(1, lab_socket(vm), "plug", "128M");

    (void)state;
    ASSERT_KEYS("an error of QEMU", json, {"error.code", "i"}, {"error.message", "s"},
                {"error.qmp.class", "s"}, {"error.qmp.desc", "s"});
    json_decref(json);
    lab_stop(vm);
}

static void repair_has_its_keys(void **state)
{
    struct lab_vm *vm = start_with_all_there_is();
    json_t *json = DOCUMENT(0, lab_socket(vm), "repair");

    (void)state;
    ASSERT_KEYS("repair", json, {"deleted.0", "s"}, {"kept.0.id", "s"}, {"kept.0.reason", "s"});
    json_decref(json);
    lab_stop(vm);
}

static void list_has_its_keys(void **state)
{
    struct lab_vm *vm =
        lab_start(LAB_HOST, LAB_ABSENT, NULL, (const char *const[]){"-name", "web", NULL});
    json_t *json = DOCUMENT(0, NULL, "list");
    const json_t *row;
    bool found = false;
    size_t index;

    (void)state;
    json_array_foreach(json, index, row)
    {
        if (json_integer_value(json_at(row, "pid")) != lab_pid(vm))
            continue;
        ASSERT_KEYS("list", row, {"pid", "i"}, {"name", "s"}, {"socket", "s"}, {"memory", "i"});
        found = true;
    }
    assert_true(found);
    json_decref(json);
    lab_stop(vm);
}

static void watch_has_its_keys(void **state)
{
    static const char begin[] = "{\"time\":";
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    static struct run_process watch;
    static char line[sizeof watch.said + sizeof begin];
    json_t *json;

    (void)state;
    run_begin(&watch, lab_socket(vm), (const char *const[]){"-v", "watch", "-ja", NULL});
    run_await(&watch, "<- {\"return\": {}, \"id\": 1}", 10);
    lab_halt(vm);
    /* A line is written at once, so that the rest has come with its begin. */
    run_await(&watch, begin, 10);
    snprintf(line, sizeof line, "%s%s", begin, watch.said);
    json = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
    assert_int_equal(run_end(&watch, SIGINT), 0);
    ASSERT_KEYS("watch", json, {"time", "r"}, {"socket", "s"}, {"event", "s"});
    assert_true(json_is_object(json_at(json, "data")));
    json_decref(json);
    lab_stop(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(status_has_its_keys, lab_teardown),
        cmocka_unit_test_teardown(changes_have_their_keys, lab_teardown),
        cmocka_unit_test_teardown(errors_of_qemu_have_their_keys, lab_teardown),
        cmocka_unit_test_teardown(repair_has_its_keys, lab_teardown),
        cmocka_unit_test_teardown(list_has_its_keys, lab_teardown),
        cmocka_unit_test_teardown(watch_has_its_keys, lab_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
