#include "host/cgroups.h"

#include <stdio.h>
#include <string.h>

#include "host/files.h"
#include "host/host.h"
#include "host/mounts.h"

/* More than any sane nesting; cgroup.max.depth aside, paths end at FILES_PATH. */
#define DEPTH 64

enum controller { MEMORY, HUGETLB, CONTROLLERS };

/* Where one hierarchy is mounted, and QEMU's folder in it. */
struct hierarchy {
    char mount[1024];
    char group[2048];
    bool unified, found;
};

struct hierarchies {
    struct hierarchy by_controller[CONTROLLERS], unified;
    bool hugepages_charged;
};

/* How a controller names its files in both versions. */
struct files_of_limit {
    const char *limit[2]; /* NULL: that version has no such limit */
    const char *usage[2];
    const char *cache[2]; /* line of memory.stat with what can be dropped; NULL: none */
};

static const char *const controller_names[] = {"memory", "hugetlb"};

/* What of a cgroup's path lies below the mount: a container mounts a part of the hierarchy. */
static void place_group(struct hierarchy *hierarchy, const char *path, const char *mount_root)
{
    size_t length = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);

    if (length > 0 && strncmp(path, mount_root, length) == 0 &&
        (path[length] == '/' || path[length] == '\0'))
        path += length;
    hierarchy->found = !strstr(path, "/..") && strlen(path) < sizeof hierarchy->group;
    if (hierarchy->found)
        memcpy(hierarchy->group, path, strlen(path) + 1);
}

/* "4:memory,cpu:/machine/vm" or, for version 2, "0::/machine/vm". */
static void read_group(char *line, struct hierarchies *all)
{
    char *controllers = strchr(line, ':'),
         *path = controllers ? strchr(controllers + 1, ':') : NULL;

    if (!path || path[1] != '/')
        return;
    *path++ = '\0';
    controllers++;
    for (int i = 0; i < CONTROLLERS; i++) {
        if (mount_option(controllers, controller_names[i], NULL, 0))
            place_group(&all->by_controller[i], path, "/");
    }
    if (*controllers == '\0')
        place_group(&all->unified, path, "/");
}

static void use_mount(struct hierarchy *hierarchy, const struct mount_entry *entry)
{
    char group[sizeof hierarchy->group];

    if (!hierarchy->found || hierarchy->mount[0] || strlen(entry->path) >= sizeof hierarchy->mount)
        return;
    memcpy(hierarchy->mount, entry->path, strlen(entry->path) + 1);
    memcpy(group, hierarchy->group, sizeof group);
    place_group(hierarchy, group, entry->root);
}

static void read_mount(char *line, struct hierarchies *all)
{
    struct mount_entry entry;

    if (!mount_parse(line, &entry))
        return;
    if (strcmp(entry.type, "cgroup2") == 0) {
        use_mount(&all->unified, &entry);
        all->hugepages_charged =
            mount_option(entry.super_options, "memory_hugetlb_accounting", NULL, 0);
    }
    if (strcmp(entry.type, "cgroup") != 0)
        return;
    for (int i = 0; i < CONTROLLERS; i++) {
        if (mount_option(entry.super_options, controller_names[i], NULL, 0))
            use_mount(&all->by_controller[i], &entry);
    }
}

static void each_line(char *text, void (*take)(char *, struct hierarchies *),
                      struct hierarchies *all)
{
    char *cursor = NULL;

    for (char *line = strtok_r(text, "\n", &cursor); line; line = strtok_r(NULL, "\n", &cursor))
        take(line, all);
}

static uint64_t dropped_cache(const char *root, const char *folder, const char *line)
{
    char path[FILES_PATH], text[8192];

    if (!line || snprintf(path, sizeof path, "%s/memory.stat", folder) >= (int)sizeof path ||
        files_read(root, path, text, sizeof text) < 0)
        return 0;
    return files_line_size(text, line) == HOST_UNKNOWN ? 0 : files_line_size(text, line);
}

/* One cgroup: replaces *tightest where it leaves less room. */
static void weigh(const char *root, const char *folder, const struct files_of_limit *files,
                  int version, struct host_limit *tightest)
{
    char path[FILES_PATH], usage[FILES_PATH];
    struct host_limit found;
    uint64_t cache;

    if (!files->limit[version] ||
        snprintf(path, sizeof path, "%s/%s", folder, files->limit[version]) >= (int)sizeof path ||
        snprintf(usage, sizeof usage, "%s/%s", folder, files->usage[version]) >= (int)sizeof usage)
        return;
    found.limit = files_read_number(root, path);
    /* "max" is no number; version 1 writes its largest number for "none". */
    if (found.limit >= (uint64_t)1 << 62)
        return;
    found.usage = files_read_number(root, usage);
    if (found.usage == HOST_UNKNOWN)
        return;
    cache = dropped_cache(root, folder, files->cache[version]);
    found.usage -= cache < found.usage ? cache : found.usage;
    found.headroom = found.usage < found.limit ? found.limit - found.usage : 0;
    if (tightest->headroom != HOST_UNKNOWN && tightest->headroom <= found.headroom)
        return;
    if (strlen(path) < sizeof found.file)
        memcpy(found.file, path, strlen(path) + 1);
    else
        found.file[0] = '\0';
    *tightest = found;
}

