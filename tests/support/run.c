#include "run.h"

#include <fcntl.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "support/clock.h"
#include "support/user.h"

#define ARGUMENTS 32

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

/* The folder that it lies in may be closed to the other user. */
static void run_as_user(const char *const *arguments)
{
    int program = open(arguments[0], O_PATH | O_CLOEXEC);

    user_become();
    fexecve(program, (char **)(uintptr_t)arguments, environ);
}

/* Begins the program, with its stdin from in (-1: ours), stdout and stderr into these. */
static pid_t spawn(const char *socket, const char *const *arguments, int in, int out, int err)
{
    const char *program = getenv("QMPCTL");
    const char *all[ARGUMENTS] = {program ? program : "build/qmpctl", "--socket", socket};
    int count = socket ? 3 : 1;
    pid_t pid;

    while (*arguments && count < ARGUMENTS - 1)
        all[count++] = *arguments++;
    all[count] = NULL;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        if (in >= 0)
            dup2(in, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        if (user_differs())
            run_as_user(all);
        else
            execv(all[0], (char **)(uintptr_t)all);
        _exit(127);
    }
    return pid;
}

static int await_exit(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const struct run_result *run_qmpctl(const char *socket, const char *const *arguments)
{
    static struct run_result result;
    double started = clock_now();
    int out[2], err[2];
    pid_t pid;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    pid = spawn(socket, arguments, -1, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    collect(&result, out[0], err[0]);
    close(out[0]);
    close(err[0]);
    result.code = await_exit(pid);
    result.seconds = clock_now() - started;
    return &result;
}

/* ---- one that goes on ---- */

void run_begin(struct run_process *process, const char *socket, const char *const *arguments)
{
    int in[2], out[2];

    *process = (struct run_process){0};
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    process->pid = spawn(socket, arguments, in[0], out[1], out[1]);
    close(in[0]);
    close(out[1]);
    process->in = in[1];
    process->out = out[0];
}

void run_await(struct run_process *process, const char *text, double seconds)
{
    double deadline = clock_now() + seconds;

    for (;;) {
        struct pollfd watched = {.fd = process->out, .events = POLLIN};
        char *found = strstr(process->said, text);
        ssize_t got = 0;

        if (found) {
            found += strlen(text);
            process->length -= (size_t)(found - process->said);
            memmove(process->said, found, process->length + 1);
            return;
        }
        if (clock_now() < deadline && poll(&watched, 1, 100) == 0)
            continue;
        if (clock_now() < deadline && process->length < sizeof process->said - 1)
            got = read(process->out, process->said + process->length,
                       sizeof process->said - 1 - process->length);
        if (got <= 0)
            break;
        process->said[process->length += (size_t)got] = '\0';
    }
    print_error("qmpctl never said '%s', but:\n%s\n", text, process->said);
    kill(process->pid, SIGKILL);
    fail();
}

void run_say(struct run_process *process, const char *line)
{
    assert_int_equal(write(process->in, line, strlen(line)), (ssize_t)strlen(line));
}

int run_end(struct run_process *process, int number)
{
    if (number)
        kill(process->pid, number);
    close(process->in);
    /* What it still says must find a reader. */
    while (read(process->out, process->said, sizeof process->said) > 0)
        continue;
    close(process->out);
    return await_exit(process->pid);
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

json_int_t integer_at(const json_t *json, const char *path)
{
    const json_t *value = json_at(json, path);

    if (!json_is_integer(value)) {
        print_error("no integer %s\n", path);
        fail();
    }
    return json_integer_value(value);
}

json_int_t status_number(const char *socket, const char *path)
{
    json_t *status = run_json(EXPECT(0, socket, "status", "--json"));
    json_int_t value = json_integer_value(json_at(status, path));

    json_decref(status);
    return value;
}

size_t status_rows(const char *socket, const char *path)
{
    json_t *status = run_json(EXPECT(0, socket, "status", "--json"));
    size_t count = json_array_size(json_at(status, path));

    json_decref(status);
    return count;
}
