#include "snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More rows than this is no QEMU (256 slots and a few virtio devices). */
#define ROWS_LIMIT 4096
/* Rounds of questions after the first. */
#define ROUNDS 2

enum query_id {
    QUERY_STATUS,
    QUERY_NAME,
    QUERY_UUID,
    QUERY_SIZES,
    QUERY_DEVICES,
    QUERY_BACKENDS,
    QUERY_OBJECTS,
    QUERY_MACHINE,
    QUERY_OSPM,
    QUERY_NUMA,
    QUERY_MIGRATION,
    QUERY_FIRST_ROUND,              /* how many are asked at once */
    QUERY_LATER = QUERY_FIRST_ROUND /* what the first answers give reason to ask */
};

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
    [QUERY_MACHINE] = {"qom-get", "{\"path\":\"/machine\",\"property\":\"memory\"}"},
    [QUERY_OSPM] = {"query-acpi-ospm-status", NULL},
    [QUERY_NUMA] = {"human-monitor-command", "{\"command-line\":\"info numa\"}"},
    [QUERY_MIGRATION] = {"query-migrate", NULL},
};

struct asked {
    struct snapshot_query query;
    json_t *arguments, *value;
    const char *subject, *property; /* of later rounds: a backend, a device or NULL */
    bool sent, answered;
};

