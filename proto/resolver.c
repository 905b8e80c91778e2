#include "resolver.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Shared with the thread; the last of the two to let go frees it. */
struct lookup {
    atomic_int users;
    char *host, *port;
    int signal; /* an eventfd: readable when the rest is set */
    int status;
    struct addrinfo *found;
};

struct resolver {
    struct lookup *lookup;
    struct event *answered;
    resolver_cb *done;
    void *arg;
};

static void lookup_release(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->users, 1) > 1)
        return;
    if (lookup->found)
        freeaddrinfo(lookup->found);
    if (lookup->signal >= 0)
        close(lookup->signal);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
}

static int look_up(const char *host, const char *port, int flags, struct addrinfo **found)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};

    return getaddrinfo(host, port, &hints, found);
}

int resolver_numeric(const char *host, const char *port, struct addrinfo **found)
{
    return look_up(host, port, AI_NUMERICHOST, found);
}

static void *lookup_run(void *arg)
{
    struct lookup *lookup = arg;

    lookup->status = look_up(lookup->host, lookup->port, 0, &lookup->found);
    eventfd_write(lookup->signal, 1);
    lookup_release(lookup);
    return NULL;
}

static void on_answered(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = arg;
    struct lookup *lookup = resolver->lookup;
    struct addrinfo *found = lookup->found;
    resolver_cb *done = resolver->done;
    void *done_arg = resolver->arg;
    int status = lookup->status;

    (void)fd;
    (void)what;
    lookup->found = NULL;
    resolver_free(resolver);
    done(status, found, done_arg);
}

static struct lookup *lookup_new(const char *host, const char *port)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);

    if (!lookup)
        return NULL;
    atomic_init(&lookup->users, 1);
    lookup->host = strdup(host);
    lookup->port = strdup(port);
    lookup->signal = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->host && lookup->port && lookup->signal >= 0)
        return lookup;
    lookup_release(lookup);
    return NULL;
}

/* The thread takes no signals: those belong to the program. */
static int lookup_start(struct lookup *lookup)
{
    sigset_t all, before;
    pthread_t thread;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_fetch_add(&lookup->users, 1);
    failed = pthread_create(&thread, NULL, lookup_run, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        atomic_fetch_sub(&lookup->users, 1);
        return -1;
    }
    pthread_detach(thread);
    return 0;
}

struct resolver *resolver_new(struct event_base *base, const char *host, const char *port,
                              resolver_cb *done, void *arg)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);

    if (!resolver)
        return NULL;
    resolver->done = done;
    resolver->arg = arg;
    resolver->lookup = lookup_new(host, port);
    if (resolver->lookup)
        resolver->answered =
            event_new(base, resolver->lookup->signal, EV_READ, on_answered, resolver);
    if (resolver->answered && event_add(resolver->answered, NULL) == 0 &&
        lookup_start(resolver->lookup) == 0)
        return resolver;
    resolver_free(resolver);
    return NULL;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    if (resolver->answered)
        event_free(resolver->answered);
    if (resolver->lookup)
        lookup_release(resolver->lookup);
    free(resolver);
}
