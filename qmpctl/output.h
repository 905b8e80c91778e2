/* Printing: reads the model and results, decides nothing. SPDX: MIT */
#ifndef QMPCTL_OUTPUT_H
#define QMPCTL_OUTPUT_H

#include <stdio.h>

#include "memory.h"
#include "planning.h"
#include "result.h"

json_t *output_status_json(const struct memory *memory, const char *address);
void output_status_text(FILE *file, const struct memory *memory);
json_t *output_result_json(const struct result *result);
void output_result_text(FILE *file, const struct result *result);
json_t *output_error_json(const struct error *error);
/* Prints value on a line of its own and releases it. */
void output_json(FILE *file, json_t *value);
/* "qmpctl: WHAT: WHY" and, where there is a next step, a hint line. */
void output_error(FILE *file, const struct error *error);
/* Text from QEMU or the guest, with what could steer a terminal replaced by '?'. */
void output_untrusted(FILE *file, const char *text);

#endif
