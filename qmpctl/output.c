#include "output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "granule.h"
#include "hot_set.h"
#include "output_backends.h"
#include "qmpclient.h"
#include "size.h"
#include "utf8.h"

static json_t *size_json(uint64_t bytes)
{
    return json_integer((json_int_t)bytes);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *known_or_null(uint64_t number)
{
    return number ? size_json(number) : json_null();
}

/* ---- status ---- */

static json_t *device_json(const struct memory_device *device)
{
    json_t *json = json_pack(
        "{s:o,s:s,s:s,s:I,s:I,s:I,s:I,s:b,s:b,s:o,s:b}", "id", text_or_null(device->id), "qom-path",
        device->qom_path, "type", device->type, "slot", (json_int_t)device->slot, "node",
        (json_int_t)device->node, "address", (json_int_t)device->address, "size",
        (json_int_t)device->size, "hotplugged", device->hotplugged, "hotpluggable",
        device->hotpluggable, "backend", output_backend_json(device->backend), "unplug-pending",
        memory_device_is_pending(device));

    if (strcmp(device->type, "virtio-mem") == 0) {
        json_object_set_new(json, "requested-size", size_json(device->requested_size));
        json_object_set_new(json, "max-size", size_json(device->max_size));
        json_object_set_new(json, "block-size", size_json(device->block_size));
    }
    return json;
}

static json_t *nodes_json(const struct memory *memory)
{
    json_t *nodes = json_array();

    for (size_t i = 0; i < memory->node_count; i++)
        json_array_append_new(nodes,
                              json_pack("{s:I,s:I,s:I}", "node", (json_int_t)memory->nodes[i].node,
                                        "base", (json_int_t)memory->nodes[i].base, "plugged",
                                        (json_int_t)memory->nodes[i].plugged));
    return nodes;
}

static json_t *orphans_json(const struct memory *memory)
{
    json_t *orphans = json_array();

    for (size_t i = 0; i < memory->backend_count; i++) {
        if (memory->backends[i].orphan)
            json_array_append_new(orphans, json_pack("{s:s,s:I}", "id", memory->backends[i].id,
                                                     "size", (json_int_t)memory->backends[i].size));
    }
    return orphans;
}

json_t *output_status_json(const struct memory *memory, const char *address)
{
    const char *why;
    uint64_t granule = granule_of(memory, &why);
    json_t *devices = json_array();

    for (size_t i = 0; i < memory->device_count; i++)
        json_array_append_new(devices, device_json(&memory->devices[i]));
    return json_pack(
        "{s:{s:o,s:o,s:s,s:s,s:o},s:{s:I,s:I,s:I,s:o},s:{s:o,s:I},s:o,s:o,s:o,s:o,s:{s:I,s:b}}",
        "vm", "name", text_or_null(memory->name), "uuid", text_or_null(memory->uuid), "state",
        memory->state, "qemu", memory->version, "socket", utf8_json(address), "memory", "base",
        (json_int_t)memory->base, "plugged", (json_int_t)memory->plugged, "total",
        (json_int_t)memory_total(memory), "maximum", known_or_null(memory->maximum), "slots",
        "total", memory->slots_total < 0 ? json_null() : json_integer(memory->slots_total), "used",
        (json_int_t)memory->slots_used, "devices", devices, "backends",
        output_backends_json(memory), "nodes", nodes_json(memory), "orphans", orphans_json(memory),
        "reachable", "granule", (json_int_t)granule, "complete",
        hot_set_is_complete(memory, granule));
}

int output_width(int width, const char *name)
{
    int columns = name ? utf8_columns(name) : 0;

    return columns > width ? columns : width;
}

void output_untrusted(FILE *file, const char *text)
{
    /* Bytes that are no UTF-8 may be controls to a terminal of 8 bits. */
    json_t *valid = utf8_json(text);

    if (valid)
        text = json_string_value(valid);
    utf8_print_tame(file, text, text + strlen(text));
    json_decref(valid);
}

void output_lines(FILE *file, const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    for (const char *line = text; *line;) {
        const char *end = strchrnul(line, '\n');

        utf8_print_tame(file, line, end);
        if (*end)
            fputc('\n', file);
        line = *end ? end + 1 : end;
    }
    free(text);
}

/* The columns of names are as wide as the longest, such as the path of a device without an id. */
static void print_devices(FILE *file, const struct memory *memory)
{
    int names = 20, backends = 16;

    for (size_t i = 0; i < memory->device_count; i++) {
        const struct memory_device *device = &memory->devices[i];

        names = output_width(names, memory_device_name(device));
        backends = output_width(backends, device->backend ? device->backend->id : "");
    }
    fprintf(file, "\n%-*s %-10s %4s %4s %10s  %-*s %s\n", names, "DEVICE", "TYPE", "SLOT", "NODE",
            "SIZE", backends, "BACKEND", "NOTE");
    for (size_t i = 0; i < memory->device_count; i++) {
        const struct memory_device *device = &memory->devices[i];
        char slot[24] = "-";

        if (device->slot >= 0)
            snprintf(slot, sizeof slot, "%" PRId64, device->slot);
        output_lines(file, "%-*s %-10s %4s %4" PRId64 " %10s  %-*s %s\n", names,
                     memory_device_name(device), device->type, slot, device->node,
                     size_human(device->size).text, backends,
                     device->backend ? device->backend->id : "-",
                     memory_device_is_pending(device) ? "unplug pending"
                     : device->hotplugged             ? ""
                                                      : "since start");
    }
}

static void print_orphans(FILE *file, const struct memory *memory)
{
    for (size_t i = 0; i < memory->backend_count; i++) {
        if (memory->backends[i].orphan)
            output_lines(file, "\norphaned backend %s, %s: qmpctl repair deletes it\n",
                         memory->backends[i].id, size_human(memory->backends[i].size).text);
    }
}

void output_status_text(FILE *file, const struct memory *memory)
{
    const char *why;
    uint64_t granule = granule_of(memory, &why);

    output_lines(file, "vm        %s, %s, QEMU %s\n", memory->name ? memory->name : "(no name)",
                 memory->state, memory->version);
    fprintf(file, "memory    %s = %s base + %s plugged", size_human(memory_total(memory)).text,
            size_human(memory->base).text, size_human(memory->plugged).text);
    if (memory->maximum)
        fprintf(file, ", maximum %s", size_human(memory->maximum).text);
    fprintf(file, "\nslots     %" PRId64 " used", memory->slots_used);
    if (memory->slots_total >= 0)
        fprintf(file, " of %" PRId64, memory->slots_total);
    fprintf(file, "\nreachable %s multiple of %s from base to total\n",
            hot_set_is_complete(memory, granule) ? "every" : "not every", size_exact(granule).text);
    if (memory->device_count > 0)
        print_devices(file, memory);
    fprintf(file, "\n%-6s %10s %10s\n", "NODE", "BASE", "PLUGGED");
    for (size_t i = 0; i < memory->node_count; i++)
        fprintf(file, "%-6" PRId64 " %10s %10s\n", memory->nodes[i].node,
                size_human(memory->nodes[i].base).text, size_human(memory->nodes[i].plugged).text);
    output_backends_text(file, memory);
    print_orphans(file, memory);
}

/* ---- results ---- */

static json_t *step_json(const struct step *step)
{
    json_t *node = step->node < 0 ? json_null() : json_integer(step->node);
    json_t *json = json_pack("{s:s,s:s,s:I,s:o,s:s}", "action", step_action_name(step->action),
                             "id", step->id, "size", (json_int_t)step->size, "node", node, "result",
                             step_result_name(step->result));
    const char *reason = *step->detail ? step->detail : step->reason;

    if (step->action == STEP_PLUG && step->result == STEP_DONE)
        json_object_set_new(json, "accepted", json_boolean(step->accepted));
    if (*reason)
        json_object_set_new(json, "reason", utf8_json(reason));
    if (step->pending)
        json_object_set_new(json, "pending", json_true());
    if (step->result != STEP_PLANNED)
        json_object_set_new(json, "seconds", json_real(step->seconds));
    return json;
}

static const char *const severities[] = {"note", "warning", "impossible"};

static json_t *preflight_json(const struct preflight_report *report)
{
    json_t *findings = json_array();

    for (size_t i = 0; i < report->count; i++) {
        const struct preflight_finding *finding = &report->findings[i];
        json_t *json = json_pack("{s:s,s:s,s:o}", "severity", severities[finding->severity],
                                 "check", finding->check, "text", utf8_json(finding->text));

        if (json && *finding->mend)
            json_object_set_new(json, "mend", utf8_json(finding->mend));
        json_array_append_new(findings, json);
    }
    return findings;
}

static json_t *cleaned_json(const struct result *result)
{
    json_t *array = json_array();

    for (size_t i = 0; i < result->cleaned_count; i++)
        json_array_append_new(array, json_pack("{s:o,s:I}", "id", utf8_json(result->cleaned[i].id),
                                               "size", (json_int_t)result->cleaned[i].size));
    return array;
}

json_t *output_result_json(const struct result *result)
{
    json_t *steps = json_array(), *json;

    for (size_t i = 0; i < result->step_count; i++)
        json_array_append_new(steps, step_json(&result->steps[i]));
    json = json_pack("{s:I,s:I,s:I,s:b,s:o}", "before", (json_int_t)result->before, "requested",
                     (json_int_t)result->requested, "after", (json_int_t)result->after, "complete",
                     result->complete, "steps", steps);
    if (result->cleaned_count > 0)
        json_object_set_new(json, "cleaned", cleaned_json(result));
    if (result->uncertain)
        json_object_set_new(json, "after-known", json_false());
    if (result->preflight.count > 0)
        json_object_set_new(json, "preflight", preflight_json(&result->preflight));
    if (*result->note)
        json_object_set_new(json, "note", utf8_json(result->note));
    if (result->has_nearest)
        json_object_set_new(json, "nearest",
                            json_pack("{s:o,s:o}", "below",
                                      result->has_below ? size_json(result->below) : json_null(),
                                      "above",
                                      result->has_above ? size_json(result->above) : json_null()));
    if (result->error.code != EXIT_DONE)
        json_object_update_new(json, output_error_json(&result->error));
    return json;
}

static void print_step(FILE *file, const struct result *result, const struct step *step, int names)
{
    bool dropped = step->result == STEP_PLANNED && result->carried_out;
    const char *reason = *step->detail ? step->detail : step->reason;
    char node[24] = "-";

    if (step->node >= 0)
        snprintf(node, sizeof node, "%" PRId64, step->node);
    output_lines(file, "%-7s %-*s %10s  node %s  %s", step_action_name(step->action), names,
                 step->id, size_human(step->size).text, node,
                 dropped ? "not begun" : step_result_name(step->result));
    if (step->result != STEP_PLANNED)
        fprintf(file, " in %.2f s", step->seconds);
    if (step->action == STEP_PLUG && step->result == STEP_DONE && !step->accepted_known)
        fputs(", not accepted by the guest yet", file);
    if (*reason) {
        fputs(": ", file);
        output_untrusted(file, reason);
    }
    fputc('\n', file);
}

/* The finding that became the error is told with it. */
static bool is_told(const struct result *result, const struct preflight_finding *finding)
{
    const size_t most = sizeof finding->text - 1; /* it may have been cut to that */

    return result->error.code != EXIT_DONE && strncmp(result->error.text, finding->text, most) == 0;
}

static void print_preflight(FILE *file, const struct result *result)
{
    for (size_t i = 0; i < result->preflight.count; i++) {
        const struct preflight_finding *finding = &result->preflight.findings[i];

        if (is_told(result, finding))
            continue;
        fprintf(file, "(%s: ", severities[finding->severity]);
        output_untrusted(file, finding->text);
        if (*finding->mend)
            fputs("; ", file);
        output_untrusted(file, finding->mend);
        fputs(")\n", file);
    }
}

/* Something was begun, and what was asked for is not what it came to. */
static bool falls_short(const struct result *result)
{
    return !result->complete && result->after != result->requested && result->step_count > 0 &&
           result->steps[0].result != STEP_PLANNED;
}

void output_result_text(FILE *file, const struct result *result)
{
    int names = 16;

    for (size_t i = 0; i < result->cleaned_count; i++)
        names = output_width(names, result->cleaned[i].id);
    for (size_t i = 0; i < result->step_count; i++)
        names = output_width(names, result->steps[i].id);
    for (size_t i = 0; i < result->cleaned_count; i++)
        output_lines(file, "%-7s %-*s %10s  left by a device that has gone, or never came\n",
                     "clean", names, result->cleaned[i].id,
                     size_human(result->cleaned[i].size).text);
    for (size_t i = 0; i < result->step_count; i++)
        print_step(file, result, &result->steps[i], names);
    print_preflight(file, result);
    if (*result->note) {
        fputc('(', file);
        output_untrusted(file, result->note);
        fputs(")\n", file);
    }
    fprintf(file, "memory  %s", size_human(result->before).text);
    if (result->after != result->before)
        fprintf(file, " -> %s", size_human(result->after).text);
    else if (!result->uncertain)
        fputs(", unchanged", file);
    if (result->uncertain)
        fputs(", as far as is known", file);
    if (falls_short(result))
        fprintf(file, "; %s was asked for", size_human(result->requested).text);
    fputc('\n', file);
}

/* ---- errors ---- */

json_t *output_error_json(const struct error *error)
{
    json_t *json =
        json_pack("{s:i,s:o}", "code", (int)error->code, "message", utf8_json(error->text));

    if (error->phase)
        json_object_set_new(json, "phase", json_string(error->phase));
    if (*error->hint)
        json_object_set_new(json, "hint", utf8_json(error->hint));
    if (*error->qmp_class)
        json_object_set_new(
            json, "qmp",
            json_pack("{s:s,s:o}", "class", error->qmp_class, "desc", utf8_json(error->qmp_desc)));
    return json_pack("{s:o}", "error", json);
}

void output_json(FILE *file, json_t *value)
{
    char *text = value ? qmp_json_dumps(value, false) : NULL;

    fprintf(file, "%s\n", text ? text : "null");
    free(text);
    json_decref(value);
}

void output_error(FILE *file, const struct error *error)
{
    fputs("qmpctl: ", file);
    output_untrusted(file, error->text);
    fputc('\n', file);
    if (*error->hint) {
        fputs("hint: ", file);
        output_untrusted(file, error->hint);
        fputc('\n', file);
    }
}
