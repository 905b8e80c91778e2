#include "host/nodes.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void node_set_add(struct node_set *set, unsigned node)
{
    if (node < HOST_NODES)
        set->bits[node / 64] |= (uint64_t)1 << (node % 64);
}

bool node_set_has(const struct node_set *set, unsigned node)
{
    return node < HOST_NODES && (set->bits[node / 64] >> (node % 64) & 1) != 0;
}

bool node_set_is_empty(const struct node_set *set)
{
    return set->bits[0] == 0 && set->bits[1] == 0;
}

struct node_set node_set_and(const struct node_set *a, const struct node_set *b)
{
    return (struct node_set){{a->bits[0] & b->bits[0], a->bits[1] & b->bits[1]}};
}

struct node_set node_set_without(const struct node_set *a, const struct node_set *b)
{
    return (struct node_set){{a->bits[0] & ~b->bits[0], a->bits[1] & ~b->bits[1]}};
}

static bool parse_node(const char **text, unsigned *node)
{
    unsigned number = 0;

    if (!isdigit((unsigned char)**text))
        return false;
    for (; isdigit((unsigned char)**text); ++*text) {
        number = number * 10 + (unsigned)(**text - '0');
        if (number >= HOST_NODES)
            return false;
    }
    *node = number;
    return true;
}

/* One "N", "N-M" or "^N". */
static bool parse_range(const char **text, struct node_set *set)
{
    bool taken_out = **text == '^';
    unsigned first, last;

    *text += taken_out;
    if (!parse_node(text, &first))
        return false;
    last = first;
    if (**text == '-') {
        ++*text;
        if (taken_out || !parse_node(text, &last) || last < first)
            return false;
    }
    for (unsigned node = first; node <= last; node++) {
        if (taken_out)
            set->bits[node / 64] &= ~((uint64_t)1 << (node % 64));
        else
            node_set_add(set, node);
    }
    return true;
}

bool node_set_parse(const char *text, struct node_set *set)
{
    *set = (struct node_set){0};
    text += strspn(text, " \t\r\n");
    if (*text == '\0')
        return true;
    while (parse_range(&text, set)) {
        if (*text == ',') {
            text++;
            continue;
        }
        text += strspn(text, " \t\r\n");
        return *text == '\0';
    }
    return false;
}

char *node_set_format(const struct node_set *set, char *buffer, size_t size)
{
    size_t length = 0;

    snprintf(buffer, size, "none");
    for (unsigned node = 0; node < HOST_NODES; node++) {
        unsigned last = node;
        int written;

        if (!node_set_has(set, node))
            continue;
        while (node_set_has(set, last + 1))
            last++;
        written = snprintf(buffer + length, size - length, last > node ? "%s%u-%u" : "%s%u",
                           length > 0 ? "," : "", node, last);
        length += written > 0 ? (size_t)written : 0;
        if (length >= size)
            break;
        node = last;
    }
    return buffer;
}
