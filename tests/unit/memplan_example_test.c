/*
 * The example program builds as its first comment says, against the static and the shared library,
 * and the public header is C++ as well. Run from the top of the source tree.
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The library may have been built for this. */
#if defined(__SANITIZE_ADDRESS__)
#define LINK_FLAGS "-fsanitize=address,undefined"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LINK_FLAGS "-fsanitize=address,undefined"
#endif
#endif
#ifndef LINK_FLAGS
#define LINK_FLAGS ""
#endif
#ifdef __clang__
#define COMPILER "clang"
#else
#define COMPILER "gcc"
#endif

static char build[PATH_MAX];
static char folder[] = "/tmp/memplan_example.XXXXXX";

/* The folder with the libraries: the program is BUILD/tests/unit/memplan_example_test. */
static int find_build(void **state)
{
    ssize_t length = readlink("/proc/self/exe", build, sizeof(build) - 1);

    (void)state;
    if (length < 0)
        return -1;
    build[length] = '\0';
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(build, '/');

        if (!slash)
            return -1;
        *slash = '\0';
    }
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/example", folder);
    unlink(path);
    return rmdir(folder);
}

static void run(const char *command)
{
    int status = system(command);

    if (status != 0)
        fail_msg("%s: status %d", command, status);
}

static void build_with(const char *library)
{
    char command[3 * PATH_MAX];
    const char *coverage = strstr(build, "coverage") ? "-lgcov" : "";

    snprintf(command, sizeof(command),
             COMPILER " -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror " LINK_FLAGS
                      " -Iplanner -o %s/example examples/memplan_example.c '%s/%s' %s",
             folder, build, library, coverage);
    run(command);
}

static void assert_output(void)
{
    char command[2 * PATH_MAX], line[256];
    int plugs = 0, unplugs = 0;
    FILE *output;

    snprintf(command, sizeof(command), "LD_LIBRARY_PATH='%s' %s/example", build, folder);
    output = popen(command, "r");
    assert_non_null(output);
    while (fgets(line, sizeof(line), output)) {
        plugs += strncmp(line, "  plug ", 7) == 0;
        unplugs += strncmp(line, "  unplug ", 9) == 0;
    }
    assert_int_equal(pclose(output), 0);
    assert_int_equal(plugs, 6);
    assert_int_equal(unplugs, 1);
}

static void the_example_runs_with_the_static_library(void **state)
{
    (void)state;
    build_with("libmemplan.a");
    assert_output();
}

static void the_example_runs_with_the_shared_library(void **state)
{
    (void)state;
    build_with("libmemplan.so.0");
    assert_output();
}

/* Every symbol of the shared library that others see is of the public header. */
static void the_shared_library_shows_its_api_only(void **state)
{
    char command[2 * PATH_MAX];

    (void)state;
    snprintf(command, sizeof(command),
             "! nm -D --defined-only '%s/libmemplan.so.0' | grep -v ' memplan_' | grep ' T '",
             build);
    run(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_runs_with_the_static_library),
        cmocka_unit_test(the_example_runs_with_the_shared_library),
        cmocka_unit_test(the_shared_library_shows_its_api_only),
    };

    return cmocka_run_group_tests_name("memplan: the example", tests, find_build, remove_folder);
}
