#include "room.h"

#include <inttypes.h>

#include "size.h"

bool room_has_node(const struct memory *memory, int64_t node)
{
    for (size_t i = 0; i < memory->node_count; i++) {
        if (memory->nodes[i].node == node)
            return true;
    }
    return memory->node_count == 0;
}

void room_hint(const struct memory *memory, uint64_t size, int64_t node, struct error *error)
{
    uint64_t total = memory ? memory_total(memory) : 0;

    if (!memory)
        return;
    if (memory->slots_total <= 0)
        error_hint(error, "start QEMU with -m size,slots=N,maxmem=X, and a machine that takes "
                          "memory devices (q35, pc)");
    else if (memory->slots_used >= memory->slots_total)
        error_hint(error,
                   "all %" PRId64 " slots are in use: unplug a device first, or start QEMU "
                   "with more slots",
                   memory->slots_total);
    else if (memory->maximum > 0 && size > (memory->maximum > total ? memory->maximum - total : 0))
        error_hint(error,
                   "%s more is what this VM can have (maximum %s): start QEMU with a larger "
                   "maxmem",
                   size_exact(memory->maximum > total ? memory->maximum - total : 0).text,
                   size_exact(memory->maximum).text);
    else if (!room_has_node(memory, node))
        error_hint(error, "the VM has no guest node %" PRId64 "; qmpctl status lists them", node);
    else if (memory->migrating)
        error_hint(error, "the VM is being migrated: try again when it has ended");
}
