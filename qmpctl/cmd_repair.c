#include "commands.h"
#include "output.h"
#include "session.h"

#define DELETE_TIMEOUT_MS 10000

static void keep(json_t *kept, const char *id, const char *reason)
{
    json_array_append_new(kept, json_pack("{s:s,s:s}", "id", id, "reason", reason));
}

/* Deletes what was left behind, or with dry_run names it. False: the connection was lost. */
static bool repair(struct session *session, const struct options *options,
                   const struct memory *memory, json_t *deleted, json_t *kept, struct error *error)
{
    for (size_t i = 0; i < memory->backend_count; i++) {
        const struct memory_backend *backend = &memory->backends[i];
        json_t *arguments, *reply;

        if (!backend->orphan) {
            keep(kept, backend->id,
                 backend->boot   ? "the machine's own memory"
                 : backend->used ? "in use by a memory device"
                                 : "not one of qmpctl's");
            continue;
        }
        if (options->dry_run) {
            json_array_append_new(deleted, json_string(backend->id));
            continue;
        }
        arguments = json_pack("{s:s}", "id", backend->id);
        reply = session_command(session, "object-del", arguments, DELETE_TIMEOUT_MS, error);
        json_decref(arguments);
        if (reply)
            json_array_append_new(deleted, json_string(backend->id));
        else if (error->code == EXIT_NO_CONNECTION)
            return false;
        else
            keep(kept, backend->id, error->qmp_desc);
        json_decref(reply);
    }
    return true;
}

static void print_list(const char *title, const json_t *list)
{
    const json_t *row;
    size_t index;

    json_array_foreach(list, index, row)
    {
        const json_t *id = json_is_string(row) ? row : json_object_get(row, "id");
        const char *reason = json_string_value(json_object_get(row, "reason"));

        printf("%s %s%s%s\n", title, json_string_value(id), reason ? ": " : "",
               reason ? reason : "");
    }
}

int cmd_repair(struct options *options, struct error *error)
{
    json_t *deleted = json_array(), *kept = json_array();
    struct session session;
    struct memory *memory = NULL;
    bool done = false;

    if (options->argument_count > 1)
        error_set(error, EXIT_USAGE, "repair takes no arguments");
    else if (session_open(&session, options, error) == 0 &&
             (options->dry_run || session_lock(&session, error) == 0))
        memory = session_snapshot(&session, options, error);
    if (memory)
        done = repair(&session, options, memory, deleted, kept, error);
    if (done && options->json) {
        output_json(stdout, json_pack("{s:O,s:O}", "deleted", deleted, "kept", kept));
    } else if (done) {
        print_list(options->dry_run ? "would delete" : "deleted", deleted);
        print_list("kept", kept);
    }
    json_decref(deleted);
    json_decref(kept);
    memory_free(memory);
    if (options->argument_count <= 1)
        session_close(&session);
    return done ? EXIT_DONE : -1;
}
