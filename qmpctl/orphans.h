/* Backends that were left behind: deleted one after the other, before anything is planned. Pure.
 * SPDX: MIT */
#ifndef QMPCTL_ORPHANS_H
#define QMPCTL_ORPHANS_H

#include "change.h"
#include "memory.h"
#include "names.h"
#include "result.h"

struct orphan {
    char id[256];
    uint64_t size; /* bytes */
};

/* Zeroed, there are none. */
struct orphans {
    struct orphan *list;
    size_t count, begun; /* to delete so many of them was begun */
};

/* Those of this snapshot, instead of what was there. Out of memory: none. */
void orphans_collect(struct orphans *orphans, const struct memory *memory);

/* The next to be deleted; NULL: all were begun. */
const struct orphan *orphans_next(struct orphans *orphans);

/*
 * The last one begun is deleted. Its device had gone with nobody connected: where the user asked
 * for that, it is a step of the result that is done, and its name is released. A device that memory
 * still shows has its backend elsewhere, and never had this one.
 */
void orphans_note_deleted(const struct orphans *orphans, const struct change *change,
                          const struct memory *memory, struct name_list *released,
                          struct result *result);

void orphans_free(struct orphans *orphans);

#endif
