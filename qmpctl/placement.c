#include "placement.h"

static json_t *host_nodes(const struct placement *placement)
{
    json_t *nodes = json_array();

    for (size_t i = 0; i < placement->host_node_count; i++)
        json_array_append_new(nodes, json_integer(placement->host_nodes[i]));
    return nodes;
}

json_t *placement_backend_arguments(const struct placement *placement, const char *id,
                                    uint64_t size)
{
    static const char *const types[] = {"memory-backend-ram", "memory-backend-file",
                                        "memory-backend-memfd"};
    bool prealloc = placement->prealloc == PREALLOC_ON ||
                    (placement->prealloc == PREALLOC_DEFAULT && placement->pagesize > 0);
    json_t *arguments = json_pack("{s:s,s:s,s:I}", "qom-type", types[placement->kind], "id", id,
                                  "size", (json_int_t)size);

    if (!arguments)
        return NULL;
    if (placement->mem_path)
        json_object_set_new(arguments, "mem-path", json_string(placement->mem_path));
    if (placement->kind == BACKEND_MEMFD && placement->pagesize > 0) {
        json_object_set_new(arguments, "hugetlb", json_true());
        json_object_set_new(arguments, "hugetlbsize",
                            json_integer((json_int_t)placement->pagesize));
    }
    if (placement->share)
        json_object_set_new(arguments, "share", json_true());
    if (prealloc)
        json_object_set_new(arguments, "prealloc", json_true());
    if (placement->host_node_count > 0)
        json_object_set_new(arguments, "host-nodes", host_nodes(placement));
    if (placement->policy)
        json_object_set_new(arguments, "policy", json_string(placement->policy));
    return arguments;
}

json_t *placement_device_arguments(const char *id, const char *backend, int64_t node, int64_t slot)
{
    json_t *arguments =
        json_pack("{s:s,s:s,s:s}", "driver", "pc-dimm", "id", id, "memdev", backend);

    if (arguments && node != 0)
        json_object_set_new(arguments, "node", json_integer(node));
    if (arguments && slot >= 0)
        json_object_set_new(arguments, "slot", json_integer(slot));
    return arguments;
}
