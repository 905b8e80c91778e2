/*
 * What others build on: the example compiles and runs with what "make install" puts in place, as
 * its pkg-config file says, against the shared and the static library; and the shared library shows
 * no more than its header. Run from the top of the source tree. SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fake_monitor.h"

/* The libraries may have been built for this. */
#if defined(__SANITIZE_ADDRESS__)
#define LINK_FLAGS "-fsanitize=address,undefined"
#else
#define LINK_FLAGS ""
#endif

static char build[PATH_MAX];
static char folder[] = "/tmp/qmpclient_example.XXXXXX";

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
    char command[4 * PATH_MAX];
    va_list arguments;
    int status;

    va_start(arguments, format);
    assert_in_range(vsnprintf(command, sizeof command, format, arguments), 1, sizeof command - 1);
    va_end(arguments);
    status = system(command);
    if (status != 0)
        fail_msg("%s: status %d", command, status);
}

/* The program is BUILD/tests/unit/qmpclient_example_test. */
static int install(void **state)
{
    ssize_t length = readlink("/proc/self/exe", build, sizeof build - 1);
    char command[2 * PATH_MAX];

    (void)state;
    for (int i = 0; length > 0 && i < 3; i++) {
        while (build[length - 1] != '/')
            length--;
        build[--length] = '\0';
    }
    if (length <= 0 || !mkdtemp(folder))
        return -1;
    snprintf(command, sizeof command,
             "make -s install PREFIX=/opt/qmp DESTDIR=%s SANITIZE=%d COVERAGE=%d MAKEFLAGS= >&2",
             folder, strstr(build, "/sanitize") != NULL, strstr(build, "/coverage") != NULL);
    return system(command) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

/* DESTDIR is for packagers: the file names the place where things will be. */
#define PKG_CONFIG "PKG_CONFIG_SYSROOT_DIR=%s PKG_CONFIG_PATH=%s/opt/qmp/lib/pkgconfig pkg-config"

static void compile(const char *compiler, const char *how)
{
    shell("%s " LINK_FLAGS " -o %s/example %s examples/qmpclient_example.c "
          "$(" PKG_CONFIG " --cflags qmpclient) " LINK_FLAGS " %s $(" PKG_CONFIG
          " --libs qmpclient) %s",
          compiler, folder, "-Wall -Wextra -Wpedantic -Wconversion -Werror", folder, folder, how,
          folder, folder, strstr(build, "/coverage") ? "-lgcov" : "");
}

static void assert_says(const char *address, const char *expected)
{
    char command[PATH_MAX], said[256] = "";
    FILE *output;

    snprintf(command, sizeof command, "LD_LIBRARY_PATH=%s/opt/qmp/lib %s/example %s", folder,
             folder, address);
    output = popen(command, "r");
    assert_non_null(output);
    if (!fgets(said, sizeof said, output))
        *said = '\0';
    assert_int_equal(pclose(output), 0);
    assert_string_equal(said, expected);
}

static void assert_works(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_monitor_expect(fake, "query-status", NULL, "{\"status\": \"paused\"}");
    assert_says(fake_monitor_path(fake), "the VM is paused\n");
    fake_monitor_expect_error(fake, "query-status", NULL, "GenericError", "not now");
    assert_says(fake_monitor_path(fake), "no answer: not now\n");
    fake_monitor_finish(fake);
    assert_says("/nonexistent/qmp", "no connection: no such socket\n");
}

static void the_example_runs_with_the_shared_library(void **state)
{
    (void)state;
    compile("cc -std=c11", "");
    shell("ldd %s/example | grep -q libqmpclient.so.0", folder);
    assert_works();
}

static void the_example_runs_with_the_static_library(void **state)
{
    (void)state;
    compile("cc -std=c11", "-Wl,-Bstatic -lqmpclient -Wl,-Bdynamic -Wl,--as-needed");
    shell("! ldd %s/example | grep libqmpclient", folder);
    assert_works();
}

static void the_example_is_cplusplus_as_well(void **state)
{
    (void)state;
    compile("g++ -std=c++11 -x c++", "-x none");
    assert_works();
}

/* What others can link to is what the header declares, all of it and nothing else. */
static void the_shared_library_shows_its_header_only(void **state)
{
    (void)state;
    shell("nm -D --defined-only '%s/libqmpclient.so.0' | sed -n 's/.* [TDBRV] //p' | grep -v gcov "
          "| sort >%s/shown && grep -o '^QMP_API.*' proto/qmpclient.h | "
          "sed -n 's/.*\\(qmp_[a-z0-9_]*\\)(.*/\\1/p' | sort >%s/declared && "
          "test $(wc -l <%s/shown) -ge 15 && diff %s/declared %s/shown >&2",
          build, folder, folder, folder, folder, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_runs_with_the_shared_library),
        cmocka_unit_test(the_example_runs_with_the_static_library),
        cmocka_unit_test(the_example_is_cplusplus_as_well),
        cmocka_unit_test(the_shared_library_shows_its_header_only),
    };

    return cmocka_run_group_tests_name("qmpclient: the example", tests, install, remove_folder);
}
