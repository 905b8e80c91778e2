/* Tables and arrays of many VMs and processes. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "qmpclient.h"
#include "size.h"
#include "utf8.h"

/* A cell of a table, as wide as it is; text from outside is made harmless. */
static void print_cell(FILE *file, const char *text, int width)
{
    int columns = utf8_columns(text);

    output_untrusted(file, text);
    fprintf(file, "%*s", (columns < width ? width - columns : 0) + 2, "");
}

/* ---- status ---- */

json_t *output_unreachable_json(const char *address, const struct error *error)
{
    json_t *json = json_pack("{s:o}", "socket", utf8_json(address));

    json_object_update_new(json, output_error_json(error));
    return json;
}

json_t *output_fleet_json(const struct fleet *fleet)
{
    json_t *array = json_array();

    for (size_t i = 0; i < fleet->count; i++) {
        const struct fleet_vm *vm = &fleet->vms[i];

        json_array_append_new(array, vm->memory ? output_status_json(vm->memory, vm->address)
                                                : output_unreachable_json(vm->address, &vm->error));
    }
    return array;
}

static const char *vm_name(const struct fleet_vm *vm)
{
    return vm->memory && vm->memory->name ? vm->memory->name : "-";
}

static void print_vm(FILE *file, const struct fleet_vm *vm, int names)
{
    const struct memory *memory = vm->memory;
    char slots[48] = "-", maximum[32] = "-";

    print_cell(file, vm_name(vm), names);
    if (!memory) {
        fprintf(file, "%-10s %10s %10s %10s %10s %7s  ", "-", "-", "-", "-", "-", "-");
    } else {
        if (memory->slots_total >= 0)
            snprintf(slots, sizeof slots, "%" PRId64 "/%" PRId64, memory->slots_used,
                     memory->slots_total);
        if (memory->maximum)
            snprintf(maximum, sizeof maximum, "%s", size_human(memory->maximum).text);
        print_cell(file, memory->state, 9);
        fprintf(file, "%9s %10s %10s %10s %7s  ", size_human(memory->base).text,
                size_human(memory->plugged).text, size_human(memory_total(memory)).text, maximum,
                slots);
    }
    output_untrusted(file, vm->address);
    fputc('\n', file);
}

void output_fleet_text(FILE *file, const struct fleet *fleet)
{
    int names = 2;

    for (size_t i = 0; i < fleet->count; i++)
        names = output_width(names, vm_name(&fleet->vms[i]));
    fprintf(file, "%-*s  %-10s %10s %10s %10s %10s %7s  %s\n", names, "VM", "STATE", "BASE",
            "PLUGGED", "TOTAL", "MAXIMUM", "SLOTS", "SOCKET");
    for (size_t i = 0; i < fleet->count; i++)
        print_vm(file, &fleet->vms[i], names);
}

/* ---- list ---- */

enum usability { USABLE, PERHAPS_USABLE, UNUSABLE };

struct use {
    enum usability usability;
    char why_not[128]; /* empty: it is usable */
};

__attribute__((format(printf, 2, 3))) static struct use use_of(enum usability usability,
                                                               const char *format, ...)
{
    struct use use = {.usability = usability};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(use.why_not, sizeof use.why_not, format, arguments);
    va_end(arguments);
    return use;
}

/* What stands between us and a monitor. */
static struct use monitor_use(const struct process *process, const struct process_monitor *monitor)
{
    struct qmp_holder holder;
    int served;

    if (monitor->relative)
        return use_of(UNUSABLE, "relative, its folder is not known");
    if (!monitor->accessible)
        return use_of(UNUSABLE, access(monitor->address, F_OK) == 0 || errno == EACCES
                                    ? "no permission"
                                    : "no such socket");
    if (process->stopped)
        return use_of(UNUSABLE, "QEMU is stopped");
    served = qmp_monitor_holder(monitor->address, &holder);
    if (served < 0)
        return use_of(PERHAPS_USABLE, "not known whether it is in use");
    if (served == 0)
        return (struct use){0};
    if (holder.pid)
        return use_of(UNUSABLE, "in use by %s (pid %d)", holder.name, (int)holder.pid);
    return *holder.name ? use_of(UNUSABLE, "in use by a client at %s", holder.name)
                        : use_of(UNUSABLE, "in use");
}

static json_t *text_json(const char *text)
{
    return text ? utf8_json(text) : json_null();
}

static json_t *usable_json(enum usability usability)
{
    return usability == PERHAPS_USABLE ? json_null() : json_boolean(usability == USABLE);
}

static json_t *monitor_json(const struct process_monitor *monitor, const struct use *use)
{
    return json_pack("{s:o,s:o,s:o}", "socket", utf8_json(monitor->address), "usable",
                     usable_json(use->usability), "why-not",
                     text_json(*use->why_not ? use->why_not : NULL));
}

/* "socket" is the monitor to use: the first of those that are best. */
static json_t *process_json(const struct process *process)
{
    enum usability best = UNUSABLE;
    json_t *monitors = json_array();
    const char *socket = NULL;

    for (size_t i = 0; i < process->monitor_count; i++) {
        const struct process_monitor *monitor = &process->monitors[i];
        const struct use use = monitor_use(process, monitor);

        json_array_append_new(monitors, monitor_json(monitor, &use));
        if (!socket || use.usability < best) {
            socket = monitor->address;
            best = use.usability;
        }
    }
    return json_pack("{s:i,s:o,s:o,s:o,s:I,s:o,s:o}", "pid", (int)process->pid, "name",
                     text_json(process->name), "uuid", text_json(process->uuid), "socket",
                     text_json(socket), "memory", (json_int_t)process->memory, "usable",
                     usable_json(best), "monitors", monitors);
}

json_t *output_list_json(const struct listing *listing)
{
    json_t *array = json_array();

    for (size_t i = 0; i < listing->count; i++)
        json_array_append_new(array, process_json(listing->items[i]));
    return array;
}

struct widths {
    int name, socket;
};

static void print_process(FILE *file, const struct process *process,
                          const struct process_monitor *monitor, const struct widths *widths)
{
    const struct use use =
        monitor ? monitor_use(process, monitor) : use_of(UNUSABLE, "no QMP monitor");

    fprintf(file, "%7d  ", (int)process->pid);
    print_cell(file, process->name ? process->name : "-", widths->name);
    fprintf(file, "%10s  ", process->memory ? size_human(process->memory).text : "-");
    print_cell(file, monitor ? monitor->address : "-", widths->socket);
    output_untrusted(file, *use.why_not ? use.why_not : "free");
    fputc('\n', file);
}

void output_list_text(FILE *file, const struct listing *listing)
{
    struct widths widths = {4, 6};

    for (size_t i = 0; i < listing->count; i++) {
        const struct process *process = listing->items[i];

        widths.name = output_width(widths.name, process->name);
        for (size_t k = 0; k < process->monitor_count; k++)
            widths.socket = output_width(widths.socket, process->monitors[k].address);
    }
    fprintf(file, "%7s  %-*s  %10s  %-*s  %s\n", "PID", widths.name, "NAME", "MEMORY",
            widths.socket, "SOCKET", "USE");
    for (size_t i = 0; i < listing->count; i++) {
        const struct process *process = listing->items[i];

        if (process->monitor_count == 0)
            print_process(file, process, NULL, &widths);
        for (size_t k = 0; k < process->monitor_count; k++)
            print_process(file, process, &process->monitors[k], &widths);
    }
}
