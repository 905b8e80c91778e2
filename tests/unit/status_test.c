/* What the program makes of a VM that a scripted monitor describes: all that real ones show rarely.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/fake_monitor.h"
#include "support/run.h"

static const char devices[] =
    "[{\"type\":\"dimm\",\"data\":{\"id\":\"web\",\"slot\":3,\"node\":1,\"addr\":4294967296,"
    "\"size\":268435456,\"hotplugged\":true,\"hotpluggable\":true,\"memdev\":\"/objects/"
    "mem-web\"}},"
    "{\"type\":\"dimm\",\"data\":{\"slot\":5,\"node\":0,\"addr\":4563402752,\"size\":134217728,"
    "\"hotplugged\":false,\"hotpluggable\":true,\"memdev\":\"/objects/nameless\"}},"
    "{\"type\":\"virtio-mem\",\"data\":{\"id\":\"elastic\",\"node\":0,\"memaddr\":8589934592,"
    "\"size\":67108864,\"requested-size\":134217728,\"max-size\":1073741824,\"block-size\":2097152,"
    "\"memdev\":\"/objects/pool\"}},"
    "{\"type\":\"quantum-foam\",\"data\":{\"shape\":[1,2]}}]";

static const char backends[] =
    "[{\"id\":\"mem-web\",\"size\":268435456,\"merge\":true,\"dump\":true,\"prealloc\":true,"
    "\"share\":false,\"host-nodes\":[0,2],\"policy\":\"bind\"},"
    "{\"id\":\"nameless\",\"size\":134217728,\"host-nodes\":[],\"policy\":\"default\"},"
    "{\"id\":\"pool\",\"size\":1073741824,\"host-nodes\":[],\"policy\":\"default\"},"
    "{\"id\":\"pc.ram\",\"size\":536870912,\"host-nodes\":[],\"policy\":\"default\"},"
    "{\"id\":\"mem-dimm7\",\"size\":134217728,\"host-nodes\":[],\"policy\":\"default\"}]";

static void describe_with(struct fake_monitor *fake, const char *memdev)
{
    fake_monitor_allow(fake, "query-status", NULL, "{\"status\":\"paused\",\"running\":false}");
    fake_monitor_allow(fake, "query-name", NULL, "{}");
    fake_monitor_allow(fake, "query-uuid", NULL, "{\"UUID\":\"1-2-3\"}");
    fake_monitor_allow(fake, "query-memory-size-summary", NULL,
                       "{\"base-memory\":536870912,\"plugged-memory\":469762048}");
    fake_monitor_allow(fake, "query-memory-devices", NULL, devices);
    fake_monitor_allow(fake, "query-memdev", NULL, memdev);
    fake_monitor_allow(fake, "qom-list", "{\"path\":\"/objects\"}",
                       "[{\"name\":\"mem-web\",\"type\":\"child<memory-backend-ram>\"}]");
    fake_monitor_allow(fake, "qom-list", "{\"path\":\"/machine/peripheral\"}", "[]");
    fake_monitor_allow(fake, "qom-list", "{\"path\":\"/machine/peripheral-anon\"}",
                       "[{\"name\":\"type\",\"type\":\"string\"},"
                       "{\"name\":\"device[0]\",\"type\":\"child<virtio-rng>\"},"
                       "{\"name\":\"device[1]\",\"type\":\"child<pc-dimm>\"}]");
    fake_monitor_allow(fake, "qom-get",
                       "{\"path\":\"/machine/peripheral-anon/device[1]\",\"property\":\"slot\"}",
                       "5");
    fake_monitor_allow(fake, "qom-get", "{\"path\":\"/machine\",\"property\":\"memory\"}",
                       "{\"size\":536870912,\"slots\":16,\"max-size\":8589934592}");
    fake_monitor_allow(fake, "query-acpi-ospm-status", NULL,
                       "[{\"slot-type\":\"DIMM\",\"slot\":\"3\",\"source\":3,\"status\":132}]");
    fake_monitor_allow(fake, "human-monitor-command", "{\"command-line\":\"info numa\"}",
                       "\"2 nodes\\r\\nnode 0 cpus: 0\\r\\nnode 0 size: 640 MB\\r\\n"
                       "node 0 plugged: 192 MB\\r\\nnode 1 cpus:\\r\\nnode 1 size: 320 MB\\r\\n"
                       "node 1 plugged: 256 MB\\r\\n\"");
    fake_monitor_allow(fake, "query-migrate", NULL, "{}");
}

static void describe(struct fake_monitor *fake)
{
    describe_with(fake, backends);
}

static const char *text(const json_t *json, const char *path)
{
    return json_string_value(json_at(json, path));
}

static json_int_t number(const json_t *json, const char *path)
{
    return json_integer_value(json_at(json, path));
}

static void status_shows_devices_of_every_kind(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    json_t *status;

    (void)state;
    describe(fake);
    status = run_json(EXPECT(0, fake_monitor_path(fake), "status", "--json"));
    assert_int_equal(json_array_size(json_at(status, "devices")), 4);
    assert_string_equal(text(status, "devices.0.qom-path"), "/machine/peripheral/web");
    assert_string_equal(text(status, "devices.0.backend.type"), "ram");
    assert_string_equal(text(status, "devices.0.backend.policy"), "bind");
    assert_int_equal(json_array_size(json_at(status, "devices.0.backend.host-nodes")), 2);
    assert_true(json_is_true(json_at(status, "devices.0.unplug-pending")));
    assert_true(json_is_null(json_at(status, "devices.1.id")));
    assert_string_equal(text(status, "devices.1.qom-path"), "/machine/peripheral-anon/device[1]");
    assert_true(json_is_false(json_at(status, "devices.1.hotplugged")));
    assert_int_equal(number(status, "devices.2.requested-size"), 134217728);
    assert_int_equal(number(status, "devices.2.address"), 8589934592);
    assert_int_equal(number(status, "devices.2.slot"), -1);
    assert_string_equal(text(status, "devices.3.type"), "quantum-foam");
    assert_int_equal(number(status, "slots.used"), 2);
    json_decref(status);
    fake_monitor_finish(fake);
}

static void status_shows_nodes_orphans_and_the_vm(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    json_t *status;

    (void)state;
    describe(fake);
    status = run_json(EXPECT(0, fake_monitor_path(fake), "status", "--json"));
    assert_true(json_is_null(json_at(status, "vm.name")));
    assert_string_equal(text(status, "vm.state"), "paused");
    assert_string_equal(text(status, "vm.uuid"), "1-2-3");
    assert_int_equal(number(status, "memory.total"), 1006632960);
    assert_int_equal(number(status, "memory.maximum"), 8589934592);
    assert_int_equal(json_array_size(json_at(status, "nodes")), 2);
    assert_int_equal(number(status, "nodes.0.base"), 448 * 1048576);
    assert_int_equal(number(status, "nodes.1.plugged"), 256 * 1048576);
    assert_int_equal(json_array_size(json_at(status, "orphans")), 1);
    assert_string_equal(text(status, "orphans.0.id"), "mem-dimm7");
    json_decref(status);
    fake_monitor_finish(fake);
}

/* repair deletes orphans, so that taking another's for one would be the end of that. */
static void only_what_is_ours_is_an_orphan(void **state)
{
#define DEVICES "{\"id\":\"mem-web\",\"size\":268435456},{\"id\":\"nameless\",\"size\":134217728},"
    static const struct {
        const char *backends, *orphan; /* NULL: there is none */
    } cases[] = {
        /* Guest nodes whose owner named their memory as we would. */
        {"[" DEVICES "{\"id\":\"mem-n0\",\"size\":268435456},"
         "{\"id\":\"mem-n1\",\"size\":268435456}]",
         NULL},
        /* As large as the boot memory, and before it. */
        {"[" DEVICES "{\"id\":\"mem-dimm8\",\"size\":536870912},"
         "{\"id\":\"pc.ram\",\"size\":536870912}]",
         "mem-dimm8"},
        {"[" DEVICES "{\"id\":\"pc.ram\",\"size\":536870912},"
         "{\"id\":\"mem-web9\",\"size\":134217728},{\"id\":\"disk\",\"size\":134217728}]",
         "mem-web9"},
        /* Several guest nodes, the last of which is as large as what was left behind. */
        {"[" DEVICES "{\"id\":\"mem-web9\",\"size\":402653184},"
         "{\"id\":\"ram0\",\"size\":134217728},{\"id\":\"ram1\",\"size\":402653184}]",
         "mem-web9"},
        {"[" DEVICES "{\"id\":\"mem-web9\",\"size\":536870912},"
         "{\"id\":\"ram0\",\"size\":268435456},{\"id\":\"ram1\",\"size\":268435456}]",
         "mem-web9"},
        /* More than the machine has: which of them are its own is not known. */
        {"[" DEVICES "{\"id\":\"mem-web9\",\"size\":134217728},"
         "{\"id\":\"ram0\",\"size\":268435456},{\"id\":\"disk\",\"size\":134217728}]",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_monitor *fake = fake_monitor_start();
        json_t *status;

        describe_with(fake, cases[i].backends);
        status = run_json(EXPECT(0, fake_monitor_path(fake), "status", "--json"));
        assert_int_equal(json_array_size(json_at(status, "orphans")), cases[i].orphan != NULL);
        if (cases[i].orphan)
            assert_string_equal(text(status, "orphans.0.id"), cases[i].orphan);
        json_decref(status);
        fake_monitor_finish(fake);
    }
#undef DEVICES
}

static void the_text_says_the_same_for_people(void **state)
{
    static const char *const words[] = {"paused",
                                        "web",
                                        "unplug pending",
                                        "quantum-foam",
                                        "since start",
                                        "device[1]",
                                        "orphaned backend mem-dimm7",
                                        "repair"};
    struct fake_monitor *fake = fake_monitor_start();
    const struct run_result *result;

    (void)state;
    describe(fake);
    result = EXPECT(0, fake_monitor_path(fake), "status");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strstr(result->out, words[i]))
            fail_msg("'%s' is not in: %s", words[i], result->out);
    }
    fake_monitor_finish(fake);
}

