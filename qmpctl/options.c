#include "options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "option_values.h"
#include "placement_options.h"

/* The options of placement follow after these. */
#define ALL_OPTIONS (OPT_COUNT_OF + PLACEMENT_OPTIONS)

static const struct option_row rows[OPT_COUNT_OF] = {
    [OPT_SOCKET] = {"socket", "ADDR",
                    "the QMP monitor: a socket path, HOST:PORT or fd:N (default: $QMPCTL_SOCKET); "
                    "a glob or several -s: several VMs",
                    's', OPTIONS_COMMON},
    [OPT_JSON] = {"json", NULL, "one JSON document on stdout", 'j', OPTIONS_COMMON},
    [OPT_TIMEOUT] = {"timeout", "SECONDS",
                     "how long to wait for the guest to give memory up "
                     "(default 30; 0: do not wait); qmp: for the reply (0: for ever)",
                     't', OPTIONS_COMMON},
    [OPT_ACCEPT_TIMEOUT] =
        {"accept-timeout", "SECONDS",
         "how long to wait for the guest to accept a device (default 3; 0: do not wait)", 0,
         OPTIONS_COMMON},
    [OPT_CONNECT_TIMEOUT] = {"connect-timeout", "SECONDS",
                             "how long to wait for the greeting (default 5; 0: for ever)", 0,
                             OPTIONS_COMMON},
    [OPT_WAIT] = {"wait", "SECONDS", "how long to wait for a socket that is not there yet", 0,
                  OPTIONS_COMMON},
    [OPT_VERBOSE] = {"verbose", NULL, "the QMP traffic on stderr", 'v', OPTIONS_COMMON},
    [OPT_QUIET] = {"quiet", NULL, "no progress", 'q', OPTIONS_COMMON},
    [OPT_HELP] = {"help", NULL, "this text", 'h', OPTIONS_COMMON},
    [OPT_VERSION] = {"version", NULL, "the version", 'V', OPTIONS_COMMON},
    [OPT_NODE] = {"node", "N",
                  "guest node of what is plugged or unplugged (default: kept in balance)", 0,
                  OPTIONS_NODE},
    [OPT_COUNT] = {"count", "N", "that many devices", 0, OPTIONS_DEVICE},
    [OPT_ID] = {"id", "ID", "its id (default: dimmN)", 0, OPTIONS_DEVICE},
    [OPT_SLOT] = {"slot", "N", "its slot (default: the first that is free)", 0, OPTIONS_DEVICE},
    [OPT_NEAREST] = {"nearest", "up|down|exact",
                     "where SIZE cannot be reached: the next total of the VM above or below "
                     "(default exact: none)",
                     0, OPTIONS_CHOICE},
    [OPT_SWAP] = {"swap", NULL, "may plug smaller devices to be able to give up a larger one", 0,
                  OPTIONS_CHOICE},
    [OPT_KEEP] = {"keep", "ID", "never unplug this device (can be repeated)", 0, OPTIONS_CHOICE},
    [OPT_GRANULE] = {"granule", "SIZE", "the smallest device to create", 0, OPTIONS_CHOICE},
    [OPT_ON_REFUSAL] = {"on-refusal", "replan|stop", "when the guest refuses (default replan)", 0,
                        OPTIONS_CHOICE},
    [OPT_ATOMIC] = {"atomic", NULL, "on failure, undo what this command did", 0,
                    OPTIONS_PLAN | OPTIONS_DEVICE},
    [OPT_SIZE] = {"size", "SIZE", "let the planner choose devices of this size in sum", 0,
                  OPTIONS_SIZE},
    [OPT_DRY_RUN] = {"dry-run", NULL, "say what would be done; change nothing", 'n', OPTIONS_DRY},
    [OPT_ALL] = {"all", NULL, "every event, not only those of memory", 'a', OPTIONS_WATCH},
    [OPT_HMP] = {"hmp", "LINE", "a command of the human monitor", 0, OPTIONS_QMP},
    [OPT_WAIT_EVENT] = {"wait-event", "NAME[,KEY=VALUE]",
                        "then wait --timeout seconds (0: for ever) for this event", 0, OPTIONS_QMP},
};

