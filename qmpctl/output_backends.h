/* Printing where a VM's memory lies on the host. SPDX: MIT */
#ifndef QMPCTL_OUTPUT_BACKENDS_H
#define QMPCTL_OUTPUT_BACKENDS_H

#include <stdio.h>

#include "memory.h"

/* null for NULL. */
json_t *output_backend_json(const struct memory_backend *backend);
/* All backends, boot memory and orphans included. */
json_t *output_backends_json(const struct memory *memory);
void output_backends_text(FILE *file, const struct memory *memory);

#endif
