/* repair tells of every backend what became of it, however it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_monitor.h"
#include "support/fake_vm.h"
#include "support/run.h"

#define LEFT(name) "{\"id\":\"" name "\",\"size\":134217728}"

static struct fake_monitor *start(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_vm_describe(fake);
    fake_monitor_allow(fake, "query-memdev", NULL,
                       "[" LEFT("mem-dimm1") "," LEFT("mem-dimm2") "," LEFT("mem-dimm3") "]");
    return fake;
}

/* The reason that is given for keeping it, "" where it is not kept. */
static const char *reason_of(const json_t *answer, const char *id)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_at(answer, "kept"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "id")), id) == 0)
            return json_string_value(json_object_get(row, "reason"));
    }
    return "";
}

static void the_connection_is_lost_half_way(void **state)
{
    struct fake_monitor *fake = start();
    json_t *answer;

    (void)state;
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm1\"}", "{}");
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm2\"}", NULL);
    fake_monitor_close(fake);
    answer = run_json(EXPECT(3, fake_monitor_path(fake), "repair", "--json"));
    assert_int_equal(json_array_size(json_at(answer, "deleted")), 1);
    assert_string_equal(json_string_value(json_at(answer, "deleted.0")), "mem-dimm1");
    assert_string_equal(reason_of(answer, "mem-dimm2"), "whether it is deleted is not known");
    assert_string_equal(reason_of(answer, "mem-dimm3"), "not begun");
    assert_int_equal(json_integer_value(json_at(answer, "error.code")), 3);
    json_decref(answer);
    fake_monitor_finish(fake);
}

static void one_that_is_not_deleted_holds_up_no_other(void **state)
{
    struct fake_monitor *fake = start();
    const struct run_result *result;

    (void)state;
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm1\"}", "{}");
    fake_monitor_expect_error(fake, "object-del", "{\"id\":\"mem-dimm2\"}", "GenericError",
                              "object 'mem-dimm2' is in use");
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm3\"}", "{}");
    result = EXPECT(1, fake_monitor_path(fake), "repair");
    assert_non_null(strstr(result->out, "deleted mem-dimm1\ndeleted mem-dimm3\n"));
    assert_non_null(strstr(result->out, "kept mem-dimm2: object 'mem-dimm2' is in use\n"));
    assert_non_null(
        strstr(result->err, "mem-dimm2 could not be deleted: object 'mem-dimm2' is in use\n"));
    fake_monitor_finish(fake);
}

static void a_dry_run_deletes_nothing(void **state)
{
    struct fake_monitor *fake = start();

    (void)state;
    assert_string_equal(EXPECT(0, fake_monitor_path(fake), "repair", "--dry-run")->out,
                        "would delete mem-dimm1\nwould delete mem-dimm2\nwould delete mem-dimm3\n");
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_connection_is_lost_half_way),
        cmocka_unit_test(one_that_is_not_deleted_holds_up_no_other),
        cmocka_unit_test(a_dry_run_deletes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
