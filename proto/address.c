#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int refuse(struct qmp_error *error, const char *why)
{
    *error = (struct qmp_error){.code = QMP_ERROR_INVALID, .phase = QMP_PHASE_CONNECT};
    snprintf(error->text, sizeof error->text, "%s", why);
    return -1;
}

/* HOST:PORT or [V6]:PORT; a text with a slash is a path. */
static bool split_host(const char *text, struct address *address)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;

    if (!colon || strchr(text, '/') || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")])
        return false;
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']')
        address->host = strndup(text + 1, length - 2);
    else
        address->host = strndup(text, length);
    address->port = strdup(colon + 1);
    return true;
}

int address_parse(const char *text, struct address *address, struct qmp_error *error)
{
    *address = (struct address){.descriptor = -1};
    if (!*text)
        return refuse(error, "the address is empty");
    if (strncmp(text, "fd:", 3) == 0) {
        char *end;
        long number = strtol(text + 3, &end, 10);

        if (!text[3] || *end || number < 0 || number > 1 << 20)
            return refuse(error, "fd: takes the number of an open descriptor");
        address->kind = ADDRESS_DESCRIPTOR;
        address->descriptor = (int)number;
        return 0;
    }
    if (strncmp(text, "unix:", 5) != 0 && split_host(text, address)) {
        address->kind = ADDRESS_TCP;
        if (!address->host || !address->port)
            return refuse(error, "out of memory");
        if (!*address->host)
            return refuse(error, "the host is missing before the port");
        return 0;
    }
    address->kind = ADDRESS_UNIX;
    address->path = strdup(strncmp(text, "unix:", 5) == 0 ? text + 5 : text);
    if (!address->path || !*address->path)
        return refuse(error, "the path of the socket is empty");
    return 0;
}

void address_free(struct address *address)
{
    free(address->path);
    free(address->host);
    free(address->port);
    if (address->descriptor >= 0)
        close(address->descriptor);
    *address = (struct address){.descriptor = -1};
}

static int close_keeping_errno(int descriptor)
{
    int saved = errno;

    close(descriptor);
    errno = saved;
    return -1;
}

/* sun_path holds 107 bytes; a longer path goes through a descriptor of its folder. */
static int unix_name(const char *path, struct sockaddr_un *name, int *folder)
{
    const char *slash = strrchr(path, '/');
    char *parent;

    *folder = -1;
    name->sun_family = AF_UNIX;
    if (strlen(path) < sizeof name->sun_path) {
        memcpy(name->sun_path, path, strlen(path) + 1);
        return 0;
    }
    if (!slash || strlen(slash + 1) > 60) {
        errno = ENAMETOOLONG;
        return -1;
    }
    parent = strndup(path, (size_t)(slash - path) + 1);
    if (!parent)
        return -1;
    *folder = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(parent);
    if (*folder < 0)
        return -1;
    snprintf(name->sun_path, sizeof name->sun_path, "/proc/self/fd/%d/%s", *folder, slash + 1);
    return 0;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un name = {0};
    struct stat status;
    int folder, descriptor, result;

    if (unix_name(path, &name, &folder) < 0)
        return -1;
    descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return folder >= 0 ? close_keeping_errno(folder) : -1;
    result = connect(descriptor, (struct sockaddr *)&name, sizeof name);
    if (folder >= 0)
        close_keeping_errno(folder);
    if (result == 0)
        return descriptor;
    if (errno == ECONNREFUSED && stat(path, &status) == 0 && !S_ISSOCK(status.st_mode))
        errno = ENOTSOCK;
    return close_keeping_errno(descriptor);
}

static int connect_tcp(const struct address *address, bool *in_progress)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int descriptor = -1;

    if (getaddrinfo(address->host, address->port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    for (struct addrinfo *one = found; one && descriptor < 0; one = one->ai_next) {
        descriptor = socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (descriptor < 0 || connect(descriptor, one->ai_addr, one->ai_addrlen) == 0)
            continue;
        *in_progress = errno == EINPROGRESS;
        if (!*in_progress)
            descriptor = close_keeping_errno(descriptor);
    }
    freeaddrinfo(found);
    return descriptor;
}

int address_connect(const struct address *address, bool *in_progress)
{
    int descriptor, flags;

    *in_progress = false;
    switch (address->kind) {
    case ADDRESS_UNIX:
        return connect_unix(address->path);
    case ADDRESS_TCP:
        return connect_tcp(address, in_progress);
    case ADDRESS_DESCRIPTOR:
        break;
    }
    /* The caller's descriptor stays ours until address_free; the connection gets its own. */
    descriptor = fcntl(address->descriptor, F_DUPFD_CLOEXEC, 3);
    flags = descriptor < 0 ? -1 : fcntl(descriptor, F_GETFL);
    if (flags < 0)
        return -1;
    if (fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
        return close_keeping_errno(descriptor);
    return descriptor;
}
