/* Sets of host NUMA nodes, and lists of numbers as Linux and libvirt write them. SPDX: MIT */
#ifndef QMPCTL_HOST_NODES_H
#define QMPCTL_HOST_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* QEMU's own bound on host nodes (MAX_NODES). */
#define HOST_NODES 128

/* Zero-initialised: empty. */
struct node_set {
    uint64_t bits[HOST_NODES / 64];
};

void node_set_add(struct node_set *set, unsigned node); /* ignored from HOST_NODES on */
bool node_set_has(const struct node_set *set, unsigned node);
bool node_set_is_empty(const struct node_set *set);
struct node_set node_set_and(const struct node_set *a, const struct node_set *b);
struct node_set node_set_without(const struct node_set *a, const struct node_set *b);

/*
 * Reads "0-3,5" and, as libvirt's nodemask, "0-3,^2" (what follows ^ is taken out again). Blanks
 * around the whole are fine. An empty text is an empty set. false where it is malformed or names a
 * node from HOST_NODES on; *set is then undefined.
 */
bool node_set_parse(const char *text, struct node_set *set);

/* "0-3,5", cut to the room; "none" where empty. Returns buffer. */
char *node_set_format(const struct node_set *set, char *buffer, size_t size);

#endif