/* What an option that all commands take is to those of a group; the first that fits counts. One
 * that has words here, and none for a command, means nothing to it. */
static const struct {
    enum option_id id;
    unsigned groups;
    const char *help; /* NULL: the words of its row */
} wordings[] = {
    {OPT_SOCKET, OPTIONS_MANY, NULL},
    {OPT_SOCKET, OPTIONS_MONITOR,
     "the QMP monitor: a socket path, HOST:PORT or fd:N (default: $QMPCTL_SOCKET)"},
    {OPT_JSON, OPTIONS_WATCH, "a JSON object a line on stdout"},
    {OPT_JSON, ~0U, NULL},
    {OPT_TIMEOUT, OPTIONS_GUEST,
     "how long to wait for the guest to give memory up (default 30; 0: do not wait)"},
    {OPT_TIMEOUT, OPTIONS_QMP, "how long to wait for the reply (default 30; 0: for ever)"},
    {OPT_ACCEPT_TIMEOUT, OPTIONS_GUEST, NULL},
    {OPT_CONNECT_TIMEOUT, OPTIONS_MONITOR, NULL},
    {OPT_WAIT, OPTIONS_WATCH,
     "how long to wait for a socket that is not there yet, and for a VM to come back"},
    {OPT_WAIT, OPTIONS_MONITOR, NULL},
    {OPT_VERBOSE, OPTIONS_MONITOR, NULL},
    {OPT_QUIET, OPTIONS_GUEST, NULL},
    {OPT_QUIET, OPTIONS_WATCH, "do not say that a connection ended or is there again"},
};

static const struct option_row *row_of(int id)
{
    return id < OPT_COUNT_OF ? &rows[id] : &placement_rows[id - OPT_COUNT_OF];
}

/* One option, its value inline, in the next word, or none. next is moved past what was taken. */
static int take(struct options *options, int id, const char *word, const char *inline_value,
                char **argv, int argc, int *next, struct error *error)
{
    const char *value = inline_value;

    if (id < 0)
        return error_set(error, EXIT_USAGE, "unknown option %.64s; see qmpctl --help", word);
    options->given |= (uint64_t)1 << id;
    if (!row_of(id)->value) {
        if (inline_value)
            return error_set(error, EXIT_USAGE, "%.64s takes no value", word);
        if (id >= OPT_COUNT_OF)
            return placement_option_set(options, (enum placement_option)(id - OPT_COUNT_OF), NULL,
                                        error);
        option_flag_set(options, (enum option_id)id);
        return 0;
    }
    if (!value && *next < argc)
        value = argv[(*next)++];
    if (!value)
        return error_set(error, EXIT_USAGE, "%.64s needs a value: %s", word, row_of(id)->value);
    if (id >= OPT_COUNT_OF)
        return placement_option_set(options, (enum placement_option)(id - OPT_COUNT_OF), value,
                                    error);
    return option_value_set(options, (enum option_id)id, value, error);
}

static int find_long(const char *name, size_t length)
{
    for (int i = 0; i < ALL_OPTIONS; i++) {
        if (strlen(row_of(i)->name) == length && strncmp(row_of(i)->name, name, length) == 0)
            return i;
    }
    return -1;
}

static int find_letter(char letter)
{
    for (int i = 0; i < ALL_OPTIONS; i++) {
        if (row_of(i)->letter == letter)
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
    int code = 0;

    for (const char *letter = word + 1; *letter; letter++) {
        int id = find_letter(*letter);
        bool rest = id >= 0 && row_of(id)->value && letter[1];

        if (take(options, id, word, rest ? letter + 1 : NULL, argv, argc, next,
                 code < 0 ? NULL : error) < 0)
            code = -1;
        if (rest)
            break;
    }
    return code;
}

/* -1G is an amount, and - is standard input. */
static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]) && word[1] != '.';
}

