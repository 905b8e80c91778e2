#include "restore.h"

#include <stdio.h>
#include <string.h>

/* Properties that are as QEMU sets them by itself are left out: not every type has them. Whether
 * it preallocates by itself (-mem-prealloc) is not known. */
json_t *restore_backend_arguments(const struct memory_backend *backend)
{
    char type[64];
    json_t *arguments;

    if (!backend->type)
        return NULL;
    snprintf(type, sizeof type, "memory-backend-%s", backend->type);
    arguments = json_pack("{s:s,s:s,s:I}", "qom-type", type, "id", backend->id, "size",
                          (json_int_t)backend->size);
    if (!arguments)
        return NULL;
    if (backend->mem_path)
        json_object_set_new(arguments, "mem-path", json_string(backend->mem_path));
    if (strcmp(backend->type, "memfd") == 0 && backend->pagesize > 4096) {
        json_object_set_new(arguments, "hugetlb", json_true());
        json_object_set_new(arguments, "hugetlbsize", json_integer((json_int_t)backend->pagesize));
    }
    json_object_set_new(arguments, "share", json_boolean(backend->share));
    if (!backend->merge)
        json_object_set_new(arguments, "merge", json_false());
    if (!backend->dump)
        json_object_set_new(arguments, "dump", json_false());
    json_object_set_new(arguments, "prealloc", json_boolean(backend->prealloc));
    if (backend->policy && strcmp(backend->policy, "default") != 0) {
        json_object_set_new(arguments, "host-nodes", json_deep_copy(backend->host_nodes));
        json_object_set_new(arguments, "policy", json_string(backend->policy));
    }
    return arguments;
}
