/* From a request, the VM's boot memory and a made-up host to where memory is taken from, and to
 * whether a plan would work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/magic.h>

#include "host/progress.h"
#include "host_tree.h"
#include "host_view.h"
#include "job.h"
#include "orphans.h"
#include "output.h"
#include "size.h"

#define PID 4711

struct fixture {
    char *root;
    struct memory memory;
    struct memory_backend backends[3];
    struct placement_request request;
    struct host_view view;
    struct result result;
    struct error error;
};

/* A host with 400 free pages of 2M, hugetlbfs of 2M at /dev/huge2M and of 1G at /mnt/huge1G; a VM
 * that was started with ordinary memory. */
static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    if (!fixture)
        return -1;
    fixture->root = tree_new();
    tree_write(fixture->root, "proc/meminfo",
               "MemTotal: 33554432 kB\nMemAvailable: 8388608 kB\nHugepagesize: 2048 kB\n");
    tree_write(fixture->root, "proc/4711/mountinfo",
               "40 27 0:36 / /dev/huge2M rw - hugetlbfs none rw,pagesize=2M\n"
               "41 27 0:37 / /mnt/huge1G rw - hugetlbfs none rw,pagesize=1024M\n");
    tree_write(fixture->root, "proc/4711/status", "Cpus_allowed_list:\t0-3\n");
    tree_write(fixture->root, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "400\n");
    tree_write(fixture->root, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "400\n");
    tree_write(fixture->root, "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "0\n");
    tree_write(fixture->root, "dev/huge2M/x", "x");
    tree_write(fixture->root, "mnt/huge1G/x", "x");
    tree_write(fixture->root, "dev/huge2M/vm/x", "x");
    tree_write(fixture->root, "srv/plain/file", "x");
    tree_write(fixture->root, "srv/disk/x", "x");
    fixture->backends[0] = (struct memory_backend){.id = "pc.ram",
                                                   .type = "ram",
                                                   .size = GIB,
                                                   .pagesize = 4096,
                                                   .policy = "default",
                                                   .boot = true,
                                                   .used = true};
    fixture->memory = (struct memory){.state = "running",
                                      .base = GIB,
                                      .maximum = 64 * GIB,
                                      .slots_total = 16,
                                      .backends = fixture->backends,
                                      .backend_count = 1};
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    json_decref((json_t *)(uintptr_t)fixture->backends[0].host_nodes);
    json_decref((json_t *)(uintptr_t)fixture->backends[1].host_nodes);
    result_free(&fixture->result);
    tree_free(fixture->root);
    free(fixture);
    return 0;
}

static int made_up_statfs(const char *path, struct statfs *result)
{
    memset(result, 0, sizeof *result);
    result->f_type = strstr(path, "huge")   ? HUGETLBFS_MAGIC
                     : strstr(path, "disk") ? EXT4_SUPER_MAGIC
                                            : TMPFS_MAGIC;
    result->f_bsize = strstr(path, "huge1G") ? 1 << 30 : strstr(path, "huge") ? 2 << 20 : 4096;
    result->f_blocks = strstr(path, "huge") ? 0 : 1 << 24;
    result->f_bavail = 1 << 22;
    return 0;
}

/* What object-add would be told for a device of 1G, NULL where there is no placement. */
static json_t *place(struct fixture *fixture, pid_t pid)
{
    host_view_read(fixture->root, pid, &fixture->request, &fixture->memory, made_up_statfs,
                   &fixture->view);
    return fixture->view.error.code == EXIT_DONE
               ? placement_backend_arguments(&fixture->view.placement, "m", GIB)
               : NULL;
}

static void expect_place(struct fixture *fixture, pid_t pid, const char *expected)
{
    json_t *wanted = json_loads(expected, 0, NULL), *got = place(fixture, pid);
    char *text = got ? json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    assert_non_null(wanted);
    json_object_set_new(wanted, "id", json_string("m"));
    json_object_set_new(wanted, "size", json_integer(GIB));
    if (!got || !json_equal(wanted, got))
        print_error("not %s but %s %s\n", expected, text ? text : "nothing",
                    fixture->view.error.text);
    assert_true(got && json_equal(wanted, got));
    free(text);
    json_decref(wanted);
    json_decref(got);
}

static void expect_no_place(struct fixture *fixture, pid_t pid, const char *text, const char *hint)
{
    assert_null(place(fixture, pid));
    assert_string_equal(fixture->view.error.text, text);
    assert_non_null(strstr(fixture->view.error.hint, hint));
}

static void boot_on(struct fixture *fixture, const char *type, uint64_t pagesize, const char *path)
{
    fixture->backends[0].type = type;
    fixture->backends[0].pagesize = pagesize;
    fixture->backends[0].mem_path = path;
}

static void nothing_said_is_ordinary_memory(void **state)
{
    expect_place(*state, PID, "{\"qom-type\": \"memory-backend-ram\"}");
    assert_string_equal(((struct fixture *)*state)->view.defaults, "");
    expect_place(*state, 0, "{\"qom-type\": \"memory-backend-ram\"}");
}

