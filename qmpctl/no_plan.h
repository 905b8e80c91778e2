/* Why there is no plan to a size, and which there are plans to, in words for people. Pure.
 * SPDX: MIT */
#ifndef QMPCTL_NO_PLAN_H
#define QMPCTL_NO_PLAN_H

#include "change.h"
#include "memory.h"
#include "result.h"

/* Fills in result's nearest, and *error with EXIT_NO_PLAN. plan: what became of the request. Always
 * -1. */
int no_plan_explain(const struct change *change, const struct memory *memory, uint64_t target,
                    const struct memplan_request *request, const struct memplan_plan *plan,
                    struct result *result, struct error *error);

#endif
