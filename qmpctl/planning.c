#include "planning.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* x86 Linux takes memory in sections of 128 MiB (SECTION_SIZE_BITS 27); from 64 GiB of boot memory
 * on in blocks of up to 2 GiB that its end is aligned to (probe_memory_block_size). */
#define SECTION       (128 * MIB)
#define LARGE_GUEST   (64 * GIB)
#define LARGEST_BLOCK (2 * GIB)
#define SLOTS_UNKNOWN 256
#define NODES_LIMIT   130
/* Anything above is no amount that a VM has. */
#define SPACE_UNKNOWN ((uint64_t)1 << 50)

/* The risk that the guest will not give a device up. One that it is already giving up is free, so
 * that a request repeated is not counted twice. */
enum {
    RISK_PENDING = 0,
    RISK_ORDINARY = 10,
    RISK_COLDPLUGGED = 15, /* often onlined as kernel memory at boot */
    RISK_REFUSED_BEFORE = 40
};

bool name_list_has(const struct name_list *list, const char *name)
{
    for (size_t i = 0; list && i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0)
            return true;
    }
    return false;
}

bool name_list_add(struct name_list *list, const char *name)
{
    char(*grown)[256] = realloc(list->names, (list->count + 1) * sizeof *grown);

    if (!grown)
        return false;
    list->names = grown;
    snprintf(grown[list->count++], sizeof *grown, "%s", name);
    return true;
}

void name_list_free(struct name_list *list)
{
    free(list->names);
    *list = (struct name_list){0};
}

static int out_of_memory(struct error *error)
{
    return error_set(error, EXIT_FAILED, "out of memory");
}

uint64_t planning_granule(const struct memory *memory, const char **why)
{
    uint64_t block = LARGEST_BLOCK;

    if (memory->base < LARGE_GUEST) {
        *why = "Linux takes memory in blocks of 128M";
        return SECTION;
    }
    while (block > SECTION && memory->base % block != 0)
        block /= 2;
    *why = "Linux in a guest of 64G and more takes memory in larger blocks";
    return block;
}

int planning_target(const struct change *change, const struct memory *memory, uint64_t *target,
                    struct error *error)
{
    uint64_t total = memory_total(memory);
    bool less = change->kind == CHANGE_UNPLUG_SIZE ||
                (change->kind == CHANGE_SET && change->relation == SIZE_LESS);

    if (change->kind == CHANGE_SET && change->relation == SIZE_ABSOLUTE) {
        *target = change->size;
    } else if (less) {
        if (change->size > total)
            return error_set(error, EXIT_NO_PLAN,
                             "the VM has %s in all, so %s cannot be taken away",
                             size_exact(total).text, size_exact(change->size).text);
        *target = total - change->size;
    } else {
        *target = total + change->size * (change->kind == CHANGE_PLUG ? change->count : 1);
    }
    return 0;
}

/* ---- names for new devices ---- */

static bool name_is_taken(const struct memory *memory, const struct result *result, const char *id,
                          const char *backend)
{
    if (memory_device_by_name(memory, id) || memory_backend_by_id(memory, backend))
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

    for (int64_t slot = 0; slot < total && slot < SLOTS_UNKNOWN; slot++) {
        if (!slot_is_taken(memory, result, slot))
            return slot;
    }
    return -1;
}

static void name_step(const struct memory *memory, const struct result *result, struct step *step)
{
    char id[64], backend[80];
    int64_t number = step->slot >= 0 ? step->slot : 0;

    do {
        snprintf(id, sizeof id, "dimm%" PRId64, number++);
        snprintf(backend, sizeof backend, "mem-%s", id);
    } while (name_is_taken(memory, result, id, backend));
    snprintf(step->id, sizeof step->id, "%s", id);
}

static struct step *add_plug(const struct change *change, const struct memory *memory,
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

static struct step *add_unplug(const struct memory_device *device, struct result *result)
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

/* ---- plug and unplug, as the user names them ---- */

static int64_t least_node(const struct memory *memory, const struct result *result)
{
    int64_t best = 0;
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < memory->node_count; i++) {
        uint64_t total = memory->nodes[i].base + memory->nodes[i].plugged;

        for (size_t j = 0; j < result->step_count; j++)
            total += result->steps[j].node == memory->nodes[i].node ? result->steps[j].size : 0;
        if (total < least) {
            least = total;
            best = memory->nodes[i].node;
        }
    }
    return best;
}

