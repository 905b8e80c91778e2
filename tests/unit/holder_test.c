/*
 * Who holds a monitor, where the kernel's list of sockets is cut short or wrong, and processes go
 * while they are looked at. The calls are defined here, before the C library's: the list and /proc
 * are made up.
 */
/* With it the header defines recv itself, and clang takes no other. */
#undef _FORTIFY_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "holder.h"

/* ---- the system ---- */

/* What the kernel tells of its sockets. */
static struct {
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } data;
    size_t length, unread;
    int descriptor; /* the one that asks */
    bool is_deaf;   /* cannot be asked */
} kernel = {.descriptor = -1};

/* Where /proc is; empty: where it always is. */
static char root[64];

#define FOR_ALL __attribute__((visibility("default")))
/* The C library's own. */
#define REAL(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

FOR_ALL ssize_t recv(int descriptor, void *bytes, size_t size, int flags)
{
    size_t length = kernel.unread < size ? kernel.unread : size;

    if (descriptor != kernel.descriptor)
        return REAL(recv)(descriptor, bytes, size, flags);
    memcpy(bytes, kernel.data.bytes, length);
    kernel.unread = 0;
    return (ssize_t)length;
}

FOR_ALL ssize_t send(int descriptor, const void *bytes, size_t size, int flags)
{
    if (descriptor != kernel.descriptor)
        return REAL(send)(descriptor, bytes, size, flags);
    kernel.unread = kernel.length;
    return kernel.is_deaf ? -1 : (ssize_t)size;
}

FOR_ALL int socket(int domain, int type, int protocol)
{
    int descriptor = REAL(socket)(domain, type, protocol);

    if (domain == AF_NETLINK)
        kernel.descriptor = descriptor;
    return descriptor;
}

static const char *in_root(const char *path, char room[256])
{
    if (!*root || strncmp(path, "/proc", 5) != 0)
        return path;
    snprintf(room, 256, "%s%s", root, path);
    return room;
}

FOR_ALL DIR *opendir(const char *path)
{
    DIR *(*real)(const char *) = REAL(opendir);
    char room[256];

    return real(in_root(path, room));
}

FOR_ALL FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *) = REAL(fopen);
    char room[256];

    return real(in_root(path, room), mode);
}

/* ---- the kernel's list of sockets ---- */

/* One socket of it, and its attributes. */
struct entry {
    int state;
    uint32_t inode, peer; /* peer 0: it has none */
    const char *name;     /* NULL: not told */
    bool other_device, no_place;
};

static struct nlmsghdr *kernel_begin(int type)
{
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)(kernel.data.bytes + kernel.length);

    *header = (struct nlmsghdr){.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = (uint16_t)type};
    return header;
}

static void kernel_add(struct nlmsghdr *header, const void *bytes, size_t length)
{
    memcpy((char *)header + header->nlmsg_len, bytes, length);
    header->nlmsg_len = NLMSG_ALIGN(header->nlmsg_len + (uint32_t)length);
}

static void kernel_attribute(struct nlmsghdr *header, int type, const void *bytes, size_t length)
{
    const struct rtattr attribute = {(uint16_t)RTA_LENGTH(length), (uint16_t)type};

    kernel_add(header, &attribute, sizeof attribute);
    kernel_add(header, bytes, length);
}

static void kernel_end(const struct nlmsghdr *header)
{
    kernel.length += header->nlmsg_len;
}

static struct nlmsghdr *kernel_socket(const char *path, const struct entry *entry)
{
    const struct unix_diag_msg message = {
        .udiag_family = AF_UNIX, .udiag_state = (uint8_t)entry->state, .udiag_ino = entry->inode};
    struct nlmsghdr *header = kernel_begin(SOCK_DIAG_BY_FAMILY);
    struct unix_diag_vfs place;
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    place.udiag_vfs_ino = (uint32_t)status.st_ino;
    place.udiag_vfs_dev =
        (uint32_t)(major(status.st_dev) << 20 | minor(status.st_dev)) + entry->other_device;
    kernel_add(header, &message, sizeof message);
    if (!entry->no_place)
        kernel_attribute(header, UNIX_DIAG_VFS, &place, sizeof place);
    if (entry->peer)
        kernel_attribute(header, UNIX_DIAG_PEER, &entry->peer, sizeof entry->peer);
    if (entry->name)
        kernel_attribute(header, UNIX_DIAG_NAME, entry->name, strlen(entry->name) + 1);
    return header;
}

static void kernel_done(void)
{
    kernel_end(kernel_begin(NLMSG_DONE));
}

