#include "proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"

#define BUFFER 524288 /* larger than any message of QEMU */

struct trigger {
    bool armed;
    size_t message; /* where text is empty */
    char text[64];
    enum proxy_moment moment;
    proxy_fault *fault;
    void *arg;
};

struct side {
    int descriptor;
    char *bytes;
    size_t length;
};

struct proxy {
    char folder[64], path[96], monitor[108];
    int listener, wake[2];
    pthread_t thread;
    pthread_mutex_t lock; /* over the next four */
    struct trigger trigger;
    double struck_at;
    size_t messages;
    double monitor_left;
    struct side client, server; /* of the thread alone, as is pid */
    pid_t pid;
};

static int open_socket(const char *path, struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(name->sun_path, sizeof name->sun_path, "%s", path);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, bytes, length, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

enum proxy_verdict proxy_kill_client(pid_t client, void *arg)
{
    (void)arg;
    kill(client, SIGKILL);
    return PROXY_CUT;
}

enum proxy_verdict proxy_cut(pid_t client, void *arg)
{
    (void)client;
    (void)arg;
    return PROXY_CUT;
}

/* Takes the trigger where this message is the one. */
static bool is_struck(struct proxy *proxy, const char *message, size_t length,
                      struct trigger *trigger)
{
    bool struck;

    pthread_mutex_lock(&proxy->lock);
    *trigger = proxy->trigger;
    struck = trigger->armed &&
             (*trigger->text ? memmem(message, length, trigger->text, strlen(trigger->text)) != NULL
                             : trigger->message == proxy->messages);
    if (struck)
        proxy->trigger.armed = false;
    if (struck)
        proxy->struck_at = clock_now();
    proxy->messages++;
    pthread_mutex_unlock(&proxy->lock);
    return struck;
}

static bool pass_message(struct proxy *proxy, const struct side *to, const char *message,
                         size_t length)
{
    struct trigger trigger;
    bool struck = is_struck(proxy, message, length, &trigger);

    if (struck && trigger.moment == PROXY_BEFORE &&
        trigger.fault(proxy->pid, trigger.arg) == PROXY_CUT)
        return false;
    if (!write_all(to->descriptor, message, length))
        return false;
    return !struck || trigger.moment == PROXY_BEFORE ||
           trigger.fault(proxy->pid, trigger.arg) != PROXY_CUT;
}

static void note_leaving(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->monitor_left = clock_now();
    pthread_mutex_unlock(&proxy->lock);
}

/* Reads what is there and passes whole lines on. False: the connection is over. */
static bool relay(struct proxy *proxy, struct side *from, const struct side *to)
{
    ssize_t got = read(from->descriptor, from->bytes + from->length, BUFFER - from->length);
    char *end;

    if (got <= 0) {
        if (from == &proxy->server)
            note_leaving(proxy);
        return false;
    }
    from->length += (size_t)got;
    while ((end = memchr(from->bytes, '\n', from->length))) {
        size_t length = (size_t)(end - from->bytes) + 1;

        if (!pass_message(proxy, to, from->bytes, length))
            return false;
        from->length -= length;
        memmove(from->bytes, end + 1, from->length);
    }
    return from->length < BUFFER;
}

static bool begin(struct proxy *proxy)
{
    struct sockaddr_un name;
    struct ucred peer = {0};
    socklen_t size = sizeof peer;

    proxy->client.descriptor = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    proxy->server.descriptor = open_socket(proxy->monitor, &name);
    proxy->client.length = proxy->server.length = 0;
    getsockopt(proxy->client.descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    proxy->pid = peer.pid;
    pthread_mutex_lock(&proxy->lock);
    proxy->messages = 0;
    pthread_mutex_unlock(&proxy->lock);
    return connect(proxy->server.descriptor, (struct sockaddr *)&name, sizeof name) == 0;
}

static void end(struct proxy *proxy)
{
    close(proxy->client.descriptor);
    close(proxy->server.descriptor);
    proxy->client.descriptor = proxy->server.descriptor = -1;
}

/* One turn; false: the proxy is to stop. */
static bool turn(struct proxy *proxy)
{
    bool connected = proxy->client.descriptor >= 0, going = true;
    struct pollfd watched[4] = {{.fd = proxy->wake[0], .events = POLLIN},
                                {.fd = connected ? -1 : proxy->listener, .events = POLLIN},
                                {.fd = proxy->client.descriptor, .events = POLLIN},
                                {.fd = proxy->server.descriptor, .events = POLLIN}};

    poll(watched, 4, -1);
    if (watched[0].revents)
        return false;
    if (watched[1].revents)
        going = begin(proxy);
    if (watched[2].revents)
        going = relay(proxy, &proxy->client, &proxy->server);
    if (going && watched[3].revents)
        going = relay(proxy, &proxy->server, &proxy->client);
    if (!going)
        end(proxy);
    return true;
}

static void *serve(void *arg)
{
    while (turn(arg)) {
    }
    end(arg);
    return NULL;
}

struct proxy *proxy_start(const char *monitor)
{
    struct proxy *proxy = calloc(1, sizeof *proxy);
    const char *parent = getenv("TMPDIR");
    struct sockaddr_un name;

    assert_non_null(proxy);
    snprintf(proxy->folder, sizeof proxy->folder, "%.40s/qmpctl-proxy-XXXXXX",
             parent ? parent : "/tmp");
    assert_non_null(mkdtemp(proxy->folder));
    snprintf(proxy->path, sizeof proxy->path, "%s/qmp", proxy->folder);
    snprintf(proxy->monitor, sizeof proxy->monitor, "%s", monitor);
    proxy->client = (struct side){-1, malloc(BUFFER), 0};
    proxy->server = (struct side){-1, malloc(BUFFER), 0};
    assert_non_null(proxy->client.bytes);
    assert_non_null(proxy->server.bytes);
    proxy->listener = open_socket(proxy->path, &name);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(proxy->listener, 8), 0);
    assert_int_equal(pipe2(proxy->wake, O_CLOEXEC), 0);
    pthread_mutex_init(&proxy->lock, NULL);
    assert_int_equal(pthread_create(&proxy->thread, NULL, serve, proxy), 0);
    return proxy;
}

const char *proxy_path(const struct proxy *proxy)
{
    return proxy->path;
}

static void arm(struct proxy *proxy, const struct trigger *trigger)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->trigger = *trigger;
    proxy->struck_at = 0;
    proxy->messages = 0;
    proxy->monitor_left = 0;
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_at(struct proxy *proxy, size_t message, enum proxy_moment moment, proxy_fault *fault,
              void *arg)
{
    arm(proxy, &(struct trigger){true, message, "", moment, fault, arg});
}

void proxy_on(struct proxy *proxy, const char *text, enum proxy_moment moment, proxy_fault *fault,
              void *arg)
{
    struct trigger trigger = {true, 0, "", moment, fault, arg};

    snprintf(trigger.text, sizeof trigger.text, "%s", text);
    arm(proxy, &trigger);
}

double proxy_struck_at(struct proxy *proxy)
{
    double struck_at;

    pthread_mutex_lock(&proxy->lock);
    struck_at = proxy->struck_at;
    pthread_mutex_unlock(&proxy->lock);
    return struck_at;
}

bool proxy_has_struck(struct proxy *proxy)
{
    return proxy_struck_at(proxy) > 0;
}

double proxy_monitor_left(struct proxy *proxy)
{
    double left;

    pthread_mutex_lock(&proxy->lock);
    left = proxy->monitor_left;
    pthread_mutex_unlock(&proxy->lock);
    return left;
}

void proxy_stop(struct proxy *proxy)
{
    if (!proxy)
        return;
    close(proxy->wake[1]);
    pthread_join(proxy->thread, NULL);
    close(proxy->wake[0]);
    close(proxy->listener);
    unlink(proxy->path);
    rmdir(proxy->folder);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy->client.bytes);
    free(proxy->server.bytes);
    free(proxy);
}
