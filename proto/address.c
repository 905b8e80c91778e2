#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- parsing ---- */

static int refuse(struct address *address, struct qmp_error *error, const char *why)
{
    address->descriptor = -1;
    address_free(address);
    *error = (struct qmp_error){.code = QMP_ERROR_INVALID, .phase = QMP_PHASE_CONNECT};
    snprintf(error->text, sizeof error->text, "%s", why);
    return -1;
}

static int no_memory(struct address *address, struct qmp_error *error)
{
    refuse(address, error, "out of memory");
    error->code = QMP_ERROR_MEMORY;
    return -1;
}

/* The number that text is, no larger than most; -1: it is none. */
static long small_number(const char *text, long most)
{
    size_t length = strlen(text);
    long number;

    if (length == 0 || length > 9 || strspn(text, "0123456789") != length)
        return -1;
    number = strtol(text, NULL, 10);
    return number <= most ? number : -1;
}

/* HOST:PORT or [V6]:PORT, where a text with a slash is a path. */
static const char *find_port(const char *text)
{
    const char *colon = strrchr(text, ':');

    if (!colon || strchr(text, '/') || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")])
        return NULL;
    return colon + 1;
}

static int parse_tcp(const char *text, const char *port, struct address *address,
                     struct qmp_error *error)
{
    size_t length = (size_t)(port - text) - 1;

    address->kind = ADDRESS_TCP;
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    } else if (memchr(text, ':', length)) {
        return refuse(address, error, "an IPv6 address is written as [ADDRESS]:PORT");
    }
    if (length == 0)
        return refuse(address, error, "the host is missing before the port");
    if (small_number(port, 65535) < 1)
        return refuse(address, error, "the port is not between 1 and 65535");
    address->host = strndup(text, length);
    address->port = strdup(port);
    return address->host && address->port ? 0 : no_memory(address, error);
}

int address_parse(const char *text, struct address *address, struct qmp_error *error)
{
    const char *port = find_port(text);

    *address = (struct address){.descriptor = -1};
    if (!*text)
        return refuse(address, error, "the address is empty");
    if (strncmp(text, "fd:", 3) == 0) {
        address->kind = ADDRESS_DESCRIPTOR;
        address->descriptor = (int)small_number(text + 3, 1 << 20);
        return address->descriptor >= 0
                   ? 0
                   : refuse(address, error, "fd: takes the number of an open descriptor");
    }
    if (strncmp(text, "unix:", 5) == 0)
        text += 5;
    else if (port)
        return parse_tcp(text, port, address, error);
    if (!*text)
        return refuse(address, error, "the path of the socket is empty");
    address->kind = ADDRESS_UNIX;
    address->path = strdup(text);
    return address->path ? 0 : no_memory(address, error);
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

/* ---- connecting ---- */

static int close_keeping_errno(int descriptor)
{
    int saved = errno;

    close(descriptor);
    errno = saved;
    return -1;
}

/* sun_path holds 107 bytes; a longer path goes through a descriptor of the socket itself. */
static int name_unix(const char *path, struct sockaddr_un *name)
{
    int handle;

    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof name->sun_path) {
        memcpy(name->sun_path, path, strlen(path) + 1);
        return -1;
    }
    handle = open(path, O_PATH | O_CLOEXEC);
    if (handle >= 0)
        snprintf(name->sun_path, sizeof name->sun_path, "/proc/self/fd/%d", handle);
    return handle;
}

int address_connect_unix(const char *path)
{
    struct sockaddr_un name;
    struct stat status;
    int descriptor, connected, handle = name_unix(path, &name);

    if (!*name.sun_path)
        return -1;
    descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return handle < 0 ? -1 : close_keeping_errno(handle);
    connected = connect(descriptor, (const struct sockaddr *)&name, sizeof name);
    if (handle >= 0)
        close_keeping_errno(handle);
    if (connected == 0)
        return descriptor;
    close_keeping_errno(descriptor);
    if (errno == ECONNREFUSED && stat(path, &status) == 0)
        errno = S_ISSOCK(status.st_mode) ? ECONNREFUSED : ENOTSOCK;
    return -1;
}

static void set_option(int descriptor, int level, int name, int value)
{
    setsockopt(descriptor, level, name, &value, sizeof value);
}

/* Commands are small, and each is waited for. A host that lost its power says nothing: who only
 * listens for events is to learn of it after two minutes, not after the two hours of the system. */
static void tune_tcp(int descriptor)
{
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 6);
}

int address_connect_tcp(const struct addrinfo *target)
{
    int descriptor =
        socket(target->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (descriptor < 0)
        return -1;
    tune_tcp(descriptor);
    if (connect(descriptor, target->ai_addr, target->ai_addrlen) == 0 || errno == EINPROGRESS)
        return descriptor;
    return close_keeping_errno(descriptor);
}

bool address_is_own(int descriptor)
{
    struct sockaddr_storage own = {0}, peer = {0};
    socklen_t own_length = sizeof own, peer_length = sizeof peer;

    return getsockname(descriptor, (struct sockaddr *)&own, &own_length) == 0 &&
           getpeername(descriptor, (struct sockaddr *)&peer, &peer_length) == 0 &&
           own_length == peer_length && memcmp(&own, &peer, own_length) == 0;
}

int address_adopt(int descriptor)
{
    socklen_t length = sizeof(int);
    int type = 0, flags = fcntl(descriptor, F_GETFL);

    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
        return -1;
    if (type != SOCK_STREAM) {
        errno = EPROTOTYPE;
        return -1;
    }
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    return 0;
}
