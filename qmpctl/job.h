/*
 * A change of the VM's memory as one operation: a plan, carried out step by step.
 *
 *   LOOKING -> CLEANING -> STEPPING -> CLOSING -> FINISHED
 *      ^                      |  \-> UNDOING -/
 *      \-- refused: exclude --/
 *
 * A device that the guest refuses is excluded, and the rest planned again from a new snapshot;
 * those that refused are tried once more at the end. SPDX: MIT
 */
#ifndef QMPCTL_JOB_H
#define QMPCTL_JOB_H

#include "attempt.h"
#include "orphans.h"
#include "planning.h"

enum job_state {
    JOB_BEGIN,
    JOB_LOOKING,
    JOB_CLEANING,
    JOB_STEPPING,
    JOB_UNDOING,
    JOB_CLOSING,
    JOB_FINISHED
};

struct job {
    enum job_state state;
    const struct change *change;
    struct result result;
    uint64_t target;
    bool target_known;
    size_t current;         /* index of the step that is being done, or taken back */
    struct attempt attempt; /* at that */
    int64_t deadline;       /* for the guest; 0: not begun */
    uint64_t goal; /* what the plan without refusals reaches: with --nearest not the target */
    bool goal_known, short_of_goal;
    struct name_list excluded;
    struct orphans orphans;
    struct placement placement;   /* of what is plugged: as the last look at the host says */
    const struct host_view *host; /* of that look; NULL: the host is not asked */
    struct name_list released;    /* devices whose backends were cleaned: they had gone before */
    bool cleaned; /* no device has gone since the orphans were collected, but for those of steps */
    bool released_since_refusal, second_try;
    struct error refusal; /* the last one */
    bool interrupted;
    bool undo_interrupted; /* nor is more taken back */
    bool surprised;        /* what the VM has may have changed since the last look, not by us */
    bool drifted;          /* and did so at any time: the steps do not add up to its total */
    int64_t undo_deadline; /* for the guest, to take all back; 0: not begun */
    struct step undo;      /* the step that takes another back */
    json_t *restoring;     /* --atomic: a backend's arguments by the name of the unplugged device */
};

/* change must stay valid. */
void job_init(struct job *job, const struct change *change);
void job_free(struct job *job);
struct action job_step(struct job *job, const struct input *input);

#endif
