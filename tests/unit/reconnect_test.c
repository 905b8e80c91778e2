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

/* dimm0 is asked for, which is confirmed, and the connection ends. */
static struct fake_monitor *start_cut(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_vm_describe(fake);
    fake_vm_has_dimm(fake);
    fake_monitor_expect(fake, "device_del", "{\"id\":\"dimm0\"}", "{}");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_meanwhile_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
