/*
 * Is a mem-path what the user means? QEMU makes a plain file of whatever does not exist or is no
 * hugetlbfs, so ask the file system before anything is sent. SPDX: MIT
 */
#ifndef QMPCTL_HOST_MEM_PATH_H
#define QMPCTL_HOST_MEM_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/vfs.h>

struct error;
struct host_facts;
struct host_identity;

/* statfs(2), or a test's own. */
typedef int mem_path_statfs(const char *path, struct statfs *result);

/* More folders above it are not looked at. */
#define MEM_PATH_PARENTS 32

/* Who may do what with a folder or file. */
struct mem_path_access {
    uint32_t owner, group;
    unsigned mode; /* permission bits */
};

struct mem_path {
    bool hugetlb;
    bool folder;         /* QEMU makes an unlinked file in it; else the file itself is used */
    uint64_t page_size;  /* of the file system where hugetlb, else 0 */
    uint64_t free;       /* bytes that still fit; HOST_UNKNOWN: the file system sets no limit */
    uint64_t tmpfs_size; /* what the tmpfs may hold, which remounting changes; 0: it is none */
    bool device;         /* such as /dev/dax0.0 */
    bool written_back;   /* the kernel can write its pages back, or it is a device: no RAM */
    uint64_t file_size;  /* of an existing file; 0 for a folder or a device */
    uint64_t allocated;  /* what it has of the file system, counted into free */
    struct mem_path_access access;
    struct {
        struct mem_path_access access;
        size_t length;           /* of the path up to there */
    } parents[MEM_PATH_PARENTS]; /* as the path names them, from "/" on */
    size_t parent_count;
};

/*
 * Looks at the path. root: where QEMU's file system begins for us ("/", or "/proc/PID/root" when
 * it has one of its own). page_size: what the path must be a hugetlbfs of; 0: a hugetlbfs or an
 * ordinary folder or file, as it is. query: NULL for statfs(2).
 * Creates nothing. Returns 0, or -1 with *error set (usage for what the user can mend).
 */
int mem_path_check(const char *root, const char *path, uint64_t page_size, mem_path_statfs *query,
                   struct mem_path *result, struct error *error);

/* Whether QEMU may reach and use it, as far as owner and mode tell (a list of access rights may
 * allow more). True where nothing is known of QEMU. */
bool mem_path_is_allowed(const struct mem_path *path, const struct host_identity *identity);

/* How long the beginning of the path is that names a folder which QEMU may not enter; 0: none. */
size_t mem_path_barrier(const struct mem_path *path, const struct host_identity *identity);

/*
 * The hugetlbfs that QEMU has mounted for this page size, verified as above: its path, borrowed
 * from facts. The first that QEMU may use, else the first that there is. NULL with *error set, the
 * mount command as its hint.
 */
const char *mem_path_find(const char *root, const struct host_facts *facts, uint64_t page_size,
                          mem_path_statfs *query, struct mem_path *result, struct error *error);

#endif
