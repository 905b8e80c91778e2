/* What is told of an unplug that fell short, and what can be done about it: each case its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unplug_words.h"

static void who_is_late_is_told_apart(void **state)
{
    static const struct {
        struct unplug unplug;
        const char *reason, *hint;
    } cases[] = {
        {{.interrupted = true, .in_progress = true, .reset = true}, "interrupted; ", "none"},
        {{.reset = true, .in_progress = true}, "the guest was reset", "when it has booted"},
        {{.in_progress = true, .guest_runs = true, .guest_tells = true}, "stalled: ", "--timeout"},
        {{.in_progress = true, .guest_tells = true},
         "the guest is not running; it had begun to give the device up",
         "qmp cont"},
        {{.unsure = true, .guest_runs = true}, "QEMU did not confirm", "ask again"},
        {{.guest_tells = true}, "the guest is not running; the request waits for it", "qmp cont"},
        {{.guest_runs = true, .guest_tells = true}, "nobody answers", "ACPI memory hotplug driver"},
        {{.guest_runs = true}, "no answer; whether the guest is at it cannot be seen", "--timeout"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct unplug_words words = unplug_late_words(&cases[i].unplug);

        if (strncmp(words.reason, cases[i].reason, strlen(cases[i].reason)) != 0)
            fail_msg("case %zu: %s", i, words.reason);
        if (!strstr(words.hint ? words.hint : "none", cases[i].hint))
            fail_msg("case %zu: hint: %s", i, words.hint);
    }
}

static void a_hint_is_for_the_reason_given(void **state)
{
    static const struct {
        int64_t status;
        const char *hint;
    } cases[] = {
        {1, "dmesg"},
        {0x80, "/sys/firmware/acpi/hotplug/memory/enabled"},
        {0x81, "end what uses this memory"},
        {0x82, "online_movable"},
        {0x83, "what depends on this memory"},
        {-1, "online_movable"},
        {0x85, "dmesg"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *hint = unplug_refusal_hint(cases[i].status);

        if (!strstr(hint, cases[i].hint))
            fail_msg("status %lld: %s", (long long)cases[i].status, hint);
        for (size_t j = 0; j < sizeof cases / sizeof *cases; j++) {
            if (strcmp(cases[j].hint, cases[i].hint) != 0 && strstr(hint, cases[j].hint))
                fail_msg("status %lld: also %s", (long long)cases[i].status, cases[j].hint);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_late_is_told_apart),
        cmocka_unit_test(a_hint_is_for_the_reason_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
