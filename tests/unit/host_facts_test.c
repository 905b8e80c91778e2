/* The readers of /proc, /sys and cgroups over made-up trees. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/files.h"
#include "host/host.h"
#include "host_tree.h"
#include "size.h"

struct fixture {
    char *root;
    struct host_facts facts;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    if (!fixture)
        return -1;
    fixture->root = tree_new();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    tree_free(fixture->root);
    free(fixture);
    return 0;
}

static void a_node_list_is_read_as_linux_and_libvirt_write_it(void **state)
{
    struct node_set set;
    char text[64];

    (void)state;
    assert_true(node_set_parse("0-3,5,7-8\n", &set));
    assert_string_equal(node_set_format(&set, text, sizeof text), "0-3,5,7-8");
    assert_true(node_set_parse(" 0-3,^2 ", &set));
    assert_string_equal(node_set_format(&set, text, sizeof text), "0-1,3");
    assert_true(node_set_parse("127", &set));
    assert_true(node_set_has(&set, 127));
    assert_false(node_set_has(&set, 128));
    assert_true(node_set_parse("\n", &set));
    assert_true(node_set_is_empty(&set));
    assert_string_equal(node_set_format(&set, text, sizeof text), "none");
}

static void a_malformed_node_list_is_refused(void **state)
{
    static const char *const bad[] = {"a",   "1-",           "-1",   "3-1", "1,,2", "1,",
                                      "128", "0-4294967296", "^1-2", "1 2", "0x1"};
    struct node_set set;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(node_set_parse(bad[i], &set));
}

static void a_node_list_that_does_not_fit_is_cut(void **state)
{
    struct node_set set = {0};
    char text[8];

    (void)state;
    for (unsigned node = 0; node < HOST_NODES; node += 2)
        node_set_add(&set, node);
    node_set_format(&set, text, sizeof text);
    assert_int_equal(strlen(text), sizeof text - 1);
}

static void two_nodes_are_read_whole(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    tree_host(fixture->root, 2);
    host_facts_read(fixture->root, 4711, facts);
    assert_int_equal(facts->default_hugepage_size, 2 * MIB);
    assert_int_equal(facts->memory_total, 32 * GIB);
    assert_int_equal(facts->memory_available, 16 * GIB);
    assert_int_equal(facts->swap_free, GIB);
    assert_int_equal(facts->commit_limit, 8 * GIB);
    assert_int_equal(facts->overcommit_memory, 0);
    assert_true(node_set_has(&facts->online, 1) && !node_set_has(&facts->online, 2));
    assert_int_equal(facts->node_memory_free[1], 4 * GIB);
    assert_true(facts->node_memory_free[2] == HOST_UNKNOWN);
    assert_int_equal(facts->pool_count, 2);
    assert_int_equal(facts->pools[0].page_size, 2 * MIB);
    assert_int_equal(facts->pools[0].free, 128);
    assert_int_equal(facts->pools[1].page_size, GIB);
    assert_int_equal(facts->pools[1].node_free[1], 2);
    assert_int_equal(facts->pools[1].node_total[1], 4);
}

static void what_qemu_may_do_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    tree_host(fixture->root, 2);
    tree_link(fixture->root, "proc/4711/fd/3", "socket:[12]");
    host_facts_read(fixture->root, 4711, facts);
    assert_int_equal(facts->cpus, 16);
    assert_int_equal(facts->locked, 0);
    assert_int_equal(facts->locked_limit, 8 * MIB);
    assert_false(facts->may_lock_any);
    assert_false(facts->uses_vfio);
    assert_true(node_set_has(&facts->allowed_nodes, 1));

    tree_write(fixture->root, "proc/4711/fd/9", "no link");
    host_facts_read(fixture->root, 4711, facts);
    assert_false(facts->uses_vfio);
    tree_link(fixture->root, "proc/4711/fd/17", "/dev/vfio/42");
    tree_write(fixture->root, "proc/4711/status",
               "CapEff:\t000001ffffffffff\nVmLck:\t4 kB\nUid:\t1 2 3 4\nGid:\t5 6 7 8\n"
               "Groups:\t9 10 \n");
    tree_write(fixture->root, "proc/4711/limits",
               "Max locked memory         unlimited            unlimited            bytes\n");
    host_facts_read(fixture->root, 4711, facts);
    assert_true(facts->uses_vfio);
    assert_true(facts->may_lock_any);
    assert_true(facts->identity.known && facts->identity.any);
    assert_int_equal(facts->identity.user, 4);
    assert_int_equal(facts->identity.group_count, 3);
    assert_int_equal(facts->identity.groups[0], 8);
    assert_int_equal(facts->identity.groups[2], 10);
    assert_int_equal(facts->locked, 4096);
    assert_true(facts->locked_limit == HOST_UNKNOWN);
}

static void eight_nodes_are_read(void **state)
{
    struct fixture *fixture = *state;

    tree_host(fixture->root, 8);
    tree_node_pool(fixture->root, 7, 2048, 9, 5);
    host_facts_read(fixture->root, 4711, &fixture->facts);
    assert_int_equal(fixture->facts.pools[0].node_total[7], 9);
    assert_int_equal(fixture->facts.pools[0].node_free[7], 5);
    assert_int_equal(fixture->facts.node_memory_total[7], 16 * GIB);
}

/* The first that can be written to; NULL: none. */
static const struct host_mount *mount_with(const struct host_facts *facts, uint64_t page_size)
{
    for (size_t i = 0; i < facts->mount_count; i++) {
        if (facts->mounts[i].page_size == page_size && facts->mounts[i].writable)
            return &facts->mounts[i];
    }
    return NULL;
}

