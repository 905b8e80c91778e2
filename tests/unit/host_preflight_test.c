/* Every check of the preflight, on facts made up for it. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/preflight.h"
#include "size.h"

struct fixture {
    struct host_facts facts;
    uint64_t size;
    struct preflight_need need;
    struct preflight_report report;
};

static void fill_pool(struct host_pool *pool, uint64_t page_size, uint64_t node_free)
{
    *pool = (struct host_pool){.page_size = page_size,
                               .total = 400,
                               .free = 2 * node_free,
                               .limit.headroom = HOST_UNKNOWN};
    for (size_t node = 0; node < HOST_NODES; node++)
        pool->node_total[node] = pool->node_free[node] = HOST_UNKNOWN;
    pool->node_total[0] = pool->node_total[1] = 200;
    pool->node_free[0] = pool->node_free[1] = node_free;
}

/* Two nodes of 16 GiB with 4 free, 8 GiB available, 2 GiB of swap; 130 free pages of 2M a node. The
 * need: one device of 512M that nothing speaks against. */
static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct host_facts *facts;

    if (!fixture)
        return -1;
    facts = &fixture->facts;
    host_facts_init(facts);
    facts->pid = 4711;
    facts->page_size = 4096;
    facts->memory_total = 32 * GIB;
    facts->memory_available = 8 * GIB;
    facts->swap_total = facts->swap_free = 2 * GIB;
    facts->overcommit_memory = 0;
    facts->cpus = 8;
    node_set_parse("0-1", &facts->online);
    facts->has_memory = facts->allowed_nodes = facts->online;
    for (size_t node = 0; node < 2; node++) {
        facts->node_memory_total[node] = 16 * GIB;
        facts->node_memory_free[node] = 4 * GIB;
    }
    facts->pool_count = 2;
    fill_pool(&facts->pools[0], 2 * MIB, 130);
    fill_pool(&facts->pools[1], GIB, 0);
    fixture->size = 512 * MIB;
    fixture->need =
        (struct preflight_need){.sizes = &fixture->size, .count = 1, .path_free = HOST_UNKNOWN};
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void check(struct fixture *fixture)
{
    fixture->report.count = 0;
    preflight_check(&fixture->facts, &fixture->need, &fixture->report);
}

static void expect_nothing(struct fixture *fixture)
{
    check(fixture);
    assert_string_equal(fixture->report.count > 0 ? fixture->report.findings[0].text : "", "");
}

/* Exactly one finding, and these words. */
static void expect(struct fixture *fixture, enum preflight_severity severity, const char *name,
                   const char *text, const char *mend)
{
    const struct preflight_finding *finding = fixture->report.findings;

    check(fixture);
    assert_int_equal(fixture->report.count, 1);
    assert_string_equal(finding->text, text);
    assert_string_equal(finding->mend, mend);
    assert_string_equal(finding->check, name);
    assert_int_equal(finding->severity, severity);
    assert_ptr_equal(preflight_worst(&fixture->report), finding);
}

static void use_nodes(struct fixture *fixture, enum preflight_policy policy, const char *nodes)
{
    fixture->need.policy = policy;
    assert_true(node_set_parse(nodes, &fixture->need.nodes));
}

static void use_hugepages(struct fixture *fixture, uint64_t page_size, uint64_t size)
{
    fixture->need.page_size = page_size;
    fixture->need.prealloc = true;
    fixture->size = size;
}

static void what_fits_gives_no_finding(void **state)
{
    struct fixture *fixture = *state;

    expect_nothing(fixture);
    assert_null(preflight_worst(&fixture->report));
    use_hugepages(fixture, 2 * MIB, 520 * MIB);
    expect_nothing(fixture);
    use_hugepages(fixture, 2 * MIB, 260 * MIB);
    use_nodes(fixture, PREFLIGHT_POLICY_BIND, "1");
    expect_nothing(fixture);
}

static void hugepages_that_are_missing_are_counted(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, GIB);
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "hugepages", "needs 512 hugepages of 2M, 260 are free",
           "echo 652 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
}

