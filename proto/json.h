/* JSON with integers up to 2^64-1; see qmp_json_uint64 in qmpclient.h. Pure. SPDX: MIT */
#ifndef JSON_H
#define JSON_H

#include "qmpclient.h"

/* Any JSON value. NULL: it is none, and *error (may be NULL) says why. */
json_t *json_parse(const char *text, size_t length, json_error_t *error);

#endif
