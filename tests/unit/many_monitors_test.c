/* More monitors at a time than a program may have descriptors to begin with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/run.h"
#include "support/stage.h"

#define MONITORS 40

/* They are one that greets nobody, by many names. */
static void test_more_monitors_than_descriptors(void **state)
{
    char pattern[80], name[96];
    const struct run_result *result;
    struct rlimit before, few;
    struct stage stage;

    (void)state;
    stage_open(&stage);
    stage.server.manner = IGNORES;
    stage_bind(&stage, stage.path, SOCK_STREAM);
    stage_listen(&stage, MONITORS);
    for (int i = 0; i < MONITORS; i++) {
        snprintf(name, sizeof name, "%s.%d", stage.path, i);
        assert_int_equal(symlink(stage.path, name), 0);
    }
    snprintf(pattern, sizeof pattern, "%s.*", stage.path);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 24;
    assert_true(few.rlim_max > 2 * MONITORS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    result = run_qmpctl(pattern, (const char *const[]){"--connect-timeout", "1", "watch", NULL});
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result->code, 3);
    assert_null(strstr(result->err, "Too many open files"));
    for (int i = 0; i < MONITORS; i++) {
        snprintf(name, sizeof name, "%s.%d: no greeting within 1 s", stage.path, i);
        assert_non_null(strstr(result->err, name));
        name[strcspn(name, ":")] = '\0';
        unlink(name);
    }
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_monitors_than_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
