#include "framer.h"

#include <stdlib.h>
#include <string.h>

/* A buffer larger than this is given back when it runs empty: an idle connection stays small. */
#define KEEP_CAPACITY  ((size_t)4096)
#define FIRST_CAPACITY ((size_t)1024)

void framer_init(struct framer *framer, size_t bound)
{
    *framer = (struct framer){.bound = bound};
}

void framer_free(struct framer *framer)
{
    free(framer->buffer);
    framer_init(framer, framer->bound);
}

/* Forgets what is consumed, and moves the rest to the front. */
static void framer_compact(struct framer *framer)
{
    size_t rest = framer->length - framer->begin;

    if (framer->begin == 0)
        return;
    if (rest > 0)
        memmove(framer->buffer, framer->buffer + framer->begin, rest);
    framer->scanned -= framer->begin;
    framer->length = rest;
    framer->begin = 0;
}

static bool framer_reserve(struct framer *framer, size_t more)
{
    size_t capacity = framer->capacity ? framer->capacity : FIRST_CAPACITY;
    char *buffer;

    if (more <= framer->capacity - framer->length)
        return true;
    if (more > SIZE_MAX / 4 - framer->length)
        return false;
    while (capacity - framer->length < more)
        capacity *= 2;
    buffer = realloc(framer->buffer, capacity);
    if (!buffer)
        return false;
    framer->buffer = buffer;
    framer->capacity = capacity;
    return true;
}

bool framer_append(struct framer *framer, const char *bytes, size_t length)
{
    framer_compact(framer);
    if (!framer_reserve(framer, length))
        return false;
    if (length > 0)
        memcpy(framer->buffer + framer->length, bytes, length);
    framer->length += length;
    return true;
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

/* Nothing whole is left. */
static enum framer_status framer_starve(struct framer *framer)
{
    if (framer->length - framer->begin > framer->bound)
        return FRAMER_TOO_BIG;
    if (framer->length == framer->begin && framer->capacity > KEEP_CAPACITY)
        framer_free(framer);
    return FRAMER_MORE;
}

/* The position behind the string that position i is in; the buffer's end where it goes on. */
static size_t framer_skip_string(struct framer *framer, size_t i)
{
    const char *buffer = framer->buffer;
    size_t length = framer->length;

    if (framer->escaped && i < length) {
        framer->escaped = false;
        i++;
    }
    while (i < length) {
        char c = buffer[i++];

        if (c == '"') {
            framer->in_string = false;
            return i;
        }
        if (c == '\\' && i++ == length) {
            framer->escaped = true;
            return length;
        }
    }
    return i;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_structural(char c)
{
    static const bool structural[256] = {
        ['{'] = true, ['}'] = true, ['['] = true, [']'] = true, ['"'] = true};

    return structural[(unsigned char)c];
}

/* Inside an object or array only these count; most bytes are none. */
static size_t framer_skip_plain(const struct framer *framer, size_t i)
{
    while (i < framer->length && !is_structural(framer->buffer[i]))
        i++;
    return i;
}

/* A byte outside of strings, and inside an object or array a structural one. True: a text ends
 * behind it. */
static bool framer_take(struct framer *framer, size_t i, char c)
{
    if (framer->depth == 0)
        framer->begin = i;
    if (c == '"') {
        framer->in_string = true;
    } else if (c == '{' || c == '[') {
        framer->depth++;
    } else if (framer->depth > 0) {
        return --framer->depth == 0;
    } else if (is_space(c)) {
        framer->begin = i + 1;
    } else {
        framer->in_scalar = true;
    }
    return false;
}

enum framer_status framer_next(struct framer *framer, const char **text, size_t *length)
{
    size_t i = framer->scanned;

    while (i < framer->length) {
        if (framer->depth > 0 && !framer->in_string)
            i = framer_skip_plain(framer, i);
        if (i == framer->length)
            break;
        if (framer->in_string) {
            i = framer_skip_string(framer, i);
            if (!framer->in_string && framer->depth == 0)
                return framer_cut(framer, i, text, length);
        } else if (framer->in_scalar) {
            if (is_space(framer->buffer[i]) || is_structural(framer->buffer[i]))
                return framer_cut(framer, i, text, length);
            i++;
        } else {
            if (framer_take(framer, i, framer->buffer[i]))
                return framer_cut(framer, i + 1, text, length);
            i++;
        }
    }
    framer->scanned = i;
    return framer_starve(framer);
}

enum framer_status framer_last(struct framer *framer, const char **text, size_t *length)
{
    if (!framer->in_scalar)
        return FRAMER_MORE;
    return framer_cut(framer, framer->length, text, length);
}
