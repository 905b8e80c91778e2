#include "output_backends.h"

#include <stdlib.h>

#include "backend_nodes.h"
#include "output.h"
#include "size.h"

json_t *output_backend_json(const struct memory_backend *backend)
{
    json_t *json;

    if (!backend)
        return json_null();
    json = json_pack("{s:s,s:s?,s:O?,s:s,s:b,s:b}", "id", backend->id, "type", backend->type,
                     "host-nodes", backend->host_nodes, "policy", backend->policy, "prealloc",
                     backend->prealloc, "share", backend->share);
    json_object_set_new(json, "pagesize",
                        backend->pagesize ? json_integer((json_int_t)backend->pagesize)
                                          : json_null());
    if (backend->mem_path)
        json_object_set_new(json, "mem-path", json_string(backend->mem_path));
    return json;
}

static const char *use_of(const struct memory_backend *backend)
{
    return backend->orphan ? "orphan"
           : backend->boot ? "boot"
           : backend->used ? "device"
                           : "unused";
}

/* QEMU lists them in any order: the boot memory first, then those of the devices in their order,
 * then the rest. The caller frees the list. NULL: out of memory. */
static const struct memory_backend **in_order(const struct memory *memory)
{
    const struct memory_backend **list = calloc(memory->backend_count + 1, sizeof(void *));
    size_t count = 0;

    for (size_t i = 0; list && i < memory->backend_count; i++) {
        if (memory->backends[i].boot)
            list[count++] = &memory->backends[i];
    }
    for (size_t i = 0; list && i < memory->device_count && count < memory->backend_count; i++) {
        if (memory->devices[i].backend && !memory->devices[i].backend->boot)
            list[count++] = memory->devices[i].backend;
    }
    for (size_t i = 0; list && i < memory->backend_count && count < memory->backend_count; i++) {
        if (!memory->backends[i].boot && !memory->backends[i].used)
            list[count++] = &memory->backends[i];
    }
    return list;
}

json_t *output_backends_json(const struct memory *memory)
{
    const struct memory_backend **list = in_order(memory);
    json_t *backends = json_array();

    for (size_t i = 0; list && list[i]; i++) {
        json_t *json = output_backend_json(list[i]);

        json_object_set_new(json, "size", json_integer((json_int_t)list[i]->size));
        json_object_set_new(json, "use", json_string(use_of(list[i])));
        json_array_append_new(backends, json);
    }
    free(list);
    return backends;
}

static const char *format_nodes(const struct memory_backend *backend, char *buffer, size_t size)
{
    struct node_set nodes = backend_host_nodes(backend);

    return node_set_is_empty(&nodes) ? "any" : node_set_format(&nodes, buffer, size);
}

void output_backends_text(FILE *file, const struct memory *memory)
{
    const struct memory_backend **list = in_order(memory);
    int names = 20;

    for (size_t i = 0; list && list[i]; i++)
        names = output_width(names, list[i]->id);
    if (list && list[0])
        fprintf(file, "\n%-*s %-6s %5s %10s  %-10s %-11s %-8s %-5s %s\n", names, "BACKEND", "TYPE",
                "PAGES", "SIZE", "HOST-NODES", "POLICY", "PREALLOC", "SHARE", "USE");
    for (size_t i = 0; list && list[i]; i++) {
        const struct memory_backend *backend = list[i];
        char nodes[128];

        output_lines(file, "%-*s %-6s %5s %10s  %-10s %-11s %-8s %-5s %s\n", names, backend->id,
                     backend->type ? backend->type : "?",
                     backend->pagesize ? size_exact(backend->pagesize).text : "?",
                     size_human(backend->size).text, format_nodes(backend, nodes, sizeof nodes),
                     backend->policy, backend->prealloc ? "yes" : "no",
                     backend->share ? "yes" : "no", use_of(backend));
    }
    free(list);
}