struct snapshot {
    struct qmp_version version;
    struct asked *asked;
    size_t count;
    unsigned round;
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

/* "child<memory-backend-ram>" is of type "ram"; 0 characters: no memory backend. */
static const char *backend_type(const json_t *objects, const char *id)
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
        const char *type = id ? backend_type(objects, id) : NULL;
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

#define ANONYMOUS "/machine/peripheral-anon"

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

static const json_t *answer_property(const struct snapshot *snapshot, const char *subject,
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

    json_array_foreach(answer_property(snapshot, NULL, ANONYMOUS), index, row)
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

/* ---- from replies to the model ---- */

static uint64_t number_of(const json_t *object, const char *key)
{
    uint64_t number = 0;

    return qmp_json_uint64(json_object_get(object, key), &number) ? number : 0;
}

static int64_t integer_or(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static bool is_set(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void read_backend(const struct snapshot *snapshot, const json_t *row,
                         struct memory_backend *backend)
{
    const char *policy = text_of(row, "policy"), *id = text_of(row, "id");
    uint64_t hugetlbsize = 0;

    *backend = (struct memory_backend){
        .id = id ? id : "",
        .type = id ? backend_type(snapshot->asked[QUERY_OBJECTS].value, id) : NULL,
        .size = number_of(row, "size"),
        .host_nodes = json_object_get(row, "host-nodes"),
        .policy = policy ? policy : "default",
        .prealloc = is_set(row, "prealloc"),
        .share = is_set(row, "share"),
        .merge = is_set(row, "merge"),
        .dump = is_set(row, "dump"),
    };
    if (!backend->type)
        return;
    if (strcmp(backend->type, "file") == 0)
        backend->mem_path = json_string_value(answer_property(snapshot, id, "mem-path"));
    else if (strcmp(backend->type, "memfd") == 0 &&
             json_is_true(answer_property(snapshot, id, "hugetlb")) &&
             qmp_json_uint64(answer_property(snapshot, id, "hugetlbsize"), &hugetlbsize) &&
             hugetlbsize > 0)
        backend->pagesize = hugetlbsize;
    else
        backend->pagesize = (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct memory_backend *backend_by_path(const struct memory *memory, const char *path)
{
    static const char prefix[] = "/objects/";

    if (!path || strncmp(path, prefix, sizeof prefix - 1) != 0)
        return NULL;
    return memory_backend_by_id(memory, path + sizeof prefix - 1);
}

/* The path of the device without id in this slot; empty where it cannot be told. */
static json_t *anonymous_path(const struct snapshot *snapshot, int64_t slot)
{
    for (size_t i = QUERY_LATER; slot >= 0 && i < snapshot->count; i++) {
        const struct asked *asked = &snapshot->asked[i];

        if (strcmp(asked->property, "slot") == 0 && json_is_integer(asked->value) &&
            json_integer_value(asked->value) == slot)
            return json_sprintf(ANONYMOUS "/%s", asked->subject);
    }
    return json_string("");
}

static const char *device_path(struct memory *memory, const struct snapshot *snapshot,
                               const char *id, int64_t slot)
{
    json_t *path = id ? json_sprintf("/machine/peripheral/%s", id) : anonymous_path(snapshot, slot);

    json_array_append_new(memory->sources, path);
    return path ? json_string_value(path) : "";
}

static void read_device(struct memory *memory, const struct snapshot *snapshot, const json_t *row,
                        struct memory_device *device)
{
    const json_t *data = json_object_get(row, "data");
    const char *type = text_of(row, "type"), *id = text_of(data, "id");

    *device = (struct memory_device){
        .id = id,
        .qom_path = device_path(memory, snapshot, id, integer_or(data, "slot", -1)),
        .type = type ? type : "unknown",
        .slot = integer_or(data, "slot", -1),
        .node = integer_or(data, "node", 0),
        .address = number_of(data, "addr"),
        .size = number_of(data, "size"),
        .requested_size = number_of(data, "requested-size"),
        .max_size = number_of(data, "max-size"),
        .block_size = number_of(data, "block-size"),
        .hotplugged = is_set(data, "hotplugged"),
        .hotpluggable = is_set(data, "hotpluggable"),
        .backend = backend_by_path(memory, text_of(data, "memdev")),
    };
    if (device->address == 0)
        device->address = number_of(data, "memaddr");
    if (device->backend)
        device->backend->used = true;
}

static void read_ospm(struct memory *memory, const json_t *rows)
{
    const json_t *row;
    size_t index;

    json_array_foreach(rows, index, row)
    {
        const char *type = text_of(row, "slot-type"), *slot = text_of(row, "slot");
        struct memory_device *device;

        if (!type || !slot || strcmp(type, "DIMM") != 0)
            continue;
        if (memory->slots_total < 0)
            memory->slots_total = 0;
        memory->slots_total++;
        device = memory_device_by_slot(memory, strtoll(slot, NULL, 10));
        if (device)
            device->answer =
                (struct guest_answer){integer_or(row, "source", 0), integer_or(row, "status", 0)};
    }
}

static void read_machine(struct memory *memory, const struct snapshot *snapshot)
{
    const json_t *machine = snapshot->asked[QUERY_MACHINE].value;
    uint64_t region = 0;

    read_ospm(memory, snapshot->asked[QUERY_OSPM].value);
    if (json_is_object(machine)) {
        memory->slots_total = integer_or(machine, "slots", 0);
        memory->maximum = number_of(machine, "max-size");
    } else if (qmp_json_uint64(answer_property(snapshot, NULL, "device-memory-region-size"),
                               &region) &&
               memory->slots_total >= 0 && region >= (uint64_t)memory->slots_total << 30) {
        /* pc machines add 1 GiB a slot, so that each device can be aligned. */
        memory->maximum = memory->base + region - ((uint64_t)memory->slots_total << 30);
    }
    for (size_t i = 0; i < memory->device_count; i++)
        memory->slots_used += memory->devices[i].slot >= 0;
}

static struct memory_node *node_add(struct memory *memory, int64_t number)
{
    for (size_t i = 0; i < memory->node_count; i++) {
        if (memory->nodes[i].node == number)
            return &memory->nodes[i];
    }
    memory->nodes[memory->node_count] = (struct memory_node){.node = number};
    return &memory->nodes[memory->node_count++];
}

/* "node 0 size: 640 MB", "node 0 plugged: 128 MB"; size includes plugged. */
static void read_numa(struct memory *memory, const char *text)
{
    while (text && *text) {
        unsigned node;
        unsigned long long megabytes;

        if (memory->node_count < 128) {
            if (sscanf(text, "node %3u size: %12llu MB", &node, &megabytes) == 2)
                node_add(memory, node)->base = megabytes * 1048576;
            else if (sscanf(text, "node %3u plugged: %12llu MB", &node, &megabytes) == 2)
                node_add(memory, node)->plugged = megabytes * 1048576;
        }
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    for (size_t i = 0; i < memory->node_count; i++) {
        struct memory_node *node = &memory->nodes[i];

        node->base = node->base > node->plugged ? node->base - node->plugged : 0;
    }
    if (memory->node_count == 0)
        *node_add(memory, 0) =
            (struct memory_node){.base = memory->base, .plugged = memory->plugged};
}

static bool is_automatic_name(const char *id)
{
    const char *digits = id + sizeof "mem-dimm" - 1;

    return strncmp(id, "mem-dimm", sizeof "mem-dimm" - 1) == 0 && *digits &&
           digits[strspn(digits, "0123456789")] == '\0';
}

/*
 * Which backends are the machine's own, and which were left behind. Ours are named mem-ID. One that
 * no memory device uses is an orphan where its name is an automatic one (mem-dimmN), or where the
 * boot memory is known to be elsewhere (one backend of just the base size): else it could be the
 * memory of a guest node that its owner named so.
 */
static void find_orphans(struct memory *memory)
{
    bool boot_known = false;

    for (size_t i = 0; i < memory->backend_count; i++) {
        struct memory_backend *backend = &memory->backends[i];

        if (!backend->used && !boot_known && !is_automatic_name(backend->id) &&
            backend->size == memory->base) {
            backend->boot = backend->used = boot_known = true;
        }
    }
    for (size_t i = 0; i < memory->backend_count; i++) {
        struct memory_backend *backend = &memory->backends[i];

        if (backend->used)
            continue;
        backend->orphan = is_automatic_name(backend->id) ||
                          (boot_known && strncmp(backend->id, "mem-", 4) == 0 && backend->id[4]);
        backend->boot = !backend->orphan && !boot_known;
    }
}

static void read_vm(struct memory *memory, const struct snapshot *snapshot)
{
    const struct qmp_version *version = &snapshot->version;
    const char *migration = text_of(snapshot->asked[QUERY_MIGRATION].value, "status");

    memory->name = text_of(snapshot->asked[QUERY_NAME].value, "name");
    memory->uuid = text_of(snapshot->asked[QUERY_UUID].value, "UUID");
    memory->state = text_of(snapshot->asked[QUERY_STATUS].value, "status");
    if (!memory->state)
        memory->state = "unknown";
    snprintf(memory->version, sizeof memory->version, "%u.%u.%u", version->major, version->minor,
             version->micro);
    memory->migrating =
        migration && (strcmp(migration, "active") == 0 || strcmp(migration, "setup") == 0 ||
                      strcmp(migration, "device") == 0 || strcmp(migration, "pre-switchover") == 0);
}

static bool allocate(struct memory *memory, const struct snapshot *snapshot)
{
    memory->device_count = json_array_size(snapshot->asked[QUERY_DEVICES].value);
    memory->backend_count = json_array_size(snapshot->asked[QUERY_BACKENDS].value);
    if (memory->device_count > ROWS_LIMIT || memory->backend_count > ROWS_LIMIT)
        return false;
    memory->devices = calloc(memory->device_count + 1, sizeof *memory->devices);
    memory->backends = calloc(memory->backend_count + 1, sizeof *memory->backends);
    memory->nodes = calloc(130, sizeof *memory->nodes);
    memory->sources = json_array();
    return memory->devices && memory->backends && memory->nodes && memory->sources;
}

struct memory *snapshot_memory(struct snapshot *snapshot, struct error *error)
{
    const json_t *sizes = snapshot->asked[QUERY_SIZES].value, *row;
    struct memory *memory;
    size_t index;

    if (!json_is_object(sizes) || !json_is_array(snapshot->asked[QUERY_DEVICES].value)) {
        error_set(error, EXIT_FAILED, "this QEMU does not tell about its memory");
        return NULL;
    }
    memory = calloc(1, sizeof *memory);
    if (!memory || !allocate(memory, snapshot)) {
        memory_free(memory);
        error_set(error, EXIT_FAILED, "the answers of QEMU are too large");
        return NULL;
    }
    for (size_t i = 0; i < snapshot->count; i++)
        json_array_append(memory->sources, snapshot->asked[i].value);
    memory->slots_total = -1;
    memory->base = number_of(sizes, "base-memory");
    memory->plugged = number_of(sizes, "plugged-memory");
    read_vm(memory, snapshot);
    json_array_foreach(snapshot->asked[QUERY_BACKENDS].value, index, row)
    {
        read_backend(snapshot, row, &memory->backends[index]);
    }
    json_array_foreach(snapshot->asked[QUERY_DEVICES].value, index, row)
    {
        read_device(memory, snapshot, row, &memory->devices[index]);
    }
    read_machine(memory, snapshot);
    read_numa(memory, json_string_value(snapshot->asked[QUERY_NUMA].value));
    find_orphans(memory);
    return memory;
}
