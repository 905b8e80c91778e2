/* Another VM at the same address is known by each of what a VM has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "identity.h"

#define MIB ((uint64_t)1 << 20)

static const struct memory before = {
    .name = "web", .uuid = "1-2", .version = "10.0.2", .base = 512 * MIB, .pid = 11};

static void any_difference_is_another(void **state)
{
    static const struct {
        struct memory now;
        const char *text;
    } cases[] = {
        {{.name = "web", .uuid = "1-3", .version = "10.0.2", .base = 512 * MIB, .pid = 11},
         "its UUID is 1-3, and was 1-2"},
        {{.uuid = "1-2", .version = "10.0.2", .base = 512 * MIB, .pid = 11},
         "its name is none, and was web"},
        {{.name = "web", .uuid = "1-2", .version = "10.0.3", .base = 512 * MIB, .pid = 11},
         "its version is 10.0.3, and was 10.0.2"},
        {{.name = "web", .uuid = "1-2", .version = "10.0.2", .base = 256 * MIB, .pid = 11},
         "its base memory is 256M, and was 512M"},
        {{.name = "web", .uuid = "1-2", .version = "10.0.2", .base = 512 * MIB, .pid = 12},
         "its pid is 12, and was 11"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};

        assert_int_equal(identity_compare(&before, &cases[i].now, &error), -1);
        assert_string_equal(error.text, cases[i].text);
        assert_int_equal(error.code, EXIT_NO_CONNECTION);
        assert_non_null(strstr(error_how_lost(&error), "QEMU was restarted"));
    }
}

static void what_changes_or_is_not_seen_is_no_difference(void **state)
{
    struct memory now = before;

    (void)state;
    now.plugged = 128 * MIB;
    now.state = "paused";
    assert_int_equal(identity_compare(&before, &now, NULL), 0);
    now.pid = 0;
    assert_int_equal(identity_compare(&before, &now, NULL), 0);
    assert_int_equal(identity_compare(&now, &before, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_difference_is_another),
        cmocka_unit_test(what_changes_or_is_not_seen_is_no_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
