/*
 * The memory of one VM as a model: what a snapshot of the monitor says, in one struct that planning
 * and operations read. Strings are borrowed from the replies that the struct holds on to.
 * SPDX: MIT
 */
#ifndef QMPCTL_MEMORY_H
#define QMPCTL_MEMORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The last _OST of a slot, as ACPI defines source and status; source 0: none yet. */
struct guest_answer {
    int64_t source, status;
};

enum { OST_SOURCE_PLUG = 1, OST_SOURCE_EJECT = 3, OST_SOURCE_OSPM_EJECT = 0x103 };
enum { OST_SUCCESS = 0, OST_IN_PROGRESS = 0x84 };

struct memory_backend {
    const char *id;
    const char *type;         /* "ram", "file", "memfd", ...; NULL where QEMU does not tell */
    uint64_t size;            /* bytes */
    uint64_t pagesize;        /* bytes of a page of the host, 0 unknown */
    const char *mem_path;     /* of a file backend, or NULL */
    const json_t *host_nodes; /* array of integers, or NULL */
    const char *policy;
    bool prealloc, share, merge, dump;
    bool boot;    /* the machine's own memory */
    bool used;    /* by a memory device or the machine */
    bool orphan;  /* left behind by an interrupted qmpctl: see find_orphans */
    bool started; /* QEMU was started with it, and no device uses it: somebody else's */
};

struct memory_device {
    const char *id; /* NULL: it has none */
    const char *qom_path;
    const char *type; /* as QEMU names it: "dimm", "nvdimm", "virtio-mem", ... */
    int64_t slot;     /* -1: none */
    int64_t node;     /* guest node */
    uint64_t address, size;
    uint64_t requested_size, max_size, block_size; /* virtio-mem */
    bool hotplugged, hotpluggable;
    struct memory_backend *backend; /* NULL where QEMU does not tell */
    struct guest_answer answer;
};

struct memory_node {
    int64_t node;
    uint64_t base, plugged;
};

struct memory {
    const char *name; /* NULL: the VM has none */
    const char *uuid;
    int64_t pid;       /* of QEMU's process; 0: not seen, or nobody looked */
    const char *state; /* QEMU's RunState */
    char version[32];
    uint64_t base, plugged;
    uint64_t maximum;    /* 0 unknown */
    int64_t slots_total; /* -1 unknown */
    int64_t slots_used;
    bool migrating;
    bool guest_tells; /* its answers can be seen slot by slot: the machine has ACPI */
    struct memory_device *devices;
    size_t device_count;
    struct memory_backend *backends;
    size_t backend_count;
    struct memory_node *nodes; /* ascending */
    size_t node_count;
    /* Sets, as keys of a JSON object: the ids of all devices, and of all objects. */
    json_t *device_names, *object_names;
    json_t *sources; /* owns what the strings point into */
};

void memory_free(struct memory *memory);

/* The device with this id or QOM path, or NULL. */
struct memory_device *memory_device_by_name(const struct memory *memory, const char *name);
struct memory_device *memory_device_by_slot(const struct memory *memory, int64_t slot);
struct memory_backend *memory_backend_by_id(const struct memory *memory, const char *id);

/* Whether no device can be made with this id: another device bears it, of whatever kind, or an
 * object bears the name that its backend would have, be it an orphan that could not be deleted. */
bool memory_name_is_taken(const struct memory *memory, const char *id);

/* What the user calls it: its id, else its QOM path. */
const char *memory_device_name(const struct memory_device *device);

/* Whether device_del can work on it at all: a dimm, and QEMU calls it hotpluggable. */
bool memory_device_can_unplug(const struct memory_device *device);

/* How much of the room for memory devices it takes: of a virtio-mem device, the most that it may
 * give. */
uint64_t memory_device_extent(const struct memory_device *device);

/* The guest was asked to give it up and is still at it. */
bool memory_device_is_pending(const struct memory_device *device);

static inline uint64_t memory_total(const struct memory *memory)
{
    return memory->base + memory->plugged;
}

/* Whether the guest runs, so that it can answer at all. */
bool memory_is_running(const struct memory *memory);

#endif
