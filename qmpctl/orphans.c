#include "orphans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_name.h"

void orphans_collect(struct orphans *orphans, const struct memory *memory)
{
    orphans_free(orphans);
    orphans->list = calloc(memory->backend_count, sizeof *orphans->list);
    for (size_t i = 0; orphans->list && i < memory->backend_count; i++) {
        struct orphan *orphan = &orphans->list[orphans->count];

        if (!memory->backends[i].orphan)
            continue;
        snprintf(orphan->id, sizeof orphan->id, "%s", memory->backends[i].id);
        orphan->size = memory->backends[i].size;
        orphans->count++;
    }
}

const struct orphan *orphans_next(struct orphans *orphans)
{
    return orphans->begun < orphans->count ? &orphans->list[orphans->begun++] : NULL;
}

/* name: an id or a QOM path. */
static bool is_backend_of(const struct orphan *orphan, const char *name)
{
    static const char folder[] = "/machine/peripheral/";
    const char *device = backend_name_device(orphan->id);

    if (strncmp(name, folder, sizeof folder - 1) == 0)
        name += sizeof folder - 1;
    return device && strcmp(device, name) == 0;
}

/* Its device had gone with nobody connected. One that memory still shows has its backend elsewhere,
 * and never had this one. */
static bool has_released(const struct orphan *orphan, const struct memory *memory, const char *name)
{
    return is_backend_of(orphan, name) && !memory_device_by_name(memory, name);
}

void orphans_releases(const struct orphans *orphans, const struct change *change,
                      const struct memory *memory, struct name_list *released)
{
    for (size_t i = 0; i < orphans->count; i++) {
        for (size_t k = 0; k < change->id_count; k++) {
            if (has_released(&orphans->list[i], memory, change->ids[k]))
                name_list_add(released, change->ids[k]);
        }
    }
}

void orphans_note_deleted(const struct orphans *orphans, const struct change *change,
                          const struct memory *memory, struct name_list *released,
                          struct result *result)
{
    const struct orphan *orphan = &orphans->list[orphans->begun - 1];
    struct step *step;
    bool is_told = false;

    for (size_t i = 0; i < change->id_count; i++) {
        const char *name = change->ids[i];

        if (!has_released(orphan, memory, name) || !name_list_add(released, name) ||
            !(step = result_add(result)))
            continue;
        is_told = true;
        step->action = STEP_UNPLUG;
        step->result = STEP_DONE;
        step->earlier = true;
        step->size = orphan->size;
        step->node = NODE_ANY;
        snprintf(step->id, sizeof step->id, "%s", name);
        snprintf(step->detail, sizeof step->detail,
                 "the guest had given it up before; what was left is cleaned up now");
    }
    if (!is_told)
        result_add_cleaned(result, orphan->id, orphan->size);
}

static void move_backend(struct memory *memory, size_t from, size_t to)
{
    memory->backends[to] = memory->backends[from];
    for (size_t i = 0; i < memory->device_count; i++) {
        if (memory->devices[i].backend == &memory->backends[from])
            memory->devices[i].backend = &memory->backends[to];
    }
}

void orphans_forget(struct memory *memory)
{
    size_t kept = 0;

    for (size_t i = 0; i < memory->backend_count; i++) {
        if (memory->backends[i].orphan)
            json_object_del(memory->object_names, memory->backends[i].id);
        else
            move_backend(memory, i, kept++);
    }
    memory->backend_count = kept;
}

void orphans_free(struct orphans *orphans)
{
    free(orphans->list);
    *orphans = (struct orphans){0};
}
