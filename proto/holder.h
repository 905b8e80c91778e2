/* Which process a monitor's socket serves now, out of the kernel's socket tables. SPDX: MIT */
#ifndef HOLDER_H
#define HOLDER_H

#include "qmpclient.h"

struct addrinfo;

/* The more it tells, the earlier it stands. */
enum holder_status {
    HOLDER_FOUND,  /* *holder is set */
    HOLDER_HIDDEN, /* somebody whose process we may not see; *holder has the name of its host, "":
                      this one */
    HOLDER_SELF,   /* the server has accepted the connection of except */
    HOLDER_NOBODY, /* no other client is served */
    HOLDER_UNKNOWN /* the system does not tell */
};

/* except: a descriptor that is connected to path itself and does not count; -1: none. */
enum holder_status holder_find(const char *path, int except, struct qmp_holder *holder);

/* The same for a monitor with these TCP addresses: it may listen at all of them, and serve its
 * client at another than except is connected to. */
enum holder_status holder_find_at(const struct addrinfo *targets, int except,
                                  struct qmp_holder *holder);

/* The same for the monitor at the other end of this descriptor, which does not count. */
enum holder_status holder_find_peer(int descriptor, struct qmp_holder *holder);

/* What qmp_client_server_pid tells of this descriptor. path: the monitor's; NULL: unknown. */
pid_t holder_server(const char *path, int descriptor);

/* Whether the process is stopped, by a signal or a debugger. */
bool holder_is_stopped(pid_t pid);

#endif
