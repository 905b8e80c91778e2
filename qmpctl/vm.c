#include "vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/processes.h"
#include "host_view.h"
#include "lock.h"
#include "snapshot.h"
#include "utf8.h"

struct vm {
    struct event_base *base;
    struct vm_options options;
    struct qmp_client *client;
    vm_ready_cb *ready;
    void *ready_arg;
    qmp_event_cb *on_event;
    qmp_closed_cb *on_closed;
    void *listen_arg;
    pid_t pid; /* QEMU's, asked once a connection; -1: not yet */
    struct lock lock;
    struct snapshot *snapshot;
    vm_snapshot_cb *snapshot_done;
    void *snapshot_arg;
    int64_t snapshot_timeout;
    struct error snapshot_error; /* of a query that had no reply */
    size_t snapshot_open;        /* queries without an answer yet */
};

/* What a query of a snapshot carries along. */
struct query_tag {
    struct vm *vm;
    size_t index;
};

static void snapshot_advance(struct vm *vm);

struct vm *vm_new(struct event_base *base, const struct vm_options *options)
{
    struct vm *vm = calloc(1, sizeof *vm);

    if (!vm)
        return NULL;
    vm->base = base;
    vm->options = *options;
    vm->lock = LOCK_NONE;
    return vm;
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    qmp_client_free(vm->client);
    snapshot_free(vm->snapshot);
    lock_release(&vm->lock);
    free(vm);
}

const char *vm_address(const struct vm *vm)
{
    return vm->options.address;
}

void vm_listen(struct vm *vm, qmp_event_cb *on_event, qmp_closed_cb *on_closed, void *arg)
{
    vm->on_event = on_event;
    vm->on_closed = on_closed;
    vm->listen_arg = arg;
}

bool vm_is_connected(const struct vm *vm)
{
    return vm->client && qmp_client_is_ready(vm->client);
}

struct qmp_client *vm_client(struct vm *vm)
{
    return vm_is_connected(vm) ? vm->client : NULL;
}

pid_t vm_pid(struct vm *vm)
{
    if (!vm_is_connected(vm))
        return 0;
    if (vm->pid < 0) {
        vm->pid = qmp_client_server_pid(vm->client);
        /* What serves the socket may stand before QEMU, as socat does. */
        if (vm->pid > 0 && !process_is_qemu("/", vm->pid))
            vm->pid = 0;
    }
    return vm->pid;
}

static void forward_event(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    struct vm *vm = arg;

    if (vm->on_event)
        vm->on_event(client, event, vm->listen_arg);
}

static void forward_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct vm *vm = arg;

    if (vm->on_closed)
        vm->on_closed(client, error, vm->listen_arg);
}

static void trace(struct qmp_client *client, enum qmp_direction direction, const char *text,
                  size_t length, void *arg)
{
    const struct vm_options *options = &((const struct vm *)arg)->options;
    const char *end = text + length, *stop;

    (void)client;
    if (options->several) {
        utf8_print_tame(stderr, options->address, options->address + strlen(options->address));
        fputc(' ', stderr);
    }
    fprintf(stderr, "%s ", direction == QMP_SENT ? "->" : "<-");
    /* A line a message, also where the monitor is in pretty mode; and whoever it is that speaks, it
     * is not to steer the terminal. */
    for (; text < end; text = stop + 1) {
        for (stop = text; stop < end && *stop != '\n' && *stop != '\r';)
            stop++;
        utf8_print_tame(stderr, text, stop);
    }
    fputc('\n', stderr);
}

int vm_lock(struct vm *vm, struct error *error)
{
    return lock_monitor(&vm->lock, vm->options.address, error);
}

static bool is_locked(const struct vm *vm)
{
    return vm->lock.monitor >= 0;
}

static void on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct vm *vm = arg;
    struct error why = {0};

    (void)client;
    if (error) {
        error_from_qmp(&why, vm->options.address, error);
    } else if (is_locked(vm) &&
               lock_process(&vm->lock, vm->options.address, vm_pid(vm), &why) < 0) {
        qmp_client_free(vm->client);
        vm->client = NULL;
    }
    vm->ready(vm, why.code == EXIT_DONE ? NULL : &why, vm->ready_arg);
}

void vm_connect(struct vm *vm, int64_t timeout, vm_ready_cb *ready, void *arg)
{
    vm_reconnect(vm, timeout ? 0 : vm->options.wait,
                 timeout ? timeout : vm->options.connect_timeout, ready, arg);
}

