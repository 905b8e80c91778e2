/* The host nodes that a VM's memory backend is bound to, as a set. Pure. SPDX: MIT */
#ifndef QMPCTL_BACKEND_NODES_H
#define QMPCTL_BACKEND_NODES_H

#include "host/nodes.h"
#include "memory.h"

/* Numbers that no host node can have are left out; empty: from any node. */
struct node_set backend_host_nodes(const struct memory_backend *backend);

#endif
