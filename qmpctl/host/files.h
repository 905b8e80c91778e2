/* Bounded reading of the small text files of /proc and /sys, below a root. SPDX: MIT */
#ifndef QMPCTL_HOST_FILES_H
#define QMPCTL_HOST_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer than any path that is read here. */
#define FILES_PATH 4352

/* root and path joined; root "/" or "" is the host itself. false: too long. */
bool files_join(const char *root, const char *path, char *joined, size_t size);

/*
 * Reads at most size - 1 bytes of a regular file, ends them with a zero byte, and returns how many
 * there are; -1: it is not there or cannot be read. What does not fit is left out.
 */
long files_read(const char *root, const char *path, char *buffer, size_t size);

/* The same into memory that the caller frees; NULL as -1. length may be NULL. */
char *files_load(const char *root, const char *path, size_t limit, size_t *length);

/* The decimal number that text is, but for blanks around it; HOST_UNKNOWN where it is none. */
uint64_t files_number(const char *text);

/* The number that the file consists of; HOST_UNKNOWN where it cannot be told. */
uint64_t files_read_number(const char *root, const char *path);

/*
 * What follows key at the beginning of a line of text, without blanks in front, to the line's end;
 * NULL: no such line. Copied to value.
 */
const char *files_line(const char *text, const char *key, char *value, size_t size);

/* The number of such a line, times 1024 where " kB" follows it; HOST_UNKNOWN: none. */
uint64_t files_line_size(const char *text, const char *key);

#endif
