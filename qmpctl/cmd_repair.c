#include <stdio.h>

#include "commands.h"
#include "output.h"
#include "session.h"
#include "signals.h"

#define DELETE_TIMEOUT_MS 10000

/* What became of the backends. */
struct account {
    json_t *deleted, *kept;
    struct error failure; /* why one could not be deleted; code 0: all could */
};

static void keep(struct account *account, const char *id, const char *reason)
{
    json_array_append_new(account->kept, json_pack("{s:s,s:s}", "id", id, "reason", reason));
}

static void delete_one(struct session *session, const char *id, struct account *account)
{
    json_t *arguments = json_pack("{s:s}", "id", id);
    struct error why = {0};
    json_t *reply = session_command(session, "object-del", arguments, DELETE_TIMEOUT_MS, &why);
    const char *words = *why.qmp_desc ? why.qmp_desc : why.text;

    json_decref(arguments);
    if (reply) {
        json_array_append_new(account->deleted, json_string(id));
        json_decref(reply);
        return;
    }
    account->failure = why;
    if (why.code == EXIT_NO_CONNECTION) {
        keep(account, id, "whether it is deleted is not known");
        error_set(&account->failure, EXIT_NO_CONNECTION,
                  "repair: %s; whether %.256s is deleted is not known (%.300s)",
                  error_how_lost(&why), id, why.text);
        error_hint(&account->failure, "try again when the VM can be reached");
    } else {
        keep(account, id, words);
        snprintf(account->failure.text, sizeof account->failure.text,
                 "repair: %.256s could not be deleted: %.400s", id, words);
    }
}

/* Why it stays where it is; NULL: it was left behind. */
static const char *reason_to_keep(const struct memory_backend *backend)
{
    if (backend->orphan)
        return NULL;
    return backend->boot      ? "the machine's own memory"
           : backend->used    ? "in use by a memory device"
           : backend->started ? "QEMU was started with it"
                              : "not one of qmpctl's";
}

/* Deletes what was left behind, or with dry_run names it, until the connection is lost or the user
 * wants it to end. A backend that QEMU does not delete is passed over. */
static void repair(struct session *session, const struct options *options,
                   const struct memory *memory, const struct signals *signals,
                   struct account *account)
{
    for (size_t i = 0; i < memory->backend_count; i++) {
        const char *id = memory->backends[i].id;
        const char *reason = reason_to_keep(&memory->backends[i]);

        if (reason)
            keep(account, id, reason);
        else if (options->dry_run)
            json_array_append_new(account->deleted, json_string(id));
        else if (signals->number)
            keep(account, id, "interrupted: not begun");
        else if (account->failure.code == EXIT_NO_CONNECTION)
            keep(account, id, "not begun");
        else
            delete_one(session, id, account);
    }
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

static void print_repair(const struct options *options, const struct account *account)
{
    json_t *json;

    if (options->json) {
        json = json_pack("{s:O,s:O,s:b}", "deleted", account->deleted, "kept", account->kept,
                         "dry-run", options->dry_run);
        if (account->failure.code != EXIT_DONE)
            json_object_update_new(json, output_error_json(&account->failure));
        output_json(stdout, json);
    } else {
        print_list(options->dry_run ? "would delete" : "deleted", account->deleted);
        print_list("kept", account->kept);
    }
    if (account->failure.code != EXIT_DONE)
        output_error(stderr, &account->failure);
}

/* Whoever interrupts it before the first deletion ends it at once. */
static int repair_vm(struct session *session, const struct options *options,
                     const struct memory *memory, struct error *error)
{
    struct account account = {.deleted = json_array(), .kept = json_array()};
    struct signals signals = {0};
    int code = -1;

    if (!options->dry_run && signals_catch(&signals, session->base, NULL, NULL) < 0) {
        error_set(error, EXIT_FAILED, "out of memory");
    } else {
        repair(session, options, memory, &signals, &account);
        print_repair(options, &account);
        code = signals.number ? 128 + signals.number : (int)account.failure.code;
    }
    signals_release(&signals);
    json_decref(account.deleted);
    json_decref(account.kept);
    return code;
}

int cmd_repair(struct options *options, struct error *error)
{
    struct session session;
    struct memory *memory = NULL;
    int code = -1;

    if (options->argument_count > 1)
        return error_set(error, EXIT_USAGE, "repair takes no arguments");
    if (session_open(&session, options, error) == 0 &&
        (options->dry_run || vm_lock(session.vm, error) == 0))
        memory = session_snapshot(&session, options, error);
    if (memory)
        code = repair_vm(&session, options, memory, error);
    memory_free(memory);
    session_close(&session);
    return code;
}
