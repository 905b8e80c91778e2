/*
 * Who holds a monitor at a TCP address, where the kernel's list of sockets is made up: clients of
 * other hosts and users, and a kernel that does not tell. The calls are defined here, before the C
 * library's.
 */
/* With it the header defines recv itself, and clang takes no other. */
#undef _FORTIFY_SOURCE

#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/stage.h"

#define HERE "127.0.0.1:4444"

/* ---- the kernel ---- */

struct socket {
    int family, state;
    const char *own;
    int own_port;
    const char *peer;
    int peer_port;
    uint32_t inode;
};

static struct {
    const struct socket *sockets;
    size_t count;
    int descriptor;     /* the one that asks */
    int refuses;        /* the question of this number; 0: none */
    uint32_t cut;       /* by so many bytes each message is too short for a socket */
    int questions;      /* so far */
    bool may_not_own;   /* even an address of this host */
    bool has_no_socket; /* for IPv6 */
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;
    size_t length;
} kernel = {.descriptor = -1};

#define FOR_ALL __attribute__((visibility("default")))
/* The C library's own. */
#define REAL(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

static void answer(int type, const void *bytes, size_t length)
{
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)(kernel.answer.bytes + kernel.length);

    *header = (struct nlmsghdr){.nlmsg_len = (uint32_t)NLMSG_LENGTH(length),
                                .nlmsg_type = (uint16_t)type};
    memcpy(NLMSG_DATA(header), bytes, length);
    kernel.length += NLMSG_ALIGN(header->nlmsg_len);
}

/* As the kernel does, it leaves out those with other ports than are asked for. */
static void answer_socket(const struct inet_diag_req_v2 *request, const struct socket *socket)
{
    struct inet_diag_msg row = {
        .idiag_family = (uint8_t)socket->family,
        .idiag_state = (uint8_t)socket->state,
        .id = {.idiag_sport = htons((uint16_t)socket->own_port),
               .idiag_dport = htons((uint16_t)socket->peer_port)},
        .idiag_inode = socket->inode,
    };

    assert_int_equal(inet_pton(socket->family, socket->own, row.id.idiag_src), 1);
    assert_int_equal(inet_pton(socket->family, socket->peer, row.id.idiag_dst), 1);
    if (socket->family != request->sdiag_family ||
        (request->idiag_states & (uint32_t)1 << socket->state) == 0 ||
        (request->id.idiag_sport && request->id.idiag_sport != row.id.idiag_sport) ||
        (request->id.idiag_dport && request->id.idiag_dport != row.id.idiag_dport))
        return;
    answer(SOCK_DIAG_BY_FAMILY, &row, sizeof row - kernel.cut);
}

FOR_ALL ssize_t send(int descriptor, const void *bytes, size_t size, int flags)
{
    const struct inet_diag_req_v2 *request = NLMSG_DATA((const struct nlmsghdr *)bytes);

    if (descriptor != kernel.descriptor)
        return REAL(send)(descriptor, bytes, size, flags);
    kernel.length = 0;
    if (++kernel.questions == kernel.refuses) {
        answer(NLMSG_ERROR, "", 0);
        return (ssize_t)size;
    }
    for (size_t i = 0; i < kernel.count; i++)
        answer_socket(request, &kernel.sockets[i]);
    answer(NLMSG_DONE, "", 0);
    return (ssize_t)size;
}

FOR_ALL ssize_t recv(int descriptor, void *bytes, size_t size, int flags)
{
    size_t length = kernel.length;

    if (descriptor != kernel.descriptor)
        return REAL(recv)(descriptor, bytes, size, flags);
    memcpy(bytes, kernel.answer.bytes, length);
    kernel.length = 0;
    return (ssize_t)length;
}

FOR_ALL int socket(int domain, int type, int protocol)
{
    int descriptor =
        domain == AF_INET6 && kernel.has_no_socket ? -1 : REAL(socket)(domain, type, protocol);

    if (domain == AF_NETLINK)
        kernel.descriptor = descriptor;
    return descriptor;
}

