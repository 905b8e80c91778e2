#include "qmp_words.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "qmpclient.h"

/* The object that holds the last part of a dotted key, which key is moved to; NULL: a part is
 * empty, or something else than an object is in the way. key is cut up. */
static json_t *descend(json_t *object, char **key)
{
    char *dot;

    while (object && (dot = strchr(*key, '.'))) {
        *dot = '\0';
        if (!**key)
            return NULL;
        if (!json_object_get(object, *key))
            json_object_set_new(object, *key, json_object());
        object = json_object_get(object, *key);
        *key = dot + 1;
    }
    return **key && json_is_object(object) ? object : NULL;
}

static json_t *read_value(const char *text)
{
    json_t *value = qmp_json_loads(text, strlen(text), NULL);

    return value ? value : json_string(text);
}

/* Why it cannot be added; NULL: it was. key is cut up. */
static const char *add(json_t *arguments, char *key, const char *text)
{
    json_t *object = descend(arguments, &key), *value;

    if (!object)
        return "a part of the key is empty, or is no object";
    if (json_object_get(object, key))
        return "it is there already";
    value = read_value(text);
    return value && json_object_set_new(object, key, value) == 0 ? NULL : "it is not UTF-8";
}

/* The value may be a secret, and is in no error. */
int qmp_words_add(json_t *arguments, const char *word, struct error *error)
{
    const char *equals = strchr(word, '='), *why;
    char *key;

    if (!equals)
        return error_set(error, EXIT_USAGE, "qmp: '%.64s' is not KEY=VALUE", word);
    if (equals == word)
        return error_set(error, EXIT_USAGE, "qmp: a VALUE without its KEY=");
    key = strndup(word, (size_t)(equals - word));
    why = key ? add(arguments, key, equals + 1) : "out of memory";
    free(key);
    if (!why)
        return 0;
    return error_set(error, EXIT_USAGE, "qmp: the argument '%.*s': %s",
                     equals - word < 64 ? (int)(equals - word) : 64, word, why);
}

/* ---- events ---- */

json_t *qmp_words_event(const char *text, struct error *error)
{
    json_t *data = json_object(), *wanted;
    char *copy = strdup(text), *cursor = NULL, *word = copy ? strtok_r(copy, ",", &cursor) : NULL;

    wanted = word && text[0] != ',' ? json_pack("{s:s,s:O}", "event", word, "data", data) : NULL;
    if (!wanted)
        error_set(error, EXIT_USAGE, "--wait-event %.64s: not NAME[,key=value]", text);
    while (wanted && (word = strtok_r(NULL, ",", &cursor))) {
        if (qmp_words_add(data, word, error) == 0)
            continue;
        json_decref(wanted);
        wanted = NULL;
    }
    json_decref(data);
    free(copy);
    return wanted;
}

/* 7 is found where the event has 7 or "7". */
static bool is_value(const json_t *wanted, const json_t *value)
{
    char *text;
    bool same;

    if (json_equal((json_t *)(uintptr_t)wanted, (json_t *)(uintptr_t)value))
        return true;
    if (!json_is_string(value) || json_is_string(wanted))
        return false;
    text = qmp_json_dumps(wanted, false);
    same = text && strcmp(text, json_string_value(value)) == 0;
    free(text);
    return same;
}

static bool has_all(const json_t *wanted, const json_t *data)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        const json_t *member = json_object_get(data, key);

        if (json_is_object(value) && json_is_object(member) ? !has_all(value, member)
                                                            : !is_value(value, member))
            return false;
    }
    return true;
}

bool qmp_words_match(const json_t *wanted, const char *name, const json_t *data)
{
    return strcmp(json_string_value(json_object_get(wanted, "event")), name) == 0 &&
           has_all(json_object_get(wanted, "data"), data);
}
