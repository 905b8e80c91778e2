/* Text of which nobody promised that it is UTF-8, and JSON, which holds nothing else. Pure.
 * SPDX: MIT */
#ifndef QMPCTL_UTF8_H
#define QMPCTL_UTF8_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether JSON can hold it. */
bool utf8_is_valid(const char *text);

/* Prints the text up to end, with '?' for each control character, those of 8 bits too, which some
 * terminals obey as well. */
void utf8_print_tame(FILE *file, const char *text, const char *end);

/* How many columns a text takes, where none of its characters is wide; as many as bytes where it is
 * no UTF-8. */
int utf8_columns(const char *text);

/* A new JSON string; bytes that are no UTF-8, as where a text was cut, become "?". NULL: out of
 * memory. */
json_t *utf8_json(const char *text);

#endif
