/*
 * Is a mem-path what the user means? QEMU makes a plain file of whatever does not exist or is no
 * hugetlbfs, so ask the file system before anything is sent. SPDX: MIT
 */
#ifndef QMPCTL_HOST_MEM_PATH_H
#define QMPCTL_HOST_MEM_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/vfs.h>

struct error;
struct host_facts;

/* statfs(2), or a test's own. */
typedef int mem_path_statfs(const char *path, struct statfs *result);

struct mem_path {
    bool hugetlb;
    bool folder;        /* QEMU makes an unlinked file in it; else the file itself is used */
    uint64_t page_size; /* of the file system where hugetlb, else 0 */
    uint64_t free;      /* bytes that still fit; HOST_UNKNOWN: the file system sets no limit */
    uint64_t file_size; /* of an existing file or a device; 0 for a folder */
};

/*
 * Looks at the path. root: where QEMU's file system begins for us ("/", or "/proc/PID/root" when
 * it has one of its own). page_size: what the path must be a hugetlbfs of; 0: a hugetlbfs or an
 * ordinary folder or file, as it is. query: NULL for statfs(2).
 * Creates nothing. Returns 0, or -1 with *error set (usage for what the user can mend).
 */
int mem_path_check(const char *root, const char *path, uint64_t page_size, mem_path_statfs *query,
                   struct mem_path *result, struct error *error);

/*
 * The hugetlbfs that QEMU has mounted for this page size, verified as above: its path, borrowed
 * from facts. NULL with *error set, the mount command as its hint.
 */
const char *mem_path_find(const char *root, const struct host_facts *facts, uint64_t page_size,
                          mem_path_statfs *query, struct mem_path *result, struct error *error);

#endif
