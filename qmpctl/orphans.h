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

/* The names of the change whose devices turn out to have gone already, when all are deleted. */
void orphans_releases(const struct orphans *orphans, const struct change *change,
                      const struct memory *memory, struct name_list *released);

/*
 * The last one begun is deleted, and the result says so: where the user asked for its device to go,
 * by a step that is done, and its name is released.
 */
void orphans_note_deleted(const struct orphans *orphans, const struct change *change,
                          const struct memory *memory, struct name_list *released,
                          struct result *result);

/* Makes the VM look as it will then, for a plan that nobody carries out. */
void orphans_forget(struct memory *memory);

void orphans_free(struct orphans *orphans);

#endif
