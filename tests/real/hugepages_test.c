/* Memory from real hugepages, on every QEMU: what the plan says is what happens. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/cgroups.h"
#include "lab/each.h"
#include "lab/hugepages.h"
#include "support/run.h"

#define MIB      ((json_int_t)1024 * 1024)
#define PAGES(m) ((m) / 2) /* of 2M in so many MiB */

static void assert_number(const json_t *json, const char *path, json_int_t expected)
{
    assert_int_equal(json_integer_value(json_at(json, path)), expected);
}

static void assert_text(const json_t *json, const char *path, const char *expected)
{
    const char *text = json_string_value(json_at(json, path));

    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        print_error("no '%s' in: %s\n", part, text);
        fail();
    }
}

/* Only the boot memory is left, and the VM is well. */
static void assert_nothing_left(struct lab_vm *vm)
{
    json_t *status = run_json(EXPECT(0, lab_socket(vm), "status", "--json"));

    assert_int_equal(json_array_size(json_at(status, "devices")), 0);
    assert_int_equal(json_array_size(json_at(status, "backends")), 1);
    assert_true(lab_is_alive(vm));
    json_decref(status);
}

static void assert_all_have(const char *socket, size_t count, const char *type, json_int_t pagesize)
{
    json_t *status = run_json(EXPECT(0, socket, "status", "--json"));

    assert_int_equal(json_array_size(json_at(status, "devices")), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *backend =
            json_object_get(json_array_get(json_at(status, "devices"), i), "backend");

        assert_text(backend, "type", type);
        assert_number(backend, "pagesize", pagesize);
        assert_true(json_is_true(json_at(backend, "prealloc")));
    }
    json_decref(status);
}

static void assert_all_of(const char *socket, size_t count, const char *type)
{
    assert_all_have(socket, count, type, 2 * MIB);
}

static void the_guest_grows_by_hugepages_and_gives_them_back(int qemu)
{
    struct lab_vm *vm;
    const char *socket;
    uint64_t boot;

    hugepages_require(PAGES(400));
    hugepages_mount();
    vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    socket = lab_socket(vm);
    boot = lab_memtotal(vm);
    EXPECT(0, socket, "plan", "+384M", "--hugepages");
    assert_int_equal(hugepages_free(), PAGES(400));
    EXPECT(0, socket, "set", "+384M", "--hugepages");
    assert_int_equal(hugepages_free(), PAGES(16));
    assert_in_range(lab_memtotal(vm) - boot, (384 - 24) * (uint64_t)MIB, 384 * (uint64_t)MIB);
    assert_all_of(socket, 2, "file");
    EXPECT(0, socket, "set", "512M");
    hugepages_await_free(PAGES(400), 10);
    assert_nothing_left(vm);
    lab_stop(vm);
}

/* The plan knows that no device can be smaller than such a page, and counts those that are free. */
static void gibibyte_pages_are_counted_found_and_given_back(int qemu)
{
    struct lab_vm *vm;
    const char *socket;
    const struct run_result *result;

    hugepages_use("1G");
    hugepages_require(1);
    hugepages_mount();
    vm = lab_start(qemu, LAB_GIVES, NULL, NULL);
    socket = lab_socket(vm);
    result = EXPECT(1, socket, "set", "+2G", "--pagesize", "1G");
    assert_contains(result->err, "needs 2 hugepages of 1G, 1 is free");
    assert_contains(result->err, "hugepages-1048576kB/nr_hugepages");
    result = EXPECT(1, socket, "plug", "512M", "--pagesize", "1G");
    assert_contains(result->err, "a device of 512M is no multiple of the page size 1G");
    assert_contains(result->err, "use 1G instead");
    result = EXPECT(6, socket, "set", "+512M", "--pagesize", "1G");
    assert_contains(result->err, "the granule, 1G");
    assert_nothing_left(vm);
    assert_int_equal(hugepages_free(), 1);
    result = EXPECT(0, socket, "plan", "+1G", "--pagesize", "1G");
    assert_contains(result->out, "hugepages of 1G, preallocated");
    EXPECT(0, socket, "set", "+1G", "--pagesize", "1G");
    assert_int_equal(hugepages_free(), 0);
    assert_all_have(socket, 1, "file", 1024 * MIB);
    EXPECT(0, socket, "set", "512M");
    hugepages_await_free(1, 10);
    /* Without a mount, as well. */
    hugepages_unmount();
    EXPECT(0, socket, "plug", "1G", "--pagesize", "1G");
    assert_all_have(socket, 1, "memfd", 1024 * MIB);
    assert_int_equal(hugepages_free(), 0);
    lab_stop(vm);
}

