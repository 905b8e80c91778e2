#include "room.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "size.h"

/* As QEMU adds them up for its "not enough space"; SGX memory is not of that room. */
static uint64_t room_used(const struct memory *memory)
{
    uint64_t used = 0;

    for (size_t i = 0; i < memory->device_count; i++) {
        const struct memory_device *device = &memory->devices[i];
        uint64_t extent = strcmp(device->type, "sgx-epc") == 0 ? 0 : memory_device_extent(device);

        used = extent < UINT64_MAX - used ? used + extent : UINT64_MAX;
    }
    return used > memory->plugged ? used : memory->plugged;
}

uint64_t room_left(const struct memory *memory)
{
    uint64_t room = memory->maximum > memory->base ? memory->maximum - memory->base : 0;
    uint64_t used = room_used(memory);

    if (memory->maximum == 0)
        return ROOM_UNKNOWN;
    return room > used ? room - used : 0;
}

uint64_t room_held(const struct memory *memory)
{
    uint64_t total = memory_total(memory);

    return memory->maximum > total ? memory->maximum - total - room_left(memory) : 0;
}

bool room_has_node(const struct memory *memory, int64_t node)
{
    for (size_t i = 0; i < memory->node_count; i++) {
        if (memory->nodes[i].node == node)
            return true;
    }
    return memory->node_count == 0;
}

static void hint_maximum(const struct memory *memory, struct error *error)
{
    uint64_t held = room_held(memory);
    bool full = memory->slots_used >= memory->slots_total;
    char text[80] = "";

    if (held > 0)
        snprintf(text, sizeof text, ", %s of it held by devices that may grow",
                 size_exact(held).text);
    error_hint(error,
               "%s more is what this VM can have (maximum %s%s): start QEMU with a larger maxmem%s",
               size_exact(room_left(memory)).text, size_exact(memory->maximum).text, text,
               full ? " and more slots" : "");
}

void room_hint(const struct memory *memory, uint64_t size, int64_t node, struct error *error)
{
    if (!memory)
        return;
    if (memory->slots_total <= 0)
        error_hint(error, "start QEMU with -m size,slots=N,maxmem=X, and a machine that takes "
                          "memory devices (q35, pc)");
    else if (memory->maximum > 0 && size > room_left(memory))
        hint_maximum(memory, error);
    else if (memory->slots_used >= memory->slots_total)
        error_hint(error,
                   "all %" PRId64 " slots are in use: unplug a device first, or start QEMU "
                   "with more slots",
                   memory->slots_total);
    else if (!room_has_node(memory, node))
        error_hint(error, "the VM has no guest node %" PRId64 "; qmpctl status lists them", node);
    else if (memory->migrating)
        error_hint(error, "the VM is being migrated: try again when it has ended");
}
