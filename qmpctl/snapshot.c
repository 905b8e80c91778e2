#include "snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot_answers.h"

/* Rounds of questions after the first. */
#define ROUNDS 2

/* In a fixed order, so that a scripted monitor can follow. HMP for NUMA: x-query-numa has the same
 * text and is not there before QEMU 6.1. */
static const struct {
    const char *command, *arguments;
} first_round[QUERY_FIRST_ROUND] = {
    [QUERY_STATUS] = {"query-status", NULL},
    [QUERY_NAME] = {"query-name", NULL},
    [QUERY_UUID] = {"query-uuid", NULL},
    [QUERY_SIZES] = {"query-memory-size-summary", NULL},
    [QUERY_DEVICES] = {"query-memory-devices", NULL},
    [QUERY_BACKENDS] = {"query-memdev", NULL},
    [QUERY_OBJECTS] = {"qom-list", "{\"path\":\"/objects\"}"},
    [QUERY_PERIPHERALS] = {"qom-list", "{\"path\":\"/machine/peripheral\"}"},
    [QUERY_MACHINE] = {"qom-get", "{\"path\":\"/machine\",\"property\":\"memory\"}"},
    [QUERY_OSPM] = {"query-acpi-ospm-status", NULL},
    [QUERY_NUMA] = {"human-monitor-command", "{\"command-line\":\"info numa\"}"},
    [QUERY_MIGRATION] = {"query-migrate", NULL},
};

static bool snapshot_ask(struct snapshot *snapshot, const char *command, json_t *arguments,
                         const char *subject, const char *property)
{
    struct asked *grown = realloc(snapshot->asked, (snapshot->count + 1) * sizeof *snapshot->asked);

    if (!grown) {
        json_decref(arguments);
        return false;
    }
    snapshot->asked = grown;
    grown[snapshot->count++] = (struct asked){
        .query = {command, arguments},
        .arguments = arguments,
        .subject = subject,
        .property = property,
    };
    return true;
}

struct snapshot *snapshot_new(const struct qmp_version *version)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);

    if (!snapshot)
        return NULL;
    snapshot->version = *version;
    for (size_t i = 0; i < QUERY_FIRST_ROUND; i++) {
        json_t *arguments =
            first_round[i].arguments ? json_loads(first_round[i].arguments, 0, NULL) : NULL;

        if (!snapshot_ask(snapshot, first_round[i].command, arguments, NULL, NULL)) {
            snapshot_free(snapshot);
            return NULL;
        }
    }
    return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (size_t i = 0; i < snapshot->count; i++) {
        json_decref(snapshot->asked[i].arguments);
        json_decref(snapshot->asked[i].value);
    }
    free(snapshot->asked);
    free(snapshot);
}

const struct snapshot_query *snapshot_next(struct snapshot *snapshot, size_t *index)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        if (snapshot->asked[i].sent)
            continue;
        snapshot->asked[i].sent = true;
        *index = i;
        return &snapshot->asked[i].query;
    }
    return NULL;
}

/* "child<memory-backend-ram>" is of type "ram". */
const char *snapshot_backend_type(const json_t *objects, const char *id)
{
    static const char prefix[] = "child<memory-backend-";
    const json_t *row;
    size_t index;

    json_array_foreach(objects, index, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *type = json_string_value(json_object_get(row, "type"));

        if (!name || !type || strcmp(name, id) != 0 ||
            strncmp(type, prefix, sizeof prefix - 1) != 0)
            continue;
        type += sizeof prefix - 1;
        return strcmp(type, "ram>") == 0     ? "ram"
               : strcmp(type, "file>") == 0  ? "file"
               : strcmp(type, "memfd>") == 0 ? "memfd"
                                             : NULL;
    }
    return NULL;
}