static void without_a_mount_hugepages_come_from_a_memfd(int qemu)
{
    struct lab_vm *vm;
    const struct run_result *result;

    hugepages_require(PAGES(128));
    vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    result = EXPECT(1, lab_socket(vm), "plug", "128M", "--hugepages", "--backend", "file");
    assert_contains(result->err, "no hugetlbfs with pages of 2M is mounted");
    assert_contains(result->err, "mount -t hugetlbfs -o pagesize=2M");
    EXPECT(0, lab_socket(vm), "plug", "128M", "--hugepages", "--accept-timeout", "0");
    assert_int_equal(hugepages_free(), 0);
    assert_all_of(lab_socket(vm), 1, "memfd");
    lab_stop(vm);
}

/* The same devices, one for one. */
static void assert_same_steps(const json_t *planned, const json_t *done)
{
    const json_t *steps = json_at(done, "steps");
    size_t index;
    json_t *step;

    assert_int_equal(json_array_size(json_at(planned, "steps")), json_array_size(steps));
    json_array_foreach(json_at(planned, "steps"), index, step)
    {
        const json_t *other = json_array_get(steps, index);

        assert_text(step, "result", "planned");
        assert_text(other, "result", "done");
        assert_text(other, "id", json_string_value(json_at(step, "id")));
        assert_number(other, "size", json_integer_value(json_at(step, "size")));
    }
}

/* A shortage is told with its figures before anything is sent, and the command given mends it;
 * what fits is planned, and is what happens. */
static void what_plan_says_of_hugepages_is_what_set_does(int qemu)
{
    static const char *const arguments[] = {"plan", "set"};
    struct lab_vm *vm;
    json_t *planned, *result = NULL;

    hugepages_require(130);
    hugepages_mount();
    vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        json_decref(result);
        result = run_json(EXPECT(1, lab_socket(vm), arguments[i], "+1G", "--hugepages", "--json",
                                 "--accept-timeout", "0"));
        assert_text(result, "error.message", "needs 512 hugepages of 2M, 130 are free");
        assert_text(result, "preflight.1.check", "hugepages");
        assert_text(result, "preflight.1.severity", "impossible");
        assert_nothing_left(vm);
    }
    assert_int_equal(system(json_string_value(json_at(result, "error.hint"))), 0);
    json_decref(result);
    planned = run_json(EXPECT(0, lab_socket(vm), "plan", "+1G", "--hugepages", "--json"));
    assert_nothing_left(vm);
    assert_int_equal(hugepages_free(), 512);
    result = run_json(
        EXPECT(0, lab_socket(vm), "set", "+1G", "--hugepages", "--json", "--accept-timeout", "0"));
    assert_same_steps(planned, result);
    assert_int_equal(hugepages_free(), 0);
    json_decref(planned);
    json_decref(result);
    lab_stop(vm);
}

/* qmpctl, while the test does other things; what it says is kept apart. */
struct begun {
    pid_t pid;
    FILE *out, *err;
};

static struct begun begin(const char *const *arguments)
{
    const char *program = getenv("QMPCTL");
    struct begun begun = {.out = tmpfile(), .err = tmpfile()};

    assert_true(begun.out && begun.err);
    begun.pid = fork();
    assert_true(begun.pid >= 0);
    if (begun.pid == 0) {
        dup2(fileno(begun.out), STDOUT_FILENO);
        dup2(fileno(begun.err), STDERR_FILENO);
        execv(program ? program : "build/qmpctl", (char **)(uintptr_t)arguments);
        _exit(127);
    }
    return begun;
}

