#include "placement_xml.h"

#include <stdarg.h>
#include <string.h>

#include "host/module_xml.h"

__attribute__((format(printf, 2, 3))) static void note(struct placement_request *request,
                                                       const char *format, ...)
{
    size_t length = strlen(request->note);
    char *end = request->note + length;
    const size_t left = sizeof request->note - length;
    va_list arguments;
    int separator = length > 0 ? snprintf(end, left, "; ") : 0;

    if ((size_t)separator >= left)
        return;
    va_start(arguments, format);
    vsnprintf(end + separator, left - (size_t)separator, format, arguments);
    va_end(arguments);
}

/* libvirt rounds up, too, so its own files have such sizes. */
static void take_size(struct change *change, uint64_t size)
{
    uint64_t over = size % DEVICE_ALIGNMENT;

    change->size = over > 0 ? size - over + DEVICE_ALIGNMENT : size;
    if (over > 0)
        note(&change->placement, "%s is rounded up to %s", size_exact(size).text,
             size_exact(change->size).text);
}

static int take_names(struct options *options, const struct module_description *module,
                      struct error *error)
{
    struct change *change = &options->change;
    bool id = !change->id && id_is_valid(module->alias),
         slot = change->slot < 0 && module->slot >= 0;

    if (change->count > 1 && (id || slot)) {
        error_set(error, EXIT_USAGE, "%.256s: <%s> is of one device, --count %u asks for more",
                  options->xml, id ? "alias" : "address", change->count);
        return error_hint(error, "leave <alias> and <address> out of the description");
    }
    if (id) {
        memcpy(options->xml_id, module->alias, sizeof options->xml_id);
        change->id = options->xml_id;
    } else if (!change->id && *module->alias) {
        note(&change->placement, "alias '%.64s' is not used: QEMU takes no such id", module->alias);
    }
    if (slot)
        change->slot = module->slot;
    if (module->has_base)
        note(&change->placement, "QEMU chooses the address, whatever base says");
    return 0;
}

static int take_placement(struct placement_request *request,
                          const struct module_description *module, const char *path,
                          struct error *error)
{
    bool nodes = node_set_is_empty(&request->host_nodes) && module->has_source_nodes;

    if (nodes && request->policy_given && request->policy == PREFLIGHT_POLICY_DEFAULT) {
        error_set(error, EXIT_USAGE,
                  "--policy default takes no host nodes, and the <source> of %.256s names some",
                  path);
        return error_hint(error, "say another --policy, or leave the nodes out of <source>");
    }
    if (request->pagesize == 0 && !request->hugepages)
        request->pagesize = module->page_size;
    if (nodes)
        request->host_nodes = module->source_nodes;
    if (module->has_access && request->share == SWITCH_DEFAULT)
        request->share = module->shared ? SWITCH_ON : SWITCH_OFF;
    request->discard = module->discard;
    return 0;
}

int placement_xml_apply(struct options *options, struct error *error)
{
    struct change *change = &options->change;
    struct module_description module;

    if (module_xml_read(options->xml, &module, error) < 0 ||
        take_names(options, &module, error) < 0)
        return -1;
    take_size(change, module.size);
    if (take_placement(&change->placement, &module, options->xml, error) < 0)
        return -1;
    if (change->node == NODE_ANY && module.target_node >= 0)
        change->node = module.target_node;
    return 0;
}
