/* Every way out of the program: with --json one document on stdout, and no output that is lost
 * without a word. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "error.h"
#include "qmpclient.h"
#include "support/fake_monitor.h"
#include "support/run.h"

#define STATUS "{\"status\": \"running\"}"

static struct fake_monitor *fake;

static int start(void **state)
{
    (void)state;
    fake = fake_monitor_start();
    fake_monitor_allow(fake, "query-status", NULL, STATUS);
    return 0;
}

static int stop(void **state)
{
    char why[256];

    (void)state;
    if (fake && !fake_monitor_stop(fake, why, sizeof why))
        print_error("%s\n", why);
    fake = NULL;
    return 0;
}

static void finish(void)
{
    struct fake_monitor *finished = fake;

    fake = NULL;
    fake_monitor_finish(finished);
}

/* The exit code of the program with these words in a shell: "status -s $S >/dev/full". */
static int in_shell(const char *words)
{
    char line[1024];
    int status;

    setenv("S", fake_monitor_path(fake), 1);
    snprintf(line, sizeof line, "\"${QMPCTL:-build/qmpctl}\" %s", words);
    status = system(line);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void json_is_there_whatever_is_wrong(void **state)
{
    static const struct {
        const char *words[8];
        int code;
    } cases[] = {{{"status", "--bogus", "--json"}, 2},
                 {{"status", "--timeout", "5s", "-qj"}, 2},
                 {{"--json=1", "status", "-j"}, 2},
                 {{"-xj", "status"}, 2},
                 {{"plug", "1", "-j"}, 2},
                 {{"-j"}, 2},
                 {{"-j", "nonsense"}, 2},
                 {{"-j", "status", "-s", ":99"}, 2},
                 {{"-j", "status", "-s", "/nowhere/qmp"}, 3},
                 {{"-j", "list", "-s", "/nowhere/qmp"}, 3},
                 {{"-j", "watch", "-s", "/nowhere/qmp"}, 3},
                 {{"-j", "set", "1G", "-s", "/nowhere/qmp"}, 3},
                 {{"-j", "repair", "-s", "/nowhere/qmp"}, 3},
                 {{"-j", "qmp", "-", "-s", "/nowhere/qmp"}, 3},
                 {{"-j", "unplug", "a", "--nearest", "up", "-s", "/nowhere/qmp"}, 2},
                 {{"-j", "unplug", "a", "--node", "0", "-s", "/nowhere/qmp"}, 2},
                 {{"-j", "unplug", "a", "--keep", "a", "-s", "/nowhere/qmp"}, 2},
                 {{"-j", "unplug", "a", "--on-refusal=stop", "-s", "/nowhere/qmp"}, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = run_json(run_expect(cases[i].code, NULL, cases[i].words));
        const json_t *document = json_is_array(json) ? json_array_get(json, 0) : json;

        assert_int_equal(json_integer_value(json_at(document, "error.code")), cases[i].code);
        assert_true(json_string_length(json_at(document, "error.message")) > 0);
        json_decref(json);
    }
    /* A value is no option, and after -- nothing is. */
    assert_string_equal(EXPECT(2, NULL, "status", "--bogus", "--", "--json")->out, "");
    assert_string_equal(EXPECT(2, NULL, "-sj", "status", "--bogus")->out, "");
}

/* Before anything is looked at, and by its name. */
static void an_option_whose_value_is_wrong_is_named(void **state)
{
    static const char *const cases[][2] = {{"--timeout", "x"},
                                           {"--accept-timeout", "-1"},
                                           {"--connect-timeout", "1000001"},
                                           {"--wait", "nan"},
                                           {"--node", "128"},
                                           {"--count", "257"},
                                           {"--slot", "256"},
                                           {"--id", "0"},
                                           {"--pagesize", "3M"},
                                           {"--pagesize", "1K"},
                                           {"--backend", "disk"},
                                           {"--mem-path", ""},
                                           {"--mem-path", "/\xe4"},
                                           {"--prealloc", "maybe"},
                                           {"--merge", "1"},
                                           {"--dump", "yes"},
                                           {"--host-nodes", ""},
                                           {"--host-nodes", "0-"},
                                           {"--host-nodes", "1,128"},
                                           {"--policy", "local"}};
    static const char *const planning[][2] = {
        {"--nearest", "left"}, {"--granule", "3M"}, {"--on-refusal", "cry"}};
    char path[1100] = "/";

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_non_null(strstr(
            EXPECT(2, "/nowhere/qmp", "plug", "128M", cases[i][0], cases[i][1])->err, cases[i][0]));
    for (size_t i = 0; i < sizeof planning / sizeof *planning; i++)
        assert_non_null(
            strstr(EXPECT(2, "/nowhere/qmp", "set", "1G", planning[i][0], planning[i][1])->err,
                   planning[i][0]));
    memset(path + 1, 'x', sizeof path - 2);
    assert_non_null(
        strstr(EXPECT(2, "/nowhere/qmp", "plug", "128M", "--mem-path", path)->err, "too long"));
    assert_non_null(
        strstr(EXPECT(2, "/nowhere/qmp", "set", "1G", "--share=on")->err, "takes no value"));
    assert_non_null(
        strstr(EXPECT(2, "/nowhere/qmp", "set", "1G", "--node")->err, "needs a value: N"));
}

static void help_and_version_are_json_as_well(void **state)
{
    json_t *json = run_json(EXPECT(0, NULL, "--version", "--json"));

    (void)state;
    assert_non_null(
        strstr(EXPECT(0, NULL, "-V")->out, json_string_value(json_at(json, "version"))));
    json_decref(json);
    json = run_json(EXPECT(0, NULL, "-j", "--help"));
    assert_string_equal(json_string_value(json_at(json, "help")), EXPECT(0, NULL, "-h")->out);
    json_decref(json);
    json = run_json(EXPECT(0, NULL, "plug", "--help", "-j"));
    assert_string_equal(json_string_value(json_at(json, "help")),
                        EXPECT(0, NULL, "plug", "-h")->out);
    json_decref(json);
    assert_non_null(strstr(EXPECT(0, NULL, "plug", "-h")->out,
                           "usage: qmpctl plug [OPTIONS] SIZE | --xml FILE\n"));
}

static void whom_a_socket_keeps_out_is_told_who_may(void **state)
{
    const struct qmp_error cause = {.code = QMP_ERROR_CONNECT, .sys_errno = EACCES, .text = "no"};
    struct error error = {0};

    (void)state;
    assert_int_equal(error_from_qmp(&error, "/run/vm", &cause), -1);
    assert_int_equal(error.code, EXIT_NO_CONNECTION);
    assert_string_equal(error.text, "/run/vm: no");
    assert_non_null(strstr(error.hint, "as the user that QEMU runs as"));
}

static void expect_phase(const char *socket, const char *phase, const char *why)
{
    json_t *json = run_json(EXPECT(3, socket, "-j", "--connect-timeout", "0.3", "qmp", "stop"));

    assert_string_equal(json_string_value(json_at(json, "error.phase")), phase);
    assert_non_null(strstr(json_string_value(json_at(json, "error.message")), why));
    json_decref(json);
}

static void what_was_being_done_when_a_connection_failed_is_told(void **state)
{
    static const char greeting[] =
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}, "
        "\"package\": \"\"}, \"capabilities\": []}}\r\n";
    struct fake_monitor *bare = fake_monitor_start_greeting(NULL);
    json_t *json;

    (void)state;
    expect_phase("/nowhere/qmp", "connect", "no such socket");
    expect_phase(fake_monitor_path(bare), "greeting", "no greeting within 0.3 s");
    fake_monitor_send(bare, greeting, sizeof greeting - 1);
    fake_monitor_expect(bare, "qmp_capabilities", NULL, NULL);
    fake_monitor_send(bare, "no JSON\r\n", 9);
    expect_phase(fake_monitor_path(bare), "negotiation",
                 "the server sent what is no JSON during negotiation");
    fake_monitor_finish(bare);
    fake_monitor_expect(fake, "stop", NULL, NULL);
    fake_monitor_close(fake);
    expect_phase(fake_monitor_path(fake), "command", "the connection ended before the reply");
    /* QEMU's own error is none of the connection. */
    fake_monitor_expect_error(fake, "stop", NULL, "GenericError", "no");
    json = run_json(EXPECT(1, fake_monitor_path(fake), "-j", "qmp", "stop"));
    assert_null(json_at(json, "error.phase"));
    json_decref(json);
    finish();
}

/* An answer that nobody got is no success. */
static void a_full_disk_is_told(void **state)
{
    (void)state;
    assert_int_equal(in_shell("list >/dev/full 2>/dev/null"), 1);
    assert_int_equal(in_shell("list -j >/dev/full 2>/dev/null"), 1);
    assert_int_equal(in_shell("--help >/dev/full 2>/dev/null"), 1);
    assert_int_equal(in_shell("qmp query-status -s \"$S\" >/dev/full 2>/dev/null"), 1);
    /* The code of what went wrong before is the one to know. */
    assert_int_equal(in_shell("status -j -s \"$S\".none >/dev/full 2>/dev/null"), 3);
    finish();
}

static void a_conversation_that_nobody_hears_ends(void **state)
{
    (void)state;
    fake_monitor_expect(fake, "stop", NULL, "{}");
    assert_int_equal(in_shell("qmp - -s \"$S\" 2>/dev/null >/dev/full <<END\n"
                              "{\"execute\": \"stop\"}\nEND\n"),
                     1);
    assert_int_equal(fake_monitor_commands(fake), 1);
    finish();
}

/* Of a last line that is too long all may have been skipped when the input ends: 17 reads are the
 * first that go beyond the bound. */
static void a_last_line_that_is_too_long_is_answered(void **state)
{
    static char spaces[17 * 65536];
    char path[] = "/tmp/exits-XXXXXX";
    int file = mkstemp(path);

    (void)state;
    assert_true(file >= 0);
    memset(spaces, ' ', sizeof spaces);
    assert_int_equal(write(file, spaces, sizeof spaces), sizeof spaces);
    close(file);
    setenv("F", path, 1);
    assert_int_equal(in_shell("qmp - -s \"$S\" <\"$F\" | grep -q 'the line is too long'"), 0);
    assert_int_equal(in_shell("qmp - -s \"$S\" <\"$F\" >/dev/null"), 1);
    unlink(path);
    finish();
}

static void input_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    assert_int_equal(in_shell("qmp - -s \"$S\" </ 2>&1 | grep -qx "
                              "'qmpctl: standard input: Is a directory'"),
                     0);
    assert_int_equal(in_shell("qmp - -s \"$S\" </ 2>/dev/null"), 1);
    assert_int_equal(in_shell("qmp - -s \"$S\" <&- 2>/dev/null"), 1);
    finish();
}

