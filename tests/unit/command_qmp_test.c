/* The qmp command against a scripted monitor: what is sent for what was typed, and what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "error.h"
#include "qmp_words.h"
#include "qmpclient.h"
#include "support/fake_monitor.h"
#include "support/run.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SECONDS    20

static void expect_text(const char *text, const char *part)
{
    if (strstr(text, part))
        return;
    print_error("'%s' is not in:\n%s\n", part, text);
    fail();
}

/* ---- KEY=VALUE ---- */

static void test_words_become_arguments(void **state)
{
    static const struct {
        const char *words[4], *json; /* NULL: refused */
    } rows[] = {
        {{"id=dimm0"}, "{\"id\":\"dimm0\"}"},
        {{"id="}, "{\"id\":\"\"}"},
        {{"n=7", "on=true", "off=false", "none=null"},
         "{\"n\":7,\"on\":true,\"off\":false,\"none\":null}"},
        {{"s=\"7\""}, "{\"s\":\"7\"}"},
        {{"s=007"}, "{\"s\":\"007\"}"},
        {{"s=a=b"}, "{\"s\":\"a=b\"}"},
        {{"n=18446744073709551615"}, "{\"n\":18446744073709551615}"},
        {{"list=[1,{\"a\":2}]"}, "{\"list\":[1,{\"a\":2}]}"},
        {{"a.b.c=1", "a.b.d=2", "a.e=x"}, "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"e\":\"x\"}}"},
        {{"a={}", "a.b=1"}, "{\"a\":{\"b\":1}}"},
        {{"half=\"x"}, "{\"half\":\"\\\"x\"}"},
        {{"word"}, NULL},
        {{"=x"}, NULL},
        {{".=x"}, NULL},
        {{"a.=x"}, NULL},
        {{".a=x"}, NULL},
        {{"a..b=x"}, NULL},
        {{"a=1", "a=2"}, NULL},
        {{"a=1", "a.b=2"}, NULL},
        {{"a.b=1", "a=2"}, NULL},
        {{"a=\xff"}, NULL},
        {{"\xff=a"}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *arguments = json_object();
        struct error error = {0};
        int code = 0;
        char *text;

        for (size_t k = 0; code == 0 && k < 4 && rows[i].words[k]; k++)
            code = qmp_words_add(arguments, rows[i].words[k], &error);
        text = qmp_json_dumps(arguments, false);
        assert_int_equal(code, rows[i].json ? 0 : -1);
        assert_int_equal(error.code, rows[i].json ? 0 : EXIT_USAGE);
        if (rows[i].json)
            assert_string_equal(text, rows[i].json);
        free(text);
        json_decref(arguments);
    }
}

static void test_an_event_is_recognised(void **state)
{
    static const struct {
        const char *wanted, *name, *data;
        bool match;
    } rows[] = {
        {"STOP", "STOP", "{}", true},
        {"STOP", "RESUME", "{}", false},
        {"E,device=d0", "E", "{\"device\":\"d0\",\"path\":\"/x\"}", true},
        {"E,device=d0", "E", "{\"device\":\"d1\"}", false},
        {"E,device=d0", "E", "{}", false},
        {"E,n=7", "E", "{\"n\":7}", true},
        {"E,n=7", "E", "{\"n\":\"7\"}", true},
        {"E,n=\"7\"", "E", "{\"n\":7}", false},
        {"E,info.slot=0,info.source=3", "E", "{\"info\":{\"slot\":\"0\",\"source\":3,\"x\":1}}",
         true},
        {"E,info.slot=0,info.source=3", "E", "{\"info\":{\"slot\":\"0\",\"source\":1}}", false},
        {"E,info.slot=0", "E", "{\"info\":\"0\"}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};
        json_t *wanted = qmp_words_event(rows[i].wanted, &error);
        json_t *data = json_loads(rows[i].data, 0, NULL);

        assert_non_null(wanted);
        assert_int_equal(qmp_words_match(wanted, rows[i].name, data), rows[i].match);
        json_decref(wanted);
        json_decref(data);
    }
}

static void test_what_names_no_event_is_refused(void **state)
{
    static const char *const rows[] = {"", ",", ",a=b", "E,word", "E,=x", "E,a=1,a=2"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};

        assert_null(qmp_words_event(rows[i], &error));
        assert_int_equal(error.code, EXIT_USAGE);
    }
}

/* ---- one command ---- */

static void test_a_command_with_arguments(void **state)
{
    static const char reply[] = "{\"return\": {\"big\": 18446744073709551615}, \"id\": 2}";
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    fake_monitor_expect(fake, "object-add",
                        "{\"qom-type\": \"memory-backend-ram\", \"id\": \"m\", \"size\": 1048576, "
                        "\"x\": {\"y\": true}}",
                        NULL);
    fake_monitor_send(fake, reply, sizeof reply - 1);
    assert_string_equal(EXPECT(0, fake_monitor_path(fake), "-j", "qmp", "object-add",
                               "qom-type=memory-backend-ram", "id=m", "size=1048576", "x.y=true")
                            ->out,
                        "{\"big\":18446744073709551615}\n");
    fake_monitor_finish(fake);
}

static void test_an_error_of_qemu_is_passed_on(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    const struct run_result *result;

    (void)state;
    fake_monitor_expect_error(fake, "device_del", "{\"id\": \"x\"}", "DeviceNotFound",
                              "Device 'x' not found");
    result = EXPECT(1, fake_monitor_path(fake), "-j", "qmp", "device_del", "id=x");
    assert_string_equal(result->err, "qmpctl: device_del: Device 'x' not found\n");
    expect_text(result->out, "\"class\":\"DeviceNotFound\",\"desc\":\"Device 'x' not found\"");
    fake_monitor_finish(fake);
}

static void test_hmp_prints_text_as_it_is(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    fake_monitor_expect(fake, "human-monitor-command", "{\"command-line\": \"info numa\"}",
                        "\"0 nodes\\r\\n\"");
    assert_string_equal(EXPECT(0, fake_monitor_path(fake), "qmp", "--hmp", "info numa")->out,
                        "0 nodes\r\n");
    fake_monitor_finish(fake);
}

static void test_bad_usage_sends_nothing(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    const char *path = fake_monitor_path(fake);

    (void)state;
    EXPECT(2, path, "qmp");
    EXPECT(2, path, "qmp", "stop", "word");
    EXPECT(2, path, "qmp", "stop", "--hmp", "info");
    EXPECT(2, path, "qmp", "-", "word");
    EXPECT(2, path, "qmp", "-", "--wait-event", "STOP");
    EXPECT(2, path, "qmp", "stop", "--wait-event", ",");
    EXPECT(2, path, "qmp", "no name");
    assert_int_equal(fake_monitor_commands(fake), 0);
    fake_monitor_finish(fake);
}

/* A value may be a secret, and what is said may be kept in a log. */
static void test_no_value_is_in_an_error(void **state)
{
    static const struct {
        const char *words[3], *err;
    } rows[] = {
        {{"password=sekrit", "password=sekrit"},
         "qmpctl: qmp: the argument 'password': it is there already\n"},
        {{"a..b=sekrit"},
         "qmpctl: qmp: the argument 'a..b': a part of the key is empty, or is no object\n"},
        {{"a=1", "a.b=sekrit"},
         "qmpctl: qmp: the argument 'a.b': a part of the key is empty, or is no object\n"},
        {{"password=sekrit\xff"}, "qmpctl: qmp: the argument 'password': it is not UTF-8\n"},
        {{"=sekrit"}, "qmpctl: qmp: a VALUE without its KEY=\n"},
        {{"word"}, "qmpctl: qmp: 'word' is not KEY=VALUE\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(
            EXPECT(2, "/nowhere/qmp", "qmp", "set_password", rows[i].words[0], rows[i].words[1])
                ->err,
            rows[i].err);
}

static void test_verbose_shows_no_secret_of_hmp(void **state)
{
    static const char line[] = " qom-set /objects/s0 data sekrit";
    struct fake_monitor *fake = fake_monitor_start();
    const struct run_result *result;

    (void)state;
    fake_monitor_expect(fake, "human-monitor-command",
                        "{\"command-line\": \" qom-set /objects/s0 data sekrit\"}", "\"\"");
    result = EXPECT(0, fake_monitor_path(fake), "-v", "qmp", "--hmp", line);
    expect_text(result->err, "{\"command-line\":\"***\"}");
    assert_null(strstr(result->err, "sekrit"));
    fake_monitor_finish(fake);
}

/* ---- --wait-event ---- */

static void test_an_event_after_the_reply_is_waited_for(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    fake_monitor_expect(fake, "device_del", "{\"id\": \"d0\"}", "{}");
    fake_monitor_event(fake, "DEVICE_DELETED", "{\"device\": \"d9\"}");
    fake_monitor_wait(fake, 50);
    fake_monitor_event(fake, "DEVICE_DELETED", "{\"device\": \"d0\", \"path\": \"/p\"}");
    expect_text(EXPECT(0, fake_monitor_path(fake), "-j", "qmp", "device_del", "id=d0",
                       "--wait-event", "DEVICE_DELETED,device=d0")
                    ->out,
                "{\"return\":{},\"event\":{\"event\":\"DEVICE_DELETED\",\"data\":"
                "{\"device\":\"d0\",\"path\":\"/p\"},\"time\":");
    fake_monitor_finish(fake);
}

static void test_an_event_before_the_reply_counts(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    fake_monitor_expect(fake, "stop", NULL, NULL);
    fake_monitor_event(fake, "STOP", "{}");
    fake_monitor_send(fake, "{\"return\": {}, \"id\": 2}\r\n", 26);
    expect_text(
        EXPECT(0, fake_monitor_path(fake), "-j", "qmp", "stop", "--wait-event", "STOP")->out,
        "{\"return\":{},\"event\":{\"event\":\"STOP\"");
    fake_monitor_finish(fake);
}

static void test_an_event_that_does_not_come_is_a_timeout(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    fake_monitor_expect(fake, "stop", NULL, "{}");
    fake_monitor_event(fake, "RESUME", "{}");
    expect_text(
        EXPECT(5, fake_monitor_path(fake), "-t", "0.2", "qmp", "stop", "--wait-event", "STOP")->err,
        "no such event within 0.2 s: STOP");
    fake_monitor_finish(fake);
}

/* QEMU has the command and may still do it: not the same as no connection. */
static void test_a_reply_that_does_not_come_is_a_timeout(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    const struct run_result *result;

    (void)state;
    fake_monitor_expect(fake, "stop", NULL, NULL);
    result = EXPECT(5, fake_monitor_path(fake), "-j", "-t", "0.2", "qmp", "stop");
    expect_text(result->err, "stop: no reply within 0.2 s; whether it was done is unknown");
    expect_text(result->out, "{\"error\":{\"code\":5,");
    fake_monitor_finish(fake);
}

static void test_help_says_what_is_printed_and_when(void **state)
{
    const char *out;

    (void)state;
    out = EXPECT(0, NULL, "qmp", "--help")->out;
    expect_text(out, "5 no reply, or no such event, in time");
    expect_text(out, "{\"return\": ..., \"event\": {\"event\", \"data\", \"time\"}}");
    expect_text(out, "VALUE is JSON where it can be read as such");
    expect_text(out, "a.b=1 is {\"a\": {\"b\": 1}}");
    expect_text(EXPECT(0, NULL, "list", "--help")->out, "\"why-not\"");
    expect_text(EXPECT(0, NULL, "watch", "--help")->out, "connects again");
    expect_text(EXPECT(0, NULL, "--help")->out, "fd:N is a socket that is");
}

/* The same option is another thing to another command, or nothing. */
static void test_help_says_what_an_option_is_to_the_command(void **state)
{
    static const struct {
        const char *command, *option, *text; /* NULL: it is not there */
    } rows[] = {
        {"qmp", "--timeout", "for the reply (default 30; 0: for ever)"},
        {"set", "--timeout", "for the guest to give memory up (default 30; 0: do not wait)"},
        {"watch", "--timeout", NULL},
        {"qmp", "--accept-timeout", NULL},
        {"status", "--accept-timeout", NULL},
        {"plug", "--accept-timeout", "for the guest to accept a device"},
        {"qmp", "--socket", "fd:N (default: $QMPCTL_SOCKET)\n"},
        {"set", "--socket", "fd:N (default: $QMPCTL_SOCKET)\n"},
        {"status", "--socket", "a glob or several -s: several VMs\n"},
        {"watch", "--wait", "and for a VM to come back\n"},
        {"status", "--wait", "for a socket that is not there yet\n"},
        {"list", "--connect-timeout", NULL},
        {"list", "--verbose", NULL},
        {"qmp", "--quiet", NULL},
        {"qmp", "--json", "one JSON document"},
        {"watch", "--json", "a JSON object a line"},
        {"plan", "--connect-timeout", "for the greeting"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *found = strstr(EXPECT(0, NULL, rows[i].command, "--help")->out, rows[i].option);
        char line[256] = "";

        snprintf(line, sizeof line, "%.*s", found ? (int)strcspn(found, "\n") + 1 : 0,
                 found ? found : "");
        if (rows[i].text)
            expect_text(line, rows[i].text);
        else
            assert_string_equal(line, "");
    }
}

static void test_no_event_is_waited_for_after_an_error_or_the_end(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();

    (void)state;
    fake_monitor_expect_error(fake, "stop", NULL, "GenericError", "no");
    EXPECT(1, fake_monitor_path(fake), "qmp", "stop", "--wait-event", "STOP");
    fake_monitor_expect(fake, "quit", NULL, "{}");
    fake_monitor_close(fake);
    EXPECT(3, fake_monitor_path(fake), "qmp", "quit", "--wait-event", "NEVER");
    fake_monitor_finish(fake);
}

static void test_an_event_without_a_command(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    struct run_process process;

    (void)state;
    run_begin(&process, fake_monitor_path(fake), WORDS("-v", "-j", "qmp", "--wait-event", "A"));
    run_await(&process, "<- {\"return\": {}", SECONDS);
    fake_monitor_event(fake, "A", "{\"n\": 1}");
    run_await(&process, "{\"event\":{\"event\":\"A\",\"data\":{\"n\":1}", SECONDS);
    assert_int_equal(run_end(&process, 0), 0);
    fake_monitor_finish(fake);
}

/* ---- qmp - ---- */

/* Says all lines, and ends the input. */
static void stream(struct run_process *process, const char *path, const char *lines)
{
    run_begin(process, path, WORDS("qmp", "-"));
    run_say(process, lines);
}

static void test_a_line_an_answer_in_order(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    struct run_process process;

    (void)state;
    fake_monitor_expect(fake, "query-name", NULL, "{\"name\": \"web\"}");
    fake_monitor_expect_error(fake, "device_del", "{\"id\": \"x\"}", "DeviceNotFound", "no x");
    fake_monitor_expect(fake, "query-uuid", NULL, "7");
    stream(&process, fake_monitor_path(fake),
           "{\"execute\": \"query-name\", \"id\": [1]}\r\n"
           "\n \t\n"
           "no JSON\n"
           "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"x\"}}\n"
           "{\"execute\": \"stop\", \"extra\": 1}\n"
           "{\"execute\": \"stop\", \"arguments\": []}\n"
           "{\"execute\": \"query-uuid\"}\n");
    run_await(&process,
              "{\"return\":{\"name\":\"web\"},\"id\":[1]}\n"
              "{\"error\":{\"class\":\"GenericError\",\"desc\":\"not a JSON object with "
              "\\\"execute\\\"\"}}\n"
              "{\"error\":{\"class\":\"DeviceNotFound\",\"desc\":\"no x\"}}\n"
              "{\"error\":{\"class\":\"GenericError\",\"desc\":\"a member that no command has\"}}\n"
              "{\"error\":{\"class\":\"GenericError\",\"desc\":\"\\\"arguments\\\" is no JSON "
              "object\"}}\n"
              "{\"return\":7}\n",
              SECONDS);
    assert_int_equal(run_end(&process, 0), 1);
    fake_monitor_finish(fake);
}

/* A conversation: each line is answered before the next is said. */
static void test_answers_do_not_wait_for_the_end_of_input(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    struct run_process process;

    (void)state;
    fake_monitor_allow(fake, "query-status", NULL, "{\"running\": true}");
    stream(&process, fake_monitor_path(fake), "{\"execute\": \"query-status\"}\n");
    run_await(&process, "{\"return\":{\"running\":true}}\n", SECONDS);
    run_say(&process, "{\"execute\":");
    run_say(&process, "\"query-status\"}");
    run_say(&process, "\n");
    run_await(&process, "{\"return\":{\"running\":true}}\n", SECONDS);
    assert_int_equal(run_end(&process, 0), 0);
    assert_int_equal(fake_monitor_commands(fake), 2);
    fake_monitor_finish(fake);
}

static void test_more_lines_than_may_be_in_flight(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    struct run_process process;
    char lines[8192] = "";

    (void)state;
    for (int i = 0; i < 200; i++) {
        char answer[16];

        strcat(lines, "{\"execute\":\"query-status\"}\n");
        snprintf(answer, sizeof answer, "%d", i);
        fake_monitor_expect(fake, "query-status", NULL, answer);
    }
    stream(&process, fake_monitor_path(fake), lines);
    for (int i = 0; i < 200; i++) {
        char answer[40];

        snprintf(answer, sizeof answer, "{\"return\":%d}\n", i);
        run_await(&process, answer, SECONDS);
    }
    assert_int_equal(run_end(&process, 0), 0);
    fake_monitor_finish(fake);
}

/* As with one command: QEMU may still do it. The last that fell short counts. */
static void test_a_line_without_a_reply_has_its_code(void **state)
{
    static const char in_vain[] = "{\"execute\": \"stop\"}\n";
    static const char no_command[] = "{}\n";

    (void)state;
    for (int last = 0; last < 2; last++) {
        struct fake_monitor *fake = fake_monitor_start();
        struct run_process process;

        fake_monitor_expect(fake, "stop", NULL, NULL);
        run_begin(&process, fake_monitor_path(fake), WORDS("-t", "0.2", "qmp", "-"));
        run_say(&process, last ? no_command : in_vain);
        run_say(&process, last ? in_vain : no_command);
        if (last)
            run_await(&process, "not a JSON object", SECONDS);
        run_await(&process, "\"desc\":\"no reply within 0.2 s; whether it was done is unknown",
                  SECONDS);
        if (!last)
            run_await(&process, "not a JSON object", SECONDS);
        assert_int_equal(run_end(&process, 0), last ? 5 : 1);
        fake_monitor_finish(fake);
    }
}

static void test_the_end_of_the_connection_ends_the_stream(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    struct run_process process;

    (void)state;
    fake_monitor_expect(fake, "query-status", NULL, NULL);
    fake_monitor_close(fake);
    stream(&process, fake_monitor_path(fake), "{\"execute\": \"query-status\"}\n");
    run_await(&process, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"the connection ended",
              SECONDS);
    run_await(&process, "qmpctl: ", SECONDS);
    assert_int_equal(run_end(&process, 0), 3);
    fake_monitor_finish(fake);
}

static void test_a_line_beyond_the_bound_is_refused_and_skipped(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    struct run_process process;
    char *chunk = malloc(65537);

    (void)state;
    assert_non_null(chunk);
    memset(chunk, ' ', 65536);
    chunk[65536] = '\0';
    fake_monitor_expect(fake, "query-status", NULL, "{}");
    stream(&process, fake_monitor_path(fake), "{");
    for (int i = 0; i < 33; i++)
        run_say(&process, chunk);
    run_say(&process, "}\n{\"execute\": \"query-status\"}");
    free(chunk);
    close(process.in);
    process.in = -1;
    run_await(&process,
              "{\"error\":{\"class\":\"GenericError\",\"desc\":\"the line is too long\"}}\n"
              "{\"return\":{}}\n",
              SECONDS);
    assert_int_equal(run_end(&process, 0), 1);
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_become_arguments),
        cmocka_unit_test(test_an_event_is_recognised),
        cmocka_unit_test(test_what_names_no_event_is_refused),
        cmocka_unit_test(test_a_command_with_arguments),
        cmocka_unit_test(test_an_error_of_qemu_is_passed_on),
        cmocka_unit_test(test_hmp_prints_text_as_it_is),
        cmocka_unit_test(test_bad_usage_sends_nothing),
        cmocka_unit_test(test_no_value_is_in_an_error),
        cmocka_unit_test(test_verbose_shows_no_secret_of_hmp),
        cmocka_unit_test(test_an_event_after_the_reply_is_waited_for),
        cmocka_unit_test(test_an_event_before_the_reply_counts),
        cmocka_unit_test(test_an_event_that_does_not_come_is_a_timeout),
        cmocka_unit_test(test_a_reply_that_does_not_come_is_a_timeout),
        cmocka_unit_test(test_help_says_what_is_printed_and_when),
        cmocka_unit_test(test_help_says_what_an_option_is_to_the_command),
        cmocka_unit_test(test_no_event_is_waited_for_after_an_error_or_the_end),
        cmocka_unit_test(test_an_event_without_a_command),
        cmocka_unit_test(test_a_line_an_answer_in_order),
        cmocka_unit_test(test_answers_do_not_wait_for_the_end_of_input),
        cmocka_unit_test(test_more_lines_than_may_be_in_flight),
        cmocka_unit_test(test_a_line_without_a_reply_has_its_code),
        cmocka_unit_test(test_the_end_of_the_connection_ends_the_stream),
        cmocka_unit_test(test_a_line_beyond_the_bound_is_refused_and_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
