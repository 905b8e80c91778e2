#include "diag.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST 128 /* more than a request of any kind has */

static bool send_request(int netlink, const void *request, size_t size, bool every)
{
    struct {
        struct nlmsghdr header;
        char request[REQUEST];
    } message = {
        .header = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = every ? NLM_F_REQUEST | NLM_F_DUMP : NLM_F_REQUEST},
    };

    memcpy(message.request, request, size);
    return send(netlink, &message, message.header.nlmsg_len, 0) ==
           (ssize_t)message.header.nlmsg_len;
}

bool diag_ask(const void *request, size_t size, bool every, size_t least, diag_cb *each, void *arg)
{
    union {
        struct nlmsghdr header;
        char bytes[16384];
    } reply;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    bool going = netlink >= 0 && send_request(netlink, request, size, every), complete = false;

    while (going) {
        ssize_t got = recv(netlink, &reply, sizeof reply, 0);
        size_t left = got > 0 ? (size_t)got : 0;

        going = got > 0;
        for (const struct nlmsghdr *header = &reply.header; going && NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            bool is_socket = header->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
                             header->nlmsg_len >= NLMSG_LENGTH(least);

            complete = header->nlmsg_type == NLMSG_DONE || (!every && is_socket);
            going = !complete && header->nlmsg_type != NLMSG_ERROR;
            if (is_socket)
                each(NLMSG_DATA(header), header->nlmsg_len - NLMSG_LENGTH(0), arg);
        }
    }
    if (netlink >= 0)
        close(netlink);
    return complete;
}
