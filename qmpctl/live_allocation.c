#include "live_allocation.h"

#include <inttypes.h>
#include <stdio.h>

#include "host_view.h"
#include "size.h"

static bool is_allocating(const struct job *job)
{
    bool working = job->state == JOB_STEPPING || job->state == JOB_UNDOING;

    return working && job->attempt.action == STEP_PLUG &&
           job->attempt.plug.state == PLUG_ADDING_BACKEND &&
           plug_preallocates(&job->attempt.plug) && job->host && job->host->local;
}

bool allocation_describe(struct allocation *allocation, const struct job *job, int64_t now,
                         char *text, size_t size)
{
    struct progress_state state;
    uint64_t held, total;
    int length;

    if (!is_allocating(job))
        return false;
    total = job->result.steps[job->current].size;
    held = progress_read("/", job->host->facts.pid);
    if (allocation->step != job->current + 1) {
        progress_start(&allocation->progress, held, total, now);
        allocation->step = job->current + 1;
    }
    if (!progress_at(&allocation->progress, held, now, &state))
        return false;
    length = snprintf(text, size, "%" PRIu64 " %%", total > 0 ? state.done * 100 / total : 0);
    if (state.rate > 0 && length > 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, ", %s/s, %" PRId64 " s left",
                 size_rounded(state.rate).text, (state.left + 999) / 1000);
    return true;
}