static void a_page_size_finds_the_mount_that_has_it(void **state)
{
    struct fixture *fixture = *state;

    fixture->request.hugepages = true;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/dev/huge2M\","
                 " \"prealloc\": true, \"prealloc-threads\": 4}");
    fixture->request.hugepages = false;
    fixture->request.pagesize = GIB;
    fixture->request.prealloc = SWITCH_OFF;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/mnt/huge1G\","
                 " \"prealloc\": false}");
}

static void without_a_mount_it_is_a_memfd_or_the_mount_line(void **state)
{
    struct fixture *fixture = *state;

    tree_write(fixture->root, "proc/4711/mountinfo", "\n");
    fixture->request.pagesize = 2 * MIB;
    fixture->request.prealloc = SWITCH_OFF;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-memfd\", \"hugetlb\": true,"
                 " \"hugetlbsize\": 2097152, \"prealloc\": false}");
    fixture->request.kind_given = true;
    fixture->request.kind = BACKEND_FILE;
    expect_no_place(fixture, PID, "no hugetlbfs with pages of 2M is mounted",
                    "mount -t hugetlbfs -o pagesize=2M");
}

static void hugepages_of_a_host_that_has_none_or_is_elsewhere_are_refused(void **state)
{
    struct fixture *fixture = *state;

    fixture->request.hugepages = true;
    expect_no_place(fixture, 0,
                    "--hugepages: QEMU cannot be seen on this host, so their size is not known",
                    "--pagesize");
    tree_write(fixture->root, "proc/meminfo", "MemTotal: 33554432 kB\n");
    expect_no_place(fixture, PID, "--hugepages: this host has none", "--pagesize");
}

static void a_path_is_looked_at_first(void **state)
{
    struct fixture *fixture = *state;

    fixture->request.mem_path = "/srv/nowhere";
    expect_no_place(fixture, PID, "/srv/nowhere: No such file or directory", "plain file");
    fixture->request.mem_path = "/dev/huge2M";
    fixture->request.prealloc = SWITCH_OFF;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/dev/huge2M\","
                 " \"prealloc\": false}");
    assert_int_equal(fixture->view.placement.pagesize, 2 * MIB);
    fixture->request.pagesize = GIB;
    expect_no_place(fixture, PID, "/dev/huge2M: has hugepages of 2M, not of 1G", "mount -t");
    /* Ordinary pages are a page size, too. */
    fixture->request.pagesize = 4096;
    expect_no_place(fixture, PID, "/dev/huge2M: has hugepages of 2M, not of 4K",
                    "leave --pagesize away");
    fixture->request.mem_path = "/srv/plain";
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/srv/plain\","
                 " \"prealloc\": false}");
    fixture->request.mem_path = "/dev/huge2M";
    /* Of a QEMU elsewhere nothing can be seen: that is said, and strict makes it an error. */
    fixture->request.pagesize = 0;
    expect_place(fixture, 0,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/dev/huge2M\","
                 " \"prealloc\": false}");
    assert_true(fixture->view.path_unchecked);
}

static void what_is_not_said_is_as_the_boot_memory(void **state)
{
    struct fixture *fixture = *state;

    boot_on(fixture, "file", 2 * MIB, "/dev/huge2M/vm");
    fixture->backends[0].policy = "bind";
    fixture->backends[0].host_nodes = json_pack("[i]", 1);
    fixture->backends[0].share = true;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/dev/huge2M/vm\","
                 " \"share\": true, \"prealloc\": true, \"prealloc-threads\": 4,"
                 " \"host-nodes\": [1], \"policy\": \"bind\"}");
    assert_string_equal(fixture->view.defaults,
                        "as the boot memory: page size, backend, host nodes, sharing");
    fixture->request = (struct placement_request){.kind_given = true, .share = SWITCH_OFF};
    node_set_add(&fixture->request.host_nodes, 0);
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-ram\", \"host-nodes\": [0],"
                 " \"policy\": \"bind\"}");
    assert_string_equal(fixture->view.defaults, "");
    fixture->request = (struct placement_request){
        .pagesize = 4096, .policy_given = true, .share = SWITCH_OFF, .kind_given = true};
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-ram\"}");
}

static void a_memfd_grows_as_a_memfd(void **state)
{
    struct fixture *fixture = *state;

    boot_on(fixture, "memfd", 4096, NULL);
    fixture->backends[0].share = true;
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-memfd\"}");
    boot_on(fixture, "memfd", 2 * MIB, NULL);
    fixture->request.prealloc = SWITCH_OFF;
    fixture->request.share = SWITCH_OFF;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-memfd\", \"hugetlb\": true,"
                 " \"hugetlbsize\": 2097152, \"share\": false, \"prealloc\": false}");
}

/* Two backends of one file would be the same memory. */
static void a_file_of_its_own_is_not_used_twice(void **state)
{
    struct fixture *fixture = *state;

    boot_on(fixture, "file", 4096, "/srv/plain/file");
    fixture->backends[0].share = true;
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-memfd\"}");
    assert_string_equal(fixture->view.defaults, "as the boot memory: sharing");
    boot_on(fixture, "file", 4096, "/srv/plain");
    fixture->backends[0].share = false;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/srv/plain\"}");
    assert_string_equal(fixture->view.defaults, "as the boot memory: backend");
    boot_on(fixture, "file", 2 * MIB, "/dev/huge2M/x");
    fixture->request.prealloc = SWITCH_OFF;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/dev/huge2M\","
                 " \"prealloc\": false}");
}

