#include "backend_nodes.h"

struct node_set backend_host_nodes(const struct memory_backend *backend)
{
    struct node_set nodes = {0};
    const json_t *row;
    size_t index;

    json_array_foreach(backend->host_nodes, index, row)
    {
        json_int_t node = json_integer_value(row);

        if (json_is_integer(row) && node >= 0 && node < HOST_NODES)
            node_set_add(&nodes, (unsigned)node);
    }
    return nodes;
}
