/* Rules of an unplug, one by one: which events are its own, how long QEMU may take, what it tells
 * of a guest that was reset or stands still, and whose backend it deletes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/dimm.h"
#include "unplug.h"

#define DEADLINE 1500

static struct dimm dimm;
static struct step step;
static struct unplug unplug;

static struct action tell_at(enum input_kind kind, int64_t now)
{
    struct action action =
        unplug_step(&unplug, &(struct input){.kind = kind, .memory = &dimm.memory, .now = now});

    json_decref(action.arguments);
    return action;
}

static struct action tell(enum input_kind kind)
{
    return tell_at(kind, 0);
}

/* The request is made at this time. Its timeout: how long QEMU may take to answer. */
static int64_t begin(int64_t now)
{
    step = (struct step){.action = STEP_UNPLUG, .id = "dimm0"};
    dimm.memory.state = "running";
    unplug_init(&unplug, &step, &dimm.device, &dimm.memory, DEADLINE);
    return tell_at(INPUT_BEGIN, now).timeout;
}

static struct action hear(const char *name, json_t *data)
{
    const struct qmp_event event = {.name = name, .data = data};
    struct action action =
        unplug_step(&unplug, &(struct input){.kind = INPUT_EVENT, .event = &event});

    json_decref(action.arguments);
    json_decref(data);
    return action;
}

static struct action hear_ost(int source, int status)
{
    return hear("ACPI_DEVICE_OST", dimm_answer("0", NULL, source, status));
}

static void a_guest_answers_requests_of_both_sources(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(0);
        tell(INPUT_REPLY);
        assert_int_equal(hear_ost(i ? 0x103 : 3, 0x80).kind, ACTION_FINISH);
        assert_int_equal(step.result, STEP_REFUSED);
    }
    /* An answer to its being plugged is none. */
    begin(0);
    tell(INPUT_REPLY);
    assert_int_equal(hear_ost(1, 0x80).kind, ACTION_WAIT);
}

static void another_device_may_have_gone(void **state)
{
    (void)state;
    begin(0);
    tell(INPUT_REPLY);
    assert_int_equal(hear("DEVICE_DELETED", json_pack("{s:s,s:s}", "device", "dimm0", "path",
                                                      "/machine/peripheral/dimm0/other"))
                         .kind,
                     ACTION_WAIT);
    assert_int_equal(unplug.state, UNPLUG_AWAITING);
    assert_string_equal(hear("DEVICE_DELETED", json_pack("{s:s}", "device", "dimm0")).command,
                        "object-del");
}

static void a_reset_ends_the_wait_only_where_the_guest_was_asked(void **state)
{
    (void)state;
    begin(0);
    hear("RESET", json_object());
    assert_int_equal(tell(INPUT_REPLY).kind, ACTION_WAIT);
    assert_int_equal(hear("RESET", json_object()).kind, ACTION_FINISH);
    assert_int_equal(step.result, STEP_TIMEOUT);
    assert_true(step.pending);
    assert_non_null(strstr(step.reason, "was reset"));
}

static void qemu_may_take_no_longer_than_the_guest(void **state)
{
    (void)state;
    assert_int_equal(begin(0), DEADLINE);
    assert_int_equal(begin(DEADLINE - 900), 900);
    /* And not so little that no reply can come. */
    assert_int_equal(begin(DEADLINE - 1), 500);
    assert_int_equal(begin(DEADLINE - 60 * 1000), COMMAND_TIMEOUT_MS);
}

static void a_guest_that_was_paused_meanwhile_is_called_paused(void **state)
{
    (void)state;
    begin(0);
    tell(INPUT_REPLY);
    assert_int_equal(tell_at(INPUT_TIME, DEADLINE).kind, ACTION_SNAPSHOT);
    dimm.memory.state = "paused";
    assert_int_equal(tell_at(INPUT_SNAPSHOT, DEADLINE).kind, ACTION_FINISH);
    assert_non_null(strstr(step.reason, "not running"));
}

static void a_guest_that_was_paused_while_it_was_at_it_is_no_stalled_one(void **state)
{
    (void)state;
    begin(0);
    tell(INPUT_REPLY);
    hear_ost(3, 0x84);
    assert_int_equal(tell_at(INPUT_TIME, DEADLINE).kind, ACTION_SNAPSHOT);
    dimm.memory.state = "paused";
    assert_int_equal(tell_at(INPUT_SNAPSHOT, DEADLINE).kind, ACTION_FINISH);
    assert_non_null(strstr(step.reason, "not running; it had begun"));
    assert_non_null(strstr(step.error.hint, "qmp cont"));
}

static void a_refusal_has_the_hint_of_its_status(void **state)
{
    (void)state;
    begin(0);
    tell(INPUT_REPLY);
    hear_ost(3, 0x80);
    assert_non_null(strstr(step.error.hint, "hotplug/memory/enabled"));
    begin(0);
    tell(INPUT_REPLY);
    hear("DEVICE_UNPLUG_GUEST_ERROR", json_pack("{s:s}", "device", "dimm0"));
    assert_non_null(strstr(step.error.hint, "online_movable"));
}

static void a_request_that_was_heard_stays_pending_when_all_is_lost(void **state)
{
    static const struct error lost = {.code = EXIT_NO_CONNECTION, .text = "lost"};
    const struct input input = {.kind = INPUT_LOST, .error = &lost};

    (void)state;
    begin(0);
    tell(INPUT_REPLY);
    assert_int_equal(tell(INPUT_DISCONNECTED).kind, ACTION_SNAPSHOT);
    assert_int_equal(unplug_step(&unplug, &input).kind, ACTION_FINISH);
    assert_true(step.pending);
    /* QEMU's no is known to have been one. */
    begin(0);
    unplug_step(&unplug, &(struct input){.kind = INPUT_ERROR, .error = &lost});
    assert_int_equal(unplug_step(&unplug, &input).kind, ACTION_FINISH);
    assert_false(step.pending);
}

