#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool name_list_has(const struct name_list *list, const char *name)
{
    for (size_t i = 0; list && i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0)
            return true;
    }
    return false;
}

bool name_list_add(struct name_list *list, const char *name)
{
    char(*grown)[256] = realloc(list->names, (list->count + 1) * sizeof *grown);

    if (!grown)
        return false;
    list->names = grown;
    snprintf(grown[list->count++], sizeof *grown, "%s", name);
    return true;
}

void name_list_free(struct name_list *list)
{
    free(list->names);
    *list = (struct name_list){0};
}
