/* One step of a plan being carried out: the machine that plugs it, or the one that unplugs it.
 * Pure. SPDX: MIT */
#ifndef QMPCTL_ATTEMPT_H
#define QMPCTL_ATTEMPT_H

#include "memory.h"
#include "placement.h"
#include "plug.h"
#include "unplug.h"

struct attempt {
    enum step_action action; /* which of the two is running */
    struct plug plug;
    struct unplug unplug;
};

/* Begins to plug the step's device. step and placement must stay valid, and at their place, until
 * the attempt has ended with ACTION_FINISH. restore: the arguments of its backend, borrowed; NULL:
 * made from placement. accept_timeout: milliseconds. */
struct action attempt_plug(struct attempt *attempt, struct step *step,
                           const struct placement *placement, const struct memory *memory,
                           const json_t *restore, int64_t accept_timeout, int64_t now);

/* Begins to unplug the step's device, as the snapshot has it. What the snapshot does not show,
 * since it has gone or has come since, is asked for all the same: QEMU says so, and the machine
 * mends what is left of it. ours: it was plugged with a backend of its name, whether memory shows
 * that or not.
 */
struct action attempt_unplug(struct attempt *attempt, struct step *step,
                             const struct memory *memory, bool ours, int64_t deadline, int64_t now);

struct action attempt_step(struct attempt *attempt, const struct input *input);

/* Whether the event is about the device that it unplugs. */
bool attempt_is_about(const struct attempt *attempt, const struct qmp_event *event);

/* When it began, on the clock of now. */
int64_t attempt_started(const struct attempt *attempt);

#endif
