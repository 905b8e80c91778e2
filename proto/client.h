/*
 * One connection as a state machine on libevent, in four rooms:
 *
 *   client.c        its life, its states, its one timer, its end
 *   opening.c       from an address to a connected descriptor, and why that failed
 *   wire.c          bytes in and out of the descriptor
 *   conversation.c  messages: greeting, negotiation, commands, replies, events
 *
 *   state         | descriptor | timer             | left by
 *   --------------+------------+-------------------+---------------------------------------
 *   IDLE          | -          | -                 | qmp_client_connect -> WAITING
 *   WAITING       | -          | the next attempt  | an attempt -> RESOLVING, CONNECTING, GREETING
 *   RESOLVING     | -          | of the opening    | the addresses -> CONNECTING, GREETING
 *   CONNECTING    | yes        | of the opening    | connected -> GREETING; refused -> WAITING
 *   GREETING      | yes        | of the opening    | the greeting -> NEGOTIATING
 *   NEGOTIATING   | yes        | of the opening    | the reply -> READY
 *   READY         | yes        | of commands       | -
 *   ENDED         | -          | -                 | -
 *
 * Every state may become ENDED. client_enter is the one function that changes it. SPDX: MIT
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "address.h"
#include "framer.h"
#include "request.h"

struct event;
struct resolver;

enum client_state {
    CLIENT_IDLE,
    CLIENT_WAITING,
    CLIENT_RESOLVING,
    CLIENT_CONNECTING,
    CLIENT_GREETING,
    CLIENT_NEGOTIATING,
    CLIENT_READY,
    CLIENT_ENDED
};

struct qmp_client {
    struct event_base *base;
    struct qmp_client_options options;
    enum client_state state;
    unsigned dispatching; /* callbacks on the stack */
    bool destroyed;       /* freed inside one of them */
    struct event *timer;
    int64_t timer_at; /* when it will run; 0: it is not armed */

    /* opening */
    struct address address;
    struct resolver *resolver;
    struct addrinfo *targets, *target; /* what the host name stands for; the next to be tried */
    int64_t wait_until, retry_at;
    int64_t open_timeout, open_deadline; /* 0: none */
    int64_t target_deadline; /* of one address, where there are more to be tried; 0: none */
    qmp_ready_cb *ready;     /* NULL when it has been told */
    void *ready_arg;

    /* wire */
    int descriptor;
    struct event *readable, *writable;
    struct framer framer;
    size_t written; /* bytes of queue.unwritten */
    int send_errno; /* writing has failed; what can still be read is read first */
    bool corked;    /* commands are written together, when all that was read has been told */

    /* conversation */
    struct request_queue queue;
    int64_t next_id;
    struct qmp_version version;
    bool oob_asked, oob; /* during negotiation, and granted */
    uint64_t dropped;
};

/* ---- client.c ---- */

/* Milliseconds of a clock that only goes on, never 0. */
int64_t client_now(void);

/* The process that serves it, where that is stopped; 0: it is not, or cannot be seen. */
pid_t client_stopped_server(const struct qmp_client *client);

/* now + delay without overflow. */
int64_t client_later(int64_t delay_ms);

/* Changes the state, and sees to the timer. */
void client_enter(struct qmp_client *client, enum client_state state);

/* To be called when a deadline may have become earlier. False: out of memory; the next call tries
 * again. */
bool client_arm_timer(struct qmp_client *client);

/* The client was destroyed or its connection has ended: nothing more may be told or sent. */
bool client_is_over(const struct qmp_client *client);

/* Around everything that may call back: a client destroyed meanwhile stays until the outermost
 * dispatch_end. False: it is gone. */
void client_dispatch_begin(struct qmp_client *client);
bool client_dispatch_end(struct qmp_client *client);

/*
 * Ends the connection and tells everyone who waits. The client may be gone when this returns: it
 * is the last thing that a function does with it.
 */
__attribute__((format(printf, 4, 5))) void client_end(struct qmp_client *client,
                                                      enum qmp_error_code code, int sys_errno,
                                                      const char *format, ...);

/* Tells the reply and frees the request. */
void client_tell(struct qmp_client *client, struct request *request, json_t *value,
                 const struct qmp_error *error);

/* ---- opening.c ---- */

/* One attempt to connect; the state is WAITING. */
void opening_attempt(struct qmp_client *client);

/* The descriptor of an attempt became writable: it is connected, or not. */
void opening_progress(struct qmp_client *client);

/* The time for connection, greeting and negotiation is over, or that of one of several addresses.
 */
void opening_timeout(struct qmp_client *client);

/* Frees all that only opening needs. */
void opening_forget(struct qmp_client *client);

/* ---- wire.c ---- */

/* Takes the descriptor over and watches it. False: out of memory; the descriptor is closed. */
bool wire_open(struct qmp_client *client, int descriptor, bool in_progress);
void wire_close(struct qmp_client *client);

/* Writes as much as may fly and the socket takes. The client may be over when it returns. */
void wire_flush(struct qmp_client *client);

/* ---- conversation.c ---- */

/* Queues a command and writes what may be written. -1: *error is set; reply is not called then. */
int client_queue(struct qmp_client *client, struct request request, const char *command,
                 const json_t *arguments, struct qmp_error *error);

/* One JSON text from the server. The client may be over when it returns. */
void conversation_text(struct qmp_client *client, const char *text, size_t length);

#endif
