/* Text of others, made fit for a line or for the wire. Pure. SPDX: MIT */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies into size bytes as one line: control characters (those of 8 bits too, which some terminals
 * obey) become spaces, and what is too long is cut
 * between characters, so that valid UTF-8 stays valid. */
void text_copy_line(char *to, size_t size, const char *from);

/*
 * Whether QEMU's JSON parser takes these bytes inside a string: UTF-8 without surrogates, and
 * without the code points that Unicode calls noncharacters (util/unicode.c in QEMU).
 */
bool text_is_sendable(const char *text, size_t length);

#endif
