/*
 * The descriptor is read and written here rather than through a bufferevent: a library must not
 * leave SIGPIPE to its user, and MSG_NOSIGNAL is what never raises it. It also saves the copies.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "client.h"
#include "redact.h"

#define READ_CHUNK 16384
/* Chunks read in one turn of the loop, so that one busy monitor leaves the others their turn. */
#define READ_CHUNKS 8
#define WRITE_PARTS 16

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

bool wire_open(struct qmp_client *client, int descriptor, bool in_progress)
{
    client->descriptor = descriptor;
    client->readable =
        event_new(client->base, descriptor, EV_READ | EV_PERSIST, on_readable, client);
    client->writable = event_new(client->base, descriptor, EV_WRITE, on_writable, client);
    return client->readable && client->writable &&
           event_add(in_progress ? client->writable : client->readable, NULL) == 0;
}

void wire_close(struct qmp_client *client)
{
    if (client->readable)
        event_free(client->readable);
    if (client->writable)
        event_free(client->writable);
    client->readable = client->writable = NULL;
    if (client->descriptor >= 0)
        close(client->descriptor);
    client->descriptor = -1;
}

/* ---- writing ---- */

static void trace_sent(struct qmp_client *client, const struct request *request)
{
    const char *text = request->bytes;
    size_t length = request->length - 1;
    char *shown = NULL;

    if (!client->options.on_trace)
        return;
    if (redact_command(text, length, &shown)) {
        text = shown ? shown : "";
        length = strlen(text);
    }
    client->options.on_trace(client, QMP_SENT, text, length, client->options.arg);
    free(shown);
}

static size_t gather(const struct qmp_client *client, struct iovec parts[WRITE_PARTS])
{
    size_t count = 0, skip = client->written;

    for (const struct request *request = client->queue.unwritten; request && count < WRITE_PARTS;
         request = request->next) {
        parts[count++] =
            (struct iovec){.iov_base = request->bytes + skip, .iov_len = request->length - skip};
        skip = 0;
    }
    return count;
}

static void advance(struct qmp_client *client, size_t sent)
{
    client->written += sent;
    while (client->queue.unwritten && client->written >= client->queue.unwritten->length) {
        client->written -= client->queue.unwritten->length;
        request_queue_written(&client->queue);
    }
}

/* Writes what the socket takes. A failure waits until what the server still said has been read. */
static void wire_write(struct qmp_client *client)
{
    while (client->queue.unwritten && !client->send_errno) {
        struct iovec parts[WRITE_PARTS];
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = gather(client, parts)};
        ssize_t sent = sendmsg(client->descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0) {
            advance(client, (size_t)sent);
        } else if (errno == EAGAIN && event_add(client->writable, NULL) == 0) {
            return;
        } else if (errno != EINTR) {
            client->send_errno = errno;
            event_active(client->readable, EV_READ, 0);
        }
    }
}

void wire_flush(struct qmp_client *client)
{
    int64_t now = client_now();
    struct request *request;

    client_dispatch_begin(client);
    while (!client_is_over(client) && (request = request_queue_launch(&client->queue, now)))
        trace_sent(client, request);
    if (!client_is_over(client))
        wire_write(client);
    client_dispatch_end(client);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct qmp_client *client = arg;

    (void)fd;
    (void)what;
    if (client->state != CLIENT_CONNECTING) {
        wire_write(client);
        return;
    }
    client_dispatch_begin(client);
    if (event_add(client->readable, NULL) == 0)
        opening_progress(client);
    else
        client_end(client, QMP_ERROR_MEMORY, 0, "out of memory");
    client_dispatch_end(client);
}

/* ---- reading ---- */

static void read_texts(struct qmp_client *client)
{
    enum framer_status status = FRAMER_MORE;
    const char *text;
    size_t length;

    while (!client_is_over(client) &&
           (status = framer_next(&client->framer, &text, &length)) == FRAMER_TEXT)
        conversation_text(client, text, length);
    if (status == FRAMER_TOO_BIG)
        client_end(client, QMP_ERROR_TOO_BIG, 0, "a message of the server is longer than %zu bytes",
                   client->options.max_message);
}

/* The end of the stream may still complete a text. */
static void read_end(struct qmp_client *client, int number)
{
    static const char *const where[] = {
        [CLIENT_GREETING] = "before its greeting",
        [CLIENT_NEGOTIATING] = "during negotiation",
        [CLIENT_READY] = "by QEMU",
    };
    const char *text;
    size_t length;

    if (framer_last(&client->framer, &text, &length) == FRAMER_TEXT)
        conversation_text(client, text, length);
    if (client_is_over(client))
        return;
    client_end(client, QMP_ERROR_CLOSED, number, "the connection was closed %s%s%s",
               where[client->state], number ? ": " : "", number ? strerror(number) : "");
}

/* True: there may be more at once. */
static bool read_chunk(struct qmp_client *client)
{
    char chunk[READ_CHUNK];
    ssize_t got = recv(client->descriptor, chunk, sizeof chunk, MSG_DONTWAIT);

    if (got < 0 && errno == EINTR)
        return true;
    if (got < 0 && errno == EAGAIN && !client->send_errno)
        return false;
    if (got <= 0)
        read_end(client, got == 0 ? 0 : errno == EAGAIN ? client->send_errno : errno);
    else if (framer_append(&client->framer, chunk, (size_t)got))
        read_texts(client);
    else
        client_end(client, QMP_ERROR_MEMORY, 0, "out of memory");
    return got == READ_CHUNK && !client_is_over(client);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct qmp_client *client = arg;
    int left = READ_CHUNKS;

    (void)fd;
    (void)what;
    client_dispatch_begin(client);
    client->corked = true;
    while (read_chunk(client) && --left > 0)
        continue;
    client->corked = false;
    if (!client_is_over(client)) {
        wire_flush(client);
        if (client->send_errno)
            event_active(client->readable, EV_READ, 0);
        client_arm_timer(client);
    }
    client_dispatch_end(client);
}