void vm_reconnect(struct vm *vm, int64_t wait, int64_t timeout, vm_ready_cb *ready, void *arg)
{
    const struct qmp_client_options options = {.on_event = forward_event,
                                               .on_closed = forward_closed,
                                               .on_trace = vm->options.verbose ? trace : NULL,
                                               .arg = vm};
    struct qmp_error error = {.code = QMP_ERROR_MEMORY, .text = "out of memory"};
    struct error why;

    qmp_client_free(vm->client);
    vm->client = qmp_client_new(vm->base, &options);
    vm->pid = -1;
    vm->ready = ready;
    vm->ready_arg = arg;
    if (vm->client && qmp_client_connect(vm->client, vm->options.address, wait, timeout, on_ready,
                                         vm, &error) == 0)
        return;
    error_from_qmp(&why, vm->options.address, &error);
    ready(vm, &why, arg);
}

/* ---- snapshots ---- */

static void snapshot_finish(struct vm *vm, struct memory *memory, const struct error *error)
{
    snapshot_free(vm->snapshot);
    vm->snapshot = NULL;
    vm->snapshot_done(vm, memory, error, vm->snapshot_arg);
}

/* A QEMU that hangs: the queries behind this one would wait as long again, each in its turn. */
static void snapshot_give_up(struct vm *vm)
{
    struct qmp_client *client = vm->client;

    vm->client = NULL;
    vm->snapshot_open = 0;
    qmp_client_free(client);
}

void vm_abandon(struct vm *vm)
{
    snapshot_give_up(vm);
    snapshot_free(vm->snapshot);
    vm->snapshot = NULL;
}

static void on_query_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                           void *arg)
{
    const struct query_tag tag = *(struct query_tag *)arg;

    free(arg);
    if (!client)
        return; /* the VM is gone */
    tag.vm->snapshot_open--;
    if (error && error->code == QMP_ERROR_TIMEOUT)
        snapshot_give_up(tag.vm);
    if (error && error->code != QMP_ERROR_COMMAND) {
        error_from_qmp(&tag.vm->snapshot_error, vm_address(tag.vm), error);
    } else {
        snapshot_answer(tag.vm->snapshot, tag.index, value);
    }
    snapshot_advance(tag.vm);
}

/* Sends what there is to send. */
static void snapshot_send(struct vm *vm)
{
    const struct snapshot_query *query;
    struct qmp_error error = {.code = QMP_ERROR_MEMORY, .text = "out of memory"};
    size_t index;

    while (!*vm->snapshot_error.text && (query = snapshot_next(vm->snapshot, &index))) {
        struct query_tag *tag = malloc(sizeof *tag);

        if (tag) {
            *tag = (struct query_tag){vm, index};
            vm->snapshot_open++;
            if (qmp_client_send(vm->client, query->command, query->arguments, vm->snapshot_timeout,
                                on_query_reply, tag, &error) == 0)
                continue;
            vm->snapshot_open--;
            free(tag);
        }
        error_from_qmp(&vm->snapshot_error, vm_address(vm), &error);
    }
}

static void snapshot_advance(struct vm *vm)
{
    struct error error = {0};
    struct memory *memory;

    if (vm_is_connected(vm))
        snapshot_send(vm);
    if (vm->snapshot_open > 0)
        return;
    if (*vm->snapshot_error.text) {
        error = vm->snapshot_error;
        snapshot_finish(vm, NULL, &error);
    } else if (snapshot_is_complete(vm->snapshot)) {
        memory = snapshot_memory(vm->snapshot, &error);
        if (memory && host_view_has_to_ask(memory))
            host_view_backends("/", vm_pid(vm), memory, NULL);
        snapshot_finish(vm, memory, memory ? NULL : &error);
    }
}

void vm_snapshot(struct vm *vm, int64_t timeout, vm_snapshot_cb *done, void *arg)
{
    static const struct error no_memory = {.code = EXIT_FAILED, .text = "out of memory"};

    vm->snapshot_done = done;
    vm->snapshot_arg = arg;
    vm->snapshot_timeout = timeout;
    vm->snapshot_error = (struct error){0};
    vm->snapshot = snapshot_new(qmp_client_version(vm->client));
    if (!vm->snapshot) {
        done(vm, NULL, &no_memory, arg);
        return;
    }
    snapshot_send(vm);
    if (vm->snapshot_open == 0)
        snapshot_advance(vm);
}
