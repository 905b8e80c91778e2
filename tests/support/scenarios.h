/*
 * What a server may do to a client: each scenario is what the server says, after how many commands,
 * and what the client's callbacks must have been told. SPDX: MIT
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <stddef.h>
#include <stdint.h>

#define TURN_LIMIT ((size_t)6)

enum finish {
    STAY,
    EOF_AT_END,
    RESET_AT_END,
    SILENCE_AT_END, /* the client's deadline of opening comes */
    LATE            /* the last turn comes after the deadline of the commands */
};

struct turn {
    size_t after; /* commands that the client must have sent before */
    const char *text;
    size_t length;
};

struct scenario {
    const char *name;
    unsigned commands; /* that the client sends when ready: query-1, query-2, ... */
    enum finish finish;
    struct turn turns[TURN_LIMIT]; /* those without a text are none */
    const char *log;               /* as in peer.c */
    uint64_t dropped;
    size_t max_message;
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

#endif
