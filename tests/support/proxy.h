/*
 * Stands between the program and a monitor, passes whole messages on, and does something bad at one
 * of them. It serves one connection after the other in a thread of its own; a client that is killed
 * takes its connection to the monitor with it, as it would without a proxy. SPDX: MIT
 */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct proxy;

enum proxy_moment {
    PROXY_BEFORE, /* the message has come and is not passed on yet */
    PROXY_AFTER   /* it was passed on */
};

enum proxy_verdict {
    PROXY_GO_ON,
    PROXY_CUT /* both connections end now */
};

/* client: the process that is connected. Runs in the proxy's thread: no assertions. It may say what
 * is to happen at a later message. */
typedef enum proxy_verdict proxy_fault(pid_t client, void *arg);

struct proxy *proxy_start(const char *monitor);
const char *proxy_path(const struct proxy *proxy);

/* Once, at this message of the next connection, both directions counted together from 0. */
void proxy_at(struct proxy *proxy, size_t message, enum proxy_moment moment, proxy_fault *fault,
              void *arg);
/* Once, at the next message that holds this text. */
void proxy_on(struct proxy *proxy, const char *text, enum proxy_moment moment, proxy_fault *fault,
              void *arg);
/* Whether that message has come. */
bool proxy_has_struck(struct proxy *proxy);
/* When it came, as clock_now says; 0: it has not. */
double proxy_struck_at(struct proxy *proxy);
/* When the monitor ended a connection last, as clock_now says; 0: not since the text or the message
 * was set. */
double proxy_monitor_left(struct proxy *proxy);

/* Faults: the client is killed; both connections are cut. */
enum proxy_verdict proxy_kill_client(pid_t client, void *arg);
enum proxy_verdict proxy_cut(pid_t client, void *arg);

/* NULL is fine. */
void proxy_stop(struct proxy *proxy);

#endif
