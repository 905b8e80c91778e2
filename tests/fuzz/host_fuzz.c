/* What the host's files and other people's processes say, as any bytes: nothing crashes, and what
 * is made of it keeps its promises. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "host/cgroups.h"
#include "host/host.h"
#include "host/mounts.h"
#include "host/preflight.h"
#include "host/process_options.h"
#include "host/processes.h"
#include "host/progress.h"

/* No tree lies here: only the texts are read. */
#define NOWHERE "/nonexistent"

static void check(bool condition)
{
    if (!condition)
        abort();
}

static char *text_of(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (!text)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static void read_process(const uint8_t *data, size_t size)
{
    struct process process;

    if (process_parse((const char *)data, size, "/run", &process) == 0) {
        for (size_t i = 0; i < process.monitor_count; i++)
            check(process.monitors[i].address != NULL);
    }
    process_clear(&process);
}

static void read_tables(const uint8_t *data, size_t size, struct host_facts *facts)
{
    const uint8_t *middle = memchr(data, 0, size);
    size_t first = middle ? (size_t)(middle - data) : size;
    char *groups = text_of(data, first), *mounts = text_of(data + first, size - first);
    char *table = text_of(data, size);

    facts->default_hugepage_size = 2 << 20;
    mounts_find_hugetlbfs(table, facts);
    check(facts->mount_count <= HOST_MOUNTS);
    for (size_t i = 0; i < facts->mount_count; i++)
        check(facts->mounts[i].path[0] == '/' && facts->mounts[i].page_size > 0);
    cgroups_read(NOWHERE, groups, mounts, facts);
    check(facts->memory_limit.headroom == HOST_UNKNOWN);
    free(groups);
    free(mounts);
    free(table);
}

static void read_texts(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size), list[64];
    struct node_set set, again;
    char whole[1024];

    if (node_set_parse(text, &set)) {
        node_set_format(&set, list, sizeof list);
        node_set_format(&set, whole, sizeof whole);
        if (!node_set_is_empty(&set))
            check(node_set_parse(whole, &again) && memcmp(&set, &again, sizeof set) == 0);
    }
    progress_from_status(text);
    option_memory(text);
    free(text);
}

/* The facts and the need straight from the bytes: every number may be anything. */
static void judge(const uint8_t *data, size_t size, struct host_facts *facts)
{
    struct preflight_report report = {0};
    struct preflight_need need = {0};
    uint64_t sizes[4] = {0};
    struct {
        uint64_t sizes[4], page_size;
        struct node_set nodes;
        uint8_t flags, policy, pools;
    } input = {0};

    memcpy(&input, data, size < sizeof input ? size : sizeof input);
    data += size < sizeof input ? size : sizeof input;
    size -= size < sizeof input ? size : sizeof input;
    memcpy((char *)facts, data, size < sizeof *facts ? size : sizeof *facts);
    facts->pool_count = input.pools % (HOST_POOLS + 1);
    facts->mount_count = 0;
    facts->memory_limit.file[sizeof facts->memory_limit.file - 1] = '\0';
    facts->may_lock_any = input.flags & 8;
    facts->uses_vfio = input.flags & 16;
    for (size_t i = 0; i < HOST_POOLS; i++)
        facts->pools[i].limit.file[sizeof facts->pools[i].limit.file - 1] = '\0';
    memcpy(sizes, input.sizes, sizeof sizes);
    need = (struct preflight_need){.sizes = sizes,
                                   .count = input.flags % 5,
                                   .page_size = input.page_size,
                                   .prealloc = input.flags & 32,
                                   .no_reserve = input.flags & 64,
                                   .backing = (enum preflight_backing)(input.policy / 4 % 3),
                                   .policy = (enum preflight_policy)(input.policy % 4),
                                   .nodes = input.nodes,
                                   .path_free = input.sizes[3]};
    if (input.flags & 128 && facts->pool_count > 0)
        need.page_size = facts->pools[0].page_size;
    preflight_check(facts, &need, &report);
    for (size_t i = 0; i < report.count; i++)
        check(report.findings[i].text[0] != '\0' && report.findings[i].check != NULL);
    check(preflight_prealloc_threads(facts, sizes[0]) >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host_facts *facts = malloc(sizeof *facts);

    if (!facts || size == 0) {
        free(facts);
        return 0;
    }
    host_facts_init(facts);
    switch (data[0] % 4) {
    case 0:
        read_process(data + 1, size - 1);
        break;
    case 1:
        read_tables(data + 1, size - 1, facts);
        break;
    case 2:
        read_texts(data + 1, size - 1);
        break;
    default:
        judge(data + 1, size - 1, facts);
    }
    free(facts);
    return 0;
}
