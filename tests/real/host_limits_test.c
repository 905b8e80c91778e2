/* What limits a QEMU on its host, set for real: its cgroup, the memory that there is. */
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/cgroups.h"
#include "lab/each.h"
#include "support/run.h"

#define ROOM "/mnt"

static bool mounted;

static int teardown(void **state)
{
    lab_teardown(state);
    cgroup_remove();
    if (mounted)
        umount2(ROOM, MNT_DETACH);
    mounted = false;
    return 0;
}

static void assert_contains(const char *text, const char *part)
{
    if (!text || !strstr(text, part)) {
        print_error("no '%s' in: %s\n", part, text ? text : "nothing");
        fail();
    }
}

/* Only the boot memory is left, and the VM is well. */
static void assert_nothing_left(struct lab_vm *vm)
{
    assert_int_equal(status_rows(lab_socket(vm), "devices"), 0);
    assert_int_equal(status_rows(lab_socket(vm), "backends"), 1);
    assert_true(lab_is_alive(vm));
}

static void the_limit_of_its_cgroup_is_seen_and_the_mend_mends(void **state)
{
    struct lab_vm *vm;
    json_t *result;
    const char *mend;

    (void)state;
    cgroup_make(CGROUP_MEMORY, "1073741824");
    vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    cgroup_join(lab_pid(vm));
    /* Taken as the guest touches it: a warning. Taken now, it would be the end of the VM. */
    result = run_json(EXPECT(0, lab_socket(vm), "plan", "+2G", "--json"));
    assert_string_equal(json_string_value(json_at(result, "preflight.0.check")), "cgroup");
    assert_string_equal(json_string_value(json_at(result, "preflight.0.severity")), "warning");
    json_decref(result);
    EXPECT(1, lab_socket(vm), "plan", "+2G", "--strict");
    result = run_json(EXPECT(1, lab_socket(vm), "set", "+2G", "--prealloc", "on", "--json"));
    assert_non_null(strstr(json_string_value(json_at(result, "error.message")),
                           "the memory limit of QEMU's cgroup leaves"));
    assert_true(lab_is_alive(vm));
    mend = json_string_value(json_at(result, "error.hint"));
    assert_non_null(mend);
    assert_int_equal(system(mend), 0);
    json_decref(result);
    EXPECT(0, lab_socket(vm), "set", "+2G", "--prealloc", "on", "--accept-timeout", "0");
    assert_true(lab_is_alive(vm));
    lab_stop(vm);
}

/* On a disk, as temporary folders often are. */
static bool make_folder_on_disk(char *folder, size_t size)
{
    const char *parent = getenv("TMPDIR");
    struct statfs system;

    snprintf(folder, size, "%s/qmpctl-disk-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(folder));
    if (statfs(folder, &system) == 0 && system.f_type != TMPFS_MAGIC)
        return true;
    assert_int_equal(rmdir(folder), 0);
    print_message("%s is no disk\n", folder);
    return false;
}

/* More than its cgroup may have: the pages of a shared file go to the disk, and QEMU lives. Private
 * ones would be its end, and take nothing of the disk. */
static void a_shared_file_on_a_disk_may_be_larger_than_memory(void **state)
{
    struct lab_vm *vm;
    const char *socket;
    char folder[128];
    json_t *result;

    (void)state;
    if (!make_folder_on_disk(folder, sizeof folder))
        skip();
    cgroup_make(CGROUP_MEMORY, "268435456");
    vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    socket = lab_socket(vm);
    cgroup_join(lab_pid(vm));
    assert_contains(
        EXPECT(1, socket, "set", "+384M", "--mem-path", folder, "--prealloc", "on")->err,
        "beyond it the kernel kills the VM");
    result = run_json(EXPECT(0, socket, "set", "+384M", "--mem-path", folder, "--share",
                             "--prealloc", "on", "--accept-timeout", "0", "--json"));
    assert_contains(json_string_value(json_at(result, "preflight.1.text")),
                    " of 256 MiB; the rest lies on the disk");
    json_decref(result);
    assert_true(lab_is_alive(vm));
    lab_stop(vm);
    assert_int_equal(rmdir(folder), 0);
}

static void memory_high_of_its_cgroup_is_seen_and_the_mend_mends(void **state)
{
    struct lab_vm *vm;
    const char *socket;
    json_t *result;

    (void)state;
    cgroup_make(CGROUP_MEMORY_HIGH, "1073741824");
    vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    socket = lab_socket(vm);
    cgroup_join(lab_pid(vm));
    result = run_json(EXPECT(0, socket, "plan", "+2G", "--json"));
    assert_string_equal(json_string_value(json_at(result, "preflight.0.check")), "cgroup-high");
    json_decref(result);
    assert_contains(EXPECT(0, socket, "plan", "+2G")->out,
                    "(warning: needs 2 GiB, memory.high of QEMU's cgroup leaves ");
    result = run_json(EXPECT(1, socket, "set", "+2G", "--strict", "--json"));
    assert_nothing_left(vm);
    assert_int_equal(system(json_string_value(json_at(result, "error.hint"))), 0);
    json_decref(result);
    EXPECT(0, socket, "set", "+2G", "--strict", "--accept-timeout", "0");
    lab_stop(vm);
}

static void more_than_the_host_has_is_refused(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, "512M,slots=16,maxmem=900G", NULL);
    const char *socket = lab_socket(vm);
    const struct run_result *result;

    (void)state;
    result = EXPECT(1, socket, "set", "+800G", "--prealloc", "on");
    assert_contains(result->err, "of the host's memory");
    assert_contains(result->err, "are available");
    assert_nothing_left(vm);
    lab_stop(vm);
}

