/* One DIMM, as a snapshot shows it to an operation, and what a guest says of one. SPDX: MIT */
#ifndef DIMM_H
#define DIMM_H

#include "memory.h"

/* memory: a VM that runs, with dimm0 in slot 0 on its backend mem-dimm0. */
struct dimm {
    struct memory_backend backend;
    struct memory_device device;
    struct memory memory;
};

/* It points into itself: to stay at its place. */
void dimm_init(struct dimm *dimm);

/* The data of an ACPI_DEVICE_OST, for the caller to release; slot or device NULL: QEMU does not
 * tell. */
json_t *dimm_answer(const char *slot, const char *device, int64_t source, int64_t status);

#endif
