/*
 * What a one-shot command costs as a whole process, against a floor: a program that sends the same
 * bytes and counts the replies, without JSON and without libevent. In turn, in one run; ratios of
 * medians. Called with --floor SOCKET FILE it is that floor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "support/clock.h"
#include "support/run.h"

#define ROUNDS 60

static char requests[65536];

/* Reads until count replies (lines that are no events) have come. */
static int await_lines(int fd, int count)
{
    static char buffer[65536];
    ssize_t got;

    while (count > 0 && (got = read(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            count -= buffer[i] == '\n';
    }
    return count;
}

static int floor_main(const char *path, const char *file)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), count = 0;
    FILE *input = fopen(file, "r");
    size_t length = input ? fread(requests, 1, sizeof requests, input) : 0, first;

    if (input)
        fclose(input);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (fd < 0 || length == 0 || connect(fd, (struct sockaddr *)&name, sizeof name) < 0)
        return 1;
    first = (size_t)(strchr(requests, '\n') - requests) + 1;
    for (size_t i = first; i < length; i++)
        count += requests[i] == '\n';
    if (await_lines(fd, 1) > 0 || write(fd, requests, first) != (ssize_t)first ||
        await_lines(fd, 1) > 0 ||
        write(fd, requests + first, length - first) != (ssize_t)(length - first))
        return 1;
    return await_lines(fd, count) > 0;
}

static double timed(const char *const *arguments, long *rss)
{
    double started = clock_now();
    struct rusage usage;
    int status;
    pid_t pid;

    fflush(stdout); /* else the child writes what is still buffered once more */
    pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(126);
        execv(arguments[0], (char **)(uintptr_t)arguments);
        _exit(127);
    }
    assert_int_equal(wait4(pid, &status, 0, &usage), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (usage.ru_maxrss > *rss)
        *rss = usage.ru_maxrss;
    return clock_now() - started;
}

static int by_value(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return (difference > 0) - (difference < 0);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

/* The requests that a command sends, as its --verbose shows them, into a file. */
static void write_requests(const char *err, const char *file)
{
    FILE *output = fopen(file, "w");

    assert_non_null(output);
    for (const char *line = err; (line = strstr(line, "-> ")); line++)
        fprintf(output, "%.*s\n", (int)strcspn(line + 3, "\n"), line + 3);
    assert_int_equal(fclose(output), 0);
}

/* What is compared, in turn with the floor; between two runs what they did is taken back. */
struct comparison {
    const char *what;
    const char *const *arguments;
    const char *const *undo; /* NULL: nothing to take back */
};

static void take_back(const struct comparison *comparison, const char *socket)
{
    if (comparison->undo)
        run_expect(0, socket, comparison->undo);
}

static void compare(const char *self, const char *socket, const struct comparison *comparison,
                    const char *file)
{
    const char *program = getenv("QMPCTL");
    const char *command[16] = {program ? program : "build/qmpctl", "--socket", socket};
    const char *const floor[] = {self, "--floor", socket, file, NULL};
    static double ours[ROUNDS], theirs[ROUNDS];
    long rss = 0, floor_rss = 0;

    for (int i = 0; comparison->arguments[i]; i++)
        command[i + 3] = comparison->arguments[i];
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = timed(command, &rss);
        take_back(comparison, socket);
        theirs[i] = timed(floor, &floor_rss);
        take_back(comparison, socket);
    }
    printf("%-32s %8.2f ms  floor %8.2f ms  ratio %.2f  peak RSS %ld KiB\n", comparison->what,
           median(ours) * 1e3, median(theirs) * 1e3, median(ours) / median(theirs), rss);
}

static void compare_status(const char *self, const struct lab_vm *vm, const char *file)
{
    static const char *const status[] = {"status", "--json", NULL};

    write_requests(EXPECT(0, lab_socket(vm), "-v", "status", "--json")->err, file);
    compare(self, lab_socket(vm), &(struct comparison){"status --json", status, NULL}, file);
}

/* The guest gives back what was plugged, so that every round meets the same VM. */
static void compare_plug(const char *self, const struct lab_vm *vm, const char *file)
{
    static const char *const plug[] = {"plug", "128M", "--accept-timeout", "0", NULL};
    static const char *const unplug[] = {"unplug", "dimm0", NULL};
    const struct comparison comparison = {"plug 128M --accept-timeout 0", plug, unplug};

    write_requests(EXPECT(0, lab_socket(vm), "-v", "plug", "128M", "--accept-timeout", "0")->err,
                   file);
    take_back(&comparison, lab_socket(vm));
    compare(self, lab_socket(vm), &comparison, file);
}

int main(int argc, char **argv)
{
    char file[] = "/tmp/qmpctl-bench-XXXXXX";
    struct lab_vm *vm;
    int fd;

    if (argc == 4 && strcmp(argv[1], "--floor") == 0)
        return floor_main(argv[2], argv[3]);
    fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    vm = lab_start(LAB_HOST, LAB_GIVES, NULL, NULL);
    compare_status(argv[0], vm, file);
    compare_plug(argv[0], vm, file);
    lab_stop(vm);
    unlink(file);
    return 0;
}
