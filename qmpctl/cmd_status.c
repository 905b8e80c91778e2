#include "commands.h"
#include "fleet.h"
#include "output.h"
#include "session.h"

static int status_of_one(const struct options *options, struct error *error)
{
    struct session session;
    struct memory *memory = NULL;

    if (session_open(&session, options, error) == 0)
        memory = session_snapshot(&session, options, error);
    if (memory && options->json)
        output_json(stdout, output_status_json(memory, options->socket));
    else if (memory)
        output_status_text(stdout, memory);
    memory_free(memory);
    session_close(&session);
    return memory ? EXIT_DONE : -1;
}

/* The code of the last that could not be asked; each says why. */
static int print_fleet(const struct fleet *fleet, bool json)
{
    int code = EXIT_DONE;

    if (json)
        output_json(stdout, output_fleet_json(fleet));
    else
        output_fleet_text(stdout, fleet);
    fflush(stdout);
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->vms[i].memory)
            continue;
        output_error(stderr, &fleet->vms[i].error);
        code = (int)fleet->vms[i].error.code;
    }
    return code;
}

static int status_of_many(const struct options *options, struct error *error)
{
    struct fleet fleet;
    int code = fleet_snapshot(&fleet, options, false, error);

    if (code == 0)
        code = print_fleet(&fleet, options->json);
    fleet_free(&fleet);
    return code;
}

int cmd_status(struct options *options, struct error *error)
{
    if (options->argument_count > 1)
        return error_set(error, EXIT_USAGE, "status takes no arguments");
    return options->sockets.many ? status_of_many(options, error) : status_of_one(options, error);
}
