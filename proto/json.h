/* JSON with integers up to 2^64-1; see qmp_json_uint64 in qmpclient.h. Pure. SPDX: MIT */
#ifndef JSON_H
#define JSON_H

#include "qmpclient.h"

/*
 * Whether this text holds more values than anybody says in earnest (QEMU's schema, its longest
 * message, has 19,000): an empty object takes 240 bytes of memory for the two that it is long.
 * Counted by commas and opening brackets.
 */
#define JSON_VALUES_LIMIT ((size_t)1 << 20)
bool json_is_crowded(const char *text, size_t length);

/* Any JSON value. NULL: it is none, and *error (may be NULL) says why. */
json_t *json_parse(const char *text, size_t length, json_error_t *error);

#endif
