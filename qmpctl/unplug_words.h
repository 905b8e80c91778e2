/* What is told of an unplug that fell short, and what the user can do about it. Pure; static texts.
 * SPDX: MIT */
#ifndef QMPCTL_UNPLUG_WORDS_H
#define QMPCTL_UNPLUG_WORDS_H

#include "unplug.h"

struct unplug_words {
    const char *reason, *hint; /* hint NULL: none */
};

/* The device is still there, and no more is waited for. */
struct unplug_words unplug_late_words(const struct unplug *unplug);

/* The guest refused with this _OST status; -1: it gave none. */
const char *unplug_refusal_hint(int64_t status);

#endif
