#include "host/preflight.h"

#include <inttypes.h>
#include <string.h>

#include "host/findings.h"
#include "size.h"

/* QEMU's own bound (MAX_MEM_PREALLOC_THREAD_COUNT); fewer than 64 MiB a thread is not worth one. */
#define PREALLOC_THREADS 16u
#define THREAD_BYTES     (64 * MIB)

static struct preflight_sum sum_up(const struct host_facts *facts,
                                   const struct preflight_need *need)
{
    struct preflight_sum sum = {.usable = facts->online};
    struct node_set excluded;

    for (size_t i = 0; i < need->count; i++) {
        uint64_t size = need->sizes[i];

        sum.bytes = size > UINT64_MAX - sum.bytes ? UINT64_MAX : sum.bytes + size;
        sum.largest = size > sum.largest ? size : sum.largest;
    }
    if (need->policy == PREFLIGHT_POLICY_BIND && !node_set_is_empty(&need->nodes))
        sum.usable = need->nodes;
    if (!node_set_is_empty(&facts->allowed_nodes))
        sum.usable = node_set_and(&sum.usable, &facts->allowed_nodes);
    excluded = node_set_without(&facts->online, &sum.usable);
    sum.bound = !node_set_is_empty(&sum.usable) &&
                (!node_set_is_empty(&excluded) || need->policy == PREFLIGHT_POLICY_BIND);
    return sum;
}

/* What QEMU refuses as "cannot bind memory to host NUMA nodes". */
static void check_policy(const struct preflight_need *need, struct preflight_report *report)
{
    static const char *const names[] = {"default", "preferred", "bind", "interleave"};
    bool nodes = !node_set_is_empty(&need->nodes);

    if (need->policy == PREFLIGHT_POLICY_DEFAULT && nodes)
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "policy",
                                 "host nodes are given, but no policy says what for"),
                     "--policy bind");
    if (need->policy != PREFLIGHT_POLICY_DEFAULT && !nodes)
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "policy",
                                 "policy %s needs host nodes", names[need->policy]),
                     "--host-nodes LIST");
}

static void refuse_nodes(const struct node_set *nodes, const struct node_set *instead,
                         const char *why, struct preflight_report *report)
{
    char list[128], others[128];

    if (node_set_is_empty(nodes))
        return;
    node_set_format(nodes, list, sizeof list);
    finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "nodes", "host node%s %s: %s",
                             strpbrk(list, ",-") ? "s" : "", list, why),
                 "--host-nodes %s", node_set_format(instead, others, sizeof others));
}

static void check_nodes(const struct host_facts *facts, const struct preflight_need *need,
                        struct preflight_report *report)
{
    struct node_set good = facts->online, missing, empty = {0}, forbidden = {0};

    if (node_set_is_empty(&facts->online))
        return;
    missing = node_set_without(&need->nodes, &good);
    if (!node_set_is_empty(&facts->has_memory)) {
        good = node_set_and(&good, &facts->has_memory);
        empty = node_set_without(&need->nodes, &facts->has_memory);
        empty = node_set_without(&empty, &missing);
    }
    if (!node_set_is_empty(&facts->allowed_nodes)) {
        good = node_set_and(&good, &facts->allowed_nodes);
        forbidden = node_set_without(&need->nodes, &facts->allowed_nodes);
        forbidden = node_set_without(&forbidden, &missing);
        forbidden = node_set_without(&forbidden, &empty);
    }
    refuse_nodes(&missing, &good, "the host has no such node", report);
    refuse_nodes(&empty, &good, "has no memory", report);
    refuse_nodes(&forbidden, &good, "QEMU may not use it (its cpuset)", report);
}

static void check_alignment(const struct host_facts *facts, const struct preflight_need *need,
                            struct preflight_report *report)
{
    uint64_t page_size = need->page_size > 0 ? need->page_size : facts->page_size;

    if (page_size == HOST_UNKNOWN || page_size == 0)
        return;
    for (size_t i = 0; i < need->count; i++) {
        uint64_t over = need->sizes[i] % page_size;

        if (over == 0)
            continue;
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "alignment",
                                 "a device of %s is no multiple of the page size %s",
                                 size_exact(need->sizes[i]).text, size_exact(page_size).text),
                     "use %s instead", size_exact(need->sizes[i] - over + page_size).text);
        return;
    }
}