static void hugepages_that_others_reserved_are_not_free(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, 512 * MIB);
    fixture->facts.pools[0].reserved = 259;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "hugepages", "needs 256 hugepages of 2M, 1 is free",
           "echo 655 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
}

static void hugepages_are_counted_on_the_nodes_bound_to(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, GIB);
    use_nodes(fixture, PREFLIGHT_POLICY_BIND, "0");
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "hugepages",
           "needs 512 hugepages of 2M on node 0, 130 are free",
           "echo 582 >/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages");
}

static void hugepages_are_counted_on_the_nodes_of_the_cpuset(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, 512 * MIB);
    node_set_parse("1", &fixture->facts.allowed_nodes);
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "hugepages",
           "needs 256 hugepages of 2M on node 1, 130 are free",
           "echo 326 >/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages");
}

/* The kernel's reservation knows no nodes. */
static void hugepages_of_a_node_that_are_not_taken_at_once_may_be_gone(void **state)
{
    static const char text[] =
        "without preallocation no hugepages are reserved on node 1: where they run out, the kernel "
        "kills the VM when the guest touches one";
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, 128 * MIB);
    use_nodes(fixture, PREFLIGHT_POLICY_BIND, "1");
    expect_nothing(fixture);
    fixture->need.prealloc = false;
    expect(fixture, PREFLIGHT_WARNING, "hugepages", text, "--prealloc on");
    /* Where no other node has any, the reservation is one on the node. */
    fixture->facts.pools[0].node_total[0] = 0;
    expect_nothing(fixture);
    fixture->facts.pools[0].node_total[0] = 200;
    use_nodes(fixture, PREFLIGHT_POLICY_BIND, "0-1");
    expect_nothing(fixture);
    use_nodes(fixture, PREFLIGHT_POLICY_INTERLEAVE, "1");
    expect_nothing(fixture);
    use_nodes(fixture, PREFLIGHT_POLICY_DEFAULT, "");
    expect_nothing(fixture);
    node_set_parse("1", &fixture->facts.allowed_nodes);
    expect(fixture, PREFLIGHT_WARNING, "hugepages", text, "--prealloc on");
}

static void hugepages_beyond_the_pool_are_a_maybe(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, GIB);
    fixture->facts.pools[0].overcommit = 300;
    fixture->facts.pools[0].surplus = 40;
    expect(fixture, PREFLIGHT_WARNING, "hugepages",
           "needs 512 hugepages of 2M, 260 are free; overcommit allows 260 more, if the host "
           "finds them",
           "echo 612 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    fixture->facts.pools[0].surplus = 290;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "hugepages",
           "needs 512 hugepages of 2M, 260 are free; overcommit allows 10 more",
           "echo 362 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
}

static void preferred_nodes_that_lack_hugepages_are_a_warning(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, 512 * MIB);
    use_nodes(fixture, PREFLIGHT_POLICY_PREFERRED, "1");
    expect(fixture, PREFLIGHT_WARNING, "hugepages",
           "only 130 of 256 hugepages of 2M are free on node 1; the rest comes from other nodes",
           "");
}

static void a_page_size_that_the_host_lacks_is_named(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 4 * MIB, 512 * MIB);
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "pagesize",
           "the host has no hugepages of 4M; it has 2M, 1G", "--pagesize 2M");
    fixture->facts.pool_count = 0;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "pagesize",
           "the host has no hugepages of 4M; it has no hugepages at all", "--pagesize 4K");
}

static void several_devices_are_summed_up(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t sizes[] = {128 * MIB, 256 * MIB, 256 * MIB};

    use_hugepages(fixture, 2 * MIB, 0);
    fixture->need.sizes = sizes;
    fixture->need.count = 3;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "hugepages", "needs 320 hugepages of 2M, 260 are free",
           "echo 460 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
}

static void the_limit_of_the_hugetlb_cgroup_counts(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, 512 * MIB);
    fixture->facts.pools[0].limit =
        (struct host_limit){GIB, 768 * MIB, 256 * MIB, "/sys/fs/cgroup/machine/hugetlb.2MB.max"};
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "hugetlb-cgroup",
           "needs 512M in hugepages of 2M, the limit of QEMU's cgroup leaves 256M of 1G",
           "echo 1342177280 >/sys/fs/cgroup/machine/hugetlb.2MB.max");
}

