#include "utf8.h"

#include <stdlib.h>
#include <string.h>

bool utf8_is_valid(const char *text)
{
    json_t *json = json_string(text);

    json_decref(json);
    return json != NULL;
}

/* How many bytes the control character that begins here takes; 0: it is none. */
static size_t control_length(const char *at, const char *end)
{
    const unsigned char first = (unsigned char)*at;
    const unsigned char second = end - at > 1 ? (unsigned char)at[1] : 0;

    if (first == 0xc2 && second >= 0x80 && second < 0xa0)
        return 2;
    return first < ' ' || first == 0x7f;
}

void utf8_print_tame(FILE *file, const char *text, const char *end)
{
    while (text < end) {
        size_t control = control_length(text, end);

        fputc(control ? '?' : *text, file);
        text += control ? control : 1;
    }
}

int utf8_columns(const char *text)
{
    int columns = 0;

    if (!utf8_is_valid(text))
        return (int)strlen(text);
    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

/* How many bytes the first character takes; 0: they are none. */
static size_t character_length(const char *text, size_t length)
{
    for (size_t taken = 1; taken <= 4 && taken <= length; taken++) {
        json_t *json = json_stringn(text, taken);

        json_decref(json);
        if (json)
            return taken;
    }
    return 0;
}

json_t *utf8_json(const char *text)
{
    json_t *json = json_string(text);
    char *copy = json ? NULL : strdup(text);
    size_t length = copy ? strlen(copy) : 0;

    for (size_t i = 0; i < length;) {
        size_t taken = character_length(copy + i, length - i);

        if (taken == 0)
            copy[i] = '?';
        i += taken > 0 ? taken : 1;
    }
    if (copy)
        json = json_string(copy);
    free(copy);
    return json;
}