/* VFIO pins the guest's memory when the device is plugged, and QEMU ends the VM where it cannot. */
static void check_locked(const struct host_facts *facts, const struct preflight_sum *sum,
                         struct preflight_report *report)
{
    uint64_t locked = facts->locked == HOST_UNKNOWN ? 0 : facts->locked, left;
    bool locks = locked >= 64 * MIB; /* mem-lock=on; a few pages are other things */

    if (facts->may_lock_any || facts->locked_limit == HOST_UNKNOWN)
        return;
    left = facts->locked_limit > locked ? facts->locked_limit - locked : 0;
    if ((!facts->uses_vfio && !locks) || sum->bytes <= left)
        return;
    finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "locked",
                             "%s %s more of locked memory, its limit of %s leaves %s",
                             facts->uses_vfio ? "VFIO pins guest memory: QEMU needs"
                                              : "QEMU locks its memory: it needs",
                             size_exact(sum->bytes).text, size_exact(facts->locked_limit).text,
                             size_exact(left).text),
                 "prlimit --pid %d --memlock=%" PRIu64, (int)facts->pid,
                 sum->bytes > UINT64_MAX / 2 ? UINT64_MAX / 2 : locked + sum->bytes);
}

/* The kernel takes another size for a mounted hugetlbfs, and ignores it. */
static void mend_path(struct preflight_finding *finding, const struct preflight_need *need,
                      uint64_t missing)
{
    if (need->path_tmpfs > 0 && need->path_tmpfs <= UINT64_MAX - missing)
        finding_mend(finding, "mount -o remount,size=%" PRIu64 " \"$(stat -c %%m %s)\"",
                     need->path_tmpfs + missing, finding_quote(need->path).text);
    else if (need->page_size > 0)
        finding_mend(finding, "mount -t hugetlbfs -o pagesize=%s none DIR, and say --mem-path DIR",
                     size_exact(need->page_size).text);
    else
        finding_mend(finding, "make room there, or say another --mem-path");
}

static void check_path(const struct preflight_need *need, const struct preflight_sum *sum,
                       struct preflight_report *report)
{
    if (need->path_free == HOST_UNKNOWN || sum->bytes <= need->path_free)
        return;
    mend_path(finding_add(report, PREFLIGHT_IMPOSSIBLE, "mem-path",
                          "needs %s in the file system of the mem-path, %s are free",
                          size_exact(sum->bytes).text, size_exact(need->path_free).text),
              need, sum->bytes - need->path_free);
}

void preflight_check(const struct host_facts *facts, const struct preflight_need *need,
                     struct preflight_report *report)
{
    struct preflight_sum sum;

    check_policy(need, report);
    if (!facts) {
        finding_add(
            report, PREFLIGHT_NOTE, "remote",
            "QEMU cannot be seen on this host: memory, hugepages and limits were not checked");
        return;
    }
    sum = sum_up(facts, need);
    check_nodes(facts, need, report);
    check_alignment(facts, need, report);
    if (need->page_size > 0)
        preflight_check_hugepages(facts, need, &sum, report);
    else
        preflight_check_memory(facts, need, &sum, report);
    if (need->page_size == 0 || facts->hugepages_charged)
        preflight_check_cgroups(facts, need, &sum, report);
    check_locked(facts, &sum, report);
    check_path(need, &sum, report);
}

const struct preflight_finding *preflight_worst(const struct preflight_report *report)
{
    const struct preflight_finding *worst = NULL;

    for (size_t i = 0; i < report->count; i++) {
        if (!worst || report->findings[i].severity > worst->severity)
            worst = &report->findings[i];
    }
    return worst;
}

bool preflight_policy_parse(const char *name, enum preflight_policy *policy)
{
    static const char *const names[] = {"default", "preferred", "bind", "interleave"};

    *policy = PREFLIGHT_POLICY_DEFAULT;
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *policy = (enum preflight_policy)i;
            return true;
        }
    }
    return name == NULL;
}

unsigned preflight_prealloc_threads(const struct host_facts *facts, uint64_t size)
{
    unsigned threads = facts && facts->cpus > 0 ? facts->cpus : 1;

    threads = threads > PREALLOC_THREADS ? PREALLOC_THREADS : threads;
    if (size / THREAD_BYTES < threads)
        threads = (unsigned)(size / THREAD_BYTES);
    return threads > 0 ? threads : 1;
}
