/*
 * What a message costs, beside a blocking client on sockets and jansson as one would write it for
 * the purpose, against a monitor in a process of its own that does as little as it can. Both do the
 * same: build the command, send it, read the line, parse it, look at id and return. In turn, in one
 * run; medians, and of the ratios too. Then what a thousand connections take, and how long "status"
 * of all.
 */
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "qmpclient.h"
#include "support/fast_monitor.h"
#include "support/run.h"

#define ROUNDS      10
#define MESSAGES    10000 /* a round: 100,000 in all */
#define IN_FLIGHT   8
#define CONNECTIONS 1000
#define REAL        40

/* ---- time ---- */

struct cost {
    double wall, cpu; /* seconds */
};

static struct cost now(void)
{
    struct timespec wall, cpu;

    clock_gettime(CLOCK_MONOTONIC, &wall);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (struct cost){(double)wall.tv_sec + (double)wall.tv_nsec / 1e9,
                         (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9};
}

static struct cost since(struct cost start)
{
    struct cost end = now();

    return (struct cost){end.wall - start.wall, end.cpu - start.cpu};
}

static int by_value(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return (difference > 0) - (difference < 0);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return (values[(ROUNDS - 1) / 2] + values[ROUNDS / 2]) / 2;
}

/* ---- the other client: blocking, and jansson ---- */

struct blocking {
    int descriptor;
    char buffer[65536];
    size_t length;
    json_int_t id;
};

static json_t *blocking_read(struct blocking *other)
{
    for (;;) {
        char *end = memchr(other->buffer, '\n', other->length);
        ssize_t got;

        if (end) {
            size_t line = (size_t)(end - other->buffer) + 1;
            json_t *message = json_loadb(other->buffer, line, 0, NULL);

            assert_non_null(message);
            memmove(other->buffer, other->buffer + line, other->length - line);
            other->length -= line;
            return message;
        }
        got = read(other->descriptor, other->buffer + other->length,
                   sizeof other->buffer - other->length);
        assert_true(got > 0);
        other->length += (size_t)got;
    }
}

static json_t *blocking_command(struct blocking *other, const char *command)
{
    json_t *request = json_pack("{s:s,s:I}", "execute", command, "id", ++other->id), *reply;
    char *text = json_dumps(request, JSON_COMPACT);
    size_t length = strlen(text);

    text[length] = '\n';
    assert_int_equal(write(other->descriptor, text, length + 1), (ssize_t)length + 1);
    free(text);
    json_decref(request);
    do {
        reply = blocking_read(other);
        if (json_integer_value(json_object_get(reply, "id")) == other->id)
            break;
        json_decref(reply);
        reply = NULL;
    } while (!reply);
    return reply;
}

static void blocking_open(struct blocking *other, const char *folder)
{
    struct sockaddr_un name;

    *other = (struct blocking){.descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    fast_monitor_name(&name, folder, 0);
    assert_int_equal(connect(other->descriptor, (struct sockaddr *)&name, sizeof name), 0);
    json_decref(blocking_read(other));
    json_decref(blocking_command(other, "qmp_capabilities"));
}

static struct cost blocking_round(struct blocking *other)
{
    struct cost start = now();

    for (int i = 0; i < MESSAGES; i++) {
        json_t *reply = blocking_command(other, "query-status");

        assert_true(json_is_object(json_object_get(reply, "return")));
        json_decref(reply);
    }
    return since(start);
}

/* ---- ours ---- */

struct ours {
    struct event_base *base;
    struct qmp_client *client;
    int left, waiting; /* to be sent, and sent */
};

static void on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct ours *ours = arg;

    (void)client;
    assert_null(error);
    event_base_loopbreak(ours->base);
}

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    struct ours *ours = arg;

    assert_true(!error && json_is_object(value));
    ours->waiting--;
    if (ours->left > 0) {
        ours->left--;
        ours->waiting++;
        assert_int_equal(qmp_client_send(client, "query-status", NULL, 10000, on_reply, ours, NULL),
                         0);
    } else if (ours->waiting == 0) {
        event_base_loopbreak(ours->base);
    }
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    base = event_base_new_with_config(config);
    event_config_free(config);
    assert_non_null(base);
    return base;
}

static void ours_open(struct ours *ours, const char *folder)
{
    struct sockaddr_un name;

    *ours = (struct ours){.base = base_new()};
    fast_monitor_name(&name, folder, 0);
    ours->client = qmp_client_new(ours->base, NULL);
    assert_int_equal(
        qmp_client_connect(ours->client, name.sun_path, 0, 10000, on_ready, ours, NULL), 0);
    event_base_dispatch(ours->base);
}

static struct cost ours_round(struct ours *ours, int in_flight)
{
    struct cost start = now();

    ours->left = MESSAGES - in_flight;
    ours->waiting = in_flight;
    for (int i = 0; i < in_flight; i++)
        assert_int_equal(
            qmp_client_send(ours->client, "query-status", NULL, 10000, on_reply, ours, NULL), 0);
    event_base_dispatch(ours->base);
    return since(start);
}

/* ---- messages ---- */

/* Ratios are of the two rounds that ran side by side, so that a machine that changes its mind in
 * between does not count. */
static void print_row(const char *what, const struct cost *ours, const struct cost *theirs)
{
    double wall[ROUNDS], cpu[ROUNDS], speed[ROUNDS], work[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        wall[i] = ours[i].wall;
        cpu[i] = ours[i].cpu;
        speed[i] = theirs[i].wall / ours[i].wall;
        work[i] = ours[i].cpu / theirs[i].cpu;
    }
    printf("%-28s %9.0f messages/s  %6.2f us CPU each  %5.2fx the speed  %5.2fx the CPU\n", what,
           MESSAGES / median(wall), median(cpu) / MESSAGES * 1e6, median(speed), median(work));
}

