#include "placement_options.h"

#include <string.h>
#include <unistd.h>

#include "utf8.h"

const struct option_row placement_rows[PLACEMENT_OPTIONS] = {
    [PLACEMENT_PAGESIZE] = {"pagesize", "SIZE",
                            "hugepages of this size, such as 2M or 1G; 4K: ordinary pages", 0,
                            OPTIONS_PLACEMENT},
    [PLACEMENT_HUGEPAGES] = {"hugepages", NULL, "hugepages of the host's default size", 0,
                             OPTIONS_PLACEMENT},
    [PLACEMENT_BACKEND] = {"backend", "ram|file|memfd",
                           "QEMU's backend (default: as the boot memory; file with hugepages)", 0,
                           OPTIONS_PLACEMENT},
    [PLACEMENT_MEM_PATH] = {"mem-path", "PATH", "where a file backend lies", 0, OPTIONS_PLACEMENT},
    [PLACEMENT_SHARE] = {"share", NULL, "shared with other processes, as vhost-user needs it", 0,
                         OPTIONS_PLACEMENT},
    [PLACEMENT_PREALLOC] = {"prealloc", "on|off", "take the memory now (default: with hugepages)",
                            0, OPTIONS_PLACEMENT},
    [PLACEMENT_MERGE] = {"merge", "on|off", "the host may merge equal pages", 0, OPTIONS_PLACEMENT},
    [PLACEMENT_DUMP] = {"dump", "on|off", "part of a core dump of QEMU", 0, OPTIONS_PLACEMENT},
    [PLACEMENT_HOST_NODES] = {"host-nodes", "LIST", "host NUMA nodes to take it from, such as 0-1",
                              0, OPTIONS_PLACEMENT},
    [PLACEMENT_POLICY] = {"policy", "POLICY",
                          "bind to the host nodes (default), preferred, interleave or default", 0,
                          OPTIONS_PLACEMENT},
    [PLACEMENT_STRICT] = {"strict", NULL, "likely trouble on the host is an error", 0,
                          OPTIONS_PLACEMENT},
    [PLACEMENT_XML] = {"xml", "FILE", "libvirt's description of the memory module; -: stdin", 0,
                       OPTIONS_DEVICE},
};

static int refuse(const char *name, const char *value, const char *why, struct error *error)
{
    return error_set(error, EXIT_USAGE, "--%s %.64s: %s", name, value, why);
}

static int set_pagesize(struct placement_request *request, const char *value, struct error *error)
{
    if (size_parse(value, &request->pagesize, error) < 0)
        return -1;
    if ((request->pagesize & (request->pagesize - 1)) != 0 ||
        request->pagesize < (uint64_t)sysconf(_SC_PAGESIZE))
        return refuse("pagesize", value, "no page has this size", error);
    return 0;
}

static int set_kind(struct placement_request *request, const char *value, struct error *error)
{
    request->kind_given = true;
    for (int kind = BACKEND_RAM; kind <= BACKEND_MEMFD; kind++) {
        request->kind = (enum backend_kind)kind;
        if (strcmp(value, placement_kind_name(request->kind)) == 0)
            return 0;
    }
    return refuse("backend", value, "not one of ram, file, memfd", error);
}

static int set_switch(enum placement_switch *target, const char *name, const char *value,
                      struct error *error)
{
    *target = strcmp(value, "on") == 0 ? SWITCH_ON : SWITCH_OFF;
    return *target == SWITCH_ON || strcmp(value, "off") == 0
               ? 0
               : refuse(name, value, "neither on nor off", error);
}

static int set_path(struct placement_request *request, const char *value, struct error *error)
{
    if (!*value || strlen(value) >= PLACEMENT_PATH)
        return refuse("mem-path", value, "no path, or one that is too long", error);
    if (!utf8_is_valid(value))
        return refuse("mem-path", value, "QEMU's monitor takes no name that is not UTF-8", error);
    request->mem_path = value;
    return 0;
}

static int set_nodes(struct placement_request *request, const char *value, struct error *error)
{
    if (!node_set_parse(value, &request->host_nodes) || node_set_is_empty(&request->host_nodes))
        return refuse("host-nodes", value, "not a list of nodes such as 0 or 0-1,3", error);
    return 0;
}

static int set_policy(struct placement_request *request, const char *value, struct error *error)
{
    request->policy_given = true;
    return preflight_policy_parse(value, &request->policy)
               ? 0
               : refuse("policy", value, "not one of default, preferred, bind, interleave", error);
}

int placement_option_set(struct options *options, enum placement_option option, const char *value,
                         struct error *error)
{
    struct placement_request *request = &options->change.placement;

    switch (option) {
    case PLACEMENT_PAGESIZE:
        return set_pagesize(request, value, error);
    case PLACEMENT_BACKEND:
        return set_kind(request, value, error);
    case PLACEMENT_MEM_PATH:
        return set_path(request, value, error);
    case PLACEMENT_PREALLOC:
        return set_switch(&request->prealloc, "prealloc", value, error);
    case PLACEMENT_MERGE:
        return set_switch(&request->merge, "merge", value, error);
    case PLACEMENT_DUMP:
        return set_switch(&request->dump, "dump", value, error);
    case PLACEMENT_HOST_NODES:
        return set_nodes(request, value, error);
    case PLACEMENT_POLICY:
        return set_policy(request, value, error);
    case PLACEMENT_HUGEPAGES:
        request->hugepages = true;
        return 0;
    case PLACEMENT_SHARE:
        request->share = SWITCH_ON;
        return 0;
    case PLACEMENT_STRICT:
        request->strict = true;
        return 0;
    default:
        options->xml = value;
        return 0;
    }
}
