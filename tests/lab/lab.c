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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/clock.h"
#include "support/user.h"

/* TCG on a busy machine: a boot takes 3 s when nothing else runs. */
#define BOOT_SECONDS   90
#define READY          "lab: ready" /* says the guest */
#define ANSWER_SECONDS 60
#define ARGUMENTS      64

struct lab_vm {
    struct lab_vm *next;
    pid_t pid;
    int console_in, console_out;
    char folder[88], socket[96], second[96]; /* a socket's path has 107 bytes at the most */
    char text[65536];                        /* what the console said and nobody has read */
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

/* Reads the console until text turns up, and returns what follows it; NULL at the deadline. */
static const char *console_find(struct lab_vm *vm, const char *text, double seconds)
{
    double deadline = clock_now() + seconds;

    for (;;) {
        struct pollfd watched = {.fd = vm->console_out, .events = POLLIN};
        char *found = strstr(vm->text, text);
        ssize_t got = -1;

        if (found && strchr(found, '\n'))
            return found + strlen(text);
        if (clock_now() > deadline)
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
    return NULL;
}

/* The same; fails at the deadline. */
static const char *console_await(struct lab_vm *vm, const char *text, double seconds)
{
    const char *found = console_find(vm, text, seconds);

    if (!found) {
        print_error("the guest never said '%s'; its console:\n%s\n", text, vm->text);
        fail();
    }
    return found;
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
    double deadline = clock_now() + seconds;
    uint64_t total = lab_memtotal(vm);

    while ((total < low || total > high) && clock_now() < deadline)
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

void lab_await_ready(struct lab_vm *vm)
{
    console_await(vm, READY, BOOT_SECONDS);
}

/* Says something to the second monitor, and leaves when it was answered; events come before that.
 */
static void say(int descriptor, const char *text)
{
    char answer[4096] = "";
    ssize_t got = write(descriptor, text, strlen(text));

    while (got > 0 && !strstr(answer, "\"return\"")) {
        got = read(descriptor, answer, sizeof answer - 1);
        answer[got > 0 ? got : 0] = '\0';
    }
}

static void say_at_second(const struct lab_vm *vm, const char *const *commands)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char greeting[4096], text[64];

    snprintf(name.sun_path, sizeof name.sun_path, "%s", vm->second);
    if (connect(descriptor, (struct sockaddr *)&name, sizeof name) == 0 &&
        read(descriptor, greeting, sizeof greeting) > 0) {
        for (; *commands; commands++) {
            snprintf(text, sizeof text, "{\"execute\": \"%s\"}", *commands);
            say(descriptor, text);
        }
    }
    close(descriptor);
}

void lab_halt(struct lab_vm *vm)
{
    say_at_second(vm, (const char *const[]){"qmp_capabilities", "stop", NULL});
}

void lab_reset(struct lab_vm *vm)
{
    say_at_second(vm, (const char *const[]){"qmp_capabilities", "system_reset", "cont", NULL});
}

void lab_power_off(struct lab_vm *vm)
{
    siginfo_t information;

    dprintf(vm->console_in, "poweroff\n");
    waitid(P_PID, (id_t)vm->pid, &information, WEXITED | WNOWAIT);
}

static void run_qemu(char **arguments, const int input[2], const int output[2])
{
    signal(SIGPIPE, SIG_DFL);
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    user_become();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* becoming another clears it */
    execvp(arguments[0], arguments);
    _exit(127);
}

/* The file is there before QEMU listens; the kernel's table tells. Connecting would take the place
 * of the test's own client. */
static bool is_listening(const char *path)
{
    FILE *table = fopen("/proc/net/unix", "re");
    char line[512];
    bool found = false;

    assert_non_null(table);
    while (!found && fgets(line, sizeof line, table)) {
        unsigned flags;
        int where = 0;

        line[strcspn(line, "\n")] = '\0';
        found = sscanf(line, "%*s %*s %*s %x %*s %*s %*s %n", &flags, &where) == 1 && where > 0 &&
                (flags & 0x10000) && strcmp(line + where, path) == 0;
    }
    fclose(table);
    return found;
}

static void await_socket(struct lab_vm *vm)
{
    double deadline = clock_now() + BOOT_SECONDS;
    bool listening;

    /* A look may miss one, while others come and go. */
    while (!(listening = is_listening(vm->socket)) && clock_now() < deadline && lab_is_alive(vm))
        poll(NULL, 0, 5);
    assert_true(listening);
}

static void make_folder(struct lab_vm *vm)
{
    /* Where the tests keep their files is closed to others. */
    const char *parent = user_differs() ? "/tmp" : getenv("TMPDIR");
    int length =
        snprintf(vm->folder, sizeof vm->folder, "%s/qmpctl-lab-XXXXXX", parent ? parent : "/tmp");

    assert_in_range(length, 1, sizeof vm->folder - 1);
    assert_non_null(mkdtemp(vm->folder));
    user_give(vm->folder);
    snprintf(vm->socket, sizeof vm->socket, "%s/qmp", vm->folder);
    snprintf(vm->second, sizeof vm->second, "%s/qmp2", vm->folder);
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

/* One whose monitors are there; its guest, if any, has begun to boot. */
static struct lab_vm *launch(int qemu, enum lab_temper temper, const char *memory,
                             const char *const *extra)
{
    struct lab_vm *vm = calloc(1, sizeof *vm);
    char program[512] = "qemu-system-x86_64", kernel[512], initrd[512], monitor[128], second[128],
         append[128];
    char *arguments[ARGUMENTS];
    int input[2], output[2], count = 0;

    assert_non_null(vm);
    make_folder(vm);
    if (suites[qemu])
        qemu_path(qemu, program, sizeof program);
    snprintf(kernel, sizeof kernel, "%s/vmlinuz", lab_folder());
    snprintf(initrd, sizeof initrd, "%s/initrd", lab_folder());
    snprintf(monitor, sizeof monitor, "unix:%s,server=on,wait=off", vm->socket);
    snprintf(second, sizeof second, "unix:%s,server=on,wait=off", vm->second);
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
                                     "-qmp",
                                     second,
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
    return vm;
}

/* The emulation of QEMU 5.2 has been seen to hang in a guest's boot, on a crowded machine. That is
 * not what is tested: such a guest is started once more. */
struct lab_vm *lab_start(int qemu, enum lab_temper temper, const char *memory,
                         const char *const *extra)
{
    struct lab_vm *vm = launch(qemu, temper, memory, extra);

    if (temper == LAB_ABSENT || console_find(vm, READY, BOOT_SECONDS))
        return vm;
    print_message("a guest of QEMU %s did not boot within %d s; another one is started\n",
                  lab_qemu_name(qemu), BOOT_SECONDS);
    lab_stop(vm);
    vm = launch(qemu, temper, memory, extra);
    console_await(vm, READY, BOOT_SECONDS);
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
    /* Its threads stop one after the other. */
    assert_int_equal(waitpid(vm->pid, NULL, WUNTRACED), vm->pid);
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
    unlink(vm->second);
    rmdir(vm->folder);
    free(vm);
}
