#include "request.h"

#include <stdlib.h>

void request_list_init(struct request_list *list)
{
    *list = (struct request_list){0};
    list->end = &list->first;
}

void request_list_add(struct request_list *list, struct request *request)
{
    request->next = NULL;
    *list->end = request;
    list->end = &request->next;
    list->count++;
}

static struct request *take_at(struct request_list *list, struct request **place)
{
    struct request *request = *place;

    *place = request->next;
    if (!*place)
        list->end = place;
    list->count--;
    if (request->sent && !request->oob)
        list->in_flight--;
    request->next = NULL;
    return request;
}

struct request *request_list_take(struct request_list *list, int64_t id)
{
    for (struct request **place = &list->first; *place; place = &(*place)->next) {
        if ((*place)->id == id && (*place)->sent)
            return take_at(list, place);
    }
    return NULL;
}

struct request *request_list_take_first(struct request_list *list)
{
    return list->first ? take_at(list, &list->first) : NULL;
}

struct request *request_list_take_expired(struct request_list *list, int64_t now_ms)
{
    for (struct request **place = &list->first; *place; place = &(*place)->next) {
        if ((*place)->deadline_ms && (*place)->deadline_ms <= now_ms)
            return take_at(list, place);
    }
    return NULL;
}

struct request *request_list_sendable(struct request_list *list, size_t limit)
{
    struct request *in_band = NULL;

    for (struct request *request = list->first; request; request = request->next) {
        if (request->sent)
            continue;
        if (request->oob)
            return request;
        if (!in_band)
            in_band = request;
    }
    return list->in_flight < limit ? in_band : NULL;
}

int64_t request_list_deadline(const struct request_list *list)
{
    int64_t earliest = 0;

    for (const struct request *request = list->first; request; request = request->next) {
        if (request->deadline_ms && (!earliest || request->deadline_ms < earliest))
            earliest = request->deadline_ms;
    }
    return earliest;
}

void request_mark_sent(struct request_list *list, struct request *request, int64_t now_ms)
{
    request->sent = true;
    if (!request->oob)
        list->in_flight++;
    if (request->timeout_ms > 0)
        request->deadline_ms = now_ms + request->timeout_ms;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    free(request->bytes);
    free(request);
}
