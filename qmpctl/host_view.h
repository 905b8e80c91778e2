/*
 * The host, as it stands to a VM that is to grow: what it has, where the memory is to come from,
 * and whether that would work.
 *
 * Reading it changes nothing and takes less than a millisecond; judging a plan by it is pure.
 * SPDX: MIT
 */
#ifndef QMPCTL_HOST_VIEW_H
#define QMPCTL_HOST_VIEW_H

#include "error.h"
#include "host/mem_path.h"
#include "memory.h"
#include "placement.h"
#include "result.h"

struct host_view {
    bool local; /* QEMU runs on this host: facts are known */
    struct host_facts facts;
    struct placement placement;
    uint64_t path_free; /* of the mem-path, see struct mem_path; so path_tmpfs, its tmpfs_size */
    uint64_t path_tmpfs;
    uint64_t file_size;  /* of the file that it is; 0: an empty one, or not known */
    bool path_disk;      /* shared pages of it can be written back, private ones are not in it */
    bool path_file;      /* it is a file, not a folder to make files in */
    bool path_unchecked; /* there is one, and it cannot be looked at */
    bool path_denied;    /* QEMU may not be allowed to use it */
    bool pages_unseen;   /* what should be as the boot memory, whose page size nobody can tell */
    bool nodes_open;     /* the boot memory lies on several host nodes, which are not taken over */
    size_t path_barrier; /* for it may not enter the folder that so much of the path names; or 0 */
    const char *moved;   /* why it does not lie where the boot memory does; NULL: it does, or may */
    char defaults[256];  /* what was taken from the boot memory, for people; empty: nothing */
    char described[256]; /* see struct placement_request's note */
    struct error error;  /* why there is no placement; code 0: there is one */
    const char *error_check; /* which check of the preflight that is */
};

/*
 * root: "/" or a made-up tree. pid: of QEMU, 0: not on this host. What the request leaves open is
 * taken from the boot memory of the VM. query: NULL for statfs(2).
 */
void host_view_read(const char *root, pid_t pid, const struct placement_request *request,
                    const struct memory *memory, mem_path_statfs *query, struct host_view *view);

/* Fills in what only the host can tell of the VM's backends: page sizes, and which of those that
 * look like ours QEMU was started with; and whether there is anything to ask: to find QEMU's
 * process costs more than all the rest. */
bool host_view_has_to_ask(const struct memory *memory);
void host_view_backends(const char *root, pid_t pid, struct memory *memory, mem_path_statfs *query);

/*
 * The steps of result that are planned, from first on, judged: result->preflight is what was found.
 * 0, or -1 with *error set where they cannot work, or (strict) may well not. Pure.
 */
int host_view_judge(const struct host_view *view, const struct memory *memory, bool strict,
                    size_t first, struct result *result, struct error *error);

#endif
