#include "host/host.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cgroups.h"
#include "host/files.h"
#include "host/mounts.h"
#include "host/process_facts.h"

#define MOUNT_TABLE ((size_t)1 << 20)
#define TEXT        16384

static const struct host_limit no_limit = {HOST_UNKNOWN, HOST_UNKNOWN, HOST_UNKNOWN, ""};

static void init_pool(struct host_pool *pool, uint64_t page_size)
{
    *pool = (struct host_pool){.page_size = page_size,
                               .total = HOST_UNKNOWN,
                               .free = HOST_UNKNOWN,
                               .reserved = HOST_UNKNOWN,
                               .surplus = HOST_UNKNOWN,
                               .overcommit = HOST_UNKNOWN,
                               .limit = no_limit};
    for (size_t node = 0; node < HOST_NODES; node++)
        pool->node_total[node] = pool->node_free[node] = HOST_UNKNOWN;
}

void host_facts_init(struct host_facts *facts)
{
    *facts = (struct host_facts){.page_size = HOST_UNKNOWN,
                                 .default_hugepage_size = HOST_UNKNOWN,
                                 .memory_total = HOST_UNKNOWN,
                                 .memory_available = HOST_UNKNOWN,
                                 .swap_total = HOST_UNKNOWN,
                                 .swap_free = HOST_UNKNOWN,
                                 .commit_limit = HOST_UNKNOWN,
                                 .committed = HOST_UNKNOWN,
                                 .overcommit_memory = HOST_UNKNOWN,
                                 .memory_limit = no_limit,
                                 .memory_high = no_limit,
                                 .swap_limit = no_limit,
                                 .both_limit = no_limit,
                                 .locked = HOST_UNKNOWN,
                                 .locked_limit = HOST_UNKNOWN};
    for (size_t node = 0; node < HOST_NODES; node++)
        facts->node_memory_free[node] = facts->node_memory_total[node] = HOST_UNKNOWN;
}

static void read_memory(const char *root, struct host_facts *facts)
{
    char text[TEXT];

    facts->overcommit_memory = files_read_number(root, "proc/sys/vm/overcommit_memory");
    if (files_read(root, "proc/meminfo", text, sizeof text) < 0)
        return;
    facts->memory_total = files_line_size(text, "MemTotal:");
    facts->memory_available = files_line_size(text, "MemAvailable:");
    facts->swap_total = files_line_size(text, "SwapTotal:");
    facts->swap_free = files_line_size(text, "SwapFree:");
    facts->commit_limit = files_line_size(text, "CommitLimit:");
    facts->committed = files_line_size(text, "Committed_AS:");
    facts->default_hugepage_size = files_line_size(text, "Hugepagesize:");
}

static void read_node_list(const char *root, const char *path, struct node_set *set)
{
    char text[1024];

    if (files_read(root, path, text, sizeof text) < 0 || !node_set_parse(text, set))
        *set = (struct node_set){0};
}

/* "Node 3 MemFree:  4879276 kB" */
static uint64_t node_line(const char *text, unsigned node, const char *name)
{
    char key[64];

    snprintf(key, sizeof key, "Node %u %s:", node, name);
    return files_line_size(text, key);
}

static void read_nodes(const char *root, struct host_facts *facts)
{
    char path[128], text[TEXT];

    read_node_list(root, "sys/devices/system/node/online", &facts->online);
    read_node_list(root, "sys/devices/system/node/has_memory", &facts->has_memory);
    for (unsigned node = 0; node < HOST_NODES; node++) {
        if (!node_set_has(&facts->online, node))
            continue;
        snprintf(path, sizeof path, "sys/devices/system/node/node%u/meminfo", node);
        if (files_read(root, path, text, sizeof text) < 0)
            continue;
        facts->node_memory_free[node] = node_line(text, node, "MemFree");
        facts->node_memory_total[node] = node_line(text, node, "MemTotal");
    }
}

static uint64_t pool_number(const char *root, const struct host_pool *pool, int node,
                            const char *name)
{
    char path[192];

    if (node < 0)
        snprintf(path, sizeof path, "sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s",
                 pool->page_size / 1024, name);
    else
        snprintf(path, sizeof path,
                 "sys/devices/system/node/node%d/hugepages/hugepages-%" PRIu64 "kB/%s", node,
                 pool->page_size / 1024, name);
    return files_read_number(root, path);
}

