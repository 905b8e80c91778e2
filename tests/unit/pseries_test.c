/* A machine without ACPI (pseries): a refusal is an event of QEMU, and no slot has an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/fake_monitor.h"
#include "support/fake_vm.h"
#include "support/run.h"

static struct fake_monitor *start_pseries(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_vm_describe(fake);
    fake_vm_has_dimm(fake);
    fake_monitor_allow_error(fake, "query-acpi-ospm-status", NULL, "GenericError",
                             "command is not supported, missing ACPI device");
    fake_monitor_expect(fake, "device_del", "{\"id\":\"dimm0\"}", "{}");
    return fake;
}

static void a_refusal_is_told(const char *event, const char *data, const char *words)
{
    struct fake_monitor *fake = start_pseries();
    const struct run_result *result;

    fake_monitor_event(fake, event, data);
    result = EXPECT(4, fake_monitor_path(fake), "unplug", "dimm0", "--json", "-t", "30");
    if (!strstr(result->out, words))
        fail_msg("'%s' is not in: %s", words, result->out);
    assert_true(result->seconds < 10); /* it did not wait for the time-out */
    fake_monitor_finish(fake);
}

/* Until QEMU 9.0, with a reason. */
static void mem_unplug_error_is_a_refusal(void **state)
{
    (void)state;
    a_refusal_is_told("MEM_UNPLUG_ERROR",
                      "{\"device\":\"dimm0\",\"msg\":\"Memory hotunplug rejected by the guest\"}",
                      "Memory hotunplug rejected by the guest");
}

/* From QEMU 6.2 on; the device's id is optional. */
static void device_unplug_guest_error_is_a_refusal(void **state)
{
    (void)state;
    a_refusal_is_told("DEVICE_UNPLUG_GUEST_ERROR", "{\"path\":\"/machine/peripheral/dimm0\"}",
                      "\"result\":\"refused\"");
}

static void an_error_of_another_device_is_not_ours(void **state)
{
    struct fake_monitor *fake = start_pseries();

    (void)state;
    fake_monitor_event(fake, "DEVICE_UNPLUG_GUEST_ERROR",
                       "{\"device\":\"net0\",\"path\":\"/machine/peripheral/net0\"}");
    fake_monitor_event(fake, "MEM_UNPLUG_ERROR", "{\"device\":\"dimm1\",\"msg\":\"no\"}");
    fake_monitor_event(fake, "DEVICE_DELETED",
                       "{\"device\":\"dimm0\",\"path\":\"/machine/peripheral/dimm0\"}");
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm0\"}", "{}");
    EXPECT(0, fake_monitor_path(fake), "unplug", "dimm0", "-t", "30");
    fake_monitor_finish(fake);
}

static void silence_does_not_tell_of_the_guest(void **state)
{
    struct fake_monitor *fake = start_pseries();
    const struct run_result *result;

    (void)state;
    result = EXPECT(5, fake_monitor_path(fake), "unplug", "dimm0", "-t", "0.2");
    assert_non_null(strstr(result->err, "cannot be seen on a machine without ACPI\nhint: wait "));
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mem_unplug_error_is_a_refusal),
        cmocka_unit_test(device_unplug_guest_error_is_a_refusal),
        cmocka_unit_test(an_error_of_another_device_is_not_ours),
        cmocka_unit_test(silence_does_not_tell_of_the_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
