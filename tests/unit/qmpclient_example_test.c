/* The example of libqmpclient builds as its first comment says, and works; and the libraries
 * show no more than their header. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/fake_monitor.h"
#include "support/installed.h"

static void compile(const char *compiler, enum installed_how how)
{
    installed_compile(compiler, "examples/qmpclient_example.c", "qmpclient", how);
}

static void assert_works(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_monitor_expect(fake, "query-status", NULL, "{\"status\": \"paused\"}");
    assert_string_equal(installed_run(fake_monitor_path(fake)), "the VM is paused\n");
    fake_monitor_expect_error(fake, "query-status", NULL, "GenericError", "not now");
    assert_string_equal(installed_run(fake_monitor_path(fake)), "no answer: not now\n");
    fake_monitor_finish(fake);
    assert_string_equal(installed_run("/nonexistent/qmp"), "no connection: no such socket\n");
}

static void the_example_runs_with_the_shared_library(void **state)
{
    (void)state;
    compile(INSTALLED_CC, INSTALLED_SHARED);
    assert_works();
}

static void the_example_runs_with_the_static_library(void **state)
{
    (void)state;
    compile(INSTALLED_CC, INSTALLED_STATIC);
    assert_works();
}

static void the_example_is_cplusplus_as_well(void **state)
{
    (void)state;
    compile(INSTALLED_CXX " -x c++", INSTALLED_SHARED);
    assert_works();
}

static void the_libraries_show_their_header_only(void **state)
{
    (void)state;
    installed_shows_its_header_only("qmpclient", "qmpclient.h", "QMP_API", 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_runs_with_the_shared_library),
        cmocka_unit_test(the_example_runs_with_the_static_library),
        cmocka_unit_test(the_example_is_cplusplus_as_well),
        cmocka_unit_test(the_libraries_show_their_header_only),
    };

    return cmocka_run_group_tests_name("qmpclient: the example", tests, installed_setup,
                                       installed_teardown);
}
