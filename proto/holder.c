#include "holder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "text.h"

/*
 * What the kernel's list of UNIX sockets is searched for. Both the listening socket and those that
 * were accepted from it carry the inode of the path; one that waits in the backlog has no inode of
 * its own yet, and the peer of an accepted one is the client's.
 */
struct search {
    const char *path;
    struct stat place;
    /* Socket inodes; 0: none. server is the other end of except; it is none in the backlog. */
    uint32_t except, client, server, listener;
    bool seen, served_except;
};

/* ---- the socket tables ---- */

static bool is_same_place(const struct search *search, const struct unix_diag_vfs *vfs,
                          const char *name, size_t length)
{
    /* The kernel's own form of a device number: 12 bits and 20. */
    uint32_t device = (uint32_t)(major(search->place.st_dev) << 20 | minor(search->place.st_dev));

    if (!search->path || !vfs || vfs->udiag_vfs_ino != (uint32_t)search->place.st_ino)
        return false;
    /* An overlay gives another device number to stat() than to the kernel. */
    return vfs->udiag_vfs_dev == device || (name && strnlen(name, length) == strlen(search->path) &&
                                            memcmp(name, search->path, strlen(search->path)) == 0);
}

static void search_socket(struct search *search, const struct nlmsghdr *header)
{
    const struct unix_diag_msg *message = NLMSG_DATA(header);
    const struct rtattr *attribute = (const struct rtattr *)(message + 1);
    size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof *message), name_length = 0;
    const struct unix_diag_vfs *vfs = NULL;
    const char *name = NULL;
    uint32_t peer = 0;

    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        if (attribute->rta_type == UNIX_DIAG_VFS)
            vfs = RTA_DATA(attribute);
        else if (attribute->rta_type == UNIX_DIAG_PEER)
            memcpy(&peer, RTA_DATA(attribute), sizeof peer);
        else if (attribute->rta_type == UNIX_DIAG_NAME) {
            name = RTA_DATA(attribute);
            name_length = RTA_PAYLOAD(attribute);
        }
    }
    if (search->except && message->udiag_ino == search->except)
        search->server = peer;
    if (!is_same_place(search, vfs, name, name_length))
        return;
    search->seen = true;
    if (message->udiag_state == TCP_LISTEN)
        search->listener = message->udiag_ino;
    if (message->udiag_state != TCP_ESTABLISHED || message->udiag_ino == 0 || peer == 0)
        return;
    if (peer == search->except)
        search->served_except = true;
    else
        search->client = peer;
}

/* only: the inode of the one socket that is asked for; 0: all. */
static bool request_sockets(int netlink, uint32_t only)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = only ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_ino = only,
                    .udiag_cookie = {UINT32_MAX, UINT32_MAX}, /* none is known */
                    .udiag_states = (uint32_t)1 << TCP_ESTABLISHED | (uint32_t)1 << TCP_LISTEN,
                    .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER},
    };

    return send(netlink, &message, sizeof message, 0) == (ssize_t)sizeof message;
}

/* False: the kernel does not tell. */
static bool search_sockets(struct search *search, uint32_t only)
{
    union {
        struct nlmsghdr header;
        char bytes[16384];
    } reply;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    bool going = netlink >= 0 && request_sockets(netlink, only), complete = false;

    while (going) {
        ssize_t got = recv(netlink, &reply, sizeof reply, 0);
        size_t left = got > 0 ? (size_t)got : 0;

        going = got > 0;
        for (const struct nlmsghdr *header = &reply.header; going && NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            bool is_socket = header->nlmsg_type == SOCK_DIAG_BY_FAMILY;

            complete = header->nlmsg_type == NLMSG_DONE || (only && is_socket);
            going = !complete && header->nlmsg_type != NLMSG_ERROR;
            if (is_socket)
                search_socket(search, header);
        }
    }
    if (netlink >= 0)
        close(netlink);
    return complete;
}

/* ---- the process of a socket ---- */

enum possession {
    POSSESSED,
    NOT_POSSESSED,
    NOT_SHOWN /* it is gone, or its descriptors may not be looked at */
};

static enum possession has_socket(const char *pid, uint32_t inode)
{
    char folder[64], target[64], link[64];
    enum possession possession = NOT_SHOWN;
    const struct dirent *entry;
    DIR *descriptors;

    snprintf(link, sizeof link, "socket:[%u]", inode);
    snprintf(folder, sizeof folder, "/proc/%.20s/fd", pid);
    descriptors = opendir(folder);
    while (descriptors && possession != POSSESSED && (entry = readdir(descriptors))) {
        ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);

        if (length <= 0)
            continue;
        target[length] = '\0';
        possession = strcmp(target, link) == 0 ? POSSESSED : NOT_POSSESSED;
    }
    if (descriptors)
        closedir(descriptors);
    return possession;
}

static void read_name(const char *pid, struct qmp_holder *holder)
{
    char path[64], name[sizeof holder->name] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    file = fopen(path, "re");
    if (file) {
        if (!fgets(name, sizeof name, file))
            *name = '\0';
        fclose(file);
    }
    name[strcspn(name, "\n")] = '\0';
    holder->pid = (pid_t)strtol(pid, NULL, 10);
    text_copy_line(holder->name, sizeof holder->name, *name ? name : "a process");
}

static bool find_process(uint32_t inode, struct qmp_holder *holder)
{
    const struct dirent *entry;
    DIR *processes = opendir("/proc");
    bool found = false;

    while (processes && !found && (entry = readdir(processes))) {
        if (!isdigit((unsigned char)entry->d_name[0]) ||
            has_socket(entry->d_name, inode) != POSSESSED)
            continue;
        read_name(entry->d_name, holder);
        found = true;
    }
    if (processes)
        closedir(processes);
    return found;
}

/* ---- what can be asked ---- */

static struct search search_for(const char *path, int except)
{
    struct search search = {0};
    struct stat own;

    if (except >= 0 && fstat(except, &own) == 0)
        search.except = (uint32_t)own.st_ino;
    if (path && stat(path, &search.place) == 0)
        search.path = path;
    return search;
}

enum holder_status holder_find(const char *path, int except, struct qmp_holder *holder)
{
    struct search search = search_for(path, except);

    *holder = (struct qmp_holder){0};
    if (!search.path || !search_sockets(&search, 0) || !search.seen)
        return HOLDER_UNKNOWN;
    if (search.client)
        return find_process(search.client, holder) ? HOLDER_FOUND : HOLDER_HIDDEN;
    return search.served_except ? HOLDER_SELF : HOLDER_NOBODY;
}

int qmp_monitor_holder(const char *path, struct qmp_holder *holder)
{
    enum holder_status status = holder_find(path, -1, holder);

    return status == HOLDER_UNKNOWN ? -1 : status == HOLDER_FOUND || status == HOLDER_HIDDEN;
}

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
    struct search search = search_for(path, descriptor);

    if (search.except && search_sockets(&search, search.except) && search.server)
        return search.server;
    return search.path && search_sockets(&search, 0) ? search.listener : 0;
}

pid_t holder_server(const char *path, int descriptor)
{
    uint32_t inode = server_socket(path, descriptor);
    enum possession possession;
    struct qmp_holder holder;
    pid_t peer = peer_pid(descriptor);
    char pid[24];

    snprintf(pid, sizeof pid, "%d", (int)peer);
    possession = inode && peer > 0 ? has_socket(pid, inode) : NOT_SHOWN;
    if (possession == POSSESSED)
        return peer;
    if (inode && find_process(inode, &holder))
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
