/* The mount table, as /proc/PID/mountinfo has it. SPDX: MIT */
#ifndef QMPCTL_HOST_MOUNTS_H
#define QMPCTL_HOST_MOUNTS_H

#include <stdbool.h>

struct host_facts;

/* A line of the table; the strings lie in the line that was parsed. Escapes are undone. */
struct mount_entry {
    char *root, *path, *options, *type, *super_options;
};

/* Cuts the line (without its end) into *entry. false: malformed. */
bool mount_parse(char *line, struct mount_entry *entry);

/* Whether a list such as "rw,pagesize=2M" has the option; its value is copied where it has one. */
bool mount_option(const char *options, const char *name, char *value, unsigned long size);

/* Adds the hugetlbfs mounts of text, which is changed, to the facts. */
void mounts_find_hugetlbfs(char *text, struct host_facts *facts);

#endif
