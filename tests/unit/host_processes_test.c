/* QEMU processes and what their arguments say. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host/process_options.h"
#include "host/processes.h"
#include "host_tree.h"
#include "size.h"

/* The arguments as one text, each ended by a zero byte. */
#define ARGUMENTS(text) text "\0", sizeof(text)

static void expect_monitor(const char *cmdline, size_t length, const char *address)
{
    struct process process;

    assert_int_equal(process_parse(cmdline, length, "/run/vm", &process), 0);
    if (address) {
        assert_int_equal(process.monitor_count, 1);
        assert_string_equal(process.monitors[0].address, address);
    } else {
        assert_int_equal(process.monitor_count, 0);
    }
    process_clear(&process);
}

static void name_uuid_and_memory_are_read(void **state)
{
    struct process process;

    (void)state;
    assert_int_equal(process_parse(ARGUMENTS("qemu-system-x86_64\0-name\0guest=web,,1,debug-threads"
                                             "=on\0-uuid\0abc\0-m\0size=2G,slots=4,maxmem=8G"),
                                   NULL, &process),
                     0);
    assert_string_equal(process.name, "web,1");
    assert_string_equal(process.uuid, "abc");
    assert_int_equal(process.memory, 2 * GIB);
    process_clear(&process);
    assert_int_equal(process_parse(ARGUMENTS("qemu\0--name\0db\0--m\0 512"), NULL, &process), 0);
    assert_string_equal(process.name, "db");
    assert_int_equal(process.memory, 0);
    process_clear(&process);
}

static void objects_are_known_by_their_id(void **state)
{
#define OBJECTS                                                                                    \
    "qemu-system-x86_64\0-object\0memory-backend-ram,id=ram0,size=1G\0--object\0"                  \
    "{\"qom-type\":\"memory-backend-ram\",\"id\":\"mem-web\"}\0-device\0pc-dimm,id=mem-x\0-object"
    (void)state;
    assert_true(process_names_object(ARGUMENTS(OBJECTS), "ram0"));
    assert_true(process_names_object(ARGUMENTS(OBJECTS), "mem-web"));
    assert_false(process_names_object(ARGUMENTS(OBJECTS), "mem-we"));
    assert_false(process_names_object(ARGUMENTS(OBJECTS), "mem-x"));
    assert_false(process_names_object(ARGUMENTS("qemu\0-object\0{\"id\":7}"), "7"));
    assert_false(process_names_object(ARGUMENTS("qemu\0-object\0{broken"), "{broken"));
    assert_false(process_names_object("", 0, "ram0"));
#undef OBJECTS
}

static void memory_is_read_as_qemu_does(void **state)
{
    (void)state;
    assert_int_equal(option_memory("512"), 512 * MIB);
    assert_int_equal(option_memory("1.5G"), GIB + 512 * MIB);
    assert_int_equal(option_memory("4096k"), 4 * MIB);
    assert_int_equal(option_memory("7b"), 7);
    assert_int_equal(option_memory("1T"), 1024 * GIB);
    assert_int_equal(option_memory(""), 0);
    assert_int_equal(option_memory("G"), 0);
    assert_int_equal(option_memory("1GiB"), 0);
    assert_int_equal(option_memory("99999999999E"), 0);
}