static void boot_memory_that_differs_is_no_model(void **state)
{
    struct fixture *fixture = *state;

    boot_on(fixture, "file", 2 * MIB, "/dev/huge2M");
    fixture->backends[0].policy = "bind";
    fixture->backends[0].host_nodes = json_pack("[i]", 0);
    fixture->backends[1] = fixture->backends[0];
    fixture->backends[1].host_nodes = json_pack("[i]", 1);
    fixture->memory.backend_count = 2;
    fixture->request.prealloc = SWITCH_OFF;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/dev/huge2M\","
                 " \"prealloc\": false}");
    fixture->backends[1].type = "ram";
    fixture->backends[1].pagesize = 4096;
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-ram\", \"prealloc\": false}");
}

/* A QEMU that was started with -mem-prealloc does it by itself where nothing is said. */
static void no_preallocation_is_said_where_qemu_might_do_it_by_itself(void **state)
{
    struct fixture *fixture = *state;

    fixture->request.prealloc = SWITCH_OFF;
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-ram\", \"prealloc\": false}");
    fixture->backends[0].prealloc = true;
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-ram\", \"prealloc\": false}");
    assert_string_equal(fixture->view.defaults, "");
    fixture->request.prealloc = SWITCH_DEFAULT;
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-ram\", \"prealloc\": true,"
                 " \"prealloc-threads\": 4}");
}

/* Two backends, as a VM with two guest nodes has: what but one of them has is no default. */
static void only_what_all_boot_memory_has_is_taken_over(void **state)
{
    static const struct {
        bool share[2], prealloc[2];
        const char *place, *defaults;
    } cases[] = {
        {{true, true}, {false, false}, "{\"share\": true}", "as the boot memory: sharing"},
        {{true, false}, {false, false}, "{}", ""},
        {{false, true}, {false, true}, "{\"prealloc\": false}", ""},
        {{false, false}, {true, false}, "{\"prealloc\": false}", ""},
        {{false, false},
         {true, true},
         "{\"prealloc\": true, \"prealloc-threads\": 4}",
         "as the boot memory: preallocation"},
    };
    struct fixture *fixture = *state;

    fixture->memory.backend_count = 2;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *expected = NULL;
        json_t *place = json_loads(cases[i].place, 0, NULL);

        fixture->backends[1] = fixture->backends[0];
        for (size_t j = 0; j < 2; j++) {
            fixture->backends[j].share = cases[i].share[j];
            fixture->backends[j].prealloc = cases[i].prealloc[j];
        }
        json_object_set_new(place, "qom-type", json_string("memory-backend-ram"));
        expected = json_dumps(place, 0);
        expect_place(fixture, PID, expected);
        assert_string_equal(fixture->view.defaults, cases[i].defaults);
        free(expected);
        json_decref(place);
    }
    /* A folder of but one of them, and pages that are as on disk: a memfd has them, too. */
    boot_on(fixture, "file", 4096, "/srv/plain");
    fixture->backends[0].prealloc = false;
    fixture->backends[1] = fixture->backends[0];
    fixture->backends[1].mem_path = "/srv/disk";
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-memfd\"}");
    fixture->backends[1].mem_path = NULL;
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-memfd\"}");
    fixture->backends[1].mem_path = "/srv/plain";
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/srv/plain\"}");
}

static void page_sizes_that_only_the_host_knows_are_filled_in(void **state)
{
    struct fixture *fixture = *state;

    boot_on(fixture, "file", 0, "/mnt/huge1G");
    fixture->backends[1] = (struct memory_backend){.id = "b", .type = "memfd"};
    fixture->backends[2] = (struct memory_backend){.id = "c", .type = "file", .mem_path = "/gone"};
    fixture->memory.backend_count = 3;
    host_view_backends(fixture->root, 0, &fixture->memory, made_up_statfs);
    assert_int_equal(fixture->backends[0].pagesize, 0);
    host_view_backends(fixture->root, PID, &fixture->memory, made_up_statfs);
    assert_int_equal(fixture->backends[0].pagesize, GIB);
    assert_int_equal(fixture->backends[1].pagesize, 2 * MIB);
    assert_int_equal(fixture->backends[2].pagesize, 0);
}

static void the_host_is_only_asked_where_it_knows_more(void **state)
{
    struct fixture *fixture = *state;

    boot_on(fixture, "ram", 4096, NULL);
    fixture->backends[1] = (struct memory_backend){.id = "b", .type = "unknown"};
    fixture->memory.backend_count = 2;
    assert_false(host_view_has_to_ask(&fixture->memory));
    fixture->backends[1].mem_path = "/dev/huge2M";
    assert_true(host_view_has_to_ask(&fixture->memory));
    fixture->backends[1] = (struct memory_backend){.id = "b", .type = "memfd"};
    assert_true(host_view_has_to_ask(&fixture->memory));
}

/* ---- judging ---- */

static void plan_plugs(struct fixture *fixture, size_t count, uint64_t size)
{
    for (size_t i = 0; i < count; i++) {
        struct step *step = result_add(&fixture->result);

        assert_non_null(step);
        step->action = STEP_PLUG;
        step->size = size;
    }
}

