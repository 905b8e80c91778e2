/*
 * libqmpclient: a client of QEMU's machine protocol (QMP) on libevent and jansson.
 *
 * One struct qmp_client is one connection to one monitor. Everything happens in the event loop of
 * the event_base that it was made with; nothing here blocks, prints, or keeps global state. Not
 * thread-safe: use a client from the thread that runs its event_base.
 *
 * Rules that hold for every callback of this header:
 *  - it runs exactly once where a request asked for it (reply, ready), in the event loop, never
 *    before the call that asked for it has returned;
 *  - the client may be destroyed inside it, and new commands may be sent inside it;
 *  - what it is handed is borrowed: take a reference (json_incref) or copy what must live longer.
 *
 * Times are in milliseconds. Sizes are in bytes. SPDX-License-Identifier: MIT
 */
#ifndef QMPCLIENT_H
#define QMPCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define QMP_API __attribute__((visibility("default")))
#else
#define QMP_API
#endif

struct event_base;
struct qmp_client;

enum qmp_error_code {
    QMP_ERROR_NONE = 0,
    QMP_ERROR_INVALID, /* the caller's argument cannot be sent; nothing was sent */
    QMP_ERROR_MEMORY,  /* out of memory */
    QMP_ERROR_CONNECT, /* no connection: no such socket, refused, ...; see sys_errno */
    QMP_ERROR_BUSY,    /* the monitor serves another client, whom text names where it can be seen */
    QMP_ERROR_TIMEOUT, /* no answer in time; the outcome of a command is unknown */
    QMP_ERROR_PROTOCOL, /* the server does not speak QMP */
    QMP_ERROR_TOO_BIG,  /* a message beyond the bound, or of more than a million values */
    QMP_ERROR_CLOSED,   /* the connection ended; the outcome of a command is unknown */
    QMP_ERROR_COMMAND,  /* QEMU answered with an error: error_class and text are QEMU's words */
    QMP_ERROR_CANCELED  /* the client was destroyed before the answer */
};

/* What the client was doing when it failed. */
enum qmp_phase { QMP_PHASE_CONNECT, QMP_PHASE_GREETING, QMP_PHASE_NEGOTIATION, QMP_PHASE_COMMAND };

/* Caller-owned, fixed size; strings are always terminated, long ones cut. */
struct qmp_error {
    enum qmp_error_code code;
    enum qmp_phase phase;
    int sys_errno;        /* errno where the system said no, else 0 */
    char error_class[64]; /* QMP error class, empty unless code is QMP_ERROR_COMMAND */
    char text[512];       /* one line for people, without the address */
};

struct qmp_version {
    unsigned major, minor, micro;
    char package[64]; /* empty where the greeting has none */
};

struct qmp_event {
    const char *name;
    json_t *data;    /* an object, empty where the event has no data */
    int64_t seconds; /* host time of the event since the epoch; -1 where unknown */
    int64_t microseconds;
};

enum qmp_direction { QMP_SENT, QMP_RECEIVED };

/* error is NULL when the monitor is ready for commands. */
typedef void qmp_ready_cb(struct qmp_client *client, const struct qmp_error *error, void *arg);
/* Exactly one of value (the reply's "return") and error is not NULL. */
typedef void qmp_reply_cb(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                          void *arg);
typedef void qmp_event_cb(struct qmp_client *client, const struct qmp_event *event, void *arg);
/* The connection ended after it was ready; pending replies have been told before. */
typedef void qmp_closed_cb(struct qmp_client *client, const struct qmp_error *error, void *arg);
/* One whole message of the wire, without its line end; not terminated. In what is sent, passwords
 * and the data of secrets are shown as "***". */
typedef void qmp_trace_cb(struct qmp_client *client, enum qmp_direction direction, const char *text,
                          size_t length, void *arg);

struct qmp_client_options {
    size_t max_message; /* bound on a message from the server; 0: 64 MiB */
    bool no_oob;        /* do not enable out-of-band commands even where offered */
    qmp_event_cb *on_event;
    qmp_closed_cb *on_closed;
    qmp_trace_cb *on_trace;
    void *arg; /* handed to the three above */
};

/* A client that is not connected yet. options may be NULL and is copied. NULL: out of memory. */
QMP_API struct qmp_client *qmp_client_new(struct event_base *base,
                                          const struct qmp_client_options *options);

/*
 * Connects to address, reads the greeting and negotiates capabilities, all within timeout_ms (0: no
 * deadline); then calls ready once. address: the path of a UNIX socket (of any length), HOST:PORT,
 * [V6]:PORT, unix:PATH, or fd:N (a connected socket, which the client owns from then on; what is no
 * stream socket is refused and left open). A host name is looked up in a thread, since that may
 * take long, and its addresses are tried in turn, each for its part of the time. wait_ms: how long
 * to wait for a socket that is not there yet or refuses; 0: not at all; counted before timeout_ms.
 *
 * A monitor that serves somebody else takes the connection but does not greet: QMP_ERROR_BUSY after
 * timeout_ms, which names the other process where the system shows it. Do not try again in a loop:
 * each attempt takes one of the two places in the monitor's backlog until its holder leaves.
 *
 * Returns 0, or -1 with *error set when address can be no address, or when the client was connected
 * before: a client is for one connection. ready is not called then. error may be NULL, and so may
 * ready.
 */
