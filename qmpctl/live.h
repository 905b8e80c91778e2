/*
 * Live progress on a terminal: a line a device, with what is being waited for, redrawn in place,
 * and cleared when the operation has ended, for its result to take the place. Where the terminal
 * cannot do that, a line for each thing that is waited for, and each that was done. SPDX: MIT
 */
#ifndef QMPCTL_LIVE_H
#define QMPCTL_LIVE_H

#include <stdio.h>

#include "job.h"

struct event_base;
struct live;

/* file is a terminal; plain: never redraw, since others write there, too. job must outlive it.
 * NULL: memory. */
struct live *live_new(FILE *file, bool plain, struct event_base *base, const struct job *job);
/* The job has moved. NULL is fine, here and below. */
void live_update(struct live *live);
/* Clears what was drawn. */
void live_free(struct live *live);

/* What the job waits for now, such as "the guest to accept it"; NULL: nothing. Pure. */
const char *live_waiting(const struct job *job);

#endif
