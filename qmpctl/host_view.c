#include "host_view.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend_name.h"
#include "host/files.h"
#include "host/processes.h"
#include "host_boot.h"
#include "size.h"

/* What the placement is made from. */
struct making {
    const char *root; /* where QEMU's files begin for us */
    const struct placement_request *request;
    const struct boot_memory *boot;
    mem_path_statfs *query;
    struct host_view *view;
};

/* QEMU may have a root of its own. Where we may not look into it, ours has to do. */
static void find_root(const char *root, pid_t pid, char *found, size_t size)
{
    char path[64];

    snprintf(path, sizeof path, "proc/%d/root", (int)pid);
    if (!files_join(root, path, found, size) || access(found, X_OK) != 0)
        snprintf(found, size, "%s", root);
}

static int set_path(struct making *making, const char *path, const struct mem_path *found)
{
    struct placement *placement = &making->view->placement;

    placement->kind = BACKEND_FILE;
    snprintf(placement->mem_path, sizeof placement->mem_path, "%s", path);
    making->view->path_free = found->free;
    making->view->path_tmpfs = found->tmpfs_size;
    if (!making->view->local)
        return 0;
    making->view->path_disk = found->written_back;
    making->view->path_file = !found->folder;
    making->view->file_size = found->file_size;
    making->view->path_denied = !mem_path_is_allowed(found, &making->view->facts.identity);
    making->view->path_barrier = mem_path_barrier(found, &making->view->facts.identity);
    return 0;
}

/* Ordinary pages were asked for, by their size. */
static int refuse_hugepages(struct making *making, const struct mem_path *found)
{
    error_set(&making->view->error, EXIT_USAGE, "%s: has hugepages of %s, not of %s",
              making->request->mem_path, size_exact(found->page_size).text,
              size_exact(making->request->pagesize).text);
    return error_hint(&making->view->error, "leave --pagesize away, or name another folder");
}

/* The path that the user gave: taken for what it is, whatever pages it has. */
static int take_given_path(struct making *making)
{
    struct host_view *view = making->view;
    uint64_t wanted = view->placement.pagesize;
    struct mem_path found = {.free = HOST_UNKNOWN};

    if (!view->local) {
        view->path_unchecked = true;
        return set_path(making, making->request->mem_path, &found);
    }
    if (mem_path_check(making->root, making->request->mem_path, wanted, making->query, &found,
                       &view->error) < 0)
        return -1;
    if (found.hugetlb && wanted == 0 && making->request->pagesize > 0)
        return refuse_hugepages(making, &found);
    if (found.hugetlb)
        view->placement.pagesize = found.page_size;
    return set_path(making, making->request->mem_path, &found);
}

/* Hugepages without a path: where the boot memory lies, a mount of that page size, or a memfd. */
static int find_hugepages(struct making *making)
{
    const struct boot_memory *boot = making->boot;
    struct host_view *view = making->view;
    uint64_t pagesize = view->placement.pagesize;
    struct mem_path found;
    struct error error = {0};
    const char *path = NULL;

    if (making->request->kind_given
            ? making->request->kind == BACKEND_MEMFD
            : boot->kind_known && boot->kind == BACKEND_MEMFD && boot->pagesize == pagesize) {
        view->placement.kind = BACKEND_MEMFD;
        return 0;
    }
    if (view->local && boot->mem_path && boot->pagesize == pagesize &&
        mem_path_check(making->root, boot->mem_path, pagesize, making->query, &found, &error) ==
            0 &&
        found.folder)
        return set_path(making, boot->mem_path, &found);
    if (view->local)
        path = mem_path_find(making->root, &view->facts, pagesize, making->query, &found, &error);
    else
        error_set(&error, EXIT_USAGE, "QEMU cannot be seen on this host: say --mem-path");
    /* What QEMU is not allowed to use is taken only where the user wants a file. */
    if (path && (making->request->kind_given || mem_path_is_allowed(&found, &view->facts.identity)))
        return set_path(making, path, &found);
    view->placement.kind = BACKEND_MEMFD;
    if (!making->request->kind_given)
        return 0;
    view->error = error;
    return -1;
}

/* Why ordinary pages cannot come from where the boot memory lies; NULL: they can, see *found. */
static const char *why_elsewhere(const struct making *making, struct mem_path *found)
{
    const char *path = making->boot->mem_path;
    struct error error = {0};

    if (!path)
        return "lies in no one folder";
    if (!making->view->local ||
        mem_path_check(making->root, path, 0, making->query, found, &error) < 0)
        return "lies where it cannot be seen";
    if (found->hugetlb)
        return "lies on hugepages";
    return found->folder ? NULL : "is a file of its own";
}

/* Ordinary pages from a file system, as the boot memory has them; a file of its own is not shared
 * out twice, so a memfd stands in for it. */
static int find_file(struct making *making)
{
    struct host_view *view = making->view;
    struct mem_path found;

    view->moved = why_elsewhere(making, &found);
    if (!view->moved)
        return set_path(making, making->boot->mem_path, &found);
    if (!making->request->kind_given) {
        view->placement.kind = BACKEND_MEMFD;
        return 0;
    }
    error_set(&view->error, EXIT_USAGE, "--backend file: in which folder?");
    return error_hint(&view->error, "say --mem-path PATH, or --pagesize SIZE");
}