static int judge(struct fixture *fixture, pid_t pid, bool strict)
{
    json_decref(place(fixture, pid));
    fixture->error = (struct error){0};
    return host_view_judge(&fixture->view, &fixture->memory, strict, 0, &fixture->result,
                           &fixture->error);
}

/* text NULL: none. */
static void expect_finding(const struct fixture *fixture, const char *check, const char *text)
{
    const char *found = NULL;

    for (size_t i = 0; i < fixture->result.preflight.count; i++) {
        if (strcmp(fixture->result.preflight.findings[i].check, check) == 0)
            found = fixture->result.preflight.findings[i].text;
    }
    if (!text) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, text);
}

static void what_fits_has_no_findings(void **state)
{
    struct fixture *fixture = *state;

    plan_plugs(fixture, 2, GIB);
    assert_int_equal(judge(fixture, PID, true), 0);
    assert_int_equal(fixture->result.preflight.count, 0);
}

/* Files alone outlive QEMU. */
static void discard_is_for_files_and_named_elsewhere(void **state)
{
    struct fixture *fixture = *state;

    fixture->request.discard = true;
    expect_place(fixture, PID, "{\"qom-type\": \"memory-backend-ram\"}");
    plan_plugs(fixture, 1, GIB);
    assert_int_equal(judge(fixture, PID, true), 0);
    expect_finding(fixture, "xml", "discard has no effect: this memory is no file");
    fixture->request.mem_path = "/dev/huge2M";
    expect_place(fixture, PID,
                 "{\"qom-type\": \"memory-backend-file\", \"mem-path\": \"/dev/huge2M\","
                 " \"discard-data\": true, \"prealloc\": true, \"prealloc-threads\": 4}");
    snprintf(fixture->request.note, sizeof fixture->request.note, "1K is rounded up to 2M");
    judge(fixture, PID, true);
    expect_finding(fixture, "xml", "1K is rounded up to 2M");
}

static void hugepages_of_all_steps_together_are_counted(void **state)
{
    struct fixture *fixture = *state;

    fixture->request.hugepages = true;
    plan_plugs(fixture, 3, 256 * MIB);
    assert_int_equal(judge(fixture, PID, true), 0);
    expect_finding(fixture, "placement", "a file in /dev/huge2M, hugepages of 2M, preallocated");
    plan_plugs(fixture, 1, 128 * MIB);
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_int_equal(fixture->error.code, EXIT_FAILED);
    assert_string_equal(fixture->error.text, "needs 448 hugepages of 2M, 400 are free");
    assert_string_equal(fixture->error.hint,
                        "echo 448 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    /* What is done, and what does not plug, needs nothing more. */
    fixture->result.steps[0].result = STEP_DONE;
    assert_int_equal(judge(fixture, PID, false), 0);
    fixture->result.steps[0].result = STEP_PLANNED;
    fixture->result.steps[0].action = STEP_UNPLUG;
    assert_int_equal(judge(fixture, PID, false), 0);
}

/* What the user names is there to be had: else the plan would promise what QEMU refuses. */
static void named_ids_slots_and_nodes_are_looked_at(void **state)
{
    struct memory_device device = {
        .id = "web", .qom_path = "/machine/peripheral/web", .type = "dimm", .slot = 3};
    struct memory_node nodes[] = {{.node = 0}, {.node = 2}};
    json_t *names = json_pack("[{s:n},{s:n,s:n}]", "rng", "mem-thread", "mem-db");
    struct fixture *fixture = *state;
    struct step *step;

    fixture->backends[1] = (struct memory_backend){.id = "mem-db", .used = true};
    fixture->memory.backend_count = 2;
    fixture->memory.devices = &device;
    fixture->memory.device_count = 1;
    fixture->memory.nodes = nodes;
    fixture->memory.node_count = 2;
    plan_plugs(fixture, 1, GIB);
    step = fixture->result.steps;
    snprintf(step->id, sizeof step->id, "dimm0");
    step->node = 2;
    step->slot = 15;
    assert_int_equal(judge(fixture, PID, true), 0);
    step->node = 1;
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text, "the VM has no guest node 1");
    step->node = 0;
    step->slot = 16;
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text, "the VM has no slot 16, its slots are 0 to 15");
    step->slot = 3;
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text, "slot 3 is in use by web");
    step->slot = device.slot = 0;
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text, "slot 0 is in use by web");
    step->slot = -1;
    snprintf(step->id, sizeof step->id, "web");
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text,
                        "the name web is taken, by a device or as mem-web by an object");
    snprintf(step->id, sizeof step->id, "db");
    assert_int_equal(judge(fixture, PID, false), -1);
    fixture->memory.device_names = json_array_get(names, 0);
    fixture->memory.object_names = json_array_get(names, 1);
    snprintf(step->id, sizeof step->id, "rng");
    assert_int_equal(judge(fixture, PID, false), -1);
    snprintf(step->id, sizeof step->id, "thread");
    assert_int_equal(judge(fixture, PID, false), -1);
    snprintf(step->id, sizeof step->id, "db");
    /* What was left behind makes room before anything is plugged, if it can be deleted. */
    fixture->backends[1].orphan = true;
    assert_int_equal(judge(fixture, PID, false), -1);
    orphans_forget(&fixture->memory);
    assert_int_equal(judge(fixture, PID, false), 0);
    /* Who is unplugged, or was plugged before, is there by right. */
    plan_plugs(fixture, 2, GIB);
    for (size_t i = 1; i < 3; i++)
        snprintf(fixture->result.steps[i].id, sizeof step->id, "web");
    fixture->result.steps[1].action = STEP_UNPLUG;
    fixture->result.steps[2].result = STEP_DONE;
    assert_int_equal(judge(fixture, PID, false), 0);
    json_decref(names);
}

