/* The connection is lost and got again: what came meanwhile is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_monitor.h"
#include "support/fake_vm.h"
#include "support/run.h"

/* dimm0 is asked for, which is confirmed. */
static struct fake_monitor *start_asked(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_vm_describe(fake);
    fake_vm_has_dimm(fake);
    fake_monitor_expect(fake, "device_del", "{\"id\":\"dimm0\"}", "{}");
    return fake;
}

/* And the connection ends. */
static struct fake_monitor *start_cut(void)
{
    struct fake_monitor *fake = start_asked();

    fake_monitor_close(fake);
    return fake;
}

static void a_refusal_meanwhile_is_seen(void **state)
{
    struct fake_monitor *fake = start_cut();
    const struct run_result *result;

    (void)state;
    fake_monitor_allow(fake, "query-acpi-ospm-status", NULL,
                       "[{\"slot-type\":\"DIMM\",\"slot\":\"0\",\"source\":3,\"status\":130}]");
    result = EXPECT(4, fake_monitor_path(fake), "unplug", "dimm0", "-t", "30");
    assert_non_null(strstr(result->err, "the guest refused: the device is busy (OST status 130)"));
    assert_true(result->seconds < 10);
    fake_monitor_finish(fake);
}

/* It has no dimm0, and nothing may be deleted there. */
static void another_vm_is_told_nothing(void **state)
{
    struct fake_monitor *fake = start_cut();
    const struct run_result *result;

    (void)state;
    fake_vm_describe(fake);
    fake_monitor_allow(fake, "query-uuid", NULL, "{\"UUID\":\"4-5-6\"}");
    result = EXPECT(3, fake_monitor_path(fake), "unplug", "dimm0", "-t", "30");
    assert_non_null(strstr(result->err, "QEMU was restarted, or another VM has its monitor's "
                                        "address; whether the device is gone is not known (its "
                                        "UUID is 4-5-6, and was 1-2-3)\n"));
    assert_non_null(strstr(result->out, "memory  768 MiB, as far as is known"));
    assert_true(result->seconds < 10);
    fake_monitor_finish(fake);
}

/* The guest gives dimm0 up, and the monitor comes back after a while. */
static void a_socket_that_comes_back_is_waited_for(void **state)
{
    struct fake_monitor *fake = start_asked();
    const struct run_result *result;

    (void)state;
    fake_monitor_leave(fake, 400);
    fake_vm_describe(fake);
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm0\"}", "{}");
    result = EXPECT(0, fake_monitor_path(fake), "unplug", "dimm0", "-t", "30");
    assert_true(result->seconds >= 0.4 && result->seconds < 10);
    fake_monitor_finish(fake);
}

static void one_that_does_not_is_given_up(void **state)
{
    struct fake_monitor *fake = start_asked();
    const struct run_result *result;

    (void)state;
    fake_monitor_leave(fake, 60000);
    result = EXPECT(3, fake_monitor_path(fake), "unplug", "dimm0", "-t", "0.5");
    assert_non_null(strstr(result->err, "the connection was lost; whether the device is gone is "
                                        "not known ("));
    assert_non_null(strstr(result->err, "no such socket"));
    assert_true(result->seconds >= 0.5 && result->seconds < 1.5);
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_meanwhile_is_seen),
        cmocka_unit_test(another_vm_is_told_nothing),
        cmocka_unit_test(a_socket_that_comes_back_is_waited_for),
        cmocka_unit_test(one_that_does_not_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
