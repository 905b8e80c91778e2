/* What the value of each option means: judged, and put where the commands look for it. SPDX: MIT */
#ifndef QMPCTL_OPTION_VALUES_H
#define QMPCTL_OPTION_VALUES_H

#include "options.h"

/* The rows of the table of options; those of placement have a table of their own. */
enum option_id {
    OPT_SOCKET,
    OPT_JSON,
    OPT_TIMEOUT,
    OPT_ACCEPT_TIMEOUT,
    OPT_CONNECT_TIMEOUT,
    OPT_WAIT,
    OPT_VERBOSE,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION,
    OPT_NODE,
    OPT_COUNT,
    OPT_ID,
    OPT_SLOT,
    OPT_NEAREST,
    OPT_SWAP,
    OPT_KEEP,
    OPT_GRANULE,
    OPT_ON_REFUSAL,
    OPT_ATOMIC,
    OPT_SIZE,
    OPT_DRY_RUN,
    OPT_ALL,
    OPT_HMP,
    OPT_WAIT_EVENT,
    OPT_COUNT_OF
};

/* 0, or -1 with EXIT_USAGE. value must stay valid. */
int option_value_set(struct options *options, enum option_id id, const char *value,
                     struct error *error);

/* An option without a value. */
void option_flag_set(struct options *options, enum option_id id);

#endif
