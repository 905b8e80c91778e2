/*
 * The language between an operation and what drives it. An operation is told things and answers
 * with what to do next; it does no I/O, asks no clock, and can be played in any order by a test.
 * Times are monotonic milliseconds. SPDX: MIT
 */
#ifndef QMPCTL_OPERATION_H
#define QMPCTL_OPERATION_H

#include <jansson.h>
#include <stdint.h>

#include "memory.h"
#include "qmpclient.h"

enum input_kind {
    INPUT_BEGIN,
    INPUT_REPLY,        /* to the command asked for: value */
    INPUT_ERROR,        /* QEMU said no to it: error */
    INPUT_UNANSWERED,   /* no reply, time-out or lost connection: the outcome is unknown */
    INPUT_EVENT,        /* of QEMU: event */
    INPUT_TIME,         /* the moment asked for has come */
    INPUT_DISCONNECTED, /* while waiting */
    INPUT_SNAPSHOT,     /* asked for: memory is new */
    INPUT_LOST,         /* no snapshot could be had: error; the VM cannot be reached any more */
    INPUT_INTERRUPT     /* the user wants it to end soon */
};

struct host_view;

struct input {
    enum input_kind kind;
    int64_t now;
    const json_t *value;
    const struct error *error;
    const struct qmp_event *event;
    const struct memory *memory;  /* of the last snapshot, whatever the kind; NULL before it */
    const struct host_view *host; /* of the same moment; NULL: nobody looked */
};

enum action_kind {
    ACTION_NONE,     /* go on with what was asked for last */
    ACTION_SEND,     /* command, arguments, timeout: answered by REPLY, ERROR or UNANSWERED */
    ACTION_WAIT,     /* until: answered by TIME, unless an event comes first */
    ACTION_SNAPSHOT, /* until: connect again if need be; answered by SNAPSHOT or LOST. Asked for
                        while one is taken: that one, until then */
    ACTION_FINISH
};

struct action {
    enum action_kind kind;
    const char *command;
    json_t *arguments; /* the driver owns it now */
    int64_t timeout;   /* milliseconds */
    int64_t until;
};

/* How long QEMU itself may take for a command that does not wait for the guest. */
#define COMMAND_TIMEOUT_MS 10000
/* For a last look when the time is over: a snapshot takes milliseconds, and the user was told that
 * it ends within a second. */
#define LAST_LOOK_MS 700

struct action action_send(const char *command, json_t *arguments, int64_t timeout);
struct action action_wait(int64_t until);
struct action action_snapshot(int64_t until);
struct action action_finish(void);
struct action action_none(void);

/* An _OST event of this slot (or of this device, where QEMU names it); false: it is another. */
bool event_is_ost(const struct qmp_event *event, const char *id, int64_t slot,
                  struct guest_answer *answer);

/* ACPI's word for an _OST status, such as "device busy". */
const char *ost_status_text(int64_t status);

#endif
