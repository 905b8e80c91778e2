/* Sizes as people write them. Bytes everywhere inside. SPDX: MIT */
#ifndef QMPCTL_SIZE_H
#define QMPCTL_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* No VM has more: the largest size that is ever sent to QEMU, which aborts near 2^64. 2^52 bytes is
 * what x86 can address. */
#define SIZE_LIMIT ((uint64_t)1 << 52)

/*
 * Reads SIZE: a decimal number, fractions allowed where they come to whole bytes, and a unit
 * (K M G T or KiB MiB GiB TiB, any case). Refused with EXIT_USAGE: no unit, zero, a sign, more than
 * SIZE_LIMIT. Returns 0 or -1.
 */
int size_parse(const char *text, uint64_t *bytes, struct error *error);

enum size_relation { SIZE_ABSOLUTE, SIZE_MORE, SIZE_LESS };

/* The same with an optional leading + or -, which makes it an amount. */
int size_parse_relative(const char *text, enum size_relation *relation, uint64_t *bytes,
                        struct error *error);

struct size_text {
    char text[24];
};

/* Shortest exact form in the largest unit that divides: "8G", "1536M", "3K", "17" (bytes). */
struct size_text size_exact(uint64_t bytes);

/* For people, and exact: in the largest unit in which two decimals tell it, "1.50 GiB", "2176 MiB".
 */
struct size_text size_human(uint64_t bytes);
/* The same, rounded to two decimals: of what changes while one looks, such as free memory. */
struct size_text size_rounded(uint64_t bytes);

#endif
