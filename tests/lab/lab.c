#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* TCG on a busy machine: a boot takes 3 s when nothing else runs. */
#define BOOT_SECONDS   90
#define ANSWER_SECONDS 60
#define ARGUMENTS      64

struct lab_vm {
    struct lab_vm *next;
    pid_t pid;
    int console_in, console_out;
    char folder[88], socket[96]; /* a socket's path has 107 bytes at the most */
    char text[65536];            /* what the console said and nobody has read */
    size_t length;
};

/* All that run: a test that fails leaves its VM to lab_teardown, or to the end of the suite. */
static struct lab_vm *running;

static const char *const suites[LAB_QEMUS] = {NULL, "bullseye", "trixie", "sid"};

static const char *lab_folder(void)
{
    const char *folder = getenv("QMPCTL_LAB");

    return folder ? folder : "build/lab";
}

const char *lab_qemu_name(int qemu)
{
    return suites[qemu] ? suites[qemu] : "host";
}

static void qemu_path(int qemu, char *path, size_t size)
{
    snprintf(path, size, "%s/qemu-%s/run", lab_folder(), lab_qemu_name(qemu));
}

bool lab_has_qemu(int qemu)
{
    char path[512];

    qemu_path(qemu, path, sizeof path);
    return !suites[qemu] || access(path, X_OK) == 0;
}

void lab_require(int qemu)
{
    if (lab_has_qemu(qemu))
        return;
    print_message("the QEMU of %s could not be fetched\n", lab_qemu_name(qemu));
    skip();
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Reads the console until text turns up, and returns what follows it; fails at the deadline. */
static const char *console_await(struct lab_vm *vm, const char *text, double seconds)
{
    double deadline = now() + seconds;

    for (;;) {
        struct pollfd watched = {.fd = vm->console_out, .events = POLLIN};
        char *found = strstr(vm->text, text);
        ssize_t got = -1;

        if (found && strchr(found, '\n'))
            return found + strlen(text);
        if (now() > deadline)
            break;
        if (poll(&watched, 1, 200) > 0)
            got = read(vm->console_out, vm->text + vm->length, sizeof vm->text - 1 - vm->length);
        if (got == 0)
            break;
        if (got > 0)
            vm->text[vm->length += (size_t)got] = '\0';
        if (vm->length > sizeof vm->text / 2) {
            memmove(vm->text, vm->text + vm->length / 2, vm->length - vm->length / 2 + 1);
            vm->length -= vm->length / 2;
        }
    }
    print_error("the guest never said '%s'; its console:\n%s\n", text, vm->text);
    fail();
    return NULL;
}

static void console_write(struct lab_vm *vm, const char *line)
{
    vm->length = 0;
    vm->text[0] = '\0';
    assert_int_equal(write(vm->console_in, line, strlen(line)), (ssize_t)strlen(line));
    assert_int_equal(write(vm->console_in, "\n", 1), 1);
}

uint64_t lab_memtotal(struct lab_vm *vm)
{
    console_write(vm, "memtotal");
    return strtoull(console_await(vm, "lab: memtotal ", ANSWER_SECONDS), NULL, 10) * 1024;
}

void lab_await_memtotal(struct lab_vm *vm, uint64_t low, uint64_t high, double seconds)
{
    double deadline = now() + seconds;
    uint64_t total = lab_memtotal(vm);

    while ((total < low || total > high) && now() < deadline)
        total = lab_memtotal(vm);
    assert_in_range(total, low, high);
}

void lab_command(struct lab_vm *vm, const char *line, const char *answer)
{
    char expected[128];

    snprintf(expected, sizeof expected, "lab: %s", answer);
    console_write(vm, line);
    console_await(vm, expected, ANSWER_SECONDS);
}

static void run_qemu(char **arguments, const int input[2], const int output[2])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    execvp(arguments[0], arguments);
    _exit(127);
}

static void await_socket(struct lab_vm *vm)
{
    double deadline = now() + BOOT_SECONDS;

    while (access(vm->socket, F_OK) != 0 && now() < deadline && lab_is_alive(vm))
        poll(NULL, 0, 5);
    assert_int_equal(access(vm->socket, F_OK), 0);
}

static void make_folder(struct lab_vm *vm)
{
    const char *parent = getenv("TMPDIR");
    int length =
        snprintf(vm->folder, sizeof vm->folder, "%s/qmpctl-lab-XXXXXX", parent ? parent : "/tmp");

    assert_in_range(length, 1, sizeof vm->folder - 1);
    assert_non_null(mkdtemp(vm->folder));
    snprintf(vm->socket, sizeof vm->socket, "%s/qmp", vm->folder);
}