static int plan_plug(const struct change *change, const struct memory *memory,
                     struct result *result, struct error *error)
{
    for (unsigned i = 0; i < change->count; i++) {
        int64_t node = change->node == NODE_ANY ? least_node(memory, result) : change->node;

        if (!add_plug(change, memory, result, change->size, node))
            return out_of_memory(error);
    }
    return 0;
}

static int plan_unplug(const struct change *change, const struct memory *memory,
                       struct result *result, struct error *error)
{
    for (size_t i = 0; i < change->id_count; i++) {
        const struct memory_device *device = memory_device_by_name(memory, change->ids[i]);

        if (!device) {
            error_set(error, EXIT_FAILED, "unplug %s: there is no such memory device",
                      change->ids[i]);
            return error_hint(error, "qmpctl status lists them");
        }
        if (!memory_device_can_unplug(device))
            return error_set(error, EXIT_FAILED, "unplug %s: a %s cannot be unplugged",
                             change->ids[i], device->type);
        if (!add_unplug(device, result))
            return out_of_memory(error);
    }
    return 0;
}

/* ---- the hot set ---- */

static bool is_kept(const struct change *change, const struct memory_device *device)
{
    for (size_t i = 0; i < change->keep_count; i++) {
        if ((device->id && strcmp(change->keep[i], device->id) == 0) ||
            strcmp(change->keep[i], device->qom_path) == 0)
            return true;
    }
    return false;
}

static uint32_t risk_of(const struct memory_device *device)
{
    bool eject =
        device->answer.source == OST_SOURCE_EJECT || device->answer.source == OST_SOURCE_OSPM_EJECT;

    if (memory_device_is_pending(device))
        return RISK_PENDING;
    if (eject && device->answer.status != OST_SUCCESS)
        return RISK_REFUSED_BEFORE;
    return device->hotplugged ? RISK_ORDINARY : RISK_COLDPLUGGED;
}

static uint32_t node_index(const struct memory *memory, int64_t node)
{
    for (size_t i = 0; i < memory->node_count; i++) {
        if (memory->nodes[i].node == node)
            return (uint32_t)i;
    }
    return 0;
}

static struct memplan_item *items_of(const struct change *change, const struct memory *memory,
                                     const struct name_list *excluded)
{
    struct memplan_item *items = calloc(memory->device_count + 1, sizeof *items);

    for (size_t i = 0; items && i < memory->device_count; i++) {
        const struct memory_device *device = &memory->devices[i];

        items[i] = (struct memplan_item){
            .size = device->size,
            .order = device->slot >= 0 ? (uint64_t)device->slot : 0,
            .cost = risk_of(device),
            .node = node_index(memory, device->node),
            .pinned = !memory_device_can_unplug(device) || !*memory_device_name(device) ||
                      (change && is_kept(change, device)) ||
                      name_list_has(excluded, memory_device_name(device)),
        };
    }
    return items;
}

bool planning_is_complete(const struct memory *memory, uint64_t granule)
{
    struct memplan_item *items = items_of(NULL, memory, NULL);
    bool complete = items && memplan_is_complete(items, memory->device_count, granule);

    /* From base to total: nothing may be pinned. */
    for (size_t i = 0; items && i < memory->device_count; i++)
        complete = complete && !items[i].pinned;
    free(items);
    return complete;
}

static int add_steps(const struct change *change, const struct memory *memory,
                     const struct memplan_plan *plan, struct result *result, struct error *error)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct memplan_step *planned = &plan->steps[i];
        int64_t node = memory->nodes[planned->node].node;
        struct step *step = planned->action == MEMPLAN_PLUG
                                ? add_plug(change, memory, result, planned->size, node)
                                : add_unplug(&memory->devices[planned->item], result);

        if (!step)
            return out_of_memory(error);
        snprintf(step->reason, sizeof step->reason, "%s", planned->reason);
    }
    return 0;
}

/* Names the sizes that can be reached instead. */
static int no_plan(const struct memplan_plan *plan, const struct memory *memory, uint64_t target,
                   struct result *result, struct error *error)
{
    uint64_t total = memory_total(memory);
    char below[40] = "nothing below", above[40] = "nothing above";