/* Its JSON, for the caller to release; err is what it said on stderr. */
static json_t *await_end(struct begun *begun, int expected, char *err, size_t size)
{
    json_t *json;
    size_t length;
    int code;

    assert_int_equal(waitpid(begun->pid, &code, 0), begun->pid);
    assert_true(WIFEXITED(code));
    assert_int_equal(WEXITSTATUS(code), expected);
    rewind(begun->out);
    rewind(begun->err);
    json = json_loadf(begun->out, 0, NULL);
    length = fread(err, 1, size - 1, begun->err);
    err[length] = '\0';
    fclose(begun->out);
    fclose(begun->err);
    assert_non_null(json);
    return json;
}

/* The last of these steps is the one that QEMU refused, in words of its own that are passed on:
 * one line, and a hint where there is one. */
static void assert_refused_by_qemu(const json_t *result, const char *err)
{
    const char *desc = json_string_value(json_at(result, "error.qmp.desc"));
    const char *message = json_string_value(json_at(result, "error.message"));
    const char *hint = json_string_value(json_at(result, "error.hint"));
    char expected[2048];

    assert_text(result, "steps.0.result", "done");
    assert_text(result, "steps.1.result", "failed");
    assert_number(result, "error.code", 1);
    assert_true(desc && *desc);
    assert_non_null(message);
    assert_contains(message, desc);
    snprintf(expected, sizeof expected, "qmpctl: %s\n%s%s%s", message, hint ? "hint: " : "",
             hint ? hint : "", hint ? "\n" : "");
    assert_string_equal(err, expected);
}

/* There is no guest, so qmpctl waits for its acceptance of the first device; that is when somebody
 * else takes what the preflight has seen free for the second. */
static void take_pages_after_the_preflight(int qemu, const char *host_nodes)
{
    char err[4096];
    struct lab_vm *vm;
    struct begun begun;
    json_t *result;

    hugepages_require(PAGES(256));
    hugepages_mount();
    vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    begun = begin((const char *const[]){"qmpctl", "--socket", lab_socket(vm), "--json", "plug",
                                        "128M", "--count", "2", "--hugepages", "--accept-timeout",
                                        "6", host_nodes ? "--host-nodes" : NULL, host_nodes, NULL});
    hugepages_await_free(PAGES(128), 30);
    hugepages_take(PAGES(128));
    result = await_end(&begun, 1, err, sizeof err);
    assert_refused_by_qemu(result, err);
    json_decref(result);
    assert_int_equal(status_rows(lab_socket(vm), "devices"), 1);
    assert_int_equal(status_rows(lab_socket(vm), "backends"), 2);
    assert_true(lab_is_alive(vm));
    hugepages_give();
    EXPECT(0, lab_socket(vm), "plug", "128M", "--hugepages", "--accept-timeout", "0");
    lab_stop(vm);
}

static void pages_that_are_gone_after_the_preflight_are_a_clean_error(int qemu)
{
    take_pages_after_the_preflight(qemu, NULL);
}

static void and_so_are_pages_of_the_node_that_it_is_bound_to(int qemu)
{
    take_pages_after_the_preflight(qemu, "0");
}

static void a_vm_on_hugepages_of_a_node_grows_the_same_way(int qemu)
{
    char object[256];
    const char *arguments[] = {"-object", object, "-machine", "memory-backend=ram0", NULL};
    struct lab_vm *vm;
    json_t *result;

    hugepages_require(PAGES(512 + 128));
    snprintf(object, sizeof object,
             "memory-backend-file,id=ram0,size=512M,mem-path=%s,host-nodes=0,policy=bind,"
             "prealloc=on",
             hugepages_mount());
    vm = lab_start(qemu, LAB_ABSENT, NULL, arguments);
    result = run_json(EXPECT(0, lab_socket(vm), "plan", "+128M", "--json"));
    assert_text(result, "preflight.0.check", "defaults");
    assert_text(result, "preflight.0.text", "as the boot memory: page size, backend, host nodes");
    assert_contains(json_string_value(json_at(result, "preflight.1.text")),
                    "hugepages of 2M, preallocated, policy bind on host nodes 0");
    json_decref(result);
    EXPECT(0, lab_socket(vm), "set", "+128M", "--accept-timeout", "0");
    assert_all_of(lab_socket(vm), 1, "file");
    assert_int_equal(hugepages_free(), 0);
    result = run_json(EXPECT(0, lab_socket(vm), "status", "--json"));
    assert_text(result, "devices.0.backend.policy", "bind");
    assert_number(result, "devices.0.backend.host-nodes.0", 0);
    assert_number(result, "backends.0.pagesize", 2 * MIB);
    json_decref(result);
    /* And not so, where the user says otherwise. */
    EXPECT(0, lab_socket(vm), "plug", "128M", "--backend", "ram", "--accept-timeout", "0");
    lab_stop(vm);
}