static void monitors_of_every_form_are_found(void **state)
{
    (void)state;
    expect_monitor(ARGUMENTS("q\0-qmp\0unix:/run/a,,b.qmp,server=on,wait=off"), "/run/a,b.qmp");
    expect_monitor(ARGUMENTS("q\0-qmp\0unix:web.qmp,server,nowait"), "/run/vm/web.qmp");
    expect_monitor(ARGUMENTS("q\0--qmp-pretty\0unix:/a,server=on"), "/a");
    expect_monitor(ARGUMENTS("q\0-qmp\0tcp:localhost:4444,server=on"), "localhost:4444");
    expect_monitor(ARGUMENTS("q\0-qmp\0tcp::4444,server=on"), "127.0.0.1:4444");
    expect_monitor(ARGUMENTS("q\0-qmp\0tcp:[::1]:4444,server=on"), "[::1]:4444");
    expect_monitor(ARGUMENTS("q\0-mon\0chardev=c,mode=control\0-chardev\0socket,id=c,path=/b,"
                             "server=on,wait=off"),
                   "/b");
    expect_monitor(ARGUMENTS("q\0-chardev\0socket,path=b,id=c,server\0-mon\0c,mode=control"),
                   "/run/vm/b");
    expect_monitor(ARGUMENTS("q\0-qmp\0chardev:c\0-chardev\0socket,id=c,host=::1,port=5,server=on"),
                   "[::1]:5");
    expect_monitor(ARGUMENTS("q\0-mon\0chardev=c,mode=control\0-chardev\0socket,id=c,fd=9,"
                             "server=on"),
                   "fd:9");
    /* QEMU 11.1 has monitors as objects. */
    expect_monitor(
        ARGUMENTS("q\0-object\0monitor-qmp,id=m,chardev=c\0-chardev\0socket,id=c,path=/b,"
                  "server=on"),
        "/b");
    expect_monitor(ARGUMENTS("q\0-chardev\0socket,id=c,path=/b,server=on\0-object\0"
                             "{\"qom-type\": \"monitor-qmp\", \"id\": \"m\", \"chardev\": \"c\"}"),
                   "/b");
}

static void what_is_no_qmp_server_is_left_out(void **state)
{
    (void)state;
    expect_monitor(ARGUMENTS("q\0-qmp\0stdio"), NULL);
    expect_monitor(ARGUMENTS("q\0-qmp\0unix:/a"), NULL); /* connects by itself */
    expect_monitor(ARGUMENTS("q\0-qmp\0unix:/a,server=off"), NULL);
    expect_monitor(ARGUMENTS("q\0-qmp\0unix:/a,noserver"), NULL);
    expect_monitor(ARGUMENTS("q\0-monitor\0unix:/a,server=on"), NULL);
    expect_monitor(ARGUMENTS("q\0-mon\0chardev=c\0-chardev\0socket,id=c,path=/b,server=on"), NULL);
    expect_monitor(ARGUMENTS("q\0-mon\0chardev=d,mode=control\0-chardev\0socket,id=c,path=/b,"
                             "server=on"),
                   NULL);
    expect_monitor(ARGUMENTS("q\0-mon\0chardev=c,mode=control\0-chardev\0pty,id=c"), NULL);
    expect_monitor(ARGUMENTS("q\0-qmp"), NULL);
    expect_monitor(
        ARGUMENTS("q\0-object\0monitor-hmp,id=m,chardev=c\0-chardev\0socket,id=c,path=/b,"
                  "server=on"),
        NULL);
    expect_monitor(
        ARGUMENTS("q\0-object\0monitor-qmp,id=m\0-chardev\0socket,id=c,path=/b,server=on"), NULL);
    expect_monitor(
        ARGUMENTS("q\0-object\0{\"qom-type\": 7, \"chardev\": \"c\"}\0-object\0{\0-chardev\0"
                  "socket,id=c,path=/b,server=on"),
        NULL);
    expect_monitor(ARGUMENTS("q\0-qmp\0tcp:4444,server=on"), NULL);
    expect_monitor("", 0, NULL);
    expect_monitor("q", 1, NULL);
}

static int setup(void **state)
{
    *state = tree_new();
    return 0;
}

static int teardown(void **state)
{
    tree_free(*state);
    return 0;
}

static void add_process_in(const char *root, int pid, const char *folder, const char *exe,
                           const char *cmdline, size_t length)
{
    char path[64];

    snprintf(path, sizeof path, "proc/%d/cmdline", pid);
    tree_write_bytes(root, path, cmdline, length);
    snprintf(path, sizeof path, "proc/%d/cwd", pid);
    tree_link(root, path, folder);
    if (!exe)
        return;
    snprintf(path, sizeof path, "proc/%d/exe", pid);
    tree_link(root, path, exe);
}