/* Every multiple of what the guest can use, from base to total, or not. */
static void status_says_which_sizes_can_be_reached(void **state)
{
#define DIMM(id, size)                                                                             \
    "{\"type\":\"dimm\",\"data\":{\"id\":\"" id "\",\"slot\":0,\"node\":0,\"addr\":4294967296,"    \
    "\"size\":" size ",\"hotplugged\":true,\"hotpluggable\":true,\"memdev\":\"/objects/m\"}}"
#define ELASTIC(size)                                                                              \
    "{\"type\":\"virtio-mem\",\"data\":{\"id\":\"v\",\"node\":0,\"memaddr\":8589934592,"           \
    "\"size\":" size ",\"requested-size\":" size                                                   \
    ",\"max-size\":1073741824,\"block-size\":2097152,"                                             \
    "\"memdev\":\"/objects/p\"}}"
    static const struct {
        const char *summary, *devices;
        json_int_t granule;
        bool complete;
        const char *line;
    } cases[] = {
        {"{\"base-memory\":536870912,\"plugged-memory\":0}", "[]", 134217728, true,
         "\nreachable every multiple of 128M from base to total\n"},
        {"{\"base-memory\":536870912,\"plugged-memory\":402653184}",
         "[" DIMM("a", "268435456") "," DIMM("b", "134217728") "]", 134217728, true,
         "\nreachable every multiple of 128M from base to total\n"},
        {"{\"base-memory\":536870912,\"plugged-memory\":268435456}", "[" DIMM("a", "268435456") "]",
         134217728, false, "\nreachable not every multiple of 128M from base to total\n"},
        /* Linux takes more at a time where its own memory ends at 64 GiB. */
        {"{\"base-memory\":66571993088,\"plugged-memory\":2147483648}",
         "[" DIMM("a", "2147483648") "]", 2147483648, true,
         "\nreachable every multiple of 2G from base to total\n"},
        {"{\"base-memory\":66571993088,\"plugged-memory\":4294967296}",
         "[" DIMM("a", "4294967296") "]", 2147483648, false,
         "\nreachable not every multiple of 2G from base to total\n"},
        /* What cannot be unplugged stands between base and total, unless it gives nothing. */
        {"{\"base-memory\":536870912,\"plugged-memory\":134217728}", "[" ELASTIC("134217728") "]",
         134217728, false, "\nreachable not every multiple of 128M from base to total\n"},
        {"{\"base-memory\":536870912,\"plugged-memory\":134217728}",
         "[" ELASTIC("0") "," DIMM("a", "134217728") "]", 134217728, true,
         "\nreachable every multiple of 128M from base to total\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_monitor *fake = fake_monitor_start();
        json_t *status;

        describe(fake);
        fake_monitor_allow(fake, "query-memory-size-summary", NULL, cases[i].summary);
        fake_monitor_allow(fake, "query-memory-devices", NULL, cases[i].devices);
        status = run_json(EXPECT(0, fake_monitor_path(fake), "status", "--json"));
        assert_int_equal(number(status, "reachable.granule"), cases[i].granule);
        assert_true(json_is_boolean(json_at(status, "reachable.complete")));
        assert_int_equal(json_is_true(json_at(status, "reachable.complete")), cases[i].complete);
        json_decref(status);
        assert_non_null(strstr(EXPECT(0, fake_monitor_path(fake), "status")->out, cases[i].line));
        fake_monitor_finish(fake);
    }
#undef DIMM
#undef ELASTIC
}

/* What cannot be told is left out, and nothing else suffers. */
static void a_vm_that_tells_little_is_shown_all_the_same(void **state)
{
    static const char *const unknown[] = {"query-name",   "query-uuid",
                                          "query-memdev", "query-acpi-ospm-status",
                                          "query-status", "query-migrate"};
    struct fake_monitor *fake = fake_monitor_start();
    json_t *status;

    (void)state;
    describe(fake);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        fake_monitor_allow_error(fake, unknown[i], NULL, "CommandNotFound", "no such command");
    fake_monitor_allow_error(fake, "human-monitor-command", "{\"command-line\":\"info numa\"}",
                             "CommandNotFound", "no such command");
    fake_monitor_allow_error(fake, "qom-get", "{\"path\":\"/machine\",\"property\":\"memory\"}",
                             "GenericError", "no such property");
    status = run_json(EXPECT(0, fake_monitor_path(fake), "status", "--json"));
    assert_int_equal(json_array_size(json_at(status, "devices")), 4);
    assert_true(json_is_null(json_at(status, "slots.total")));
    assert_true(json_is_null(json_at(status, "memory.maximum")));
    assert_true(json_is_null(json_at(status, "devices.0.backend")));
    assert_int_equal(number(status, "nodes.0.plugged"), 469762048);
    json_decref(status);
    EXPECT(0, fake_monitor_path(fake), "status");
    fake_monitor_finish(fake);
}

/* Nothing in it that a terminal obeys: ESC, or its form of 8 bits that UTF-8 writes as two bytes.
 */
static void assert_tame(const struct run_result *result)
{
    assert_null(strchr(result->out, '\x1b'));
    assert_null(strstr(result->out, "\xc2\x9b"));
    assert_null(strchr(result->err, '\x1b'));
    assert_null(strstr(result->err, "\xc2\x9b"));
}

#define WILD "\\u001b[2J\\u009b2J"

static void what_qemu_says_does_not_steer_the_terminal(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    const char *socket = fake_monitor_path(fake);
    const struct run_result *result;

    (void)state;
    describe_with(fake, "[{\"id\":\"mem-dimm7" WILD "\",\"size\":134217728,\"host-nodes\":[],"
                        "\"policy\":\"p" WILD "\"}]");
    fake_monitor_allow(fake, "query-status", NULL, "{\"status\":\"s" WILD "\"}");
    fake_monitor_allow(fake, "query-name", NULL, "{\"name\":\"n" WILD "\"}");
    fake_monitor_allow(fake, "query-memory-devices", NULL,
                       "[{\"type\":\"t" WILD "\",\"data\":{\"id\":\"d" WILD "\"}}]");
    result = EXPECT(0, socket, "status");
    assert_non_null(strstr(result->out, "d?[2J?2J"));
    assert_non_null(strstr(result->out, "n?[2J?2J, s?[2J?2J"));
    assert_tame(result);
    assert_tame(EXPECT(0, socket, "repair", "--dry-run"));
    fake_monitor_finish(fake);

    /* The traffic is shown before it is read. */
    fake = fake_monitor_start_greeting("{\"\x1b[2J\xc2\x9b"
                                       "2J\": 0}");
    result = EXPECT(3, fake_monitor_path(fake), "-v", "status");
    assert_non_null(strstr(result->err, "<- {\"?[2J?2J\": 0}\n"));
    assert_tame(result);
    fake_monitor_finish(fake);
}

/* A device that is not named by an id is asked for by its path, and its backend goes with it. */
static void a_device_without_id_is_unplugged_by_its_path(void **state)
{
    static const char path[] = "/machine/peripheral-anon/device[1]";
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    describe(fake);
    fake_monitor_allow(fake, "query-status", NULL, "{\"status\":\"running\",\"running\":true}");
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm7\"}", "{}"); /* the orphan */
    fake_monitor_expect(fake, "device_del", "{\"id\":\"/machine/peripheral-anon/device[1]\"}",
                        "{}");
    fake_monitor_event(fake, "DEVICE_DELETED", "{\"path\":\"/machine/peripheral-anon/device[1]\"}");
    fake_monitor_expect(fake, "object-del", "{\"id\":\"nameless\"}", "{}");
    EXPECT(0, fake_monitor_path(fake), "unplug", path);
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_shows_devices_of_every_kind),
        cmocka_unit_test(status_shows_nodes_orphans_and_the_vm),
        cmocka_unit_test(only_what_is_ours_is_an_orphan),
        cmocka_unit_test(the_text_says_the_same_for_people),
        cmocka_unit_test(status_says_which_sizes_can_be_reached),
        cmocka_unit_test(a_vm_that_tells_little_is_shown_all_the_same),
        cmocka_unit_test(what_qemu_says_does_not_steer_the_terminal),
        cmocka_unit_test(a_device_without_id_is_unplugged_by_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