static bool overcommit_is_a_guess(void)
{
    FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
    int mode = -1;

    if (file) {
        if (fscanf(file, "%9d", &mode) != 1)
            mode = -1;
        fclose(file);
    }
    return mode == 0;
}

/* One device of more than memory and swap together: the kernel would say no, and so do we. */
static void a_device_that_the_kernel_would_not_commit_is_refused(void **state)
{
    struct lab_vm *vm;
    const char *socket;

    (void)state;
    if (!overcommit_is_a_guess()) {
        print_message("this host has another vm.overcommit_memory than 0\n");
        skip();
    }
    vm = lab_start(LAB_HOST, LAB_ABSENT, "512M,slots=16,maxmem=900G", NULL);
    socket = lab_socket(vm);
    assert_contains(EXPECT(1, socket, "plug", "800G")->err,
                    "a device of 800 GiB is larger than the host's memory and swap together");
    EXPECT(1, socket, "qmp", "object-add", "qom-type=memory-backend-ram", "id=m",
           "size=858993459200");
    assert_nothing_left(vm);
    lab_stop(vm);
}

/* A QEMU without privileges that locks its memory cannot have more than its limit. */
static void the_limit_of_locked_memory_is_seen(void **state)
{
    static const char *const arguments[] = {"-runas", "nobody", "-overcommit", "mem-lock=on", NULL};
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, arguments);
    const char *socket = lab_socket(vm);
    struct rlimit limit;
    json_t *result;
    const char *mend;

    (void)state;
    if (geteuid() != 0) {
        print_message("only root can start a QEMU as another user\n");
        skip();
    }
    assert_int_equal(prlimit(lab_pid(vm), RLIMIT_MEMLOCK, NULL, &limit), 0);
    limit.rlim_cur = 8 << 20;
    assert_int_equal(prlimit(lab_pid(vm), RLIMIT_MEMLOCK, &limit, NULL), 0);
    /* It greets at once, and answers when it has locked all that it has. */
    EXPECT(0, socket, "status", "--connect-timeout", "60");
    result = run_json(EXPECT(1, socket, "set", "+256M", "--json", "--accept-timeout", "0"));
    assert_string_equal(json_string_value(json_at(result, "error.message")),
                        "QEMU locks its memory: it needs 256M more of locked memory, its limit of "
                        "8M leaves 0");
    assert_string_equal(json_string_value(json_at(result, "preflight.0.check")), "locked");
    assert_nothing_left(vm);
    /* It is so: QEMU is refused the memory. */
    EXPECT(1, socket, "qmp", "object-add", "qom-type=memory-backend-ram", "id=m", "size=268435456");
    mend = json_string_value(json_at(result, "error.hint"));
    assert_contains(mend, "prlimit --pid ");
    /* To raise a hard limit takes more than being root in some containers. */
    if (system(mend) == 0)
        EXPECT(0, socket, "set", "+256M", "--accept-timeout", "0");
    json_decref(result);
    lab_stop(vm);
}