/* The first plan plugs 128M to free 256M. The guest refuses that, and the next would have to plug
 * 256M more to free 512M: for this one the host is asked anew, and has no room. */
static void a_new_plan_after_a_refusal_is_judged_anew(void **state)
{
    struct lab_vm *vm;
    const char *socket;
    json_t *result;

    (void)state;
    hugepages_require(100);
    hugepages_mount();
    vm = lab_start(LAB_HOST, LAB_REFUSES, NULL, NULL);
    socket = lab_socket(vm);
    EXPECT(0, socket, "plug", "256M");
    lab_command(vm, "pin", "pinned");
    lab_command(vm, "policy online_movable", "policy");
    EXPECT(0, socket, "plug", "512M");
    result = run_json(EXPECT(1, socket, "set", "-128M", "--swap", "--hugepages", "--json"));
    assert_text(result, "steps.0.action", "plug");
    assert_text(result, "steps.0.result", "done");
    assert_text(result, "steps.1.id", "dimm0");
    assert_text(result, "steps.1.result", "refused");
    assert_text(result, "error.message", "needs 128 hugepages of 2M, 36 are free");
    assert_number(result, "after", (1280 + 128) * MIB);
    assert_int_equal(hugepages_free(), 36);
    assert_number(result, "steps.2.size", 256 * MIB);
    assert_text(result, "steps.2.result", "planned");
    /* The hint mends that, too. */
    assert_int_equal(system(json_string_value(json_at(result, "error.hint"))), 0);
    json_decref(result);
    EXPECT(0, socket, "set", "1152M", "--swap", "--hugepages");
    assert_number(json_at(result = run_json(EXPECT(0, socket, "status", "--json")), "memory"),
                  "total", 1152 * MIB);
    json_decref(result);
    lab_stop(vm);
}

/* Everything that is left in the folder. */
static void assert_only_socket_in(const char *folder)
{
    char command[256];

    snprintf(command, sizeof command, "test -z \"$(ls -A '%s')\"", folder);
    assert_int_equal(system(command), 0);
}

