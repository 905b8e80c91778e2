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

#include "planning.h"
#include "plug.h"
#include "unplug.h"

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
    size_t current;           /* index of the step that is being done */
    enum step_action machine; /* which of the two below is running */
    struct plug plug;
    struct unplug unplug;
    int64_t deadline; /* for the guest; 0: not begun */
    struct name_list excluded;
    struct name_list orphans; /* left to clean */
    bool released_since_refusal, second_try;
    struct error refusal; /* the last one */
    bool interrupted;
    struct step undo; /* the step that takes another back */
};

/* change must stay valid. */
void job_init(struct job *job, const struct change *change);
void job_free(struct job *job);
struct action job_step(struct job *job, const struct input *input);

#endif
