/* The command line: one table of options, one of commands, from which usage is printed. SPDX: MIT
 */
#ifndef QMPCTL_OPTIONS_H
#define QMPCTL_OPTIONS_H

#include <stdio.h>

#include "change.h"
#include "error.h"
#include "sockets.h"

/* Which options a command takes, besides those that all take. */
enum option_group {
    OPTIONS_COMMON = 1,
    OPTIONS_NODE = 2,        /* --node */
    OPTIONS_DEVICE = 4,      /* plug: --id, --slot, --count */
    OPTIONS_PLAN = 8,        /* --atomic */
    OPTIONS_SIZE = 16,       /* unplug --size */
    OPTIONS_DRY = 32,        /* --dry-run */
    OPTIONS_WATCH = 64,      /* --all */
    OPTIONS_QMP = 128,       /* --hmp, --wait-event */
    OPTIONS_PLACEMENT = 256, /* see placement_options.h */
    OPTIONS_CHOICE = 512,    /* --nearest, --swap, --keep, ...: the planner chooses */
    /* No options, but what those that all take mean for the command: */
    OPTIONS_MANY = 1024,   /* several VMs may be named */
    OPTIONS_GUEST = 2048,  /* the guest is waited for */
    OPTIONS_MONITOR = 4096 /* a monitor is connected to */
};

/* A row of the table; value NULL: the option takes none; letter 0: it has no short form. */
struct option_row {
    const char *name, *value, *help;
    char letter;
    unsigned groups;
};

struct options {
    struct sockets sockets;
    const char *socket; /* the first of them; NULL: none was named */
    bool json, verbose, quiet, help, version, dry_run, all_events;
    int64_t timeout, accept_timeout, connect_timeout, wait; /* milliseconds */
    const char *size;                                       /* unplug --size */
    const char *hmp, *wait_event;
    const char *xml;  /* plug --xml */
    char xml_id[256]; /* the id that it says; change.id may borrow it */
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

/* 0, or -1 with EXIT_USAGE for the first word that is wrong; those behind it are read all the same,
 * since they may ask for JSON. options is freed by options_free in either case. */
int options_parse(struct options *options, int argc, char **argv, struct error *error);
/* Refuses what the command does not take. */
int options_check(const struct options *options, const struct command *command,
                  struct error *error);
/* The first of these options that was given, NULL: none was. */
const char *options_first_given(const struct options *options, unsigned groups);
/* Whether the command line itself names a VM. */
bool options_names_socket(const struct options *options);
void options_free(struct options *options);
/* The options that mean something to the command, in words that are for it; NULL: those that all
 * commands take. */
void options_print(FILE *file, const struct command *command);

/* QEMU's rule for ids (id_wellformed): a letter, then letters, digits, '-', '.', '_'. */
bool id_is_valid(const char *id);

#endif
