#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/findings.h"
#include "size.h"

static void refuse_page_size(const struct host_facts *facts, uint64_t page_size,
                             struct preflight_report *report)
{
    char sizes[160] = "no hugepages at all";
    uint64_t smallest = (uint64_t)sysconf(_SC_PAGESIZE); /* what any host has */
    size_t length = 0;

    for (size_t i = 0; i < facts->pool_count; i++) {
        int written = snprintf(sizes + length, sizeof sizes - length, "%s%s", i > 0 ? ", " : "",
                               size_exact(facts->pools[i].page_size).text);

        if (i == 0 || facts->pools[i].page_size < smallest)
            smallest = facts->pools[i].page_size;
        length += written > 0 ? (size_t)written : 0;
        if (length >= sizeof sizes)
            break;
    }
    /* Most sizes are a multiple of the smallest. */
    finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "pagesize",
                             "the host has no hugepages of %s; it has %s",
                             size_exact(page_size).text, sizes),
                 "--pagesize %s", size_exact(smallest).text);
}

static uint64_t known(uint64_t count)
{
    return count == HOST_UNKNOWN ? 0 : count;
}

/* Pages that the kernel may still make beyond the pool. */
static uint64_t may_grow(const struct host_pool *pool)
{
    uint64_t overcommit = known(pool->overcommit), surplus = known(pool->surplus);

    return overcommit > surplus ? overcommit - surplus : 0;
}

/* The mend: the pool made as large as is needed, of one node where only that one counts. */
static void mend_pool(struct preflight_finding *finding, const struct host_pool *pool, int node,
                      uint64_t missing)
{
    uint64_t kibibytes = pool->page_size / 1024;

    if (node < 0)
        finding_mend(
            finding,
            "echo %" PRIu64 " >/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
            known(pool->total) -
                (known(pool->surplus) < known(pool->total) ? known(pool->surplus) : 0) + missing,
            kibibytes);
    else
        finding_mend(finding,
                     "echo %" PRIu64
                     " >/sys/devices/system/node/node%d/hugepages/hugepages-%" PRIu64
                     "kB/nr_hugepages",
                     known(pool->node_total[node]) + missing, node, kibibytes);
}

/* "needs 512 hugepages of 2M on node 0, 130 are free" */
static void report_shortage(const struct host_pool *pool, const struct node_set *nodes,
                            uint64_t pages, uint64_t free, struct preflight_report *report)
{
    uint64_t growth = may_grow(pool);
    bool could_grow = pages - free <= growth;
    char place[160], more[96] = "";
    int node = -1;

    for (unsigned i = 0; i < HOST_NODES && node < 0; i++) {
        if (node_set_has(nodes, i))
            node = (int)i;
    }
    if (growth > 0)
        snprintf(more, sizeof more, "; overcommit allows %" PRIu64 " more%s", growth,
                 could_grow ? ", if the host finds them" : "");
    mend_pool(finding_add(
                  report, could_grow ? PREFLIGHT_WARNING : PREFLIGHT_IMPOSSIBLE, "hugepages",
                  "needs %" PRIu64 " hugepage%s of %s%s, %" PRIu64 " %s free%s", pages,
                  pages == 1 ? "" : "s", size_exact(pool->page_size).text,
                  finding_nodes(nodes, place, sizeof place), free, free == 1 ? "is" : "are", more),
              pool, node, pages - free);
}

/* Free pages on these nodes; HOST_UNKNOWN where one of them cannot be told. */
static uint64_t free_on(const struct host_pool *pool, const struct node_set *nodes)
{
    uint64_t sum = 0;

    for (unsigned node = 0; node < HOST_NODES; node++) {
        if (!node_set_has(nodes, node))
            continue;
        if (pool->node_free[node] > HOST_UNKNOWN / HOST_NODES)
            return HOST_UNKNOWN;
        sum += pool->node_free[node];
    }
    return sum;
}

