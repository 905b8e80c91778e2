/* Keeps secrets out of traces. Pure. SPDX: MIT */
#ifndef REDACT_H
#define REDACT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a command's text holds passwords or the data of secrets. If so, *shown is a copy in which
 * they are "***", for the caller to free; NULL: out of memory, and the text may hold some.
 */
bool redact_command(const char *text, size_t length, char **shown);

#endif