/* What the environment names counts where the command line names nothing. */
static int choose_socket(struct options *options, struct error *error)
{
    const char *word = getenv("QMPCTL_SOCKET");

    if (options->sockets.count == 0 && word && *word && sockets_add(&options->sockets, word) < 0)
        return error_set(error, EXIT_FAILED, "out of memory");
    options->socket = options->sockets.count ? options->sockets.addresses[0] : NULL;
    return 0;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
    struct error *first = error;
    int next = 1, code = 0;

    *options = (struct options){.timeout = 30000,
                                .accept_timeout = 3000,
                                .connect_timeout = 5000,
                                .change = {.count = 1, .slot = -1, .node = NODE_ANY}};
    options->arguments = calloc((size_t)argc + 1, sizeof *options->arguments);
    options->keep = calloc((size_t)argc + 1, sizeof *options->keep);
    if (!options->arguments || !options->keep)
        return error_set(error, EXIT_FAILED, "out of memory");
    while (next < argc) {
        const char *word = argv[next++];
        int wrong = 0;

        if (strcmp(word, "--") == 0) {
            while (next < argc)
                options->arguments[options->argument_count++] = argv[next++];
        } else if (!is_option(word)) {
            options->arguments[options->argument_count++] = word;
        } else if (word[1] == '-') {
            wrong = parse_long(options, word, argv, argc, &next, first);
        } else {
            wrong = parse_letters(options, word, argv, argc, &next, first);
        }
        if (wrong < 0) {
            code = -1;
            first = NULL;
        }
    }
    if (code < 0)
        return -1;
    options->change.timeout = options->timeout;
    options->change.accept_timeout = options->accept_timeout;
    return choose_socket(options, error);
}

int options_check(const struct options *options, const struct command *command, struct error *error)
{
    for (int i = 0; i < ALL_OPTIONS; i++) {
        if ((options->given >> i & 1) && !(row_of(i)->groups & (command->groups | OPTIONS_COMMON)))
            return error_set(error, EXIT_USAGE, "%s takes no --%s; see qmpctl %s --help",
                             command->name, row_of(i)->name, command->name);
    }
    if (options->sockets.count > 1 && !(command->groups & OPTIONS_MANY))
        return error_set(error, EXIT_USAGE, "%s works on one VM, and %zu were named", command->name,
                         options->sockets.count);
    return 0;
}

const char *options_first_given(const struct options *options, unsigned groups)
{
    for (int i = 0; i < ALL_OPTIONS; i++) {
        if ((options->given >> i & 1) && (row_of(i)->groups & groups))
            return row_of(i)->name;
    }
    return NULL;
}

bool options_names_socket(const struct options *options)
{
    return options->given >> OPT_SOCKET & 1;
}

void options_free(struct options *options)
{
    sockets_free(&options->sockets);
    free(options->arguments);
    free(options->keep);
}

/* NULL: it means nothing to these groups. */
static const char *words_for(int id, unsigned groups)
{
    bool found = false;

    for (size_t i = 0; i < sizeof wordings / sizeof *wordings; i++) {
        if ((int)wordings[i].id != id)
            continue;
        if (wordings[i].groups & groups)
            return wordings[i].help ? wordings[i].help : row_of(id)->help;
        found = true;
    }
    return found ? NULL : row_of(id)->help;
}

void options_print(FILE *file, const struct command *command)
{
    for (int i = 0; i < ALL_OPTIONS; i++) {
        const struct option_row *row = row_of(i);
        const char *help = command ? words_for(i, command->groups) : row->help;
        char left[64];

        if (!help || !(row->groups & (OPTIONS_COMMON | (command ? command->groups : 0))))
            continue;
        snprintf(left, sizeof left, "%s%s%s", row->name, row->value ? " " : "",
                 row->value ? row->value : "");
        if (row->letter)
            fprintf(file, "  -%c, --%-28s %s\n", row->letter, left, help);
        else
            fprintf(file, "      --%-28s %s\n", left, help);
    }
}
