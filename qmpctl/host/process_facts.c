#include "host/process_facts.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/files.h"
#include "host/host.h"

#define CAPABILITY_DAC_OVERRIDE 1
#define CAPABILITY_IPC_LOCK     14
#define DESCRIPTORS             8192
#define CPUS                    65536u

/* How many numbers "0-3,8" names; 0: malformed. */
static unsigned count_list(const char *text)
{
    unsigned count = 0;

    while (isdigit((unsigned char)*text)) {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = first;

        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last < first || last >= CPUS)
            return 0;
        count += (unsigned)(last - first + 1);
        if (count > CPUS || (*end != ',' && *end != '\0'))
            return 0;
        text = *end == ',' ? end + 1 : end;
    }
    return *text == '\0' ? count : 0;
}

static void add_groups(const char *text, size_t most, struct host_identity *identity)
{
    char *end;

    for (size_t i = 0; i < most && identity->group_count < HOST_GROUPS; i++, text = end) {
        unsigned long group = strtoul(text, &end, 10);

        if (end == text)
            return;
        identity->groups[identity->group_count++] = (uint32_t)group;
    }
}

/* "Uid: real effective saved filesystem"; the last one counts for files, as with groups. */
static void read_identity(const char *text, struct host_identity *identity)
{
    char value[4096];
    unsigned user, group;

    if (!files_line(text, "Uid:", value, sizeof value) ||
        sscanf(value, "%*s %*s %*s %10u", &user) != 1)
        return;
    identity->known = true;
    identity->user = user;
    if (files_line(text, "Gid:", value, sizeof value) &&
        sscanf(value, "%*s %*s %*s %10u", &group) == 1)
        identity->groups[identity->group_count++] = group;
    if (files_line(text, "Groups:", value, sizeof value))
        add_groups(value, HOST_GROUPS, identity);
}

static void read_status(const char *text, struct host_facts *facts)
{
    char value[4096];

    facts->locked = files_line_size(text, "VmLck:");
    if (files_line(text, "Cpus_allowed_list:", value, sizeof value))
        facts->cpus = count_list(value);
    if (!files_line(text, "Mems_allowed_list:", value, sizeof value) ||
        !node_set_parse(value, &facts->allowed_nodes))
        facts->allowed_nodes = (struct node_set){0};
    read_identity(text, &facts->identity);
    if (files_line(text, "CapEff:", value, sizeof value)) {
        uintmax_t capabilities = strtoumax(value, NULL, 16);

        facts->may_lock_any = (capabilities >> CAPABILITY_IPC_LOCK & 1) != 0;
        facts->identity.any = (capabilities >> CAPABILITY_DAC_OVERRIDE & 1) != 0;
    }
}

/* "Max locked memory  8388608  8388608  bytes": the first is the one that binds. */
static void read_limits(const char *text, struct host_facts *facts)
{
    char value[128];

    if (!files_line(text, "Max locked memory", value, sizeof value))
        return;
    value[strcspn(value, " \t")] = '\0';
    facts->locked_limit = files_number(value);
}

static bool is_vfio(const char *folder, const char *name)
{
    char path[FILES_PATH], target[64];
    ssize_t length = -1;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path)
        length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    return strncmp(target, "/dev/vfio/", strlen("/dev/vfio/")) == 0;
}

static bool find_vfio(const char *root, const char *path)
{
    char folder[FILES_PATH];
    DIR *descriptors = files_join(root, path, folder, sizeof folder) ? opendir(folder) : NULL;
    const struct dirent *entry;
    bool found = false;

    for (int i = 0; descriptors && !found && i < DESCRIPTORS && (entry = readdir(descriptors)); i++)
        found = isdigit((unsigned char)entry->d_name[0]) && is_vfio(folder, entry->d_name);
    if (descriptors)
        closedir(descriptors);
    return found;
}

void process_facts_read(const char *root, pid_t pid, struct host_facts *facts)
{
    char folder[32], path[64], text[16384];

    if (pid > 0)
        snprintf(folder, sizeof folder, "proc/%d", (int)pid);
    else
        snprintf(folder, sizeof folder, "proc/self");
    snprintf(path, sizeof path, "%s/status", folder);
    if (files_read(root, path, text, sizeof text) >= 0)
        read_status(text, facts);
    snprintf(path, sizeof path, "%s/limits", folder);
    if (files_read(root, path, text, sizeof text) >= 0)
        read_limits(text, facts);
    snprintf(path, sizeof path, "%s/fd", folder);
    facts->uses_vfio = find_vfio(root, path);
}
