#include "support/installed.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The libraries may have been built for this. */
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

static char build[PATH_MAX];
static char folder[] = "/tmp/installed.XXXXXX";
static char said[8192];

const char *installed_folder(void)
{
    return folder;
}

void installed_shell(const char *format, ...)
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

/* The program is BUILD/tests/unit/NAME_test. */
int installed_setup(void **state)
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

int installed_teardown(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

/* DESTDIR is for packagers: the file names the place where things will be. */
#define PKG_CONFIG "PKG_CONFIG_SYSROOT_DIR=%s PKG_CONFIG_PATH=%s/opt/qmp/lib/pkgconfig pkg-config"

void installed_compile(const char *compiler, const char *source, const char *library,
                       enum installed_how how)
{
    bool coverage = strstr(build, "/coverage") != NULL;
    char first[128] = "";

    if (how == INSTALLED_STATIC)
        snprintf(first, sizeof first, "-Wl,-Bstatic -l%s -Wl,-Bdynamic -Wl,--as-needed", library);
    installed_shell("%s -Wall -Wextra -Wpedantic -Wconversion -Werror " LINK_FLAGS
                    " -o %s/example %s -x none $(" PKG_CONFIG " --cflags %s) %s $(" PKG_CONFIG
                    " --libs %s) %s",
                    compiler, folder, source, folder, folder, library, first, folder, folder,
                    library, coverage ? "-lgcov" : "");
    installed_shell("%s ldd %s/example | grep -q lib%s.so.0", how == INSTALLED_STATIC ? "!" : "",
                    folder, library);
}

const char *installed_run(const char *arguments)
{
    char command[2 * PATH_MAX];
    size_t length;
    FILE *output;

    snprintf(command, sizeof command, "LD_LIBRARY_PATH=%s/opt/qmp/lib %s/example %s", folder,
             folder, arguments);
    output = popen(command, "r");
    assert_non_null(output);
    length = fread(said, 1, sizeof said - 1, output);
    said[length] = '\0';
    assert_int_equal(pclose(output), 0);
    return said;
}

void installed_shows_its_header_only(const char *library, const char *header, const char *macro,
                                     int least)
{
    installed_shell("grep -o '^%s.*' %s/opt/qmp/include/%s | "
                    "sed -n 's/.*[ *]\\([a-z0-9_]*\\)(.*/\\1/p' | sort >%s/declared && "
                    "test $(wc -l <%s/declared) -ge %d",
                    macro, folder, header, folder, folder, least);
    installed_shell("cd %s && for names in '-D opt/qmp/lib/lib%s.so.0' '-g opt/qmp/lib/lib%s.a'; "
                    "do nm --defined-only $names | sed -n 's/.* [TDBRVW] //p' | grep -v gcov | "
                    "sort >shown && diff declared shown >&2 || exit 1; done",
                    folder, library, library);
}
