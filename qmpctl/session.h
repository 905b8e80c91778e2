/* What every command needs around its work: an event loop, the VM, signals. SPDX: MIT */
#ifndef QMPCTL_SESSION_H
#define QMPCTL_SESSION_H

#include "options.h"
#include "vm.h"

struct event_base;

struct session {
    struct event_base *base;
    struct vm *vm;
};

/* An event loop for one thread; NULL: out of memory. */
struct event_base *session_base_new(void);
/* After the clients on it were freed: what they owe is told first. NULL is fine. */
void session_base_free(struct event_base *base);

/* Sets *error for a command line that names no VM; -1. */
int session_no_socket(struct error *error);

/* 0, or -1 with *error set. session_close is right in either case. */
int session_open(struct session *session, const struct options *options, struct error *error);
void session_close(struct session *session);

/* Runs the loop until the VM is connected. 0 or -1. */
int session_connect(struct session *session, struct error *error);

/* The VM's memory; NULL with *error set. Connects first. */
struct memory *session_snapshot(struct session *session, const struct options *options,
                                struct error *error);

/* One command and its reply, for the caller to release; NULL with *error set. */
json_t *session_command(struct session *session, const char *command, const json_t *arguments,
                        int64_t timeout, struct error *error);

#endif
