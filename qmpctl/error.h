/* The one error object of the program: set where it fails, printed by main. SPDX: MIT */
#ifndef QMPCTL_ERROR_H
#define QMPCTL_ERROR_H

#include <stdbool.h>

struct qmp_error;

/* The exit codes that scripts rely on. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,        /* QEMU or the host could not */
    EXIT_USAGE = 2,         /* bad usage; nothing was sent */
    EXIT_NO_CONNECTION = 3, /* no connection, or it was lost */
    EXIT_REFUSED = 4,       /* the guest refused to give memory up */
    EXIT_TIMED_OUT = 5,     /* the guest did not act in time, or QEMU did not answer qmp */
    EXIT_NO_PLAN = 6        /* no plan reaches the size */
};

/* Caller-owned; zero-initialised means no error. Over-long texts are cut. */
struct error {
    enum exit_code code;
    char text[768];     /* WHAT: WHY, one line */
    char hint[512];     /* the next step, where there is one */
    bool closed;        /* there was a connection, and it ended */
    bool absent;        /* there is no such socket, or nobody listens; both may come */
    bool unanswered;    /* QEMU did not answer in time, a command or the connection */
    bool replaced;      /* another QEMU is there now */
    const char *phase;  /* of the connection that failed, static; NULL: it is none that failed */
    char qmp_class[64]; /* QEMU's own words, where they caused it */
    char qmp_desc[512];
};

/* Sets *error (which may be NULL) and returns -1, so that a function can fail in one line. */
int error_set(struct error *error, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds the next step for the user; returns -1 as error_set does. */
int error_hint(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What became of the VM, from why it could not be looked at: static text. */
const char *error_how_lost(const struct error *cause);

/* From what libqmpclient reports: what was attempted, and why it failed. */
int error_from_qmp(struct error *error, const char *what, const struct qmp_error *cause);

#endif
