/* Whether a monitor that is connected again leads to the VM that it led to before. Pure.
 * SPDX: MIT */
#ifndef QMPCTL_IDENTITY_H
#define QMPCTL_IDENTITY_H

#include "error.h"
#include "memory.h"

/* 0, or -1 with *error saying what another QEMU there has other than the one before. */
int identity_compare(const struct memory *before, const struct memory *now, struct error *error);

#endif
