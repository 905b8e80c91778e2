#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_LIMIT 1000000.0

enum option_id {
    OPT_SOCKET,
    OPT_JSON,
    OPT_TIMEOUT,
    OPT_ACCEPT_TIMEOUT,
    OPT_CONNECT_TIMEOUT,
    OPT_WAIT,
    OPT_VERBOSE,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION,
    OPT_NODE,
    OPT_COUNT,
    OPT_ID,
    OPT_SLOT,
    OPT_NEAREST,
    OPT_SWAP,
    OPT_KEEP,
    OPT_GRANULE,
    OPT_ON_REFUSAL,
    OPT_ATOMIC,
    OPT_SIZE,
    OPT_DRY_RUN,
    OPT_ALL,
    OPT_HMP,
    OPT_COUNT_OF
};

static const struct option_row {
    const char *name, *value, *help;
    char letter;
    unsigned groups;
} rows[OPT_COUNT_OF] = {
    [OPT_SOCKET] = {"socket", "ADDR",
                    "the QMP monitor: a socket path or HOST:PORT "
                    "(default: $QMPCTL_SOCKET)",
                    's', OPTIONS_COMMON},
    [OPT_JSON] = {"json", NULL, "one JSON document on stdout", 'j', OPTIONS_COMMON},
    [OPT_TIMEOUT] = {"timeout", "SECONDS",
                     "how long to wait for the guest to give memory up "
                     "(default 30; 0: do not wait)",
                     't', OPTIONS_COMMON},
    [OPT_ACCEPT_TIMEOUT] = {"accept-timeout", "SECONDS",
                            "how long to wait for the guest to accept a device (default 3)", 0,
                            OPTIONS_COMMON},
    [OPT_CONNECT_TIMEOUT] = {"connect-timeout", "SECONDS",
                             "how long to wait for the greeting (default 5)", 0, OPTIONS_COMMON},
    [OPT_WAIT] = {"wait", "SECONDS", "how long to wait for a socket that is not there yet", 0,
                  OPTIONS_COMMON},
    [OPT_VERBOSE] = {"verbose", NULL, "the QMP traffic on stderr", 'v', OPTIONS_COMMON},
    [OPT_QUIET] = {"quiet", NULL, "no progress", 'q', OPTIONS_COMMON},
    [OPT_HELP] = {"help", NULL, "this text", 'h', OPTIONS_COMMON},
    [OPT_VERSION] = {"version", NULL, "the version", 'V', OPTIONS_COMMON},
    [OPT_NODE] = {"node", "N", "guest node (default: kept in balance)", 0, OPTIONS_NODE},
    [OPT_COUNT] = {"count", "N", "that many devices", 0, OPTIONS_DEVICE},
    [OPT_ID] = {"id", "ID", "its id (default: dimmN)", 0, OPTIONS_DEVICE},
    [OPT_SLOT] = {"slot", "N", "its slot (default: the first that is free)", 0, OPTIONS_DEVICE},
    [OPT_NEAREST] = {"nearest", "up|down|exact", "what to do where a size cannot be reached", 0,
                     OPTIONS_PLAN},
    [OPT_SWAP] = {"swap", NULL, "may plug smaller devices to be able to give up a larger one", 0,
                  OPTIONS_PLAN},
    [OPT_KEEP] = {"keep", "ID", "never unplug this device (can be repeated)", 0, OPTIONS_PLAN},
    [OPT_GRANULE] = {"granule", "SIZE", "the smallest device to create", 0, OPTIONS_PLAN},
    [OPT_ON_REFUSAL] = {"on-refusal", "replan|stop", "when the guest refuses (default replan)", 0,
                        OPTIONS_PLAN},
    [OPT_ATOMIC] = {"atomic", NULL, "on failure, undo what this command did", 0,
                    OPTIONS_PLAN | OPTIONS_DEVICE},
    [OPT_SIZE] = {"size", "SIZE", "let the planner choose devices of this size in sum", 0,
                  OPTIONS_SIZE},
    [OPT_DRY_RUN] = {"dry-run", NULL, "say what would be done; change nothing", 'n', OPTIONS_DRY},
    [OPT_ALL] = {"all", NULL, "every event, not only those of memory", 'a', OPTIONS_WATCH},
    [OPT_HMP] = {"hmp", "LINE", "a command of the human monitor", 0, OPTIONS_QMP},
};

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
        options->socket = value;
        return 0;
    case OPT_SIZE:
        options->size = value;
        return 0;
    case OPT_HMP:
        options->hmp = value;
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