FOR_ALL int bind(int descriptor, __CONST_SOCKADDR_ARG name, socklen_t length)
{
    return kernel.may_not_own ? -1 : REAL(bind)(descriptor, name, length);
}

/* ---- what is said of a monitor ---- */

static int ask(const char *address, const struct socket *sockets, size_t count,
               struct qmp_holder *holder)
{
    kernel.sockets = sockets;
    kernel.count = count;
    kernel.questions = 0;
    return qmp_monitor_holder(address, holder);
}

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void expect(const char *address, const struct socket *sockets, size_t count, int status,
                   const char *name)
{
    struct qmp_holder holder;

    assert_int_equal(ask(address, sockets, count, &holder), status);
    assert_int_equal(holder.pid, 0);
    assert_string_equal(holder.name, name);
}

static void test_a_client_of_another_host(void **state)
{
    static const struct socket v4[] = {
        {AF_INET, TCP_LISTEN, "0.0.0.0", 4444, "0.0.0.0", 0, 5},
        {AF_INET, TCP_ESTABLISHED, "192.0.2.1", 4444, "192.0.2.7", 999, 6},
        /* Others of that port, at another end. */
        {AF_INET, TCP_ESTABLISHED, "192.0.2.8", 999, "192.0.2.1", 4444, 7},
        {AF_INET, TCP_ESTABLISHED, "192.0.2.7", 999, "192.0.2.9", 4444, 8},
    };
    static const struct socket v6[] = {
        {AF_INET6, TCP_LISTEN, "::", 4444, "::", 0, 5},
        {AF_INET6, TCP_ESTABLISHED, "2001:db8::1", 4444, "2001:db8::7", 999, 6},
    };
    static const struct socket mapped[] = {
        {AF_INET6, TCP_LISTEN, "::", 4444, "::", 0, 5},
        {AF_INET6, TCP_ESTABLISHED, "::ffff:192.0.2.1", 4444, "::ffff:192.0.2.7", 999, 6},
    };

    (void)state;
    expect(HERE, v4, COUNT(v4), 1, "192.0.2.7");
    expect("[::1]:4444", v6, COUNT(v6), 1, "2001:db8::7");
    expect(HERE, mapped, COUNT(mapped), 1, "192.0.2.7");
}

/* The same, where we are connected and not greeted. */
static void test_a_monitor_that_serves_another_host(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct socket sockets[] = {
        {AF_INET, TCP_LISTEN, "127.0.0.1", 0, "0.0.0.0", 0, 5},
        {AF_INET, TCP_ESTABLISHED, "127.0.0.1", 0, "192.0.2.7", 999, 6},
    };
    socklen_t length = sizeof name;
    struct stage stage;
    char address[32];

    (void)state;
    stage_open(&stage);
    stage.server.manner = IGNORES;
    stage.server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stage.server.listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(stage.server.listener, (struct sockaddr *)&name, &length), 0);
    stage_listen(&stage, 1);
    sockets[0].own_port = sockets[1].own_port = ntohs(name.sin_port);
    kernel.sockets = sockets;
    kernel.count = COUNT(sockets);
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(name.sin_port));
    stage_connect(&stage, address, 0, 100);
    stage_expect(&stage, QMP_ERROR_BUSY, QMP_PHASE_GREETING, 0,
                 "the monitor is in use by a client at 192.0.2.7");
    stage_close(&stage);
}

/* No process has a socket of that number. */
static void test_a_client_whose_process_cannot_be_seen(void **state)
{
    static const struct socket sockets[] = {
        {AF_INET, TCP_LISTEN, "127.0.0.1", 4444, "0.0.0.0", 0, 5},
        {AF_INET, TCP_ESTABLISHED, "127.0.0.1", 4444, "127.0.0.1", 999, 6},
        {AF_INET6, TCP_ESTABLISHED, "::ffff:127.0.0.1", 999, "::ffff:127.0.0.1", 4444, UINT32_MAX},
    };

    (void)state;
    expect(HERE, sockets, COUNT(sockets), 1, "");
}

