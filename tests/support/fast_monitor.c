#include "fast_monitor.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char greeting[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, \"package\": "
    "\"v10.0.2\"}, \"capabilities\": [\"oob\"]}}\r\n";

/* What status asks, and no more. */
static const struct {
    const char *command, *value;
} answers[] = {
    {"\"query-status\"", "{\"status\": \"running\", \"singlestep\": false, \"running\": true}"},
    {"\"qmp_capabilities\"", "{}"},
    {"\"query-name\"", "{\"name\": \"web\"}"},
    {"\"query-uuid\"", "{\"UUID\": \"00000000-0000-0000-0000-000000000000\"}"},
    {"\"query-memory-size-summary\"", "{\"base-memory\": 536870912, \"plugged-memory\": 0}"},
    {"\"query-memory-devices\"", "[]"},
    {"\"query-memdev\"", "[]"},
    {"\"qom-list\"", "[]"},
    {"\"qom-get\"", "{\"size\": 536870912, \"slots\": 16, \"max-size\": 8589934592}"},
    {"\"query-acpi-ospm-status\"", "[]"},
    {"\"human-monitor-command\"", "\"0 nodes\\r\\n\""},
    {"\"query-migrate\"", "{}"},
};

static char *put(char *place, const char *text)
{
    size_t length = strlen(text);

    memcpy(place, text, length);
    return place + length;
}

static char *answer(char *said, const char *line, const char *end)
{
    const char *id = end, *value = "{}";

    while (id > line && id[-1] != ':')
        id--;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (memmem(line, (size_t)(end - line), answers[i].command, strlen(answers[i].command))) {
            value = answers[i].value;
            break;
        }
    }
    said = put(put(put(said, "{\"return\": "), value), ", \"id\": ");
    while (*id >= '0' && *id <= '9')
        *said++ = *id++;
    return put(said, "}\r\n");
}

/* All the whole lines are answered in one write. Commands come from two clients that end each with
 * the id and a newline and never cut one in two, which the benchmark may rely on. */
static void serve(int epoll, int descriptor)
{
    static char heard[65536], said[1 << 20];
    ssize_t got = read(descriptor, heard, sizeof heard);
    char *end = said, *line = heard, *stop;

    if (got <= 0) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL);
        close(descriptor);
        return;
    }
    for (; (stop = memchr(line, '\n', (size_t)(heard + got - line))); line = stop + 1)
        end = answer(end, line, stop);
    if (write(descriptor, said, (size_t)(end - said)) != end - said)
        _exit(1);
}

static void watch(int epoll, int descriptor, bool listens)
{
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u64 = (uint64_t)descriptor << 1 | (listens ? 1 : 0)};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0)
        _exit(1);
}

static void monitor_main(const int *listeners, size_t count)
{
    int epoll = epoll_create1(0);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < count; i++)
        watch(epoll, listeners[i], true);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, -1);

        for (int i = 0; i < ready; i++) {
            int descriptor = (int)(events[i].data.u64 >> 1);

            if (!(events[i].data.u64 & 1)) {
                serve(epoll, descriptor);
                continue;
            }
            descriptor = accept(descriptor, NULL, NULL);
            if (descriptor < 0 ||
                write(descriptor, greeting, sizeof greeting - 1) != sizeof greeting - 1)
                _exit(1);
            watch(epoll, descriptor, false);
        }
    }
}

void fast_monitor_name(struct sockaddr_un *name, const char *folder, size_t number)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(name->sun_path, sizeof name->sun_path, "%.40s/%zu.qmp", folder, number);
}

pid_t fast_monitor_start(const char *folder, size_t count)
{
    int *listeners = calloc(count, sizeof *listeners);
    pid_t pid;

    assert_non_null(listeners);
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_un name;

        fast_monitor_name(&name, folder, i);
        listeners[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(listeners[i] >= 0);
        assert_int_equal(bind(listeners[i], (struct sockaddr *)&name, sizeof name), 0);
        assert_int_equal(listen(listeners[i], 8), 0);
    }
    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        monitor_main(listeners, count);
    for (size_t i = 0; i < count; i++)
        close(listeners[i]);
    free(listeners);
    return pid;
}

void fast_monitor_stop(pid_t pid, const char *folder, size_t count)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_un name;

        fast_monitor_name(&name, folder, i);
        unlink(name.sun_path);
    }
}
