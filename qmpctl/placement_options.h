/* The options that say where the host takes memory. SPDX: MIT */
#ifndef QMPCTL_PLACEMENT_OPTIONS_H
#define QMPCTL_PLACEMENT_OPTIONS_H

#include "options.h"

enum placement_option {
    PLACEMENT_PAGESIZE,
    PLACEMENT_HUGEPAGES,
    PLACEMENT_BACKEND,
    PLACEMENT_MEM_PATH,
    PLACEMENT_SHARE,
    PLACEMENT_PREALLOC,
    PLACEMENT_MERGE,
    PLACEMENT_DUMP,
    PLACEMENT_HOST_NODES,
    PLACEMENT_POLICY,
    PLACEMENT_STRICT,
    PLACEMENT_XML,
    PLACEMENT_OPTIONS
};

extern const struct option_row placement_rows[PLACEMENT_OPTIONS];

/* value: NULL for an option that takes none. Borrowed. 0, or -1 with EXIT_USAGE. */
int placement_option_set(struct options *options, enum placement_option option, const char *value,
                         struct error *error);

#endif
