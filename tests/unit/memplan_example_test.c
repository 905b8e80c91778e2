/* The example of libmemplan builds as its first comment says, and plans; its header is C++ as well;
 * and the libraries show no more than their header. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/installed.h"

static void compile_and_run(enum installed_how how)
{
#define REACHABLE "smallest first; keeps every multiple of 128 MiB reachable\n"
    installed_compile(INSTALLED_CC, "examples/memplan_example.c", "memplan", how);
    assert_string_equal(
        installed_run(""),
        "+6144 MiB: done\n"
        "  plug     128 MiB, node 0: " REACHABLE "  plug     256 MiB, node 0: " REACHABLE
        "  plug     384 MiB, node 0: " REACHABLE "  plug     768 MiB, node 0: " REACHABLE
        "  plug    1536 MiB, node 0: " REACHABLE "  plug    3072 MiB, node 0: " REACHABLE
        "-1536 MiB: done\n"
        "  unplug  1536 MiB, node 0: is 1.5 GiB, the size to take away, with the least risk\n"
        "complete: no\n");
#undef REACHABLE
}

static void the_example_runs_with_the_shared_library(void **state)
{
    (void)state;
    compile_and_run(INSTALLED_SHARED);
}

static void the_example_runs_with_the_static_library(void **state)
{
    (void)state;
    compile_and_run(INSTALLED_STATIC);
}

static void the_header_is_cplusplus_as_well(void **state)
{
    char source[128];

    (void)state;
    snprintf(source, sizeof source, "%s/header.cc", installed_folder());
    installed_shell("printf '%%s\\n' '#include <memplan.h>' '#include <cstdio>' 'int main() "
                    "{ std::puts(memplan_status_text(MEMPLAN_OK)); }' >%s",
                    source);
    installed_compile(INSTALLED_CXX, source, "memplan", INSTALLED_SHARED);
    assert_string_equal(installed_run(""), "done\n");
}

static void the_libraries_show_their_header_only(void **state)
{
    (void)state;
    installed_shows_its_header_only("memplan", "memplan.h", "MEMPLAN_API", 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_runs_with_the_shared_library),
        cmocka_unit_test(the_example_runs_with_the_static_library),
        cmocka_unit_test(the_header_is_cplusplus_as_well),
        cmocka_unit_test(the_libraries_show_their_header_only),
    };

    return cmocka_run_group_tests_name("memplan: the example", tests, installed_setup,
                                       installed_teardown);
}