static void memory_that_is_missing_hurts_later_or_now(void **state)
{
    struct fixture *fixture = *state;

    fixture->size = 9 * GIB;
    expect(fixture, PREFLIGHT_WARNING, "memory",
           "needs 9 GiB of the host's memory, 8 GiB are available without swapping", "");
    fixture->size = 11 * GIB;
    expect(fixture, PREFLIGHT_WARNING, "memory",
           "needs 11 GiB of the host's memory, 8 GiB are available", "");
    fixture->need.prealloc = true;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "memory",
           "needs 11 GiB of the host's memory, 8 GiB are available",
           "--prealloc off, or a size of at most 10G");
    fixture->facts.memory_available = fixture->facts.swap_free = MIB;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "memory",
           "needs 11 GiB of the host's memory, 1 MiB are available", "--prealloc off");
}

static void memory_of_a_node_counts_where_bound(void **state)
{
    struct fixture *fixture = *state;

    use_nodes(fixture, PREFLIGHT_POLICY_BIND, "1");
    fixture->size = 5 * GIB;
    expect(fixture, PREFLIGHT_WARNING, "memory", "needs 5 GiB on node 1, 4 GiB are free", "");
    fixture->facts.memory_available = fixture->facts.memory_total;
    fixture->size = 17 * GIB;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "memory",
           "needs 17 GiB on node 1, all memory there is 16 GiB",
           "--policy preferred, or a size of at most 16G");
    use_nodes(fixture, PREFLIGHT_POLICY_PREFERRED, "1");
    expect_nothing(fixture);
    /* No policy takes it out of its cpuset. */
    node_set_parse("1", &fixture->facts.allowed_nodes);
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "memory",
           "needs 17 GiB on node 1, all memory there is 16 GiB", "a size of at most 16G");
}

static void what_the_kernel_would_not_commit_is_impossible(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    facts->memory_available = 64 * GIB;
    fixture->size = 35 * GIB;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "commit",
           "a device of 35 GiB is larger than the host's memory and swap together, 34 GiB",
           "sysctl vm.overcommit_memory=1");
    facts->overcommit_memory = 1;
    expect_nothing(fixture);
    facts->overcommit_memory = 2;
    facts->commit_limit = 10 * GIB;
    facts->committed = 9 * GIB;
    fixture->size = 2 * GIB;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "commit",
           "needs 2 GiB, the host's commit limit leaves 1 GiB", "sysctl vm.overcommit_memory=0");
    /* One that this mode would refuse, too. */
    fixture->size = 35 * GIB;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "commit",
           "needs 35 GiB, the host's commit limit leaves 1 GiB", "sysctl vm.overcommit_memory=1");
}

static void the_limit_of_the_memory_cgroup_counts(void **state)
{
    struct fixture *fixture = *state;

    fixture->size = 2 * GIB;
    fixture->facts.swap_free = 0;
    fixture->facts.memory_limit =
        (struct host_limit){4 * GIB, 3 * GIB, GIB, "/sys/fs/cgroup/machine/memory.max"};
    expect(fixture, PREFLIGHT_WARNING, "cgroup",
           "needs 2 GiB, the memory limit of QEMU's cgroup leaves 1 GiB of 4 GiB; beyond it the "
           "kernel kills the VM",
           "echo 5469372416 >/sys/fs/cgroup/machine/memory.max");
    fixture->need.prealloc = true;
    check(fixture);
    assert_int_equal(fixture->report.findings[0].severity, PREFLIGHT_IMPOSSIBLE);
}

