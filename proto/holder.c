#include "holder.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "address.h"
#include "owner.h"
#include "resolver.h"
#include "tcp_sockets.h"
#include "unix_sockets.h"

/* ---- who is served ---- */

enum holder_status holder_find(const char *path, int except, struct qmp_holder *holder)
{
    struct unix_search search = unix_search_for(path, except);

    *holder = (struct qmp_holder){0};
    if (!search.path || !unix_search_run(&search, 0) || !search.seen)
        return HOLDER_UNKNOWN;
    if (search.client)
        return owner_find(search.client, holder) ? HOLDER_FOUND : HOLDER_HIDDEN;
    return search.served_except ? HOLDER_SELF : HOLDER_NOBODY;
}

/* Where a client of another host comes from. */
static void name_host(const struct tcp_end *end, char *name, size_t size)
{
    if (IN6_IS_ADDR_V4MAPPED(&end->address))
        inet_ntop(AF_INET, &end->address.s6_addr[12], name, (socklen_t)size);
    else
        inet_ntop(AF_INET6, &end->address, name, (socklen_t)size);
}

static enum holder_status find_tcp(const struct sockaddr *server, int except,
                                   struct qmp_holder *holder)
{
    struct sockaddr_storage own = {0};
    socklen_t length = sizeof own;
    struct tcp_search search = {0};

    *holder = (struct qmp_holder){0};
    if (getsockname(except, (struct sockaddr *)&own, &length) == 0)
        tcp_end_of((const struct sockaddr *)&own, &search.except);
    if (!tcp_end_of(server, &search.server) || !tcp_is_of_this_host(server) ||
        !tcp_search_run(&search) || !search.listens)
        return HOLDER_UNKNOWN;
    if (search.inode)
        return owner_find(search.inode, holder) ? HOLDER_FOUND : HOLDER_HIDDEN;
    if (search.client.port) {
        name_host(&search.client, holder->name, sizeof holder->name);
        return HOLDER_HIDDEN;
    }
    return search.served_except ? HOLDER_SELF : HOLDER_NOBODY;
}

enum holder_status holder_find_at(const struct addrinfo *targets, int except,
                                  struct qmp_holder *holder)
{
    enum holder_status best = HOLDER_UNKNOWN;

    *holder = (struct qmp_holder){0};
    for (; targets; targets = targets->ai_next) {
        struct qmp_holder found;
        enum holder_status status = find_tcp(targets->ai_addr, except, &found);

        if (status < best) {
            best = status;
            *holder = found;
        }
    }
    return best;
}

enum holder_status holder_find_peer(int descriptor, struct qmp_holder *holder)
{
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage room; /* its last byte stays 0 */
    } peer = {0};
    socklen_t length = sizeof peer.local;

    *holder = (struct qmp_holder){0};
    if (getpeername(descriptor, &peer.any, &length) < 0)
        return HOLDER_UNKNOWN;
    if (peer.any.sa_family != AF_UNIX)
        return find_tcp(&peer.any, descriptor, holder);
    return peer.local.sun_path[0] == '/' ? holder_find(peer.local.sun_path, descriptor, holder)
                                         : HOLDER_UNKNOWN;
}

static enum holder_status find_by_address(const struct address *address, struct qmp_holder *holder)
{
    struct addrinfo *targets = NULL;
    enum holder_status status;

    if (address->kind == ADDRESS_UNIX)
        return holder_find(address->path, -1, holder);
    if (address->kind != ADDRESS_TCP ||
        resolver_numeric(strcmp(address->host, "localhost") == 0 ? NULL : address->host,
                         address->port, &targets) != 0)
        return HOLDER_UNKNOWN;
    status = holder_find_at(targets, -1, holder);
    freeaddrinfo(targets);
    return status;
}

int qmp_monitor_holder(const char *address, struct qmp_holder *holder)
{
    enum holder_status status;
    struct address parsed;
    struct qmp_error error;

    *holder = (struct qmp_holder){0};
    if (address_parse(address, &parsed, &error) < 0)
        return -1;
    parsed.descriptor = -1; /* it is the caller's */
    status = find_by_address(&parsed, holder);
    address_free(&parsed);
    return status == HOLDER_UNKNOWN ? -1 : status == HOLDER_FOUND || status == HOLDER_HIDDEN;
}

/* ---- who serves ---- */

/* Who began to listen, or made the pair of sockets. */
static pid_t peer_pid(int descriptor)
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : 0;
}

/* The socket at the other end, or, where it is not accepted yet, the one that listens; 0: none. */
static uint32_t server_socket(const char *path, int descriptor)
{
    struct unix_search search = unix_search_for(path, descriptor);

    if (search.except && unix_search_run(&search, search.except) && search.server)
        return search.server;
    return search.path && unix_search_run(&search, 0) ? search.listener : 0;
}

pid_t holder_server(const char *path, int descriptor)
{
    uint32_t inode = server_socket(path, descriptor);
    enum possession possession;
    struct qmp_holder holder;
    pid_t peer = peer_pid(descriptor);

    possession = inode && peer > 0 ? owner_has(peer, inode) : NOT_SHOWN;
    if (possession == POSSESSED)
        return peer;
    if (inode && owner_find(inode, &holder))
        return holder.pid;
    return possession == NOT_SHOWN ? peer : 0;
}

bool holder_is_stopped(pid_t pid)
{
    char path[64], text[512] = "";
    const char *state;
    FILE *file;

    if (pid <= 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    if (!fgets(text, sizeof text, file))
        *text = '\0';
    fclose(file);
    /* The name before the state stands in brackets, and may hold some itself. */
    state = strrchr(text, ')');
    return state && (strncmp(state, ") T", 3) == 0 || strncmp(state, ") t", 3) == 0);
}
