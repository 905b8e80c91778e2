#include "no_plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "room.h"

/* Why a size cannot be reached, where the VM's figures say so; else an empty text. */
struct cause {
    char text[128];
};

static struct cause cause_of(const struct change *change, const struct memory *memory,
                             uint64_t target, uint64_t granule)
{
    uint64_t total = memory_total(memory);
    struct cause cause = {""};

    if (target < memory->base)
        snprintf(cause.text, sizeof cause.text, "it is less than the base memory, %s",
                 size_exact(memory->base).text);
    else if (target < total && change->node == NODE_ANY)
        return cause;
    else if (target < total)
        snprintf(cause.text, sizeof cause.text,
                 "no devices but those of guest node %" PRId64 " may be unplugged", change->node);
    else if (memory->maximum > 0 && target > memory->maximum)
        snprintf(cause.text, sizeof cause.text, "it is more than the maximum, %s",
                 size_exact(memory->maximum).text);
    else if (memory->slots_total <= 0)
        snprintf(cause.text, sizeof cause.text, "the VM has no slots for memory devices");
    else if (memory->slots_used >= memory->slots_total)
        snprintf(cause.text, sizeof cause.text, "all %" PRId64 " slots are in use",
                 memory->slots_total);
    else if (target - total > room_left(memory))
        snprintf(cause.text, sizeof cause.text,
                 "%s of the maximum, %s, is held by devices that may grow",
                 size_exact(room_held(memory)).text, size_exact(memory->maximum).text);
    else if ((target - total) % granule != 0)
        snprintf(cause.text, sizeof cause.text, "%s more is no multiple of the granule, %s",
                 size_exact(target - total).text, size_exact(granule).text);
    return cause;
}

/* The choices that --nearest has, as one line. */
struct choices {
    char text[256];
    size_t length;
};

static void add_choice(struct choices *choices, const char *options, uint64_t size)
{
    const char *before = choices->length > 0 ? ", " : "",
               *verb = choices->length > 0 ? "" : "takes ";

    choices->length +=
        (size_t)snprintf(choices->text + choices->length, sizeof choices->text - choices->length,
                         "%s%s %s%s", before, options, verb, size_exact(size).text);
}

/* A swap may come closer than what can be reached without. */
static void add_swaps(const struct memplan_request *request, const struct memplan_plan *plan,
                      uint64_t total, struct choices *choices)
{
    struct memplan_request with_swap = *request;
    struct memplan_plan other;

    with_swap.swap = true;
    with_swap.nearest = MEMPLAN_NEAREST_EXACT;
    if (memplan_plan_make(&with_swap, &other) == MEMPLAN_NONE) {
        if (other.has_below && (!plan->has_below || other.below > plan->below))
            add_choice(choices, "--swap --nearest down", total + (uint64_t)other.below);
        if (other.has_above && (!plan->has_above || other.above < plan->above))
            add_choice(choices, "--swap --nearest up", total + (uint64_t)other.above);
    }
    memplan_plan_free(&other);
}

/* What the user can do about it. */
static void add_hint(const struct change *change, const struct memory *memory, uint64_t target,
                     const struct memplan_request *request, const struct memplan_plan *plan,
                     const struct result *result, struct error *error)
{
    uint64_t total = memory_total(memory);
    struct choices choices = {"", 0};

    if (plan->swap_reaches) {
        error_hint(error, "--swap would reach it: it plugs smaller devices to free a larger one");
        return;
    }
    if (target < memory->base)
        error_hint(error, "base memory cannot be unplugged; it changes with the next start");
    else if (target > total)
        room_hint(memory, target - total,
                  change->node == NODE_ANY ? memory->nodes[0].node : change->node, error);
    if (*error->hint)
        return;
    if (result->has_below)
        add_choice(&choices, "--nearest down", result->below);
    if (result->has_above)
        add_choice(&choices, "--nearest up", result->above);
    if (!change->swap)
        add_swaps(request, plan, total, &choices);
    error_hint(error, "%s", choices.text);
}

int no_plan_explain(const struct change *change, const struct memory *memory, uint64_t target,
                    const struct memplan_request *request, const struct memplan_plan *plan,
                    struct result *result, struct error *error)
{
    struct cause cause = cause_of(change, memory, target, request->granule);
    uint64_t total = memory_total(memory);
    char below[40] = "", above[40] = "";

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
    error_set(error, EXIT_NO_PLAN, "no plan reaches %s%s%s: the nearest %s %s%s%s",
              size_exact(target).text, *cause.text ? ", since " : "", cause.text,
              *below && *above ? "are" : "is", below, *below && *above ? " and " : "", above);
    add_hint(change, memory, target, request, plan, result, error);
    return -1;
}
