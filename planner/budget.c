/* Limits, and what every part checks or counts. SPDX-License-Identifier: MIT */
#include "internal.h"

#define DEFAULT_WORK   ((uint64_t)1 << 29)
#define DEFAULT_MEMORY ((size_t)64 << 20)

void budget_init(struct budget *budget, const struct memplan_limits *limits)
{
    budget->work = limits && limits->work ? limits->work : DEFAULT_WORK;
    budget->memory = limits && limits->memory ? limits->memory : DEFAULT_MEMORY;
}

bool budget_spend(struct budget *budget, uint64_t steps)
{
    if (steps > budget->work) {
        budget->work = 0;
        return false;
    }
    budget->work -= steps;
    return true;
}

uint64_t size_gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

uint64_t size_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t size_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

enum memplan_status items_check(const struct memplan_item *items, size_t count, uint64_t most)
{
    if (count > MEMPLAN_MAX_ITEMS || (count && !items))
        return MEMPLAN_INVALID;
    for (size_t i = 0; i < count; i++) {
        if (items[i].size > most)
            return MEMPLAN_INVALID;
        most -= items[i].size;
    }
    return MEMPLAN_OK;
}

int items_newer(const struct memplan_item *items, size_t a, size_t b)
{
    if (items[a].order != items[b].order)
        return items[a].order > items[b].order ? -1 : 1;
    return a > b ? -1 : a < b;
}

const char *memplan_status_text(enum memplan_status status)
{
    switch (status) {
    case MEMPLAN_OK:
        return "done";
    case MEMPLAN_NONE:
        return "no plan reaches that size";
    case MEMPLAN_LIMIT:
        return "the exact answer would take more work or memory than allowed";
    case MEMPLAN_INVALID:
        return "an argument is not possible";
    case MEMPLAN_NOMEM:
        return "out of memory";
    }
    return "unknown status";
}