/* A file stands for the socket: only where it lies is asked. */
static void make_folder(char folder[32], char path[64])
{
    strcpy(folder, "/tmp/qmpctl-system-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, 64, "%s/qmp", folder);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void remove_folder(const char *folder, const char *path)
{
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

/* What is said of the monitor where the kernel's list has this one socket. */
static int holder_of(const char *path, const struct entry *entry)
{
    struct qmp_holder holder;

    kernel.length = 0;
    kernel_end(kernel_socket(path, entry));
    kernel_done();
    return qmp_monitor_holder(path, &holder);
}

static void test_whose_sockets_count(void **state)
{
    char folder[32], path[64], longer[80];

    (void)state;
    make_folder(folder, path);
    snprintf(longer, sizeof longer, "%s2", path);
#define ENTRY(state, inode, peer, name, other, no_place)                                           \
    (&(const struct entry){TCP_##state, inode, peer, name, other, no_place})
    assert_int_equal(holder_of(path, ENTRY(LISTEN, 5, 0, NULL, false, false)), 0);
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 5, 6, NULL, false, false)), 1);
    /* In the backlog it has no inode yet, and a client that has gone is no peer. */
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 0, 6, NULL, false, false)), 0);
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 5, 0, NULL, false, false)), 0);
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 5, 6, NULL, false, true)), -1);
    /* On an overlay the name decides. */
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 5, 6, path, true, false)), 1);
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 5, 6, NULL, true, false)), -1);
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 5, 6, "/q", true, false)), -1);
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 5, 6, longer, true, false)), -1);
    longer[strlen(longer) - 2]++;
    assert_int_equal(holder_of(path, ENTRY(ESTABLISHED, 5, 6, longer, true, false)), -1);
    remove_folder(folder, path);
}

static void test_a_list_of_sockets_that_is_wrong(void **state)
{
    struct nlmsghdr *header;
    struct qmp_holder holder;
    char folder[32], path[64];
    const struct entry served = {TCP_ESTABLISHED, 5, 6, NULL, false, false};

    (void)state;
    make_folder(folder, path);
    kernel.is_deaf = true;
    kernel_done();
    assert_int_equal(qmp_monitor_holder(path, &holder), -1);
    kernel.is_deaf = false;

    kernel.length = 0;
    kernel_end(kernel_begin(NLMSG_ERROR));
    assert_int_equal(qmp_monitor_holder(path, &holder), -1);

    /* Cut short: the end does not come. */
    kernel.length = 0;
    kernel_end(kernel_socket(path, &served));
    assert_int_equal(qmp_monitor_holder(path, &holder), -1);

    /* Messages that claim less than a header, and more than there is. */
    for (uint32_t length = 4; length <= 4000; length += 3996) {
        kernel.length = 0;
        header = kernel_begin(NLMSG_DONE);
        kernel_end(header);
        header->nlmsg_len = length;
        assert_int_equal(qmp_monitor_holder(path, &holder), -1);
    }
    /* An attribute that claims more than there is, and one that claims nothing. */
    for (uint16_t length = 0; length <= 4000; length = (uint16_t)(length + 4000)) {
        kernel.length = 0;
        header = kernel_socket(path, &served);
        ((struct rtattr *)(void *)((char *)NLMSG_DATA(header) + sizeof(struct unix_diag_msg)))
            ->rta_len = length;
        kernel_end(header);
        kernel_done();
        assert_int_equal(qmp_monitor_holder(path, &holder), -1);
    }
    remove_folder(folder, path);
}

/* ---- processes ---- */

/* Writes a file of the made-up /proc, with the folders that it lies in. */
static void put(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    file = REAL(fopen)(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void put_socket(const char *name, const char *target)
{
    char path[256];

    put(name, "");
    snprintf(path, sizeof path, "%s%s", root, name);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(target, path), 0);
}

static void remove_root(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of this test's own */
    *root = '\0';
}

static void make_root(void)
{
    strcpy(root, "/tmp/qmpctl-proc-XXXXXX");
    assert_non_null(mkdtemp(root));
}

static void test_what_proc_says_of_a_stopped_process(void **state)
{
    static const struct {
        const char *stat;
        bool is_stopped;
    } rows[] = {
        {"7 (qemu) T 1 7", true},     {"7 (qemu) t 1 7", true},  {"7 (qemu) S 1 7", false},
        {"7 (a) T (b) S 1 7", false}, {"7 (a) S (b) T 1", true}, {"", false},
        {"7 no brackets", false},     {"7 (qemu)", false},
    };

    (void)state;
    make_root();
    assert_false(holder_is_stopped(7));
    assert_false(holder_is_stopped(0));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put("/proc/7/stat", rows[i].stat);
        assert_int_equal(holder_is_stopped(7), rows[i].is_stopped);
    }
    remove_root();
}

