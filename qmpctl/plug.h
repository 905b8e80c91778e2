/*
 * Plugging one device: a pure state machine.
 *
 *   BEGIN -> ADDING_BACKEND -> ADDING_DEVICE -> AWAITING_ACCEPTANCE -> FINISHED
 *                       \             \-> TAKING_BACK (the backend)  -> FINISHED
 *                        \-> CHECKING (a snapshot) -> where the VM is
 *
 * SPDX: MIT
 */
#ifndef QMPCTL_PLUG_H
#define QMPCTL_PLUG_H

#include "operation.h"
#include "placement.h"
#include "result.h"

enum plug_state {
    PLUG_BEGIN,
    PLUG_ADDING_BACKEND,
    PLUG_ADDING_DEVICE,
    PLUG_CHECKING,
    PLUG_AWAITING_ACCEPTANCE,
    PLUG_TAKING_BACK,
    PLUG_FINISHED
};

struct plug {
    enum plug_state state;
    struct step *step; /* id, size, node, slot are set; the result goes here */
    const struct placement *placement;
    char backend[256];
    const json_t *restore; /* the backend's arguments instead of the placement; borrowed, or NULL */
    int64_t accept_timeout; /* milliseconds */
    int64_t started;
    bool guest_runs;
    bool plugged; /* QEMU has said so */
    bool interrupted;
    int64_t patience; /* until when a command that was sent may take */
    unsigned looks;   /* snapshots taken because something was uncertain */
};

/* step and placement must stay valid until the operation has finished. */
void plug_init(struct plug *plug, struct step *step, const struct placement *placement,
               const struct memory *memory, int64_t accept_timeout);

/* Its backend is made with these arguments of object-add, and by the name they give, instead of
 * from the placement. Borrowed until the operation has finished. */
void plug_restore(struct plug *plug, const json_t *backend);

struct action plug_step(struct plug *plug, const struct input *input);

/* Whether QEMU takes all of the device's memory at once, and answers nobody meanwhile. */
bool plug_preallocates(const struct plug *plug);

#endif
