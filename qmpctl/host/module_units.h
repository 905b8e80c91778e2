/* Sizes with libvirt's units. SPDX: MIT */
#ifndef QMPCTL_HOST_MODULE_UNITS_H
#define QMPCTL_HOST_MODULE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A whole number, blanks around it, and a unit as libvirt reads it, in any case: b, byte, bytes;
 * k, KiB, M, MiB, ... E, EiB (powers of 1024); KB, MB, ... EB (powers of 1000). unit NULL or
 * empty: KiB. Returns NULL with *bytes set, or why not: a static text.
 */
const char *module_units_scale(const char *number, const char *unit, uint64_t *bytes);

#endif
