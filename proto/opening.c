#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "holder.h"
#include "resolver.h"

/* A socket that is not there yet is looked for this often. */
#define RETRY_MS 25

/* ---- why not ---- */

static enum holder_status find_holder(const struct qmp_client *client, struct qmp_holder *holder)
{
    const struct address *address = &client->address;

    if (address->kind == ADDRESS_UNIX)
        return holder_find(address->path, client->descriptor, holder);
    if (address->kind == ADDRESS_TCP)
        return holder_find_at(client->targets, client->descriptor, holder);
    return holder_find_peer(client->descriptor, holder);
}

static void end_held(struct qmp_client *client, int number, const struct qmp_holder *holder)
{
    if (holder->pid)
        client_end(client, QMP_ERROR_BUSY, number, "the monitor is in use by %s (pid %d)",
                   holder->name, (int)holder->pid);
    else if (*holder->name)
        client_end(client, QMP_ERROR_BUSY, number, "the monitor is in use by a client at %s",
                   holder->name);
    else
        client_end(client, QMP_ERROR_BUSY, number,
                   "the monitor is in use by a process of another user");
}

/*
 * A monitor serves one client at a time: a second one is connected, but not greeted, and a fourth
 * is not even connected. A stopped QEMU looks the same. The socket tables tell which it is.
 */
static void end_silent(struct qmp_client *client, int number, const char *what)
{
    struct qmp_holder holder;
    enum holder_status status = find_holder(client, &holder);
    pid_t server;

    if (status <= HOLDER_HIDDEN)
        end_held(client, number, &holder);
    else if ((server = client_stopped_server(client)))
        client_end(client, QMP_ERROR_TIMEOUT, number, "%s: its QEMU (pid %d) is stopped", what,
                   (int)server);
    else if (status == HOLDER_SELF)
        client_end(client, QMP_ERROR_TIMEOUT, number,
                   "%s: the server took the connection and says nothing; it may be no QMP monitor",
                   what);
    else if (status == HOLDER_NOBODY)
        client_end(client, QMP_ERROR_TIMEOUT, number,
                   "%s: no client is served; its QEMU is stopped, or busy", what);
    else
        client_end(client, QMP_ERROR_BUSY, number,
                   "%s: the monitor is in use by another client, or QEMU is stopped", what);
}

static void end_unconnected(struct qmp_client *client, int number)
{
    const char *why = strerror(number);

    if (number == EAGAIN) {
        end_silent(client, number, "the monitor's backlog is full");
        return;
    }
    if (number == ENOENT)
        why = "no such socket";
    else if (number == ENOTSOCK)
        why = "not a socket";
    else if (number == EACCES || number == EPERM)
        why = "no permission to use this socket";
    else if (number == EPROTOTYPE)
        why = "a socket of another kind, no QMP monitor";
    else if (number == ECONNREFUSED)
        why = client->address.kind == ADDRESS_TCP
                  ? "nobody listens there"
                  : "nobody listens on this socket; its QEMU has ended";
    client_end(client, QMP_ERROR_CONNECT, number, "%s", why);
}

/* ---- attempts ---- */

/* Not there yet, or not listening yet: the two that time can mend. */
static void attempt_failed(struct qmp_client *client, int number)
{
    bool mendable = number == ENOENT || number == ECONNREFUSED;

    if (!mendable || client_now() >= client->wait_until) {
        end_unconnected(client, number);
        return;
    }
    wire_close(client);
    client->retry_at = client_later(RETRY_MS);
    client_enter(client, CLIENT_WAITING);
}

static void attempt_opened(struct qmp_client *client, int descriptor, bool in_progress)
{
    if (wire_open(client, descriptor, in_progress))
        client_enter(client, in_progress ? CLIENT_CONNECTING : CLIENT_GREETING);
    else
        client_end(client, QMP_ERROR_MEMORY, 0, "out of memory");
}

/* An address that does not answer at all, as behind a firewall, leaves the others their part. */
static int64_t target_deadline(const struct qmp_client *client)
{
    int64_t now = client_now(), left = client->open_deadline - now;
    int count = 1;

    for (const struct addrinfo *other = client->target; other; other = other->ai_next)
        count++;
    return client->open_deadline && count > 1 && left > 0 ? now + left / count : 0;
}

/* A host name may stand for several addresses, of which QEMU listens on one. */
static void attempt_targets(struct qmp_client *client)
{
    int number = EADDRNOTAVAIL;

    while (client->target) {
        int descriptor = address_connect_tcp(client->target);

        number = errno;
        client->target = client->target->ai_next;
        if (descriptor >= 0) {
            client->target_deadline = target_deadline(client);
            attempt_opened(client, descriptor, true);
            return;
        }
    }
    attempt_failed(client, number);
}

static void on_resolved(int status, struct addrinfo *found, void *arg)
{
    struct qmp_client *client = arg;

    client->resolver = NULL;
    client->targets = client->target = found;
    client_dispatch_begin(client);
    if (status == 0)
        attempt_targets(client);
    else
        client_end(client, QMP_ERROR_CONNECT, EADDRNOTAVAIL, "the host is not known: %s",
                   gai_strerror(status));
    client_dispatch_end(client);
}