/* Bytes; 0: ordinary pages. */
static int choose_pagesize(struct making *making)
{
    const struct placement_request *request = making->request;
    struct host_view *view = making->view;
    uint64_t pagesize = request->pagesize;

    if (request->hugepages) {
        pagesize = view->local ? view->facts.default_hugepage_size : HOST_UNKNOWN;
        if (pagesize == HOST_UNKNOWN) {
            error_set(&view->error, EXIT_FAILED, "--hugepages: %s",
                      view->local ? "this host has none"
                                  : "QEMU cannot be seen on this host, so their size is not known");
            return error_hint(&view->error, "say --pagesize, such as 2M");
        }
    } else if (pagesize == 0 && !request->mem_path &&
               (!request->kind_given || request->kind != BACKEND_RAM)) {
        pagesize = making->boot->pagesize;
        view->pages_unseen = making->boot->pages_unknown;
    }
    view->placement.pagesize = pagesize > (uint64_t)sysconf(_SC_PAGESIZE) ? pagesize : 0;
    return 0;
}

static int choose_backend(struct making *making)
{
    const struct placement_request *request = making->request;
    struct placement *placement = &making->view->placement;

    if (request->mem_path)
        return take_given_path(making);
    if (placement->pagesize > 0)
        return find_hugepages(making);
    placement->kind = request->kind_given ? request->kind : making->boot->kind;
    return placement->kind == BACKEND_FILE ? find_file(making) : 0;
}

static bool switched(enum placement_switch value, bool otherwise)
{
    return value == SWITCH_DEFAULT ? otherwise : value == SWITCH_ON;
}

static void choose_rest(struct making *making)
{
    const struct placement_request *request = making->request;
    const struct boot_memory *boot = making->boot;
    struct placement *placement = &making->view->placement;

    placement->share = switched(
        request->share, boot->share || (placement->kind == BACKEND_MEMFD &&
                                        !(boot->kind_known && boot->kind == BACKEND_MEMFD)));
    placement->prealloc = switched(request->prealloc, placement->pagesize > 0 || boot->prealloc);
    placement->prealloc_off =
        !placement->prealloc && (request->prealloc == SWITCH_OFF || boot->prealloc_somewhere);
    placement->discard = request->discard;
    placement->merge = request->merge;
    placement->dump = request->dump;
    placement->cpus = making->view->local ? making->view->facts.cpus : 0;
    placement->policy = request->policy;
    placement->host_nodes = request->host_nodes;
    if (!request->policy_given && !node_set_is_empty(&request->host_nodes)) {
        placement->policy = PREFLIGHT_POLICY_BIND;
    } else if (!request->policy_given) {
        placement->policy = boot->policy;
        placement->host_nodes = boot->host_nodes;
        making->view->nodes_open = boot->nodes_differ;
    }
}

void host_view_read(const char *root, pid_t pid, const struct placement_request *request,
                    const struct memory *memory, mem_path_statfs *query, struct host_view *view)
{
    char theirs[FILES_PATH];
    const struct boot_memory boot = boot_memory_of(memory);
    struct making making = {
        .root = theirs, .request = request, .boot = &boot, .query = query, .view = view};

    *view = (struct host_view){.local = pid > 0, .path_free = HOST_UNKNOWN};
    memcpy(view->described, request->note, sizeof view->described);
    if (view->local) {
        host_facts_read(root, pid, &view->facts);
        find_root(root, pid, theirs, sizeof theirs);
    }
    view->error_check = "pagesize";
    if (choose_pagesize(&making) < 0)
        return;
    view->error_check = "mem-path";
    if (choose_backend(&making) < 0)
        return;
    choose_rest(&making);
    boot_memory_is_model(&boot, request, &view->placement, view->defaults, sizeof view->defaults);
}

/* ---- what the VM's backends have ---- */

static uint64_t default_hugepage_size(const char *root)
{
    char text[16384];
    uint64_t size = files_read(root, "proc/meminfo", text, sizeof text) > 0
                        ? files_line_size(text, "Hugepagesize:")
                        : HOST_UNKNOWN;

    return size == HOST_UNKNOWN ? 0 : size;
}

static uint64_t backend_pagesize(const char *root, const struct memory_backend *backend,
                                 mem_path_statfs *query)
{
    struct mem_path found;

    if (!backend->mem_path || mem_path_check(root, backend->mem_path, 0, query, &found, NULL) < 0)
        return 0;
    return found.hugetlb ? found.page_size : (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Where its pages come from is the host's to tell. */
static bool is_open(const struct memory_backend *backend)
{
    bool is_memfd = backend->type && strcmp(backend->type, "memfd") == 0;

    return backend->pagesize == 0 && (is_memfd || backend->mem_path);
}

static bool may_be_started_with(const struct memory_backend *backend)
{
    return backend->orphan && !backend_name_is_automatic(backend->id);
}

bool host_view_has_to_ask(const struct memory *memory)
{
    for (size_t i = 0; i < memory->backend_count; i++) {
        if (is_open(&memory->backends[i]) || may_be_started_with(&memory->backends[i]))
            return true;
    }
    return false;
}

void host_view_backends(const char *root, pid_t pid, struct memory *memory, mem_path_statfs *query)
{
    char theirs[FILES_PATH] = "";

    for (size_t i = 0; pid > 0 && i < memory->backend_count; i++) {
        struct memory_backend *backend = &memory->backends[i];

        if (may_be_started_with(backend)) {
            backend->started = process_started_with(root, pid, backend->id);
            backend->orphan = !backend->started;
        }
        if (!is_open(backend))
            continue;
        if (!backend->mem_path) {
            backend->pagesize = default_hugepage_size(root);
            continue;
        }
        if (!*theirs)
            find_root(root, pid, theirs, sizeof theirs);
        backend->pagesize = backend_pagesize(theirs, backend, query);
    }
}