/* In a mount table of its own, so that it ends with the suite. */
static bool mount_tmpfs(const char *options)
{
    mounted = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
              mount("none", ROOM, "tmpfs", 0, options) == 0;
    if (!mounted)
        print_message("only root can mount\n");
    return mounted;
}

static void the_room_of_the_mem_path_is_seen(void **state)
{
    struct lab_vm *vm;
    const char *socket;
    const struct run_result *result;
    json_t *refusal;

    (void)state;
    if (!mount_tmpfs("size=96M"))
        skip();
    vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    socket = lab_socket(vm);
    refusal =
        run_json(EXPECT(1, socket, "set", "+128M", "--mem-path", ROOM, "--prealloc", "on", "-j"));
    assert_string_equal(json_string_value(json_at(refusal, "error.message")),
                        "needs 128M in the file system of the mem-path, 96M are free");
    assert_nothing_left(vm);
    assert_int_equal(system(json_string_value(json_at(refusal, "error.hint"))), 0);
    json_decref(refusal);
    EXPECT(0, socket, "set", "+128M", "--mem-path", ROOM, "--prealloc", "on", "--accept-timeout",
           "0");
    /* It is full now. */
    result = EXPECT(1, socket, "set", "+128M", "--mem-path", ROOM, "--prealloc", "on");
    assert_contains(result->err, ", 0 are free");
    lab_stop(vm);
}

/* QEMU would refuse it after the memory was taken. */
static void nothing_is_planned_while_the_vm_is_being_migrated(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    const char *socket = lab_socket(vm);
    json_t *result;

    EXPECT(0, socket, "qmp", "migrate-set-parameters", "max-bandwidth=4096");
    EXPECT(0, socket, "qmp", "migrate", "uri=exec:cat >/dev/null");
    result = run_json(EXPECT(1, socket, "set", "+128M", "--json"));
    assert_string_equal(json_string_value(json_at(result, "error.message")),
                        "the VM is being migrated: QEMU plugs nothing meanwhile");
    assert_string_equal(json_string_value(json_at(result, "preflight.0.check")), "migration");
    json_decref(result);
    EXPECT(0, socket, "qmp", "migrate_cancel");
    for (int i = 0; i < 200 && RUN(socket, "plan", "+128M")->code != 0; i++)
        usleep(10000); /* it ends on its own time, "cancelling" before */
    EXPECT(0, socket, "set", "+128M", "--accept-timeout", "0");
    lab_stop(vm);
}

/* The last folder is open to all, but the way there is not. */
static void a_folder_that_qemu_may_not_reach_is_told(void **state)
{
    static const char *const arguments[] = {"-runas", "nobody", NULL};
    static const char inner[] = ROOM "/open";
    const struct run_result *result;
    struct lab_vm *vm;
    const char *socket;

    (void)state;
    if (!mount_tmpfs("size=256M,mode=700"))
        skip();
    assert_int_equal(mkdir(inner, 0777), 0);
    assert_int_equal(chmod(inner, 0777), 0);
    vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, arguments);
    socket = lab_socket(vm);
    result = EXPECT(0, socket, "plan", "+128M", "--mem-path", inner);
    assert_contains(result->out, "which may not be allowed to enter " ROOM "; chmod a+x " ROOM ")");
    EXPECT(1, socket, "plan", "+128M", "--mem-path", inner, "--strict");
    /* It is so. */
    EXPECT(1, socket, "set", "+128M", "--mem-path", inner, "--accept-timeout", "0");
    assert_nothing_left(vm);
    assert_int_equal(system("chmod a+x " ROOM), 0);
    EXPECT(0, socket, "set", "+128M", "--mem-path", inner, "--strict", "--accept-timeout", "0");
    lab_stop(vm);
}

