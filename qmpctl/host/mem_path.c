#include "host/mem_path.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "host/files.h"
#include "host/host.h"
#include "size.h"

/* hugetlbfs says 0, or -1, for "as many as the host has". */
static uint64_t free_bytes(const struct statfs *system, bool hugetlb)
{
    uint64_t blocks = (uint64_t)system->f_bavail, size = (uint64_t)system->f_bsize;

    if (hugetlb && (system->f_blocks == 0 || (int64_t)system->f_blocks < 0))
        return HOST_UNKNOWN;
    return size > 0 && blocks > UINT64_MAX / size ? HOST_UNKNOWN : blocks * size;
}

static int refuse_page_size(const char *path, uint64_t wanted, const struct mem_path *found,
                            struct error *error)
{
    if (found->hugetlb)
        error_set(error, EXIT_USAGE, "%s: has hugepages of %s, not of %s", path,
                  size_exact(found->page_size).text, size_exact(wanted).text);
    else
        error_set(error, EXIT_USAGE, "%s: is no hugetlbfs, so it gives no hugepages of %s", path,
                  size_exact(wanted).text);
    return error_hint(error, "mount -t hugetlbfs -o pagesize=%s none DIR", size_exact(wanted).text);
}

/* What kind of thing it is; device files such as /dev/dax0.0 count as files. */
static int look(const char *joined, const char *path, struct mem_path *result, struct error *error)
{
    struct stat status;

    if (stat(joined, &status) != 0) {
        error_set(error, EXIT_USAGE, "%s: %s", path, strerror(errno));
        return errno == ENOENT
                   ? error_hint(error, "QEMU would make a plain file there; name one that exists")
                   : -1;
    }
    result->folder = S_ISDIR(status.st_mode);
    if (!result->folder && !S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
        return error_set(error, EXIT_USAGE, "%s: is neither a folder nor a file", path);
    result->file_size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    return 0;
}

int mem_path_check(const char *root, const char *path, uint64_t page_size, mem_path_statfs *query,
                   struct mem_path *result, struct error *error)
{
    char joined[FILES_PATH];
    struct statfs system;

    *result = (struct mem_path){.free = HOST_UNKNOWN};
    if (path[0] != '/')
        return error_set(error, EXIT_USAGE,
                         "%s: a mem-path is taken from QEMU's own folder; name it from /", path);
    if (!files_join(root, path, joined, sizeof joined))
        return error_set(error, EXIT_USAGE, "the mem-path is too long");
    if (look(joined, path, result, error) != 0)
        return -1;
    if ((query ? query : statfs)(joined, &system) != 0)
        return error_set(error, EXIT_FAILED, "%s: %s", path, strerror(errno));
    result->hugetlb = (uint32_t)system.f_type == (uint32_t)HUGETLBFS_MAGIC;
    result->page_size = result->hugetlb ? (uint64_t)system.f_bsize : 0;
    result->free = free_bytes(&system, result->hugetlb);
    if (page_size > 0 && result->page_size != page_size)
        return refuse_page_size(path, page_size, result, error);
    return 0;
}

const char *mem_path_find(const char *root, const struct host_facts *facts, uint64_t page_size,
                          mem_path_statfs *query, struct mem_path *result, struct error *error)
{
    struct error last = {0};

    for (size_t i = 0; i < facts->mount_count; i++) {
        const struct host_mount *mount = &facts->mounts[i];

        if (mount->page_size == page_size && mount->writable &&
            mem_path_check(root, mount->path, page_size, query, result, &last) == 0)
            return mount->path;
    }
    if (last.text[0] != '\0')
        error_set(error, EXIT_FAILED, "no hugetlbfs with pages of %s can be used: %s",
                  size_exact(page_size).text, last.text);
    else
        error_set(error, EXIT_FAILED, "no hugetlbfs with pages of %s is mounted",
                  size_exact(page_size).text);
    error_hint(error,
               "mkdir -p /dev/hugepages-%s && mount -t hugetlbfs -o pagesize=%s none "
               "/dev/hugepages-%s",
               size_exact(page_size).text, size_exact(page_size).text, size_exact(page_size).text);
    return NULL;
}
