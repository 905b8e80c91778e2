#include "host/mem_path.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "host/files.h"
#include "host/host.h"
#include "size.h"

static uint64_t bytes_of(const struct statfs *system, uint64_t blocks)
{
    uint64_t size = (uint64_t)system->f_bsize;

    return size > 0 && blocks > UINT64_MAX / size ? HOST_UNKNOWN : blocks * size;
}

static bool is_disk(const struct statfs *system)
{
    static const uint32_t others[] = {HUGETLBFS_MAGIC, TMPFS_MAGIC, RAMFS_MAGIC};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if ((uint32_t)system->f_type == others[i])
            return false;
    }
    return true;
}

/* What is held in memory says 0, or -1, for "as much as the host has". */
static uint64_t free_bytes(const struct statfs *system)
{
    if (!is_disk(system) && (system->f_blocks == 0 || (int64_t)system->f_blocks < 0))
        return HOST_UNKNOWN;
    return bytes_of(system, (uint64_t)system->f_bavail);
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

static struct mem_path_access access_of(const struct stat *status)
{
    return (struct mem_path_access){status->st_uid, status->st_gid, status->st_mode & 07777};
}

/* The folders above it. One that cannot be looked at is left out: nothing is known of it. joined
 * ends with the path but for all of its leading slashes except one. */
static void look_above(const char *joined, const char *path, struct mem_path *result)
{
    const size_t skipped = strspn(path, "/") - 1;
    const char *rest = path + skipped;
    size_t root_length = strlen(joined) - strlen(rest), length = 1;
    char folder[FILES_PATH];
    struct stat status;

    while (result->parent_count < MEM_PATH_PARENTS && rest[length] != '\0') {
        memcpy(folder, joined, root_length + length);
        folder[root_length + length] = '\0';
        if (stat(folder, &status) == 0) {
            result->parents[result->parent_count].access = access_of(&status);
            result->parents[result->parent_count++].length = skipped + length;
        }
        length += strspn(rest + length, "/");
        length += strcspn(rest + length, "/");
        if (rest[length + strspn(rest + length, "/")] == '\0')
            return;
    }
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
    result->access = access_of(&status);
    if (!result->folder && !S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
        return error_set(error, EXIT_USAGE, "%s: is neither a folder nor a file", path);
    if (S_ISREG(status.st_mode)) {
        result->file_size = (uint64_t)status.st_size;
        result->allocated = (uint64_t)status.st_blocks * 512;
    }
    result->device = S_ISCHR(status.st_mode);
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
    look_above(joined, path, result);
    if ((query ? query : statfs)(joined, &system) != 0)
        return error_set(error, EXIT_FAILED, "%s: %s", path, strerror(errno));
    result->hugetlb = (uint32_t)system.f_type == (uint32_t)HUGETLBFS_MAGIC;
    result->written_back = result->device || is_disk(&system);
    result->page_size = result->hugetlb ? (uint64_t)system.f_bsize : 0;
    if (!result->device)
        result->free = free_bytes(&system);
    if ((uint32_t)system.f_type == TMPFS_MAGIC)
        result->tmpfs_size = bytes_of(&system, (uint64_t)system.f_blocks);
    /* What the file has already need not be found again. */
    if (result->free < HOST_UNKNOWN - result->allocated)
        result->free += result->allocated;
    if (page_size > 0 && result->page_size != page_size)
        return refuse_page_size(path, page_size, result, error);
    return 0;
}

/* needed: the bits of "rwx", as a digit of the mode. */
static bool is_granted(const struct mem_path_access *access, const struct host_identity *identity,
                       unsigned needed)
{
    if (!identity->known || identity->any)
        return true;
    if (identity->user == access->owner)
        return (access->mode >> 6 & needed) == needed;
    for (size_t i = 0; i < identity->group_count; i++) {
        if (identity->groups[i] == access->group)
            return (access->mode >> 3 & needed) == needed;
    }
    return (access->mode & needed) == needed;
}

size_t mem_path_barrier(const struct mem_path *path, const struct host_identity *identity)
{
    for (size_t i = 0; i < path->parent_count; i++) {
        if (!is_granted(&path->parents[i].access, identity, 1))
            return path->parents[i].length;
    }
    return 0;
}

bool mem_path_is_allowed(const struct mem_path *path, const struct host_identity *identity)
{
    return mem_path_barrier(path, identity) == 0 &&
           is_granted(&path->access, identity, path->folder ? 3 : 6);
}

const char *mem_path_find(const char *root, const struct host_facts *facts, uint64_t page_size,
                          mem_path_statfs *query, struct mem_path *result, struct error *error)
{
    const char *forbidden = NULL;
    struct mem_path found;
    struct error last = {0};

    for (size_t i = 0; i < facts->mount_count; i++) {
        const struct host_mount *mount = &facts->mounts[i];

        if (mount->page_size != page_size || !mount->writable ||
            mem_path_check(root, mount->path, page_size, query, &found, &last) < 0)
            continue;
        if (mem_path_is_allowed(&found, &facts->identity)) {
            *result = found;
            return mount->path;
        }
        if (!forbidden)
            *result = found;
        forbidden = forbidden ? forbidden : mount->path;
    }
    if (forbidden)
        return forbidden;
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
