/*
 * The commands of one connection: waiting for their turn, then in flight, in order.
 *
 * A command that had no answer in time is told so, but QEMU still has it: it keeps its place among
 * those in flight (abandoned) until its late reply comes. SPDX: MIT
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "qmpclient.h"

/* QEMU stops reading beyond (QMP_REQ_QUEUE_LEN_MAX in monitor/monitor-internal.h). */
#define REQUEST_IN_BAND_LIMIT 8

struct request {
    struct request *next;
    int64_t id;
    char *bytes; /* NULL when they are written */
    size_t length;
    int64_t timeout_ms;
    int64_t deadline_ms; /* 0: none, or not begun yet */
    bool oob, abandoned;
    qmp_reply_cb *reply;
    void *arg;
};

struct request_list {
    struct request *first, **end;
};

struct request_queue {
    struct request_list waiting, flying;
    struct request *unwritten; /* the first in flight that is not wholly written */
    size_t pending;            /* those that are still to be told, waiting or in flight */
    size_t in_band, abandoned; /* in flight: in-band ones, and of these the abandoned */
};

void request_queue_init(struct request_queue *queue);

/* Every place is held by a command that had no answer in time, or that has no deadline behind one
 * that had none: the server is stuck. Those that wait for a place could wait for ever, so their
 * time begins as well. */
bool request_queue_is_stuck(const struct request_queue *queue);

/* Queues it. Out-of-band ones overtake those that wait. now_ms counts where the server is stuck. */
void request_queue_add(struct request_queue *queue, struct request *request, int64_t now_ms);

/* The next that may fly, now flying; its time begins. NULL: none may. */
struct request *request_queue_launch(struct request_queue *queue, int64_t now_ms);

/* So many bytes, beginning at unwritten, have been written in full requests. */
void request_queue_written(struct request_queue *queue);

/* Takes the one that is in flight with this id, for the caller to free; NULL: none such. */
struct request *request_queue_take(struct request_queue *queue, int64_t id);

/*
 * The next whose deadline has passed; its callback is to be told by the caller, with
 * request_tell. One in flight stays and is abandoned; a waiting one is taken (*taken).
 */
struct request *request_queue_expire(struct request_queue *queue, int64_t now_ms, bool *taken);

/* Takes the first one, in flight or waiting, for the end of the connection. */
struct request *request_queue_take_first(struct request_queue *queue, bool *was_flying);

/* The earliest deadline; 0: none. */
int64_t request_queue_deadline(const struct request_queue *queue);

void request_free(struct request *request);

#endif
