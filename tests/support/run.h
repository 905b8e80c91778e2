/* Runs the program as a user would, and keeps what it said. SPDX: MIT */
#ifndef RUN_H
#define RUN_H

#include <jansson.h>

struct run_result {
    int code; /* exit code; 128 + N after signal N */
    double seconds;
    char out[262144], err[65536];
};

/* Runs $QMPCTL (build/qmpctl) with --socket and these arguments, NULL-ended. socket NULL: without.
 * The result stays valid until the next call. */
const struct run_result *run_qmpctl(const char *socket, const char *const *arguments);
#define RUN(socket, ...) run_qmpctl(socket, (const char *const[]){__VA_ARGS__, NULL})

/* The same, which must end with this code; fails the test else, and shows what was said. */
const struct run_result *run_expect(int code, const char *socket, const char *const *arguments);
#define EXPECT(code, socket, ...) run_expect(code, socket, (const char *const[]){__VA_ARGS__, NULL})

/* The JSON document on stdout, for the caller to release; fails where it is none. */
json_t *run_json(const struct run_result *result);

/* A member by a path such as "memory.total" or "devices.0.id"; NULL where there is none. */
const json_t *json_at(const json_t *json, const char *path);

#endif
