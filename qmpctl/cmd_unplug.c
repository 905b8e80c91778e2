#include <string.h>

#include "commands.h"

static bool name_is_valid(const char *name)
{
    return id_is_valid(name) || strncmp(name, "/machine/", 9) == 0;
}

int cmd_unplug(struct options *options, struct error *error)
{
    const char *choice = options_first_given(options, OPTIONS_CHOICE | OPTIONS_NODE);
    struct change *change = &options->change;

    change->ids = options->arguments + 1;
    change->id_count = options->argument_count - 1;
    if (options->size) {
        if (change->id_count > 0)
            return error_set(error, EXIT_USAGE, "unplug takes IDs or --size, not both");
        change->kind = CHANGE_UNPLUG_SIZE;
        if (size_parse(options->size, &change->size, error) < 0)
            return -1;
        return change_run(options, options->dry_run, error);
    }
    if (change->id_count == 0)
        return error_set(error, EXIT_USAGE, "unplug takes the IDs of devices, or --size SIZE");
    if (choice)
        return error_set(error, EXIT_USAGE,
                         "unplug takes --%s with --size alone: IDs leave no choice", choice);
    change->kind = CHANGE_UNPLUG;
    for (size_t i = 0; i < change->id_count; i++) {
        if (!name_is_valid(change->ids[i]) || strlen(change->ids[i]) > 240)
            return error_set(error, EXIT_USAGE, "unplug %.64s: neither an id nor a QOM path",
                             change->ids[i]);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(change->ids[i], change->ids[j]) == 0)
                return error_set(error, EXIT_USAGE, "unplug %.64s: named twice", change->ids[i]);
        }
    }
    return change_run(options, options->dry_run, error);
}