static void test_whose_connections_do_not_count(void **state)
{
    static const struct socket waits[] = {
        {AF_INET, TCP_LISTEN, "127.0.0.1", 4444, "0.0.0.0", 0, 5},
        {AF_INET, TCP_ESTABLISHED, "127.0.0.1", 4444, "127.0.0.1", 999, 0},
    };
    static const struct socket has_gone[] = {
        {AF_INET, TCP_LISTEN, "127.0.0.1", 4444, "0.0.0.0", 0, 5},
        {AF_INET, TCP_CLOSE_WAIT, "127.0.0.1", 4444, "127.0.0.1", 999, 6},
    };
    static const struct socket of_another[] = {
        {AF_INET, TCP_LISTEN, "127.0.0.1", 4444, "0.0.0.0", 0, 5},
        {AF_INET, TCP_LISTEN, "127.0.0.2", 4444, "0.0.0.0", 0, 7},
        {AF_INET, TCP_ESTABLISHED, "127.0.0.2", 4444, "127.0.0.1", 999, 6},
    };
    static const struct socket elsewhere[] = {
        {AF_INET, TCP_LISTEN, "127.0.0.2", 4444, "0.0.0.0", 0, 7},
        {AF_INET6, TCP_LISTEN, "::1", 4444, "::", 0, 8},
        {AF_INET, TCP_ESTABLISHED, "127.0.0.2", 4444, "127.0.0.1", 999, 6},
    };

    (void)state;
    expect(HERE, waits, COUNT(waits), 0, "");
    expect(HERE, has_gone, COUNT(has_gone), 0, "");
    expect(HERE, of_another, COUNT(of_another), 0, "");
    expect(HERE, elsewhere, COUNT(elsewhere), -1, "");
}

static void test_a_kernel_that_does_not_tell(void **state)
{
    static const struct socket sockets[] = {
        {AF_INET6, TCP_LISTEN, "::", 4444, "::", 0, 5},
        {AF_INET6, TCP_ESTABLISHED, "::ffff:192.0.2.1", 4444, "::ffff:192.0.2.7", 999, 6},
    };

    (void)state;
    for (kernel.refuses = 1; kernel.refuses <= 5; kernel.refuses++)
        expect(HERE, sockets, COUNT(sockets), -1, "");
    kernel.refuses = 0;
    expect(HERE, sockets, COUNT(sockets), 1, "192.0.2.7");
    assert_int_equal(kernel.questions, 5);
    kernel.cut = 4;
    expect(HERE, sockets, COUNT(sockets), -1, "");
    kernel.cut = 0;
}

static void test_an_address_that_is_not_ours(void **state)
{
    static const struct socket sockets[] = {
        {AF_INET, TCP_LISTEN, "0.0.0.0", 4444, "0.0.0.0", 0, 5},
        {AF_INET6, TCP_LISTEN, "::", 4444, "::", 0, 5},
    };

    (void)state;
    kernel.may_not_own = true;
    expect(HERE, sockets, COUNT(sockets), -1, "");
    kernel.may_not_own = false;
    kernel.has_no_socket = true;
    expect("[::1]:4444", sockets, COUNT(sockets), -1, "");
    expect("localhost:4444", sockets, COUNT(sockets), 0, "");
    kernel.has_no_socket = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_of_another_host),
        cmocka_unit_test(test_a_monitor_that_serves_another_host),
        cmocka_unit_test(test_a_client_whose_process_cannot_be_seen),
        cmocka_unit_test(test_whose_connections_do_not_count),
        cmocka_unit_test(test_a_kernel_that_does_not_tell),
        cmocka_unit_test(test_an_address_that_is_not_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
