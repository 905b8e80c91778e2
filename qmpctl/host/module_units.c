#include "host/module_units.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* 0: no such unit. */
static uint64_t unit_size(const char *unit)
{
    static const char letters[] = "kmgtpe";
    const char *letter;
    uint64_t base, size = 1;

    if (!unit || *unit == '\0')
        return 1024;
    if (strcasecmp(unit, "b") == 0 || strcasecmp(unit, "byte") == 0 ||
        strcasecmp(unit, "bytes") == 0)
        return 1;
    letter = strchr(letters, tolower((unsigned char)*unit));
    if (!letter)
        return 0;
    if (unit[1] == '\0' || strcasecmp(unit + 1, "ib") == 0)
        base = 1024;
    else if (strcasecmp(unit + 1, "b") == 0)
        base = 1000;
    else
        return 0;
    for (const char *step = letters; step <= letter; step++)
        size *= base;
    return size;
}

const char *module_units_scale(const char *number, const char *unit, uint64_t *bytes)
{
    uint64_t value = 0, scale = unit_size(unit);
    bool digits = false;

    if (scale == 0)
        return "unknown unit";
    number += strspn(number, " \t\r\n");
    for (; isdigit((unsigned char)*number); number++) {
        unsigned digit = (unsigned)(*number - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return "too large";
        value = value * 10 + digit;
        digits = true;
    }
    number += strspn(number, " \t\r\n");
    if (!digits || *number != '\0')
        return "not a whole number";
    if (value > UINT64_MAX / scale)
        return "too large";
    *bytes = value * scale;
    return NULL;
}
