/* Which process a monitor's socket serves now, out of the kernel's socket tables. SPDX: MIT */
#ifndef HOLDER_H
#define HOLDER_H

#include "qmpclient.h"

enum holder_status {
    HOLDER_FOUND,  /* *holder is set */
    HOLDER_HIDDEN, /* somebody whose process we may not see */
    HOLDER_NOBODY, /* no other client is served */
    HOLDER_SELF,   /* the server has accepted the connection of except */
    HOLDER_UNKNOWN /* the system does not tell */
};

/* except: a descriptor that is connected to path itself and does not count; -1: none. */
enum holder_status holder_find(const char *path, int except, struct qmp_holder *holder);

/* What qmp_client_server_pid tells of this descriptor. path: the monitor's; NULL: unknown. */
pid_t holder_server(const char *path, int descriptor);

/* Whether the process is stopped, by a signal or a debugger. */
bool holder_is_stopped(pid_t pid);

#endif
