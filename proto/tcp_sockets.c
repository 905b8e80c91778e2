#include "tcp_sockets.h"

#include <linux/inet_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "diag.h"

/* ---- addresses ---- */

static struct in6_addr mapped(const void *four_bytes)
{
    struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    memcpy(&address.s6_addr[12], four_bytes, 4);
    return address;
}

bool tcp_end_of(const struct sockaddr *address, struct tcp_end *end)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;

    if (address->sa_family == AF_INET)
        *end = (struct tcp_end){mapped(&v4->sin_addr), v4->sin_port};
    else if (address->sa_family == AF_INET6)
        *end = (struct tcp_end){v6->sin6_addr, v6->sin6_port};
    else
        return false;
    return true;
}

/* Only an address of its own may be bound. */
bool tcp_is_of_this_host(const struct sockaddr *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {0};
    socklen_t length = address->sa_family == AF_INET ? sizeof name.v4 : sizeof name.v6;
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_own;

    memcpy(&name, address, length);
    if (address->sa_family == AF_INET)
        name.v4.sin_port = 0;
    else
        name.v6.sin6_port = 0;
    is_own = descriptor >= 0 && bind(descriptor, &name.any, length) == 0;
    if (descriptor >= 0)
        close(descriptor);
    return is_own;
}

static bool is_same_address(const struct tcp_end *left, const struct tcp_end *right)
{
    return memcmp(&left->address, &right->address, sizeof left->address) == 0;
}

static bool is_same(const struct tcp_end *left, const struct tcp_end *right)
{
    return left->port == right->port && is_same_address(left, right);
}

static bool is_every_address(const struct tcp_end *end)
{
    const struct in6_addr every_v4 = mapped("\0\0\0");

    return memcmp(&end->address, &in6addr_any, sizeof in6addr_any) == 0 ||
           memcmp(&end->address, &every_v4, sizeof every_v4) == 0;
}

/* ---- the list ---- */

static struct tcp_end row_end(const struct inet_diag_msg *row, const void *address, uint16_t port)
{
    struct tcp_end end = {.port = port};

    if (row->idiag_family == AF_INET)
        end.address = mapped(address);
    else
        memcpy(&end.address, address, sizeof end.address);
    return end;
}

static struct tcp_end own_end(const struct inet_diag_msg *row)
{
    return row_end(row, row->id.idiag_src, row->id.idiag_sport);
}

static struct tcp_end peer_end(const struct inet_diag_msg *row)
{
    return row_end(row, row->id.idiag_dst, row->id.idiag_dport);
}

static void search_listener(const void *message, size_t size, void *arg)
{
    struct tcp_search *search = arg;
    struct tcp_end own = own_end(message);

    (void)size;
    if (is_every_address(&own))
        search->everywhere = true;
    else if (!is_same_address(&own, &search->server))
        return;
    search->listens = true;
}

static void search_served(const void *message, size_t size, void *arg)
{
    const struct inet_diag_msg *row = message;
    struct tcp_search *search = arg;
    struct tcp_end own = own_end(row), peer = peer_end(row);

    (void)size;
    if (row->idiag_inode == 0 || (!search->everywhere && !is_same_address(&own, &search->server)))
        return;
    if (is_same(&peer, &search->except)) {
        search->served_except = true;
    } else {
        search->client = peer;
        search->served_at = own;
    }
}

static void search_client(const void *message, size_t size, void *arg)
{
    const struct inet_diag_msg *row = message;
    struct tcp_search *search = arg;
    struct tcp_end own = own_end(row), peer = peer_end(row);

    (void)size;
    if (is_same(&own, &search->client) && is_same(&peer, &search->served_at))
        search->inode = row->idiag_inode;
}

/* Those with these ports (0: any), in this state. */
static bool ask(uint8_t family, int state, uint16_t own, uint16_t peer, diag_cb *each,
                struct tcp_search *search)
{
    const struct inet_diag_req_v2 request = {
        .sdiag_family = family,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_states = (uint32_t)1 << state,
        .id = {.idiag_sport = own,
               .idiag_dport = peer,
               .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
    };

    return diag_ask(&request, sizeof request, true, sizeof(struct inet_diag_msg), each, search);
}

/* A socket of IPv6 may serve IPv4, too: it is asked for where none of IPv4 listens. */
bool tcp_search_run(struct tcp_search *search)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    const uint16_t port = search->server.port;
    bool told = true;

    for (int i = IN6_IS_ADDR_V4MAPPED(&search->server.address) ? 0 : 1;
         told && i < 2 && !search->listens; i++)
        told =
            ask(families[i], TCP_LISTEN, port, 0, search_listener, search) &&
            (!search->listens || ask(families[i], TCP_ESTABLISHED, port, 0, search_served, search));
    for (int i = 0; told && i < 2 && search->client.port && search->inode == 0; i++)
        told = ask(families[i], TCP_ESTABLISHED, search->client.port, search->served_at.port,
                   search_client, search);
    return told;
}