static void slots_space_and_migration_are_the_vms(void **state)
{
    struct fixture *fixture = *state;

    plan_plugs(fixture, 2, 2 * GIB);
    fixture->memory.slots_used = 15;
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text, "needs 2 slots, 1 of 16 are free");
    fixture->memory.slots_used = 14;
    fixture->memory.maximum = 4 * GIB;
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text, "needs 4G, the VM can have 3G more");
    fixture->memory.maximum = 5 * GIB;
    assert_int_equal(judge(fixture, PID, false), 0);
    /* What an old QEMU does not tell speaks against nothing. */
    fixture->memory.maximum = 0;
    assert_int_equal(judge(fixture, PID, false), 0);
    fixture->memory.slots_total = -1;
    assert_int_equal(judge(fixture, PID, false), 0);
    fixture->memory.maximum = 5 * GIB;
    fixture->memory.slots_total = fixture->memory.slots_used = 16;
    fixture->result.steps[1].result = STEP_DONE;
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text, "needs 1 slot, 0 of 16 are free");
    assert_string_equal(fixture->error.hint, "all 16 slots are in use: unplug a device first, or "
                                             "start QEMU with more slots");
    fixture->memory.slots_used = 14;
    fixture->memory.migrating = true;
    assert_int_equal(judge(fixture, PID, false), -1);
    expect_finding(fixture, "migration", "the VM is being migrated: QEMU plugs nothing meanwhile");
}

static void likely_trouble_is_an_error_only_when_strict(void **state)
{
    struct fixture *fixture = *state;

    plan_plugs(fixture, 5, 2 * GIB);
    assert_int_equal(judge(fixture, PID, false), 0);
    expect_finding(fixture, "memory", "needs 10 GiB of the host's memory, 8 GiB are available");
    assert_int_equal(judge(fixture, PID, true), -1);
    assert_string_equal(fixture->error.text,
                        "needs 10 GiB of the host's memory, 8 GiB are available");
}

/* 16 GiB are free there, 8 in memory; what is mapped privately never gets to a disk. */
static void memory_in_a_file_is_judged_by_where_its_pages_go(void **state)
{
    static const struct {
        const char *path;
        bool share;
        uint64_t size;
        const char *check; /* what speaks against it; NULL: nothing makes it impossible */
    } cases[] = {{"/srv/disk", true, 12 * GIB, NULL},
                 {"/srv/disk", true, 20 * GIB, "mem-path"},
                 {"/srv/disk", false, 12 * GIB, "memory"},
                 {"/srv/plain", true, 12 * GIB, "memory"},
                 {"/srv/plain", false, 20 * GIB, "memory"}};
    struct fixture *fixture = *state;

    fixture->request.prealloc = SWITCH_ON;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct preflight_finding *worst;

        fixture->request.mem_path = cases[i].path;
        fixture->request.share = cases[i].share ? SWITCH_ON : SWITCH_DEFAULT;
        result_free(&fixture->result);
        plan_plugs(fixture, 1, cases[i].size);
        assert_int_equal(judge(fixture, PID, false), cases[i].check ? -1 : 0);
        worst = preflight_worst(&fixture->result.preflight);
        assert_string_equal(worst->check, cases[i].check ? cases[i].check : "memory");
    }
    fixture->request.prealloc = SWITCH_DEFAULT;
    fixture->request.mem_path = "/srv/disk";
    fixture->request.share = SWITCH_OFF;
    result_free(&fixture->result);
    plan_plugs(fixture, 1, 20 * GIB);
    assert_int_equal(judge(fixture, PID, false), 0);
}

static void what_does_not_lie_where_the_boot_memory_does_is_told_why(void **state)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"/srv/plain", NULL},
        {"/srv/plain/file", "the boot memory is a file of its own: a memfd stands in for it"},
        {"/srv/gone", "the boot memory lies where it cannot be seen: a memfd stands in for it"},
        {NULL, "the boot memory lies in no one folder: a memfd stands in for it"},
        {"/dev/huge2M", "the boot memory lies on hugepages: a memfd stands in for it"},
    };
    struct fixture *fixture = *state;

    fixture->backends[0].share = true;
    fixture->request.share = SWITCH_ON;
    plan_plugs(fixture, 1, GIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        boot_on(fixture, "file", 4096, cases[i].path);
        assert_int_equal(judge(fixture, PID, true), 0);
        assert_string_equal(fixture->view.defaults,
                            cases[i].text ? "" : "as the boot memory: backend");
        expect_finding(fixture, "defaults",
                       cases[i].text ? cases[i].text : "as the boot memory: backend");
    }
}

/* As a VM has it whose guest nodes are pinned one by one. Which of these is whose, QEMU does not
 * tell. */
