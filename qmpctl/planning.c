#include "planning.h"

#include <inttypes.h>
#include <string.h>

#include "granule.h"
#include "hot_set.h"
#include "new_steps.h"

static uint64_t size_of_named(const struct change *change, const struct memory *memory)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < change->id_count; i++) {
        const struct memory_device *device = memory_device_by_name(memory, change->ids[i]);

        sum += device ? device->size : 0;
    }
    return sum;
}

uint64_t planning_target(const struct change *change, const struct memory *memory)
{
    uint64_t total = memory_total(memory), less = change->size;

    if (change->kind == CHANGE_PLUG)
        return total + change->size * change->count;
    if (change->kind == CHANGE_SET && change->relation == SIZE_ABSOLUTE)
        return change->size;
    if (change->kind == CHANGE_SET && change->relation == SIZE_MORE)
        return total + change->size;
    if (change->kind == CHANGE_UNPLUG)
        less = size_of_named(change, memory);
    return total > less ? total - less : 0;
}

bool planning_may_plug(const struct change *change)
{
    return change->kind == CHANGE_PLUG || change->kind == CHANGE_SET ||
           (change->kind == CHANGE_UNPLUG_SIZE && change->swap);
}

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

static int plan_plug(const struct change *change, const struct placement *placement,
                     const struct memory *memory, struct result *result, struct error *error)
{
    for (unsigned i = 0; i < change->count; i++) {
        int64_t node = change->node == NODE_ANY ? least_node(memory, result) : change->node;

        if (!new_plug(change, memory, result, change->size, node))
            return error_set(error, EXIT_FAILED, "out of memory");
    }
    result->note[0] = '\0';
    granule_warn(memory, placement, result);
    return 0;
}

/* By its id and by its path, for example: it can go only once. */
static bool is_planned(const struct result *result, const struct memory_device *device)
{
    for (size_t i = 0; i < result->step_count; i++) {
        if (result->steps[i].result == STEP_PLANNED &&
            strcmp(result->steps[i].id, memory_device_name(device)) == 0)
            return true;
    }
    return false;
}

static int plan_unplug(const struct change *change, const struct memory *memory,
                       const struct name_list *excluded, struct result *result, struct error *error)
{
    for (size_t i = 0; i < change->id_count; i++) {
        const struct memory_device *device = memory_device_by_name(memory, change->ids[i]);

        if (name_list_has(excluded, change->ids[i]))
            continue;
        if (!device) {
            error_set(error, EXIT_FAILED, "unplug %s: there is no such memory device",
                      change->ids[i]);
            return error_hint(error, "qmpctl status lists them");
        }
        if (!memory_device_can_unplug(device))
            return error_set(error, EXIT_FAILED, "unplug %s: a %s cannot be unplugged",
                             change->ids[i], device->type);
        if (is_planned(result, device))
            return error_set(error, EXIT_USAGE, "unplug %s: named twice", change->ids[i]);
        if (!new_unplug(device, result))
            return error_set(error, EXIT_FAILED, "out of memory");
    }
    return 0;
}

static bool node_is_known(const struct change *change, const struct memory *memory)
{
    bool known = change->node == NODE_ANY;

    for (size_t i = 0; i < memory->node_count; i++)
        known = known || memory->nodes[i].node == change->node;
    return known;
}

/* Whom the user wants to keep has to be there: a name mistyped would lose the device. */
static int check_kept(const struct change *change, const struct memory *memory, struct error *error)
{
    for (size_t i = 0; i < change->keep_count; i++) {
        if (memory_device_by_name(memory, change->keep[i]))
            continue;
        error_set(error, EXIT_USAGE, "--keep %.64s: there is no such memory device",
                  change->keep[i]);
        return error_hint(error, "qmpctl status lists them");
    }
    return 0;
}

int planning_make(const struct change *change, const struct placement *placement,
                  const struct memory *memory, uint64_t target, const struct name_list *excluded,
                  struct result *result, struct error *error)
{
    if (change->kind == CHANGE_PLUG)
        return plan_plug(change, placement, memory, result, error);
    if (change->kind == CHANGE_UNPLUG)
        return plan_unplug(change, memory, excluded, result, error);
    if (!node_is_known(change, memory)) {
        error_set(error, EXIT_USAGE, "the VM has no guest node %" PRId64, change->node);
        return error_hint(error, "qmpctl status lists them");
    }
    if (check_kept(change, memory, error) < 0)
        return -1;
    return hot_set_plan(change, placement, memory, target, excluded, result, error);
}
