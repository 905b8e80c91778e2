#include "lab/cgroups.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CGROUPS "/sys/fs/cgroup"

/* Where a controller is, with its files: of version 1, or 2 beside or instead of it. */
static const struct place {
    enum cgroup_limit kind;
    const char *mount, *limit, *controller; /* controller NULL: version 1 */
} places[] = {
    {CGROUP_MEMORY, CGROUPS "/memory", "memory.limit_in_bytes", NULL},
    {CGROUP_MEMORY, CGROUPS, "memory.max", "memory"},
    {CGROUP_MEMORY_HIGH, CGROUPS, "memory.high", "memory"},
    {CGROUP_MEMORY_HIGH, CGROUPS "/unified", "memory.high", "memory"},
    {CGROUP_HUGETLB_2M, CGROUPS "/hugetlb", "hugetlb.2MB.limit_in_bytes", NULL},
    {CGROUP_HUGETLB_2M, CGROUPS, "hugetlb.2MB.max", "hugetlb"},
    {CGROUP_HUGETLB_2M, CGROUPS "/unified", "hugetlb.2MB.max", "hugetlb"},
};

static char group[128];
static const struct place *enabled; /* by us: to be disabled again */
static const char *made_up;         /* memory.high of a group whose files are not real */
static const char *above;           /* the mount that it is in */
static bool covered;                /* by those made-up files */

static bool write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;
    bool written;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "we");
    if (!file)
        return false;
    written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written;
}

static bool file_has(const char *folder, const char *name, const char *word)
{
    char path[256], found[64];
    FILE *file;
    bool has = false;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "re");
    while (file && !has && fscanf(file, "%63s", found) == 1)
        has = strcmp(found, word) == 0;
    if (file)
        fclose(file);
    return has;
}

static bool set_controller(const struct place *place, char sign)
{
    char text[32];

    snprintf(text, sizeof text, "%c%s", sign, place->controller);
    return write_file(place->mount, "cgroup.subtree_control", text);
}

/* Version 2 has a controller's files only where the group above hands it on. */
static bool is_usable(const struct place *place)
{
    char path[256];

    if (!place->controller) {
        snprintf(path, sizeof path, "%s/%s", place->mount, place->limit);
        return access(path, F_OK) == 0;
    }
    if (file_has(place->mount, "cgroup.subtree_control", place->controller))
        return true;
    if (!file_has(place->mount, "cgroup.controllers", place->controller) ||
        !set_controller(place, '+'))
        return false;
    enabled = place;
    return true;
}

/* A real group of a version 2 that has not the controller. */
static bool make_bare(const char *bytes)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i].kind != CGROUP_MEMORY_HIGH)
            continue;
        snprintf(group, sizeof group, "%s/cgroup.procs", places[i].mount);
        if (access(group, W_OK) != 0)
            continue;
        snprintf(group, sizeof group, "%s/qmpctl-test-%d", places[i].mount, (int)getpid());
        if (mkdir(group, 0755) != 0)
            break;
        above = places[i].mount;
        made_up = bytes;
        return true;
    }
    *group = '\0';
    return false;
}

/* Its files, seen by this suite alone: the mount table is one of its own. */
static void cover(void)
{
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount("none", above, "tmpfs", 0, "size=1M"), 0);
    covered = true;
    assert_int_equal(mkdir(group, 0755), 0);
    assert_true(write_file(group, "memory.high", made_up));
    assert_true(write_file(group, "memory.current", "0"));
}

static void uncover(void)
{
    if (covered)
        umount2(above, MNT_DETACH);
    covered = false;
    made_up = NULL;
}

void cgroup_make(enum cgroup_limit kind, const char *bytes)
{
    assert_int_equal(*group, '\0');
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i].kind != kind || !is_usable(&places[i]))
            continue;
        /* systemd's and so libvirt's names have such a backslash. */
        snprintf(group, sizeof group, "%s/qmpctl-test\\x2d%d", places[i].mount, (int)getpid());
        if (mkdir(group, 0755) == 0 && write_file(group, places[i].limit, bytes)) {
            /* Version 2, where the host swaps: the limit is to be one. */
            write_file(group, "memory.swap.max", "0");
            return;
        }
        cgroup_remove();
    }
    if (kind == CGROUP_MEMORY_HIGH && make_bare(bytes))
        return;
    print_message("no cgroup with such a limit can be made here\n");
    skip();
}

void cgroup_join(pid_t pid)
{
    char text[32];

    snprintf(text, sizeof text, "%d\n", (int)pid);
    assert_true(write_file(group, "cgroup.procs", text));
    if (made_up)
        cover();
}

void cgroup_remove(void)
{
    uncover();
    for (int i = 0; *group && rmdir(group) != 0 && errno == EBUSY && i < 500; i++)
        usleep(10000); /* its last process has to be gone for good */
    *group = '\0';
    if (enabled)
        set_controller(enabled, '-');
    enabled = NULL;
}
