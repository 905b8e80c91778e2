#include "hot_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "granule.h"
#include "new_steps.h"
#include "no_plan.h"
#include "room.h"

#define NODES_LIMIT 130

/* The risk that the guest will not give a device up. One that it is already giving up is free, so
 * that a request repeated is not counted twice. */
enum {
    RISK_PENDING = 0,
    RISK_ORDINARY = 10,
    RISK_COLDPLUGGED = 15, /* often onlined as kernel memory at boot */
    RISK_REFUSED_BEFORE = 40
};

static int out_of_memory(struct error *error)
{
    return error_set(error, EXIT_FAILED, "out of memory");
}

static bool is_kept(const struct change *change, const struct memory_device *device)
{
    for (size_t i = 0; i < change->keep_count; i++) {
        if ((device->id && strcmp(change->keep[i], device->id) == 0) ||
            strcmp(change->keep[i], device->qom_path) == 0)
            return true;
    }
    return false;
}

/* Who names a node wants the others to stay as they are. */
static bool is_elsewhere(const struct change *change, const struct memory_device *device)
{
    return change->node != NODE_ANY && device->node != change->node;
}

/* A name that is cut short would be somebody else's. */
static bool can_be_named(const struct memory_device *device)
{
    const char *name = memory_device_name(device);

    return *name && strlen(name) < sizeof((struct step){0}.id);
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
            .pinned = !memory_device_can_unplug(device) || !can_be_named(device) ||
                      (change && (is_kept(change, device) || is_elsewhere(change, device))) ||
                      name_list_has(excluded, memory_device_name(device)),
        };
    }
    return items;
}

bool hot_set_is_complete(const struct memory *memory, uint64_t granule)
{
    struct memplan_item *items = items_of(NULL, memory, NULL);
    bool complete = items && memplan_is_complete(items, memory->device_count, granule);

    /* From base to total: nothing may be pinned, but for a virtio-mem that gives nothing. */
    for (size_t i = 0; items && i < memory->device_count; i++)
        complete = complete && (!items[i].pinned || items[i].size == 0);
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
                                ? new_plug(change, memory, result, planned->size, node)
                                : new_unplug(&memory->devices[planned->item], result);

        if (!step)
            return out_of_memory(error);
        snprintf(step->reason, sizeof step->reason, "%s", planned->reason);
    }
    return 0;
}

/* Which granule, and why; for whoever reads the plan. */
static uint64_t choose_granule(const struct change *change, const struct placement *placement,
                               const struct memory *memory, struct result *result)
{
    const char *why, *although = "";
    uint64_t needed = granule_of(memory, &why), page = placement ? placement->pagesize : 0;
    uint64_t granule = change->granule ? change->granule : needed;

    if (change->granule && granule % needed == 0)
        why = "as asked for";
    else if (change->granule)
        although = change->granule < needed ? "smaller than the guest can use; "
                                            : "no multiple of what the guest can use; ";
    /* No device can be smaller than a page that it is made of. */
    if (page > 0 && granule % page != 0) {
        granule += page - granule % page;
        why = "a hugepage is no smaller";
        although = "";
    }
    snprintf(result->note, sizeof result->note, "granule %s: %s%s", size_exact(granule).text,
             although, why);
    return granule;
}

/* Small devices are no reason to reach another size, or to make fewer reachable afterwards. */
static bool is_as_good(const struct memplan_plan *small, const struct memplan_plan *plan,
                       uint32_t free_slots)
{
    size_t plugs = 0;

    while (plugs < small->step_count && small->steps[plugs].action == MEMPLAN_PLUG)
        plugs++;
    return small->delta == plan->delta && (small->complete || !plan->complete) &&
           small->gap <= plan->gap && plugs <= (free_slots + 1) / 2;
}

/* QEMU, and with it the guest, stands still while a device is preallocated: no device is larger
 * than the smallest of 1G, 2G, 4G, ... that leaves half of the free slots. */
static void make_small(struct memplan_request request, struct memplan_plan *plan)
{
    for (request.largest = GIB; request.largest < plan->plugged; request.largest *= 2) {
        struct memplan_plan small = {0};

        if (request.largest >= request.granule &&
            memplan_plan_make_level(&request, &small) == MEMPLAN_OK &&
            is_as_good(&small, plan, request.free_slots)) {
            memplan_plan_free(plan);
            *plan = small;
            return;
        }
        memplan_plan_free(&small);
    }
}

static void fill_request(const struct change *change, const struct memory *memory, uint64_t target,
                         struct memplan_request *request)
{
    uint64_t total = memory_total(memory);
    int64_t free_slots = memory->slots_total - memory->slots_used;

    request->item_count = memory->device_count;
    request->delta = (int64_t)(target - total);
    request->nearest = change->nearest;
    request->swap = change->swap;
    request->free_slots = free_slots > 0 ? (uint32_t)free_slots : 0;
    request->free_space = room_left(memory);
    request->node_count = (uint32_t)memory->node_count;
    request->node = change->node == NODE_ANY ? MEMPLAN_ANY_NODE : node_index(memory, change->node);
}

/* Whoever asked for one size and gets another is told, before what the granule is. */
static void note_nearest(uint64_t target, uint64_t reached, struct result *result)
{
    char granule[sizeof result->note];
    size_t length;

    memcpy(granule, result->note, sizeof granule);
    snprintf(result->note, sizeof result->note,
             "%s cannot be reached exactly, %s is the nearest %s; ", size_exact(target).text,
             size_exact(reached).text, reached > target ? "above" : "below");
    length = strlen(result->note);
    snprintf(result->note + length, sizeof result->note - length, "%s", granule);
}

static int take_plan(const struct change *change, const struct placement *placement,
                     const struct memory *memory, uint64_t target,
                     const struct memplan_request *request, struct result *result,
                     struct error *error)
{
    struct memplan_plan plan;
    enum memplan_status status = memplan_plan_make_level(request, &plan);
    int code;

    if (status == MEMPLAN_OK && placement && placement->prealloc)
        make_small(*request, &plan);
    if (status == MEMPLAN_OK && plan.nearest_chosen)
        note_nearest(target, memory_total(memory) + (uint64_t)plan.delta, result);
    if (status == MEMPLAN_OK)
        code = add_steps(change, memory, &plan, result, error);
    else if (status == MEMPLAN_NONE)
        code = no_plan_explain(change, memory, target, request, &plan, result, error);
    else
        code = error_set(error, status == MEMPLAN_INVALID ? EXIT_USAGE : EXIT_FAILED, "plan: %s",
                         memplan_status_text(status));
    memplan_plan_free(&plan);
    if (code == 0)
        granule_warn(memory, placement, result);
    return code;
}

int hot_set_plan(const struct change *change, const struct placement *placement,
                 const struct memory *memory, uint64_t target, const struct name_list *excluded,
                 struct result *result, struct error *error)
{
    uint64_t node_totals[NODES_LIMIT];
    struct memplan_item *items = items_of(change, memory, excluded);
    struct memplan_request request = {.items = items, .node_totals = node_totals};
    int code;

    if (!items)
        return out_of_memory(error);
    for (size_t i = 0; i < memory->node_count; i++)
        node_totals[i] = memory->nodes[i].base + memory->nodes[i].plugged;
    request.granule = choose_granule(change, placement, memory, result);
    fill_request(change, memory, target, &request);
    code = take_plan(change, placement, memory, target, &request, result, error);
    free(items);
    return code;
}
