/*
 * Cuts a stream of bytes into JSON texts, by braces and strings and never by lines: a monitor in
 * pretty mode sends one message over many lines. Pure; every byte is looked at once. SPDX: MIT
 */
#ifndef FRAMER_H
#define FRAMER_H

#include <stdbool.h>
#include <stddef.h>

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

/* Copies bytes in. False: out of memory. */
bool framer_append(struct framer *framer, const char *bytes, size_t length);

/* The next text, borrowed until the next framer_append or framer_free. */
enum framer_status framer_next(struct framer *framer, const char **text, size_t *length);

/* At the end of the stream: a scalar that nothing ended, such as "null". */
enum framer_status framer_last(struct framer *framer, const char **text, size_t *length);

#endif
