/* Monitor addresses, and one non-blocking attempt to connect to one. SPDX: MIT */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "qmpclient.h"

struct addrinfo;

enum address_kind { ADDRESS_UNIX, ADDRESS_TCP, ADDRESS_DESCRIPTOR };

struct address {
    enum address_kind kind;
    char *path;        /* UNIX */
    char *host, *port; /* TCP; the port is digits */
    int descriptor;    /* owned; -1: none */
};

/* 0, or -1 with *error set; nothing is owned then, not even the descriptor of an fd: address. */
int address_parse(const char *text, struct address *address, struct qmp_error *error);
void address_free(struct address *address);

/* A connected, non-blocking descriptor. -1: errno tells why; ENOTSOCK where path is no socket,
 * EAGAIN where its backlog is full. */
int address_connect_unix(const char *path);

/* The same for one TCP address; it becomes writable when it is connected, or has failed. */
int address_connect_tcp(const struct addrinfo *target);

/*
 * Whether a connected TCP socket is its own peer: who asks for a port of its own machine where
 * nobody listens may be given that port for its own end, and then has connected itself to itself.
 */
bool address_is_own(int descriptor);

/* Makes an inherited descriptor fit for the event loop. -1: errno tells why, ENOTSOCK or EPROTOTYPE
 * where it is no stream socket. */
int address_adopt(int descriptor);

#endif
