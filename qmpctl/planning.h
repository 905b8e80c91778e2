/* From a request and the VM's memory to steps: between struct memory and libmemplan. Pure.
 * SPDX: MIT */
#ifndef QMPCTL_PLANNING_H
#define QMPCTL_PLANNING_H

#include "memory.h"
#include "memplan.h"
#include "placement.h"
#include "result.h"
#include "size.h"

enum change_kind {
    CHANGE_PLUG,       /* count devices of size */
    CHANGE_UNPLUG,     /* the devices ids */
    CHANGE_SET,        /* the total to size, or by size */
    CHANGE_UNPLUG_SIZE /* devices that come to size */
};

#define NODE_ANY (-1)

/* What the user asks for, checked as far as can be without the VM. Strings are borrowed. */
struct change {
    enum change_kind kind;
    uint64_t size;
    enum size_relation relation;
    unsigned count;
    const char *id; /* of a single new device; NULL: dimmN */
    int64_t slot;   /* -1: the first that is free */
    int64_t node;   /* NODE_ANY: kept in balance */
    const char *const *ids;
    size_t id_count;
    const char *const *keep;
    size_t keep_count;
    struct placement placement;
    enum memplan_nearest nearest;
    bool swap;
    uint64_t granule; /* 0: what the guest needs */
    bool stop_on_refusal;
    bool atomic;
    int64_t timeout;        /* milliseconds */
    int64_t accept_timeout; /* milliseconds */
};

/* Names of devices that must not be unplugged in this plan. */
struct name_list {
    char (*names)[256];
    size_t count;
};

bool name_list_has(const struct name_list *list, const char *name);
bool name_list_add(struct name_list *list, const char *name);
void name_list_free(struct name_list *list);

/* The total that the change asks for, given the VM as it is. -1 with *error: it cannot be. */
int planning_target(const struct change *change, const struct memory *memory, uint64_t *target,
                    struct error *error);

/*
 * Appends the steps that bring the VM from memory to target. 0, or -1 with *error set: EXIT_NO_PLAN
 * with result->nearest, EXIT_FAILED, EXIT_USAGE.
 */
int planning_make(const struct change *change, const struct memory *memory, uint64_t target,
                  const struct name_list *excluded, struct result *result, struct error *error);

/* The smallest device that the guest can use, in bytes. *why: a sentence for people. */
uint64_t planning_granule(const struct memory *memory, const char **why);

/* Whether every multiple of granule from base to total can be reached by unplugging. */
bool planning_is_complete(const struct memory *memory, uint64_t granule);

#endif
