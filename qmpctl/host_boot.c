#include "host_boot.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend_nodes.h"

static bool parse_kind(const char *type, enum backend_kind *kind)
{
    for (int i = BACKEND_RAM; type && i <= BACKEND_MEMFD; i++) {
        *kind = (enum backend_kind)i;
        if (strcmp(type, placement_kind_name(*kind)) == 0)
            return true;
    }
    *kind = BACKEND_RAM;
    return false;
}

static struct boot_memory describe(const struct memory_backend *backend)
{
    struct boot_memory boot = {.mem_path = backend->mem_path,
                               .share = backend->share,
                               .prealloc = backend->prealloc,
                               .prealloc_somewhere = backend->prealloc,
                               .host_nodes = backend_host_nodes(backend)};

    boot.kind_known = parse_kind(backend->type, &boot.kind);
    if (backend->pagesize > (uint64_t)sysconf(_SC_PAGESIZE))
        boot.pagesize = backend->pagesize;
    boot.pages_unknown = boot.kind != BACKEND_RAM && backend->pagesize == 0;
    /* A policy without nodes would be refused, and nodes without a policy say nothing. */
    if (!preflight_policy_parse(backend->policy, &boot.policy) ||
        boot.policy == PREFLIGHT_POLICY_DEFAULT || node_set_is_empty(&boot.host_nodes)) {
        boot.policy = PREFLIGHT_POLICY_DEFAULT;
        boot.host_nodes = (struct node_set){0};
    }
    return boot;
}

/* What both have in common. */
static void merge(struct boot_memory *boot, const struct boot_memory *other)
{
    boot->pages_unknown =
        boot->kind == other->kind && (boot->pages_unknown || other->pages_unknown);
    if (boot->kind != other->kind || boot->pagesize != other->pagesize) {
        boot->kind = BACKEND_RAM;
        boot->kind_known = false;
        boot->pagesize = 0;
    }
    if (!boot->mem_path || !other->mem_path || strcmp(boot->mem_path, other->mem_path) != 0)
        boot->mem_path = NULL;
    boot->share = boot->share && other->share;
    boot->prealloc = boot->prealloc && other->prealloc;
    boot->prealloc_somewhere = boot->prealloc_somewhere || other->prealloc;
    if (boot->policy != other->policy ||
        memcmp(&boot->host_nodes, &other->host_nodes, sizeof boot->host_nodes) != 0) {
        boot->policy = PREFLIGHT_POLICY_DEFAULT;
        boot->host_nodes = (struct node_set){0};
        boot->nodes_differ = true;
    }
}

struct boot_memory boot_memory_of(const struct memory *memory)
{
    struct boot_memory boot = {0};
    bool found = false;

    for (size_t i = 0; i < memory->backend_count; i++) {
        const struct memory_backend *backend = &memory->backends[i];
        struct boot_memory one;

        if (!backend->boot)
            continue;
        one = describe(backend);
        if (found)
            merge(&boot, &one);
        else
            boot = one;
        found = true;
    }
    return boot;
}

bool boot_memory_is_model(const struct boot_memory *boot, const struct placement_request *request,
                          const struct placement *placement, char *text, size_t size)
{
    bool pages = request->pagesize == 0 && !request->hugepages && !request->mem_path;
    bool nodes = !request->policy_given && node_set_is_empty(&request->host_nodes);
    const char *parts[5];
    size_t count = 0, length;

    if (pages && placement->pagesize > 0 && placement->pagesize == boot->pagesize)
        parts[count++] = "page size";
    if (pages && !request->kind_given && boot->kind_known && boot->kind != BACKEND_RAM &&
        placement->kind == boot->kind)
        parts[count++] = "backend";
    if (nodes && placement->policy != PREFLIGHT_POLICY_DEFAULT)
        parts[count++] = "host nodes";
    if (request->share == SWITCH_DEFAULT && boot->share)
        parts[count++] = "sharing";
    if (request->prealloc == SWITCH_DEFAULT && boot->prealloc && placement->pagesize == 0)
        parts[count++] = "preallocation";
    length = (size_t)snprintf(text, size, "%s", count > 0 ? "as the boot memory: " : "");
    for (size_t i = 0; i < count && length < size; i++)
        length +=
            (size_t)snprintf(text + length, size - length, "%s%s", i > 0 ? ", " : "", parts[i]);
    return count > 0;
}
