#include "signals.h"

#include <event2/event.h>
#include <signal.h>
#include <stddef.h>

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct signals *signals = arg;

    (void)what;
    signals->number = (int)number;
    if (signals->caught)
        signals->caught(signals->arg);
}

int signals_catch(struct signals *signals, struct event_base *base, void (*caught)(void *arg),
                  void *arg)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before;

    *signals = (struct signals){.caught = caught, .arg = arg};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SIGNALS; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue;
        signals->events[i] = evsignal_new(base, numbers[i], on_signal, signals);
        if (!signals->events[i] || event_add(signals->events[i], NULL) < 0)
            return -1;
    }
    return 0;
}

void signals_release(struct signals *signals)
{
    for (size_t i = 0; i < SIGNALS; i++) {
        if (signals->events[i])
            event_free(signals->events[i]);
        signals->events[i] = NULL;
    }
}