static void host_nodes_that_differ_are_the_users_to_say(void **state)
{
    static const char text[] =
        "the boot memory lies on different host nodes: say --host-nodes to bind this";
    struct fixture *fixture = *state;

    fixture->backends[0].policy = "bind";
    fixture->backends[0].host_nodes = json_pack("[i]", 0);
    fixture->backends[1] = fixture->backends[2] = fixture->backends[0];
    fixture->backends[1].host_nodes = json_pack("[i]", 1);
    fixture->memory.backend_count = 3;
    plan_plugs(fixture, 1, GIB);
    assert_int_equal(judge(fixture, PID, true), 0);
    assert_int_equal(fixture->result.preflight.count, 1);
    expect_finding(fixture, "defaults", text);
    fixture->request.policy_given = true;
    assert_int_equal(judge(fixture, PID, true), 0);
    expect_finding(fixture, "defaults", NULL);
    fixture->request.policy_given = false;
    node_set_add(&fixture->request.host_nodes, 1);
    assert_int_equal(judge(fixture, PID, true), 0);
    expect_finding(fixture, "defaults", NULL);
    fixture->request.host_nodes = (struct node_set){0};
    json_array_set_new((json_t *)(uintptr_t)fixture->backends[1].host_nodes, 0, json_integer(0));
    assert_int_equal(judge(fixture, PID, true), 0);
    expect_finding(fixture, "defaults", "as the boot memory: host nodes");
}

/* Over TCP, or where QEMU's folders may not be looked into: a VM on hugepages does not go on with
 * ordinary pages and nobody knows. */
static void a_page_size_that_nobody_can_tell_is_no_silent_default(void **state)
{
    static const char text[] =
        "the page size of the boot memory cannot be seen: this would be ordinary pages";
    static const struct {
        const char *type, *path;
        uint64_t pagesize;
        struct placement_request request;
        bool told;
    } cases[] = {
        {"file", "/dev/hugepages", 0, {0}, true},
        {"memfd", NULL, 0, {0}, true},
        {"memfd", NULL, 0, {.kind_given = true, .kind = BACKEND_MEMFD}, true},
        {"memfd", NULL, 4096, {0}, false},
        {"memfd", NULL, 2 * MIB, {0}, false},
        {"ram", NULL, 4096, {0}, false},
        {NULL, NULL, 0, {0}, false},
        {"file", "/dev/hugepages", 0, {.pagesize = 2 * MIB}, false},
        {"file", "/dev/hugepages", 0, {.pagesize = 4096}, false},
        {"file", "/dev/hugepages", 0, {.kind_given = true, .kind = BACKEND_RAM}, false},
    };
    struct fixture *fixture = *state;

    plan_plugs(fixture, 1, GIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        boot_on(fixture, cases[i].type, cases[i].pagesize, cases[i].path);
        fixture->request = cases[i].request;
        assert_int_equal(judge(fixture, 0, false), 0);
        expect_finding(fixture, "pagesize", cases[i].told ? text : NULL);
        assert_int_equal(judge(fixture, 0, true), cases[i].told ? -1 : 0);
        assert_string_equal(fixture->error.text, cases[i].told ? text : "");
        assert_string_equal(fixture->error.hint,
                            cases[i].told ? "say --pagesize, such as 2M or 4K, or --mem-path" : "");
    }
    /* One of two is enough. */
    fixture->request = (struct placement_request){0};
    boot_on(fixture, "file", 0, "/dev/hugepages");
    fixture->backends[1] = fixture->backends[0];
    fixture->backends[1].pagesize = 4096;
    fixture->memory.backend_count = 2;
    assert_int_equal(judge(fixture, 0, true), -1);
    assert_string_equal(fixture->error.text, text);
    /* What differs is no model, whatever its pages are. */
    fixture->backends[1].type = "ram";
    assert_int_equal(judge(fixture, 0, true), 0);
}

/* QEMU runs as user 7 of group 8. */
static void whom_a_path_keeps_out_is_told_with_the_mend(void **state)
{
    struct fixture *fixture = *state;
    char joined[4096];

    tree_write(fixture->root, "proc/4711/status",
               "Uid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\nCapEff:\t0000000000000000\n");
    fixture->request.mem_path = "/srv/plain";
    plan_plugs(fixture, 1, GIB);
    chmod(tree_path(fixture->root, "", joined, sizeof joined), 0755);
    chmod(tree_path(fixture->root, "srv", joined, sizeof joined), 0755);
    assert_int_equal(judge(fixture, PID, true), -1);
    assert_string_equal(fixture->error.text,
                        "QEMU runs as user 7, which may not be allowed to use /srv/plain");
    assert_string_equal(fixture->error.hint, "chown 7 /srv/plain");
    chmod(joined, 0700);
    assert_int_equal(judge(fixture, PID, true), -1);
    assert_string_equal(fixture->error.text,
                        "QEMU runs as user 7, which may not be allowed to enter /srv");
    assert_string_equal(fixture->error.hint, "chmod a+x /srv");
    assert_int_equal(judge(fixture, PID, false), 0);
}