static void a_path_that_is_no_such_hugetlbfs_is_refused_and_no_file_made(int qemu)
{
    char folder[128], missing[160];
    const char *parent = getenv("TMPDIR"), *huge;
    struct lab_vm *vm;
    const struct run_result *result;
    json_t *json;

    hugepages_require(PAGES(128));
    huge = hugepages_mount();
    snprintf(folder, sizeof folder, "%s/qmpctl-plain-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(missing, sizeof missing, "%s/missing", folder);
    vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    result = EXPECT(2, lab_socket(vm), "plug", "128M", "--mem-path", missing);
    assert_contains(result->err, "No such file or directory");
    json = run_json(EXPECT(2, lab_socket(vm), "plan", "+128M", "--mem-path", missing, "--json"));
    assert_text(json, "preflight.0.check", "mem-path");
    assert_text(json, "preflight.0.severity", "impossible");
    assert_text(json, "preflight.0.text", json_string_value(json_at(json, "error.message")));
    json_decref(json);
    result = EXPECT(2, lab_socket(vm), "plug", "128M", "--mem-path", folder, "--pagesize", "2M");
    assert_contains(result->err, "is no hugetlbfs, so it gives no hugepages of 2M");
    result = EXPECT(2, lab_socket(vm), "plug", "1G", "--mem-path", huge, "--pagesize", "1G");
    assert_contains(result->err, "has hugepages of 2M, not of 1G");
    result = EXPECT(2, lab_socket(vm), "plug", "128M", "--mem-path", huge, "--pagesize", "4K");
    assert_contains(result->err, "has hugepages of 2M, not of 4K");
    assert_only_socket_in(folder);
    assert_only_socket_in(huge);
    assert_nothing_left(vm);
    /* A plain folder that is given on purpose is taken; QEMU's file in it has no name. */
    EXPECT(0, lab_socket(vm), "plug", "128M", "--mem-path", folder, "--accept-timeout", "0");
    assert_only_socket_in(folder);
    rmdir(folder);
    lab_stop(vm);
}

static void a_module_description_is_plugged_as_it_says(int qemu)
{
    char path[128];
    const char *parent = getenv("TMPDIR");
    struct lab_vm *vm;
    FILE *file;
    json_t *status;

    hugepages_require(PAGES(128));
    hugepages_mount();
    snprintf(path, sizeof path, "%s/qmpctl-module-%d.xml", parent ? parent : "/tmp", (int)getpid());
    file = fopen(path, "we");
    assert_non_null(file);
    fputs("<memory model='dimm' access='shared' discard='yes'><source><node>0</node>"
          "<pagesize unit='KiB'>2048</pagesize></source>"
          "<target><size unit='KiB'>131071</size><node>0</node></target>"
          "<alias name='ua-1'/><address type='dimm' slot='3' base='0x100000000'/></memory>\n",
          file);
    assert_int_equal(fclose(file), 0);
    vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    EXPECT(2, lab_socket(vm), "plug", "256M", "--xml", path);
    EXPECT(0, lab_socket(vm), "plug", "--xml", path, "--accept-timeout", "0");
    unlink(path);
    assert_all_of(lab_socket(vm), 1, "file");
    status = run_json(EXPECT(0, lab_socket(vm), "status", "--json"));
    assert_number(status, "devices.0.size", 128 * MIB);
    assert_text(status, "devices.0.backend.policy", "bind");
    assert_true(json_is_true(json_at(status, "devices.0.backend.share")));
    assert_text(status, "devices.0.id", "ua-1");
    assert_number(status, "devices.0.slot", 3);
    json_decref(status);
    assert_string_equal(EXPECT(0, lab_socket(vm), "qmp", "qom-get", "path=/objects/mem-ua-1",
                               "property=discard-data")
                            ->out,
                        "true\n");
    lab_stop(vm);
}

/* The kernel kills a QEMU that touches more hugepages than its cgroup may have. */
static void the_hugepages_that_its_cgroup_may_have_are_counted(void **state)
{
    struct lab_vm *vm;
    json_t *result;
    const char *mend;

    (void)state;
    hugepages_require(PAGES(256));
    hugepages_mount();
    cgroup_make(CGROUP_HUGETLB_2M, "134217728");
    vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    cgroup_join(lab_pid(vm));
    EXPECT(0, lab_socket(vm), "plan", "+128M", "--hugepages", "--strict");
    result = run_json(EXPECT(1, lab_socket(vm), "set", "+256M", "--hugepages", "--json"));
    assert_text(result, "error.message",
                "needs 256M in hugepages of 2M, the limit of QEMU's cgroup leaves 128M of 128M");
    assert_nothing_left(vm);
    mend = json_string_value(json_at(result, "error.hint"));
    assert_non_null(mend);
    assert_int_equal(system(mend), 0);
    json_decref(result);
    EXPECT(0, lab_socket(vm), "set", "+256M", "--hugepages", "--accept-timeout", "0");
    assert_int_equal(hugepages_free(), 0);
    assert_true(lab_is_alive(vm));
    lab_stop(vm);
}

/* As most hosts run it: without privileges, so that the mount is not its own. */
static void a_mount_that_qemu_may_not_use_is_told(void **state)
{
    static const char *const arguments[] = {"-runas", "nobody", NULL};
    struct lab_vm *vm;
    const char *socket, *huge;
    const struct run_result *result;

    (void)state;
    hugepages_require(PAGES(384));
    huge = hugepages_mount();
    vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, arguments);
    socket = lab_socket(vm);
    /* Where it may choose, it chooses what works. */
    EXPECT(0, socket, "plug", "128M", "--hugepages", "--accept-timeout", "0");
    assert_all_of(socket, 1, "memfd");
    result = EXPECT(0, socket, "plan", "+128M", "--mem-path", huge);
    assert_contains(result->out, "which may not be allowed to use");
    EXPECT(1, socket, "plan", "+128M", "--mem-path", huge, "--strict");
    EXPECT(1, socket, "set", "+128M", "--mem-path", huge, "--accept-timeout", "0");
    assert_int_equal(chown(huge, 65534, (gid_t)-1), 0);
    EXPECT(0, socket, "set", "+128M", "--mem-path", huge, "--strict", "--accept-timeout", "0");
    assert_int_equal(hugepages_free(), PAGES(128));
    lab_stop(vm);
}

