/* Sentences for people. SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "reason.h"

struct size_text {
    char text[32];
};

/* In the largest binary unit in which it has at most two decimals, exactly; else in bytes. */
static struct size_text size_text(uint64_t size)
{
    static const char units[] = "KMGTPE";
    struct size_text result;

    for (int i = 5; i >= 0; i--) {
        uint64_t unit = (uint64_t)1 << (10 * (i + 1));
        uint64_t quarters = size / (unit / 4);

        if (size < unit || size % (unit / 4))
            continue;
        if (quarters % 4 == 0)
            snprintf(result.text, sizeof(result.text), "%" PRIu64 " %ciB", size / unit, units[i]);
        else
            snprintf(result.text, sizeof(result.text), "%" PRIu64 ".%s %ciB", size / unit,
                     quarters % 4 == 1   ? "25"
                     : quarters % 4 == 2 ? "5"
                                         : "75",
                     units[i]);
        return result;
    }
    snprintf(result.text, sizeof(result.text), "%" PRIu64 " bytes", size);
    return result;
}

void reason_grow(struct memplan_step *step, uint64_t granule, uint64_t gap, bool complete,
                 enum balance balance)
{
    static const char *const words[] = {"", " and brings nodes closer to balance",
                                        " and nodes in balance"};
    const char *nodes = words[balance];

    if (complete)
        snprintf(step->reason, sizeof(step->reason),
                 "smallest first; keeps every multiple of %s reachable%s", size_text(granule).text,
                 nodes);
    else
        snprintf(step->reason, sizeof(step->reason),
                 "smallest first; keeps reachable sizes at most %s apart%s", size_text(gap).text,
                 nodes);
}

void reason_replace(struct memplan_step *step, uint64_t unplugged)
{
    snprintf(step->reason, sizeof(step->reason),
             "takes the place of what has to stay of the %s unplugged next",
             size_text(unplugged).text);
}

void reason_shrink(struct memplan_step *step, size_t count, uint64_t sum, bool nearest)
{
    struct size_text text = size_text(sum);
    const char *aim = nearest ? "the nearest size that can be taken away" : "the size to take away";

    if (count == 1)
        snprintf(step->reason, sizeof(step->reason), "is %s, %s, with the least risk", text.text,
                 aim);
    else
        snprintf(step->reason, sizeof(step->reason),
                 "one of %zu that make %s, %s, with the least risk", count, text.text, aim);
}

void reason_level(struct memplan_step *step, size_t count, uint64_t sum, bool level)
{
    snprintf(step->reason, sizeof(step->reason),
             "one of %zu that make %s, the size to take away, and leave the nodes %s", count,
             size_text(sum).text, level ? "in balance" : "as level as can be");
}

void reason_swap(struct memplan_step *step, uint64_t plugged)
{
    snprintf(step->reason, sizeof(step->reason),
             "no exact set without a swap; %s were plugged in its place", size_text(plugged).text);
}
