/* From a request and the VM's memory to steps: between struct memory and libmemplan. Pure.
 * SPDX: MIT */
#ifndef QMPCTL_PLANNING_H
#define QMPCTL_PLANNING_H

#include "change.h"
#include "memory.h"
#include "names.h"
#include "result.h"

/* The total that the change asks for, given the VM as it is; 0 where it asks for less than nothing,
 * which no plan reaches. */
uint64_t planning_target(const struct change *change, const struct memory *memory);

/* Whether it may plug: a change that only gives back has nothing to ask of the host. */
bool planning_may_plug(const struct change *change);

/*
 * Appends the steps that bring the VM from memory to target. 0, or -1 with *error set: EXIT_NO_PLAN
 * with result->nearest, EXIT_FAILED, EXIT_USAGE. placement: what new devices are made of, as its
 * page size and preallocation bound their sizes; NULL: ordinary memory.
 */
int planning_make(const struct change *change, const struct placement *placement,
                  const struct memory *memory, uint64_t target, const struct name_list *excluded,
                  struct result *result, struct error *error);

#endif
