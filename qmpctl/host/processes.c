#include "host/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/files.h"

#define CMDLINE   ((size_t)1 << 20)
#define PROCESSES 65536
#define LOADER    12 /* how many arguments of ld.so are looked through for the program */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_qemu_name(const char *path)
{
    const char *name = base_name(path);

    return strncmp(name, "qemu-system-", 12) == 0 || strcmp(name, "qemu-kvm") == 0 ||
           strcmp(name, "kvm") == 0;
}

static bool is_loader_name(const char *path)
{
    const char *name = base_name(path);

    return strncmp(name, "ld-", 3) == 0 || strcmp(name, "ld.so") == 0;
}

/* The target of a link, "" where it may not be read. */
static void read_link(const char *root, const char *path, char *target, size_t size)
{
    char joined[FILES_PATH];
    ssize_t length =
        files_join(root, path, joined, sizeof joined) ? readlink(joined, target, size - 1) : -1;

    target[length > 0 ? length : 0] = '\0';
}

/* The program that runs; after an upgrade of the package its file is gone, and the link says so. */
static void read_program(const char *root, pid_t pid, char *exe, size_t size)
{
    static const char deleted[] = " (deleted)";
    char path[64];
    size_t length;

    snprintf(path, sizeof path, "proc/%d/exe", (int)pid);
    read_link(root, path, exe, size);
    length = strlen(exe);
    if (length >= sizeof deleted && strcmp(exe + length - (sizeof deleted - 1), deleted) == 0)
        exe[length - (sizeof deleted - 1)] = '\0';
}

/* The arguments from QEMU's own name on; NULL: this is no QEMU. exe may be empty: not readable. */
static const char *find_program(const char *exe, const char *cmdline, size_t length)
{
    const char *end = cmdline + length;

    if (length == 0 || cmdline[length - 1] != '\0')
        return NULL;
    if (*exe ? is_qemu_name(exe) : is_qemu_name(cmdline))
        return cmdline;
    if (!is_loader_name(*exe ? exe : cmdline))
        return NULL;
    for (int i = 0; i < LOADER && cmdline < end; i++, cmdline += strlen(cmdline) + 1) {
        if (is_qemu_name(cmdline))
            return cmdline;
    }
    return NULL;
}

/* The path that a listening socket of QEMU has, from its number and the table of UNIX sockets. */
static bool socket_path(const char *root, pid_t pid, const char *descriptor, char *found,
                        size_t size)
{
    char path[128], link[64], *table, *cursor = NULL;
    uintmax_t wanted, inode;
    bool known = false;

    snprintf(path, sizeof path, "proc/%d/fd/%.16s", (int)pid, descriptor);
    read_link(root, path, link, sizeof link);
    if (sscanf(link, "socket:[%ju]", &wanted) != 1)
        return false;
    snprintf(path, sizeof path, "proc/%d/net/unix", (int)pid);
    table = files_load(root, path, CMDLINE, NULL);
    for (char *line = table ? strtok_r(table, "\n", &cursor) : NULL; line && !known;
         line = strtok_r(NULL, "\n", &cursor)) {
        int where = 0;

        if (sscanf(line, "%*s %*s %*s %*s %*s %*s %ju %n", &inode, &where) == 1 && where > 0 &&
            inode == wanted && line[where] == '/' && strlen(line + where) < size) {
            memcpy(found, line + where, strlen(line + where) + 1);
            known = true;
        }
    }
    free(table);
    return known;
}

static bool is_socket(const char *root, const char *path, int permission)
{
    char joined[FILES_PATH];
    struct stat status;

    return files_join(root, path, joined, sizeof joined) && stat(joined, &status) == 0 &&
           S_ISSOCK(status.st_mode) && access(joined, permission) == 0;
}

static bool may_connect(const char *root, const struct process_monitor *monitor)
{
    if (monitor->relative)
        return false;
    return monitor->address[0] != '/' || is_socket(root, monitor->address, W_OK); /* or TCP */
}

/* The folder in which the process was started, as far as its shell said; "": unknown. */
static void read_first_folder(const char *root, pid_t pid, char *folder, size_t size)
{
    char path[64], *environment;
    size_t length = 0;

    *folder = '\0';
    snprintf(path, sizeof path, "proc/%d/environ", (int)pid);
    environment = files_load(root, path, CMDLINE, &length);
    if (!environment)
        return;
    for (size_t i = 0; i < length; i += strlen(environment + i) + 1) {
        if (strncmp(environment + i, "PWD=/", 5) == 0)
            snprintf(folder, size, "%s", environment + i + 4);
    }
    free(environment);
}

/* A daemon has left the folder in which it made its socket. */
static void complete_path(const char *root, pid_t pid, struct process_monitor *monitor)
{
    char folder[FILES_PATH];
    char *address = NULL;

    read_first_folder(root, pid, folder, sizeof folder);
    if (!*folder || asprintf(&address, "%s/%s", folder, monitor->address) < 0)
        return;
    if (is_socket(root, address, F_OK)) {
        free(monitor->address);
        monitor->address = address;
        monitor->relative = false;
    } else {
        free(address);
    }
}

