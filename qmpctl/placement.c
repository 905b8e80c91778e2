#include "placement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "size.h"

const char *placement_kind_name(enum backend_kind kind)
{
    static const char *const names[] = {"ram", "file", "memfd"};

    return names[kind];
}

const char *placement_policy_name(enum preflight_policy policy)
{
    static const char *const names[] = {"default", "preferred", "bind", "interleave"};

    return names[policy];
}

static int check_policy(const struct placement_request *request, struct error *error)
{
    bool nodes = !node_set_is_empty(&request->host_nodes);

    if (!request->policy_given)
        return 0;
    if (request->policy == PREFLIGHT_POLICY_DEFAULT && nodes)
        return error_set(error, EXIT_USAGE, "--policy default takes no --host-nodes");
    if (request->policy != PREFLIGHT_POLICY_DEFAULT && !nodes) {
        error_set(error, EXIT_USAGE, "--policy %s: for which host nodes?",
                  placement_policy_name(request->policy));
        return error_hint(error, "say --host-nodes LIST, such as 0 or 0-1,3");
    }
    return 0;
}

int placement_request_check(const struct placement_request *request, struct error *error)
{
    bool huge = request->hugepages || request->pagesize > (uint64_t)sysconf(_SC_PAGESIZE);

    if (request->hugepages && request->pagesize > 0)
        return error_set(error, EXIT_USAGE,
                         "--hugepages is the host's default size, --pagesize %s another word for "
                         "it: say one",
                         size_exact(request->pagesize).text);
    if (request->kind_given && request->kind != BACKEND_FILE && request->mem_path)
        return error_set(error, EXIT_USAGE, "--backend %s takes no --mem-path",
                         placement_kind_name(request->kind));
    if (request->kind_given && request->kind == BACKEND_RAM && huge) {
        error_set(error, EXIT_USAGE, "--backend ram has ordinary pages only");
        return error_hint(error, "leave it away, or say --backend memfd or file");
    }
    return check_policy(request, error);
}

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
                                                         const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;

    if (length > 0 && length < size)
        length += (size_t)snprintf(text + length, size - length, ", ");
    if (length >= size)
        return;
    va_start(arguments, format);
    vsnprintf(text + length, size - length, format, arguments);
    va_end(arguments);
}

bool placement_describe(const struct placement *placement, char *text, size_t size)
{
    char nodes[128];

    *text = '\0';
    if (placement->kind == BACKEND_FILE)
        append(text, size, "a file in %.80s", placement->mem_path);
    else if (placement->kind == BACKEND_MEMFD)
        append(text, size, "a memfd");
    if (placement->pagesize > 0)
        append(text, size, "hugepages of %s", size_exact(placement->pagesize).text);
    if (placement->prealloc)
        append(text, size, "preallocated");
    if (placement->policy != PREFLIGHT_POLICY_DEFAULT)
        append(text, size, "policy %s on host nodes %s", placement_policy_name(placement->policy),
               node_set_format(&placement->host_nodes, nodes, sizeof nodes));
    return *text != '\0';
}

static json_t *host_nodes(const struct placement *placement)
{
    json_t *nodes = json_array();

    for (unsigned node = 0; node < HOST_NODES; node++) {
        if (node_set_has(&placement->host_nodes, node))
            json_array_append_new(nodes, json_integer(node));
    }
    return nodes;
}

static void set_switch(json_t *arguments, const char *name, enum placement_switch value)
{
    if (value != SWITCH_DEFAULT)
        json_object_set_new(arguments, name, json_boolean(value == SWITCH_ON));
}

void placement_share_prealloc(const struct placement *placement, uint64_t size, json_t *arguments)
{
    const struct host_facts facts = {.cpus = placement->cpus};

    if (placement->cpus > 0 && json_is_true(json_object_get(arguments, "prealloc")))
        json_object_set_new(arguments, "prealloc-threads",
                            json_integer(preflight_prealloc_threads(&facts, size)));
}

json_t *placement_backend_arguments(const struct placement *placement, const char *id,
                                    uint64_t size)
{
    static const char *const types[] = {"memory-backend-ram", "memory-backend-file",
                                        "memory-backend-memfd"};
    json_t *arguments = json_pack("{s:s,s:s,s:I}", "qom-type", types[placement->kind], "id", id,
                                  "size", (json_int_t)size);

    if (!arguments)
        return NULL;
    if (placement->kind == BACKEND_FILE)
        json_object_set_new(arguments, "mem-path", json_string(placement->mem_path));
    if (placement->kind == BACKEND_FILE && placement->discard)
        json_object_set_new(arguments, "discard-data", json_true());
    if (placement->kind == BACKEND_MEMFD && placement->pagesize > 0) {
        json_object_set_new(arguments, "hugetlb", json_true());
        json_object_set_new(arguments, "hugetlbsize",
                            json_integer((json_int_t)placement->pagesize));
    }
    /* A memfd is shared unless told otherwise, the others are not. */
    if (placement->share != (placement->kind == BACKEND_MEMFD))
        json_object_set_new(arguments, "share", json_boolean(placement->share));
    if (placement->prealloc || placement->prealloc_off)
        json_object_set_new(arguments, "prealloc", json_boolean(placement->prealloc));
    placement_share_prealloc(placement, size, arguments);
    set_switch(arguments, "merge", placement->merge);
    set_switch(arguments, "dump", placement->dump);
    if (!node_set_is_empty(&placement->host_nodes))
        json_object_set_new(arguments, "host-nodes", host_nodes(placement));
    if (placement->policy != PREFLIGHT_POLICY_DEFAULT)
        json_object_set_new(arguments, "policy",
                            json_string(placement_policy_name(placement->policy)));
    return arguments;
}

json_t *placement_device_arguments(const char *id, const char *backend, int64_t node, int64_t slot)
{
    json_t *arguments = json_pack("{s:s,s:s}", "driver", "pc-dimm", "memdev", backend);

    if (arguments && *id != '/')
        json_object_set_new(arguments, "id", json_string(id));
    if (arguments && node != 0)
        json_object_set_new(arguments, "node", json_integer(node));
    if (arguments && slot >= 0)
        json_object_set_new(arguments, "slot", json_integer(slot));
    return arguments;
}
