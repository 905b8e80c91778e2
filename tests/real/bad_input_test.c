/* Bad arguments and bad monitors: each its own text and code, and no VM that dies of them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "support/run.h"

static struct lab_vm *vm;

static int start(void **state)
{
    (void)state;
    vm = lab_start(LAB_HOST, LAB_ABSENT, "512M,slots=2,maxmem=1G", NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    lab_stop(vm);
    return 0;
}

/* "qmpctl: WHAT: WHY", and a hint where there is a next step. */
static void assert_one_line_and_hint(const char *err)
{
    const char *rest = strchr(err, '\n');

    assert_memory_equal(err, "qmpctl: ", 8);
    assert_non_null(rest);
    if (*++rest) {
        assert_memory_equal(rest, "hint: ", 6);
        rest = strchr(rest, '\n');
        assert_non_null(rest);
        assert_string_equal(rest, "\n");
    }
}

static void bad_usage_sends_nothing(void **state)
{
    static const char *const cases[][5] = {
        {"plug", "0"},
        {"plug", "-1"},
        {"plug", "18446744073709551615"},
        {"plug", "1e30G"},
        {"plug", "1"},
        {"plug", "3M"},
        {"plug", "12X"},
        {"plug", ""},
        {"plug"},
        {"plug", "128M", "--id", "0bad"},
        {"plug", "128M", "--id", "a,b"},
        {"plug", "128M", "--node", "128"},
        {"plug", "128M", "--node", "-1"},
        {"plug", "128M", "--slot", "256"},
        {"plug", "128M", "--count", "0"},
        {"plug", "128M", "--count", "257"},
        {"plug", "4096T", "--count", "2"},
        {"plug", "128M", "--nonsense"},
        {"unplug"},
        {"unplug", "no such id"},
        {"set", "512"},
        {"status", "more"},
        {"status", "--swap"},
        {"nonsense"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Verbose shows what is sent: nothing. */
        const char *arguments[8] = {"-v"};
        const struct run_result *result;

        for (size_t j = 0; j < 5 && cases[i][j]; j++)
            arguments[j + 1] = cases[i][j];
        result = run_expect(2, lab_socket(vm), arguments);
        assert_null(strstr(result->err, "->"));
        assert_one_line_and_hint(result->err);
        assert_string_equal(result->out, "");
    }
    assert_true(lab_is_alive(vm));
}

#define ID_50  "a23456789-123456789-123456789-123456789-123456789-"
#define ID_200 ID_50 ID_50 ID_50 ID_50

/* What may be typed and is seldom meant reaches QEMU, which lives on, whatever it says. */
static void what_is_odd_and_valid_harms_no_vm(void **state)
{
    static const struct {
        const char *arguments[8];
        int code;
    } cases[] = {
        {{"plug", "2M"}, 0},
        {{"plug", "0.125G", "--id", "x.y-z_1"}, 0},
        {{"plug", "131072KiB", "--slot", "9"}, 0},
        {{"plug", "128M", "--id", ID_200}, 0},
        {{"plug", "128M", "--count", "1", "--host-nodes", "0", "--policy", "preferred"}, 0},
        {{"plug", "128M", "--backend", "memfd", "--share", "--merge", "off"}, 0},
        {{"plug", "128M", "--backend", "memfd", "--prealloc", "on"}, 0},
        {{"plug", "128M", "--backend", "file", "--mem-path", "/dev/shm"}, 0},
        {{"plug", "4096T"}, 1},
        {{"plug", "2048T", "--count", "2"}, 1},
        {{"set", "+2M", "--granule", "2M"}, 0},
        {{"set", "4096T"}, 6},
        {{"set", "1K"}, 6},
        {{"set", "-1K"}, 6},
        {{"unplug", "/machine/peripheral-anon/device[0]"}, 1},
        {{"unplug", "x.y-z_1", "/machine/peripheral/" ID_200, "--timeout", "0"}, 5},
        {{"unplug", "--size", "4096T"}, 6},
        {{"qmp", "human-monitor-command", "command-line="}, 0},
        {{"qmp", "qom-get", "path=/", "property=type"}, 0},
        {{"qmp", "no-such-command", "a.b.c=1"}, 1},
    };
    struct lab_vm *odd = lab_start(LAB_HOST, LAB_ABSENT, "512M,slots=16,maxmem=4G", NULL);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *arguments[16] = {"--accept-timeout", "0"};

        memcpy(arguments + 2, cases[i].arguments, sizeof cases[i].arguments);
        run_expect(cases[i].code, lab_socket(odd), arguments);
        assert_true(lab_is_alive(odd));
    }
    EXPECT(0, lab_socket(odd), "status");
    lab_stop(odd);
}

static void a_bad_monitor_is_named(void **state)
{
    char file[] = "/tmp/qmpctl-file-XXXXXX";
    int fd = mkstemp(file);

    (void)state;
    assert_true(fd >= 0);
    assert_non_null(
        strstr(EXPECT(3, "/tmp/there/is/no/such/socket", "status")->err, "no such socket"));
    assert_non_null(strstr(EXPECT(3, file, "status")->err, "not a socket"));
    assert_non_null(strstr(EXPECT(3, "127.0.0.1:1", "status")->err, "nobody listens"));
    close(fd);
    unlink(file);
}

