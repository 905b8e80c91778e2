#include "commands.h"

static int set_or_plan(struct options *options, bool dry_run, struct error *error)
{
    const char *name = options->arguments[0];
    struct change *change = &options->change;

    if (options->argument_count != 2)
        return error_set(error, EXIT_USAGE, "%s takes one SIZE, such as 8G, +2G or -1G", name);
    change->kind = CHANGE_SET;
    if (size_parse_relative(options->arguments[1], &change->relation, &change->size, error) < 0)
        return -1;
    return change_run(options, dry_run, error);
}

int cmd_set(struct options *options, struct error *error)
{
    return set_or_plan(options, options->dry_run, error);
}

int cmd_plan(struct options *options, struct error *error)
{
    return set_or_plan(options, true, error);
}
