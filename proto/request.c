#include "request.h"

#include <stdlib.h>

static void list_init(struct request_list *list)
{
    *list = (struct request_list){.end = &list->first};
}

static void list_append(struct request_list *list, struct request *request)
{
    request->next = NULL;
    *list->end = request;
    list->end = &request->next;
}

static struct request *list_take(struct request_list *list, struct request **place)
{
    struct request *request = *place;

    *place = request->next;
    if (!*place)
        list->end = place;
    request->next = NULL;
    return request;
}

void request_queue_init(struct request_queue *queue)
{
    *queue = (struct request_queue){0};
    list_init(&queue->waiting);
    list_init(&queue->flying);
}

/* Every place is held by a command that had no answer in time: the server is stuck. Those that wait
 * for a place would wait for ever, so their time begins as well. */
static bool is_stuck(const struct request_queue *queue)
{
    return queue->abandoned >= REQUEST_IN_BAND_LIMIT;
}

static void start_clock(struct request *request, int64_t now_ms)
{
    request->deadline_ms = request->timeout_ms > 0 ? now_ms + request->timeout_ms : 0;
}

void request_queue_add(struct request_queue *queue, struct request *request, int64_t now_ms)
{
    struct request **place;

    queue->pending++;
    if (is_stuck(queue))
        start_clock(request, now_ms);
    if (!request->oob) {
        list_append(&queue->waiting, request);
        return;
    }
    place = &queue->waiting.first;
    while (*place && (*place)->oob)
        place = &(*place)->next;
    request->next = *place;
    *place = request;
    if (!request->next)
        queue->waiting.end = &request->next;
}

struct request *request_queue_launch(struct request_queue *queue, int64_t now_ms)
{
    struct request *request = queue->waiting.first;

    if (!request || (!request->oob && queue->in_band >= REQUEST_IN_BAND_LIMIT))
        return NULL;
    list_take(&queue->waiting, &queue->waiting.first);
    list_append(&queue->flying, request);
    if (!queue->unwritten)
        queue->unwritten = request;
    queue->in_band += !request->oob;
    start_clock(request, now_ms);
    return request;
}

void request_queue_written(struct request_queue *queue)
{
    free(queue->unwritten->bytes);
    queue->unwritten->bytes = NULL;
    queue->unwritten = queue->unwritten->next;
}

/* A place among those in flight becomes free. */
static struct request *land(struct request_queue *queue, struct request **place)
{
    struct request *request = list_take(&queue->flying, place);

    if (!request->oob) {
        queue->in_band--;
        queue->abandoned -= request->abandoned;
    }
    queue->pending -= !request->abandoned;
    return request;
}

struct request *request_queue_take(struct request_queue *queue, int64_t id)
{
    for (struct request **place = &queue->flying.first; *place; place = &(*place)->next) {
        /* Nobody can answer what has not been written yet. */
        if ((*place)->id == id && !(*place)->bytes)
            return land(queue, place);
    }
    return NULL;
}

static bool is_due(const struct request *request, int64_t now_ms)
{
    return request->deadline_ms && request->deadline_ms <= now_ms;
}

static struct request *abandon(struct request_queue *queue, struct request *request, int64_t now_ms)
{
    request->abandoned = true;
    request->deadline_ms = 0;
    queue->pending--;
    queue->abandoned += !request->oob;
    if (is_stuck(queue)) {
        for (struct request *other = queue->waiting.first; other; other = other->next) {
            if (!other->deadline_ms)
                start_clock(other, now_ms);
        }
    }
    return request;
}

struct request *request_queue_expire(struct request_queue *queue, int64_t now_ms, bool *taken)
{
    *taken = false;
    for (struct request *request = queue->flying.first; request; request = request->next) {
        if (is_due(request, now_ms))
            return abandon(queue, request, now_ms);
    }
    for (struct request **place = &queue->waiting.first; is_stuck(queue) && *place;
         place = &(*place)->next) {
        if (is_due(*place, now_ms)) {
            *taken = true;
            queue->pending--;
            return list_take(&queue->waiting, place);
        }
    }
    return NULL;
}

struct request *request_queue_take_first(struct request_queue *queue, bool *was_flying)
{
    *was_flying = queue->flying.first != NULL;
    queue->unwritten = NULL;
    if (*was_flying)
        return land(queue, &queue->flying.first);
    if (!queue->waiting.first)
        return NULL;
    queue->pending--;
    return list_take(&queue->waiting, &queue->waiting.first);
}

static int64_t earliest(const struct request_list *list, int64_t so_far)
{
    for (const struct request *request = list->first; request; request = request->next) {
        if (request->deadline_ms && (!so_far || request->deadline_ms < so_far))
            so_far = request->deadline_ms;
    }
    return so_far;
}

int64_t request_queue_deadline(const struct request_queue *queue)
{
    int64_t deadline = earliest(&queue->flying, 0);

    return is_stuck(queue) ? earliest(&queue->waiting, deadline) : deadline;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    free(request->bytes);
    free(request);
}
