#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/process_options.h"
#include "host/processes.h"

/* More than any QEMU has; what follows is not looked at. */
#define ARGUMENTS 8192
#define MONITORS  32

struct arguments {
    const char *at[ARGUMENTS];
    size_t count;
    const char *cwd;
};

static void split(const char *cmdline, size_t length, struct arguments *arguments)
{
    size_t from = 0;

    for (size_t i = 0; i < length && arguments->count < ARGUMENTS; i++) {
        if (cmdline[i] != '\0')
            continue;
        arguments->at[arguments->count++] = cmdline + from;
        from = i + 1;
    }
}

/* "-m" and "--m" are the same to QEMU. The value of option i, NULL where it is another option. */
static const char *value_of(const struct arguments *arguments, size_t i, const char *name)
{
    const char *option = arguments->at[i];

    if (*option != '-' || i + 1 >= arguments->count)
        return NULL;
    option += option[1] == '-' ? 2 : 1;
    return strcmp(option, name) == 0 ? arguments->at[i + 1] : NULL;
}

/* Where its relative paths were meant; NULL: a daemon has left that folder. */
static const char *folder_of(const struct arguments *arguments, const char *cwd)
{
    if (!cwd || strcmp(cwd, "/") != 0)
        return cwd;
    for (size_t i = 1; i < arguments->count; i++) {
        if (strcmp(arguments->at[i], "-daemonize") == 0 ||
            strcmp(arguments->at[i], "--daemonize") == 0)
            return NULL;
    }
    return cwd;
}

static int replace(char **text, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return -1;
    free(*text);
    *text = copy;
    return 0;
}

/* Takes address, which the process then owns. */
static int add_monitor_at(struct process *process, char *address, bool relative)
{
    struct process_monitor *grown;

    if (!address)
        return -1;
    if (process->monitor_count == MONITORS) {
        free(address);
        return 0;
    }
    grown = realloc(process->monitors, (process->monitor_count + 1) * sizeof *grown);
    if (!grown) {
        free(address);
        return -1;
    }
    process->monitors = grown;
    grown[process->monitor_count++] =
        (struct process_monitor){.address = address, .relative = relative};
    return 0;
}

static int add_monitor(struct process *process, char *address)
{
    return add_monitor_at(process, address, false);
}