static void hugepages_count_for_the_memory_cgroup_where_the_host_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    use_hugepages(fixture, 2 * MIB, 512 * MIB);
    facts->swap_free = 0;
    facts->memory_limit = (struct host_limit){GIB, GIB, 0, "/max"};
    expect_nothing(fixture);
    facts->hugepages_charged = true;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "cgroup",
           "needs 512 MiB, the memory limit of QEMU's cgroup leaves 0 B of 1 GiB; beyond it the "
           "kernel kills the VM",
           "echo 1686110208 >/max");
    facts->memory_limit.headroom = GIB;
    facts->memory_high = (struct host_limit){GIB, GIB, 0, "/high"};
    check(fixture);
    assert_int_equal(fixture->report.count, 1);
    assert_string_equal(fixture->report.findings[0].check, "cgroup-high");
}

/* 2 GiB are wanted, 1 GiB is left to the cgroup. */
static void what_the_memory_cgroup_may_swap_is_slow_and_not_impossible(void **state)
{
    static const struct {
        uint64_t swap_free, swap_left, both_left;
        enum preflight_severity severity;
        const char *file, *end;
    } cases[] = {
        {2 * GIB, HOST_UNKNOWN, HOST_UNKNOWN, PREFLIGHT_WARNING, "/max", "the rest goes to swap"},
        {GIB, GIB, 2 * GIB, PREFLIGHT_WARNING, "/max", "the rest goes to swap"},
        {GIB - 1, HOST_UNKNOWN, HOST_UNKNOWN, PREFLIGHT_IMPOSSIBLE, "/max", "kills the VM"},
        {HOST_UNKNOWN, HOST_UNKNOWN, HOST_UNKNOWN, PREFLIGHT_IMPOSSIBLE, "/max", "kills the VM"},
        {2 * GIB, GIB - 1, HOST_UNKNOWN, PREFLIGHT_IMPOSSIBLE, "/max", "kills the VM"},
        {2 * GIB, HOST_UNKNOWN, 2 * GIB - 1, PREFLIGHT_IMPOSSIBLE, "/memsw", "kills the VM"},
    };
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    fixture->size = 2 * GIB;
    fixture->need.prealloc = true;
    facts->memory_limit = (struct host_limit){4 * GIB, 3 * GIB, GIB, "/max"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct preflight_finding *finding = fixture->report.findings;

        facts->swap_free = cases[i].swap_free;
        facts->swap_limit.headroom = cases[i].swap_left;
        facts->both_limit = (struct host_limit){8 * GIB, 0, cases[i].both_left, "/memsw"};
        check(fixture);
        assert_int_equal(fixture->report.count, 1);
        assert_string_equal(finding->check, "cgroup");
        assert_int_equal(finding->severity, cases[i].severity);
        assert_non_null(strstr(finding->text, cases[i].end));
        assert_non_null(strstr(finding->mend, cases[i].file));
    }
}

/* QEMU is not killed beyond it, so it is never impossible; --strict makes an error of it. */
static void memory_high_of_the_cgroup_is_a_warning(void **state)
{
    struct fixture *fixture = *state;
    struct host_limit *high = &fixture->facts.memory_high;

    fixture->size = 2 * GIB;
    *high = (struct host_limit){4 * GIB, 3 * GIB, GIB, "/sys/fs/cgroup/machine/memory.high"};
    for (int prealloc = 0; prealloc < 2; prealloc++) {
        fixture->need.prealloc = prealloc;
        expect(fixture, PREFLIGHT_WARNING, "cgroup-high",
               "needs 2 GiB, memory.high of QEMU's cgroup leaves 1 GiB of 4 GiB; beyond it the "
               "kernel slows the VM down hard",
               "echo 5469372416 >/sys/fs/cgroup/machine/memory.high");
    }
    high->headroom = 2 * GIB;
    expect_nothing(fixture);
    use_hugepages(fixture, 2 * MIB, 512 * MIB);
    high->headroom = 0;
    expect_nothing(fixture);
}

