/* The scripts on a machine that is no Debian: in words, and failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static void path_in_folder(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", folder, name);
}

/* A command that is there, and does nothing. */
static void have(const char *name)
{
    char path[128];

    path_in_folder(path, sizeof path, name);
    assert_int_equal(symlink("/bin/true", path), 0);
}

static int setup(void **state)
{
    static const char *const tools[] = {"sh", "cat", "cut", "dirname", "head", "sed", "sha256sum"};

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/qmpctl-setup-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        char tool[64], path[128];

        snprintf(tool, sizeof tool, "/usr/bin/%s", tools[i]);
        path_in_folder(path, sizeof path, tools[i]);
        if (symlink(tool, path) < 0)
            return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    char line[128];

    (void)state;
    snprintf(line, sizeof line, "rm -r '%s'", folder);
    return system(line);
}

/* With no other commands than those in the folder: what it says, and its exit code. */
static int run(const char *script, char *said, size_t size)
{
    char line[512];
    FILE *output;
    size_t length;
    int status;

    snprintf(line, sizeof line, "PATH='%s' sh %s 2>&1", folder, script);
    output = popen(line, "r");
    assert_non_null(output);
    length = fread(said, 1, size - 1, output);
    said[length] = '\0';
    status = pclose(output);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void what_is_missing_is_named_and_fails(void **state)
{
    char said[1024];

    (void)state;
    have("gcc");
    have("make");
    assert_int_equal(run("scripts/setup build", said, sizeof said), 1);
    assert_string_equal(said, "setup: not a Debian system; please install what these have there: "
                              "pkg-config libevent-dev libjansson-dev libexpat1-dev\n");
    have("pkg-config");
    assert_int_equal(run("scripts/setup build", said, sizeof said), 0);
    assert_string_equal(said, "");
}

static void the_lab_says_what_it_needs(void **state)
{
    char said[1024], script[128];

    (void)state;
    snprintf(script, sizeof script, "tests/lab/build-guest '%s'", folder);
    assert_int_equal(run(script, said, sizeof said), 1);
    assert_string_equal(said, "lab: its guest and its QEMUs are made of Debian's packages, and "
                              "there is no apt-get\n");
    have("apt-get");
    have("dpkg");
    snprintf(script, sizeof script, "tests/lab/fetch-qemu sid '%s/qemu'", folder);
    assert_int_equal(run(script, said, sizeof said), 1);
    assert_string_equal(said, "lab: its guest and its QEMUs are made of Debian's packages, and "
                              "there is no mmdebstrap\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_missing_is_named_and_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lab_says_what_it_needs, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
