#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/findings.h"
#include "size.h"

/* What QEMU needs beside the memory itself, page tables above all, and what it may take between the
 * look and the mending: on top of what is missing, with a 64th. */
#define MEND_MARGIN (64 * MIB)

static uint64_t add(uint64_t a, uint64_t b)
{
    if (a == HOST_UNKNOWN || b == HOST_UNKNOWN)
        return a == HOST_UNKNOWN ? HOST_UNKNOWN : a;
    return b > HOST_UNKNOWN - 1 - a ? HOST_UNKNOWN - 1 : a + b;
}

/* Without prealloc the memory is taken as the guest touches it: trouble later, not now. What can be
 * written back to a disk is slow, and no more. */
static enum preflight_severity shortage(const struct preflight_need *need)
{
    return need->prealloc && need->backing != PREFLIGHT_WRITTEN_BACK ? PREFLIGHT_IMPOSSIBLE
                                                                     : PREFLIGHT_WARNING;
}

/* An option, empty where there is none, or less: down to what a Linux guest makes use of. */
static void mend_less(struct preflight_finding *finding, const char *option, uint64_t most)
{
    most -= most % (128 * MIB);
    if (most > 0)
        finding_mend(finding, "%s%sa size of at most %s", option, *option ? ", or " : "",
                     size_exact(most).text);
    else
        finding_mend(finding, "%s", option);
}

static void check_available(const struct host_facts *facts, const struct preflight_need *need,
                            const struct preflight_sum *sum, struct preflight_report *report)
{
    uint64_t with_swap = add(facts->memory_available, facts->swap_free);
    bool too_much = sum->bytes > with_swap, disk = need->backing == PREFLIGHT_WRITTEN_BACK;
    struct preflight_finding *finding;

    if (facts->memory_available == HOST_UNKNOWN || sum->bytes <= facts->memory_available)
        return;
    finding = finding_add(report, too_much ? shortage(need) : PREFLIGHT_WARNING, "memory",
                          "needs %s of the host's memory, %s are available%s",
                          size_human(sum->bytes).text, size_rounded(facts->memory_available).text,
                          disk       ? "; the rest lies on the disk"
                          : too_much ? ""
                                     : " without swapping");
    if (finding && finding->severity == PREFLIGHT_IMPOSSIBLE)
        mend_less(finding, "--prealloc off", with_swap);
}

/* File cache on the nodes can be dropped, so what is free there is no hard bound; all of it is. */
static void check_nodes_memory(const struct host_facts *facts, const struct preflight_need *need,
                               const struct preflight_sum *sum, struct preflight_report *report)
{
    uint64_t free = 0, total = 0;
    char place[160];

    /* A policy says nothing about the cache of a file on a disk. */
    if (!sum->bound || need->backing == PREFLIGHT_WRITTEN_BACK)
        return;
    for (unsigned node = 0; node < HOST_NODES; node++) {
        if (!node_set_has(&sum->usable, node))
            continue;
        if (facts->node_memory_free[node] > HOST_UNKNOWN / HOST_NODES ||
            facts->node_memory_total[node] > HOST_UNKNOWN / HOST_NODES)
            return;
        free += facts->node_memory_free[node];
        total += facts->node_memory_total[node];
    }
    if (sum->bytes <= free)
        return;
    finding_nodes(&sum->usable, place, sizeof place);
    if (sum->bytes > total)
        mend_less(finding_add(report, PREFLIGHT_IMPOSSIBLE, "memory",
                              "needs %s%s, all memory there is %s", size_human(sum->bytes).text,
                              place, size_rounded(total).text),
                  need->policy == PREFLIGHT_POLICY_BIND ? "--policy preferred" : "", total);
    else
        finding_add(report, PREFLIGHT_WARNING, "memory", "needs %s%s, %s are free",
                    size_human(sum->bytes).text, place, size_rounded(free).text);
}

