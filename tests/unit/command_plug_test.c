/* What plug does when QEMU says no on the way: the backend is taken back, and QEMU's own words are
 * what the user reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_monitor.h"
#include "support/fake_vm.h"
#include "support/run.h"

#define BACKEND "{\"id\":\"mem-dimm0\",\"qom-type\":\"memory-backend-ram\",\"size\":134217728}"
#define DEVICE  "{\"driver\":\"pc-dimm\",\"id\":\"dimm0\",\"memdev\":\"mem-dimm0\",\"slot\":0}"
#define REFUSAL "device_add: no room today"

static struct fake_monitor *refusing_monitor(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_vm_describe(fake);
    fake_monitor_expect(fake, "object-add", BACKEND, "{}");
    fake_monitor_expect_error(fake, "device_add", DEVICE, "GenericError", "no room today");
    return fake;
}

static const char *text_at(const json_t *json, const char *path)
{
    const char *text = json_string_value(json_at(json, path));

    return text ? text : "(none)";
}

static void assert_refused(const json_t *result)
{
    assert_int_equal(json_integer_value(json_at(result, "error.code")), 1);
    assert_string_equal(text_at(result, "error.message"), REFUSAL);
    assert_string_equal(text_at(result, "error.qmp.class"), "GenericError");
    assert_string_equal(text_at(result, "error.qmp.desc"), "no room today");
    assert_string_equal(text_at(result, "steps.0.result"), "failed");
    assert_true(json_is_false(json_at(result, "complete")));
}

static void a_refused_device_takes_its_backend_back(void **state)
{
    struct fake_monitor *fake = refusing_monitor();
    const struct run_result *run;
    json_t *result;

    (void)state;
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm0\"}", "{}");
    run = EXPECT(1, fake_monitor_path(fake), "plug", "128M", "--json");
    assert_string_equal(run->err, "qmpctl: " REFUSAL "\n");
    result = run_json(run);
    assert_refused(result);
    assert_string_equal(text_at(result, "steps.0.reason"), "no room today");
    json_decref(result);
    fake_monitor_finish(fake);
}

static void a_backend_that_stays_is_told(void **state)
{
    struct fake_monitor *fake = refusing_monitor();
    const struct run_result *run;
    json_t *result;

    (void)state;
    fake_monitor_expect_error(fake, "object-del", "{\"id\":\"mem-dimm0\"}", "GenericError",
                              "it is in use");
    run = EXPECT(1, fake_monitor_path(fake), "plug", "128M", "--json");
    result = run_json(run);
    assert_refused(result);
    assert_string_equal(text_at(result, "steps.0.reason"),
                        "its backend mem-dimm0 may still be there; qmpctl repair deletes it");
    json_decref(result);
    fake_monitor_finish(fake);

    fake = refusing_monitor();
    fake_monitor_expect_error(fake, "object-del", "{\"id\":\"mem-dimm0\"}", "GenericError",
                              "it is in use");
    run = EXPECT(1, fake_monitor_path(fake), "plug", "128M");
    assert_string_equal(run->err, "qmpctl: " REFUSAL "\n");
    assert_non_null(strstr(run->out, "its backend mem-dimm0 may still be there"));
    fake_monitor_finish(fake);
}

static void a_refused_backend_is_all_that_is_sent(void **state)
{
    struct fake_monitor *fake = fake_monitor_start();
    const struct run_result *run;
    json_t *result;

    (void)state;
    fake_vm_describe(fake);
    fake_monitor_expect_error(fake, "object-add", BACKEND, "GenericError", "cannot allocate");
    run = EXPECT(1, fake_monitor_path(fake), "plug", "128M", "--count", "2", "--json");
    result = run_json(run);
    assert_string_equal(text_at(result, "error.qmp.desc"), "cannot allocate");
    assert_string_equal(text_at(result, "steps.0.result"), "failed");
    assert_int_equal(json_integer_value(json_at(result, "after")), 536870912);
    json_decref(result);
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_device_takes_its_backend_back),
        cmocka_unit_test(a_backend_that_stays_is_told),
        cmocka_unit_test(a_refused_backend_is_all_that_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
