/* status of many monitors at once: none waits for another, and no more are open than may be. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fake_monitor.h"
#include "support/fake_vm.h"
#include "support/run.h"

/* ---- silent monitors beside one that answers ---- */

#define SILENT 10
#define WELL   4 /* its place among them */

static void test_silent_vms_hold_up_neither_the_others_nor_each_other(void **state)
{
    const char *words[2 * SILENT + 6] = {"status", "--json", "--connect-timeout", "1"};
    struct fake_monitor *fakes[SILENT + 1];
    const struct run_result *result;
    size_t next = 4;
    json_t *rows;

    (void)state;
    for (size_t i = 0; i <= SILENT; i++) {
        fakes[i] = i == WELL ? fake_monitor_start() : fake_monitor_start_greeting(NULL);
        if (i > 0) {
            words[next++] = "-s";
            words[next++] = fake_monitor_path(fakes[i]);
        }
    }
    fake_vm_describe(fakes[WELL]);
    result = run_expect(3, fake_monitor_path(fakes[0]), words);
    assert_true(result->seconds < 3);
    rows = run_json(result);
    assert_int_equal(json_array_size(rows), SILENT + 1);
    for (size_t i = 0; i <= SILENT; i++) {
        const json_t *row = json_array_get(rows, i);
        const json_t *socket = json_at(row, i == WELL ? "vm.socket" : "socket");

        assert_string_equal(json_string_value(socket), fake_monitor_path(fakes[i]));
        assert_int_equal(json_integer_value(json_at(row, "error.code")), i == WELL ? 0 : 3);
    }
    json_decref(rows);
    for (size_t i = 0; i <= SILENT; i++)
        fake_monitor_finish(fakes[i]);
}

/* ---- whose traffic it is ---- */

static void expect_direction(const char *text)
{
    assert_true(strncmp(text, "-> {", 4) == 0 || strncmp(text, "<- {", 4) == 0);
}

static void test_traffic_of_several_vms_says_whose_it_is(void **state)
{
    struct fake_monitor *fakes[] = {fake_monitor_start(), fake_monitor_start()};
    const char *paths[] = {fake_monitor_path(fakes[0]), fake_monitor_path(fakes[1])};
    size_t counts[2] = {0}, length = strlen(paths[0]);

    (void)state;
    fake_vm_describe(fakes[0]);
    fake_vm_describe(fakes[1]);
    for (const char *line = EXPECT(0, paths[0], "-s", paths[1], "-v", "status")->err; *line;
         line = strchr(line, '\n') + 1) {
        size_t whose = strncmp(line, paths[0], length) == 0 ? 0 : 1;

        assert_memory_equal(line, paths[whose], length);
        expect_direction(line + length + 1);
        counts[whose]++;
    }
    assert_true(counts[0] > 2);
    assert_int_equal(counts[0], counts[1]);
    expect_direction(EXPECT(0, paths[0], "-v", "status")->err);
    fake_monitor_finish(fakes[0]);
    fake_monitor_finish(fakes[1]);
}

/* ---- more monitors than may be open ---- */

#define OPEN_LIMIT 512
#define MONITORS   (OPEN_LIMIT + 100)

/* Takes connections and ends them when as many are open as can be, or will be. */
static void *end_all_at_once(void *arg)
{
    int listener = *(const int *)arg, open[OPEN_LIMIT];
    size_t count = 0, all = 0;

    while (all < MONITORS) {
        open[count] = accept(listener, NULL, NULL);
        if (open[count] < 0)
            return NULL;
        count++;
        all++;
        while (count > 0 && (count == OPEN_LIMIT || all == MONITORS))
            close(open[--count]);
    }
    return NULL;
}

static int listen_at(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(listener >= 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(listener, MONITORS), 0);
    return listener;
}

/* What status says of all monitors of the folder, with few more descriptors than connections. */
static json_t *ask_all(const char *folder)
{
    char line[256];
    json_t *rows;
    FILE *output;

    snprintf(line, sizeof line,
             "ulimit -n %d && \"${QMPCTL:-build/qmpctl}\" status -j -s '%s/*.qmp' 2>/dev/null",
             OPEN_LIMIT + 40, folder);
    output = popen(line, "r");
    assert_non_null(output);
    rows = json_loadf(output, 0, NULL);
    assert_int_equal(WEXITSTATUS(pclose(output)), 3);
    assert_non_null(rows);
    return rows;
}

/* A folder with names for one socket, which make monitors of it that all can be asked for. */
static void make_names(const char *folder)
{
    for (size_t i = 0; i < MONITORS; i++) {
        char path[64];

        snprintf(path, sizeof path, "%s/%03zu.qmp", folder, i);
        assert_int_equal(symlink("socket", path), 0);
    }
}

static void remove_all(const char *folder)
{
    char path[64];

    for (size_t i = 0; i < MONITORS; i++) {
        snprintf(path, sizeof path, "%s/%03zu.qmp", folder, i);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/socket", folder);
    unlink(path);
    rmdir(folder);
}

static void test_no_more_are_open_than_a_process_may_have(void **state)
{
    char folder[] = "/tmp/fleet-XXXXXX", path[64];
    pthread_t server;
    int listener;
    json_t *rows;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    listener = listen_at(path);
    make_names(folder);
    assert_int_equal(pthread_create(&server, NULL, end_all_at_once, &listener), 0);
    rows = ask_all(folder);
    shutdown(listener, SHUT_RDWR);
    pthread_join(server, NULL);
    close(listener);
    remove_all(folder);
    assert_int_equal(json_array_size(rows), MONITORS);
    for (size_t i = 0; i < MONITORS; i++) {
        const json_t *row = json_array_get(rows, i);

        snprintf(path, sizeof path, "%s/%03zu.qmp", folder, i);
        assert_string_equal(json_string_value(json_at(row, "socket")), path);
        assert_non_null(strstr(json_string_value(json_at(row, "error.message")),
                               "the connection was closed before its greeting"));
    }
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent_vms_hold_up_neither_the_others_nor_each_other),
        cmocka_unit_test(test_traffic_of_several_vms_says_whose_it_is),
        cmocka_unit_test(test_no_more_are_open_than_a_process_may_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