static void a_qemu_that_cannot_be_seen_is_a_note(void **state)
{
    struct fixture *fixture = *state;

    plan_plugs(fixture, 5, 2 * GIB);
    assert_int_equal(judge(fixture, 0, true), 0);
    expect_finding(fixture, "remote",
                   "QEMU cannot be seen on this host: memory, hugepages and limits were not "
                   "checked");
    fixture->request.mem_path = "/dev/huge2M";
    assert_int_equal(judge(fixture, 0, false), 0);
    assert_int_equal(judge(fixture, 0, true), -1);
    expect_finding(fixture, "mem-path",
                   "/dev/huge2M was not looked at: QEMU makes a plain file of what does not exist");
}

static void a_path_that_is_not_there_hinders_only_what_plugs(void **state)
{
    struct fixture *fixture = *state;

    fixture->request.mem_path = "/srv/nowhere";
    assert_int_equal(judge(fixture, PID, false), 0);
    plan_plugs(fixture, 1, GIB);
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_int_equal(fixture->error.code, EXIT_USAGE);
    assert_int_equal(fixture->result.preflight.count, 1);
}

/* The error is the first of several findings, and has the code that it always had. */
static void where_there_is_no_place_the_vm_is_judged_all_the_same(void **state)
{
    static const struct {
        struct placement_request request;
        int code;
        const char *check, *text, *mend;
    } cases[] = {
        {{.mem_path = "/srv/nowhere"},
         EXIT_USAGE,
         "mem-path",
         "/srv/nowhere: No such file or directory",
         "QEMU would make a plain file there; name one that exists"},
        {{.hugepages = true, .kind_given = true, .kind = BACKEND_FILE},
         EXIT_FAILED,
         "mem-path",
         "no hugetlbfs with pages of 2M is mounted",
         "mkdir -p /dev/hugepages-2M && mount -t hugetlbfs -o pagesize=2M none /dev/hugepages-2M"},
    };
    struct fixture *fixture = *state;

    tree_write(fixture->root, "proc/4711/mountinfo", "\n");
    fixture->memory.slots_used = 16;
    fixture->memory.migrating = true;
    plan_plugs(fixture, 1, GIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct preflight_finding *finding = fixture->result.preflight.findings;

        fixture->request = cases[i].request;
        assert_int_equal(judge(fixture, PID, false), -1);
        assert_int_equal(fixture->error.code, cases[i].code);
        assert_string_equal(fixture->error.text, cases[i].text);
        assert_string_equal(finding->check, cases[i].check);
        assert_string_equal(finding->text, cases[i].text);
        assert_string_equal(finding->mend, cases[i].mend);
        assert_int_equal(finding->severity, PREFLIGHT_IMPOSSIBLE);
        expect_finding(fixture, "migration",
                       "the VM is being migrated: QEMU plugs nothing meanwhile");
        expect_finding(fixture, "slots", "needs 1 slot, 0 of 16 are free");
        assert_int_equal(fixture->result.preflight.count, 3);
    }
    fixture->request = (struct placement_request){.hugepages = true};
    assert_int_equal(judge(fixture, 0, false), -1);
    assert_string_equal(fixture->result.preflight.findings[0].check, "pagesize");
}

/* A finding is never lost in the JSON because its text had to be cut. */
static void a_path_that_is_cut_is_still_shown(void **state)
{
    struct fixture *fixture = *state;
    struct placement *placement = &fixture->view.placement;
    json_t *json, *finding;
    const char *text;

    placement->kind = BACKEND_FILE;
    snprintf(placement->mem_path, sizeof placement->mem_path, "/srv/");
    for (int i = 0; i < 60; i++)
        memcpy(placement->mem_path + strlen("/srv/") + 2 * (size_t)i, "\xc3\xa4", 3);
    plan_plugs(fixture, 1, GIB);
    assert_int_equal(
        host_view_judge(&fixture->view, &fixture->memory, false, 0, &fixture->result, NULL), 0);
    json = output_result_json(&fixture->result);
    finding = json_array_get(json_object_get(json, "preflight"), 0);
    text = json_string_value(json_object_get(finding, "text"));
    assert_non_null(text);
    /* 80 bytes of it: "/srv/", 37 characters, and half of one. */
    assert_memory_equal(text, "a file in /srv/\xc3\xa4\xc3\xa4", 19);
    assert_string_equal(text + strlen(text) - 3, "\xc3\xa4?");
    json_decref(json);
}

static void one_file_is_the_memory_of_one_device(void **state)
{
    struct fixture *fixture = *state;

    tree_write(fixture->root, "srv/plain/empty", "%s", "");
    fixture->request.mem_path = "/srv/plain/empty";
    plan_plugs(fixture, 1, GIB);
    assert_int_equal(judge(fixture, PID, true), 0);
    fixture->request.mem_path = "/srv/plain/file";
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text, "/srv/plain/file has 1 B, the device needs 1 GiB");
    assert_string_equal(fixture->error.hint,
                        "name a larger file, or a folder: QEMU makes a file in it");
    plan_plugs(fixture, 1, GIB);
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text,
                        "/srv/plain/file is one file: it cannot be the memory of 2 devices");
    boot_on(fixture, "file", 4096, "/srv/plain/file");
    assert_int_equal(judge(fixture, PID, false), -1);
    assert_string_equal(fixture->error.text,
                        "/srv/plain/file is one file, and the memory of pc.ram already");
    /* Of a folder each has its own. */
    fixture->request.mem_path = "/srv/plain";
    assert_int_equal(judge(fixture, PID, true), 0);
}

