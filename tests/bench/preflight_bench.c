/* What a preflight costs: reading the facts of a host with eight nodes, choosing where memory comes
 * from, and judging three devices by it, beside the floor: the same files opened, read and closed
 * and nothing made of them. The aim is less than 1 ms. SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/magic.h>

#include "../unit/host_tree.h"
#include "host_view.h"
#include "size.h"
#include "support/clock.h"

#define ROUNDS 2000
#define AIM    1000.0
/* What the made-up host says to it. */
#define EXPECTED "needs 2048 hugepages of 2M on nodes 0-3, 256 are free"

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
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

static int made_up_statfs(const char *path, struct statfs *result)
{
    (void)path;
    *result = (struct statfs){.f_type = HUGETLBFS_MAGIC, .f_bsize = 2 << 20};
    return 0;
}

/* All that plan and set do about the host: from what is asked for to what is said. */
static void preflight(const char *root, pid_t pid, mem_path_statfs *query)
{
    static struct host_view view;
    static const uint64_t sizes[] = {GIB, GIB, 2 * GIB};
    struct memory_backend boot = {.id = "pc.ram", .type = "ram", .policy = "default", .boot = true};
    const struct memory memory = {.state = "running",
                                  .base = GIB,
                                  .maximum = 64 * GIB,
                                  .slots_total = 16,
                                  .backends = &boot,
                                  .backend_count = 1};
    struct placement_request request = {.pagesize = 2 * MIB};
    struct result result = {0};
    struct error error = {0};

    node_set_parse("0-3", &request.host_nodes);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct step *step = result_add(&result);

        if (!step)
            tree_stop("result");
        step->action = STEP_PLUG;
        step->size = sizes[i];
    }
    host_view_read(root, pid, &request, &memory, query, &view);
    host_view_judge(&view, &memory, false, 0, &result, &error);
    /* Those pages are not free on the made-up host: all checks were made. */
    if (query && strcmp(error.text, EXPECTED) != 0)
        tree_stop(error.text);
    result_free(&result);
}

/* The median in microseconds; *high: what 99 of 100 stay below. root NULL: the floor. */
static double measure(const char *root, pid_t pid, mem_path_statfs *query, double *high)
{
    static double times[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        double start = clock_now();

        if (root)
            preflight(root, pid, query);
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
    char *root = tree_new(), folder[512];
    double median, high, floor_median, floor_high, here, here_high;

    tree_host(root, 8);
    snprintf(folder, sizeof folder, "%s/dev", root);
    if (mkdir(folder, 0755) != 0)
        tree_stop(folder);
    snprintf(folder, sizeof folder, "%s/dev/hugepages", root);
    if (mkdir(folder, 0755) != 0)
        tree_stop(folder);
    if (nftw(root, collect, 16, FTW_PHYS) != 0)
        tree_stop(root);
    floor_median = measure(NULL, 0, NULL, &floor_high);
    median = measure(root, 4711, made_up_statfs, &high);
    here = measure("/", getpid(), NULL, &here_high);
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