static void read_pool(const char *root, struct host_facts *facts, struct host_pool *pool)
{
    pool->total = pool_number(root, pool, -1, "nr_hugepages");
    pool->free = pool_number(root, pool, -1, "free_hugepages");
    pool->reserved = pool_number(root, pool, -1, "resv_hugepages");
    pool->surplus = pool_number(root, pool, -1, "surplus_hugepages");
    pool->overcommit = pool_number(root, pool, -1, "nr_overcommit_hugepages");
    for (int node = 0; node < HOST_NODES; node++) {
        if (!node_set_has(&facts->online, (unsigned)node))
            continue;
        pool->node_total[node] = pool_number(root, pool, node, "nr_hugepages");
        pool->node_free[node] = pool_number(root, pool, node, "free_hugepages");
    }
}

/* "hugepages-2048kB"; 0: another name. */
static uint64_t pool_size(const char *name)
{
    static const char prefix[] = "hugepages-";
    uintmax_t kibibytes;
    char *end;

    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return 0;
    kibibytes = strtoumax(name + sizeof prefix - 1, &end, 10);
    return strcmp(end, "kB") == 0 && kibibytes <= UINT64_MAX >> 12 ? (uint64_t)kibibytes * 1024 : 0;
}

static int by_page_size(const void *a, const void *b)
{
    const uint64_t left = ((const struct host_pool *)a)->page_size;
    const uint64_t right = ((const struct host_pool *)b)->page_size;

    return (left > right) - (left < right);
}

static void read_pools(const char *root, struct host_facts *facts)
{
    char path[FILES_PATH];
    DIR *folder =
        files_join(root, "sys/kernel/mm/hugepages", path, sizeof path) ? opendir(path) : NULL;
    const struct dirent *entry;

    while (folder && facts->pool_count < HOST_POOLS && (entry = readdir(folder))) {
        uint64_t page_size = pool_size(entry->d_name);

        if (page_size > 0)
            init_pool(&facts->pools[facts->pool_count++], page_size);
    }
    if (folder)
        closedir(folder);
    qsort(facts->pools, facts->pool_count, sizeof *facts->pools, by_page_size);
    for (size_t i = 0; i < facts->pool_count; i++)
        read_pool(root, facts, &facts->pools[i]);
}

static char *process_file(const char *root, pid_t pid, const char *name)
{
    char path[64];

    if (pid > 0)
        snprintf(path, sizeof path, "proc/%d/%s", (int)pid, name);
    else
        snprintf(path, sizeof path, "proc/self/%s", name);
    return files_load(root, path, MOUNT_TABLE, NULL);
}

/* Hugetlbfs as QEMU has it mounted, cgroups as we do: we read the latter, QEMU uses the former. */
static void read_mounts(const char *root, struct host_facts *facts)
{
    char *theirs = process_file(root, facts->pid, "mountinfo");
    char *ours = process_file(root, 0, "mountinfo");
    char *groups = process_file(root, facts->pid, "cgroup");

    if (groups && ours) {
        char *copy = strdup(ours);

        if (copy)
            cgroups_read(root, groups, copy, facts);
        free(copy);
    }
    if (theirs || ours)
        mounts_find_hugetlbfs(theirs ? theirs : ours, facts);
    free(theirs);
    free(ours);
    free(groups);
}

void host_facts_read(const char *root, pid_t pid, struct host_facts *facts)
{
    long page_size = sysconf(_SC_PAGESIZE);

    host_facts_init(facts);
    facts->pid = pid;
    facts->page_size = page_size > 0 ? (uint64_t)page_size : HOST_UNKNOWN;
    read_memory(root, facts);
    read_nodes(root, facts);
    read_pools(root, facts);
    read_mounts(root, facts);
    process_facts_read(root, pid, facts);
}

const struct host_pool *host_pool_find(const struct host_facts *facts, uint64_t page_size)
{
    for (size_t i = 0; i < facts->pool_count; i++) {
        if (facts->pools[i].page_size == page_size)
            return &facts->pools[i];
    }
    return NULL;
}
