#include "new_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* QEMU's own limit (ACPI_MAX_RAM_SLOTS). */
#define SLOTS_MOST 256

static bool name_is_taken(const struct memory *memory, const struct result *result, const char *id)
{
    if (memory_name_is_taken(memory, id))
        return true;
    for (size_t i = 0; i < result->step_count; i++) {
        if (strcmp(result->steps[i].id, id) == 0)
            return true;
    }
    return false;
}

static bool slot_is_taken(const struct memory *memory, const struct result *result, int64_t slot)
{
    if (memory_device_by_slot(memory, slot))
        return true;
    for (size_t i = 0; i < result->step_count; i++) {
        const struct step *step = &result->steps[i];

        if (step->action == STEP_PLUG && step->slot == slot && step->result == STEP_PLANNED)
            return true;
    }
    return false;
}

/* The first slot that is free; -1, for QEMU to say what it thinks, where none is. */
static int64_t free_slot(const struct memory *memory, const struct result *result)
{
    int64_t total = memory->slots_total < 0 ? 0 : memory->slots_total;

    for (int64_t slot = 0; slot < total && slot < SLOTS_MOST; slot++) {
        if (!slot_is_taken(memory, result, slot))
            return slot;
    }
    return -1;
}

static void name_step(const struct memory *memory, const struct result *result, struct step *step)
{
    char id[64];
    int64_t number = step->slot >= 0 ? step->slot : 0;

    do {
        snprintf(id, sizeof id, "dimm%" PRId64, number++);
    } while (name_is_taken(memory, result, id));
    snprintf(step->id, sizeof step->id, "%s", id);
}

struct step *new_plug(const struct change *change, const struct memory *memory,
                      struct result *result, uint64_t size, int64_t node)
{
    int64_t slot = change->slot >= 0 ? change->slot : free_slot(memory, result);
    struct step *step = result_add(result), named = {0};

    if (!step)
        return NULL;
    named = (struct step){.action = STEP_PLUG, .size = size, .node = node, .slot = slot};
    if (change->id)
        snprintf(named.id, sizeof named.id, "%s", change->id);
    else
        name_step(memory, result, &named);
    *step = named;
    return step;
}

struct step *new_unplug(const struct memory_device *device, struct result *result)
{
    struct step *step = result_add(result);

    if (!step)
        return NULL;
    step->action = STEP_UNPLUG;
    step->size = device->size;
    step->node = device->node;
    step->slot = device->slot;
    snprintf(step->id, sizeof step->id, "%s", memory_device_name(device));
    return step;
}