static void hugetlbfs_is_found_where_qemu_has_it_mounted(void **state)
{
    struct fixture *fixture = *state;

    tree_host(fixture->root, 1);
    host_facts_read(fixture->root, 4711, &fixture->facts);
    assert_int_equal(fixture->facts.mount_count, 2);
    assert_string_equal(mount_with(&fixture->facts, 2 * MIB)->path, "/dev/hugepages");
    assert_string_equal(mount_with(&fixture->facts, GIB)->path, "/mnt/huge 1G");
    assert_null(mount_with(&fixture->facts, 64 * KIB));
}

static void a_mount_without_page_size_has_the_default_one(void **state)
{
    struct fixture *fixture = *state;

    tree_host(fixture->root, 1);
    tree_write(fixture->root, "proc/4711/mountinfo",
               "broken\n1 2 3\n"
               "1 2 0:1 / /ro ro - hugetlbfs none rw,pagesize=1G\n"
               "1 2 0:1 / /odd rw - hugetlbfs none rw,pagesize=soon\n"
               "1 2 0:1 / /wrong rw - hugetlbfs none\n"
               "1 2 0:1 / /nameless rw - hugetlbfs  rw,pagesize=64K\n"
               "1 2 0:1 / /huge rw - hugetlbfs none rw\n");
    host_facts_read(fixture->root, 4711, &fixture->facts);
    assert_string_equal(mount_with(&fixture->facts, 2 * MIB)->path, "/huge");
    assert_null(mount_with(&fixture->facts, GIB)); /* read-only */
    assert_string_equal(mount_with(&fixture->facts, 64 * KIB)->path, "/nameless");
    assert_int_equal(fixture->facts.mount_count, 3);
}

static void the_tightest_of_nested_v2_limits_is_found(void **state)
{
    struct fixture *fixture = *state;
    const struct host_limit *limit = &fixture->facts.memory_limit;
    char *root = fixture->root;

    tree_host(root, 1);
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.max", "%llu\n", 8ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.current", "%llu\n", 2ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/memory.max", "%llu\n", 10ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/memory.current", "%llu\n", 9ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/memory.stat", "anon 1\ninactive_file %llu\nfile 2\n",
               512ULL << 20);
    host_facts_read(root, 4711, &fixture->facts);
    assert_int_equal(limit->limit, 10 * GIB);
    assert_int_equal(limit->headroom, GIB + 512 * MIB);
    assert_string_equal(limit->file, "/sys/fs/cgroup/machine/memory.max");
}

