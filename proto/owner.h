/* Which process has a socket, as /proc shows it. SPDX: MIT */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct qmp_holder;

enum possession {
    POSSESSED,
    NOT_POSSESSED,
    NOT_SHOWN /* it is gone, or its descriptors may not be looked at */
};

/* Whether this process has a descriptor of the socket with this inode. */
enum possession owner_has(pid_t pid, uint32_t inode);

/* The first process found that has one, and its name as one line. */
bool owner_find(uint32_t inode, struct qmp_holder *holder);

#endif
