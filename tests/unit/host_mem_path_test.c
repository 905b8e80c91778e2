/* A mem-path is taken only for what it is. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/magic.h>

#include "error.h"
#include "host/host.h"
#include "host/mem_path.h"
#include "host_tree.h"
#include "size.h"

static int setup(void **state)
{
    char *root = tree_new();

    tree_write(root, "dev/hugepages/present", "x");
    tree_write(root, "mnt/huge1G/present", "x");
    tree_write(root, "srv/plain/file", "0123456789");
    *state = root;
    return 0;
}

static int teardown(void **state)
{
    tree_free(*state);
    return 0;
}

/* Hugetlbfs where a path has "huge" in it, an ext4 with 3 blocks left elsewhere. */
static int made_up_statfs(const char *path, struct statfs *result)
{
    memset(result, 0, sizeof *result);
    result->f_type = EXT4_SUPER_MAGIC;
    result->f_bsize = 4096;
    result->f_blocks = 100;
    result->f_bavail = 3;
    if (strstr(path, "huge")) {
        result->f_type = HUGETLBFS_MAGIC;
        result->f_bsize = strstr(path, "huge1G") ? 1 << 30 : 2 << 20;
        result->f_blocks = strstr(path, "huge1G") ? 4 : 0;
    }
    return 0;
}

/* A tmpfs, and a ramfs where a path has "file" in it, of so many blocks. */
static fsblkcnt_t memory_blocks;

static int memory_statfs(const char *path, struct statfs *result)
{
    memset(result, 0, sizeof *result);
    result->f_type = strstr(path, "file") ? RAMFS_MAGIC : TMPFS_MAGIC;
    result->f_bsize = 4096;
    result->f_blocks = memory_blocks;
    result->f_bavail = memory_blocks / 2;
    return 0;
}

static int failing_statfs(const char *path, struct statfs *result)
{
    (void)path, (void)result;
    errno = EIO;
    return -1;
}

static void a_hugetlbfs_of_that_page_size_is_taken(void **state)
{
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(
        mem_path_check(*state, "/dev/hugepages", 2 * MIB, made_up_statfs, &found, &error), 0);
    assert_true(found.hugetlb && found.folder);
    assert_int_equal(found.page_size, 2 * MIB);
    assert_true(found.free == HOST_UNKNOWN);
    assert_int_equal(mem_path_check(*state, "/mnt/huge1G", 0, made_up_statfs, &found, &error), 0);
    assert_int_equal(found.page_size, GIB);
    assert_int_equal(found.free, 3 * GIB);
}

static void another_page_size_is_refused(void **state)
{
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(mem_path_check(*state, "/mnt/huge1G", 2 * MIB, made_up_statfs, &found, &error),
                     -1);
    assert_string_equal(error.text, "/mnt/huge1G: has hugepages of 1G, not of 2M");
    assert_string_equal(error.hint, "mount -t hugetlbfs -o pagesize=2M none DIR");
    assert_int_equal(error.code, EXIT_USAGE);
}

static void a_plain_folder_is_refused_where_hugepages_are_wanted(void **state)
{
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(mem_path_check(*state, "/srv/plain", GIB, made_up_statfs, &found, &error), -1);
    assert_string_equal(error.text, "/srv/plain: is no hugetlbfs, so it gives no hugepages of 1G");
}

static void a_plain_folder_or_file_is_taken_when_given_on_purpose(void **state)
{
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(mem_path_check(*state, "/srv/plain", 0, made_up_statfs, &found, &error), 0);
    assert_true(found.folder && !found.hugetlb);
    assert_int_equal(found.free, 3 * 4096);
    assert_int_equal(mem_path_check(*state, "/srv/plain/file", 0, made_up_statfs, &found, &error),
                     0);
    assert_false(found.folder);
    assert_int_equal(found.file_size, 10);
    /* What it has is room for it, too. */
    assert_true(found.allocated > 0);
    assert_int_equal(found.free, 3 * 4096 + found.allocated);
    /* A device's room is not that of the file system in which its name lies. */
    assert_int_equal(mem_path_check("/", "/dev/null", 0, made_up_statfs, &found, &error), 0);
    assert_true(found.device && found.free == HOST_UNKNOWN);
}

static void what_does_not_exist_is_refused_and_not_created(void **state)
{
    char joined[512];
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(mem_path_check(*state, "/srv/plian", 0, NULL, &found, &error), -1);
    assert_string_equal(error.text, "/srv/plian: No such file or directory");
    assert_string_equal(error.hint, "QEMU would make a plain file there; name one that exists");
    snprintf(joined, sizeof joined, "%s/srv/plian", (char *)*state);
    assert_int_equal(access(joined, F_OK), -1);
}

