/* Monitor addresses, and the non-blocking connect to one. SPDX: MIT */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "qmpclient.h"

enum address_kind { ADDRESS_UNIX, ADDRESS_TCP, ADDRESS_DESCRIPTOR };

struct address {
    enum address_kind kind;
    char *path; /* UNIX */
    char *host, *port;
    int descriptor;
};

/* 0, or -1 with *error set. */
int address_parse(const char *text, struct address *address, struct qmp_error *error);
void address_free(struct address *address);

/*
 * A non-blocking descriptor that is connected, or (*in_progress) about to be. -1: errno tells why;
 * ENOTSOCK where the path is no socket. Host names are resolved in place: give numeric addresses
 * where that must not block.
 */
int address_connect(const struct address *address, bool *in_progress);

#endif