static void make_file(const char *path, off_t size)
{
    int file = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, size), 0);
    close(file);
}

/* QEMU would give two devices the same memory, and the guest would overwrite its own. */
static void one_file_is_never_the_memory_of_two_devices(int qemu)
{
    char folder[128], path[160];
    const char *parent = getenv("TMPDIR"), *socket;
    struct lab_vm *vm;

    snprintf(folder, sizeof folder, "%s/qmpctl-file-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/memory", folder);
    make_file(path, 64 << 20);
    vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    socket = lab_socket(vm);
    assert_contains(EXPECT(1, socket, "plug", "128M", "--mem-path", path)->err,
                    "has 64 MiB, the device needs 128 MiB");
    assert_contains(
        EXPECT(1, socket, "plug", "64M", "--count", "2", "--mem-path", path, "--share")->err,
        "is one file: it cannot be the memory of 2 devices");
    assert_contains(EXPECT(2, socket, "plug", "64M", "--mem-path", "/tmp/\xe4")->err,
                    "QEMU's monitor takes no name that is not UTF-8");
    assert_nothing_left(vm);
    EXPECT(0, socket, "plug", "64M", "--mem-path", path, "--share", "--accept-timeout", "0");
    assert_contains(EXPECT(1, socket, "plug", "64M", "--mem-path", path, "--share")->err,
                    "is one file, and the memory of mem-dimm0 already");
    EXPECT(0, socket, "plug", "64M", "--mem-path", folder, "--share", "--accept-timeout", "0");
    assert_int_equal(status_rows(socket, "devices"), 2);
    lab_stop(vm);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0); /* for QEMU to inherit */

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    return listener;
}

/* The process at the other end is this one, which listened first. */
static void a_qemu_that_was_handed_its_monitor_is_judged_as_well(int qemu)
{
    char folder[80], path[96], chardev[96];
    const char *arguments[] = {"-chardev", chardev, "-mon", "chardev=given,mode=control", NULL};
    const char *parent = getenv("TMPDIR");
    struct lab_vm *vm;
    int listener;

    snprintf(folder, sizeof folder, "%.60s/handed-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/qmp", folder);
    listener = listen_at(path);
    snprintf(chardev, sizeof chardev, "socket,id=given,fd=%d,server=on,wait=off", listener);
    vm = lab_start(qemu, LAB_ABSENT, NULL, arguments);
    close(listener);
    assert_contains(EXPECT(1, path, "set", "+128M", "--pagesize", "4M")->err,
                    "the host has no hugepages of 4M");
    assert_null(strstr(EXPECT(0, path, "plan", "+128M")->out, "QEMU cannot be seen"));
    lab_stop(vm);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

TEST_ON_EACH(a_qemu_that_was_handed_its_monitor_is_judged_as_well)
TEST_ON_EACH(one_file_is_never_the_memory_of_two_devices)
TEST_ON_EACH(nothing_is_planned_while_the_vm_is_being_migrated)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_limit_of_its_cgroup_is_seen_and_the_mend_mends, teardown),
        cmocka_unit_test_teardown(a_shared_file_on_a_disk_may_be_larger_than_memory, teardown),
        cmocka_unit_test_teardown(memory_high_of_its_cgroup_is_seen_and_the_mend_mends, teardown),
        ON_EACH(nothing_is_planned_while_the_vm_is_being_migrated),
        ON_EACH(a_qemu_that_was_handed_its_monitor_is_judged_as_well),
        ON_EACH(one_file_is_never_the_memory_of_two_devices),
        cmocka_unit_test_teardown(more_than_the_host_has_is_refused, teardown),
        cmocka_unit_test_teardown(a_device_that_the_kernel_would_not_commit_is_refused, teardown),
        cmocka_unit_test_teardown(the_limit_of_locked_memory_is_seen, teardown),
        cmocka_unit_test_teardown(a_folder_that_qemu_may_not_reach_is_told, teardown),
        cmocka_unit_test_teardown(the_room_of_the_mem_path_is_seen, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