/* Where QEMU was handed its listening socket, the address is what the kernel knows of it. */
static void complete_monitors(const char *root, struct process *process)
{
    size_t kept = 0;

    for (size_t i = 0; i < process->monitor_count; i++) {
        struct process_monitor *monitor = &process->monitors[i];
        char path[FILES_PATH];

        if (strncmp(monitor->address, "fd:", 3) == 0) {
            char *known = socket_path(root, process->pid, monitor->address + 3, path, sizeof path)
                              ? strdup(path)
                              : NULL;

            free(monitor->address);
            monitor->address = known;
            if (!known)
                continue;
        }
        if (monitor->relative)
            complete_path(root, process->pid, monitor);
        monitor->accessible = may_connect(root, monitor);
        process->monitors[kept++] = *monitor;
    }
    process->monitor_count = kept;
}

/* The arguments of a process, for the caller to free, and where those of QEMU begin in them, NULL
 * where it is none. */
static char *read_arguments(const char *root, pid_t pid, const char **program, size_t *length)
{
    char path[64], exe[FILES_PATH];
    char *cmdline;

    *program = NULL;
    read_program(root, pid, exe, sizeof exe);
    if (*exe && !is_qemu_name(exe) && !is_loader_name(exe))
        return NULL;
    snprintf(path, sizeof path, "proc/%d/cmdline", (int)pid);
    cmdline = files_load(root, path, CMDLINE, length);
    if (cmdline)
        *program = find_program(exe, cmdline, *length);
    return cmdline;
}

bool process_is_qemu(const char *root, pid_t pid)
{
    const char *program;
    size_t length;
    char *cmdline = read_arguments(root, pid, &program, &length);
    bool found = program != NULL;

    free(cmdline);
    return found;
}

bool process_started_with(const char *root, pid_t pid, const char *id)
{
    const char *program;
    size_t length;
    char *cmdline = read_arguments(root, pid, &program, &length);
    bool found = program && process_names_object(program, length - (size_t)(program - cmdline), id);

    free(cmdline);
    return found;
}

static bool is_stopped(const char *root, pid_t pid)
{
    char path[64], text[1024], state[32];

    snprintf(path, sizeof path, "proc/%d/status", (int)pid);
    return files_read(root, path, text, sizeof text) > 0 &&
           files_line(text, "State:", state, sizeof state) && *state == 'T';
}

/* 1: a QEMU, in *process; 0: something else, or gone; -1: out of memory. */
static int read_process(const char *root, pid_t pid, struct process *process)
{
    char path[64], cwd[FILES_PATH];
    const char *program;
    size_t length = 0;
    char *cmdline = read_arguments(root, pid, &program, &length);
    int status = 0;

    if (program) {
        snprintf(path, sizeof path, "proc/%d/cwd", (int)pid);
        read_link(root, path, cwd, sizeof cwd);
        status = process_parse(program, length - (size_t)(program - cmdline), *cwd ? cwd : NULL,
                               process);
        process->pid = pid;
        process->stopped = is_stopped(root, pid);
        complete_monitors(root, process);
        status = status == 0 ? 1 : -1;
        if (status < 0)
            process_clear(process);
    }
    free(cmdline);
    return status;
}

static int append(struct process_list *list, const struct process *process)
{
    struct process *grown = realloc(list->processes, (list->count + 1) * sizeof *grown);

    if (!grown)
        return -1;
    list->processes = grown;
    grown[list->count++] = *process;
    return 0;
}

static int by_pid(const void *a, const void *b)
{
    const pid_t left = ((const struct process *)a)->pid, right = ((const struct process *)b)->pid;

    return (left > right) - (left < right);
}

static int read_all(const char *root, DIR *folder, struct process_list *list)
{
    const struct dirent *entry;

    while (list->count < PROCESSES && (entry = readdir(folder))) {
        struct process process = {0};
        unsigned long pid =
            isdigit((unsigned char)entry->d_name[0]) ? strtoul(entry->d_name, NULL, 10) : 0;
        int status = pid > 0 && pid <= INT32_MAX ? read_process(root, (pid_t)pid, &process) : 0;

        if (status > 0 && append(list, &process) != 0) {
            process_clear(&process);
            status = -1;
        }
        if (status < 0)
            return -1;
    }
    return 0;
}

int process_list_read(const char *root, struct process_list *list)
{
    char path[FILES_PATH];
    DIR *folder;
    int status;

    *list = (struct process_list){0};
    if (!files_join(root, "proc", path, sizeof path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    folder = opendir(path);
    if (!folder)
        return -1;
    status = read_all(root, folder, list);
    closedir(folder);
    if (status != 0) {
        process_list_free(list);
        errno = ENOMEM;
        return -1;
    }
    if (list->count > 1)
        qsort(list->processes, list->count, sizeof *list->processes, by_pid);
    return 0;
}

void process_list_free(struct process_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        process_clear(&list->processes[i]);
    free(list->processes);
    *list = (struct process_list){0};
}
