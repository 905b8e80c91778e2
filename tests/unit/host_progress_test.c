/* How far an allocation is, told from /proc. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/host.h"
#include "host/progress.h"
#include "size.h"

static void ordinary_shared_and_huge_pages_count(void **state)
{
    (void)state;
    assert_int_equal(progress_from_status("VmRSS:\t 9999 kB\nRssAnon:\t 100 kB\nRssFile:\t 10 kB\n"
                                          "RssShmem:\t 1 kB\nHugetlbPages:\t 2048 kB\n"),
                     2159 * KIB);
    assert_int_equal(progress_from_status("HugetlbPages:\t 0 kB\n"), 0);
    assert_true(progress_from_status("Name:\tqemu\n") == HOST_UNKNOWN);
    assert_true(progress_from_status("RssAnon:\tlots\n") == HOST_UNKNOWN);
}

static void rate_and_what_is_left_follow_from_the_start(void **state)
{
    struct progress progress;
    struct progress_state now;

    (void)state;
    progress_start(&progress, GIB, 4 * GIB, 1000);
    assert_true(progress_at(&progress, GIB, 1000, &now));
    assert_int_equal(now.done, 0);
    assert_int_equal(now.left, -1);
    assert_true(progress_at(&progress, 2 * GIB, 3000, &now));
    assert_int_equal(now.done, GIB);
    assert_int_equal(now.rate, 512 * MIB);
    assert_int_equal(now.left, 6000);
}

static void what_shrinks_or_overshoots_stays_in_bounds(void **state)
{
    struct progress progress;
    struct progress_state now;

    (void)state;
    progress_start(&progress, GIB, GIB, 0);
    assert_true(progress_at(&progress, 512 * MIB, 5000, &now));
    assert_int_equal(now.done, 0);
    assert_true(progress_at(&progress, 9 * GIB, 5000, &now));
    assert_int_equal(now.done, GIB);
    assert_int_equal(now.left, 0);
}

static void a_process_that_is_gone_tells_nothing(void **state)
{
    struct progress progress;
    struct progress_state now;

    (void)state;
    assert_true(progress_read("/nonexistent", 1) == HOST_UNKNOWN);
    progress_start(&progress, GIB, GIB, 0);
    assert_false(progress_at(&progress, HOST_UNKNOWN, 5000, &now));
    progress_start(&progress, HOST_UNKNOWN, GIB, 0);
    assert_false(progress_at(&progress, GIB, 5000, &now));
}

static void our_own_memory_is_seen_to_grow(void **state)
{
    const size_t size = 48 << 20;
    uint64_t before, after;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(memory, MAP_FAILED);
    before = progress_read("/", getpid());
    memset(memory, 1, size);
    after = progress_read("/", getpid());
    munmap(memory, size);
    assert_true(before != HOST_UNKNOWN && after != HOST_UNKNOWN);
    assert_in_range(after - before, 44 << 20, 64 << 20);
}

static void a_larger_allocation_may_take_longer(void **state)
{
    (void)state;
    assert_int_equal(progress_longest(0), 10000);
    assert_int_equal(progress_longest(GIB), 74000);
    assert_true(progress_longest(UINT64_MAX) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_shared_and_huge_pages_count),
        cmocka_unit_test(rate_and_what_is_left_follow_from_the_start),
        cmocka_unit_test(what_shrinks_or_overshoots_stays_in_bounds),
        cmocka_unit_test(a_process_that_is_gone_tells_nothing),
        cmocka_unit_test(our_own_memory_is_seen_to_grow),
        cmocka_unit_test(a_larger_allocation_may_take_longer),
    };

    return cmocka_run_group_tests_name("host progress", tests, NULL, NULL);
}