static int set_value(struct options *options, enum option_id id, const char *value,
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

static void set_flag(struct options *options, enum option_id id)
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

/* One option, its value inline, in the next word, or none. next is moved past what was taken. */
static int take(struct options *options, int id, const char *word, const char *inline_value,
                char **argv, int argc, int *next, struct error *error)
{
    const char *value = inline_value;

    if (id < 0)
        return error_set(error, EXIT_USAGE, "unknown option %.64s; see qmpctl --help", word);
    options->given |= (uint64_t)1 << id;
    if (!rows[id].value) {
        if (inline_value)
            return error_set(error, EXIT_USAGE, "%.64s takes no value", word);
        set_flag(options, (enum option_id)id);
        return 0;
    }
    if (!value && *next < argc)
        value = argv[(*next)++];
    if (!value)
        return error_set(error, EXIT_USAGE, "%.64s needs a value: %s", word, rows[id].value);
    return set_value(options, (enum option_id)id, value, error);
}

static int find_long(const char *name, size_t length)
{
    for (int i = 0; i < OPT_COUNT_OF; i++) {
        if (strlen(rows[i].name) == length && strncmp(rows[i].name, name, length) == 0)
            return i;
    }
    return -1;
}

static int find_letter(char letter)
{
    for (int i = 0; i < OPT_COUNT_OF; i++) {
        if (rows[i].letter == letter)
            return i;
    }
    return -1;
}

static int parse_long(struct options *options, const char *word, char **argv, int argc, int *next,
                      struct error *error)
{
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word - 2) : strlen(word + 2);

    return take(options, find_long(word + 2, length), word, equals ? equals + 1 : NULL, argv, argc,
                next, error);
}

/* "-jq", "-s PATH", "-sPATH" */
static int parse_letters(struct options *options, const char *word, char **argv, int argc,
                         int *next, struct error *error)
{
    for (const char *letter = word + 1; *letter; letter++) {
        int id = find_letter(*letter);
        bool rest = id >= 0 && rows[id].value && letter[1];

        if (take(options, id, word, rest ? letter + 1 : NULL, argv, argc, next, error) < 0)
            return -1;
        if (rest)
            break;
    }
    return 0;
}

/* -1G is an amount, and - is standard input. */
static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]) && word[1] != '.';
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
    int next = 1;

    *options = (struct options){.socket = getenv("QMPCTL_SOCKET"),
                                .timeout = 30000,
                                .accept_timeout = 3000,
                                .connect_timeout = 5000,
                                .change = {.count = 1, .slot = -1, .node = NODE_ANY}};
    options->arguments = calloc((size_t)argc + 1, sizeof *options->arguments);
    options->keep = calloc((size_t)argc + 1, sizeof *options->keep);
    if (!options->arguments || !options->keep)
        return error_set(error, EXIT_FAILED, "out of memory");
    while (next < argc) {
        const char *word = argv[next++];
        int code = 0;

        if (strcmp(word, "--") == 0) {
            while (next < argc)
                options->arguments[options->argument_count++] = argv[next++];
        } else if (!is_option(word)) {
            options->arguments[options->argument_count++] = word;
        } else if (word[1] == '-') {
            code = parse_long(options, word, argv, argc, &next, error);
        } else {
            code = parse_letters(options, word, argv, argc, &next, error);
        }
        if (code < 0)
            return -1;
    }
    options->change.timeout = options->timeout;
    options->change.accept_timeout = options->accept_timeout;
    return 0;
}

int options_check(const struct options *options, const struct command *command, struct error *error)
{
    for (int i = 0; i < OPT_COUNT_OF; i++) {
        if ((options->given >> i & 1) && !(rows[i].groups & (command->groups | OPTIONS_COMMON)))
            return error_set(error, EXIT_USAGE, "%s takes no --%s; see qmpctl %s --help",
                             command->name, rows[i].name, command->name);
    }
    return 0;
}

void options_free(struct options *options)
{
    free(options->arguments);
    free(options->keep);
}

void options_print(FILE *file, unsigned groups)
{
    for (int i = 0; i < OPT_COUNT_OF; i++) {
        const struct option_row *row = &rows[i];
        char left[64];

        if (!(row->groups & groups))
            continue;
        snprintf(left, sizeof left, "%s%s%s", row->name, row->value ? " " : "",
                 row->value ? row->value : "");
        if (row->letter)
            fprintf(file, "  -%c, --%-28s %s\n", row->letter, left, row->help);
        else
            fprintf(file, "      --%-28s %s\n", left, row->help);
    }
}
