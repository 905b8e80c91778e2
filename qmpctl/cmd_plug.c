#include "commands.h"
#include "placement_xml.h"

int cmd_plug(struct options *options, struct error *error)
{
    struct change *change = &options->change;

    if (options->argument_count != (options->xml ? 1 : 2))
        return error_set(error, EXIT_USAGE, "plug takes one SIZE, such as 512M, or --xml FILE");
    change->kind = CHANGE_PLUG;
    if (options->xml ? placement_xml_apply(options, error) < 0
                     : size_parse(options->arguments[1], &change->size, error) < 0)
        return -1;
    if (change->size % DEVICE_ALIGNMENT != 0) {
        error_set(error, EXIT_USAGE, "size %s: not a multiple of 2M",
                  size_exact(change->size).text);
        return error_hint(error, "QEMU takes multiples of 2M, Linux guests use multiples of 128M");
    }
    if (change->count > SIZE_LIMIT / change->size)
        return error_set(error, EXIT_USAGE, "--count %u of %s: more than any VM has", change->count,
                         size_exact(change->size).text);
    if (change->count > 1 && (change->id || change->slot >= 0))
        return error_set(error, EXIT_USAGE,
                         "--id and --slot name one device, --count %u asks for "
                         "more",
                         change->count);
    return change_run(options, options->dry_run, error);
}