static void expect_holder(const char *path, pid_t pid, const char *name)
{
    struct qmp_holder holder;
    const struct entry served = {TCP_ESTABLISHED, 5, 6, NULL, false, false};

    kernel.length = 0;
    kernel_end(kernel_socket(path, &served));
    kernel_done();
    assert_int_equal(qmp_monitor_holder(path, &holder), 1);
    assert_int_equal(holder.pid, pid);
    assert_string_equal(holder.name, name);
}

static void test_a_process_that_goes_while_it_is_looked_at(void **state)
{
    char folder[32], path[64];

    (void)state;
    make_folder(folder, path);
    make_root();
    expect_holder(path, 0, ""); /* no /proc at all */
    put("/proc/self/fd/0", "");
    put("/proc/12/fd/0", "");
    put_socket("/proc/12/fd/3", "socket:[66]");
    expect_holder(path, 0, "");
    put_socket("/proc/12/fd/4", "socket:[6]");
    expect_holder(path, 12, "a process"); /* its name is gone */
    put("/proc/12/comm", "");
    expect_holder(path, 12, "a process");
    put("/proc/12/comm", "socat\n");
    expect_holder(path, 12, "socat");
    remove_root();
    remove_folder(folder, path);
}

/* A connection of which the kernel says that socket 77 is its other end; 0: it is not accepted, and
 * 77 listens at its path. The kernel's word for its server is this process. */
static int connection(const char *path, uint32_t server)
{
    const struct entry listener = {TCP_LISTEN, 77, 0, NULL, false, false};
    struct entry ours = {TCP_ESTABLISHED, 0, server, NULL, false, true};
    int ends[2];
    struct stat own;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    close(ends[1]);
    assert_int_equal(fstat(ends[0], &own), 0);
    ours.inode = (uint32_t)own.st_ino;
    kernel.length = 0;
    kernel_end(kernel_socket(path, &ours));
    kernel_end(kernel_socket(path, &listener));
    kernel_done();
    return ends[0];
}

/* Gives this process a descriptor in the made-up /proc. */
static void put_own(const char *target)
{
    char name[64];

    snprintf(name, sizeof name, "/proc/%d/fd/3", (int)getpid());
    put_socket(name, target);
}

static void test_the_process_that_serves_a_connection(void **state)
{
    char folder[32], path[64];

    (void)state;
    make_folder(folder, path);
    for (uint32_t server = 0; server <= 77; server += 77) {
        int ours = connection(path, server);

        make_root();
        /* Nobody's descriptors can be seen: who began to listen. */
        assert_int_equal(holder_server(path, ours), getpid());
        /* It has handed the socket on, to whom nobody sees, or to one who can be seen. */
        put_own("socket:[66]");
        assert_int_equal(holder_server(path, ours), 0);
        put_socket("/proc/9/fd/3", "socket:[77]");
        assert_int_equal(holder_server(path, ours), 9);
        /* It has it itself, whoever else was given a copy. */
        put_own("socket:[77]");
        assert_int_equal(holder_server(path, ours), getpid());
        close(ours);
        remove_root();
    }
    remove_folder(folder, path);
}

static void test_a_connection_of_which_the_system_tells_nothing(void **state)
{
    char folder[32], path[64];
    int ours;

    (void)state;
    make_folder(folder, path);
    ours = connection(path, 0);
    make_root();
    put_socket("/proc/9/fd/3", "socket:[77]");
    assert_int_equal(holder_server(NULL, ours), getpid()); /* not accepted by whom? */
    kernel.is_deaf = true;
    assert_int_equal(holder_server(path, ours), getpid());
    kernel.is_deaf = false;
    kernel.length = 0;
    kernel_end(kernel_begin(NLMSG_ERROR));
    assert_int_equal(holder_server(path, ours), getpid());
    kernel.length = 0;
    assert_int_equal(holder_server(path, ours), getpid());
    close(ours);
    assert_int_equal(holder_server(path, ours), 0); /* a descriptor that is none */
    remove_root();
    remove_folder(folder, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose_sockets_count),
        cmocka_unit_test(test_a_list_of_sockets_that_is_wrong),
        cmocka_unit_test(test_what_proc_says_of_a_stopped_process),
        cmocka_unit_test(test_a_process_that_goes_while_it_is_looked_at),
        cmocka_unit_test(test_the_process_that_serves_a_connection),
        cmocka_unit_test(test_a_connection_of_which_the_system_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