static void add_process(const char *root, int pid, const char *exe, const char *cmdline,
                        size_t length)
{
    add_process_in(root, pid, "/run", exe, cmdline, length);
}

/* Listens at a path below the tree's root; the path may be long, so go there. */
static int listen_at(const char *root, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char joined[4096], before[4096];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char *name;

    tree_path(root, path, joined, sizeof joined);
    name = strrchr(joined, '/');
    *name++ = '\0';
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", name);
    if (!getcwd(before, sizeof before) || chdir(joined) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 1) != 0 || chdir(before) != 0)
        tree_stop(path);
    return listener;
}

static void qemus_are_told_from_the_rest(void **state)
{
    struct process_list list;

    add_process(*state, 30, "/usr/bin/qemu-system-x86_64", ARGUMENTS("kvm-web\0-name\0a"));
    add_process(*state, 4, "/usr/libexec/qemu-kvm (deleted)", ARGUMENTS("x\0-name\0b"));
    add_process(*state, 5, "/usr/bin/socat", ARGUMENTS("qemu-system-x86_64\0-name\0no"));
    add_process(*state, 6, "/usr/bin/bash", ARGUMENTS("bash\0-c\0qemu-system-x86_64"));
    add_process(*state, 7, NULL, ARGUMENTS("/usr/bin/qemu-system-aarch64\0-name\0c"));
    add_process(*state, 8, NULL, ARGUMENTS("/usr/bin/qemu-img\0-name\0no"));
    add_process(*state, 9, "/usr/lib/ld-linux-x86-64.so.2",
                ARGUMENTS("/lab/ld-linux-x86-64.so.2\0--library-path\0/lab\0"
                          "/lab/usr/bin/qemu-system-x86_64\0-name\0d"));
    add_process(*state, 10, "/usr/bin/qemu-system-x86_64", "", 0); /* a zombie */
    tree_write(*state, "proc/11/status", "gone");
    tree_write(*state, "proc/cmdline", "qemu-system-x86_64");
    assert_int_equal(process_list_read(*state, &list), 0);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.processes[0].pid, 4);
    assert_string_equal(list.processes[0].name, "b");
    assert_string_equal(list.processes[1].name, "c");
    assert_string_equal(list.processes[2].name, "d");
    assert_int_equal(list.processes[3].pid, 30);
    process_list_free(&list);
}

static void a_socket_is_accessible_where_one_is_there(void **state)
{
    int listener = listen_at(*state, "run/web.qmp");
    struct process_list list;

    tree_write(*state, "run/file.qmp", "x");
    add_process(*state, 30, "/usr/bin/qemu-system-x86_64",
                ARGUMENTS("q\0-qmp\0unix:web.qmp,server=on\0-qmp\0unix:/run/file.qmp,server=on"
                          "\0-qmp\0unix:/run/none.qmp,server=on\0-qmp\0tcp::1,server=on"));
    assert_int_equal(process_list_read(*state, &list), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.processes[0].monitor_count, 4);
    assert_string_equal(list.processes[0].monitors[0].address, "/run/web.qmp");
    assert_true(list.processes[0].monitors[0].accessible);
    assert_false(list.processes[0].monitors[1].accessible);
    assert_false(list.processes[0].monitors[2].accessible);
    assert_true(list.processes[0].monitors[3].accessible);
    process_list_free(&list);
    close(listener);
}

