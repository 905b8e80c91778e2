/* From the answers of a snapshot to the model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend_name.h"
#include "snapshot.h"
#include "snapshot_answers.h"

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
        .type = id ? snapshot_backend_type(snapshot->asked[QUERY_OBJECTS].value, id) : NULL,
        .size = number_of(row, "size"),
        .host_nodes = json_object_get(row, "host-nodes"),
        .policy = policy ? policy : "default",
        .prealloc = is_set(row, "prealloc"),
        .share = is_set(row, "share") || json_is_true(snapshot_property(snapshot, id, "share")),
        .merge = is_set(row, "merge"),
        .dump = is_set(row, "dump"),
    };
    if (!backend->type)
        return;
    if (strcmp(backend->type, "file") == 0)
        backend->mem_path = json_string_value(snapshot_property(snapshot, id, "mem-path"));
    else if (strcmp(backend->type, "memfd") == 0 &&
             json_is_true(snapshot_property(snapshot, id, "hugetlb")))
        /* 0: the host's default size, which the host has to tell. */
        backend->pagesize =
            qmp_json_uint64(snapshot_property(snapshot, id, "hugetlbsize"), &hugetlbsize)
                ? hugetlbsize
                : 0;
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

    memory->guest_tells = json_is_array(snapshot->asked[QUERY_OSPM].value);
    read_ospm(memory, snapshot->asked[QUERY_OSPM].value);
    if (json_is_object(machine)) {
        memory->slots_total = integer_or(machine, "slots", 0);
        memory->maximum = number_of(machine, "max-size");
    } else if (qmp_json_uint64(snapshot_property(snapshot, NULL, "device-memory-region-size"),
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

static bool may_be_boot(const struct memory_backend *backend, bool by_name)
{
    return !backend->used && !backend_name_is_automatic(backend->id) &&
           !(by_name && backend_name_device(backend->id));
}

/* The backends that nobody uses and that are not named as ours come to just the base size: a VM
 * with several guest nodes has several. */
static bool find_boot_by_sum(struct memory *memory)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < memory->backend_count; i++) {
        const struct memory_backend *backend = &memory->backends[i];

        if (may_be_boot(backend, true) && __builtin_add_overflow(sum, backend->size, &sum))
            return false;
    }
    if (sum != memory->base)
        return false;
    for (size_t i = 0; i < memory->backend_count; i++) {
        struct memory_backend *backend = &memory->backends[i];

        if (may_be_boot(backend, true))
            backend->boot = backend->used = true;
    }
    return true;
}

/* One backend of just the base size, whatever else there is. */
static bool find_boot_by_size(struct memory *memory)
{
    for (size_t i = 0; i < memory->backend_count; i++) {
        struct memory_backend *backend = &memory->backends[i];

        if (may_be_boot(backend, false) && backend->size == memory->base)
            return backend->boot = backend->used = true;
    }
    return false;
}

/*
 * Which backends are the machine's own, and which were left behind. Ours are named mem-ID. One that
 * no memory device uses is an orphan where its name is an automatic one (mem-dimmN), or where the
 * boot memory is known to be elsewhere: else it could be the memory of a guest node that its owner
 * named so.
 */
static void find_orphans(struct memory *memory)
{
    const bool boot_known = find_boot_by_sum(memory) || find_boot_by_size(memory);

    for (size_t i = 0; i < memory->backend_count; i++) {
        struct memory_backend *backend = &memory->backends[i];

        if (backend->used)
            continue;
        backend->orphan = backend_name_is_automatic(backend->id) ||
                          (boot_known && backend_name_device(backend->id));
        backend->boot = !backend->orphan && !boot_known;
    }
}

/* In all other states QEMU plugs nothing, "cancelling" among them (migration_is_idle). */
static bool is_over(const char *migration)
{
    static const char *const over[] = {"none", "completed", "failed", "cancelled"};

    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        if (strcmp(migration, over[i]) == 0)
            return true;
    }
    return false;
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
    memory->migrating = migration && !is_over(migration);
}

static json_t *names_in(struct memory *memory, const json_t *list)
{
    json_t *names = json_object();
    const json_t *row;
    size_t index;

    json_array_foreach(list, index, row)
    {
        const char *name = text_of(row, "name");

        if (name && index < ROWS_LIMIT)
            json_object_set_new(names, name, json_null());
    }
    json_array_append_new(memory->sources, names);
    return names;
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
    memory->object_names = names_in(memory, snapshot->asked[QUERY_OBJECTS].value);
    memory->device_names = names_in(memory, snapshot->asked[QUERY_PERIPHERALS].value);
    find_orphans(memory);
    return memory;
}
