/*
 * Unplugging one device: a pure state machine.
 *
 *   BEGIN -> ASKING -> AWAITING -> DELETING_BACKEND -> FINISHED
 *                 \        \-> CHECKING (a snapshot) -> any of the three
 *
 * After anything uncertain it looks instead of guessing: a lost connection, an unanswered command,
 * the deadline. It asks the guest once for one attempt, and deletes the backend only when the
 * device is known to be gone. SPDX: MIT
 */
#ifndef QMPCTL_UNPLUG_H
#define QMPCTL_UNPLUG_H

#include "operation.h"
#include "result.h"

enum unplug_state {
    UNPLUG_BEGIN,
    UNPLUG_ASKING,
    UNPLUG_AWAITING,
    UNPLUG_CHECKING,
    UNPLUG_DELETING_BACKEND,
    UNPLUG_CHECKING_BACKEND,
    UNPLUG_FINISHED
};

struct unplug {
    enum unplug_state state;
    struct step *step; /* the result goes here; id, slot are set */
    char path[300];
    char backend[256]; /* empty: none to delete */
    int64_t deadline;
    int64_t started;
    struct guest_answer answer; /* the last of its slot that is known */
    struct guest_answer before; /* the same, of when the snapshot was asked for */
    bool guest_runs;
    bool guest_tells;       /* what it does with a request, in its slot */
    bool asked;             /* device_del was sent, and no error came */
    bool unsure;            /* it had no reply: whether QEMU got it is not known */
    bool in_progress;       /* the guest said that it is at it */
    bool reset;             /* the guest was: nothing more can be expected from this attempt */
    bool gone;              /* DEVICE_DELETED came */
    char refusal[320];      /* the guest's reason; empty: it has not refused */
    int64_t refusal_status; /* of _OST; -1: it gave none */
    struct error no;        /* QEMU's, to the request; code 0: none */
    bool interrupted;
    bool backend_retried;
};

/* step must stay valid and at its place until the operation has finished. */
void unplug_init(struct unplug *unplug, struct step *step, const struct memory_device *device,
                 const struct memory *memory, int64_t deadline);

/* Whether the event names its device. */
bool unplug_is_about(const struct unplug *unplug, const struct qmp_event *event);

struct action unplug_step(struct unplug *unplug, const struct input *input);

#endif
