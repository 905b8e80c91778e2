#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string that stands for an integer above 2^63-1. Text of QEMU's never begins with a NUL. */
#define MARK        "\0u64:"
#define MARK_LENGTH (sizeof MARK - 1)
/* The same as it is written in JSON, with the quote that begins it. */
#define MARK_JSON        "\"\\u0000u64:"
#define MARK_JSON_LENGTH (sizeof MARK_JSON - 1)
#define INT64_DIGITS     19

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether these digits are an integer in (2^63-1, 2^64-1]. */
static bool is_big(const char *digits, size_t length, uint64_t *number)
{
    char copy[INT64_DIGITS + 2];

    if (length < INT64_DIGITS || length > INT64_DIGITS + 1 || digits[0] == '0')
        return false;
    memcpy(copy, digits, length);
    copy[length] = '\0';
    if (strspn(copy, "0123456789") != length)
        return false;
    errno = 0;
    *number = strtoull(copy, NULL, 10);
    return errno == 0 && *number > INT64_MAX;
}

struct output {
    char *text; /* NULL: only count */
    size_t length;
};

static void output_add(struct output *out, const char *bytes, size_t length)
{
    if (out->text)
        memcpy(out->text + out->length, bytes, length);
    out->length += length;
}

/* The position behind the string that begins at start. */
static size_t string_end(const char *text, size_t length, size_t start)
{
    size_t i = start + 1;

    while (i < length && text[i] != '"')
        i += text[i] == '\\' ? 2 : 1;
    return i < length ? i + 1 : length;
}

/* The position behind the number that begins at start: digits, sign, point, exponent. */
static size_t number_end(const char *text, size_t length, size_t start)
{
    size_t i = start;

    while (i < length && (is_digit(text[i]) || text[i] == '+' || text[i] == '-' || text[i] == '.' ||
                          text[i] == 'e' || text[i] == 'E'))
        i++;
    return i;
}

/* Copies text with every big integer turned into a marked string. How many there were. */
static size_t mark_big_integers(const char *text, size_t length, struct output *out)
{
    size_t found = 0, i = 0;

    while (i < length) {
        size_t start = i;
        uint64_t number;

        if (text[i] == '"') {
            i = string_end(text, length, i);
        } else if (is_digit(text[i]) || text[i] == '-') {
            i = number_end(text, length, i);
            if (is_big(text + start, i - start, &number)) {
                output_add(out, MARK_JSON, MARK_JSON_LENGTH);
                output_add(out, text + start, i - start);
                output_add(out, "\"", 1);
                found++;
                continue;
            }
        } else {
            i++;
        }
        output_add(out, text + start, i - start);
    }
    return found;
}

bool json_is_crowded(const char *text, size_t length)
{
    size_t count = 0, i = 0;

    /* No message that is meant well is even so long in bytes. */
    if (length <= JSON_VALUES_LIMIT)
        return false;
    while (i < length && count <= JSON_VALUES_LIMIT) {
        if (text[i] == '"') {
            i = string_end(text, length, i);
        } else {
            count += text[i] == ',' || text[i] == '[' || text[i] == '{';
            i++;
        }
    }
    return count > JSON_VALUES_LIMIT;
}

json_t *json_parse(const char *text, size_t length, json_error_t *error)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *root = json_loadb(text, length, flags, error);
    struct output out = {0};

    /* Only a text that jansson refuses is worth the second look. */
    if (root || mark_big_integers(text, length, &out) == 0)
        return root;
    out = (struct output){.text = malloc(out.length)};
    if (!out.text)
        return NULL;
    mark_big_integers(text, length, &out);
    root = json_loadb(out.text, out.length, flags, error);
    free(out.text);
    return root;
}

json_t *qmp_json_loads(const char *text, size_t length, json_error_t *error)
{
    return json_parse(text, length, error);
}

bool qmp_json_uint64(const json_t *value, uint64_t *number)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);

    if (json_is_integer(value)) {
        *number = (uint64_t)json_integer_value(value);
        return json_integer_value(value) >= 0;
    }
    return text && length > MARK_LENGTH && memcmp(text, MARK, MARK_LENGTH) == 0 &&
           is_big(text + MARK_LENGTH, length - MARK_LENGTH, number);
}

/* Turns marked strings back into numbers, in place. A string that only looks like one, because
 * somebody wrote it so, stays a string. */
static void unmark_big_integers(char *text)
{
    size_t length = strlen(text), written = 0, i = 0;

    while (i < length) {
        size_t start = i, end = text[i] == '"' ? string_end(text, length, i) : i + 1;
        uint64_t number;

        i = end;
        if (end - start > MARK_JSON_LENGTH + 1 &&
            memcmp(text + start, MARK_JSON, MARK_JSON_LENGTH) == 0 &&
            is_big(text + start + MARK_JSON_LENGTH, end - 1 - start - MARK_JSON_LENGTH, &number)) {
            start += MARK_JSON_LENGTH;
            end--;
        }
        memmove(text + written, text + start, end - start);
        written += end - start;
    }
    text[written] = '\0';
}

/* How many bytes shown takes, which reads as the same number; 0: no fewer than it has. */
static size_t shorten_real(const char *number, size_t length, char *shown, size_t size)
{
    char copy[40], *end;
    double value;
    int written = 0;

    if (length >= sizeof copy)
        return 0;
    memcpy(copy, number, length);
    copy[length] = '\0';
    value = strtod(copy, &end);
    /* In a locale with another decimal point nothing is shortened. */
    if (*end != '\0')
        return 0;
    for (int precision = 15; precision < 17; precision++) {
        written = snprintf(shown, size, "%.*g", precision, value);
        if (strtod(shown, NULL) == value)
            break;
        written = 0;
    }
    /* What is a real number has to look like one. */
    return strpbrk(shown, ".e") && (size_t)written < length ? (size_t)written : 0;
}

/* jansson writes 17 digits of a real number, 0.029999999999999999 for 0.03: the fewest that are
 * the same number will do. In place. */
static void shorten_reals(char *text)
{
    size_t length = strlen(text), written = 0, i = 0;

    while (i < length) {
        size_t start = i, token, kept = 0;
        char shown[40];

        token = strspn(text + i, "0123456789+-.eE");
        if (token > 0 && memchr(text + i, '.', token))
            kept = shorten_real(text + i, token, shown, sizeof shown);
        if (token == 0)
            token = text[i] == '"' ? string_end(text, length, i) - i : 1;
        i += token;
        memmove(text + written, kept > 0 ? shown : text + start, kept > 0 ? kept : token);
        written += kept > 0 ? kept : token;
    }
    text[written] = '\0';
}

char *qmp_json_dumps(const json_t *value, bool pretty)
{
    size_t flags = JSON_ENCODE_ANY | (pretty ? (size_t)JSON_INDENT(2) : (size_t)JSON_COMPACT);
    char *text = json_dumps(value, flags);

    if (text && strstr(text, MARK_JSON))
        unmark_big_integers(text);
    if (text)
        shorten_reals(text);
    return text;
}
