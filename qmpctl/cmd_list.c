#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "host/processes.h"
#include "output.h"

static const char *path_of(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? address + 5 : address;
}

/* The same socket, whatever it is called. */
static bool is_same(const char *left, const char *right)
{
    struct stat a, b;

    if (strcmp(left, right) == 0)
        return true;
    return stat(path_of(left), &a) == 0 && stat(path_of(right), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static bool has_monitor(const struct process *process, const char *address)
{
    for (size_t i = 0; i < process->monitor_count; i++) {
        const struct process_monitor *monitor = &process->monitors[i];

        if (!monitor->relative && is_same(monitor->address, address))
            return true;
    }
    return false;
}

/* Without --socket all are meant. */
static bool is_meant(const struct process *process, const struct options *options)
{
    if (!options_names_socket(options))
        return true;
    for (size_t i = 0; i < options->sockets.count; i++) {
        if (has_monitor(process, options->sockets.addresses[i]))
            return true;
    }
    return false;
}

static bool is_found(const struct process_list *list, const char *address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (has_monitor(&list->processes[i], address))
            return true;
    }
    return false;
}

/* Prints what was asked for, and tells of each monitor that no process here has. */
static int list_print(const struct process_list *list, const struct options *options)
{
    struct listing listing = {.items = calloc(list->count + 1, sizeof(const struct process *))};
    json_t *json = NULL;
    struct error error;
    int code = EXIT_DONE;

    for (size_t i = 0; listing.items && i < list->count; i++) {
        if (is_meant(&list->processes[i], options))
            listing.items[listing.count++] = &list->processes[i];
    }
    if (!options->json)
        output_list_text(stdout, &listing);
    else
        json = output_list_json(&listing);
    fflush(stdout);
    for (size_t i = 0; options_names_socket(options) && i < options->sockets.count; i++) {
        const char *address = options->sockets.addresses[i];

        if (is_found(list, address))
            continue;
        error_set(&error, EXIT_NO_CONNECTION, "%s: no QEMU that can be seen here has this monitor",
                  address);
        if (json)
            json_array_append_new(json, output_unreachable_json(address, &error));
        output_error(stderr, &error);
        code = EXIT_NO_CONNECTION;
    }
    if (options->json)
        output_json(stdout, json);
    free(listing.items);
    return code;
}

int cmd_list(struct options *options, struct error *error)
{
    struct process_list list;
    int code;

    if (options->argument_count > 1)
        return error_set(error, EXIT_USAGE, "list takes no arguments");
    /* Without /proc there is none, and nothing that could be told of others. */
    if (access("/proc/self", F_OK) != 0 || process_list_read("/", &list) < 0)
        return error_set(error, EXIT_FAILED, "list: the processes of this host in /proc: %s",
                         strerror(errno));
    code = list_print(&list, options);
    process_list_free(&list);
    return code;
}
