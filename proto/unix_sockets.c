#include "unix_sockets.h"

#include <linux/rtnetlink.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "diag.h"

static bool is_same_place(const struct unix_search *search, const struct unix_diag_vfs *vfs,
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

static void search_socket(const void *bytes, size_t size, void *arg)
{
    struct unix_search *search = arg;
    const struct unix_diag_msg *message = bytes;
    const struct rtattr *attribute = (const struct rtattr *)(message + 1);
    size_t left = size - sizeof *message, name_length = 0;
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

bool unix_search_run(struct unix_search *search, uint32_t only)
{
    const struct unix_diag_req request = {
        .sdiag_family = AF_UNIX,
        .udiag_ino = only,
        .udiag_cookie = {UINT32_MAX, UINT32_MAX}, /* none is known */
        .udiag_states = (uint32_t)1 << TCP_ESTABLISHED | (uint32_t)1 << TCP_LISTEN,
        .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER,
    };

    return diag_ask(&request, sizeof request, only == 0, sizeof(struct unix_diag_msg),
                    search_socket, search);
}

struct unix_search unix_search_for(const char *path, int except)
{
    struct unix_search search = {0};
    struct stat own;

    if (except >= 0 && fstat(except, &own) == 0)
        search.except = (uint32_t)own.st_ino;
    if (path && stat(path, &search.place) == 0)
        search.path = path;
    return search;
}