/* QEMU as a daemon has gone to "/", and its socket lies where it was started. */
static void a_daemons_socket_is_found_where_it_was_started(void **state)
{
    static const char daemon[] = "q\0-qmp\0unix:web.qmp,server=on\0-qmp\0unix:none.qmp,server=on\0"
                                 "-qmp\0unix:/run/web.qmp,server=on\0--daemonize";
    static const char environment[] = "A=1\0OLDPWD=/tmp\0PWD=/run\0B=2";
    int listener = listen_at(*state, "run/web.qmp");
    const struct process_monitor *monitors;
    struct process_list list;

    for (int pid = 30; pid <= 33; pid++)
        add_process_in(*state, pid, "/", "/usr/bin/qemu-system-x86_64", daemon, sizeof daemon);
    tree_write_bytes(*state, "proc/30/environ", environment, sizeof environment);
    tree_write(*state, "proc/31/environ", "PWD=run"); /* not where anything could be */
    tree_write(*state, "proc/32/environ", "PWD=/%s", "tmp");
    assert_int_equal(process_list_read(*state, &list), 0);
    assert_int_equal(list.count, 4);
    monitors = list.processes[0].monitors;
    assert_string_equal(monitors[0].address, "/run/web.qmp");
    assert_true(monitors[0].accessible && !monitors[0].relative);
    assert_string_equal(monitors[1].address, "none.qmp");
    assert_true(!monitors[1].accessible && monitors[1].relative);
    assert_true(monitors[2].accessible && !monitors[2].relative);
    for (size_t i = 1; i < list.count; i++) {
        assert_string_equal(list.processes[i].monitors[0].address, "web.qmp");
        assert_true(list.processes[i].monitors[0].relative);
        assert_false(list.processes[i].monitors[0].accessible);
    }
    process_list_free(&list);
    close(listener);
}

/* In "/" of its own accord. */
static void a_relative_path_in_the_topmost_folder(void **state)
{
    struct process process;

    (void)state;
    assert_int_equal(process_parse(ARGUMENTS("q\0-qmp\0unix:web.qmp,server=on"), "/", &process), 0);
    assert_string_equal(process.monitors[0].address, "/web.qmp");
    assert_false(process.monitors[0].relative);
    process_clear(&process);
}

static void an_inherited_socket_is_found_by_its_number(void **state)
{
    struct process_list list;

    add_process(*state, 30, "/usr/bin/qemu-system-x86_64",
                ARGUMENTS("q\0-chardev\0socket,id=c,fd=9,server=on\0-mon\0chardev=c,mode=control\0"
                          "-chardev\0socket,id=e,fd=8,server=on\0-mon\0chardev=e,mode=control"));
    tree_link(*state, "proc/30/fd/9", "socket:[777]");
    tree_write(*state, "proc/30/net/unix",
               "Num       RefCount Protocol Flags    Type St Inode Path\n"
               "ffff8881: 00000002 00000000 00010000 0001 01   776 /run/other\n"
               "ffff8881: 00000002 00000000 00010000 0001 01   777 /run/libvirt/monitor.sock\n");
    assert_int_equal(process_list_read(*state, &list), 0);
    assert_int_equal(list.processes[0].monitor_count, 1);
    assert_string_equal(list.processes[0].monitors[0].address, "/run/libvirt/monitor.sock");
    assert_false(list.processes[0].monitors[0].accessible);
    process_list_free(&list);
}

static void a_host_without_proc_is_an_error(void **state)
{
    struct process_list list;

    assert_int_equal(process_list_read(*state, &list), -1);
    assert_int_equal(errno, ENOENT);
    process_list_free(&list);
}

static void this_host_can_be_listed(void **state)
{
    struct process_list list;

    (void)state;
    assert_int_equal(process_list_read("/", &list), 0);
    for (size_t i = 0; i < list.count; i++)
        assert_int_not_equal(list.processes[i].pid, getpid());
    process_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_uuid_and_memory_are_read),
        cmocka_unit_test(objects_are_known_by_their_id),
        cmocka_unit_test(memory_is_read_as_qemu_does),
        cmocka_unit_test(monitors_of_every_form_are_found),
        cmocka_unit_test(what_is_no_qmp_server_is_left_out),
        cmocka_unit_test_setup_teardown(qemus_are_told_from_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_is_accessible_where_one_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_daemons_socket_is_found_where_it_was_started, setup,
                                        teardown),
        cmocka_unit_test(a_relative_path_in_the_topmost_folder),
        cmocka_unit_test_setup_teardown(an_inherited_socket_is_found_by_its_number, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_host_without_proc_is_an_error, setup, teardown),
        cmocka_unit_test(this_host_can_be_listed),
    };

    return cmocka_run_group_tests_name("host processes", tests, NULL, NULL);
}