static void the_lowest_of_nested_memory_high_is_found(void **state)
{
    struct fixture *fixture = *state;
    const struct host_limit *high = &fixture->facts.memory_high;
    char *root = fixture->root;

    tree_host(root, 1);
    host_facts_read(root, 4711, &fixture->facts);
    assert_true(high->headroom == HOST_UNKNOWN);
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.high", "max\n");
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.current", "%llu\n", 2ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/memory.high", "%llu\n", 5ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/memory.current", "%llu\n", 4ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/memory.stat", "inactive_file %llu\n", 1ULL << 30);
    tree_write(root, "sys/fs/cgroup/memory.high", "%llu\n", 64ULL << 30);
    tree_write(root, "sys/fs/cgroup/memory.current", "%llu\n", 9ULL << 30);
    host_facts_read(root, 4711, &fixture->facts);
    assert_int_equal(high->limit, 5 * GIB);
    assert_int_equal(high->headroom, 2 * GIB);
    assert_string_equal(high->file, "/sys/fs/cgroup/machine/memory.high");
    assert_true(fixture->facts.memory_limit.headroom == HOST_UNKNOWN);
    /* Inside, it is the inner one that binds; over it already, nothing is left. */
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.high", "%llu\n", 1ULL << 30);
    host_facts_read(root, 4711, &fixture->facts);
    assert_int_equal(high->headroom, 0);
    assert_string_equal(high->file, "/sys/fs/cgroup/machine/vm/memory.high");
}

static void what_a_cgroup_may_swap_is_found(void **state)
{
    struct fixture *fixture = *state;
    const struct host_facts *facts = &fixture->facts;
    char *root = fixture->root;

    tree_host(root, 1);
    host_facts_read(root, 4711, &fixture->facts);
    assert_true(facts->swap_limit.headroom == HOST_UNKNOWN);
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.swap.max", "%llu\n", 3ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.swap.current", "%llu\n", 1ULL << 30);
    tree_write(root, "sys/fs/cgroup/machine/memory.swap.max", "0\n");
    tree_write(root, "sys/fs/cgroup/machine/memory.swap.current", "0\n");
    host_facts_read(root, 4711, &fixture->facts);
    assert_int_equal(facts->swap_limit.headroom, 0);
    tree_write(root, "sys/fs/cgroup/machine/memory.swap.max", "max\n");
    host_facts_read(root, 4711, &fixture->facts);
    assert_int_equal(facts->swap_limit.headroom, 2 * GIB);
    assert_true(facts->both_limit.headroom == HOST_UNKNOWN);
    /* Version 1 counts memory and swap together. */
    tree_write(root, "proc/self/mountinfo",
               "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    tree_write(root, "proc/4711/cgroup", "4:memory:/a\n");
    tree_write(root, "sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes", "%llu\n", 4ULL << 30);
    tree_write(root, "sys/fs/cgroup/memory/a/memory.memsw.usage_in_bytes", "%llu\n", 2ULL << 30);
    tree_write(root, "sys/fs/cgroup/memory/a/memory.stat", "total_inactive_file %llu\n",
               1ULL << 30);
    host_facts_read(root, 4711, &fixture->facts);
    assert_int_equal(facts->both_limit.headroom, 3 * GIB);
    assert_true(facts->swap_limit.headroom == HOST_UNKNOWN);
}

static void the_mount_says_whether_hugepages_count_as_memory(void **state)
{
    static const struct {
        const char *options;
        bool charged;
    } cases[] = {{"rw,nsdelegate", false},
                 {"rw,nsdelegate,memory_recursiveprot,memory_hugetlb_accounting", true}};
    struct fixture *fixture = *state;

    tree_host(fixture->root, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tree_write(fixture->root, "proc/self/mountinfo",
                   "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 %s\n"
                   "32 23 0:29 / /mnt/other rw - tmpfs tmpfs rw\n",
                   cases[i].options);
        host_facts_read(fixture->root, 4711, &fixture->facts);
        assert_int_equal(fixture->facts.hugepages_charged, cases[i].charged);
    }
}

