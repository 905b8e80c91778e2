#include "text.h"

#include <stdint.h>

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* U+0080 to U+009F, such as the one-byte form of ESC [. */
static bool is_high_control(const char *text)
{
    return (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 &&
           (unsigned char)text[1] < 0xa0;
}

void text_copy_line(char *to, size_t size, const char *from)
{
    size_t length = 0;

    while (from[length] && length + 1 < size) {
        unsigned char c = (unsigned char)from[length];
        size_t controls = is_high_control(from + length) ? 2 : c < 0x20 || c == 0x7f;

        to[length] = controls > 0 ? ' ' : (char)c;
        if (controls > 1 && length + 2 < size)
            to[++length] = ' ';
        length++;
    }
    /* In the middle of a character: give up its beginning. */
    if (from[length] && is_continuation(from[length])) {
        while (length > 0 && is_continuation(to[length - 1]))
            length--;
        if (length > 0)
            length--;
    }
    to[length] = '\0';
}

static bool is_character(uint32_t code)
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return false;
    return !(code >= 0xfdd0 && code <= 0xfdef) && (code & 0xfffe) != 0xfffe;
}

/* The length of the sequence at text, 0 where it is none. */
static size_t sequence_length(const char *text, size_t left)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const unsigned char lead = (unsigned char)*text;

    for (size_t more = 0; more < sizeof forms / sizeof forms[0]; more++) {
        uint32_t code = lead & (unsigned char)~forms[more].mask;

        if ((lead & forms[more].mask) != forms[more].lead)
            continue;
        if (more >= left)
            return 0;
        for (size_t i = 1; i <= more; i++) {
            if (!is_continuation(text[i]))
                return 0;
            code = code << 6 | ((unsigned char)text[i] & 0x3f);
        }
        return code >= forms[more].least && is_character(code) ? more + 1 : 0;
    }
    return 0;
}

bool text_is_sendable(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = sequence_length(text + i, length - i);

        if (step == 0)
            return false;
        i += step;
    }
    return true;
}
