#include "lab/hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/clock.h"

#define POOLS "/sys/kernel/mm/hugepages"

/* The pools that suites use. */
static const struct pool {
    const char *folder, *name;
    size_t page_size;
} pools[] = {
    {POOLS "/hugepages-2048kB", "2M", (size_t)2 << 20},
    {POOLS "/hugepages-1048576kB", "1G", (size_t)1 << 30},
};
enum { POOL_COUNT = sizeof pools / sizeof *pools };

static const struct pool *pool = pools;
static bool ready;
static char mounted[128];
static void *taken;
static size_t taken_size;

/* -1: the host has no such pages. */
static long read_number(const struct pool *of, const char *name)
{
    char path[256];
    long number = -1;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", of->folder, name);
    file = fopen(path, "re");
    if (!file)
        return -1;
    if (fscanf(file, "%20ld", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}

static bool resize_pool(const struct pool *of, long pages)
{
    char path[256];
    FILE *file;
    bool written;

    snprintf(path, sizeof path, "%s/nr_hugepages", of->folder);
    file = fopen(path, "we");
    if (!file)
        return false;
    written = fprintf(file, "%ld\n", pages) > 0;
    return fclose(file) == 0 && written;
}

/* A process that outlives us, and restores the pools when our end of its pipe is closed. */
static bool guard(const long *before)
{
    int ends[2], status;
    pid_t child;
    char byte;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    child = fork();
    if (child == 0) {
        setsid(); /* what ends our process group does not end it */
        if (fork() != 0)
            _exit(0);
        close(ends[1]);
        for (int descriptor = 0; descriptor < 3; descriptor++)
            close(descriptor);
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
            continue;
        for (size_t i = 0; i < POOL_COUNT; i++)
            resize_pool(&pools[i], before[i]);
        _exit(0);
    }
    close(ends[0]);
    return child > 0 && waitpid(child, &status, 0) == child;
}

static void unmount_all(void)
{
    char line[1024], path[256];
    FILE *table = fopen("/proc/self/mounts", "re");

    while (table && fgets(line, sizeof line, table)) {
        if (sscanf(line, "%*s %255s hugetlbfs ", path) == 1 && strstr(line, " hugetlbfs "))
            umount2(path, MNT_DETACH);
    }
    if (table)
        fclose(table);
}

int hugepages_setup(void **state)
{
    int lock = open(POOLS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long before[POOL_COUNT];

    (void)state;
    if (geteuid() != 0 || lock < 0 || flock(lock, LOCK_EX) != 0)
        return 0;
    for (size_t i = 0; i < POOL_COUNT; i++)
        before[i] = read_number(&pools[i], "nr_hugepages");
    if (before[0] < 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/mnt", "tmpfs", 0, "mode=755") != 0 || !guard(before))
        return 0;
    unmount_all();
    ready = true;
    return 0;
}

long hugepages_free(void)
{
    return read_number(pool, "free_hugepages") - read_number(pool, "resv_hugepages");
}

void hugepages_use(const char *pagesize)
{
    pool = NULL;
    for (size_t i = 0; i < POOL_COUNT; i++) {
        if (strcmp(pools[i].name, pagesize) == 0)
            pool = &pools[i];
    }
    assert_non_null(pool);
}

/* What the suite before left to be freed is freed soon; the pool cannot be smaller before. */
void hugepages_require(long pages)
{
    long used;

    if (!ready) {
        print_message("only root can make hugepages and mount\n");
        skip();
    }
    used = read_number(pool, "nr_hugepages") - hugepages_free();
    if (!resize_pool(pool, used + pages) || hugepages_free() < pages) {
        print_message("this host has no room for %ld hugepages of %s\n", pages, pool->name);
        skip();
    }
    assert_int_equal(hugepages_free(), pages);
}

void hugepages_await_free(long pages, double seconds)
{
    double deadline = clock_now() + seconds;
    long free = hugepages_free();

    /* Two counts that do not change together: once seen is enough. */
    while (free != pages && clock_now() < deadline) {
        poll(NULL, 0, 5);
        free = hugepages_free();
    }
    assert_int_equal(free, pages);
}

const char *hugepages_mount(void)
{
    char option[64];

    assert_int_equal(*mounted, '\0');
    snprintf(mounted, sizeof mounted, "/mnt/huge-XXXXXX");
    snprintf(option, sizeof option, "pagesize=%s", pool->name);
    assert_non_null(mkdtemp(mounted));
    assert_int_equal(mount("none", mounted, "hugetlbfs", 0, option), 0);
    return mounted;
}

void hugepages_unmount(void)
{
    if (!*mounted)
        return;
    umount2(mounted, MNT_DETACH);
    rmdir(mounted);
    *mounted = '\0';
}

void hugepages_take(long pages)
{
    assert_null(taken);
    taken_size = (size_t)pages * pool->page_size;
    taken = mmap(NULL, taken_size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
    if (taken == MAP_FAILED)
        taken = NULL;
    assert_non_null(taken);
}

void hugepages_give(void)
{
    if (taken)
        munmap(taken, taken_size);
    taken = NULL;
}

void hugepages_reset(void)
{
    hugepages_give();
    hugepages_unmount();
    pool = pools;
}
