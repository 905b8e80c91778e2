#include "host/progress.h"

#include <stdio.h>

#include "host/files.h"
#include "host/host.h"

uint64_t progress_from_status(const char *status)
{
    static const char *const kinds[] = {"RssAnon:", "RssShmem:", "RssFile:", "HugetlbPages:"};
    uint64_t held = 0;
    bool known = false;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t size = files_line_size(status, kinds[i]);

        if (size == HOST_UNKNOWN || size > HOST_UNKNOWN - 1 - held)
            continue;
        held += size;
        known = true;
    }
    return known ? held : HOST_UNKNOWN;
}

uint64_t progress_read(const char *root, pid_t pid)
{
    char path[64], text[16384];

    snprintf(path, sizeof path, "proc/%d/status", (int)pid);
    return files_read(root, path, text, sizeof text) > 0 ? progress_from_status(text)
                                                         : HOST_UNKNOWN;
}

void progress_start(struct progress *progress, uint64_t held, uint64_t total, int64_t now)
{
    *progress = (struct progress){.baseline = held, .total = total, .started = now};
}

bool progress_at(const struct progress *progress, uint64_t held, int64_t now,
                 struct progress_state *state)
{
    int64_t elapsed = now - progress->started;
    double rate;

    if (held == HOST_UNKNOWN || progress->baseline == HOST_UNKNOWN)
        return false;
    *state = (struct progress_state){.left = -1};
    if (held > progress->baseline)
        state->done = held - progress->baseline;
    if (state->done > progress->total)
        state->done = progress->total;
    if (elapsed <= 0 || state->done == 0)
        return true;
    rate = (double)state->done * 1000 / (double)elapsed;
    if (rate < 1)
        return true;
    state->rate = (uint64_t)rate;
    state->left = (int64_t)((double)(progress->total - state->done) * 1000 / rate);
    return true;
}

int64_t progress_longest(uint64_t bytes)
{
    /* One thread of a busy two-CPU host was seen to preallocate 180 to 440 MiB a second, small
     * pages as well as 2M ones. A tenth of that, and ten seconds that any command may take: waiting
     * too long for a QEMU that hangs is better than giving up one that works. */
    const uint64_t bytes_per_second = (uint64_t)16 << 20;

    return 10000 + (int64_t)(bytes / bytes_per_second * 1000);
}
