/* What a preflight costs: reading the facts of a host with eight nodes, and judging by them, beside
 * the floor: the same files opened, read and closed and nothing made of them. The aim is less than
 * 1 ms. SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "../unit/host_tree.h"
#include "host/preflight.h"
#include "size.h"
#include "support/clock.h"

#define ROUNDS 2000
#define AIM    1000.0

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static void judge(const struct host_facts *facts, struct preflight_report *report)
{
    static const uint64_t sizes[] = {GIB, GIB, 2 * GIB};
    struct preflight_need need = {.sizes = sizes,
                                  .count = 3,
                                  .page_size = 2 * MIB,
                                  .prealloc = true,
                                  .policy = PREFLIGHT_POLICY_BIND,
                                  .path_free = HOST_UNKNOWN};

    node_set_parse("0-3", &need.nodes);
    report->count = 0;
    preflight_check(facts, &need, report);
}

/* The files of the made-up tree, all of which a preflight reads. */
static char *files[512];
static size_t file_count;

static int collect(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)walk;
    if (kind == FTW_F && file_count < sizeof files / sizeof *files)
        files[file_count++] = strdup(path);
    return 0;
}

static void read_raw(void)
{
    char text[16384];

    for (size_t i = 0; i < file_count; i++) {
        int file = open(files[i], O_RDONLY | O_CLOEXEC);

        if (file < 0 || read(file, text, sizeof text) < 0)
            tree_stop(files[i]);
        close(file);
    }
}

static void preflight(const char *root, pid_t pid)
{
    static struct host_facts facts;
    static struct preflight_report report;

    host_facts_read(root, pid, &facts);
    judge(&facts, &report);
}

/* The median in microseconds; *high: what 99 of 100 stay below. root NULL: the floor. */
static double measure(const char *root, pid_t pid, double *high)
{
    static double times[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        double start = clock_now();

        if (root)
            preflight(root, pid);
        else
            read_raw();
        times[round] = (clock_now() - start) * 1e6;
    }
    qsort(times, ROUNDS, sizeof *times, by_value);
    *high = times[ROUNDS * 99 / 100];
    return times[ROUNDS / 2];
}

int main(void)
{
    char *root = tree_new();
    double median, high, floor_median, floor_high, here, here_high;

    tree_host(root, 8);
    if (nftw(root, collect, 16, FTW_PHYS) != 0)
        tree_stop(root);
    floor_median = measure(NULL, 0, &floor_high);
    median = measure(root, 4711, &high);
    here = measure("/", getpid(), &here_high);
    tree_free(root);
    for (size_t i = 0; i < file_count; i++)
        free(files[i]);
    printf("preflight, 8 nodes, 2 page sizes: median %.0f us, 99%% below %.0f us (aim: %.0f us)%s, "
           "%.1f times the floor\n",
           median, high, AIM, median < AIM ? "" : ": MISSED", median / floor_median);
    printf("floor, its %zu files read and no more: median %.0f us, 99%% below %.0f us\n",
           file_count, floor_median, floor_high);
    printf("preflight, this host: median %.0f us, 99%% below %.0f us\n", here, here_high);
    return median < AIM ? 0 : 1;
}