    result->has_nearest = true;
    result->has_below = plan->has_below;
    result->has_above = plan->has_above;
    if (plan->has_below) {
        result->below = total + (uint64_t)plan->below;
        snprintf(below, sizeof below, "%s below", size_exact(result->below).text);
    }
    if (plan->has_above) {
        result->above = total + (uint64_t)plan->above;
        snprintf(above, sizeof above, "%s above", size_exact(result->above).text);
    }
    error_set(error, EXIT_NO_PLAN, "no plan reaches %s: the nearest are %s and %s",
              size_exact(target).text, below, above);
    if (plan->swap_reaches)
        error_hint(error, "--swap would reach it: it plugs smaller devices to free a larger one");
    else
        error_hint(error, "--nearest up or --nearest down takes the next best");
    return -1;
}

static int no_room(const struct memory *memory, uint64_t target, struct error *error)
{
    if (memory->slots_total <= 0) {
        error_set(error, EXIT_FAILED, "this VM has no slots for memory devices");
        return error_hint(error, "start QEMU with -m size,slots=N,maxmem=X");
    }
    if (memory->maximum && target > memory->maximum) {
        error_set(error, EXIT_NO_PLAN, "%s is more than this VM can have (%s)",
                  size_exact(target).text, size_exact(memory->maximum).text);
        return error_hint(error, "start QEMU with a larger maxmem");
    }
    if (memory->slots_used >= memory->slots_total) {
        error_set(error, EXIT_FAILED, "all %" PRId64 " slots are in use", memory->slots_total);
        return error_hint(error, "unplug a device first, or start QEMU with more slots");
    }
    return 0;
}

static int plan_set(const struct change *change, const struct memory *memory, uint64_t target,
                    const struct name_list *excluded, struct result *result, struct error *error)
{
    const char *why = "as asked for (--granule)";
    uint64_t granule = change->granule ? change->granule : planning_granule(memory, &why);
    uint64_t total = memory_total(memory), node_totals[NODES_LIMIT];
    int64_t slots = memory->slots_total < 0 ? 0 : memory->slots_total;
    struct memplan_item *items = items_of(change, memory, excluded);
    struct memplan_plan plan = {0};
    enum memplan_status status;
    int code = 0;

    if (!items)
        return out_of_memory(error);
    for (size_t i = 0; i < memory->node_count; i++)
        node_totals[i] = memory->nodes[i].base + memory->nodes[i].plugged;
    snprintf(result->note, sizeof result->note, "granule %s: %s", size_exact(granule).text, why);
    if (target > total && no_room(memory, target, error) < 0) {
        free(items);
        return -1;
    }
    status = memplan_plan_make(
        &(struct memplan_request){
            .items = items,
            .item_count = memory->device_count,
            .delta = (int64_t)(target - total),
            .nearest = change->nearest,
            .swap = change->swap,
            .granule = granule,
            .free_slots = slots > memory->slots_used ? (uint32_t)(slots - memory->slots_used) : 0,
            .free_space = memory->maximum == 0      ? SPACE_UNKNOWN
                          : memory->maximum > total ? memory->maximum - total
                                                    : 0,
            .node_totals = node_totals,
            .node_count = (uint32_t)memory->node_count,
            .node = change->node == NODE_ANY ? MEMPLAN_ANY_NODE : node_index(memory, change->node),
        },
        &plan);
    if (status == MEMPLAN_OK)
        code = add_steps(change, memory, &plan, result, error);
    else if (status == MEMPLAN_NONE)
        code = no_plan(&plan, memory, target, result, error);
    else
        code = error_set(error, status == MEMPLAN_INVALID ? EXIT_USAGE : EXIT_FAILED, "plan: %s",
                         memplan_status_text(status));
    memplan_plan_free(&plan);
    free(items);
    return code;
}

int planning_make(const struct change *change, const struct memory *memory, uint64_t target,
                  const struct name_list *excluded, struct result *result, struct error *error)
{
    bool node_known = change->node == NODE_ANY;

    for (size_t i = 0; i < memory->node_count; i++)
        node_known = node_known || memory->nodes[i].node == change->node;
    if (change->kind == CHANGE_PLUG)
        return plan_plug(change, memory, result, error);
    if (change->kind == CHANGE_UNPLUG)
        return plan_unplug(change, memory, result, error);
    if (!node_known)
        return error_set(error, EXIT_USAGE, "the VM has no guest node %" PRId64, change->node);
    return plan_set(change, memory, target, excluded, result, error);
}
