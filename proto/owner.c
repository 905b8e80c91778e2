#include "owner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qmpclient.h"
#include "text.h"

enum possession owner_has(pid_t pid, uint32_t inode)
{
    char folder[64], target[64], link[64];
    enum possession possession = NOT_SHOWN;
    const struct dirent *entry;
    DIR *descriptors;

    snprintf(link, sizeof link, "socket:[%u]", inode);
    snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
    descriptors = opendir(folder);
    while (descriptors && possession != POSSESSED && (entry = readdir(descriptors))) {
        ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);

        if (length <= 0)
            continue;
        target[length] = '\0';
        possession = strcmp(target, link) == 0 ? POSSESSED : NOT_POSSESSED;
    }
    if (descriptors)
        closedir(descriptors);
    return possession;
}

static void read_name(pid_t pid, struct qmp_holder *holder)
{
    char path[64], name[sizeof holder->name] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    file = fopen(path, "re");
    if (file) {
        if (!fgets(name, sizeof name, file))
            *name = '\0';
        fclose(file);
    }
    name[strcspn(name, "\n")] = '\0';
    holder->pid = pid;
    text_copy_line(holder->name, sizeof holder->name, *name ? name : "a process");
}

bool owner_find(uint32_t inode, struct qmp_holder *holder)
{
    const struct dirent *entry;
    DIR *processes = opendir("/proc");
    bool found = false;

    while (processes && !found && (entry = readdir(processes))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10); /* 0: no process */

        found = pid > 0 && owner_has(pid, inode) == POSSESSED;
        if (found)
            read_name(pid, holder);
    }
    if (processes)
        closedir(processes);
    return found;
}
