/* That the scripted monitor is strict: whatever is not in its script makes a test fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fake_monitor.h"
#include "support/run.h"

#define WORDS 4

/* The script: device_del of dimm0, then its event. */
static struct fake_monitor *start(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_monitor_allow(fake, "query-status", NULL, "{\"status\":\"running\"}");
    fake_monitor_expect(fake, "device_del", "{\"id\":\"dimm0\"}", "{}");
    fake_monitor_event(fake, "DEVICE_DELETED", "{\"device\":\"dimm0\"}");
    return fake;
}

/* Ends it; complaint NULL: there is none. */
static void assert_complaint(struct fake_monitor *fake, const char *complaint)
{
    char failure[4096];
    bool satisfied = fake_monitor_stop(fake, failure, sizeof failure);

    assert_int_equal(satisfied, complaint == NULL);
    if (complaint && !strstr(failure, complaint))
        fail_msg("'%s' is not in: %s", complaint, failure);
}

static void what_is_not_in_the_script_is_told(void **state)
{
    static const struct {
        const char *commands[2][WORDS], *complaint;
    } cases[] = {
        {{{"device_del", "id=dimm0"}}, NULL},
        {{{"query-status"}, {"device_del", "id=dimm0"}}, NULL},
        {{{"device_add", "id=dimm0"}},
         "unexpected command {\"execute\": \"device_add\", \"arguments\": {\"id\": \"dimm0\"}"},
        {{{"device_del", "id=dimm1"}}, "the next one is device_del {\"id\": \"dimm0\"}"},
        {{{"device_del", "id=dimm0", "force=true"}}, "\"force\": true"},
        {{{"device_del"}}, "unexpected command {\"execute\": \"device_del\""},
        {{{"query-status", "x=1"}}, "unexpected command {\"execute\": \"query-status\""},
        {{{"device_del", "id=dimm0"}, {"device_del", "id=dimm0"}}, "the script has ended"},
        {{{"query-status"}}, "this command never came: device_del {\"id\": \"dimm0\"}"},
        {{{0}}, "this command never came: device_del"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_monitor *fake = start();

        for (size_t j = 0; j < 2 && cases[i].commands[j][0]; j++) {
            const char *arguments[WORDS + 2] = {"qmp"};

            memcpy(arguments + 1, cases[i].commands[j], sizeof cases[i].commands[j]);
            run_qmpctl(fake_monitor_path(fake), arguments);
        }
        assert_complaint(fake, cases[i].complaint);
    }
}

/* Both are the test's mistake when they go by without a word. */
static void a_message_that_found_nobody_is_told(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    fake_monitor_event(fake, "STOP", NULL);
    assert_complaint(fake, "there was nobody to send this to: {");
}

static void what_is_no_command_is_told(void **state)
{
    static const struct {
        const char *bytes, *complaint;
    } cases[] = {
        {"{\"execute\": \"query-status\", \"id\": 1}\n", "this command never came"},
        {"{\"execute\": \"query-status\"}\n", "no well-formed command came"},
        {"{\"execute\": \"query-status\", \"id\": 1, \"more\": 1}\n",
         "no well-formed command came"},
        {"{\"execute\": \"query-status\", \"arguments\": [], \"id\": 1}\n",
         "no well-formed command came"},
        {"{\"execute\": 1, \"id\": 1}\n", "no well-formed command came"},
        {"execute\n", "no JSON came"},
        {"{\"execute\": ", "the client left in the middle of a command"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        struct fake_monitor *fake = start();
        int client = socket(AF_UNIX, SOCK_STREAM, 0);
        char answers[4096];

        snprintf(name.sun_path, sizeof name.sun_path, "%s", fake_monitor_path(fake));
        assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof name), 0);
        assert_int_equal(write(client, cases[i].bytes, strlen(cases[i].bytes)),
                         (ssize_t)strlen(cases[i].bytes));
        /* Until the monitor has read all, and hangs up. */
        shutdown(client, SHUT_WR);
        while (read(client, answers, sizeof answers) > 0)
            continue;
        close(client);
        assert_complaint(fake, cases[i].complaint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_in_the_script_is_told),
        cmocka_unit_test(a_message_that_found_nobody_is_told),
        cmocka_unit_test(what_is_no_command_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
