/* A VM for the scripted monitor: all that a snapshot asks for. SPDX: MIT */
#ifndef FAKE_VM_H
#define FAKE_VM_H

#include "support/fake_monitor.h"

/* It runs, with 512 MiB, 16 slots, ACPI, no guest nodes, and no devices. */
void fake_vm_describe(struct fake_monitor *fake);

/* From this point of the script on: dimm0 of 256 MiB in slot 0, on its backend mem-dimm0. */
void fake_vm_has_dimm(struct fake_monitor *fake);

#endif
