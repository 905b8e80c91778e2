/* Any request, any VM, and any order of what may happen: an operation ends once, breaks no rule on
 * the way, and tells the truth. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "support/model.h"

#define MIB   ((uint64_t)1 << 20)
#define LIMIT 20000 /* things that happen */

static const char *const ids[] = {"dimm0", "dimm1", "dimm2"};

/* The first bytes: what is asked for, with which options; the next: the devices. */
static struct change change_of(const uint8_t *data)
{
    static const enum memplan_nearest nearest[] = {MEMPLAN_NEAREST_EXACT, MEMPLAN_NEAREST_EXACT,
                                                   MEMPLAN_NEAREST_UP, MEMPLAN_NEAREST_DOWN};

    return (struct change){.kind = (enum change_kind)(data[0] % 4),
                           .size = (uint64_t)(data[1] % 16 + 1) * 128 * MIB,
                           .relation = (enum size_relation)(data[0] / 4 % 3),
                           .count = data[2] % 3 + 1,
                           .slot = -1,
                           .node = NODE_ANY,
                           .ids = ids,
                           .id_count = data[2] % 3 + 1,
                           .nearest = nearest[data[2] / 4 % 4],
                           .swap = data[2] & 16,
                           .stop_on_refusal = data[2] & 32,
                           .atomic = data[2] & 64,
                           .timeout = data[2] & 128 ? 0 : 30000,
                           .accept_timeout = 3000};
}

/* What happened to a device before. */
static uint64_t state_of(uint8_t byte)
{
    if (byte % 5 == 0)
        return 0;
    return byte > 250 ? MODEL_GONE : byte > 200 ? MODEL_PENDING : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model model;
    struct change change;
    uint64_t sizes[4];
    unsigned count;

    if (size < 7)
        return 0;
    change = change_of(data);
    for (size_t i = 0; i < 4; i++)
        sizes[i] = (uint64_t)(data[3 + i] % 5) * 128 * MIB + state_of(data[3 + i]);
    model_init(&model, &change, sizes, 4);
    for (size_t i = 7; i < LIMIT && (count = model_choices(&model)) > 0; i++)
        model_happen(&model, i < size ? data[i] % count : 0);
    model_judge(&model);
    if (model.broken) {
        fprintf(stderr, "broken: %s\n", model.broken);
        abort();
    }
    model_free(&model);
    return 0;
}
