#include "codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

/* QEMU's parser stops at a depth of 1024 and at 64 MiB (qobject/json-streamer.c). */
#define DEPTH_LIMIT  1000
#define LENGTH_LIMIT ((size_t)64 << 20)

/* ---- from the wire ---- */

static unsigned version_part(const json_t *numbers, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(numbers, name));

    return value > 0 && value < INT32_MAX ? (unsigned)value : 0;
}

static enum message_kind decode_greeting(struct message *message, const json_t *qmp)
{
    const json_t *version = json_object_get(qmp, "version");
    const json_t *numbers = json_object_get(version, "qemu");
    const char *package = json_string_value(json_object_get(version, "package"));
    const json_t *capability;
    size_t index;

    message->version.major = version_part(numbers, "major");
    message->version.minor = version_part(numbers, "minor");
    message->version.micro = version_part(numbers, "micro");
    if (package)
        text_copy_line(message->version.package, sizeof message->version.package, package);
    json_array_foreach(json_object_get(qmp, "capabilities"), index, capability)
    {
        const char *name = json_string_value(capability);

        if (name && strcmp(name, "oob") == 0)
            message->oob = true;
    }
    return MESSAGE_GREETING;
}

static int64_t integer_or(const json_t *value, int64_t otherwise)
{
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static enum message_kind decode_event(struct message *message, const json_t *name)
{
    const json_t *time = json_object_get(message->root, "timestamp");

    if (!json_is_string(name))
        return MESSAGE_OTHER;
    if (!json_is_object(json_object_get(message->root, "data")))
        json_object_set_new(message->root, "data", json_object());
    message->event.name = json_string_value(name);
    message->event.data = json_object_get(message->root, "data");
    message->event.seconds = integer_or(json_object_get(time, "seconds"), -1);
    message->event.microseconds = integer_or(json_object_get(time, "microseconds"), 0);
    return message->event.data ? MESSAGE_EVENT : MESSAGE_OTHER;
}

static enum message_kind decode_failure(struct message *message, const json_t *error)
{
    message->error_class = json_string_value(json_object_get(error, "class"));
    message->desc = json_string_value(json_object_get(error, "desc"));
    if (!message->error_class)
        message->error_class = "GenericError";
    if (!message->desc)
        message->desc = "an error without a description";
    return MESSAGE_FAILURE;
}

static enum message_kind decode_object(struct message *message)
{
    const json_t *id = json_object_get(message->root, "id");
    json_t *part;

    message->has_id = id != NULL;
    message->id = integer_or(id, -1);
    if ((message->value = json_object_get(message->root, "return")))
        return MESSAGE_REPLY;
    if ((part = json_object_get(message->root, "error")))
        return decode_failure(message, part);
    if ((part = json_object_get(message->root, "event")))
        return decode_event(message, part);
    part = json_object_get(message->root, "QMP");
    return json_is_object(part) ? decode_greeting(message, part) : MESSAGE_OTHER;
}

void codec_decode(const char *text, size_t length, struct message *message)
{
    *message = (struct message){.kind = MESSAGE_BROKEN, .id = -1};
    message->root = json_parse(text, length, NULL);
    if (message->root)
        message->kind = json_is_object(message->root) ? decode_object(message) : MESSAGE_OTHER;
}

void codec_message_free(struct message *message)
{
    json_decref(message->root);
    message->root = NULL;
}

/* ---- to the wire ---- */

/* Why QEMU's parser would refuse this value; NULL: it takes it. */
static const char *refusal(const json_t *value, unsigned depth_left)
{
    const char *key, *why = NULL;
    json_t *member;
    size_t index;

    if (depth_left == 0)
        return "the arguments are nested too deeply";
    if (json_is_string(value) &&
        !text_is_sendable(json_string_value(value), json_string_length(value)))
        return "the arguments hold text that is no UTF-8, or no characters";
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (!text_is_sendable(key, strlen(key)))
            return "the arguments hold a name that is no UTF-8, or no characters";
        if ((why = refusal(member, depth_left - 1)))
            return why;
    }
    json_array_foreach(value, index, member)
    {
        if ((why = refusal(member, depth_left - 1)))
            return why;
    }
    return NULL;
}

static const char *command_refusal(const char *command, const json_t *arguments)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";

    if (!command || !*command || command[strspn(command, allowed)])
        return "the command's name is no QMP name";
    if (!arguments)
        return NULL;
    return json_is_object(arguments) ? refusal(arguments, DEPTH_LIMIT)
                                     : "the arguments are no JSON object";
}

static char *refuse(struct qmp_error *error, enum qmp_error_code code, const char *why)
{
    *error = (struct qmp_error){.code = code, .phase = QMP_PHASE_COMMAND};
    text_copy_line(error->text, sizeof error->text, why);
    return NULL;
}

char *codec_encode(const char *command, const json_t *arguments, int64_t id, bool oob,
                   size_t *length, struct qmp_error *error)
{
    const char *why = command_refusal(command, arguments);
    char *payload = NULL, *text = NULL;
    int written;

    if (why)
        return refuse(error, QMP_ERROR_INVALID, why);
    if (json_object_size(arguments) > 0 && !(payload = qmp_json_dumps(arguments, false)))
        return refuse(error, QMP_ERROR_MEMORY, "out of memory");
    if (payload && strlen(payload) > LENGTH_LIMIT - 1024) {
        free(payload);
        return refuse(error, QMP_ERROR_INVALID, "the arguments are too long");
    }
    written =
        asprintf(&text, "{\"%s\":\"%s\"%s%s,\"id\":%" PRId64 "}\n", oob ? "exec-oob" : "execute",
                 command, payload ? ",\"arguments\":" : "", payload ? payload : "", id);
    free(payload);
    if (written < 0)
        return refuse(error, QMP_ERROR_MEMORY, "out of memory");
    *length = (size_t)written;
    return text;
}
