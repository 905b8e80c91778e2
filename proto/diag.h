/* Asks the kernel for its sockets (NETLINK_SOCK_DIAG). SPDX: MIT */
#ifndef DIAG_H
#define DIAG_H

#include <stdbool.h>
#include <stddef.h>

/* What the kernel says of one socket, its attributes included; it is not kept. */
typedef void diag_cb(const void *message, size_t size, void *arg);

/*
 * request: what the kernel's header for the kind of socket calls one. every: all that fit it, else
 * the one that it names. least: the size of a message without attributes; what is smaller is no
 * socket. False: the kernel does not tell, or has not told all.
 */
bool diag_ask(const void *request, size_t size, bool every, size_t least, diag_cb *each, void *arg);

#endif
