#include "preview.h"

#include "fleet.h"
#include "host_view.h"
#include "orphans.h"
#include "output.h"
#include "planning.h"
#include "session.h"
#include "utf8.h"

/* result is the caller's to free; where there is no plan, its error says why. */
static void plan_one(const struct change *change, const struct fleet_vm *vm, struct result *result)
{
    const struct memory *memory = vm->memory;
    struct host_view host;
    bool asks_host = planning_may_plug(change);
    int code;

    *result = (struct result){0};
    orphans_forget(vm->memory);
    if (asks_host)
        host_view_read("/", vm->pid, &change->placement, memory, NULL, &host);
    result->before = result->after = memory_total(memory);
    result->requested = planning_target(change, memory);
    code = planning_make(change, asks_host ? &host.placement : NULL, memory, result->requested,
                         NULL, result, &result->error);
    if (code == 0 && asks_host)
        code = host_view_judge(&host, memory, change->placement.strict, 0, result, &result->error);
    result->complete = code == 0;
}

static json_t *plan_json(const struct fleet_vm *vm, const struct result *result, bool many)
{
    json_t *json;

    if (!many)
        return output_result_json(result);
    if (!vm->memory)
        return output_unreachable_json(vm->address, &vm->error);
    json = output_result_json(result);
    json_object_set_new(json, "socket", utf8_json(vm->address));
    return json;
}

/* A plan of several has the monitor's name above it. */
static void print_text(const struct fleet_vm *vm, const struct result *result, bool many)
{
    if (many && vm->memory)
        output_lines(stdout, "%s:\n", vm->address);
    if (vm->memory)
        output_result_text(stdout, result);
}

/* The code of the last that has no plan. */
static int print_plans(const struct fleet *fleet, const struct options *options)
{
    const bool many = options->sockets.many;
    json_t *array = json_array();
    int code = EXIT_DONE;

    for (size_t i = 0; i < fleet->count; i++) {
        const struct fleet_vm *vm = &fleet->vms[i];
        struct result result = {.error = vm->error};

        if (vm->memory)
            plan_one(&options->change, vm, &result);
        if (options->json)
            json_array_append_new(array, plan_json(vm, &result, many));
        else
            print_text(vm, &result, many);
        if (result.error.code != EXIT_DONE) {
            output_error(stderr, &result.error);
            code = (int)result.error.code;
        }
        result_free(&result);
    }
    if (options->json)
        output_json(stdout, json_incref(many ? array : json_array_get(array, 0)));
    json_decref(array);
    return code;
}

int preview_run(struct options *options, struct error *error)
{
    struct fleet fleet;
    int code;

    if (!options->socket || !*options->socket)
        return session_no_socket(error);
    code = fleet_snapshot(&fleet, options, true, error);

    if (code == 0 && fleet.count == 1 && !options->sockets.many && !fleet.vms[0].memory) {
        *error = fleet.vms[0].error;
        code = -1;
    }
    if (code == 0)
        code = print_plans(&fleet, options);
    fleet_free(&fleet);
    return code;
}