static void v1_limits_and_hugetlb_limits_are_found(void **state)
{
    struct fixture *fixture = *state;
    char *root = fixture->root;

    tree_host(root, 1);
    tree_write(root, "proc/self/mountinfo",
               "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
               "36 31 0:33 /box /sys/fs/cgroup/hugetlb rw - cgroup cgroup rw,hugetlb\n");
    tree_write(root, "proc/4711/cgroup",
               "8:pids:/\n4:cpu,memory:/a/b\n3:hugetlb:/box/inner\n0::/\n");
    tree_write(root, "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    tree_write(root, "sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "5\n");
    tree_write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
    tree_write(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "2000\n");
    tree_write(root, "sys/fs/cgroup/hugetlb/inner/hugetlb.2MB.limit_in_bytes", "%llu\n",
               64ULL << 20);
    tree_write(root, "sys/fs/cgroup/hugetlb/inner/hugetlb.2MB.usage_in_bytes", "%llu\n",
               4ULL << 20);
    tree_write(root, "sys/fs/cgroup/hugetlb/inner/hugetlb.1GB.rsvd.limit_in_bytes", "%llu\n",
               3ULL << 30);
    tree_write(root, "sys/fs/cgroup/hugetlb/inner/hugetlb.1GB.rsvd.usage_in_bytes", "%llu\n",
               1ULL << 30);
    host_facts_read(root, 4711, &fixture->facts);
    assert_int_equal(fixture->facts.memory_limit.limit, 1000);
    assert_int_equal(fixture->facts.memory_limit.headroom, 0);
    assert_int_equal(fixture->facts.pools[0].limit.headroom, 60 * MIB);
    assert_string_equal(fixture->facts.pools[0].limit.file,
                        "/sys/fs/cgroup/hugetlb/inner/hugetlb.2MB.limit_in_bytes");
    assert_int_equal(fixture->facts.pools[1].limit.headroom, 2 * GIB);
}

static void v2_hugetlb_limits_are_found(void **state)
{
    struct fixture *fixture = *state;

    tree_host(fixture->root, 1);
    tree_write(fixture->root, "sys/fs/cgroup/machine/hugetlb.1GB.max", "%llu\n", 4ULL << 30);
    tree_write(fixture->root, "sys/fs/cgroup/machine/hugetlb.1GB.current", "%llu\n", 3ULL << 30);
    host_facts_read(fixture->root, 4711, &fixture->facts);
    assert_int_equal(fixture->facts.pools[1].limit.headroom, GIB);
    assert_true(fixture->facts.pools[0].limit.headroom == HOST_UNKNOWN);
}

