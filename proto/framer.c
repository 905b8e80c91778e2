#include "framer.h"

#include <stdlib.h>
#include <string.h>

/* A buffer larger than this is given back when it runs empty: an idle connection stays small. */
#define KEEP_CAPACITY ((size_t)4096)

void framer_init(struct framer *framer, size_t bound)
{
    *framer = (struct framer){.bound = bound};
}

void framer_free(struct framer *framer)
{
    free(framer->buffer);
    framer_init(framer, framer->bound);
}

/* Moves what is not consumed yet to the front. */
static void framer_compact(struct framer *framer)
{
    size_t rest = framer->length - framer->begin;

    if (framer->begin == 0)
        return;
    if (rest == 0 && framer->capacity > KEEP_CAPACITY) {
        free(framer->buffer);
        framer->buffer = NULL;
        framer->capacity = 0;
    } else if (rest > 0) {
        memmove(framer->buffer, framer->buffer + framer->begin, rest);
    }
    framer->scanned -= framer->begin;
    framer->length = rest;
    framer->begin = 0;
}

bool framer_append(struct framer *framer, const char *bytes, size_t length)
{
    framer_compact(framer);
    if (length > framer->capacity - framer->length) {
        size_t capacity = framer->capacity ? framer->capacity : 1024;
        char *buffer;

        while (capacity - framer->length < length) {
            if (capacity > (size_t)-1 / 2)
                return false;
            capacity *= 2;
        }
        buffer = realloc(framer->buffer, capacity);
        if (!buffer)
            return false;
        framer->buffer = buffer;
        framer->capacity = capacity;
    }
    if (length > 0)
        memcpy(framer->buffer + framer->length, bytes, length);
    framer->length += length;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The text ends before position end. */
static enum framer_status framer_cut(struct framer *framer, size_t end, const char **text,
                                     size_t *length)
{
    *text = framer->buffer + framer->begin;
    *length = end - framer->begin;
    framer->begin = end;
    framer->scanned = end;
    framer->in_scalar = false;
    return *length > framer->bound ? FRAMER_TOO_BIG : FRAMER_TEXT;
}

/* One byte inside a string; true where it closes the string. */
static bool framer_string_byte(struct framer *framer, char c)
{
    if (framer->escaped) {
        framer->escaped = false;
    } else if (c == '\\') {
        framer->escaped = true;
    } else if (c == '"') {
        framer->in_string = false;
        return true;
    }
    return false;
}

enum framer_status framer_next(struct framer *framer, const char **text, size_t *length)
{
    for (size_t i = framer->scanned; i < framer->length; i++) {
        char c = framer->buffer[i];

        framer->scanned = i + 1;
        if (framer->in_string) {
            if (framer_string_byte(framer, c) && framer->depth == 0)
                return framer_cut(framer, i + 1, text, length);
        } else if (framer->in_scalar) {
            if (is_space(c) || strchr("{}[]\"", c))
                return framer_cut(framer, i, text, length);
        } else if (c == '"') {
            framer->in_string = true;
            if (framer->depth == 0)
                framer->begin = i;
        } else if (c == '{' || c == '[') {
            if (framer->depth++ == 0)
                framer->begin = i;
        } else if ((c == '}' || c == ']') && framer->depth > 0) {
            if (--framer->depth == 0)
                return framer_cut(framer, i + 1, text, length);
        } else if (framer->depth == 0) {
            framer->begin = is_space(c) ? i + 1 : i;
            framer->in_scalar = !is_space(c);
        }
    }
    return framer->length - framer->begin > framer->bound ? FRAMER_TOO_BIG : FRAMER_MORE;
}

enum framer_status framer_last(struct framer *framer, const char **text, size_t *length)
{
    if (!framer->in_scalar || framer->begin == framer->length)
        return FRAMER_MORE;
    return framer_cut(framer, framer->length, text, length);
}
