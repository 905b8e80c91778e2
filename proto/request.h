/* The commands of one connection: waiting to be sent, then in flight, in order. SPDX: MIT */
#ifndef REQUEST_H
#define REQUEST_H

#include "qmpclient.h"

struct request {
    struct request *next;
    int64_t id;
    char *bytes; /* until sent */
    size_t length;
    int64_t timeout_ms;
    int64_t deadline_ms; /* 0: none; set when sent */
    bool oob, sent;
    qmp_reply_cb *reply;
    void *arg;
};

struct request_list {
    struct request *first, **end;
    size_t count, in_flight;
};

void request_list_init(struct request_list *list);
void request_list_add(struct request_list *list, struct request *request);
/* Takes the request that was sent with this id out of the list; NULL: none such. */
struct request *request_list_take(struct request_list *list, int64_t id);
/* Takes the first one, whatever its state. */
struct request *request_list_take_first(struct request_list *list);
/* Takes one whose deadline has passed. */
struct request *request_list_take_expired(struct request_list *list, int64_t now_ms);
/* The next to be written, or NULL: out-of-band ones at once, others while fewer than limit fly. */
struct request *request_list_sendable(struct request_list *list, size_t limit);
/* The earliest deadline, 0 where there is none. */
int64_t request_list_deadline(const struct request_list *list);
void request_mark_sent(struct request_list *list, struct request *request, int64_t now_ms);
void request_free(struct request *request);

#endif