/* Nodes that are only preferred: the kernel takes the rest from others, which is worth a word. */
static void check_preferred(const struct host_pool *pool, const struct preflight_need *need,
                            uint64_t pages, struct preflight_report *report)
{
    uint64_t free = free_on(pool, &need->nodes);
    char place[160];

    if ((need->policy != PREFLIGHT_POLICY_PREFERRED &&
         need->policy != PREFLIGHT_POLICY_INTERLEAVE) ||
        node_set_is_empty(&need->nodes) || free >= pages)
        return;
    finding_add(report, PREFLIGHT_WARNING, "hugepages",
                "only %" PRIu64 " of %" PRIu64 " hugepages of %s are free%s; the rest comes from "
                "other nodes",
                free, pages, size_exact(pool->page_size).text,
                finding_nodes(&need->nodes, place, sizeof place));
}

/* True where a shortage was reported. */
static bool check_total(const struct host_pool *pool, const struct preflight_need *need,
                        uint64_t pages, struct preflight_report *report)
{
    uint64_t reserved = need->no_reserve && !need->prealloc ? 0 : known(pool->reserved);
    uint64_t free = pool->free > reserved ? pool->free - reserved : 0;
    static const struct node_set anywhere;

    if (pool->free == HOST_UNKNOWN || pages <= free)
        return false;
    report_shortage(pool, &anywhere, pages, free, report);
    return true;
}

static bool check_bound(const struct host_pool *pool, const struct preflight_sum *sum,
                        uint64_t pages, struct preflight_report *report)
{
    uint64_t free = free_on(pool, &sum->usable);

    if (!sum->bound || free == HOST_UNKNOWN || pages <= free)
        return false;
    report_shortage(pool, &sum->usable, pages, free, report);
    return true;
}

static bool has_pages_elsewhere(const struct host_pool *pool, const struct node_set *nodes)
{
    for (unsigned node = 0; node < HOST_NODES; node++) {
        if (!node_set_has(nodes, node) && known(pool->node_total[node]) > 0)
            return true;
    }
    return false;
}

/* The kernel reserves pages of the whole pool, and takes them of the nodes when the guest touches
 * them: SIGBUS where others have been quicker. */
static void check_untouched(const struct host_pool *pool, const struct preflight_need *need,
                            const struct preflight_sum *sum, struct preflight_report *report)
{
    char place[160];

    if (need->prealloc || !sum->bound || !has_pages_elsewhere(pool, &sum->usable))
        return;
    finding_mend(finding_add(report, PREFLIGHT_WARNING, "hugepages",
                             "without preallocation no hugepages are reserved%s: where they run "
                             "out, the kernel kills the VM when the guest touches one",
                             finding_nodes(&sum->usable, place, sizeof place)),
                 "--prealloc on");
}

static void check_controller(const struct host_pool *pool, const struct preflight_sum *sum,
                             struct preflight_report *report)
{
    if (pool->limit.headroom == HOST_UNKNOWN || sum->bytes <= pool->limit.headroom)
        return;
    finding_mend_limit(
        finding_add(report, PREFLIGHT_IMPOSSIBLE, "hugetlb-cgroup",
                    "needs %s in hugepages of %s, the limit of QEMU's cgroup leaves %s "
                    "of %s",
                    size_exact(sum->bytes).text, size_exact(pool->page_size).text,
                    size_exact(pool->limit.headroom).text, size_exact(pool->limit.limit).text),
        &pool->limit, sum->bytes - pool->limit.headroom);
}

void preflight_check_hugepages(const struct host_facts *facts, const struct preflight_need *need,
                               const struct preflight_sum *sum, struct preflight_report *report)
{
    const struct host_pool *pool = host_pool_find(facts, need->page_size);
    uint64_t pages = sum->bytes / need->page_size + (sum->bytes % need->page_size != 0);

    if (!pool) {
        if (facts->pool_count > 0 || facts->memory_total != HOST_UNKNOWN)
            refuse_page_size(facts, need->page_size, report);
        return;
    }
    /* The nodes say more than the whole: they come first, and one shortage is told once. */
    if (!check_bound(pool, sum, pages, report) && !check_total(pool, need, pages, report)) {
        check_preferred(pool, need, pages, report);
        check_untouched(pool, need, sum, report);
    }
    check_controller(pool, sum, report);
}
