#include "lock.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct name {
    struct sockaddr_un address;
    socklen_t length;
};

/* The first byte of an abstract name is zero. Those that are too long are cut, which is the same
 * for all who ask. */
__attribute__((format(printf, 1, 2))) static struct name name_of(const char *format, ...)
{
    struct name name = {.address.sun_family = AF_UNIX};
    char *text = name.address.sun_path + 1;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof name.address.sun_path - 1, format, arguments);
    va_end(arguments);
    name.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
    return name;
}

/* Who holds the lock, 0 where that cannot be told. */
static pid_t holder_of(const struct name *name)
{
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct ucred peer = {0};
    socklen_t size = sizeof peer;

    if (descriptor < 0)
        return 0;
    if (connect(descriptor, (const struct sockaddr *)&name->address, name->length) < 0 ||
        getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        peer.pid = 0;
    close(descriptor);
    return peer.pid;
}

static int taken(const struct name *name, const char *address, struct error *error)
{
    pid_t holder = holder_of(name);
    char who[40] = "";

    if (holder > 0)
        snprintf(who, sizeof who, " (pid %d)", (int)holder);
    error_set(error, EXIT_NO_CONNECTION, "%s: another qmpctl%s is changing this VM", address, who);
    return error_hint(error, "try again when it has ended");
}

/* Returns the descriptor that holds the name, or -1. */
static int take(const struct name *name, const char *address, struct error *error)
{
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), why;

    if (descriptor >= 0 &&
        bind(descriptor, (const struct sockaddr *)&name->address, name->length) == 0 &&
        listen(descriptor, 8) == 0)
        return descriptor;
    why = errno;
    if (descriptor >= 0)
        close(descriptor);
    return why == EADDRINUSE
               ? taken(name, address, error)
               : error_set(error, EXIT_FAILED, "%s: no lock: %s", address, strerror(why));
}

int lock_monitor(struct lock *lock, const char *address, struct error *error)
{
    const char *path = strncmp(address, "unix:", 5) == 0 ? address + 5 : address;
    struct stat status;
    const struct name name =
        stat(path, &status) == 0
            ? name_of("qmpctl/%lx:%lx", (unsigned long)status.st_dev, (unsigned long)status.st_ino)
            : name_of("qmpctl/%s", address);

    lock->monitor = take(&name, address, error);
    return lock->monitor < 0 ? -1 : 0;
}

int lock_process(struct lock *lock, const char *address, pid_t pid, struct error *error)
{
    struct stat space = {0};
    struct name name;

    if (pid == lock->pid)
        return 0;
    if (lock->process >= 0)
        close(lock->process);
    lock->process = -1;
    lock->pid = 0;
    if (pid <= 0)
        return 0;
    /* The same number is another process elsewhere. */
    (void)stat("/proc/self/ns/pid", &space);
    name = name_of("qmpctl/%lx/%d", (unsigned long)space.st_ino, (int)pid);
    lock->process = take(&name, address, error);
    if (lock->process < 0)
        return -1;
    lock->pid = pid;
    return 0;
}

void lock_release(struct lock *lock)
{
    if (lock->monitor >= 0)
        close(lock->monitor);
    if (lock->process >= 0)
        close(lock->process);
    *lock = LOCK_NONE;
}
