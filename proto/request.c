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

bool request_queue_is_stuck(const struct request_queue *queue)
{
    if (queue->abandoned == 0 || queue->in_band < REQUEST_IN_BAND_LIMIT)
        return false;
    for (const struct request *request = queue->flying.first; request; request = request->next) {
        if (!request->oob && request->deadline_ms)
            return false;
    }
    return true;
}

static void start_clock(struct request *request, int64_t now_ms)
{
    if (request->timeout_ms <= 0)
        request->deadline_ms = 0;
    else if (request->timeout_ms < INT64_MAX - now_ms)
        request->deadline_ms = now_ms + request->timeout_ms;
    else
        request->deadline_ms = INT64_MAX;
}

/* To be called when it may have become stuck. */
static void start_waiting(struct request_queue *queue, int64_t now_ms)
{
    if (!request_queue_is_stuck(queue))
        return;
    for (struct request *request = queue->waiting.first; request; request = request->next) {
        if (!request->deadline_ms)
            start_clock(request, now_ms);
    }
}

void request_queue_add(struct request_queue *queue, struct request *request, int64_t now_ms)
{
    struct request **place;

    queue->pending++;
    if (request_queue_is_stuck(queue))
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
    start_waiting(queue, now_ms);
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
    start_waiting(queue, now_ms);
    return request;
}

struct request *request_queue_expire(struct request_queue *queue, int64_t now_ms, bool *taken)
{
    *taken = false;
    for (struct request *request = queue->flying.first; request; request = request->next) {
        if (is_due(request, now_ms))
            return abandon(queue, request, now_ms);
    }
    if (!request_queue_is_stuck(queue))
        return NULL;
    for (struct request **place = &queue->waiting.first; *place; place = &(*place)->next) {
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

    return request_queue_is_stuck(queue) ? earliest(&queue->waiting, deadline) : deadline;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    free(request->bytes);
    free(request);
}
