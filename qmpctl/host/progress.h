/*
 * How far a long allocation has come, while QEMU's monitor is silent. SPDX: MIT
 */
#ifndef QMPCTL_HOST_PROGRESS_H
#define QMPCTL_HOST_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where an allocation began. */
struct progress {
    uint64_t baseline; /* bytes that QEMU had then; HOST_UNKNOWN: cannot be told */
    uint64_t total;    /* bytes to come */
    int64_t started;   /* milliseconds, any clock that only goes forward */
};

struct progress_state {
    uint64_t done; /* bytes, at most total */
    uint64_t rate; /* bytes a second since the start; 0 where it cannot be told yet */
    int64_t left;  /* milliseconds, -1 where it cannot be told yet */
};

/*
 * The memory that the process holds, in bytes: ordinary pages, shared ones and hugepages.
 * HOST_UNKNOWN: it has ended or may not be read. A cheap read, fit for many times a second.
 */
uint64_t progress_read(const char *root, pid_t pid);

/* The same, pure, from the text of /proc/PID/status. */
uint64_t progress_from_status(const char *status);

void progress_start(struct progress *progress, uint64_t held, uint64_t total, int64_t now);

/* Pure. false where nothing can be told: held or the baseline is HOST_UNKNOWN. */
bool progress_at(const struct progress *progress, uint64_t held, int64_t now,
                 struct progress_state *state);

/* For the time-out of object-add: what preallocating this much may take on a slow host, in ms. */
int64_t progress_longest(uint64_t bytes);

#endif
