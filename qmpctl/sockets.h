/* Which VMs are meant: the addresses that --socket or QMPCTL_SOCKET name. SPDX: MIT */
#ifndef QMPCTL_SOCKETS_H
#define QMPCTL_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

struct sockets {
    char **addresses;
    size_t count;
    bool many; /* several were named, or a glob: a list is expected, also of one */
};

/*
 * Adds an address, or the sockets that a glob (a word with '*', '?' or '[') stands for, in
 * alphabetical order; one that was named before is left out. A word that is the path of something
 * is no glob, nor is [V6]:PORT; a glob that matches no socket is kept as it is, for connecting to
 * say so. 0, or -1: out of memory.
 */
int sockets_add(struct sockets *sockets, const char *word);
void sockets_free(struct sockets *sockets);

#endif