/* A mount that begins at a folder: its name is taken off whole names alone. */
static void a_cgroup_is_placed_below_what_is_mounted(void **state)
{
    static const struct {
        const char *group, *folder;
    } cases[] = {{"/box/vm", "vm"}, {"/boxer/vm", "boxer/vm"}, {"/other", "other"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *fixture = *state;
        char path[128];

        tree_host(fixture->root, 1);
        tree_write(fixture->root, "proc/self/mountinfo",
                   "31 23 0:28 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        tree_write(fixture->root, "proc/4711/cgroup", "0::%s\n", cases[i].group);
        snprintf(path, sizeof path, "sys/fs/cgroup/%s/memory.max", cases[i].folder);
        tree_write(fixture->root, path, "%llu\n", 1ULL << 30);
        snprintf(path, sizeof path, "sys/fs/cgroup/%s/memory.current", cases[i].folder);
        tree_write(fixture->root, path, "%zu\n", i);
        host_facts_read(fixture->root, 4711, &fixture->facts);
        assert_int_equal(fixture->facts.memory_limit.usage, i);
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s/memory.max", cases[i].folder);
        assert_string_equal(fixture->facts.memory_limit.file, path);
    }
}

static void a_cgroup_outside_our_view_is_unknown(void **state)
{
    struct fixture *fixture = *state;

    tree_host(fixture->root, 1);
    tree_write(fixture->root, "proc/4711/cgroup", "0::/../../machine\nnonsense\n:\n1:memory\n");
    tree_write(fixture->root, "sys/fs/cgroup/memory.max", "1\n");
    tree_write(fixture->root, "sys/fs/cgroup/memory.current", "1\n");
    host_facts_read(fixture->root, 4711, &fixture->facts);
    assert_true(fixture->facts.memory_limit.headroom == HOST_UNKNOWN);
}

static void nothing_at_all_is_unknown_and_no_error(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    host_facts_read(fixture->root, 4711, facts);
    assert_true(facts->memory_available == HOST_UNKNOWN);
    assert_true(facts->locked_limit == HOST_UNKNOWN);
    assert_true(facts->memory_limit.headroom == HOST_UNKNOWN);
    assert_int_equal(facts->pool_count, 0);
    assert_int_equal(facts->mount_count, 0);
    assert_int_equal(facts->cpus, 0);
    assert_true(node_set_is_empty(&facts->online));
}

static void malformed_files_are_unknown(void **state)
{
    struct fixture *fixture = *state;
    char *root = fixture->root;

    tree_host(root, 2);
    tree_write(root, "proc/meminfo", "MemAvailable: many kB\nHugepagesize: -4 kB\nMemTotal:");
    tree_write(root, "sys/devices/system/node/online", "0-zwei\n");
    tree_pool(root, 4096, "nr_hugepages", -3);
    tree_write(root, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
               "99999999999999999999999\n");
    tree_write(root, "sys/kernel/mm/hugepages/hugepages-99999999999999999999kB/free_hugepages",
               "1\n");
    tree_write(root, "sys/kernel/mm/hugepages/surprise/free_hugepages", "1\n");
    tree_write(root, "proc/4711/limits", "Max locked memory\n");
    tree_write(root, "proc/4711/status", "Cpus_allowed_list:\t9-3\nMems_allowed_list:\t-\n");
    host_facts_read(root, 4711, &fixture->facts);
    assert_true(fixture->facts.memory_available == HOST_UNKNOWN);
    assert_true(fixture->facts.memory_total == HOST_UNKNOWN);
    assert_true(fixture->facts.default_hugepage_size == HOST_UNKNOWN);
    assert_true(node_set_is_empty(&fixture->facts.online));
    assert_int_equal(fixture->facts.pool_count, 3);
    assert_true(host_pool_find(&fixture->facts, 2 * MIB)->free == HOST_UNKNOWN);
    assert_true(host_pool_find(&fixture->facts, 4 * MIB)->total == HOST_UNKNOWN);
    assert_true(fixture->facts.locked_limit == HOST_UNKNOWN);
    assert_int_equal(fixture->facts.cpus, 0);
    assert_true(node_set_is_empty(&fixture->facts.allowed_nodes));
}

static void a_pipe_in_place_of_a_file_does_not_hold_us_up(void **state)
{
    struct fixture *fixture = *state;
    char path[512], text[8];

    assert_int_equal(mkfifo(tree_path(fixture->root, "proc/meminfo", path, sizeof path), 0600), 0);
    assert_int_equal(files_read(fixture->root, "proc/meminfo", text, sizeof text), -1);
}

static void a_file_is_read_up_to_its_bound(void **state)
{
    struct fixture *fixture = *state;
    char text[5], *loaded;
    size_t length;

    tree_write(fixture->root, "long", "0123456789");
    assert_int_equal(files_read(fixture->root, "long", text, sizeof text), 4);
    assert_string_equal(text, "0123");
    loaded = files_load(fixture->root, "long", 6, &length);
    assert_int_equal(length, 6);
    assert_string_equal(loaded, "012345");
    free(loaded);
    /* Around the sizes at which more memory is asked for. */
    for (size_t size = 8190; size < 8195; size++) {
        tree_write(fixture->root, "long", "%0*d", (int)size, 7);
        loaded = files_load(fixture->root, "long", 1 << 20, &length);
        assert_int_equal(length, size);
        assert_int_equal(strlen(loaded), size);
        assert_int_equal(loaded[size - 1], '7');
        free(loaded);
        loaded = files_load(fixture->root, "long", 8192, &length);
        assert_int_equal(length, size < 8192 ? size : 8192);
        free(loaded);
    }
}

static void this_host_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    host_facts_read("/", getpid(), facts);
    assert_int_equal(facts->page_size, sysconf(_SC_PAGESIZE));
    assert_true(facts->memory_available <= facts->memory_total);
    assert_true(facts->memory_total != HOST_UNKNOWN);
    assert_true(facts->cpus >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_list_is_read_as_linux_and_libvirt_write_it),
        cmocka_unit_test(a_malformed_node_list_is_refused),
        cmocka_unit_test(a_node_list_that_does_not_fit_is_cut),
        cmocka_unit_test_setup_teardown(two_nodes_are_read_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(what_qemu_may_do_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(eight_nodes_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(hugetlbfs_is_found_where_qemu_has_it_mounted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_mount_without_page_size_has_the_default_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_tightest_of_nested_v2_limits_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(v1_limits_and_hugetlb_limits_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(v2_hugetlb_limits_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lowest_of_nested_memory_high_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_cgroup_may_swap_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(the_mount_says_whether_hugepages_count_as_memory, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cgroup_is_placed_below_what_is_mounted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cgroup_outside_our_view_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_at_all_is_unknown_and_no_error, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_files_are_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pipe_in_place_of_a_file_does_not_hold_us_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_is_read_up_to_its_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(this_host_is_read, setup, teardown),
    };

    return cmocka_run_group_tests_name("host facts", tests, NULL, NULL);
}
