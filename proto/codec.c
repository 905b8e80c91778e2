#include "codec.h"

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
    const json_t *capabilities = json_object_get(qmp, "capabilities");

    message->version.major = version_part(numbers, "major");
    message->version.minor = version_part(numbers, "minor");
    message->version.micro = version_part(numbers, "micro");
    if (package)
        text_copy_line(message->version.package, sizeof message->version.package, package);
    for (size_t i = 0; i < json_array_size(capabilities); i++) {
        const char *name = json_string_value(json_array_get(capabilities, i));

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

    if (json_typeof(name) != JSON_STRING)
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
    if (json_is_crowded(text, length)) {
        message->kind = MESSAGE_CROWDED;
        return;
    }
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

static bool is_sendable(const json_t *text)
{
    return text_is_sendable(json_string_value(text), json_string_length(text));
}

/* Why QEMU's parser would refuse this value; NULL: it takes it. */
static const char *refusal(const json_t *value, unsigned depth_left)
{
    json_t *object = (json_t *)(uintptr_t)value;
    const char *why = NULL;

    if (depth_left == 0)
        return "the arguments are nested too deeply";
    if (json_typeof(value) == JSON_STRING && !is_sendable(value))
        return "the arguments hold text that is no UTF-8, or no characters";
    for (void *i = json_object_iter(object); i && !why; i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);

        why = text_is_sendable(key, strlen(key))
                  ? refusal(json_object_iter_value(i), depth_left - 1)
                  : "the arguments hold a name that is no UTF-8, or no characters";
    }
    for (size_t i = 0; i < json_array_size(value) && !why; i++)
        why = refusal(json_array_get(value, i), depth_left - 1);
    return why;
}

/* strspn would build its table of the allowed for each command. */
static bool is_name(const char *command)
{
    const char *c = command;

    while ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
           *c == '-' || *c == '_' || *c == '.')
        c++;
    return c > command && !*c;
}

static const char *command_refusal(const char *command, const json_t *arguments)
{
    if (!command || !is_name(command))
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

/* Appends, and returns the new end. asprintf takes many times as long, for every command. */
static char *put(char *place, const char *text, size_t length)
{
    memcpy(place, text, length);
    return place + length;
}

static char *put_number(char *place, int64_t number)
{
    char digits[20];
    size_t i = sizeof digits;

    do {
        digits[--i] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return put(place, digits + i, sizeof digits - i);
}

#define PUT(place, literal) put(place, literal, sizeof(literal) - 1)
/* What is around the command's name and its arguments, at the most. */
#define AROUND 64

static char *assemble(const char *command, const char *payload, int64_t id, bool oob,
                      size_t *length)
{
    size_t name = strlen(command), arguments = payload ? strlen(payload) : 0;
    char *text = malloc(AROUND + name + arguments), *end = text;

    if (!text)
        return NULL;
    end = oob ? PUT(end, "{\"exec-oob\":\"") : PUT(end, "{\"execute\":\"");
    end = PUT(put(end, command, name), "\"");
    if (payload)
        end = put(PUT(end, ",\"arguments\":"), payload, arguments);
    end = PUT(put_number(PUT(end, ",\"id\":"), id), "}\n");
    *end = '\0';
    *length = (size_t)(end - text);
    return text;
}

char *codec_encode(const char *command, const json_t *arguments, int64_t id, bool oob,
                   size_t *length, struct qmp_error *error)
{
    const char *why = command_refusal(command, arguments);
    char *payload = NULL, *text;

    if (why)
        return refuse(error, QMP_ERROR_INVALID, why);
    if (json_object_size(arguments) > 0 && !(payload = qmp_json_dumps(arguments, false)))
        return refuse(error, QMP_ERROR_MEMORY, "out of memory");
    if (payload && strlen(payload) > LENGTH_LIMIT - 1024) {
        free(payload);
        return refuse(error, QMP_ERROR_INVALID, "the arguments are too long");
    }
    text = assemble(command, payload, id, oob, length);
    free(payload);
    return text ? text : refuse(error, QMP_ERROR_MEMORY, "out of memory");
}