/* ---- in an operation ---- */

/* Tells the job of a snapshot and of the host at that moment. */
static struct action show(struct fixture *fixture, struct job *job)
{
    const struct input begin = {.kind = INPUT_BEGIN};
    const struct input look = {
        .kind = INPUT_SNAPSHOT, .memory = &fixture->memory, .host = &fixture->view};

    assert_int_equal(job_step(job, &begin).kind, ACTION_SNAPSHOT);
    json_decref(place(fixture, PID));
    return job_step(job, &look);
}

static void an_operation_asks_the_host_before_it_sends_anything(void **state)
{
    struct fixture *fixture = *state;
    struct memory_node node = {.base = GIB};
    struct change change = {
        .kind = CHANGE_PLUG, .size = GIB, .count = 1, .slot = -1, .node = NODE_ANY};
    struct action action;
    struct job job;

    fixture->memory.nodes = &node;
    fixture->memory.node_count = 1;
    fixture->request.hugepages = true;
    change.placement = fixture->request;
    job_init(&job, &change);
    /* A look at what there is now, and the end. */
    assert_int_equal(show(fixture, &job).kind, ACTION_SNAPSHOT);
    assert_string_equal(job.result.error.text, "needs 512 hugepages of 2M, 400 are free");
    job_free(&job);

    tree_write(fixture->root, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "512\n");
    job_init(&job, &change);
    action = show(fixture, &job);
    assert_int_equal(action.kind, ACTION_SEND);
    assert_string_equal(action.command, "object-add");
    assert_string_equal(json_string_value(json_object_get(action.arguments, "mem-path")),
                        "/dev/huge2M");
    /* As long as a slow host may need to clear 1G. */
    assert_int_equal(action.timeout, progress_longest(GIB));
    json_decref(action.arguments);
    job_free(&job);
}

/* ---- requests that contradict themselves ---- */

static void contradictions_are_refused_before_anything_is_asked(void **state)
{
    static const struct {
        struct placement_request request;
        const char *text;
    } rows[] = {
        {{.policy_given = true, .policy = PREFLIGHT_POLICY_BIND},
         "--policy bind: for which host nodes?"},
        {{.policy_given = true, .host_nodes.bits = {1}}, "--policy default takes no --host-nodes"},
        {{.hugepages = true, .pagesize = GIB},
         "--hugepages is the host's default size, --pagesize 1G another word for it: say one"},
        {{.kind_given = true, .kind = BACKEND_MEMFD, .mem_path = "/x"},
         "--backend memfd takes no --mem-path"},
        {{.kind_given = true, .hugepages = true}, "--backend ram has ordinary pages only"},
    };
    struct placement_request fine = {.policy_given = true,
                                     .policy = PREFLIGHT_POLICY_INTERLEAVE,
                                     .host_nodes.bits = {3},
                                     .kind_given = true,
                                     .pagesize = 4096};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};

        assert_int_equal(placement_request_check(&rows[i].request, &error), -1);
        assert_int_equal(error.code, EXIT_USAGE);
        assert_string_equal(error.text, rows[i].text);
    }
    assert_int_equal(placement_request_check(&fine, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_said_is_ordinary_memory),
        TEST(a_page_size_finds_the_mount_that_has_it),
        TEST(without_a_mount_it_is_a_memfd_or_the_mount_line),
        TEST(hugepages_of_a_host_that_has_none_or_is_elsewhere_are_refused),
        TEST(a_path_is_looked_at_first),
        TEST(what_is_not_said_is_as_the_boot_memory),
        TEST(a_memfd_grows_as_a_memfd),
        TEST(a_file_of_its_own_is_not_used_twice),
        TEST(boot_memory_that_differs_is_no_model),
        TEST(only_what_all_boot_memory_has_is_taken_over),
        TEST(no_preallocation_is_said_where_qemu_might_do_it_by_itself),
        TEST(page_sizes_that_only_the_host_knows_are_filled_in),
        TEST(the_host_is_only_asked_where_it_knows_more),
        TEST(what_fits_has_no_findings),
        TEST(discard_is_for_files_and_named_elsewhere),
        TEST(hugepages_of_all_steps_together_are_counted),
        TEST(named_ids_slots_and_nodes_are_looked_at),
        TEST(slots_space_and_migration_are_the_vms),
        TEST(likely_trouble_is_an_error_only_when_strict),
        TEST(what_does_not_lie_where_the_boot_memory_does_is_told_why),
        TEST(host_nodes_that_differ_are_the_users_to_say),
        TEST(a_page_size_that_nobody_can_tell_is_no_silent_default),
        TEST(whom_a_path_keeps_out_is_told_with_the_mend),
        TEST(memory_in_a_file_is_judged_by_where_its_pages_go),
        TEST(a_qemu_that_cannot_be_seen_is_a_note),
        TEST(a_path_that_is_cut_is_still_shown),
        TEST(one_file_is_the_memory_of_one_device),
        TEST(a_path_that_is_not_there_hinders_only_what_plugs),
        TEST(where_there_is_no_place_the_vm_is_judged_all_the_same),
        TEST(an_operation_asks_the_host_before_it_sends_anything),
        TEST(contradictions_are_refused_before_anything_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