static void attempt_tcp(struct qmp_client *client)
{
    const struct address *address = &client->address;

    client->target = client->targets;
    if (!client->target && resolver_numeric(address->host, address->port, &client->targets) == 0)
        client->target = client->targets;
    if (client->target) {
        attempt_targets(client);
        return;
    }
    client->resolver =
        resolver_new(client->base, address->host, address->port, on_resolved, client);
    if (client->resolver)
        client_enter(client, CLIENT_RESOLVING);
    else
        client_end(client, QMP_ERROR_MEMORY, 0, "out of memory");
}

static void attempt_unix(struct qmp_client *client)
{
    int descriptor = address_connect_unix(client->address.path);

    if (descriptor < 0)
        attempt_failed(client, errno);
    else
        attempt_opened(client, descriptor, false);
}

static void attempt_descriptor(struct qmp_client *client)
{
    int descriptor = client->address.descriptor;

    /* What cannot be adopted is not ours to close: it may be the event loop's own. */
    client->address.descriptor = -1;
    if (address_adopt(descriptor) < 0)
        attempt_failed(client, errno);
    else
        attempt_opened(client, descriptor, false);
}

void opening_attempt(struct qmp_client *client)
{
    static void (*const attempts[])(struct qmp_client *) = {
        [ADDRESS_UNIX] = attempt_unix,
        [ADDRESS_TCP] = attempt_tcp,
        [ADDRESS_DESCRIPTOR] = attempt_descriptor,
    };

    client->open_deadline = client->open_timeout > 0 ? client_later(client->open_timeout) : 0;
    attempts[client->address.kind](client);
}

void opening_progress(struct qmp_client *client)
{
    socklen_t length = sizeof(int);
    int number = 0;

    if (getsockopt(client->descriptor, SOL_SOCKET, SO_ERROR, &number, &length) < 0)
        number = errno;
    if (number == 0 && address_is_own(client->descriptor))
        number = ECONNREFUSED;
    if (number == 0) {
        client_enter(client, CLIENT_GREETING);
    } else if (client->target) {
        wire_close(client);
        attempt_targets(client);
    } else {
        attempt_failed(client, number);
    }
}

void opening_timeout(struct qmp_client *client)
{
    bool greeting = client->state == CLIENT_GREETING;
    const char *to = client->state == CLIENT_NEGOTIATING ? " to the negotiation of capabilities"
                     : client->state == CLIENT_RESOLVING ? " to the question for the host's address"
                     : client->state == CLIENT_CONNECTING ? " to the connection"
                                                          : "";
    struct qmp_holder holder;
    char what[96];
    pid_t server;

    if (client->state == CLIENT_CONNECTING && client->target_deadline) {
        wire_close(client);
        attempt_targets(client);
        return;
    }
    snprintf(what, sizeof what, "no %s within %g s%s", greeting ? "greeting" : "answer",
             (double)client->open_timeout / 1000, to);
    if (greeting)
        end_silent(client, 0, what);
    else if (client->state == CLIENT_CONNECTING && find_holder(client, &holder) <= HOLDER_HIDDEN)
        end_held(client, 0, &holder);
    else if ((server = client_stopped_server(client)))
        client_end(client, QMP_ERROR_TIMEOUT, 0, "%s: its QEMU (pid %d) is stopped", what,
                   (int)server);
    else
        client_end(client, QMP_ERROR_TIMEOUT, 0, "%s", what);
}

void opening_forget(struct qmp_client *client)
{
    resolver_free(client->resolver);
    client->resolver = NULL;
    if (client->targets)
        freeaddrinfo(client->targets);
    client->targets = client->target = NULL;
    address_free(&client->address);
}

int qmp_client_connect(struct qmp_client *client, const char *address, int64_t wait_ms,
                       int64_t timeout_ms, qmp_ready_cb *ready, void *arg, struct qmp_error *error)
{
    struct qmp_error ignored = {0};

    error = error ? error : &ignored;
    if (client->state != CLIENT_IDLE) {
        *error = (struct qmp_error){.code = QMP_ERROR_INVALID,
                                    .text = "the client was connected before"};
        return -1;
    }
    if (address_parse(address, &client->address, error) < 0)
        return -1;
    client->ready = ready;
    client->ready_arg = arg;
    client->wait_until = client_later(wait_ms);
    client->open_timeout = timeout_ms;
    /* The first attempt is made in the event loop, so that ready never runs before we return. */
    client->retry_at = client_now();
    client_enter(client, CLIENT_WAITING);
    if (client->timer_at)
        return 0;
    client->address.descriptor = -1; /* the caller's again */
    opening_forget(client);
    client_enter(client, CLIENT_ENDED);
    *error = (struct qmp_error){.code = QMP_ERROR_MEMORY, .text = "out of memory"};
    return -1;
}