/* The connection is lost whether or not all input has been read before. */
static void a_conversation_that_is_cut_off_has_its_code(void **state)
{
    (void)state;
    fake_monitor_expect(fake, "query-status", NULL, NULL);
    fake_monitor_wait(fake, 100); /* long enough for all input to be read */
    fake_monitor_close(fake);
    assert_int_equal(in_shell("qmp - -s \"$S\" >/dev/null 2>&1 <<END\n"
                              "{\"execute\": \"query-status\"}\nEND\n"),
                     3);
    finish();
}

static void a_watch_that_nobody_hears_ends(void **state)
{
    (void)state;
    fake_monitor_event(fake, "STOP", "{}");
    assert_int_equal(in_shell("watch --all -s \"$S\" >/dev/full 2>/dev/null"), 1);
    finish();
}

/* Else the connection has the number of stdout or stderr, and QEMU gets what is printed. */
static void nothing_but_commands_goes_to_qemu_where_streams_are_closed(void **state)
{
    static const char *const streams[] = {">&-", "2>&-", "<&- >&- 2>&-"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char words[128];

        snprintf(words, sizeof words, "qmp query-status -v -s \"$S\" </dev/null %s", streams[i]);
        fake_monitor_expect(fake, "query-status", NULL, STATUS);
        assert_int_equal(in_shell(words), i == 1 ? 0 : 1);
    }
    assert_int_equal(in_shell("plug --xml - -s \"$S\" <&- 2>/dev/null"), 2);
    finish();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_there_whatever_is_wrong),
        cmocka_unit_test(an_option_whose_value_is_wrong_is_named),
        cmocka_unit_test(whom_a_socket_keeps_out_is_told_who_may),
        cmocka_unit_test(help_and_version_are_json_as_well),
        TEST(what_was_being_done_when_a_connection_failed_is_told),
        TEST(a_full_disk_is_told),
        TEST(a_conversation_that_nobody_hears_ends),
        TEST(a_last_line_that_is_too_long_is_answered),
        TEST(input_that_cannot_be_read_is_told),
        TEST(a_conversation_that_is_cut_off_has_its_code),
        TEST(a_watch_that_nobody_hears_ends),
        TEST(nothing_but_commands_goes_to_qemu_where_streams_are_closed),
    };

    return cmocka_run_group_tests_name("exits", tests, NULL, NULL);
}
