/* The kernel's list of UNIX sockets, searched for those of one monitor. SPDX: MIT */
#ifndef UNIX_SOCKETS_H
#define UNIX_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * What is searched for, and found. Both the listening socket and those that were accepted from it
 * carry the inode of the path; one that waits in the backlog has no inode of its own yet, and the
 * peer of an accepted one is the client's.
 */
struct unix_search {
    const char *path;
    struct stat place;
    /* Socket inodes; 0: none. server is the other end of except; it is none in the backlog. */
    uint32_t except, client, server, listener;
    bool seen, served_except;
};

/* path: NULL or gone: none is looked for. except: a descriptor whose other end is; -1: none. */
struct unix_search unix_search_for(const char *path, int except);

/* only: the inode of the one socket that is looked at; 0: all. False: the kernel does not tell. */
bool unix_search_run(struct unix_search *search, uint32_t only);

#endif
