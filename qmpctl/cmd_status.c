#include "commands.h"
#include "output.h"
#include "session.h"

int cmd_status(struct options *options, struct error *error)
{
    struct session session;
    struct memory *memory = NULL;

    if (options->argument_count > 1)
        return error_set(error, EXIT_USAGE, "status takes no arguments");
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
