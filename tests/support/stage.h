/*
 * A stage for connecting: a folder, an event loop, a server in it whose manners the test chooses,
 * and what the client was told. SPDX: MIT
 */
#ifndef STAGE_H
#define STAGE_H

#include <stdbool.h>

#include <event2/event.h>

#include "qmpclient.h"

/* Nothing here takes longer. */
#define LIMIT_MS 20000

/* What a server does with those who come. */
enum manner {
    IGNORES, /* does not take the connection */
    SILENT,  /* takes it and says nothing */
    GREETS,  /* and does not answer the negotiation */
    SERVES
};

struct server {
    enum manner manner;
    int listener, served; /* -1: none */
    struct event *coming, *saying, *later;
};

/* One test's folder, loop and server, and what the client was told. */
struct stage {
    char folder[32], path[64];
    struct event_base *base;
    struct server server;
    int64_t command_timeout; /* of a command that is sent when it is ready; 0: none is */
    bool told;
    struct qmp_error error; /* code NONE: it was ready, and the command was answered */
    double seconds;
};

void stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* A socket of the server at this path; it does not listen yet. type: SOCK_STREAM or another. */
void stage_bind(struct stage *stage, const char *path, int type);
void stage_listen(struct stage *stage, int backlog);
/* Both at the stage's own path. */
void stage_serve(struct stage *stage, enum manner manner);
/* The callback of an event whose argument is the stage: binds, if nothing is bound, and listens. */
void stage_on_later(evutil_socket_t fd, short what, void *arg);

/* Connects until told, and frees the client. */
void stage_connect(struct stage *stage, const char *address, int64_t wait, int64_t timeout);
/* The callback for a client that is connected otherwise; arg: the stage. */
void stage_on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg);

/* It was told this; text is a part of the error's. */
void stage_expect(const struct stage *stage, enum qmp_error_code code, enum qmp_phase phase,
                  int number, const char *text);
void stage_expect_ready(const struct stage *stage);

#endif