/* What mmap refuses at once: see the kernel's overcommit accounting. */
static void check_commit(const struct host_facts *facts, const struct preflight_need *need,
                         const struct preflight_sum *sum, struct preflight_report *report)
{
    uint64_t whole = add(facts->memory_total, facts->swap_total), left;

    if (need->backing == PREFLIGHT_WRITTEN_BACK)
        return;
    if (facts->overcommit_memory == 0 && !need->no_reserve &&
        need->backing == PREFLIGHT_COMMITTED && sum->largest > whole) {
        finding_mend(
            finding_add(report, PREFLIGHT_IMPOSSIBLE, "commit",
                        "a device of %s is larger than the host's memory and swap together, %s",
                        size_human(sum->largest).text, size_rounded(whole).text),
            "sysctl vm.overcommit_memory=1");
        return;
    }
    if (facts->overcommit_memory != 2 || facts->commit_limit == HOST_UNKNOWN ||
        facts->committed == HOST_UNKNOWN)
        return;
    left = facts->commit_limit > facts->committed ? facts->commit_limit - facts->committed : 0;
    if (sum->bytes > left)
        finding_mend(
            finding_add(report,
                        need->backing == PREFLIGHT_SHMEM ? shortage(need) : PREFLIGHT_IMPOSSIBLE,
                        "commit", "needs %s, the host's commit limit leaves %s",
                        size_human(sum->bytes).text, size_rounded(left).text),
            "sysctl vm.overcommit_memory=%d",
            need->backing == PREFLIGHT_COMMITTED && sum->largest > whole ? 1 : 0);
}

static uint64_t with_margin(uint64_t missing, const struct preflight_sum *sum)
{
    return missing < UINT64_MAX / 4 ? missing + MEND_MARGIN + sum->bytes / 64 : missing;
}

/* Whether what the cgroup may not have in memory has room in the host's swap. */
static bool fits_with_swap(const struct host_facts *facts, const struct preflight_sum *sum)
{
    uint64_t swap = facts->swap_free == HOST_UNKNOWN ? 0 : facts->swap_free;

    if (swap > facts->swap_limit.headroom)
        swap = facts->swap_limit.headroom;
    return sum->bytes <= add(facts->memory_limit.headroom, swap) &&
           sum->bytes <= facts->both_limit.headroom;
}

static void check_cgroup(const struct host_facts *facts, const struct preflight_need *need,
                         const struct preflight_sum *sum, struct preflight_report *report)
{
    const bool disk = need->backing == PREFLIGHT_WRITTEN_BACK, swap = fits_with_swap(facts, sum);
    const struct host_limit *limit =
        sum->bytes > facts->both_limit.headroom ? &facts->both_limit : &facts->memory_limit;

    if (limit->headroom == HOST_UNKNOWN || sum->bytes <= limit->headroom)
        return;
    finding_mend_limit(finding_add(report, swap ? PREFLIGHT_WARNING : shortage(need), "cgroup",
                                   "needs %s, the memory limit of QEMU's cgroup leaves %s of %s; "
                                   "%s",
                                   size_human(sum->bytes).text, size_rounded(limit->headroom).text,
                                   size_human(limit->limit).text,
                                   disk   ? "the rest lies on the disk"
                                   : swap ? "the rest goes to swap"
                                          : "beyond it the kernel kills the VM"),
                       limit, with_margin(sum->bytes - limit->headroom, sum));
}

/* It works for as long as nobody looks at the clock: hence never more than a warning. */
static void check_cgroup_high(const struct host_facts *facts, const struct preflight_sum *sum,
                              struct preflight_report *report)
{
    const struct host_limit *high = &facts->memory_high;

    if (high->headroom == HOST_UNKNOWN || sum->bytes <= high->headroom)
        return;
    finding_mend_limit(
        finding_add(report, PREFLIGHT_WARNING, "cgroup-high",
                    "needs %s, memory.high of QEMU's cgroup leaves %s of %s; beyond it the kernel "
                    "slows the VM down hard",
                    size_human(sum->bytes).text, size_rounded(high->headroom).text,
                    size_human(high->limit).text),
        high, with_margin(sum->bytes - high->headroom, sum));
}

void preflight_check_memory(const struct host_facts *facts, const struct preflight_need *need,
                            const struct preflight_sum *sum, struct preflight_report *report)
{
    check_available(facts, need, sum, report);
    check_nodes_memory(facts, need, sum, report);
    check_commit(facts, need, sum, report);
}

void preflight_check_cgroups(const struct host_facts *facts, const struct preflight_need *need,
                             const struct preflight_sum *sum, struct preflight_report *report)
{
    check_cgroup(facts, need, sum, report);
    check_cgroup_high(facts, sum, report);
}