static void owner_and_mode_say_whether_qemu_may_use_it(void **state)
{
    static const struct {
        uint32_t user, group;
        unsigned mode;
        bool folder, allowed;
    } rows[] = {
        {7, 0, 0700, true, true},  {7, 0, 0500, true, false}, {7, 9, 0077, true, false},
        {0, 9, 0730, true, true},  {0, 9, 0707, true, false}, {0, 0, 0773, true, true},
        {0, 0, 0755, true, false}, {7, 0, 0600, false, true}, {0, 8, 0640, false, false},
        {0, 9, 0660, false, true}, {0, 0, 0666, false, true}, {0, 0, 0770, true, false},
        {0, 0, 0707, true, true},
    };
    struct host_identity identity = {.known = true, .user = 7, .groups = {8, 9}, .group_count = 2};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct mem_path path = {.access = {rows[i].user, rows[i].group, rows[i].mode},
                                      .folder = rows[i].folder};

        assert_int_equal(mem_path_is_allowed(&path, &identity), rows[i].allowed);
        identity.any = true;
        assert_true(mem_path_is_allowed(&path, &identity));
        identity.any = false;
    }
}

/* Bare of what the tree itself lies in. */
static void every_folder_above_it_must_let_qemu_through(void **state)
{
    static const char *const paths[] = {"/srv/vm/pages", "/srv//vm//pages/", "//srv/vm/./pages",
                                        "/////srv/vm/pages"};
    struct host_identity identity = {.known = true, .user = 65533};
    struct mem_path found;
    char joined[512];
    size_t barrier;

    tree_write(*state, "srv/vm/pages/x", "x");
    assert_int_equal(chmod(tree_path(*state, "", joined, sizeof joined), 0755), 0);
    assert_int_equal(chmod(tree_path(*state, "srv", joined, sizeof joined), 0755), 0);
    assert_int_equal(chmod(tree_path(*state, "srv/vm/pages", joined, sizeof joined), 0777), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        chmod(tree_path(*state, "srv/vm", joined, sizeof joined), 0750);
        assert_int_equal(mem_path_check(*state, paths[i], 0, NULL, &found, NULL), 0);
        assert_false(mem_path_is_allowed(&found, &identity));
        barrier = mem_path_barrier(&found, &identity);
        assert_int_equal(barrier, strstr(paths[i], "vm") + 2 - paths[i]);
        chmod(joined, 0711);
        assert_int_equal(mem_path_check(*state, paths[i], 0, NULL, &found, NULL), 0);
        assert_int_equal(mem_path_barrier(&found, &identity), 0);
        assert_true(mem_path_is_allowed(&found, &identity));
    }
    identity.any = true;
    assert_int_equal(mem_path_barrier(&found, &identity), 0);
    /* "/" has nothing above it. */
    assert_int_equal(mem_path_check(*state, "/", 0, NULL, &found, NULL), 0);
    assert_int_equal(found.parent_count, 0);
    assert_int_equal(mem_path_check("/", "/////proc/self", 0, NULL, &found, NULL), 0);
    assert_int_equal(found.parent_count, 2);
    assert_int_equal(found.parents[1].length, strlen("/////proc"));
}

static void a_relative_path_is_refused(void **state)
{
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(mem_path_check(*state, "srv/plain", 0, made_up_statfs, &found, &error), -1);
    assert_int_equal(error.code, EXIT_USAGE);
}

static void what_is_no_file_is_refused(void **state)
{
    char joined[512];
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(mkfifo(tree_path(*state, "srv/pipe", joined, sizeof joined), 0600), 0);
    assert_int_equal(mem_path_check(*state, "/srv/pipe", 0, made_up_statfs, &found, &error), -1);
    assert_string_equal(error.text, "/srv/pipe: is neither a folder nor a file");
}

/* Both say so with 0 blocks, all of them free. */
static void a_tmpfs_has_a_size_or_no_limit(void **state)
{
    struct mem_path found;
    struct error error = {0};

    memory_blocks = 512;
    assert_int_equal(mem_path_check(*state, "/srv/plain", 0, memory_statfs, &found, &error), 0);
    assert_int_equal(found.free, MIB);
    assert_int_equal(found.tmpfs_size, 2 * MIB);
    memory_blocks = 0;
    assert_int_equal(mem_path_check(*state, "/srv/plain", 0, memory_statfs, &found, &error), 0);
    assert_true(found.free == HOST_UNKNOWN);
    assert_int_equal(found.tmpfs_size, 0);
    assert_int_equal(mem_path_check(*state, "/srv/plain/file", 0, memory_statfs, &found, &error),
                     0);
    assert_true(found.free == HOST_UNKNOWN);
}

static void a_file_system_that_does_not_answer_is_an_error(void **state)
{
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(mem_path_check(*state, "/srv/plain", 0, failing_statfs, &found, &error), -1);
    assert_int_equal(error.code, EXIT_FAILED);
    assert_string_equal(error.text, "/srv/plain: Input/output error");
}

static void the_real_statfs_knows_a_plain_folder(void **state)
{
    struct mem_path found;
    struct error error = {0};

    assert_int_equal(mem_path_check(*state, "/srv/plain", 0, NULL, &found, &error), 0);
    assert_false(found.hugetlb);
}

static long file_system;