QMP_API int qmp_client_connect(struct qmp_client *client, const char *address, int64_t wait_ms,
                               int64_t timeout_ms, qmp_ready_cb *ready, void *arg,
                               struct qmp_error *error);

/*
 * Sends a command, or queues it while eight are in flight; commands are sent in order. Inside a
 * callback of the client it is written when all that was read has been told, so that a burst of
 * commands is one write.
 * arguments: an object, borrowed, may be NULL. reply may be NULL. timeout_ms counts from the moment
 * it is written to the socket, or from when the eight in flight hold it up: those of them
 * with a deadline have had no answer in time; 0: no deadline. QEMU still has a command after its
 * deadline: it keeps its place among the eight until its reply comes, which is dropped and counted.
 * Returns 0, or -1 with *error set (may be NULL) when it can not be sent (not connected, no UTF-8,
 * code points that QEMU refuses, too deep, too long); reply is not called then.
 */
QMP_API int qmp_client_send(struct qmp_client *client, const char *command, const json_t *arguments,
                            int64_t timeout_ms, qmp_reply_cb *reply, void *arg,
                            struct qmp_error *error);

/* The same out of band ("exec-oob"): overtakes what is in flight. Only where qmp_client_has_oob. */
QMP_API int qmp_client_send_oob(struct qmp_client *client, const char *command,
                                const json_t *arguments, int64_t timeout_ms, qmp_reply_cb *reply,
                                void *arg, struct qmp_error *error);

QMP_API bool qmp_client_is_ready(const struct qmp_client *client);
QMP_API bool qmp_client_has_oob(const struct qmp_client *client);
/* From the greeting; all zero before it. */
QMP_API const struct qmp_version *qmp_client_version(const struct qmp_client *client);
/*
 * The process that serves this connection of a UNIX socket: it has the other end, or would have
 * when it accepts. The kernel's own word (SO_PEERCRED) is who began to listen; that process may
 * have handed the socket on, as libvirt does (QEMU from 7.2 begins again, 5.2 does not), so the
 * socket tables and /proc are asked who has it, which costs some 20 us. Where the descriptors of
 * that process cannot be seen, as those of another user's, the kernel's word stands. 0: not known
 * (no connection, TCP, another PID namespace).
 */
QMP_API pid_t qmp_client_server_pid(const struct qmp_client *client);
/* How many commands are in flight or queued. */
QMP_API size_t qmp_client_pending(const struct qmp_client *client);
/* Messages that were dropped, since the client was made: replies that matched no command (late,
 * unknown or missing id), and what is no QMP message. */
QMP_API uint64_t qmp_client_dropped(const struct qmp_client *client);

/*
 * Ends the connection at once and frees the client. Replies still pending are told
 * QMP_ERROR_CANCELED from the event loop afterwards, with client NULL, so the loop has to run once
 * more before its base is freed; ready and on_closed are not called any more.
 * QEMU drops commands that it has not read yet: wait for the replies that matter. NULL is fine.
 */
QMP_API void qmp_client_free(struct qmp_client *client);

/* A process that uses a monitor. pid 0: one that cannot be seen from here; name is then empty for
 * one of this host, such as another user's, and else the address of its host. */
struct qmp_holder {
    pid_t pid;
    char name[64];
};

/*
 * Whether the monitor at this address serves somebody now, out of the kernel's socket tables and
 * /proc; nothing is connected, and no name looked up. address: as qmp_client_connect takes it; of
 * TCP those of this host, as numbers or "localhost". 1: yes, in *holder; 0: nobody; -1: the system
 * does not tell, as of another host or of fd:N. The answer may be outdated as soon as it is given.
 */
QMP_API int qmp_monitor_holder(const char *address, struct qmp_holder *holder);

/*
 * Integers of QEMU reach 2^64-1, jansson's stop at 2^63-1. Those above are kept exact inside a
 * json_t in a form of this library's own. qmp_json_uint64 reads any non-negative integer; false
 * where value is none. qmp_json_dumps writes compact JSON (or indented by two with pretty) in
 * which they are numbers again, real numbers with no more digits than they need; the caller frees
 * the text; NULL: out of memory. qmp_json_loads reads any JSON value so, for arguments that may
 * hold such integers; NULL where it is none, and *error (may be NULL) says why; its position is
 * that in text, or close to it.
 */
QMP_API bool qmp_json_uint64(const json_t *value, uint64_t *number);
QMP_API char *qmp_json_dumps(const json_t *value, bool pretty);
QMP_API json_t *qmp_json_loads(const char *text, size_t length, json_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
