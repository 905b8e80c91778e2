/* How far QEMU is with the memory of the device that is being plugged, told from /proc while its
 * monitor is silent. SPDX: MIT */
#ifndef QMPCTL_LIVE_ALLOCATION_H
#define QMPCTL_LIVE_ALLOCATION_H

#include "host/progress.h"
#include "job.h"

/* Zero-initialised: nothing has begun. */
struct allocation {
    struct progress progress;
    size_t step; /* index + 1 */
};

/*
 * "50 %, 230 MiB/s, 3 s left", short, since it shares a line. now: monotonic milliseconds. False:
 * nothing is being allocated in advance, or it cannot be seen.
 */
bool allocation_describe(struct allocation *allocation, const struct job *job, int64_t now,
                         char *text, size_t size);

#endif
