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
        result->f_bsize = strstr(path, "1G") ? 1 << 30 : 2 << 20;
        result->f_blocks = strstr(path, "1G") ? 4 : 0;
    }
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hugetlbfs_of_that_page_size_is_taken),
        TEST(another_page_size_is_refused),
        TEST(a_plain_folder_is_refused_where_hugepages_are_wanted),
        TEST(a_plain_folder_or_file_is_taken_when_given_on_purpose),
        TEST(what_does_not_exist_is_refused_and_not_created),
        TEST(a_relative_path_is_refused),
        TEST(what_is_no_file_is_refused),
        TEST(a_file_system_that_does_not_answer_is_an_error),
        TEST(the_real_statfs_knows_a_plain_folder),
        TEST(the_mount_for_a_page_size_is_found),
    };

    return cmocka_run_group_tests_name("host mem-path", tests, NULL, NULL);
}
