/* Judging a plan by what the VM and the host have: pure. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_name.h"
#include "host/findings.h"
#include "host_view.h"
#include "room.h"
#include "size.h"

static bool is_planned_plug(const struct step *step)
{
    return step->action == STEP_PLUG && step->result == STEP_PLANNED;
}

/* What the user asks for by name; what is not said is chosen so that it fits. */
static void check_named(const struct memory *memory, const struct step *step,
                        struct preflight_report *report)
{
    const struct memory_device *owner =
        step->slot >= 0 ? memory_device_by_slot(memory, step->slot) : NULL;

    if (memory_name_is_taken(memory, step->id))
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "id",
                                 "the name %.120s is taken, by a device or as %.130s by an object",
                                 step->id, backend_name_of(step->id).text),
                     "say another --id");
    if (owner)
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "slot",
                                 "slot %" PRId64 " is in use by %.120s", step->slot,
                                 memory_device_name(owner)),
                     "say another --slot; without one the first that is free is taken");
    if (memory->slots_total > 0 && step->slot >= memory->slots_total)
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "slot",
                                 "the VM has no slot %" PRId64 ", its slots are 0 to %" PRId64,
                                 step->slot, memory->slots_total - 1),
                     "say another --slot; without one the first that is free is taken");
    if (!room_has_node(memory, step->node))
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "node",
                                 "the VM has no guest node %" PRId64, step->node),
                     "qmpctl status lists them");
}

static void check_slots(const struct memory *memory, const struct preflight_need *need,
                        struct preflight_report *report)
{
    int64_t free = memory->slots_total - memory->slots_used;
    struct preflight_finding *finding;
    struct error error = {0};

    if (memory->slots_total < 0 || (free >= 0 && (uint64_t)free >= need->count))
        return;
    finding = finding_add(report, PREFLIGHT_IMPOSSIBLE, "slots",
                          "needs %zu slot%s, %" PRId64 " of %" PRId64 " are free", need->count,
                          need->count == 1 ? "" : "s", free, memory->slots_total);
    /* In the words that also explain a refusal of QEMU. */
    room_hint(memory, 0, 0, &error);
    finding_mend(finding, "%s", *error.hint ? error.hint : "start QEMU with more slots");
}

static void check_space(const struct memory *memory, const struct preflight_need *need,
                        struct preflight_report *report)
{
    uint64_t left = room_left(memory), sum = 0;

    for (size_t i = 0; i < need->count; i++)
        sum += need->sizes[i];
    if (memory->maximum == 0 || memory->slots_total <= 0 || sum <= left)
        return;
    finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "space",
                             "needs %s, the VM can have %s more", size_exact(sum).text,
                             size_exact(left).text),
                 "start QEMU with a larger maxmem");
}

/* Two devices of one file have the same memory: what the guest writes to one changes the other. */
static void check_file(const struct host_view *view, const struct memory *memory,
                       const struct preflight_need *need, struct preflight_report *report)
{
    const char *path = view->placement.mem_path, *owner = NULL;
    static const char folder[] = "name a folder: QEMU makes a file in it for each device";

    if (!view->path_file)
        return;
    for (size_t i = 0; i < memory->backend_count; i++) {
        const struct memory_backend *backend = &memory->backends[i];

        if (backend->mem_path && strcmp(backend->mem_path, path) == 0)
            owner = backend->id;
    }
    if (owner)
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "mem-path",
                                 "%.160s is one file, and the memory of %.40s already", path,
                                 owner),
                     "%s", folder);
    else if (need->count > 1)
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "mem-path",
                                 "%.160s is one file: it cannot be the memory of %zu devices", path,
                                 need->count),
                     "%s", folder);
    else if (view->file_size > 0 && view->file_size < need->sizes[0])
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "mem-path",
                                 "%.160s has %s, the device needs %s", path,
                                 size_human(view->file_size).text, size_human(need->sizes[0]).text),
                     "name a larger file, or a folder: QEMU makes a file in it");
}

/* What the VM itself says. */
static void check_vm(const struct memory *memory, const struct preflight_need *need,
                     const struct result *result, size_t first, struct preflight_report *report)
{
    if (memory->migrating)
        finding_mend(finding_add(report, PREFLIGHT_IMPOSSIBLE, "migration",
                                 "the VM is being migrated: QEMU plugs nothing meanwhile"),
                     "try again when it has ended");
    for (size_t i = first, before = report->count; i < result->step_count; i++) {
        if (is_planned_plug(&result->steps[i]) && report->count == before)
            check_named(memory, &result->steps[i], report);
    }
    check_slots(memory, need, report);
    check_space(memory, need, report);
}

static void add_denial(const struct host_view *view, struct preflight_report *report)
{
    const char *path = view->placement.mem_path;
    int length = (int)(view->path_barrier > 0 ? view->path_barrier : strlen(path));
    uint32_t user = view->facts.identity.user;
    char place[PLACEMENT_PATH];
    struct preflight_finding *finding =
        finding_add(report, PREFLIGHT_WARNING, "mem-path-access",
                    "QEMU runs as user %" PRIu32 ", which may not be allowed to %s %.*s", user,
                    view->path_barrier > 0 ? "enter" : "use", length, path);

    snprintf(place, sizeof place, "%.*s", length, path);
    if (view->path_barrier > 0)
        finding_mend(finding, "chmod a+x %s", finding_quote(place).text);
    else
        finding_mend(finding, "chown %" PRIu32 " %s", user, finding_quote(place).text);
}