/* The command is for a shell, and half of one would do harm. */
static void a_mend_names_its_file_as_a_shell_takes_it(void **state)
{
    struct fixture *fixture = *state;
    struct host_limit *limit = &fixture->facts.memory_limit;

    fixture->size = 2 * GIB;
    fixture->need.prealloc = true;
    fixture->facts.swap_free = 0;
    *limit = (struct host_limit){4 * GIB, 3 * GIB, GIB, "/machine-qemu\\x2d1\\x2dweb.scope/max"};
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "cgroup",
           "needs 2 GiB, the memory limit of QEMU's cgroup leaves 1 GiB of 4 GiB; beyond it the "
           "kernel kills the VM",
           "echo 5469372416 >'/machine-qemu\\x2d1\\x2dweb.scope/max'");
    memcpy(limit->file, "/it's $(here)", 14);
    check(fixture);
    assert_string_equal(fixture->report.findings[0].mend, "echo 5469372416 >'/it'\\''s $(here)'");
    memset(limit->file, '\'', sizeof limit->file - 1);
    check(fixture);
    assert_string_equal(fixture->report.findings[0].mend, "");
    limit->file[0] = '\0';
    check(fixture);
    assert_string_equal(fixture->report.findings[0].mend, "");
}

static void a_size_must_be_a_multiple_of_the_page_size(void **state)
{
    struct fixture *fixture = *state;

    use_hugepages(fixture, 2 * MIB, 3 * MIB);
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "alignment",
           "a device of 3M is no multiple of the page size 2M", "use 4M instead");
    fixture->need.page_size = 0;
    fixture->size = 4097;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "alignment",
           "a device of 4097 is no multiple of the page size 4K", "use 8K instead");
}

static void host_nodes_must_exist_have_memory_and_be_allowed(void **state)
{
    struct fixture *fixture = *state;

    use_nodes(fixture, PREFLIGHT_POLICY_INTERLEAVE, "0-3");
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "nodes", "host nodes 2-3: the host has no such node",
           "--host-nodes 0-1");
    use_nodes(fixture, PREFLIGHT_POLICY_INTERLEAVE, "0-1");
    node_set_parse("0", &fixture->facts.has_memory);
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "nodes", "host node 1: has no memory", "--host-nodes 0");
    fixture->facts.has_memory = fixture->facts.online;
    node_set_parse("1", &fixture->facts.allowed_nodes);
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "nodes", "host node 0: QEMU may not use it (its cpuset)",
           "--host-nodes 1");
}

static void policy_and_nodes_belong_together(void **state)
{
    struct fixture *fixture = *state;

    use_nodes(fixture, PREFLIGHT_POLICY_BIND, "");
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "policy", "policy bind needs host nodes",
           "--host-nodes LIST");
    use_nodes(fixture, PREFLIGHT_POLICY_DEFAULT, "0");
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "policy",
           "host nodes are given, but no policy says what for", "--policy bind");
}

static void vfio_needs_locked_memory(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    facts->locked_limit = 8 * MIB;
    expect_nothing(fixture);
    facts->uses_vfio = true;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "locked",
           "VFIO pins guest memory: QEMU needs 512M more of locked memory, its limit of 8M leaves "
           "8M",
           "prlimit --pid 4711 --memlock=536870912");
    facts->may_lock_any = true;
    expect_nothing(fixture);
    facts->may_lock_any = false;
    facts->locked_limit = 2 * GIB;
    expect_nothing(fixture);
}

static void a_qemu_that_locks_its_memory_needs_more_of_it(void **state)
{
    struct fixture *fixture = *state;

    fixture->facts.locked = GIB;
    fixture->facts.locked_limit = GIB + 256 * MIB;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "locked",
           "QEMU locks its memory: it needs 512M more of locked memory, its limit of 1280M leaves "
           "256M",
           "prlimit --pid 4711 --memlock=1610612736");
}

static void the_file_system_of_the_mem_path_must_have_room(void **state)
{
    struct fixture *fixture = *state;

    fixture->need.path_free = 256 * MIB;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "mem-path",
           "needs 512M in the file system of the mem-path, 256M are free",
           "make room there, or say another --mem-path");
    fixture->need.path = "/srv/my vm";
    fixture->need.path_tmpfs = GIB;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "mem-path",
           "needs 512M in the file system of the mem-path, 256M are free",
           "mount -o remount,size=1342177280 \"$(stat -c %m '/srv/my vm')\"");
    use_hugepages(fixture, 2 * MIB, 512 * MIB);
    fixture->need.path_tmpfs = 0;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "mem-path",
           "needs 512M in the file system of the mem-path, 256M are free",
           "mount -t hugetlbfs -o pagesize=2M none DIR, and say --mem-path DIR");
}

