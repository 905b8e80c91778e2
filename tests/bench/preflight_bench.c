/* What a preflight costs: reading the facts of a host with eight nodes, and judging by them. The
 * aim is less than 1 ms. SPDX-License-Identifier: MIT */
#include <time.h>

#include "../unit/host_tree.h"
#include "host/preflight.h"
#include "size.h"

#define ROUNDS 2000
#define AIM    1000.0

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

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

/* The median in microseconds; *high: what 99 of 100 stay below. */
static double measure(const char *root, pid_t pid, double *high)
{
    static struct host_facts facts;
    static struct preflight_report report;
    static double times[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        double start = now();

        host_facts_read(root, pid, &facts);
        judge(&facts, &report);
        times[round] = now() - start;
    }
    qsort(times, ROUNDS, sizeof *times, by_value);
    *high = times[ROUNDS * 99 / 100];
    return times[ROUNDS / 2];
}

int main(void)
{
    char *root = tree_new();
    double median, high, here, here_high;

    tree_host(root, 8);
    median = measure(root, 4711, &high);
    here = measure("/", getpid(), &here_high);
    tree_free(root);
    printf(
        "preflight, 8 nodes, 2 page sizes: median %.0f us, 99%% below %.0f us (aim: %.0f us)%s\n",
        median, high, AIM, median < AIM ? "" : ": MISSED");
    printf("preflight, this host: median %.0f us, 99%% below %.0f us\n", here, here_high);
    return median < AIM ? 0 : 1;
}
