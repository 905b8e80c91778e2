#include "host/process_options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies up to the next single comma; returns what lies behind it, NULL at the end. */
static const char *take_part(const char *text, char *part, size_t size, bool *fits)
{
    size_t length = 0;

    *fits = true;
    for (; *text; text++) {
        if (*text == ',' && *++text != ',') {
            part[length] = '\0';
            return text;
        }
        if (length + 1 < size)
            part[length++] = *text;
        else
            *fits = false;
    }
    part[length] = '\0';
    return NULL;
}

/* What the part says of the option; NULL: nothing. */
static const char *part_value(const char *part, bool first, const char *implied, const char *name)
{
    size_t length = strlen(name);
    const char *equals = strchr(part, '=');

    if (!equals && first && implied)
        return strcmp(implied, name) == 0 ? part : NULL;
    if (!equals && strcmp(part, name) == 0)
        return "on";
    if (!equals && strncmp(part, "no", 2) == 0 && strcmp(part + 2, name) == 0)
        return "off";
    if (equals && (size_t)(equals - part) == length && strncmp(part, name, length) == 0)
        return equals + 1;
    return NULL;
}

bool option_find(const char *text, const char *implied, const char *name, char *value, size_t size)
{
    char part[OPTION_VALUE + 64];
    bool first = true, found = false;

    while (text) {
        bool fits;
        const char *said;

        text = take_part(text, part, sizeof part, &fits);
        said = fits ? part_value(part, first, implied, name) : NULL;
        first = false;
        if (!said || strlen(said) >= size)
            continue;
        memcpy(value, said, strlen(said) + 1);
        found = true;
    }
    return found;
}

bool option_is_on(const char *text, const char *implied, const char *name)
{
    char value[8];

    return option_find(text, implied, name, value, sizeof value) &&
           (strcmp(value, "on") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "true") == 0);
}

uint64_t option_memory(const char *text)
{
    static const char units[] = "bkmgtpe";
    double number = 0, place = 0.1, bytes;
    const char *unit = "m";

    if (!isdigit((unsigned char)*text))
        return 0;
    for (; isdigit((unsigned char)*text); text++)
        number = number * 10 + (*text - '0');
    if (*text == '.') {
        for (text++; isdigit((unsigned char)*text); text++, place /= 10)
            number += place * (*text - '0');
    }
    if (*text) {
        unit = text++;
        if (*text || !strchr(units, tolower((unsigned char)*unit)))
            return 0;
    }
    bytes = number *
            (double)((uint64_t)1 << 10 * (strchr(units, tolower((unsigned char)*unit)) - units));
    return bytes < 0x1p63 ? (uint64_t)bytes : 0;
}
