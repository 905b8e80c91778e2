#include "option_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

#define SECONDS_LIMIT 1000000.0

bool id_is_valid(const char *id)
{
    if (!isalpha((unsigned char)*id) || strlen(id) > 200)
        return false;
    while (*++id) {
        if (!isalnum((unsigned char)*id) && !strchr("-._", *id))
            return false;
    }
    return true;
}

static int parse_seconds(const char *text, const char *name, int64_t *ms, struct error *error)
{
    char *end;
    double seconds = strtod(text, &end);

    if (!isdigit((unsigned char)*text) || *end || !(seconds >= 0 && seconds <= SECONDS_LIMIT))
        return error_set(error, EXIT_USAGE, "--%s %.40s: not a number of seconds from 0 to 1000000",
                         name, text);
    *ms = (int64_t)(seconds * 1000 + 0.5);
    return 0;
}

static int parse_number(const char *text, const char *name, long low, long high, long *number,
                        struct error *error)
{
    char *end;

    errno = 0;
    *number = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || *number < low || *number > high)
        return error_set(error, EXIT_USAGE, "--%s %.40s: not a number from %ld to %ld", name, text,
                         low, high);
    return 0;
}

static int parse_word(const char *text, const char *name, const char *const *words, int *index,
                      struct error *error)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *index = i;
            return 0;
        }
    }
    return error_set(error, EXIT_USAGE, "--%s %.40s: not one of its words; see --help", name, text);
}

static int set_number(struct options *options, enum option_id id, const char *value,
                      struct error *error)
{
    struct change *change = &options->change;
    long number;

    switch (id) {
    case OPT_NODE:
        if (parse_number(value, "node", 0, 127, &number, error) < 0)
            return -1;
        change->node = number;
        return 0;
    case OPT_COUNT:
        if (parse_number(value, "count", 1, 256, &number, error) < 0)
            return -1;
        change->count = (unsigned)number;
        return 0;
    default:
        if (parse_number(value, "slot", 0, 255, &number, error) < 0)
            return -1;
        change->slot = number;
        return 0;
    }
}

static int set_word(struct options *options, enum option_id id, const char *value,
                    struct error *error)
{
    static const char *const nearest[] = {"exact", "up", "down", NULL};
    static const char *const refusal[] = {"replan", "stop", NULL};
    int index = 0;

    if (id == OPT_NEAREST) {
        if (parse_word(value, "nearest", nearest, &index, error) < 0)
            return -1;
        options->change.nearest = (enum memplan_nearest)index;
        return 0;
    }
    if (parse_word(value, "on-refusal", refusal, &index, error) < 0)
        return -1;
    options->change.stop_on_refusal = index == 1;
    return 0;
}

static int set_text(struct options *options, enum option_id id, const char *value,
                    struct error *error)
{
    struct change *change = &options->change;

    switch (id) {
    case OPT_SOCKET:
        if (sockets_add(&options->sockets, value) < 0)
            return error_set(error, EXIT_FAILED, "out of memory");
        return 0;
    case OPT_SIZE:
        options->size = value;
        return 0;
    case OPT_HMP:
        options->hmp = value;
        return 0;
    case OPT_WAIT_EVENT:
        options->wait_event = value;
        return 0;
    case OPT_KEEP:
        options->keep[change->keep_count++] = value;
        change->keep = options->keep;
        return 0;
    case OPT_GRANULE:
        if (size_parse(value, &change->granule, error) < 0)
            return -1;
        if (change->granule % (2 * MIB) != 0)
            return error_set(error, EXIT_USAGE, "--granule %s: not a multiple of 2M", value);
        return 0;
    default:
        if (!id_is_valid(value))
            return error_set(error, EXIT_USAGE,
                             "--id %.64s: an id is a letter, then letters, digits, '-', '.', '_'",
                             value);
        change->id = value;
        return 0;
    }
}

int option_value_set(struct options *options, enum option_id id, const char *value,
                     struct error *error)
{
    switch (id) {
    case OPT_TIMEOUT:
        return parse_seconds(value, "timeout", &options->timeout, error);
    case OPT_ACCEPT_TIMEOUT:
        return parse_seconds(value, "accept-timeout", &options->accept_timeout, error);
    case OPT_CONNECT_TIMEOUT:
        return parse_seconds(value, "connect-timeout", &options->connect_timeout, error);
    case OPT_WAIT:
        return parse_seconds(value, "wait", &options->wait, error);
    case OPT_NODE:
    case OPT_COUNT:
    case OPT_SLOT:
        return set_number(options, id, value, error);
    case OPT_NEAREST:
    case OPT_ON_REFUSAL:
        return set_word(options, id, value, error);
    default:
        return set_text(options, id, value, error);
    }
}

void option_flag_set(struct options *options, enum option_id id)
{
    switch (id) {
    case OPT_JSON:
        options->json = true;
        break;
    case OPT_VERBOSE:
        options->verbose = true;
        break;
    case OPT_QUIET:
        options->quiet = true;
        break;
    case OPT_HELP:
        options->help = true;
        break;
    case OPT_VERSION:
        options->version = true;
        break;
    case OPT_SWAP:
        options->change.swap = true;
        break;
    case OPT_ATOMIC:
        options->change.atomic = true;
        break;
    case OPT_DRY_RUN:
        options->dry_run = true;
        break;
    default:
        options->all_events = true;
        break;
    }
}
