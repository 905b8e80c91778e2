/* The signals that ask the program to end, told by the event loop, so that what is under way can be
 * finished. SPDX: MIT */
#ifndef QMPCTL_SIGNALS_H
#define QMPCTL_SIGNALS_H

struct event;
struct event_base;

#define SIGNALS 3

/* Zeroed, none is caught. */
struct signals {
    struct event *events[SIGNALS];
    void (*caught)(void *arg);
    void *arg;
    int number; /* the last one that came; 0: none */
};

/*
 * From now on SIGINT, SIGTERM and SIGHUP are noted, and caught (which may be NULL) is called. What
 * the user lets run in the background (nohup, "&" in a script) ignores some of them already, and
 * goes on to. A reader of what is said who has gone (SIGPIPE) is no reason to leave a change half
 * done. 0, or -1: out of memory. signals must stay where it is until signals_release.
 */
int signals_catch(struct signals *signals, struct event_base *base, void (*caught)(void *arg),
                  void *arg);
void signals_release(struct signals *signals);

#endif
