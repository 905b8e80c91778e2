/* Option strings as QEMU reads them: "socket,id=mon0,path=/run/a,,b,server=on". SPDX: MIT */
#ifndef QMPCTL_HOST_PROCESS_OPTIONS_H
#define QMPCTL_HOST_PROCESS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest value that is looked at. */
#define OPTION_VALUE 4096

/*
 * Finds the option in text and copies its value, with ",," as the comma it stands for. implied:
 * what a first part without '=' is the value of, NULL: of nothing. A name alone is "on", "noNAME"
 * is "off". The last one counts. false: not there, or too long.
 */
bool option_find(const char *text, const char *implied, const char *name, char *value, size_t size);

/* Whether the option is on. */
bool option_is_on(const char *text, const char *implied, const char *name);

/* A size as in -m: a number, a fraction allowed, and b K M G T P E; bare: MiB. 0: malformed. */
uint64_t option_memory(const char *text);

#endif
