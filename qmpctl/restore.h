/* A memory backend as it is, in words that make it again: to undo an unplug. SPDX: MIT */
#ifndef QMPCTL_RESTORE_H
#define QMPCTL_RESTORE_H

#include "memory.h"

/* The arguments of object-add for a backend with these properties, for the caller to release; NULL
 * where QEMU does not tell its type. */
json_t *restore_backend_arguments(const struct memory_backend *backend);

#endif