static int add_path(struct process *process, const char *cwd, const char *path)
{
    char *address = NULL;

    if (path[0] == '/' || !cwd)
        return add_monitor_at(process, strdup(path), path[0] != '/');
    if (asprintf(&address, "%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, path) < 0)
        address = NULL;
    return add_monitor(process, address);
}

/* Every address of the host is also this one, and a name alone would be a path. */
static int add_tcp(struct process *process, const char *host, const char *port)
{
    bool any = *host == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "*") == 0 ||
               strcmp(host, "::") == 0 || strcmp(host, "[::]") == 0;
    bool bare_v6 = strchr(host, ':') && host[0] != '[';
    char *address = NULL;

    if (asprintf(&address, bare_v6 && !any ? "[%s]:%s" : "%s:%s", any ? "127.0.0.1" : host, port) <
        0)
        address = NULL;
    return add_monitor(process, address);
}

/* A chardev as -chardev and QEMU's own -qmp translation have it, apart from "socket,". */
static int add_chardev(struct process *process, const char *cwd, const char *text)
{
    char value[OPTION_VALUE], host[OPTION_VALUE];
    char *address = NULL;

    if (!option_is_on(text, "backend", "server") || option_is_on(text, "backend", "abstract"))
        return 0;
    if (option_find(text, "backend", "path", value, sizeof value))
        return add_path(process, cwd, value);
    if (option_find(text, "backend", "fd", value, sizeof value))
        return asprintf(&address, "fd:%s", value) < 0 ? -1 : add_monitor(process, address);
    if (!option_find(text, "backend", "port", value, sizeof value))
        return 0;
    if (!option_find(text, "backend", "host", host, sizeof host))
        host[0] = '\0';
    return add_tcp(process, host, value);
}

/* "-mon chardev=ID": the chardev of that id, wherever among the arguments it is. */
static int add_by_id(struct process *process, const struct arguments *arguments, const char *id)
{
    char value[OPTION_VALUE];

    for (size_t i = 1; i < arguments->count; i++) {
        const char *text = value_of(arguments, i, "chardev");

        if (text && option_find(text, "backend", "id", value, sizeof value) &&
            strcmp(value, id) == 0) {
            if (option_find(text, "backend", "backend", value, sizeof value) &&
                strcmp(value, "socket") == 0)
                return add_chardev(process, arguments->cwd, text);
            return 0;
        }
    }
    return 0;
}

/* "unix:PATH,server=on", "tcp:HOST:PORT,server=on", "chardev:ID". */
static int add_qmp(struct process *process, const struct arguments *arguments, const char *text)
{
    char where[OPTION_VALUE];
    char *colon;

    if (strncmp(text, "chardev:", 8) == 0)
        return add_by_id(process, arguments, text + 8);
    if (!option_find(text, "where", "where", where, sizeof where) ||
        !option_is_on(text, "where", "server"))
        return 0;
    if (strncmp(where, "unix:", 5) == 0)
        return add_path(process, arguments->cwd, where + 5);
    if (strncmp(where, "tcp:", 4) != 0 || !(colon = strrchr(where + 4, ':')))
        return 0;
    *colon = '\0';
    return add_tcp(process, where + 4, colon + 1);
}

static int add_mon(struct process *process, const struct arguments *arguments, const char *text)
{
    char value[OPTION_VALUE];

    if (!option_find(text, "chardev", "mode", value, sizeof value) || strcmp(value, "control") != 0)
        return 0;
    return option_find(text, "chardev", "chardev", value, sizeof value)
               ? add_by_id(process, arguments, value)
               : 0;
}

/* A property of "TYPE,id=ID,...", or of the same as JSON. */
static bool find_property(const char *text, const char *name, char *value, size_t size)
{
    json_t *json = *text == '{' ? json_loads(text, 0, NULL) : NULL;
    const char *found = json_string_value(json_object_get(json, name));
    bool fits = found && strlen(found) < size;

    if (fits)
        memcpy(value, found, strlen(found) + 1);
    json_decref(json);
    return *text == '{' ? fits : option_find(text, "qom-type", name, value, size);
}

/* "monitor-qmp,id=m,chardev=ID": how QEMU 11.1 wants a monitor to be said. */
static int add_object(struct process *process, const struct arguments *arguments, const char *text)
{
    char value[OPTION_VALUE];

    if (!find_property(text, "qom-type", value, sizeof value) ||
        strcmp(value, "monitor-qmp") != 0 || !find_property(text, "chardev", value, sizeof value))
        return 0;
    return add_by_id(process, arguments, value);
}

static int read_argument(struct process *process, const struct arguments *arguments, size_t i)
{
    char value[OPTION_VALUE];
    const char *text;

    if ((text = value_of(arguments, i, "name")))
        return option_find(text, "guest", "guest", value, sizeof value)
                   ? replace(&process->name, value)
                   : 0;
    if ((text = value_of(arguments, i, "uuid")))
        return replace(&process->uuid, text);
    if ((text = value_of(arguments, i, "m"))) {
        if (option_find(text, "size", "size", value, sizeof value))
            process->memory = option_memory(value);
        return 0;
    }
    if ((text = value_of(arguments, i, "mon")))
        return add_mon(process, arguments, text);
    if ((text = value_of(arguments, i, "object")))
        return add_object(process, arguments, text);
    if ((text = value_of(arguments, i, "qmp")) || (text = value_of(arguments, i, "qmp-pretty")))
        return add_qmp(process, arguments, text);
    return 0;
}

int process_parse(const char *cmdline, size_t length, const char *cwd, struct process *process)
{
    struct arguments *arguments = calloc(1, sizeof *arguments);
    int status = arguments ? 0 : -1;

    *process = (struct process){0};
    if (!arguments)
        return -1;
    split(cmdline, length, arguments);
    arguments->cwd = folder_of(arguments, cwd);
    for (size_t i = 1; i + 1 < arguments->count && status == 0; i++)
        status = read_argument(process, arguments, i);
    free(arguments);
    return status;
}

bool process_names_object(const char *cmdline, size_t length, const char *id)
{
    struct arguments *arguments = calloc(1, sizeof *arguments);
    char value[OPTION_VALUE];
    bool found = false;

    if (!arguments)
        return true; /* it is safer not to touch it */
    split(cmdline, length, arguments);
    for (size_t i = 1; i + 1 < arguments->count && !found; i++) {
        const char *text = value_of(arguments, i, "object");

        found = text && find_property(text, "id", value, sizeof value) && strcmp(value, id) == 0;
    }
    free(arguments);
    return found;
}

void process_clear(struct process *process)
{
    for (size_t i = 0; i < process->monitor_count; i++)
        free(process->monitors[i].address);
    free(process->monitors);
    free(process->name);
    free(process->uuid);
    *process = (struct process){0};
}