/* Only files and memfds can have other pages than the host's own; they are asked one by one. */
static void snapshot_ask_pages(struct snapshot *snapshot)
{
    const json_t *rows = snapshot->asked[QUERY_BACKENDS].value;
    const json_t *objects = snapshot->asked[QUERY_OBJECTS].value;
    const json_t *row;
    size_t index;

    json_array_foreach(rows, index, row)
    {
        const char *id = json_string_value(json_object_get(row, "id"));
        const char *type = id ? snapshot_backend_type(objects, id) : NULL;
        const char *property;
        char path[256];

        if (!type || strcmp(type, "ram") == 0 || index >= ROWS_LIMIT)
            continue;
        property = strcmp(type, "file") == 0 ? "mem-path" : "hugetlbsize";
        snprintf(path, sizeof path, "/objects/%s", id);
        snapshot_ask(snapshot, "qom-get",
                     json_pack("{s:s,s:s}", "path", path, "property", property), id, property);
        if (strcmp(type, "memfd") == 0)
            snapshot_ask(snapshot, "qom-get",
                         json_pack("{s:s,s:s}", "path", path, "property", "hugetlb"), id,
                         "hugetlb");
        /* query-memdev tells it from 6.1 on. */
        if (!json_object_get(row, "share"))
            snapshot_ask(snapshot, "qom-get",
                         json_pack("{s:s,s:s}", "path", path, "property", "share"), id, "share");
    }
}

/* Before QEMU 6.2 or so "memory" is no property of a machine; the region's size tells enough. */
static void snapshot_ask_region(struct snapshot *snapshot)
{
    if (!snapshot->asked[QUERY_MACHINE].value && snapshot->asked[QUERY_OSPM].value)
        snapshot_ask(
            snapshot, "qom-get",
            json_pack("{s:s,s:s}", "path", "/machine", "property", "device-memory-region-size"),
            NULL, "device-memory-region-size");
}

static const char *device_id(const json_t *row)
{
    return json_string_value(json_object_get(json_object_get(row, "data"), "id"));
}

/* QEMU lists a device that has no id without its path; it lies in the folder of such devices. */
static void snapshot_ask_anonymous(struct snapshot *snapshot)
{
    const json_t *row;
    size_t index;

    json_array_foreach(snapshot->asked[QUERY_DEVICES].value, index, row)
    {
        if (device_id(row))
            continue;
        snapshot_ask(snapshot, "qom-list", json_pack("{s:s}", "path", ANONYMOUS), NULL, ANONYMOUS);
        return;
    }
}

const json_t *snapshot_property(const struct snapshot *snapshot, const char *subject,
                                const char *property)
{
    for (size_t i = QUERY_LATER; i < snapshot->count; i++) {
        const struct asked *asked = &snapshot->asked[i];

        if (strcmp(asked->property, property) == 0 &&
            (!subject || (asked->subject && strcmp(asked->subject, subject) == 0)))
            return asked->value;
    }
    return NULL;
}

/* Which of those it is, its slot tells. */
static void snapshot_ask_slots(struct snapshot *snapshot)
{
    const json_t *row;
    size_t index;

    json_array_foreach(snapshot_property(snapshot, NULL, ANONYMOUS), index, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *type = json_string_value(json_object_get(row, "type"));
        char path[256];

        if (!name || !type || index >= ROWS_LIMIT || strcmp(type, "child<pc-dimm>") != 0)
            continue;
        snprintf(path, sizeof path, ANONYMOUS "/%s", name);
        snapshot_ask(snapshot, "qom-get", json_pack("{s:s,s:s}", "path", path, "property", "slot"),
                     name, "slot");
    }
}

static bool all_answered(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        if (!snapshot->asked[i].answered)
            return false;
    }
    return true;
}

void snapshot_answer(struct snapshot *snapshot, size_t index, json_t *value)
{
    if (index >= snapshot->count || snapshot->asked[index].answered)
        return;
    snapshot->asked[index].answered = true;
    snapshot->asked[index].value = json_incref(value);
    if (!all_answered(snapshot) || snapshot->round == ROUNDS)
        return;
    if (++snapshot->round == 1) {
        snapshot_ask_pages(snapshot);
        snapshot_ask_region(snapshot);
        snapshot_ask_anonymous(snapshot);
    } else {
        snapshot_ask_slots(snapshot);
    }
    if (all_answered(snapshot))
        snapshot->round = ROUNDS;
}

bool snapshot_is_complete(const struct snapshot *snapshot)
{
    return snapshot->round == ROUNDS && all_answered(snapshot);
}
