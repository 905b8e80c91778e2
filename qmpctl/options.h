/* The command line: one table of options, one of commands, from which usage is printed. SPDX: MIT
 */
#ifndef QMPCTL_OPTIONS_H
#define QMPCTL_OPTIONS_H

#include <stdio.h>

#include "planning.h"

/* Which options a command takes, besides those that all take. */
enum option_group {
    OPTIONS_COMMON = 1,
    OPTIONS_NODE = 2,   /* --node */
    OPTIONS_DEVICE = 4, /* plug: --id, --slot, --count */
    OPTIONS_PLAN = 8,   /* --nearest, --swap, --keep, ... */
    OPTIONS_SIZE = 16,  /* unplug --size */
    OPTIONS_DRY = 32,   /* --dry-run */
    OPTIONS_WATCH = 64, /* --all */
    OPTIONS_QMP = 128   /* --hmp */
};

struct options {
    const char *socket;
    bool json, verbose, quiet, help, version, dry_run, all_events;
    int64_t timeout, accept_timeout, connect_timeout, wait; /* milliseconds */
    const char *size;                                       /* unplug --size */
    const char *hmp;
    struct change change;
    const char **arguments; /* what is no option; the command comes first */
    size_t argument_count;
    const char **keep;
    uint64_t given; /* a bit for each option that was there, by its row */
};

struct command {
    const char *name, *arguments, *help;
    unsigned groups;
    int (*run)(struct options *options, struct error *error);
};

/* 0, or -1 with EXIT_USAGE. options is freed by options_free in either case. */
int options_parse(struct options *options, int argc, char **argv, struct error *error);
/* Refuses what the command does not take. */
int options_check(const struct options *options, const struct command *command,
                  struct error *error);
void options_free(struct options *options);
void options_print(FILE *file, unsigned groups);

/* QEMU's rule for ids (id_wellformed): a letter, then letters, digits, '-', '.', '_'. */
bool id_is_valid(const char *id);

#endif
