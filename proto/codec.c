#include "codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Marks a string that stands for an integer above 2^63-1. A leading NUL keeps it apart from any
 * text of QEMU's. */
#define BIG_MARK        "\0u64:"
#define BIG_MARK_LENGTH (sizeof BIG_MARK - 1)
#define BIG_MARK_JSON   "\\u0000u64:"
#define INT64_DIGITS    19
/* QEMU's parser stops at 1024 (json-parser limits). */
#define DEPTH_LIMIT 1000

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether the number token at text (not ended by NUL) is an integer in (2^63-1, 2^64-1]. */
static bool is_big(const char *text, size_t length)
{
    char digits[INT64_DIGITS + 2];
    unsigned long long value;

    if (length < INT64_DIGITS || length > INT64_DIGITS + 1)
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    errno = 0;
    value = strtoull(digits, NULL, 10);
    return errno == 0 && value > (unsigned long long)INT64_MAX;
}

struct output {
    char *text; /* NULL: only count */
    size_t length, copied;
};

static void output_add(struct output *out, const char *bytes, size_t length)
{
    if (out->text && length > 0)
        memcpy(out->text + out->length, bytes, length);
    out->length += length;
}

/* Copies text with every big integer turned into a marked string. How many there were. */
static size_t mark_big_integers(const char *text, size_t length, struct output *out)
{
    size_t found = 0, from = 0, i = 0;
    bool in_string = false;

    while (i < length) {
        size_t start = i;

        if (in_string || !is_digit(text[i])) {
            if (in_string && text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = !in_string;
            i++;
            continue;
        }
        while (i < length && is_digit(text[i]))
            i++;
        if ((i < length && strchr(".eE", text[i])) ||
            (start > 0 && strchr("-+.eE", text[start - 1])) || !is_big(text + start, i - start))
            continue;
        output_add(out, text + from, start - from);
        output_add(out, "\"" BIG_MARK_JSON, sizeof BIG_MARK_JSON);
        output_add(out, text + start, i - start);
        output_add(out, "\"", 1);
        from = i;
        found++;
    }
    if (from < length)
        output_add(out, text + from, length - from);
    return found;
}

static json_t *parse(const char *text, size_t length)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    struct output out = {0};
    json_t *root = json_loadb(text, length, flags, NULL);

    /* Only a text that jansson refuses is worth the second look. */
    if (root || mark_big_integers(text, length, &out) == 0)
        return root;
    out = (struct output){.text = malloc(out.length)};
    if (!out.text)
        return NULL;
    mark_big_integers(text, length, &out);
    root = json_loadb(out.text, out.length, flags, NULL);
    free(out.text);
    return root;
}

static void decode_version(const json_t *qmp, struct message *message)
{
    const json_t *version = json_object_get(qmp, "version");
    const json_t *numbers = json_object_get(version, "qemu");
    const char *package = json_string_value(json_object_get(version, "package"));
    const json_t *capability;
    size_t index;

    message->version.major = (unsigned)json_integer_value(json_object_get(numbers, "major"));
    message->version.minor = (unsigned)json_integer_value(json_object_get(numbers, "minor"));
    message->version.micro = (unsigned)json_integer_value(json_object_get(numbers, "micro"));
    if (package)
        snprintf(message->version.package, sizeof message->version.package, "%s", package);
    json_array_foreach(json_object_get(qmp, "capabilities"), index, capability)
    {
        const char *name = json_string_value(capability);

        if (name && strcmp(name, "oob") == 0)
            message->oob = true;
    }
}

