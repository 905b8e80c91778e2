/* A change of the VM's memory, as the user asks for it. SPDX: MIT */
#ifndef QMPCTL_CHANGE_H
#define QMPCTL_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memplan.h"
#include "placement.h"
#include "size.h"

enum change_kind {
    CHANGE_PLUG,       /* count devices of size */
    CHANGE_UNPLUG,     /* the devices ids */
    CHANGE_SET,        /* the total to size, or by size */
    CHANGE_UNPLUG_SIZE /* devices that come to size */
};

#define NODE_ANY (-1)
/* x86 QEMU takes devices in multiples of 2M (the alignment of the device region). */
#define DEVICE_ALIGNMENT (2 * MIB)

/* What the user asks for, checked as far as can be without the VM. Strings are borrowed. */
struct change {
    enum change_kind kind;
    uint64_t size;
    enum size_relation relation;
    unsigned count;
    const char *id; /* of a single new device; NULL: dimmN */
    int64_t slot;   /* -1: the first that is free */
    int64_t node;   /* NODE_ANY: kept in balance */
    const char *const *ids;
    size_t id_count;
    const char *const *keep;
    size_t keep_count;
    struct placement_request placement;
    enum memplan_nearest nearest;
    bool swap;
    uint64_t granule; /* 0: what the guest needs */
    bool stop_on_refusal;
    bool atomic;
    int64_t timeout;        /* milliseconds */
    int64_t accept_timeout; /* milliseconds */
};

#endif