static int some_file_system(const char *path, struct statfs *result)
{
    (void)path;
    *result = (struct statfs){.f_type = file_system, .f_bsize = 4096};
    return 0;
}

static void pages_of_a_disk_can_be_written_back(void **state)
{
    static const struct {
        long type;
        bool disk;
    } systems[] = {{EXT4_SUPER_MAGIC, true}, {XFS_SUPER_MAGIC, true}, {NFS_SUPER_MAGIC, true},
                   {HUGETLBFS_MAGIC, false}, {TMPFS_MAGIC, false},    {RAMFS_MAGIC, false}};
    struct mem_path found;

    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        file_system = systems[i].type;
        assert_int_equal(mem_path_check(*state, "/srv/plain", 0, some_file_system, &found, NULL),
                         0);
        assert_int_equal(found.written_back, systems[i].disk);
    }
    /* Its name lies in a tmpfs, its memory does not. */
    assert_int_equal(mem_path_check("/", "/dev/null", 0, NULL, &found, NULL), 0);
    assert_true(found.written_back);
}

static void the_mount_for_a_page_size_is_found(void **state)
{
    static struct host_facts facts;
    struct mem_path found;
    struct error error = {0};

    host_facts_init(&facts);
    facts.mounts[0] = (struct host_mount){GIB, false, "/mnt/huge1G"};
    facts.mounts[1] = (struct host_mount){2 * MIB, true, "/dev/hugepages-gone"};
    facts.mounts[2] = (struct host_mount){2 * MIB, true, "/dev/hugepages"};
    facts.mount_count = 3;
    assert_string_equal(mem_path_find(*state, &facts, 2 * MIB, made_up_statfs, &found, &error),
                        "/dev/hugepages");
    assert_null(mem_path_find(*state, &facts, GIB, made_up_statfs, &found, &error));
    assert_string_equal(error.text, "no hugetlbfs with pages of 1G is mounted");
    assert_string_equal(error.hint, "mkdir -p /dev/hugepages-1G && mount -t hugetlbfs -o "
                                    "pagesize=1G none /dev/hugepages-1G");
    facts.mount_count = 2;
    assert_null(mem_path_find(*state, &facts, 2 * MIB, made_up_statfs, &found, &error));
    assert_string_equal(error.text, "no hugetlbfs with pages of 2M can be used: "
                                    "/dev/hugepages-gone: No such file or directory");
}

/* libvirt and others mount one for themselves. */
static void of_several_mounts_one_that_qemu_may_use_is_found(void **state)
{
    static const struct {
        mode_t first, second;
        const char *found;
    } cases[] = {{0700, 0777, "/dev/huge2"},
                 {0777, 0777, "/dev/huge1"},
                 {0777, 0700, "/dev/huge1"},
                 {0700, 0700, "/dev/huge1"}};
    static struct host_facts facts;
    struct mem_path found;
    char joined[512];

    host_facts_init(&facts);
    facts.identity = (struct host_identity){.known = true, .user = 65533};
    facts.mounts[0] = (struct host_mount){2 * MIB, true, "/dev/huge1"};
    facts.mounts[1] = (struct host_mount){2 * MIB, true, "/dev/huge2"};
    facts.mount_count = 2;
    tree_write(*state, "dev/huge1/x", "x");
    tree_write(*state, "dev/huge2/x", "x");
    assert_int_equal(chmod(tree_path(*state, "", joined, sizeof joined), 0755), 0);
    assert_int_equal(chmod(tree_path(*state, "dev", joined, sizeof joined), 0755), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool is_first = strcmp(cases[i].found, "/dev/huge1") == 0;

        chmod(tree_path(*state, "dev/huge1", joined, sizeof joined), cases[i].first);
        chmod(tree_path(*state, "dev/huge2", joined, sizeof joined), cases[i].second);
        assert_string_equal(mem_path_find(*state, &facts, 2 * MIB, made_up_statfs, &found, NULL),
                            cases[i].found);
        assert_int_equal(found.access.mode, is_first ? cases[i].first : cases[i].second);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hugetlbfs_of_that_page_size_is_taken),
        TEST(another_page_size_is_refused),
        TEST(a_plain_folder_is_refused_where_hugepages_are_wanted),
        TEST(a_plain_folder_or_file_is_taken_when_given_on_purpose),
        TEST(what_does_not_exist_is_refused_and_not_created),
        TEST(owner_and_mode_say_whether_qemu_may_use_it),
        TEST(every_folder_above_it_must_let_qemu_through),
        TEST(a_relative_path_is_refused),
        TEST(what_is_no_file_is_refused),
        TEST(a_tmpfs_has_a_size_or_no_limit),
        TEST(a_file_system_that_does_not_answer_is_an_error),
        TEST(the_real_statfs_knows_a_plain_folder),
        TEST(pages_of_a_disk_can_be_written_back),
        TEST(the_mount_for_a_page_size_is_found),
        TEST(of_several_mounts_one_that_qemu_may_use_is_found),
    };

    return cmocka_run_group_tests_name("host mem-path", tests, NULL, NULL);
}