static int64_t integer_or(const json_t *value, int64_t otherwise)
{
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static enum message_kind decode_event(struct message *message)
{
    const json_t *data = json_object_get(message->root, "data");
    const json_t *time = json_object_get(message->root, "timestamp");

    message->event.name = json_string_value(json_object_get(message->root, "event"));
    if (!message->event.name)
        return MESSAGE_OTHER;
    if (!json_is_object(data)) {
        json_object_set_new(message->root, "data", json_object());
        data = json_object_get(message->root, "data");
    }
    message->event.data = data;
    message->event.seconds = integer_or(json_object_get(time, "seconds"), -1);
    message->event.microseconds = integer_or(json_object_get(time, "microseconds"), 0);
    return MESSAGE_EVENT;
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
    json_t *root = message->root, *part;

    message->id = integer_or(json_object_get(root, "id"), -1);
    if ((part = json_object_get(root, "return"))) {
        message->value = part;
        return MESSAGE_REPLY;
    }
    if ((part = json_object_get(root, "error")))
        return decode_failure(message, part);
    if (json_object_get(root, "event"))
        return decode_event(message);
    if ((part = json_object_get(root, "QMP")) && json_is_object(part)) {
        decode_version(part, message);
        return MESSAGE_GREETING;
    }
    return MESSAGE_OTHER;
}

void codec_decode(const char *text, size_t length, struct message *message)
{
    *message = (struct message){.kind = MESSAGE_BROKEN, .id = -1};
    message->root = parse(text, length);
    if (message->root)
        message->kind = json_is_object(message->root) ? decode_object(message) : MESSAGE_OTHER;
}

void codec_message_free(struct message *message)
{
    json_decref(message->root);
    message->root = NULL;
}

static bool depth_within(const json_t *value, unsigned left)
{
    const char *key;
    json_t *member;
    size_t index;

    if (left == 0)
        return false;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            if (!depth_within(member, left - 1))
                return false;
        }
    }
    json_array_foreach(value, index, member)
    {
        if (!depth_within(member, left - 1))
            return false;
    }
    return true;
}

static char *invalid(struct qmp_error *error, enum qmp_error_code code, const char *text)
{
    if (error) {
        *error = (struct qmp_error){.code = code, .phase = QMP_PHASE_COMMAND};
        snprintf(error->text, sizeof error->text, "%s", text);
    }
    return NULL;
}

char *codec_encode(const char *command, const json_t *arguments, int64_t id, bool oob,
                   size_t *length, struct qmp_error *error)
{
    char *payload = NULL, *text = NULL;
    int written;

    if (!*command || command[strspn(command, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789-_.")])
        return invalid(error, QMP_ERROR_INVALID, "the command's name is no QMP name");
    if (arguments && !json_is_object(arguments))
        return invalid(error, QMP_ERROR_INVALID, "the arguments are no JSON object");
    if (arguments && !depth_within(arguments, DEPTH_LIMIT))
        return invalid(error, QMP_ERROR_INVALID, "the arguments are nested too deeply");
    if (arguments && json_object_size(arguments) > 0 &&
        !(payload = qmp_json_dumps(arguments, false)))
        return invalid(error, QMP_ERROR_MEMORY, "out of memory");
    written =
        asprintf(&text, "{\"%s\":\"%s\"%s%s,\"id\":%" PRId64 "}\n", oob ? "exec-oob" : "execute",
                 command, payload ? ",\"arguments\":" : "", payload ? payload : "", id);
    free(payload);
    if (written < 0)
        return invalid(error, QMP_ERROR_MEMORY, "out of memory");
    *length = (size_t)written;
    return text;
}

static bool big_value(const json_t *value, uint64_t *number)
{
    const char *text = json_string_value(value);

    if (!text || json_string_length(value) <= BIG_MARK_LENGTH ||
        memcmp(text, BIG_MARK, BIG_MARK_LENGTH) != 0)
        return false;
    *number = strtoull(text + BIG_MARK_LENGTH, NULL, 10);
    return true;
}

bool qmp_json_uint64(const json_t *value, uint64_t *number)
{
    if (json_is_integer(value)) {
        *number = (uint64_t)json_integer_value(value);
        return json_integer_value(value) >= 0;
    }
    return big_value(value, number);
}

/* Turns "\u0000u64:N" back into N, in place: the result is never longer. */
static void unmark_big_integers(char *text)
{
    static const char mark[] = "\"" BIG_MARK_JSON;
    char *to = text;

    for (const char *from = text; *from;) {
        if (strncmp(from, mark, sizeof mark - 1) != 0) {
            *to++ = *from++;
            continue;
        }
        from += sizeof mark - 1;
        while (*from && *from != '"')
            *to++ = *from++;
        if (*from)
            from++;
    }
    *to = '\0';
}

char *qmp_json_dumps(const json_t *value, bool pretty)
{
    size_t flags = JSON_ENCODE_ANY | (pretty ? (size_t)JSON_INDENT(2) : (size_t)JSON_COMPACT);
    char *text = json_dumps(value, flags);

    if (text && strstr(text, BIG_MARK_JSON))
        unmark_big_integers(text);
    return text;
}
