#include "size.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "error.h"

static const char units[] = "KMGT";

/* The shift of a unit ("K", "kib", ...), or 0 where it is none. */
static unsigned unit_shift(const char *unit)
{
    const char *letter = *unit ? strchr(units, toupper((unsigned char)*unit)) : NULL;

    if (!letter || (unit[1] && strcasecmp(unit + 1, "ib") != 0))
        return 0;
    return 10 * (unsigned)(letter - units + 1);
}

static int refuse(struct error *error, const char *text, const char *why)
{
    return error_set(error, EXIT_USAGE, "size '%.64s': %s", text, why);
}

static int hint_unit(struct error *error, char sign, const char *text)
{
    const char prefix[2] = {sign, '\0'};

    return error_hint(error, "say %s%.20sM for mebibytes or %s%.20sG for gibibytes", prefix, text,
                      prefix, text);
}

/* whole * 2^shift, or false beyond the limit. */
static bool whole_to_bytes(const char *digits, size_t length, unsigned shift, uint64_t *bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < length; i++) {
        number = number * 10 + (unsigned)(digits[i] - '0');
        if (number > SIZE_LIMIT >> shift)
            return false;
    }
    *bytes = number << shift;
    return true;
}

/* 0.digits * 2^shift where that is a whole number. With n digits it is digits * 2^(shift-n) / 5^n,
 * and 5^n must divide the digits, since it is prime to every power of two. */
static bool fraction_to_bytes(const char *digits, size_t length, unsigned shift, uint64_t *bytes)
{
    uint64_t number = 0, fives = 1;
    unsigned n;

    while (length > 0 && digits[length - 1] == '0')
        length--;
    if (length > 18)
        return false;
    for (size_t i = 0; i < length; i++) {
        number = number * 10 + (unsigned)(digits[i] - '0');
        fives *= 5;
    }
    n = (unsigned)length;
    if (n > shift || number % fives != 0)
        return false;
    *bytes = number / fives << (shift - n);
    return true;
}

int size_parse(const char *text, uint64_t *bytes, struct error *error)
{
    const char *whole = text, *fraction = "";
    size_t whole_length = strspn(text, "0123456789"), fraction_length = 0;
    const char *unit = text + whole_length;
    uint64_t below_one;
    unsigned shift;

    if (whole_length == 0)
        return refuse(error, text, *text ? "not a positive size such as 512M or 1.5G" : "empty");
    if (*unit == '.') {
        fraction = unit + 1;
        fraction_length = strspn(fraction, "0123456789");
        unit = fraction + fraction_length;
        if (fraction_length == 0)
            return refuse(error, text, "digits are missing after the point");
    }
    if (*unit == '\0') {
        refuse(error, text, "no unit");
        return hint_unit(error, '\0', text);
    }
    shift = unit_shift(unit);
    if (shift == 0)
        return refuse(error, text, "unknown unit; K, M, G, T or KiB, MiB, GiB, TiB");
    if (!whole_to_bytes(whole, whole_length, shift, bytes))
        return refuse(error, text, "more than 4096T");
    if (!fraction_to_bytes(fraction, fraction_length, shift, &below_one))
        return refuse(error, text, "not a whole number of bytes");
    *bytes += below_one;
    if (*bytes > SIZE_LIMIT)
        return refuse(error, text, "more than 4096T");
    if (*bytes == 0)
        return refuse(error, text, "must be more than zero");
    return 0;
}

int size_parse_relative(const char *text, enum size_relation *relation, uint64_t *bytes,
                        struct error *error)
{
    const char sign = *text;

    *relation = sign == '+' ? SIZE_MORE : sign == '-' ? SIZE_LESS : SIZE_ABSOLUTE;
    if (*relation == SIZE_ABSOLUTE)
        return size_parse(text, bytes, error);
    if (size_parse(++text, bytes, error) == 0)
        return 0;
    /* An amount must not become a total by following the hint. */
    if (error && *error->hint)
        hint_unit(error, sign, text);
    return -1;
}

struct size_text size_exact(uint64_t bytes)
{
    struct size_text result;
    unsigned unit = 0;

    while (unit < 4 && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    if (unit == 0)
        snprintf(result.text, sizeof result.text, "%" PRIu64, bytes);
    else
        snprintf(result.text, sizeof result.text, "%" PRIu64 "%c", bytes, units[unit - 1]);
    return result;
}

/* As many units of 1024 as there are whole ones of. */
static unsigned unit_of(uint64_t bytes)
{
    unsigned unit = 0;

    for (; unit < 4 && bytes >= 1024; bytes /= 1024)
        unit++;
    return unit;
}

static struct size_text in_units(uint64_t bytes, unsigned unit)
{
    struct size_text result;
    uint64_t whole = (uint64_t)1 << (10 * unit);

    if (unit == 0)
        snprintf(result.text, sizeof result.text, "%" PRIu64 " B", bytes);
    else
        snprintf(result.text, sizeof result.text, "%.*f %ciB", bytes % whole == 0 ? 0 : 2,
                 (double)bytes / (double)whole, units[unit - 1]);
    return result;
}

struct size_text size_human(uint64_t bytes)
{
    unsigned unit = unit_of(bytes);

    /* Two decimals can tell quarters, and no smaller part of a power of two. */
    while (unit > 0 && bytes % ((uint64_t)1 << (10 * unit - 2)) != 0)
        unit--;
    return in_units(bytes, unit);
}

struct size_text size_rounded(uint64_t bytes)
{
    return in_units(bytes, unit_of(bytes));
}