static void compare_messages(const char *folder)
{
    static struct cost theirs[ROUNDS], sequential[ROUNDS], flying[ROUNDS];
    static struct blocking other;
    struct ours ours;
    pid_t monitor = fast_monitor_start(folder, 1);

    blocking_open(&other, folder);
    ours_open(&ours, folder);
    for (int i = 0; i < ROUNDS; i++) {
        theirs[i] = blocking_round(&other);
        sequential[i] = ours_round(&ours, 1);
        flying[i] = ours_round(&ours, IN_FLIGHT);
    }
    print_row("blocking C and jansson", theirs, theirs);
    print_row("libqmpclient, one at a time", sequential, theirs);
    print_row("libqmpclient, 8 in flight", flying, theirs);
    close(other.descriptor);
    qmp_client_free(ours.client);
    event_base_free(ours.base);
    fast_monitor_stop(monitor, folder, 1);
}

/* ---- a thousand connections ---- */

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*s %ld", &pages), 1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

struct crowd {
    struct event_base *base;
    unsigned waiting;
};

static void crowd_answered(struct crowd *crowd)
{
    if (--crowd->waiting == 0)
        event_base_loopbreak(crowd->base);
}

static void on_crowd_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    (void)client;
    assert_null(error);
    crowd_answered(arg);
}

static void on_crowd_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                           void *arg)
{
    (void)client;
    assert_true(value && !error);
    crowd_answered(arg);
}

static void measure_crowd(const char *folder)
{
    static struct qmp_client *clients[CONNECTIONS];
    struct crowd crowd = {.base = base_new()};
    pid_t monitor = fast_monitor_start(folder, CONNECTIONS);
    long before = resident();
    struct cost start = now(), opened, asked;

    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct sockaddr_un name;

        fast_monitor_name(&name, folder, i);
        clients[i] = qmp_client_new(crowd.base, NULL);
        assert_int_equal(
            qmp_client_connect(clients[i], name.sun_path, 0, 60000, on_crowd_ready, &crowd, NULL),
            0);
    }
    crowd.waiting = CONNECTIONS;
    event_base_dispatch(crowd.base);
    opened = since(start);
    start = now();
    for (size_t i = 0; i < CONNECTIONS; i++)
        assert_int_equal(
            qmp_client_send(clients[i], "query-status", NULL, 60000, on_crowd_reply, &crowd, NULL),
            0);
    crowd.waiting = CONNECTIONS;
    event_base_dispatch(crowd.base);
    asked = since(start);
    printf("%d connections: %.1f KiB each, opened in %.0f ms, query-status of all in %.0f ms\n",
           CONNECTIONS, (double)(resident() - before) / 1024 / CONNECTIONS, opened.wall * 1e3,
           asked.wall * 1e3);
    for (size_t i = 0; i < CONNECTIONS; i++)
        qmp_client_free(clients[i]);
    event_base_free(crowd.base);
    fast_monitor_stop(monitor, folder, CONNECTIONS);
}

/* ---- status of many, by the program ---- */

static void time_status(const char *folder, const char *what, size_t count)
{
    double seconds[3];
    char pattern[64];

    snprintf(pattern, sizeof pattern, "%.40s/*.qmp", folder);
    for (int i = 0; i < 3; i++) {
        const struct run_result *result = EXPECT(0, pattern, "status");
        size_t lines = 0;

        for (const char *c = result->out; *c; c++)
            lines += *c == '\n';
        assert_int_equal(lines, count + 1);
        seconds[i] = result->seconds;
    }
    qsort(seconds, 3, sizeof *seconds, by_value);
    printf("qmpctl status of %zu %s: %.0f ms\n", count, what, seconds[1] * 1e3);
}

static void start_qemu(pid_t *pid, const char *folder, size_t number)
{
    char monitor[96];

    snprintf(monitor, sizeof monitor, "unix:%.40s/%zu.qmp,server=on,wait=off", folder, number);
    *pid = fork();
    assert_true(*pid >= 0);
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("qemu-system-x86_64", "qemu-system-x86_64", "-machine", "none", "-nodefaults",
               "-no-user-config", "-display", "none", "-qmp", monitor, (char *)NULL);
        _exit(127);
    }
}

static void measure_real(const char *folder)
{
    pid_t pids[REAL];

    for (size_t i = 0; i < REAL; i++)
        start_qemu(&pids[i], folder, i);
    for (size_t i = 0; i < REAL; i++) {
        struct sockaddr_un name;

        fast_monitor_name(&name, folder, i);
        EXPECT(0, name.sun_path, "--wait", "60", "--connect-timeout", "60", "qmp", "query-status");
    }
    time_status(folder, "real QEMUs", REAL);
    for (size_t i = 0; i < REAL; i++) {
        struct sockaddr_un name;

        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
        fast_monitor_name(&name, folder, i);
        unlink(name.sun_path);
    }
}

int main(void)
{
    struct rlimit limit;
    char folder[] = "/tmp/qmpctl-bench-XXXXXX";
    pid_t monitor;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_non_null(mkdtemp(folder));
    compare_messages(folder);
    measure_crowd(folder);
    monitor = fast_monitor_start(folder, CONNECTIONS);
    time_status(folder, "fake monitors", CONNECTIONS);
    fast_monitor_stop(monitor, folder, CONNECTIONS);
    measure_real(folder);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}
