/* A new device that the guest does not accept, and one of which it says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/fake_monitor.h"
#include "support/fake_vm.h"
#include "support/run.h"

/* dimm0 is plugged, and no other. */
static struct fake_monitor *start(void)
{
    struct fake_monitor *fake = fake_monitor_start();

    fake_vm_describe(fake);
    fake_monitor_expect(fake, "object-add", "*", "{}");
    fake_monitor_expect(fake, "device_add", "*", "{}");
    fake_vm_has_dimm(fake);
    return fake;
}

static void say_no(struct fake_monitor *fake)
{
    fake_monitor_event(fake, "ACPI_DEVICE_OST",
                       "{\"info\":{\"device\":\"dimm0\",\"slot\":\"0\",\"slot-type\":\"DIMM\","
                       "\"source\":1,\"status\":1}}");
}

static void has(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("'%s' is not in: %s", words, text);
}

static void no_is_an_error(void **state)
{
    static const char *const commands[][6] = {
        {"plug", "256M"}, {"plug", "256M", "--count", "2"}, {"set", "768M"}};

    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct fake_monitor *fake = start();
        const struct run_result *result;

        say_no(fake);
        result = run_expect(1, fake_monitor_path(fake), commands[i]);
        has(result->err, "qmpctl: plug dimm0: the guest did not accept it: it failed\nhint: ");
        has(result->out, " s: the guest did not accept it: it failed\n");
        has(result->out, "memory  512 MiB -> 768 MiB");
        assert_null(strstr(result->out, "yet"));
        fake_monitor_finish(fake);
    }
}

static void a_program_is_told(void **state)
{
    struct fake_monitor *fake = start();
    json_t *result;

    (void)state;
    say_no(fake);
    result = run_json(EXPECT(1, fake_monitor_path(fake), "plug", "256M", "--json"));
    assert_true(json_is_false(json_at(result, "complete")));
    assert_true(json_is_false(json_at(result, "steps.0.accepted")));
    assert_string_equal(json_string_value(json_at(result, "steps.0.result")), "done");
    assert_int_equal(integer_at(result, "error.code"), 1);
    json_decref(result);
    fake_monitor_finish(fake);
}

static void it_is_taken_back_with_atomic(void **state)
{
    struct fake_monitor *fake = start();
    const struct run_result *result;

    (void)state;
    say_no(fake);
    fake_monitor_expect(fake, "device_del", "{\"id\":\"dimm0\"}", "{}");
    fake_monitor_event(fake, "DEVICE_DELETED", "{\"path\":\"/machine/peripheral/dimm0\"}");
    fake_monitor_expect(fake, "object-del", "{\"id\":\"mem-dimm0\"}", "{}");
    fake_vm_describe(fake);
    result = EXPECT(1, fake_monitor_path(fake), "plug", "256M", "--count", "2", "--atomic");
    has(result->out, "undone in ");
    has(result->out, "memory  512 MiB, unchanged");
    fake_monitor_finish(fake);
}

static void silence_is_none(void **state)
{
    struct fake_monitor *fake = start();
    const struct run_result *result;

    (void)state;
    result = EXPECT(0, fake_monitor_path(fake), "plug", "256M", "--accept-timeout", "0.1");
    has(result->out, ", not accepted by the guest yet\n");
    fake_monitor_finish(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_is_an_error),
        cmocka_unit_test(a_program_is_told),
        cmocka_unit_test(it_is_taken_back_with_atomic),
        cmocka_unit_test(silence_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
