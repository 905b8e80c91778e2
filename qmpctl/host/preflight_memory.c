#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/findings.h"
#include "size.h"

static uint64_t add(uint64_t a, uint64_t b)
{
    if (a == HOST_UNKNOWN || b == HOST_UNKNOWN)
        return a == HOST_UNKNOWN ? HOST_UNKNOWN : a;
    return b > HOST_UNKNOWN - 1 - a ? HOST_UNKNOWN - 1 : a + b;
}

/* Without prealloc the memory is taken as the guest touches it: trouble later, not now. */
static void check_available(const struct host_facts *facts, const struct preflight_need *need,
                            const struct preflight_sum *sum, struct preflight_report *report)
{
    uint64_t with_swap = add(facts->memory_available, facts->swap_free);
    bool too_much = sum->bytes > with_swap;

    if (facts->memory_available == HOST_UNKNOWN || sum->bytes <= facts->memory_available)
        return;
    finding_add(report, need->prealloc && too_much ? PREFLIGHT_IMPOSSIBLE : PREFLIGHT_WARNING,
                "memory", "needs %s of the host's memory, %s are available%s",
                size_human(sum->bytes).text, size_human(facts->memory_available).text,
                too_much ? "" : " without swapping");
}

/* File cache on the nodes can be dropped, so what is free there is no hard bound; all of it is. */
static void check_nodes_memory(const struct host_facts *facts, const struct preflight_sum *sum,
                               struct preflight_report *report)
{
    uint64_t free = 0, total = 0;
    char place[160];

    if (!sum->bound)
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
        finding_add(report, PREFLIGHT_IMPOSSIBLE, "memory", "needs %s%s, all memory there is %s",
                    size_human(sum->bytes).text, place, size_human(total).text);
    else
        finding_add(report, PREFLIGHT_WARNING, "memory", "needs %s%s, %s are free",
                    size_human(sum->bytes).text, place, size_human(free).text);
}

/* What mmap refuses at once: see the kernel's overcommit accounting. */
static void check_commit(const struct host_facts *facts, const struct preflight_need *need,
                         const struct preflight_sum *sum, struct preflight_report *report)
{
    uint64_t whole = add(facts->memory_total, facts->swap_total), left;

    if (facts->overcommit_memory == 0 && !need->no_reserve && sum->largest > whole) {
        finding_add(report, PREFLIGHT_IMPOSSIBLE, "commit",
                    "a device of %s is larger than the host's memory and swap together, %s",
                    size_human(sum->largest).text, size_human(whole).text);
        return;
    }
    if (facts->overcommit_memory != 2 || facts->commit_limit == HOST_UNKNOWN ||
        facts->committed == HOST_UNKNOWN)
        return;
    left = facts->commit_limit > facts->committed ? facts->commit_limit - facts->committed : 0;
    if (sum->bytes > left)
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "commit",
                                 "needs %s, the host's commit limit leaves %s",
                                 size_human(sum->bytes).text, size_human(left).text),
                     "sysctl vm.overcommit_memory=0");
}

static void check_cgroup(const struct host_facts *facts, const struct preflight_need *need,
                         const struct preflight_sum *sum, struct preflight_report *report)
{
    const struct host_limit *limit = &facts->memory_limit;
    uint64_t missing;

    if (limit->headroom == HOST_UNKNOWN || sum->bytes <= limit->headroom)
        return;
    missing = sum->bytes - limit->headroom;
    finding_mend(finding_add(report, need->prealloc ? PREFLIGHT_IMPOSSIBLE : PREFLIGHT_WARNING,
                             "cgroup",
                             "needs %s, the memory limit of QEMU's cgroup leaves %s of %s; beyond "
                             "it the kernel kills the VM",
                             size_human(sum->bytes).text, size_human(limit->headroom).text,
                             size_human(limit->limit).text),
                 "echo %" PRIu64 " >%s",
                 missing > UINT64_MAX / 2 ? UINT64_MAX / 2 : limit->limit + missing, limit->file);
}

void preflight_check_memory(const struct host_facts *facts, const struct preflight_need *need,
                            const struct preflight_sum *sum, struct preflight_report *report)
{
    check_available(facts, need, sum, report);
    check_nodes_memory(facts, sum, report);
    check_commit(facts, need, sum, report);
    check_cgroup(facts, need, sum, report);
}