static void a_monitor_in_use_is_named_in_time(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int holder = socket(AF_UNIX, SOCK_STREAM, 0);
    const struct run_result *result;
    char byte;

    (void)state;
    snprintf(name.sun_path, sizeof name.sun_path, "%s", lab_socket(vm));
    assert_int_equal(connect(holder, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(recv(holder, &byte, 1, 0), 1);
    result = EXPECT(3, lab_socket(vm), "status", "--connect-timeout", "0.5");
    assert_non_null(strstr(result->err, "in use"));
    assert_true(result->seconds < 1.5);
    close(holder);
}

static void what_the_vm_cannot_take_leaves_nothing_behind(void **state)
{
    json_t *status;

    (void)state;
    EXPECT(1, lab_socket(vm), "plug", "8G", "--accept-timeout", "0");
    EXPECT(1, lab_socket(vm), "plug", "128M", "--node", "9", "--accept-timeout", "0");
    EXPECT(1, lab_socket(vm), "plug", "128M", "--slot", "77", "--accept-timeout", "0");
    EXPECT(0, lab_socket(vm), "plug", "128M", "--count", "2", "--accept-timeout", "0");
    EXPECT(1, lab_socket(vm), "plug", "128M", "--accept-timeout", "0");
    EXPECT(1, lab_socket(vm), "unplug", "nobody");
    status = run_json(EXPECT(0, lab_socket(vm), "status", "--json"));
    assert_int_equal(json_array_size(json_at(status, "orphans")), 0);
    assert_int_equal(json_array_size(json_at(status, "devices")), 2);
    json_decref(status);
    assert_true(lab_is_alive(vm));
}

/* Nothing is sent: the figures, and the next step. */
static void assert_no_room(const char *memory, const char *const *extra, const char *size,
                           const char *hint)
{
    struct lab_vm *full = lab_start(LAB_HOST, LAB_ABSENT, memory, extra);
    json_t *result = run_json(
        EXPECT(1, lab_socket(full), "plug", size, "--count", "2", "--accept-timeout", "0", "-j"));
    json_t *status = run_json(EXPECT(0, lab_socket(full), "status", "-j"));
    const struct run_result *text = EXPECT(1, lab_socket(full), "plug", size, "--count", "2");

    assert_string_equal(json_string_value(json_at(result, "preflight.0.severity")), "impossible");
    assert_int_equal(json_array_size(json_at(status, "devices")), 0);
    assert_non_null(strstr(text->err, "\nhint: "));
    assert_non_null(strstr(text->err, hint));
    assert_int_equal(json_array_size(json_at(status, "orphans")), 0);
    assert_true(lab_is_alive(full));
    json_decref(result);
    json_decref(status);
    lab_stop(full);
}

/* Of all that query-memdev knows, boot memory not counted. */
static size_t backend_rows(const struct lab_vm *of)
{
    json_t *rows = run_json(EXPECT(0, lab_socket(of), "qmp", "--json", "query-memdev"));
    size_t count = json_array_size(rows);

    json_decref(rows);
    return count - 1;
}

/* A device_add that fails takes its backend back. */
static void what_only_qemu_knows_comes_with_its_own_words(void **state)
{
    static const char *const without_acpi[] = {"-machine", "q35,acpi=off", NULL};
    struct lab_vm *deaf = lab_start(LAB_HOST, LAB_ABSENT, NULL, without_acpi);
    json_t *result = run_json(EXPECT(1, lab_socket(deaf), "plug", "128M", "-j"));
    const char *desc = json_string_value(json_at(result, "error.qmp.desc"));

    (void)state;
    assert_non_null(desc);
    assert_non_null(strstr(desc, "memory hotplug is not enabled"));
    assert_null(json_at(result, "preflight"));
    assert_int_equal(backend_rows(deaf), 0);
    json_decref(result);
    lab_stop(deaf);
}

static void a_vm_without_room_says_what_it_lacks(void **state)
{
    static const char *const microvm[] = {"-machine", "microvm,accel=tcg", NULL};

    (void)state;
    assert_no_room("512M", NULL, "128M", "-m size,slots=N,maxmem=X");
    assert_no_room("512M", microvm, "128M", "-m size,slots=N,maxmem=X");
    assert_no_room("512M,slots=1,maxmem=4G", NULL, "128M", "more slots");
    assert_no_room("512M,slots=4,maxmem=1G", NULL, "1G", "larger maxmem");
}

/* A plan promises nothing that QEMU would refuse, and nothing is sent to see. */
static void what_is_named_is_looked_at_before(void **state)
{
    static const struct {
        const char *words[2], *why;
    } cases[] = {{{"--node", "9"}, "the VM has no guest node 9"},
                 {{"--slot", "77"}, "the VM has no slot 77, its slots are 0 to 1"},
                 {{"--slot", "0"}, "slot 0 is in use by dimm0"},
                 {{"--id", "dimm0"}, "the name dimm0 is taken, by a device or as mem-dimm0 by"}};
    struct lab_vm *small = lab_start(LAB_HOST, LAB_ABSENT, "512M,slots=2,maxmem=1G", NULL);
    const char *socket = lab_socket(small);

    (void)state;
    EXPECT(0, socket, "plug", "128M", "--accept-timeout", "0");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *words = cases[i].words;
        const struct run_result *result =
            EXPECT(1, socket, "-v", "plug", "128M", words[0], words[1]);

        assert_non_null(strstr(result->err, cases[i].why));
        assert_null(strstr(result->err, "object-add"));
        EXPECT(1, socket, "plug", "128M", "--dry-run", words[0], words[1]);
    }
    EXPECT(0, socket, "plug", "128M", "--id", "other", "--slot", "1", "--accept-timeout", "0");
    lab_stop(small);
}

static void nobody_answers_is_a_time_out(void **state)
{
    const struct run_result *result = EXPECT(5, lab_socket(vm), "-t", "0.3", "unplug", "dimm0");

    (void)state;
    assert_non_null(strstr(result->err, "nobody answers"));
    assert_true(result->seconds < 1.3);
}

static void repair_deletes_only_what_was_left_behind(void **state)
{
    json_t *repaired;

    (void)state;
    EXPECT(0, lab_socket(vm), "qmp", "object-add", "qom-type=memory-backend-ram", "id=mem-dimm7",
           "size=134217728");
    EXPECT(0, lab_socket(vm), "qmp", "object-add", "qom-type=memory-backend-ram", "id=stranger",
           "size=134217728");
    repaired = run_json(EXPECT(0, lab_socket(vm), "repair", "--json"));
    assert_int_equal(json_array_size(json_at(repaired, "deleted")), 1);
    assert_string_equal(json_string_value(json_at(repaired, "deleted.0")), "mem-dimm7");
    json_decref(repaired);
    EXPECT(0, lab_socket(vm), "qmp", "object-del", "id=stranger");
}

/* It has the name of a backend of qmpctl, and is used by what is no memory device. */
static void what_repair_cannot_delete_is_told(void **state)
{
    static const char *const shared[] = {"-object",
                                         "memory-backend-ram,id=mem-dimm8,size=1M,share=on",
                                         "-device", "ivshmem-plain,memdev=mem-dimm8", NULL};
    struct lab_vm *sharing = lab_start(LAB_HOST, LAB_ABSENT, NULL, shared);
    const char *socket = lab_socket(sharing);
    json_t *repaired;

    (void)state;
    EXPECT(0, socket, "qmp", "object-add", "qom-type=memory-backend-ram", "id=mem-dimm9",
           "size=134217728");
    repaired = run_json(EXPECT(1, socket, "repair", "--json"));
    assert_string_equal(json_string_value(json_at(repaired, "deleted.0")), "mem-dimm9");
    assert_non_null(strstr(json_string_value(json_at(repaired, "error.message")),
                           "repair: mem-dimm8 could not be deleted"));
    json_decref(repaired);
    assert_non_null(strstr(EXPECT(1, socket, "repair")->err, "mem-dimm8"));
    lab_stop(sharing);
}

static void a_refusal_is_told_with_its_reason(void **state)
{
    struct lab_vm *refusing = lab_start(LAB_HOST, LAB_REFUSES, NULL, NULL);
    const struct run_result *result;

    (void)state;
    EXPECT(0, lab_socket(refusing), "plug", "128M");
    lab_command(refusing, "pin", "pinned");
    result = EXPECT(4, lab_socket(refusing), "-t", "60", "unplug", "dimm0");
    assert_non_null(strstr(result->err, "the guest refused"));
    assert_non_null(strstr(result->err, "\nhint: "));
    assert_true(lab_is_alive(refusing));
    lab_stop(refusing);
}

static void a_stopped_qemu_ends_in_time(void **state)
{
    const struct run_result *result;

    (void)state;
    kill(lab_pid(vm), SIGSTOP);
    result = RUN(lab_socket(vm), "status", "--connect-timeout", "0.5");
    kill(lab_pid(vm), SIGCONT);
    assert_int_equal(result->code, 3);
    assert_true(result->seconds < 1.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_usage_sends_nothing),
        cmocka_unit_test(what_is_odd_and_valid_harms_no_vm),
        cmocka_unit_test(a_bad_monitor_is_named),
        cmocka_unit_test(a_monitor_in_use_is_named_in_time),
        cmocka_unit_test(what_only_qemu_knows_comes_with_its_own_words),
        cmocka_unit_test(what_the_vm_cannot_take_leaves_nothing_behind),
        cmocka_unit_test(a_vm_without_room_says_what_it_lacks),
        cmocka_unit_test(what_is_named_is_looked_at_before),
        cmocka_unit_test(nobody_answers_is_a_time_out),
        cmocka_unit_test(repair_deletes_only_what_was_left_behind),
        cmocka_unit_test(what_repair_cannot_delete_is_told),
        cmocka_unit_test(a_refusal_is_told_with_its_reason),
        cmocka_unit_test(a_stopped_qemu_ends_in_time),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
