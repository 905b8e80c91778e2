/* The kernel's list of TCP sockets, searched for those of one monitor of this host. SPDX: MIT */
#ifndef TCP_SOCKETS_H
#define TCP_SOCKETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

/* IPv4 as IPv6 has it, "::ffff:127.0.0.1"; the port in network order; 0: none. */
struct tcp_end {
    struct in6_addr address;
    uint16_t port;
};

/* False: it is no address of TCP. */
bool tcp_end_of(const struct sockaddr *address, struct tcp_end *end);

/* Whether the address is one of this host, so that its sockets are those that we can see. */
bool tcp_is_of_this_host(const struct sockaddr *address);

struct tcp_search {
    struct tcp_end server; /* where the monitor listens, or one of its addresses */
    struct tcp_end except; /* whose connection does not count */

    /* What is found: whom the monitor has accepted, and where; one in the backlog has no inode. */
    bool listens, everywhere, served_except;
    struct tcp_end client, served_at;
    uint32_t inode; /* of the client's own end; 0: that is no socket of this host */
};

/* False: the kernel does not tell. */
bool tcp_search_run(struct tcp_search *search);

#endif