static void stop_all(void)
{
    while (running)
        lab_stop(running);
}

static void remember(struct lab_vm *vm)
{
    static bool registered;

    if (!registered) {
        atexit(stop_all);
        /* Speaking to a guest whose QEMU is gone fails the test, and not the suite. */
        signal(SIGPIPE, SIG_IGN);
    }
    registered = true;
    vm->next = running;
    running = vm;
}

static void forget(const struct lab_vm *vm)
{
    struct lab_vm **link = &running;

    while (*link && *link != vm)
        link = &(*link)->next;
    if (*link)
        *link = vm->next;
}

int lab_teardown(void **state)
{
    (void)state;
    stop_all();
    return 0;
}

struct lab_vm *lab_start(int qemu, enum lab_temper temper, const char *memory,
                         const char *const *extra)
{
    struct lab_vm *vm = calloc(1, sizeof *vm);
    char program[512] = "qemu-system-x86_64", kernel[512], initrd[512], monitor[128], append[128];
    char *arguments[ARGUMENTS];
    int input[2], output[2], count = 0;

    assert_non_null(vm);
    make_folder(vm);
    if (suites[qemu])
        qemu_path(qemu, program, sizeof program);
    snprintf(kernel, sizeof kernel, "%s/vmlinuz", lab_folder());
    snprintf(initrd, sizeof initrd, "%s/initrd", lab_folder());
    snprintf(monitor, sizeof monitor, "unix:%s,server=on,wait=off", vm->socket);
    snprintf(append, sizeof append, "console=ttyS0 quiet loglevel=0 lab.temper=%s",
             temper == LAB_GIVES ? "gives" : "refuses");
    {
        const char *const fixed[] = {program,
                                     "-machine",
                                     "q35,accel=tcg",
                                     "-cpu",
                                     "max",
                                     "-smp",
                                     "2",
                                     "-m",
                                     memory ? memory : "512M,slots=16,maxmem=8G",
                                     "-nodefaults",
                                     "-no-user-config",
                                     "-display",
                                     "none",
                                     "-qmp",
                                     monitor,
                                     "-chardev",
                                     "stdio,id=console,signal=off",
                                     "-serial",
                                     "chardev:console"};
        const char *const boot[] = {"-kernel", kernel, "-initrd", initrd, "-append", append};

        for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
            arguments[count++] = (char *)(uintptr_t)fixed[i];
        for (size_t i = 0; temper != LAB_ABSENT && i < sizeof boot / sizeof *boot; i++)
            arguments[count++] = (char *)(uintptr_t)boot[i];
        for (; extra && *extra && count < ARGUMENTS - 1; extra++)
            arguments[count++] = (char *)(uintptr_t)*extra;
    }
    arguments[count] = NULL;
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    vm->pid = fork();
    assert_true(vm->pid >= 0);
    if (vm->pid == 0)
        run_qemu(arguments, input, output);
    close(input[0]);
    close(output[1]);
    vm->console_in = input[1];
    vm->console_out = output[0];
    remember(vm);
    await_socket(vm);
    if (temper != LAB_ABSENT)
        console_await(vm, "lab: ready", BOOT_SECONDS);
    return vm;
}

const char *lab_socket(const struct lab_vm *vm)
{
    return vm->socket;
}

pid_t lab_pid(const struct lab_vm *vm)
{
    return vm->pid;
}

bool lab_is_alive(struct lab_vm *vm)
{
    if (vm->pid > 0 && waitpid(vm->pid, NULL, WNOHANG) == vm->pid)
        vm->pid = 0;
    return vm->pid > 0;
}

void lab_pause(struct lab_vm *vm)
{
    assert_int_equal(kill(vm->pid, SIGSTOP), 0);
}

void lab_resume(struct lab_vm *vm)
{
    assert_int_equal(kill(vm->pid, SIGCONT), 0);
}

void lab_kill(struct lab_vm *vm)
{
    if (vm->pid <= 0)
        return;
    kill(vm->pid, SIGKILL);
    waitpid(vm->pid, NULL, 0);
    vm->pid = 0;
}

void lab_stop(struct lab_vm *vm)
{
    if (!vm)
        return;
    forget(vm);
    lab_kill(vm);
    close(vm->console_in);
    close(vm->console_out);
    unlink(vm->socket);
    rmdir(vm->folder);
    free(vm);
}
