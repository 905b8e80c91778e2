/*
 * Cuts a stream of bytes into JSON texts, by braces and strings and never by lines: a monitor in
 * pretty mode sends one message over many lines. Pure; every byte is looked at once, however the
 * stream is cut into pieces. It does not judge: what it cuts may still be no JSON. SPDX: MIT
 */
#ifndef FRAMER_H
#define FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct framer {
    char *buffer;
    size_t length, capacity;
    size_t begin;   /* where the text being read begins */
    size_t scanned; /* bytes of buffer that the state below has seen */
    size_t depth;   /* open braces and brackets */
    size_t bound;   /* longest text */
    bool in_string, escaped, in_scalar;
};

enum framer_status {
    FRAMER_TEXT,   /* a text is there */
    FRAMER_MORE,   /* more bytes are needed */
    FRAMER_TOO_BIG /* the text passes the bound; the stream cannot go on */
};

void framer_init(struct framer *framer, size_t bound);
void framer_free(struct framer *framer);

/* Copies bytes in. What is kept stays below twice the bound plus the longest append, as long as
 * framer_next is called until it wants more. False: out of memory. */
bool framer_append(struct framer *framer, const char *bytes, size_t length);

/* The next text, borrowed until the next call. */
enum framer_status framer_next(struct framer *framer, const char **text, size_t *length);

/* At the end of the stream: a scalar that nothing ended, such as "null". */
enum framer_status framer_last(struct framer *framer, const char **text, size_t *length);

#endif
