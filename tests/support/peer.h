/*
 * The two ends of one connection in one process and one event loop, without a thread: what the
 * server says is written byte for byte by the test, and what the client's callbacks were told is
 * kept as text. For tests that must control every cut and every order. SPDX: MIT
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "qmpclient.h"

#define PEER_GREETING                                                                              \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "             \
    "\"package\": \"v10.0.2\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define PEER_NEGOTIATED "{\"return\": {}, \"id\": 1}\r\n"

/* In which callback the client destroys itself. */
enum peer_doom {
    DOOM_NONE,
    DOOM_READY,
    DOOM_REPLY,
    DOOM_EVENT,
    DOOM_CLOSED,
    DOOM_SENT,
    DOOM_RECEIVED
};

struct peer {
    struct event_base *base;
    struct qmp_client *client; /* NULL when it was destroyed */
    char *heard;               /* all that the client sent, terminated */
    size_t heard_length;
    size_t commands; /* whole ones in it */
    char *log;       /* what the callbacks were told: see peer.c */
    size_t log_length;
    int64_t command_timeout;
    int server;               /* our end; -1: closed */
    unsigned send_when_ready; /* so many commands query-1, query-2, ... at once */
    enum peer_doom doom;
    unsigned
        doom_countdown; /* the same, in the callback of this number, whichever it is; 0: none */
    bool peeks; /* looks at what the client sends without taking it: then closing is a reset */
    bool tcp;   /* a TCP connection, not a UNIX one */
    bool deaf;  /* does not read at all */
    bool shares_base; /* base was set before the start and stays after the stop */
};

/* A connected client with these settings; options' callbacks are replaced by those that log.
 * timeout_ms: of connecting. */
void peer_start(struct peer *peer, const struct qmp_client_options *options, int64_t timeout_ms);

/* The same with a client that is ready for commands; nothing is logged nor heard yet. */
void peer_open(struct peer *peer);

/* Sends a command whose outcome is logged under its name. */
void peer_command(struct peer *peer, const char *command, const json_t *arguments);
void peer_command_oob(struct peer *peer, const char *command);

/* A command that is refused before it is sent; takes the arguments over. */
void peer_expect_invalid(struct peer *peer, const char *command, json_t *arguments);

/* The callback of both, for a command sent otherwise; arg: struct peer_command from
 * peer_command_new. */
struct peer_command;
struct peer_command *peer_command_new(struct peer *peer, const char *name);
void peer_on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                   void *arg);

/* The server says this, and the client works until it has nothing more to do. */
void peer_say(struct peer *peer, const char *bytes, size_t length);
void peer_say_text(struct peer *peer, const char *text);
/* {"return": ID, "id": ID} for each of these. */
void peer_reply(struct peer *peer, int first, int last);
/* The server closes. */
void peer_hang_up(struct peer *peer);

/* Runs the loop until the client has read everything; does not wait. */
void peer_pump(struct peer *peer);
/* Runs the loop for so long. */
void peer_run_for(struct peer *peer, long milliseconds);
/* Runs the loop, waiting, until the log holds this text; fails the test after seconds. */
void peer_await(struct peer *peer, const char *text);

/* The log so far must be exactly this; then it is emptied. */
void peer_expect_log(struct peer *peer, const char *text);

/* Adds a line to the log. */
__attribute__((format(printf, 2, 3))) void peer_note(struct peer *peer, const char *format, ...);

void peer_stop(struct peer *peer);

/* The name of a code or phase, for the log. */
const char *peer_code_name(enum qmp_error_code code);
const char *peer_phase_name(enum qmp_phase phase);

#endif