/* A shared file on a disk: the kernel writes back what memory has no room for, and commits to none
 * of it; a policy does not bind the cache either. */
static void what_can_be_written_back_is_slow_and_not_impossible(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    fixture->need.prealloc = true;
    fixture->need.backing = PREFLIGHT_WRITTEN_BACK;
    fixture->size = 35 * GIB;
    use_nodes(fixture, PREFLIGHT_POLICY_BIND, "1");
    expect(fixture, PREFLIGHT_WARNING, "memory",
           "needs 35 GiB of the host's memory, 8 GiB are available; the rest lies on the disk", "");
    facts->memory_available = 64 * GIB;
    facts->overcommit_memory = 2;
    facts->commit_limit = facts->committed = GIB;
    expect_nothing(fixture);
    facts->memory_limit = (struct host_limit){4 * GIB, 3 * GIB, GIB, "/max"};
    expect(
        fixture, PREFLIGHT_WARNING, "cgroup",
        "needs 35 GiB, the memory limit of QEMU's cgroup leaves 1 GiB of 4 GiB; the rest lies on "
        "the disk",
        "echo 41456500736 >/max");
    fixture->need.path_free = 34 * GIB;
    check(fixture);
    assert_int_equal(preflight_worst(&fixture->report)->severity, PREFLIGHT_IMPOSSIBLE);
    assert_string_equal(preflight_worst(&fixture->report)->check, "mem-path");
}

/* Every kernel has a limit to name, and but one of its modes knows it. */
static void the_commit_limit_binds_in_its_mode_alone(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    facts->commit_limit = 2 * GIB;
    facts->committed = 3 * GIB;
    expect_nothing(fixture);
    facts->overcommit_memory = HOST_UNKNOWN;
    expect_nothing(fixture);
    facts->overcommit_memory = 2;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "commit",
           "needs 512 MiB, the host's commit limit leaves 0 B", "sysctl vm.overcommit_memory=0");
    facts->committed = 2 * GIB - 512 * MIB;
    expect_nothing(fixture);
}

/* A shared memfd, or file of a tmpfs, is committed page by page: too much of it fails where it is
 * taken, and not before. */
static void shared_memory_is_committed_as_it_is_taken(void **state)
{
    struct fixture *fixture = *state;
    struct host_facts *facts = &fixture->facts;

    fixture->need.backing = PREFLIGHT_SHMEM;
    facts->memory_available = 64 * GIB;
    fixture->size = 35 * GIB;
    expect_nothing(fixture);
    facts->overcommit_memory = 2;
    facts->commit_limit = 10 * GIB;
    facts->committed = 9 * GIB;
    expect(fixture, PREFLIGHT_WARNING, "commit",
           "needs 35 GiB, the host's commit limit leaves 1 GiB", "sysctl vm.overcommit_memory=0");
    fixture->need.prealloc = true;
    expect(fixture, PREFLIGHT_IMPOSSIBLE, "commit",
           "needs 35 GiB, the host's commit limit leaves 1 GiB", "sysctl vm.overcommit_memory=0");
}

static void a_qemu_elsewhere_gets_one_note(void **state)
{
    struct fixture *fixture = *state;

    fixture->size = UINT64_MAX;
    preflight_check(NULL, &fixture->need, &fixture->report);
    assert_int_equal(fixture->report.count, 1);
    assert_int_equal(fixture->report.findings[0].severity, PREFLIGHT_NOTE);
    assert_string_equal(fixture->report.findings[0].check, "remote");
}

static void unknown_facts_speak_against_nothing(void **state)
{
    struct fixture *fixture = *state;

    host_facts_init(&fixture->facts);
    expect_nothing(fixture);
    use_hugepages(fixture, 2 * MIB, GIB);
    use_nodes(fixture, PREFLIGHT_POLICY_BIND, "3");
    expect_nothing(fixture);
}

