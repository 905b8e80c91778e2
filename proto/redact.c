#include "redact.h"

#include <string.h>

#include "json.h"

#define HIDDEN "***"

static bool is_secret_key(const char *key)
{
    return strcmp(key, "password") == 0 || strcmp(key, "passwd") == 0 ||
           strcmp(key, "passphrase") == 0;
}

static bool is_text(const json_t *value, const char *text)
{
    const char *have = json_string_value(value);

    return have && strcmp(have, text) == 0;
}

/* HMP commands that take a password. */
static bool is_secret_line(const json_t *value)
{
    const char *line = json_string_value(value);

    return line &&
           (strstr(line, "password") || strncmp(line, "change ", 7) == 0 || strstr(line, "secret"));
}

static bool hide(json_t *object, const char *key)
{
    return json_object_get(object, key) &&
           json_object_set_new(object, key, json_string(HIDDEN)) == 0;
}

/* The members whose meaning depends on their neighbours. */
static bool hide_by_context(json_t *object)
{
    const char *property = json_string_value(json_object_get(object, "property"));
    bool hidden = false;

    if (is_text(json_object_get(object, "qom-type"), "secret")) {
        hidden = hide(object, "data") || hidden;
        hidden = hide(json_object_get(object, "props"), "data") || hidden;
    }
    if (property && (is_secret_key(property) || strcmp(property, "data") == 0))
        hidden = hide(object, "value") || hidden;
    if (is_secret_line(json_object_get(object, "command-line")))
        hidden = hide(object, "command-line") || hidden;
    return hidden;
}

static bool redact_value(json_t *value)
{
    bool hidden = json_is_object(value) && hide_by_context(value);
    const char *key;
    json_t *member;
    void *next;
    size_t index;

    json_object_foreach_safe(value, next, key, member)
    {
        hidden = (is_secret_key(key) ? hide(value, key) : redact_value(member)) || hidden;
    }
    json_array_foreach(value, index, member)
    {
        hidden = redact_value(member) || hidden;
    }
    return hidden;
}

bool redact_command(const char *text, size_t length, char **shown)
{
    json_t *command = json_parse(text, length, NULL);
    bool hidden = command && redact_value(command);

    *shown = hidden ? qmp_json_dumps(command, false) : NULL;
    json_decref(command);
    return hidden;
}
