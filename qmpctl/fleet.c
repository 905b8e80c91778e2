#include "fleet.h"

#include <event2/event.h>
#include <stdlib.h>

#include "session.h"
#include "vm.h"

/* How many connections are open at a time: well below the 1024 descriptors that a process has. */
#define OPEN_LIMIT 512

static void fleet_advance(struct fleet *fleet);

static void finish(struct fleet_vm *one, struct memory *memory, const struct error *error)
{
    struct fleet *fleet = one->fleet;

    one->memory = memory;
    one->pid = memory && fleet->with_pids ? vm_pid(one->vm) : 0;
    if (error)
        one->error = *error;
    vm_free(one->vm);
    one->vm = NULL;
    fleet->open--;
    fleet_advance(fleet);
}

static void on_snapshot(struct vm *vm, struct memory *memory, const struct error *error, void *arg)
{
    (void)vm;
    finish(arg, memory, error);
}

static void on_ready(struct vm *vm, const struct error *error, void *arg)
{
    if (error)
        finish(arg, NULL, error);
    else
        vm_snapshot(vm, VM_SNAPSHOT_TIMEOUT_MS, on_snapshot, arg);
}

static void begin(struct fleet_vm *one)
{
    static const struct error no_memory = {.code = EXIT_FAILED, .text = "out of memory"};
    const struct options *options = one->fleet->options;
    const struct vm_options how = {.address = one->address,
                                   .connect_timeout = options->connect_timeout,
                                   .wait = options->wait,
                                   .verbose = options->verbose,
                                   .several = options->sockets.many};

    one->fleet->open++;
    one->vm = vm_new(one->fleet->base, &how);
    if (one->vm)
        vm_connect(one->vm, 0, on_ready, one);
    else
        finish(one, NULL, &no_memory);
}

/* An address that is none fails at once, inside begin: the loop here, not a recursion there, goes
 * on to the next. */
static void fleet_advance(struct fleet *fleet)
{
    if (fleet->advancing)
        return;
    fleet->advancing = true;
    while (fleet->next < fleet->count && fleet->open < OPEN_LIMIT)
        begin(&fleet->vms[fleet->next++]);
    fleet->advancing = false;
    if (fleet->open == 0)
        event_base_loopbreak(fleet->base);
}

int fleet_snapshot(struct fleet *fleet, const struct options *options, bool with_pids,
                   struct error *error)
{
    *fleet =
        (struct fleet){.count = options->sockets.count, .options = options, .with_pids = with_pids};
    fleet->vms = calloc(fleet->count + 1, sizeof *fleet->vms);
    fleet->base = session_base_new();
    if (!fleet->vms || !fleet->base)
        return error_set(error, EXIT_FAILED, "out of memory");
    for (size_t i = 0; i < fleet->count; i++) {
        fleet->vms[i].address = options->sockets.addresses[i];
        fleet->vms[i].fleet = fleet;
    }
    fleet_advance(fleet);
    if (fleet->open > 0)
        event_base_dispatch(fleet->base);
    return 0;
}

void fleet_free(struct fleet *fleet)
{
    for (size_t i = 0; fleet->vms && i < fleet->count; i++)
        memory_free(fleet->vms[i].memory);
    free(fleet->vms);
    session_base_free(fleet->base);
    *fleet = (struct fleet){0};
}
