/* Printing: reads the model and results, decides nothing. SPDX: MIT */
#ifndef QMPCTL_OUTPUT_H
#define QMPCTL_OUTPUT_H

#include <stdio.h>

#include "fleet.h"
#include "host/processes.h"
#include "memory.h"
#include "result.h"

json_t *output_status_json(const struct memory *memory, const char *address);
void output_status_text(FILE *file, const struct memory *memory);
/* An array of the above, a VM that could not be asked as {"socket", "error"}; a row a VM. */
json_t *output_fleet_json(const struct fleet *fleet);
void output_fleet_text(FILE *file, const struct fleet *fleet);
/* {"socket", "error"}. */
json_t *output_unreachable_json(const char *address, const struct error *error);
/* The QEMU processes that were asked for: a row a monitor, and whether it can be used. */
struct listing {
    const struct process **items; /* borrowed */
    size_t count;
};
json_t *output_list_json(const struct listing *listing);
void output_list_text(FILE *file, const struct listing *listing);
json_t *output_result_json(const struct result *result);
void output_result_text(FILE *file, const struct result *result);
json_t *output_error_json(const struct error *error);
/* Prints value on a line of its own and releases it. */
void output_json(FILE *file, json_t *value);
/* "qmpctl: WHAT: WHY" and, where there is a next step, a hint line. */
void output_error(FILE *file, const struct error *error);
/* Text from QEMU or the guest, with what could steer a terminal replaced by '?'. */
void output_untrusted(FILE *file, const char *text);
/* The larger of width and the columns of the name; NULL has none. */
int output_width(int width, const char *name);
/* Lines with such texts in them. */
__attribute__((format(printf, 2, 3))) void output_lines(FILE *file, const char *format, ...);

#endif
