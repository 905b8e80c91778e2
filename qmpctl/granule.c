#include "granule.h"

#include <stdio.h>
#include <string.h>

#include "size.h"

/*
 * x86 Linux takes memory in sections of 128 MiB (SECTION_SIZE_BITS 27). Where its boot memory ends
 * at 64 GiB or above, it takes it in the largest blocks, up to 2 GiB, that this end is aligned to
 * (probe_memory_block_size); smaller devices it ignores.
 */
#define SECTION       (128 * MIB)
#define LARGE_END     (64 * GIB)
#define LARGEST_BLOCK (2 * GIB)
/* QEMU leaves a hole below 4 GiB, which moves the end up: by 2 GiB on q35, by 1 GiB on pc. */
#define HOLE (2 * GIB)
/* Where QEMU may put a device of ordinary pages. */
#define ALIGNMENT (2 * MIB)

/*
 * The end is the base memory and some GiB for the hole, so this is the largest block that any hole
 * would lead to. The monitor could tell the end exactly (/machine/unattached/ram-above-4g[0]; the
 * machine's type could not, since max-ram-below-4g moves the hole), and an odd one would make 1 GiB
 * of these 2. But Linux before 4.17 looks at no end, and later ones at none where the CPU hides
 * that it is virtual: they take 2 GiB, and would ignore a smaller device. So a whole GiB is left
 * at 2.
 */
uint64_t granule_of(const struct memory *memory, const char **why)
{
    uint64_t block = LARGEST_BLOCK;

    if (memory->base < LARGE_END - HOLE) {
        *why = "Linux takes memory in blocks of 128M";
        return SECTION;
    }
    *why = "Linux takes memory in blocks of up to 2G where its own ends at 64G or above";
    while (block > SECTION && memory->base % (block < GIB ? block : GIB) != 0)
        block /= 2;
    return block;
}

static uint64_t end_of(const struct memory_device *device)
{
    return device->address + memory_device_extent(device);
}

static bool is_free(const struct memory *memory, uint64_t address, uint64_t size)
{
    for (size_t i = 0; i < memory->device_count; i++) {
        const struct memory_device *device = &memory->devices[i];

        if (address < end_of(device) && device->address < address + size)
            return false;
    }
    return true;
}

/* The device behind which QEMU, which takes the lowest place, will put the next of this size; NULL:
 * behind none. *address: where. */
static const struct memory_device *place_of(const struct memory *memory, uint64_t size,
                                            uint64_t align, uint64_t *address)
{
    const struct memory_device *behind = NULL;
    uint64_t lowest = UINT64_MAX;

    *address = UINT64_MAX;
    for (size_t i = 0; i < memory->device_count; i++) {
        const struct memory_device *device = &memory->devices[i];
        uint64_t place = (end_of(device) + align - 1) / align * align;

        lowest = device->address < lowest ? device->address : lowest;
        if (device->address == 0 || place >= *address || !is_free(memory, place, size))
            continue;
        *address = place;
        behind = device;
    }
    /* The region of memory devices begins at a GiB, and may have come free there. */
    return lowest != UINT64_MAX && is_free(memory, lowest / GIB * GIB, size) ? NULL : behind;
}

void granule_warn(const struct memory *memory, const struct placement *placement,
                  struct result *result)
{
    const char *why;
    uint64_t granule = granule_of(memory, &why), align = ALIGNMENT, address;
    size_t length = strlen(result->note), room = sizeof result->note - length, i = 0;
    char *end = result->note + length;
    const struct memory_device *behind;

    if (placement && placement->pagesize > align)
        align = placement->pagesize;
    while (i < result->step_count &&
           (result->steps[i].action != STEP_PLUG || result->steps[i].result != STEP_PLANNED))
        i++;
    if (i == result->step_count)
        return;
    behind = place_of(memory, result->steps[i].size, align, &address);
    if (behind && address % granule != 0)
        snprintf(end, room,
                 "%sQEMU puts %.40s behind %.40s, at no multiple of %s: the guest may not use it",
                 length ? "; " : "", result->steps[i].id, memory_device_name(behind),
                 size_exact(granule).text);
    else if (result->steps[i].size % granule != 0 && length == 0)
        snprintf(end, room, "the guest may not use all of %s: %s",
                 size_exact(result->steps[i].size).text, why);
}
