/* Taking back what was done (--atomic), the last step first. Pure. SPDX: MIT */
#ifndef QMPCTL_UNDO_H
#define QMPCTL_UNDO_H

#include "memory.h"
#include "result.h"

/* Keeps what it takes to make this device's backend again; *restoring, by the device's name, is the
 * caller's to release. */
void undo_remember(json_t **restoring, const struct memory *memory, const char *name);

/* The last step that stands and was not tried to be taken back, or NULL. */
struct step *undo_last(const struct result *result);

/* The step that takes that one back. */
struct step undo_of(const struct step *step);

/* Writes what became of taking it back into the step itself. */
void undo_note(struct step *step, const struct step *undo);

/* The same where it was not tried. error: why nothing more is done, with a text. */
void undo_note_untried(struct step *step, const struct error *error, const char *why);

#endif
