/*
 * Turns a host name into addresses without blocking the event loop: in a thread of its own, since
 * the C library has no other way. Numeric addresses need none. SPDX: MIT
 */
#ifndef RESOLVER_H
#define RESOLVER_H

#include <netdb.h>

struct event_base;
struct resolver;

/* status: 0 or what gai_strerror explains; found: for freeaddrinfo by the callee. */
typedef void resolver_cb(int status, struct addrinfo *found, void *arg);

/* Numeric addresses only, at once; the result of getaddrinfo. */
int resolver_numeric(const char *host, const char *port, struct addrinfo **found);

/* done is called once from the event loop, unless resolver_free comes first, after which this
 * resolver is gone. NULL: out of memory or threads. */
struct resolver *resolver_new(struct event_base *base, const char *host, const char *port,
                              resolver_cb *done, void *arg);

/* Forgets it, whether it has an answer or not. NULL is fine. */
void resolver_free(struct resolver *resolver);

#endif
