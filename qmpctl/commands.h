/* The commands, one file each; main.c has their table. Each parses its arguments, starts an
 * operation and chooses an output. Returns an exit code; prints its result itself, and leaves
 * errors in *error for main to print. SPDX: MIT */
#ifndef QMPCTL_COMMANDS_H
#define QMPCTL_COMMANDS_H

#include "options.h"

int cmd_status(struct options *options, struct error *error);
int cmd_list(struct options *options, struct error *error);
int cmd_set(struct options *options, struct error *error);
int cmd_plan(struct options *options, struct error *error);
int cmd_plug(struct options *options, struct error *error);
int cmd_unplug(struct options *options, struct error *error);
int cmd_repair(struct options *options, struct error *error);
int cmd_qmp(struct options *options, struct error *error);
int cmd_watch(struct options *options, struct error *error);

/* Carries out, or with dry_run only plans, options->change; prints it (cmd_change.c). */
int change_run(struct options *options, bool dry_run, struct error *error);

#endif