/* Where new memory is not, or may not be, as the boot memory. */
static void add_departure(const struct host_view *view, struct preflight_report *report)
{
    if (view->pages_unseen)
        finding_mend(finding_add(report, PREFLIGHT_WARNING, "pagesize",
                                 "the page size of the boot memory cannot be seen: this would be "
                                 "ordinary pages"),
                     "say --pagesize, such as 2M or 4K, or --mem-path");
    else if (view->moved)
        finding_add(report, PREFLIGHT_NOTE, "defaults",
                    "the boot memory %s: a memfd stands in for it", view->moved);
    if (view->nodes_open)
        finding_add(report, PREFLIGHT_NOTE, "defaults",
                    "the boot memory lies on different host nodes: say --host-nodes to bind this");
}

static void add_notes(const struct host_view *view, struct preflight_report *report)
{
    char text[224];

    if (*view->defaults)
        finding_add(report, PREFLIGHT_NOTE, "defaults", "%s", view->defaults);
    if (placement_describe(&view->placement, text, sizeof text))
        finding_add(report, PREFLIGHT_NOTE, "placement", "%s", text);
    add_departure(view, report);
    if (*view->described)
        finding_add(report, PREFLIGHT_NOTE, "xml", "%s", view->described);
    if (view->placement.discard && view->placement.kind != BACKEND_FILE)
        finding_add(report, PREFLIGHT_NOTE, "xml", "discard has no effect: this memory is no file");
    if (view->path_denied)
        add_denial(view, report);
    if (view->path_unchecked)
        finding_add(report, PREFLIGHT_WARNING, "mem-path",
                    "%s was not looked at: QEMU makes a plain file of what does not exist",
                    view->placement.mem_path);
}

static int verdict(const struct preflight_report *report, bool strict, struct error *error)
{
    const struct preflight_finding *worst = preflight_worst(report);

    if (!worst || worst->severity < (strict ? PREFLIGHT_WARNING : PREFLIGHT_IMPOSSIBLE))
        return 0;
    error_set(error, EXIT_FAILED, "%s", worst->text);
    return error_hint(error, "%s", worst->mend);
}

/* What QEMU maps privately is copied on writing: none of it gets to the disk. */
static uint64_t path_room(const struct host_view *view)
{
    return view->path_disk && !view->placement.share ? HOST_UNKNOWN : view->path_free;
}

static enum preflight_backing backing_of(const struct host_view *view)
{
    if (!view->placement.share || view->placement.kind == BACKEND_RAM)
        return PREFLIGHT_COMMITTED;
    return view->path_disk ? PREFLIGHT_WRITTEN_BACK : PREFLIGHT_SHMEM;
}

/* First, since nothing that is said of the host then is about this plan. */
static void add_no_place(const struct host_view *view, struct preflight_report *report)
{
    if (view->error.code != EXIT_DONE)
        finding_mend(
            finding_add(report, PREFLIGHT_IMPOSSIBLE, view->error_check, "%s", view->error.text),
            "%s", view->error.hint);
}

static void check_place(const struct host_view *view, const struct memory *memory,
                        const struct preflight_need *need, struct preflight_report *report)
{
    check_file(view, memory, need, report);
    add_notes(view, report);
    preflight_check(view->local ? &view->facts : NULL, need, report);
}

int host_view_judge(const struct host_view *view, const struct memory *memory, bool strict,
                    size_t first, struct result *result, struct error *error)
{
    uint64_t *sizes = calloc(result->step_count + 1, sizeof *sizes);
    const struct placement *placement = &view->placement;
    struct preflight_need need = {.sizes = sizes,
                                  .page_size = placement->pagesize,
                                  .prealloc = placement->prealloc,
                                  .backing = backing_of(view),
                                  .policy = placement->policy,
                                  .nodes = placement->host_nodes,
                                  .path = placement->mem_path,
                                  .path_free = path_room(view),
                                  .path_tmpfs = view->path_tmpfs};

    result->preflight = (struct preflight_report){0};
    if (!sizes)
        return error_set(error, EXIT_FAILED, "out of memory");
    for (size_t i = first; i < result->step_count; i++) {
        if (is_planned_plug(&result->steps[i]))
            sizes[need.count++] = result->steps[i].size;
    }
    if (need.count > 0) {
        add_no_place(view, &result->preflight);
        check_vm(memory, &need, result, first, &result->preflight);
        if (view->error.code == EXIT_DONE)
            check_place(view, memory, &need, &result->preflight);
    }
    free(sizes);
    if (need.count == 0 || view->error.code == EXIT_DONE)
        return verdict(&result->preflight, strict, error);
    *error = view->error;
    return -1;
}