static void what_the_host_has_not_is_refused_and_switches_arrive(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    const char *socket = lab_socket(vm);
    const struct run_result *result;
    json_t *backends;

    result = EXPECT(1, socket, "set", "+128M", "--host-nodes", "99");
    assert_contains(result->err, "host node 99: the host has no such node");
    result = EXPECT(2, socket, "set", "+128M", "--policy", "bind");
    assert_contains(result->err, "--policy bind: for which host nodes?");
    assert_contains(result->err, "say --host-nodes LIST, such as 0 or 0-1,3");
    result = EXPECT(1, socket, "set", "+128M", "--pagesize", "4M");
    assert_contains(result->err, "the host has no hugepages of 4M; it has ");
    EXPECT(2, socket, "set", "+128M", "--pagesize", "3M");
    EXPECT(2, socket, "set", "+128M", "--backend", "ram", "--pagesize", "2M");
    assert_nothing_left(vm);
    EXPECT(0, socket, "set", "+128M", "--merge", "off", "--dump", "off", "--host-nodes", "0",
           "--policy", "preferred", "--share", "--prealloc", "on", "--accept-timeout", "0");
    backends = run_json(EXPECT(0, socket, "qmp", "query-memdev"));
    for (size_t i = 0; i < json_array_size(backends); i++) {
        const json_t *backend = json_array_get(backends, i);

        if (strcmp(json_string_value(json_at(backend, "id")), "mem-dimm0") != 0)
            continue;
        assert_true(json_is_false(json_at(backend, "merge")));
        assert_true(json_is_false(json_at(backend, "dump")));
        assert_true(json_is_true(json_at(backend, "prealloc")));
        assert_text(backend, "policy", "preferred");
    }
    json_decref(backends);
    lab_stop(vm);
}

/* The address of the VM's other monitor, of TCP, as QEMU has chosen its port. */
static void find_tcp(const char *socket, char *address, size_t size)
{
    json_t *rows = run_json(EXPECT(0, socket, "qmp", "query-chardev"));

    *address = '\0';
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *name = json_string_value(json_at(json_array_get(rows, i), "filename"));
        const char *tcp = name ? strstr(name, "tcp:127.0.0.1:") : NULL;

        if (tcp)
            snprintf(address, size, "%.*s", (int)strcspn(tcp + 4, ","), tcp + 4);
    }
    assert_true(*address);
    json_decref(rows);
}

static void over_tcp_the_host_is_not_judged_and_that_is_said(int qemu)
{
    static const char *const arguments[] = {"-qmp", "tcp:127.0.0.1:0,server=on,wait=off", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, arguments);
    char address[64];
    json_t *result;

    find_tcp(lab_socket(vm), address, sizeof address);
    result = run_json(EXPECT(0, address, "set", "+128M", "-j", "--accept-timeout", "0"));
    assert_text(result, "preflight.0.check", "remote");
    assert_text(result, "preflight.0.severity", "note");
    json_decref(result);
    EXPECT(1, address, "plug", "128M", "--hugepages");
    EXPECT(1, address, "plug", "128M", "--mem-path", "/nowhere", "--strict");
    lab_stop(vm);
}

