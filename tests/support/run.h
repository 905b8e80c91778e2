/* Runs the program as a user would, and keeps what it said. SPDX: MIT */
#ifndef RUN_H
#define RUN_H

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

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

/* One that goes on while the test does other things, such as watch. */
struct run_process {
    pid_t pid;
    int in, out;
    char said[65536]; /* by stdout and stderr, and not awaited yet */
    size_t length;
};

/* Begins it. SIGKILL ends it where the test fails in run_await. */
void run_begin(struct run_process *process, const char *socket, const char *const *arguments);
/* Waits until it has said this, and forgets all up to its end; fails after seconds. */
void run_await(struct run_process *process, const char *text, double seconds);
/* Writes to its standard input. */
void run_say(struct run_process *process, const char *text);
/* Sends it this signal (0: none), closes its input, and returns its exit code. */
int run_end(struct run_process *process, int number);

/* The JSON document on stdout, for the caller to release; fails where it is none. */
json_t *run_json(const struct run_result *result);

/* A member by a path such as "memory.total" or "devices.0.id"; NULL where there is none. */
const json_t *json_at(const json_t *json, const char *path);
/* The same where there must be an integer. */
json_int_t integer_at(const json_t *json, const char *path);

/* A number, and the length of an array, in what "status" says of the VM now. */
json_int_t status_number(const char *socket, const char *path);
size_t status_rows(const char *socket, const char *path);

#endif