static void extreme_sizes_are_refused_not_wrapped(void **state)
{
    struct fixture *fixture = *state;
    uint64_t sizes[] = {UINT64_MAX - 4095, UINT64_MAX - 4095};

    fixture->need.sizes = sizes;
    fixture->need.count = 2;
    fixture->need.prealloc = true;
    check(fixture);
    assert_int_equal(preflight_worst(&fixture->report)->severity, PREFLIGHT_IMPOSSIBLE);
    use_hugepages(fixture, 2 * MIB, 0);
    check(fixture);
    assert_int_equal(preflight_worst(&fixture->report)->severity, PREFLIGHT_IMPOSSIBLE);
}

static void policies_have_qemus_names(void **state)
{
    enum preflight_policy policy;

    (void)state;
    assert_true(preflight_policy_parse(NULL, &policy));
    assert_int_equal(policy, PREFLIGHT_POLICY_DEFAULT);
    assert_true(preflight_policy_parse("interleave", &policy));
    assert_int_equal(policy, PREFLIGHT_POLICY_INTERLEAVE);
    assert_false(preflight_policy_parse("strict", &policy));
}

static void threads_follow_cpus_and_size(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(preflight_prealloc_threads(&fixture->facts, 8 * GIB), 8);
    assert_int_equal(preflight_prealloc_threads(&fixture->facts, 128 * MIB), 2);
    assert_int_equal(preflight_prealloc_threads(&fixture->facts, 2 * MIB), 1);
    assert_int_equal(preflight_prealloc_threads(NULL, 8 * GIB), 1);
    fixture->facts.cpus = 96;
    assert_int_equal(preflight_prealloc_threads(&fixture->facts, 8 * GIB), 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_fits_gives_no_finding),
        TEST(hugepages_that_are_missing_are_counted),
        TEST(hugepages_that_others_reserved_are_not_free),
        TEST(hugepages_are_counted_on_the_nodes_bound_to),
        TEST(hugepages_of_a_node_that_are_not_taken_at_once_may_be_gone),
        TEST(hugepages_are_counted_on_the_nodes_of_the_cpuset),
        TEST(hugepages_beyond_the_pool_are_a_maybe),
        TEST(preferred_nodes_that_lack_hugepages_are_a_warning),
        TEST(a_page_size_that_the_host_lacks_is_named),
        TEST(several_devices_are_summed_up),
        TEST(the_limit_of_the_hugetlb_cgroup_counts),
        TEST(memory_that_is_missing_hurts_later_or_now),
        TEST(memory_of_a_node_counts_where_bound),
        TEST(what_the_kernel_would_not_commit_is_impossible),
        TEST(the_limit_of_the_memory_cgroup_counts),
        TEST(hugepages_count_for_the_memory_cgroup_where_the_host_says_so),
        TEST(what_the_memory_cgroup_may_swap_is_slow_and_not_impossible),
        TEST(memory_high_of_the_cgroup_is_a_warning),
        TEST(a_mend_names_its_file_as_a_shell_takes_it),
        TEST(a_size_must_be_a_multiple_of_the_page_size),
        TEST(host_nodes_must_exist_have_memory_and_be_allowed),
        TEST(policy_and_nodes_belong_together),
        TEST(vfio_needs_locked_memory),
        TEST(a_qemu_that_locks_its_memory_needs_more_of_it),
        TEST(the_file_system_of_the_mem_path_must_have_room),
        TEST(the_commit_limit_binds_in_its_mode_alone),
        TEST(what_can_be_written_back_is_slow_and_not_impossible),
        TEST(shared_memory_is_committed_as_it_is_taken),
        TEST(a_qemu_elsewhere_gets_one_note),
        TEST(unknown_facts_speak_against_nothing),
        TEST(extreme_sizes_are_refused_not_wrapped),
        TEST(policies_have_qemus_names),
        TEST(threads_follow_cpus_and_size),
    };

    return cmocka_run_group_tests_name("host preflight", tests, NULL, NULL);
}
