#include "host/mounts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

/* \040 and the like, in place. */
static void undo_escapes(char *text)
{
    char *to = text;

    while (*text) {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
            text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
            *to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 4;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

/* "36 35 98:0 ROOT PATH OPTIONS [tag:value]... - TYPE SOURCE SUPER", see proc(5). One blank parts
 * them: the source may be empty. */
bool mount_parse(char *line, struct mount_entry *entry)
{
    char *fields[6], *rest = line, *field;

    for (int i = 0; i < 6; i++)
        fields[i] = strsep(&rest, " ");
    do
        field = strsep(&rest, " ");
    while (field && strcmp(field, "-") != 0);
    if (!field)
        return false;
    entry->root = fields[3];
    entry->path = fields[4];
    entry->options = fields[5];
    entry->type = strsep(&rest, " ");
    strsep(&rest, " ");
    entry->super_options = strsep(&rest, " ");
    if (!entry->type || !entry->super_options)
        return false;
    undo_escapes(entry->root);
    undo_escapes(entry->path);
    return entry->path[0] == '/';
}

bool mount_option(const char *options, const char *name, char *value, unsigned long size)
{
    size_t name_length = strlen(name);

    while (*options) {
        size_t length = strcspn(options, ",");

        if (length >= name_length && strncmp(options, name, name_length) == 0 &&
            (length == name_length || options[name_length] == '=')) {
            size_t skipped = length > name_length ? name_length + 1 : name_length;

            if (value)
                snprintf(value, size, "%.*s", (int)(length - skipped), options + skipped);
            return true;
        }
        options += length + (options[length] == ',');
    }
    return false;
}

/* "2M", "1024M" or "1G", as hugetlbfs shows its option; 0: malformed. */
static uint64_t page_size_of(const char *text)
{
    char *end;
    uintmax_t number = strtoumax(text, &end, 10);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;

    if (shift == 0 || end[1] != '\0' || number == 0 || number > UINT64_MAX >> (shift + 1))
        return 0;
    return (uint64_t)number << shift;
}

static void add_mount(struct host_facts *facts, const struct mount_entry *entry)
{
    struct host_mount *mount = &facts->mounts[facts->mount_count];
    char value[32];

    if (facts->mount_count == HOST_MOUNTS || strlen(entry->path) >= sizeof mount->path)
        return;
    mount->page_size = facts->default_hugepage_size;
    if (mount_option(entry->super_options, "pagesize", value, sizeof value))
        mount->page_size = page_size_of(value);
    if (mount->page_size == 0 || mount->page_size == HOST_UNKNOWN)
        return;
    mount->writable = !mount_option(entry->options, "ro", NULL, 0) &&
                      !mount_option(entry->super_options, "ro", NULL, 0);
    memcpy(mount->path, entry->path, strlen(entry->path) + 1);
    facts->mount_count++;
}

void mounts_find_hugetlbfs(char *text, struct host_facts *facts)
{
    char *cursor = NULL;

    for (char *line = strtok_r(text, "\n", &cursor); line; line = strtok_r(NULL, "\n", &cursor)) {
        struct mount_entry entry;

        if (mount_parse(line, &entry) && strcmp(entry.type, "hugetlbfs") == 0)
            add_mount(facts, &entry);
    }
}
