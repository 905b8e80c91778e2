#include "redact.h"

#include <string.h>

#include "json.h"

#define HIDDEN "***"

static bool is_secret_key(const char *key)
{
    return strcmp(key, "password") == 0 || strcmp(key, "passwd") == 0 ||
           strcmp(key, "passphrase") == 0 || strcmp(key, "cookie") == 0;
}

static bool is_text(const json_t *value, const char *text)
{
    const char *have = json_string_value(value);

    return have && strcmp(have, text) == 0;
}

/* HMP commands that take a password, or the value of any property. */
static bool is_secret_line(const json_t *value)
{
    const char *line = json_string_value(value);
    const char *command = line ? line + strspn(line, " \t\r\n\f\v") : "";

    return strncmp(command, "change ", 7) == 0 || strncmp(command, "qom-set", 7) == 0 ||
           strstr(command, "passw") || strstr(command, "secret");
}

/* What came of it so far. */
struct redaction {
    bool hidden, failed; /* out of memory: what should be hidden may still be there */
};

static void hide(struct redaction *redaction, json_t *object, const char *key)
{
    if (!json_object_get(object, key))
        return;
    redaction->hidden = true;
    redaction->failed |= json_object_set_new(object, key, json_string(HIDDEN)) != 0;
}

/* The members whose meaning depends on their neighbours. */
static void hide_by_context(struct redaction *redaction, json_t *object)
{
    const char *property = json_string_value(json_object_get(object, "property"));

    if (is_text(json_object_get(object, "qom-type"), "secret")) {
        hide(redaction, object, "data");
        hide(redaction, json_object_get(object, "props"), "data");
    }
    if (property && (is_secret_key(property) || strcmp(property, "data") == 0))
        hide(redaction, object, "value");
    if (is_secret_line(json_object_get(object, "command-line")))
        hide(redaction, object, "command-line");
}

static void redact_value(struct redaction *redaction, json_t *value)
{
    if (json_typeof(value) == JSON_OBJECT)
        hide_by_context(redaction, value);
    /* A member that is replaced keeps its place. */
    for (void *i = json_object_iter(value); i; i = json_object_iter_next(value, i)) {
        const char *key = json_object_iter_key(i);

        if (is_secret_key(key))
            hide(redaction, value, key);
        else
            redact_value(redaction, json_object_iter_value(i));
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        redact_value(redaction, json_array_get(value, i));
}

bool redact_command(const char *text, size_t length, char **shown)
{
    struct redaction redaction = {0};
    json_t *command = json_parse(text, length, NULL);

    *shown = NULL;
    if (!command)
        return true;
    redact_value(&redaction, command);
    if (redaction.hidden && !redaction.failed)
        *shown = qmp_json_dumps(command, false);
    json_decref(command);
    return redaction.hidden;
}
