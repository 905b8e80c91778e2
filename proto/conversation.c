#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "codec.h"
#include "json.h"
#include "text.h"

/* ---- commands ---- */

int client_queue(struct qmp_client *client, struct request request, const char *command,
                 const json_t *arguments, struct qmp_error *error)
{
    struct request *copy = malloc(sizeof *copy);

    request.id = client->next_id;
    request.bytes =
        codec_encode(command, arguments, request.id, request.oob, &request.length, error);
    if (!copy || !request.bytes) {
        if (request.bytes)
            *error = (struct qmp_error){
                .code = QMP_ERROR_MEMORY, .phase = QMP_PHASE_COMMAND, .text = "out of memory"};
        free(request.bytes);
        free(copy);
        return -1;
    }
    *copy = request;
    client->next_id++;
    /* Reading the clock for each command would cost as much as encoding it. */
    request_queue_add(&client->queue, copy,
                      request_queue_is_stuck(&client->queue) ? client_now() : 0);
    if (client->corked)
        return 0;
    client_dispatch_begin(client);
    wire_flush(client);
    if (!client_is_over(client))
        client_arm_timer(client);
    client_dispatch_end(client);
    return 0;
}

static int client_send(struct qmp_client *client, const char *command, const json_t *arguments,
                       struct request request, struct qmp_error *error)
{
    const char *why = client->state != CLIENT_READY ? "not connected"
                      : request.oob && !client->oob ? "the server takes no out-of-band commands"
                                                    : NULL;
    struct qmp_error ignored = {0};

    error = error ? error : &ignored;
    if (!why)
        return client_queue(client, request, command, arguments, error);
    *error = (struct qmp_error){.code = QMP_ERROR_INVALID, .phase = QMP_PHASE_COMMAND};
    snprintf(error->text, sizeof error->text, "%s", why);
    return -1;
}

int qmp_client_send(struct qmp_client *client, const char *command, const json_t *arguments,
                    int64_t timeout_ms, qmp_reply_cb *reply, void *arg, struct qmp_error *error)
{
    const struct request request = {.timeout_ms = timeout_ms, .reply = reply, .arg = arg};

    return client_send(client, command, arguments, request, error);
}

int qmp_client_send_oob(struct qmp_client *client, const char *command, const json_t *arguments,
                        int64_t timeout_ms, qmp_reply_cb *reply, void *arg, struct qmp_error *error)
{
    const struct request request = {
        .timeout_ms = timeout_ms, .oob = true, .reply = reply, .arg = arg};

    return client_send(client, command, arguments, request, error);
}

/* ---- negotiation ---- */

static void on_negotiated(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                          void *arg)
{
    qmp_ready_cb *ready;

    (void)arg;
    /* Canceled, or the connection ended, which ready is told anyway. */
    if (!client || client->state != CLIENT_NEGOTIATING)
        return;
    if (!value) {
        client_end(client, error->code, 0, "the server refused to negotiate: %s", error->text);
        return;
    }
    client->oob = client->oob_asked;
    client_enter(client, CLIENT_READY);
    opening_forget(client);
    ready = client->ready;
    client->ready = NULL;
    if (ready)
        ready(client, NULL, client->ready_arg);
}

/* What is not offered is not asked for, and what we do not know is not enabled. */
static void negotiate(struct qmp_client *client, const struct message *greeting)
{
    bool oob = greeting->oob && !client->options.no_oob;
    json_t *arguments = oob ? json_pack("{s:[s]}", "enable", "oob") : NULL;
    const struct request request = {.reply = on_negotiated};
    struct qmp_error error;

    client->version = greeting->version;
    client->oob_asked = oob && arguments;
    client_enter(client, CLIENT_NEGOTIATING);
    if (client_queue(client, request, "qmp_capabilities", arguments, &error) < 0)
        client_end(client, error.code, 0, "%s", error.text);
    json_decref(arguments);
}

/* ---- replies ---- */

static void answer(struct qmp_client *client, const struct message *message)
{
    struct request *request = request_queue_take(&client->queue, message->id);
    struct qmp_error error = {.code = QMP_ERROR_COMMAND, .phase = QMP_PHASE_COMMAND};

    if (!request || request->abandoned)
        client->dropped++;
    if (!request)
        return;
    if (message->kind == MESSAGE_REPLY) {
        client_tell(client, request, message->value, NULL);
        return;
    }
    text_copy_line(error.error_class, sizeof error.error_class, message->error_class);
    text_copy_line(error.text, sizeof error.text, message->desc);
    client_tell(client, request, NULL, &error);
}

/*
 * QEMU's parser lost its place: it may have skipped any of the commands in flight, and will never
 * answer those. With none in flight nothing is lost.
 */
static void parser_failed(struct qmp_client *client, const struct message *message)
{
    char desc[256];

    if (client->state != CLIENT_GREETING && !client->queue.flying.first) {
        client->dropped++;
        return;
    }
    text_copy_line(desc, sizeof desc, message->desc);
    client_end(client, QMP_ERROR_PROTOCOL, 0,
               "the server could not read what was sent, so what it did is unknown: %s", desc);
}

/* ---- messages ---- */

static void dispatch(struct qmp_client *client, const struct message *message)
{
    static const char *const broken[] = {
        [CLIENT_GREETING] = "it does not speak QMP",
        [CLIENT_NEGOTIATING] = "the server sent what is no JSON during negotiation",
        [CLIENT_READY] = "the server sent what is no JSON",
    };

    switch (message->kind) {
    case MESSAGE_GREETING:
        if (client->state != CLIENT_GREETING)
            break;
        negotiate(client, message);
        return;
    case MESSAGE_EVENT:
        if (client->options.on_event)
            client->options.on_event(client, &message->event, client->options.arg);
        return;
    case MESSAGE_FAILURE:
        if (!message->has_id) {
            parser_failed(client, message);
            return;
        }
        answer(client, message);
        return;
    case MESSAGE_REPLY:
        answer(client, message);
        return;
    case MESSAGE_CROWDED:
        client_end(client, QMP_ERROR_TOO_BIG, 0,
                   "a message of the server holds more than %zu values", JSON_VALUES_LIMIT);
        return;
    case MESSAGE_BROKEN:
        client_end(client, QMP_ERROR_PROTOCOL, 0, "%s", broken[client->state]);
        return;
    case MESSAGE_OTHER:
        break;
    }
    client->dropped++;
}

void conversation_text(struct qmp_client *client, const char *text, size_t length)
{
    struct message message;

    if (client->options.on_trace)
        client->options.on_trace(client, QMP_RECEIVED, text, length, client->options.arg);
    if (client_is_over(client))
        return;
    codec_decode(text, length, &message);
    dispatch(client, &message);
    codec_message_free(&message);
}
