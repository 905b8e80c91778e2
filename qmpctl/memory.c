#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "backend_name.h"

void memory_free(struct memory *memory)
{
    if (!memory)
        return;
    free(memory->devices);
    free(memory->backends);
    free(memory->nodes);
    json_decref(memory->sources);
    free(memory);
}

struct memory_device *memory_device_by_name(const struct memory *memory, const char *name)
{
    for (size_t i = 0; i < memory->device_count; i++) {
        struct memory_device *device = &memory->devices[i];

        if ((device->id && strcmp(device->id, name) == 0) || strcmp(device->qom_path, name) == 0)
            return device;
    }
    return NULL;
}

struct memory_device *memory_device_by_slot(const struct memory *memory, int64_t slot)
{
    for (size_t i = 0; i < memory->device_count; i++) {
        if (memory->devices[i].slot == slot)
            return &memory->devices[i];
    }
    return NULL;
}

struct memory_backend *memory_backend_by_id(const struct memory *memory, const char *id)
{
    for (size_t i = 0; i < memory->backend_count; i++) {
        if (strcmp(memory->backends[i].id, id) == 0)
            return &memory->backends[i];
    }
    return NULL;
}

bool memory_name_is_taken(const struct memory *memory, const char *id)
{
    const struct backend_name name = backend_name_of(id);

    return memory_device_by_name(memory, id) || json_object_get(memory->device_names, id) ||
           memory_backend_by_id(memory, name.text) ||
           json_object_get(memory->object_names, name.text);
}

const char *memory_device_name(const struct memory_device *device)
{
    return device->id ? device->id : device->qom_path;
}

bool memory_device_can_unplug(const struct memory_device *device)
{
    return strcmp(device->type, "dimm") == 0 && device->hotpluggable;
}

uint64_t memory_device_extent(const struct memory_device *device)
{
    return device->max_size > device->size ? device->max_size : device->size;
}

bool memory_device_is_pending(const struct memory_device *device)
{
    return (device->answer.source == OST_SOURCE_EJECT ||
            device->answer.source == OST_SOURCE_OSPM_EJECT) &&
           device->answer.status == OST_IN_PROGRESS;
}

bool memory_is_running(const struct memory *memory)
{
    return strcmp(memory->state, "running") == 0;
}
