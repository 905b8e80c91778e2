/* A list of names of devices or backends; zeroed, it is empty. SPDX: MIT */
#ifndef QMPCTL_NAMES_H
#define QMPCTL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct name_list {
    char (*names)[256];
    size_t count;
};

/* list NULL: empty. */
bool name_list_has(const struct name_list *list, const char *name);
/* Copies the name, cut at 255 bytes. false: out of memory. */
bool name_list_add(struct name_list *list, const char *name);
void name_list_free(struct name_list *list);

#endif
