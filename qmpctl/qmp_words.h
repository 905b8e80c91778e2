/* What stands on the command line of qmp: arguments as KEY=VALUE, and which event to wait for.
 * Pure. SPDX: MIT */
#ifndef QMPCTL_QMP_WORDS_H
#define QMPCTL_QMP_WORDS_H

#include <jansson.h>
#include <stdbool.h>

struct error;

/*
 * Adds KEY=VALUE to arguments, an object. VALUE is JSON where it can be read as such, else a
 * string; dots in KEY make nested objects. 0, or -1 with EXIT_USAGE: no KEY=VALUE, or a key that is
 * there already.
 */
int qmp_words_add(json_t *arguments, const char *word, struct error *error);

/* NAME[,key=value...] into {"event": NAME, "data": {...}}, values and keys as above; NULL with
 * EXIT_USAGE. */
json_t *qmp_words_event(const char *text, struct error *error);

/* Whether an event of this name and data is the one that is waited for: every key that wanted
 * names has that value, which may be given as text. */
bool qmp_words_match(const json_t *wanted, const char *name, const json_t *data);

#endif