/* A VM on hugepages does not go on with ordinary pages unasked. */
static void over_tcp_hugepages_are_no_silent_ordinary_pages(int qemu)
{
    const char *huge;
    char backend[256], address[64];
    const char *const arguments[] = {"-qmp",     "tcp:127.0.0.1:0,server=on,wait=off",
                                     "-object",  backend,
                                     "-machine", "memory-backend=boot",
                                     NULL};
    const struct run_result *result;
    struct lab_vm *vm;

    hugepages_require(PAGES(256));
    huge = hugepages_mount();
    snprintf(backend, sizeof backend, "memory-backend-file,id=boot,size=128M,mem-path=%s", huge);
    vm = lab_start(qemu, LAB_ABSENT, "128M,slots=4,maxmem=4G", arguments);
    find_tcp(lab_socket(vm), address, sizeof address);
    result = EXPECT(0, address, "plan", "+128M");
    assert_contains(result->out, "warning: the page size of the boot memory cannot be seen");
    result = EXPECT(1, address, "set", "+128M", "--strict");
    assert_contains(result->err, "say --pagesize, such as 2M or 4K, or --mem-path");
    result = EXPECT(0, lab_socket(vm), "plan", "+128M", "--strict");
    assert_contains(result->out, "as the boot memory: page size, backend");
    lab_stop(vm);
}

static int clean_up(void **state)
{
    lab_teardown(state);
    cgroup_remove();
    hugepages_reset();
    return 0;
}

#define lab_teardown clean_up /* what ON_EACH names */

TEST_ON_EACH(the_guest_grows_by_hugepages_and_gives_them_back)
TEST_ON_EACH(gibibyte_pages_are_counted_found_and_given_back)
TEST_ON_EACH(without_a_mount_hugepages_come_from_a_memfd)
TEST_ON_EACH(what_plan_says_of_hugepages_is_what_set_does)
TEST_ON_EACH(pages_that_are_gone_after_the_preflight_are_a_clean_error)
TEST_ON_EACH(and_so_are_pages_of_the_node_that_it_is_bound_to)
TEST_ON_EACH(a_vm_on_hugepages_of_a_node_grows_the_same_way)
TEST_ON_EACH(a_path_that_is_no_such_hugetlbfs_is_refused_and_no_file_made)
TEST_ON_EACH(a_module_description_is_plugged_as_it_says)
TEST_ON_EACH(what_the_host_has_not_is_refused_and_switches_arrive)
TEST_ON_EACH(over_tcp_the_host_is_not_judged_and_that_is_said)
TEST_ON_EACH(over_tcp_hugepages_are_no_silent_ordinary_pages)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(the_guest_grows_by_hugepages_and_gives_them_back),
        ON_EACH(gibibyte_pages_are_counted_found_and_given_back),
        ON_EACH(without_a_mount_hugepages_come_from_a_memfd),
        ON_EACH(what_plan_says_of_hugepages_is_what_set_does),
        ON_EACH(pages_that_are_gone_after_the_preflight_are_a_clean_error),
        ON_EACH(and_so_are_pages_of_the_node_that_it_is_bound_to),
        ON_EACH(a_vm_on_hugepages_of_a_node_grows_the_same_way),
        ON_EACH(a_path_that_is_no_such_hugetlbfs_is_refused_and_no_file_made),
        ON_EACH(a_module_description_is_plugged_as_it_says),
        cmocka_unit_test_teardown(a_new_plan_after_a_refusal_is_judged_anew, clean_up),
        cmocka_unit_test_teardown(the_hugepages_that_its_cgroup_may_have_are_counted, clean_up),
        cmocka_unit_test_teardown(a_mount_that_qemu_may_not_use_is_told, clean_up),
        ON_EACH(what_the_host_has_not_is_refused_and_switches_arrive),
        ON_EACH(over_tcp_the_host_is_not_judged_and_that_is_said),
        ON_EACH(over_tcp_hugepages_are_no_silent_ordinary_pages),
    };

    return cmocka_run_group_tests(tests, hugepages_setup, NULL);
}
