/* What tests/sum-up makes of the suites' results: what is skipped where nothing may be, above all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/qmpctl-sum-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Whether the run is a good one; said: all that it says. ci: the variable, "" for none. */
static bool passes(const char *results, const char *ci, char *said, size_t size)
{
    char command[256];
    FILE *pipe;
    size_t length;

    write_file("unit-a_test.tap", results);
    snprintf(command, sizeof command, "CI=%s tests/sum-up '%s' '%s/unavailable'", ci, folder,
             folder);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    length = fread(said, 1, size - 1, pipe);
    said[length] = '\0';
    return pclose(pipe) == 0;
}

static void assert_says(const char *said, const char *line)
{
    if (!strstr(said, line)) {
        print_error("no '%s' in: %s\n", line, said);
        fail();
    }
}

static void what_passed_is_counted(void **state)
{
    char said[4096];

    (void)state;
    write_file("unavailable", "");
    assert_true(passes("1..2\nok 1 - a\nok 2 - b\n# ok - tests\n", "true", said, sizeof said));
    assert_string_equal(said, "2 passed, 0 failed, 0 skipped\n");
    assert_false(passes("1..2\nok 1 - a\nnot ok 2 - b\nwhy\n", "", said, sizeof said));
    assert_says(said, "why\n");
    assert_says(said, "1 passed, 1 failed, 0 skipped\n");
}

/* cmocka has said it in both ways. */
static void a_skipped_test_is_named_and_fails_only_with_ci(void **state)
{
    static const char *const results[] = {"1..2\nok 1 - a\nok 2 # SKIP b_on_sid\n",
                                          "1..2\nok 1 - a\nnot ok 2 # SKIP b_on_sid\n"};
    char said[4096];

    (void)state;
    write_file("unavailable", "trixie\n");
    for (size_t i = 0; i < 2; i++) {
        assert_true(passes(results[i], "", said, sizeof said));
        assert_says(said, "skipped: b_on_sid\n");
        assert_says(said, "\n1 passed, 0 failed, 1 skipped (not fetched: trixie)\n");
        assert_false(passes(results[i], "true", said, sizeof said));
        assert_says(said, "must not be skipped where CI is set: b_on_sid\n");
        assert_says(said, "\n1 passed, 0 failed, 1 skipped (not fetched: trixie)\n");
    }
}

static void a_qemu_that_could_not_be_fetched_is_a_reason_for_its_own_tests(void **state)
{
    char said[4096];

    (void)state;
    write_file("unavailable", "bullseye\nsid\n");
    assert_true(passes("1..2\nok 1 # SKIP a_on_sid\nok 2 # SKIP a_on_bullseye\n", "true", said,
                       sizeof said));
    assert_says(said, "\n0 passed, 0 failed, 2 skipped (not fetched: bullseye sid)\n");
    assert_false(
        passes("1..2\nok 1 # SKIP a_on_sid\nok 2 # SKIP a_on_trixie\n", "true", said, sizeof said));
    assert_null(strstr(said, "CI is set: a_on_sid"));
    assert_says(said, "must not be skipped where CI is set: a_on_trixie\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passed_is_counted),
        cmocka_unit_test(a_skipped_test_is_named_and_fails_only_with_ci),
        cmocka_unit_test(a_qemu_that_could_not_be_fetched_is_a_reason_for_its_own_tests),
    };

    return cmocka_run_group_tests_name("sum up", tests, make_folder, remove_folder);
}
