#include <stdio.h>

#include "commands.h"
#include "output.h"
#include "session.h"

#define DELETE_TIMEOUT_MS 10000

static void keep(json_t *kept, const char *id, const char *reason)
{
    json_array_append_new(kept, json_pack("{s:s,s:s}", "id", id, "reason", reason));
}

/* QEMU's no; the other backends are tried all the same. */
static void note_failure(json_t *kept, const char *id, const struct error *why,
                         struct error *failure)
{
    keep(kept, id, *why->qmp_desc ? why->qmp_desc : why->text);
    *failure = *why;
    snprintf(failure->text, sizeof failure->text, "repair: %.256s could not be deleted: %.400s", id,
             *why->qmp_desc ? why->qmp_desc : why->text);
}

/* Deletes what was left behind, or with dry_run names it. failure: why one could not be deleted.
 * False: the connection was lost. */
static bool repair(struct session *session, const struct options *options,
                   const struct memory *memory, json_t *deleted, json_t *kept,
                   struct error *failure, struct error *error)
{
    for (size_t i = 0; i < memory->backend_count; i++) {
        const struct memory_backend *backend = &memory->backends[i];
        json_t *arguments, *reply;

        if (!backend->orphan) {
            keep(kept, backend->id,
                 backend->boot      ? "the machine's own memory"
                 : backend->used    ? "in use by a memory device"
                 : backend->started ? "QEMU was started with it"
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
            note_failure(kept, backend->id, error, failure);
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

        output_lines(stdout, "%s %s%s%s\n", title, json_string_value(id), reason ? ": " : "",
                     reason ? reason : "");
    }
}

static void print_repair(const struct options *options, json_t *deleted, json_t *kept,
                         const struct error *failure)
{
    json_t *json;

    if (options->json) {
        json = json_pack("{s:O,s:O,s:b}", "deleted", deleted, "kept", kept, "dry-run",
                         options->dry_run);
        if (failure->code != EXIT_DONE)
            json_object_update_new(json, output_error_json(failure));
        output_json(stdout, json);
    } else {
        print_list(options->dry_run ? "would delete" : "deleted", deleted);
        print_list("kept", kept);
    }
    if (failure->code != EXIT_DONE)
        output_error(stderr, failure);
}

int cmd_repair(struct options *options, struct error *error)
{
    struct error failure = {0};
    json_t *deleted = json_array(), *kept = json_array();
    struct session session;
    struct memory *memory = NULL;
    bool done = false;

    if (options->argument_count > 1)
        error_set(error, EXIT_USAGE, "repair takes no arguments");
    else if (session_open(&session, options, error) == 0 &&
             (options->dry_run || vm_lock(session.vm, error) == 0))
        memory = session_snapshot(&session, options, error);
    if (memory)
        done = repair(&session, options, memory, deleted, kept, &failure, error);
    if (done)
        print_repair(options, deleted, kept, &failure);
    json_decref(deleted);
    json_decref(kept);
    memory_free(memory);
    if (options->argument_count <= 1)
        session_close(&session);
    return done ? (int)failure.code : -1;
}