/* From QEMU's cgroup up to the mount. */
static void climb(const char *root, const struct hierarchy *hierarchy,
                  const struct files_of_limit *files, struct host_limit *tightest)
{
    char folder[sizeof hierarchy->mount + sizeof hierarchy->group];
    size_t mount_length = strlen(hierarchy->mount);

    if (!hierarchy->found || mount_length == 0)
        return;
    snprintf(folder, sizeof folder, "%s%s", hierarchy->mount, hierarchy->group);
    for (int depth = 0; depth < DEPTH; depth++) {
        char *slash;

        weigh(root, folder, files, hierarchy->unified ? 1 : 0, tightest);
        slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < mount_length)
            return;
        *slash = '\0';
    }
}

static void find_memory_limit(const char *root, const struct hierarchies *all,
                              struct host_limit *limit)
{
    static const struct files_of_limit files = {
        .limit = {"memory.limit_in_bytes", "memory.max"},
        .usage = {"memory.usage_in_bytes", "memory.current"},
        .cache = {"total_inactive_file ", "inactive_file "},
    };

    climb(root, &all->by_controller[MEMORY], &files, limit);
    climb(root, &all->unified, &files, limit);
}

static void find_memory_high(const char *root, const struct hierarchies *all,
                             struct host_limit *limit)
{
    static const struct files_of_limit files = {
        .limit = {NULL, "memory.high"},
        .usage = {NULL, "memory.current"},
        .cache = {NULL, "inactive_file "},
    };

    climb(root, &all->unified, &files, limit);
}

static void find_swap_limits(const char *root, const struct hierarchies *all,
                             struct host_facts *facts)
{
    static const struct files_of_limit alone = {
        .limit = {NULL, "memory.swap.max"},
        .usage = {NULL, "memory.swap.current"},
    };
    static const struct files_of_limit both = {
        .limit = {"memory.memsw.limit_in_bytes", NULL},
        .usage = {"memory.memsw.usage_in_bytes", NULL},
        .cache = {"total_inactive_file ", NULL},
    };

    climb(root, &all->unified, &alone, &facts->swap_limit);
    climb(root, &all->by_controller[MEMORY], &both, &facts->both_limit);
}

/* "2MB", "1GB", "64KB": how the hugetlb controller calls a page size. */
static void page_size_name(uint64_t page_size, char *name, size_t size)
{
    unsigned shift = page_size >= 1 << 30 ? 30 : page_size >= 1 << 20 ? 20 : 10;

    snprintf(name, size, "%llu%cB", (unsigned long long)(page_size >> shift),
             shift == 30   ? 'G'
             : shift == 20 ? 'M'
                           : 'K');
}

static void find_hugetlb_limit(const char *root, const struct hierarchies *all,
                               struct host_pool *pool, const char *reservation)
{
    char name[32], limit[2][64], usage[2][64];
    struct files_of_limit files = {{limit[0], limit[1]}, {usage[0], usage[1]}, {NULL, NULL}};

    page_size_name(pool->page_size, name, sizeof name);
    snprintf(limit[0], sizeof limit[0], "hugetlb.%s.%slimit_in_bytes", name, reservation);
    snprintf(usage[0], sizeof usage[0], "hugetlb.%s.%susage_in_bytes", name, reservation);
    snprintf(limit[1], sizeof limit[1], "hugetlb.%s.%smax", name, reservation);
    snprintf(usage[1], sizeof usage[1], "hugetlb.%s.%scurrent", name, reservation);
    climb(root, &all->by_controller[HUGETLB], &files, &pool->limit);
    climb(root, &all->unified, &files, &pool->limit);
}

void cgroups_read(const char *root, char *groups, char *mounts, struct host_facts *facts)
{
    struct hierarchies all = {.unified.unified = true};

    each_line(groups, read_group, &all);
    each_line(mounts, read_mount, &all);
    find_memory_limit(root, &all, &facts->memory_limit);
    find_memory_high(root, &all, &facts->memory_high);
    find_swap_limits(root, &all, facts);
    facts->hugepages_charged = all.hugepages_charged;
    for (size_t i = 0; i < facts->pool_count; i++) {
        find_hugetlb_limit(root, &all, &facts->pools[i], "");
        find_hugetlb_limit(root, &all, &facts->pools[i], "rsvd.");
    }
}