/* It was there before, so that it may be the answer to an earlier request. */
static void a_refusal_that_is_as_before_is_no_answer(void **state)
{
    (void)state;
    dimm.device.answer = (struct guest_answer){OST_SOURCE_EJECT, 0x82};
    begin(0);
    tell(INPUT_REPLY);
    assert_int_equal(tell(INPUT_DISCONNECTED).kind, ACTION_SNAPSHOT);
    assert_int_equal(tell(INPUT_SNAPSHOT).kind, ACTION_WAIT);
    /* Nor is it when something newer is heard before the snapshot is complete. */
    assert_int_equal(tell(INPUT_DISCONNECTED).kind, ACTION_SNAPSHOT);
    hear_ost(3, 0x84);
    assert_int_equal(tell(INPUT_SNAPSHOT).kind, ACTION_WAIT);
    /* Once it was at it, this is news. */
    dimm.device.answer.status = 0x84;
    tell(INPUT_DISCONNECTED);
    assert_int_equal(tell(INPUT_SNAPSHOT).kind, ACTION_WAIT);
    dimm.device.answer.status = 0x82;
    tell(INPUT_DISCONNECTED);
    assert_int_equal(tell(INPUT_SNAPSHOT).kind, ACTION_FINISH);
    assert_int_equal(step.result, STEP_REFUSED);
    dimm.device.answer = (struct guest_answer){OST_SOURCE_PLUG, OST_SUCCESS};
}

/* It was at an earlier request when it was asked again, and has said nothing since. */
static void a_guest_that_was_at_it_before_is_at_it_still(void **state)
{
    (void)state;
    dimm.device.answer = (struct guest_answer){OST_SOURCE_EJECT, OST_IN_PROGRESS};
    begin(0);
    tell(INPUT_REPLY);
    assert_int_equal(tell_at(INPUT_TIME, DEADLINE).kind, ACTION_SNAPSHOT);
    assert_int_equal(tell_at(INPUT_SNAPSHOT, DEADLINE).kind, ACTION_FINISH);
    assert_non_null(strstr(step.reason, "stalled"));
    dimm.device.answer = (struct guest_answer){OST_SOURCE_PLUG, OST_SUCCESS};
}

static void boot_memory_is_not_deleted(void **state)
{
    (void)state;
    dimm.backend.boot = true;
    begin(0);
    tell(INPUT_REPLY);
    assert_int_equal(hear("DEVICE_DELETED", json_pack("{s:s}", "path", dimm.device.qom_path)).kind,
                     ACTION_FINISH);
    assert_int_equal(step.result, STEP_DONE);
    dimm.backend.boot = false;
}

/* It had gone, and somebody has plugged it again before it was looked for. */
static void a_device_that_came_back_is_not_released(void **state)
{
    static const struct error no = {.code = EXIT_FAILED, .text = "no"};
    const struct input input = {.kind = INPUT_ERROR, .error = &no};

    (void)state;
    begin(0);
    hear("DEVICE_DELETED", json_pack("{s:s}", "path", dimm.device.qom_path));
    assert_int_equal(unplug_step(&unplug, &input).kind, ACTION_SNAPSHOT);
    assert_int_equal(tell(INPUT_SNAPSHOT).kind, ACTION_FINISH);
    assert_int_equal(step.result, STEP_FAILED);
}

/* A backend as large as the boot memory may be taken for that when its device has gone. */
static void a_backend_that_looks_like_boot_memory_is_deleted(void **state)
{
    struct memory_backend left = {.id = "mem-dimm0", .used = true, .boot = true};
    const struct memory since = {.state = "running", .backends = &left, .backend_count = 1};
    const struct input look = {.kind = INPUT_SNAPSHOT, .memory = &since};
    struct action action;

    (void)state;
    begin(0);
    tell(INPUT_REPLY);
    hear("DEVICE_DELETED", json_pack("{s:s}", "path", dimm.device.qom_path));
    assert_int_equal(tell(INPUT_UNANSWERED).kind, ACTION_SNAPSHOT);
    action = unplug_step(&unplug, &look);
    assert_int_equal(action.kind, ACTION_SEND);
    assert_string_equal(action.command, "object-del");
    json_decref(action.arguments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_answers_requests_of_both_sources),
        cmocka_unit_test(another_device_may_have_gone),
        cmocka_unit_test(a_reset_ends_the_wait_only_where_the_guest_was_asked),
        cmocka_unit_test(qemu_may_take_no_longer_than_the_guest),
        cmocka_unit_test(a_guest_that_was_paused_meanwhile_is_called_paused),
        cmocka_unit_test(a_guest_that_was_paused_while_it_was_at_it_is_no_stalled_one),
        cmocka_unit_test(a_refusal_has_the_hint_of_its_status),
        cmocka_unit_test(a_request_that_was_heard_stays_pending_when_all_is_lost),
        cmocka_unit_test(a_refusal_that_is_as_before_is_no_answer),
        cmocka_unit_test(a_guest_that_was_at_it_before_is_at_it_still),
        cmocka_unit_test(boot_memory_is_not_deleted),
        cmocka_unit_test(a_device_that_came_back_is_not_released),
        cmocka_unit_test(a_backend_that_looks_like_boot_memory_is_deleted),
    };

    dimm_init(&dimm);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
