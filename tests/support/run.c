#include "run.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS 32

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Reads both pipes to their ends. */
static void collect(struct run_result *result, int out, int err)
{
    struct pollfd pipes[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    char *buffers[2] = {result->out, result->err};
    size_t lengths[2] = {0, 0}, sizes[2] = {sizeof result->out, sizeof result->err};

    while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
        poll(pipes, 2, -1);
        for (int i = 0; i < 2; i++) {
            ssize_t got;

            if (pipes[i].fd < 0 || !pipes[i].revents)
                continue;
            got = read(pipes[i].fd, buffers[i] + lengths[i], sizes[i] - 1 - lengths[i]);
            if (got > 0)
                lengths[i] += (size_t)got;
            else
                pipes[i].fd = -1;
        }
    }
    result->out[lengths[0]] = result->err[lengths[1]] = '\0';
}

const struct run_result *run_qmpctl(const char *socket, const char *const *arguments)
{
    static struct run_result result;
    const char *program = getenv("QMPCTL");
    const char *all[ARGUMENTS] = {program ? program : "build/qmpctl", "--socket", socket};
    int count = socket ? 3 : 1, out[2], err[2], status;
    double started = now();
    pid_t pid;

    while (*arguments && count < ARGUMENTS - 1)
        all[count++] = *arguments++;
    all[count] = NULL;
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        close(out[0]);
        close(err[0]);
        execv(all[0], (char **)(uintptr_t)all);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    collect(&result, out[0], err[0]);
    close(out[0]);
    close(err[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.seconds = now() - started;
    return &result;
}

const struct run_result *run_expect(int code, const char *socket, const char *const *arguments)
{
    const struct run_result *result = run_qmpctl(socket, arguments);

    if (result->code != code) {
        print_error("qmpctl %s ended with %d, not %d\nstdout: %s\nstderr: %s\n", arguments[0],
                    result->code, code, result->out, result->err);
        fail();
    }
    return result;
}

json_t *run_json(const struct run_result *result)
{
    json_t *json = json_loads(result->out, 0, NULL);

    if (!json) {
        print_error("no JSON: %s\n%s\n", result->out, result->err);
        fail();
    }
    return json;
}

const json_t *json_at(const json_t *json, const char *path)
{
    char part[64];
    size_t length;

    while (json && *path) {
        length = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        json = json_is_array(json) ? json_array_get(json, strtoul(part, NULL, 10))
                                   : json_object_get(json, part);
        path += length + (path[length] == '.');
    }
    return json;
}
