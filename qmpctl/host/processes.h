/*
 * The QEMU processes of this host, found by /proc and their arguments. Processes that end while we
 * look, and those of others that may not be read, are left out. SPDX: MIT
 */
#ifndef QMPCTL_HOST_PROCESSES_H
#define QMPCTL_HOST_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_monitor {
    char *address;   /* as qmp_client_connect takes it: an absolute path, or HOST:PORT */
    bool relative;   /* address is a relative path, of which the folder is not known */
    bool accessible; /* a socket is there and we may write to it; TCP: always */
};

struct process {
    pid_t pid;
    char *name, *uuid;                /* NULL: not given */
    uint64_t memory;                  /* -m at its start, in bytes; 0: not given */
    bool stopped;                     /* by a signal: it answers nobody */
    struct process_monitor *monitors; /* QMP only, in the order of the arguments */
    size_t monitor_count;
};

struct process_list {
    struct process *processes; /* ascending by pid */
    size_t count;
};

/* root: "/" or a made-up tree. Returns 0, or -1 with errno (no /proc, out of memory). */
int process_list_read(const char *root, struct process_list *list);
void process_list_free(struct process_list *list);

/* Whether this process is a QEMU, run by itself or through a loader. */
bool process_is_qemu(const char *root, pid_t pid);

/* Whether QEMU was started with an object (-object) of this id, as far as its arguments tell. */
bool process_started_with(const char *root, pid_t pid, const char *id);
/* The same of its arguments, as process_parse takes them. Pure. */
bool process_names_object(const char *cmdline, size_t length, const char *id);

/*
 * Pure: what the arguments of a QEMU say. cmdline: as in /proc/PID/cmdline, each argument ended by
 * a zero byte, the program first. cwd: for relative paths; NULL leaves them as they are, and so
 * does
 * "/" with -daemonize, by which QEMU goes there when it has made its sockets.
 * A chardev handed over as descriptor N has the address "fd:N". accessible is not set.
 * Returns 0, or -1: out of memory. *process is the caller's to clear in both cases.
 */
int process_parse(const char *cmdline, size_t length, const char *cwd, struct process *process);
void process_clear(struct process *process);

#endif
