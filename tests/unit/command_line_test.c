/* What the command line offers: the help of every command, and which VM is meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_monitor.h"
#include "support/fake_vm.h"
#include "support/run.h"

/* All commands take all of these; those that mean nothing to a command are not offered. */
#define OFFLINE "--socket --json --help --version "
#define COMMON  OFFLINE "--connect-timeout --wait --verbose "
#define GUEST   COMMON "--timeout --accept-timeout --quiet "
#define PLACEMENT                                                                                  \
    "--node --host-nodes --policy --pagesize --hugepages --mem-path --share --prealloc "           \
    "--backend --merge --dump --strict "
#define PLANNING "--nearest --swap --keep --on-refusal --atomic --granule "

/* Whether help has a line for this option: "  -s, --socket ADDR  ...". */
static bool has_line_for(const char *help, const char *option, size_t length)
{
    for (const char *line = help; line; line = strchr(line, '\n')) {
        const char *word = line += strspn(line, "\n ");

        if (word[0] == '-' && word[1] != '-')
            word += strcspn(word, "\n ") + 1;
        if (strncmp(word, option, length) == 0 && strchr(" \n", word[length]))
            return true;
    }
    return false;
}

static void the_help_of_each_command_names_its_options(void **state)
{
    static const struct {
        const char *command, *options;
    } cases[] = {
        {"status", COMMON},
        {"list", OFFLINE},
        {"set", GUEST PLACEMENT PLANNING "--dry-run "},
        {"plan", COMMON PLACEMENT PLANNING},
        {"plug", GUEST PLACEMENT "--count --id --slot --xml --atomic --dry-run "},
        {"unplug", GUEST PLANNING "--size --dry-run "},
        {"repair", COMMON "--dry-run "},
        {"watch", COMMON "--quiet --all "},
        {"qmp", COMMON "--timeout --hmp --wait-event "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct run_result *result = EXPECT(0, NULL, cases[i].command, "--help");
        const char *option = cases[i].options;
        char begin[64];

        snprintf(begin, sizeof begin, "usage: qmpctl %s ", cases[i].command);
        assert_ptr_equal(strstr(result->out, begin), result->out);
        assert_string_equal(result->err, "");
        for (; *option; option += strcspn(option, " ") + 1) {
            size_t length = strcspn(option, " ");

            if (!has_line_for(result->out, option, length))
                fail_msg("%s --help has no %.*s", cases[i].command, (int)length, option);
        }
        assert_string_equal(EXPECT(0, NULL, cases[i].command, "-h")->err, "");
    }
}

static void the_help_of_all_names_every_command(void **state)
{
    static const char *const commands[] = {"status", "list",   "set",   "plan", "plug",
                                           "unplug", "repair", "watch", "qmp"};
    const struct run_result *result = EXPECT(0, NULL, "--help");

    (void)state;
    assert_string_equal(result->err, "");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char line[64];

        snprintf(line, sizeof line, "\n  %s ", commands[i]);
        if (!strstr(result->out, line))
            fail_msg("--help has no %s", commands[i]);
    }
}

static void the_environment_names_the_vm_where_nobody_else_does(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    const char *socket = fake_monitor_path(fake);

    (void)state;
    unsetenv("QMPCTL_SOCKET");
    assert_non_null(strstr(EXPECT(2, NULL, "status")->err, "\nhint: say --socket PATH"));
    fake_vm_describe(fake);
    setenv("QMPCTL_SOCKET", socket, 1);
    EXPECT(0, NULL, "status");
    setenv("QMPCTL_SOCKET", "/nowhere/qmp", 1);
    EXPECT(3, NULL, "status");
    EXPECT(0, socket, "status");
    setenv("QMPCTL_SOCKET", "", 1);
    EXPECT(2, NULL, "status");
    unsetenv("QMPCTL_SOCKET");
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_help_of_each_command_names_its_options),
        cmocka_unit_test(the_help_of_all_names_every_command),
        cmocka_unit_test(the_environment_names_the_vm_where_nobody_else_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
