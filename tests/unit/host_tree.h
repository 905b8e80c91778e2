/* Made-up trees of /proc, /sys and cgroups in a folder of their own. SPDX: MIT */
#ifndef TESTS_UNIT_HOST_TREE_H
#define TESTS_UNIT_HOST_TREE_H

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_UNUSED __attribute__((unused))

static TREE_UNUSED void tree_stop(const char *what)
{
    perror(what);
    abort();
}

/* A fresh folder; the caller frees the name. */
static TREE_UNUSED char *tree_new(void)
{
    char *root = strdup("/tmp/qmpctl-host-XXXXXX");

    if (!root || !mkdtemp(root))
        tree_stop("mkdtemp");
    return root;
}

static TREE_UNUSED int tree_remove_one(const char *path, const struct stat *status, int kind,
                                       struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static TREE_UNUSED void tree_free(char *root)
{
    nftw(root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(root);
}

/* root/path with the folders above it made. */
static TREE_UNUSED const char *tree_path(const char *root, const char *path, char *joined,
                                         size_t size)
{
    if (snprintf(joined, size, "%s/%s", root, path) >= (int)size)
        abort();
    for (char *slash = strchr(joined + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(joined, 0755);
        *slash = '/';
    }
    return joined;
}

__attribute__((format(printf, 3, 4))) static TREE_UNUSED void
tree_write(const char *root, const char *path, const char *format, ...)
{
    char joined[4096];
    FILE *file = fopen(tree_path(root, path, joined, sizeof joined), "w");
    va_list arguments;

    if (!file)
        tree_stop(joined);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    if (fclose(file) != 0)
        tree_stop(joined);
}

static TREE_UNUSED void tree_write_bytes(const char *root, const char *path, const char *bytes,
                                         size_t length)
{
    char joined[4096];
    FILE *file = fopen(tree_path(root, path, joined, sizeof joined), "w");

    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
        tree_stop(joined);
}

static TREE_UNUSED void tree_link(const char *root, const char *path, const char *target)
{
    char joined[4096];

    if (symlink(target, tree_path(root, path, joined, sizeof joined)) != 0)
        tree_stop(joined);
}

/* A node's share, as the kernel lays it out. */
static TREE_UNUSED void tree_node_pool(const char *root, int node, unsigned kibibytes, int total,
                                       int free_pages)
{
    char path[256];

    snprintf(path, sizeof path,
             "sys/devices/system/node/node%d/hugepages/hugepages-%ukB/nr_hugepages", node,
             kibibytes);
    tree_write(root, path, "%d\n", total);
    snprintf(path, sizeof path,
             "sys/devices/system/node/node%d/hugepages/hugepages-%ukB/free_hugepages", node,
             kibibytes);
    tree_write(root, path, "%d\n", free_pages);
}

static TREE_UNUSED void tree_pool(const char *root, unsigned kibibytes, const char *name,
                                  long number)
{
    char path[256];

    snprintf(path, sizeof path, "sys/kernel/mm/hugepages/hugepages-%ukB/%s", kibibytes, name);
    tree_write(root, path, "%ld\n", number);
}

static TREE_UNUSED void tree_whole_pool(const char *root, unsigned kibibytes, long total,
                                        long free_pages)
{
    tree_pool(root, kibibytes, "nr_hugepages", total);
    tree_pool(root, kibibytes, "free_hugepages", free_pages);
    tree_pool(root, kibibytes, "resv_hugepages", 0);
    tree_pool(root, kibibytes, "surplus_hugepages", 0);
    tree_pool(root, kibibytes, "nr_overcommit_hugepages", 0);
}

/* A host of so many nodes, each with 16 GiB, 2M pages (64 of 100 free) and 1G pages (2 of 4), and
 * a QEMU with the pid 4711 in /machine/vm of cgroup v2, where nothing is limited. */
static TREE_UNUSED void tree_host(const char *root, int nodes)
{
    char path[256];

    tree_write(root, "proc/meminfo",
               "MemTotal:       %d kB\nMemFree:        1048576 kB\n"
               "MemAvailable:   %d kB\nSwapTotal:      2097152 kB\nSwapFree:       1048576 kB\n"
               "CommitLimit:    8388608 kB\nCommitted_AS:   4194304 kB\n"
               "HugePages_Total:     100\nHugepagesize:       2048 kB\n",
               nodes * 16777216, nodes * 8388608);
    tree_write(root, "proc/sys/vm/overcommit_memory", "0\n");
    tree_write(root, "sys/devices/system/node/online", "0-%d\n", nodes - 1);
    tree_write(root, "sys/devices/system/node/has_memory", "0-%d\n", nodes - 1);
    tree_whole_pool(root, 2048, nodes * 100L, nodes * 64L);
    tree_whole_pool(root, 1048576, nodes * 4L, nodes * 2L);
    for (int node = 0; node < nodes; node++) {
        snprintf(path, sizeof path, "sys/devices/system/node/node%d/meminfo", node);
        tree_write(root, path,
                   "Node %d MemTotal:       16777216 kB\nNode %d MemFree:        4194304 kB\n"
                   "Node %d MemUsed:        12582912 kB\n",
                   node, node, node);
        tree_node_pool(root, node, 2048, 100, 64);
        tree_node_pool(root, node, 1048576, 4, 2);
    }
    tree_write(root, "proc/self/mountinfo",
               "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
               "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
               "40 24 0:35 / /dev/hugepages rw,relatime - hugetlbfs hugetlbfs rw,pagesize=2M\n");
    tree_write(root, "proc/4711/mountinfo",
               "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
               "40 24 0:35 / /dev/hugepages rw,relatime shared:17 master:2 - hugetlbfs hugetlbfs "
               "rw,pagesize=2M\n"
               "41 24 0:36 / /mnt/huge\\0401G rw - hugetlbfs none rw,mode=700,pagesize=1024M\n");
    tree_write(root, "proc/4711/cgroup", "0::/machine/vm\n");
    tree_write(root, "proc/4711/status",
               "Name:\tqemu-system-x86\nVmLck:\t       0 kB\nRssAnon:\t  1000 kB\n"
               "RssFile:\t 24 kB\nRssShmem:\t0 kB\nHugetlbPages:\t  2048 kB\n"
               "CapEff:\t0000000000000000\nCpus_allowed_list:\t0-7,16-23\n"
               "Mems_allowed_list:\t0-%d\n",
               nodes - 1);
    tree_write(root, "proc/4711/limits",
               "Limit                     Soft Limit           Hard Limit           Units     \n"
               "Max locked memory         8388608              unlimited            bytes     \n");
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.max", "max\n");
    tree_write(root, "sys/fs/cgroup/machine/vm/memory.current", "123\n");
}

#endif
