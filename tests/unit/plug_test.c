/* What a plug makes of the guest's answer, and of a connection that is lost again and again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plug.h"
#include "support/dimm.h"

static struct dimm dimm;
static const struct memory empty = {.state = "running"};
static const struct placement placement;

static struct action tell(struct plug *plug, enum input_kind kind, const struct qmp_event *event)
{
    return plug_step(plug, &(struct input){.kind = kind, .event = event, .memory = &dimm.memory});
}

/* QEMU has its backend, and is asked for the device. */
static void begin(struct plug *plug, struct step *step)
{
    *step = (struct step){.id = "dimm0", .slot = -1, .size = 1 << 27};
    plug_init(plug, step, &placement, &empty, 3000);
    json_decref(tell(plug, INPUT_BEGIN, NULL).arguments);
    json_decref(tell(plug, INPUT_REPLY, NULL).arguments);
}

/* It came after QEMU had said what it knew of the guest's answers, and before the snapshot ended.
 */
static void an_answer_during_the_look_is_heard(void **state)
{
    json_t *data = dimm_answer("0", "dimm0", OST_SOURCE_PLUG, OST_SUCCESS);
    const struct qmp_event accepted = {.name = "ACPI_DEVICE_OST", .data = data};
    struct step step;
    struct plug plug;

    (void)state;
    begin(&plug, &step);
    assert_int_equal(tell(&plug, INPUT_UNANSWERED, NULL).kind, ACTION_SNAPSHOT);
    assert_int_equal(tell(&plug, INPUT_EVENT, &accepted).kind, ACTION_NONE);
    assert_int_equal(tell(&plug, INPUT_SNAPSHOT, NULL).kind, ACTION_FINISH);
    assert_int_equal(step.result, STEP_DONE);
    assert_true(step.accepted);
    json_decref(data);
}

static void the_guest_may_not_accept_it(void **state)
{
    json_t *data = dimm_answer(NULL, "dimm0", OST_SOURCE_PLUG, 1);
    const struct qmp_event other = {.name = "DEVICE_DELETED", .data = data};
    const struct qmp_event rejected = {.name = "ACPI_DEVICE_OST", .data = data};
    struct step step;
    struct plug plug;

    (void)state;
    begin(&plug, &step);
    assert_int_equal(tell(&plug, INPUT_REPLY, NULL).kind, ACTION_WAIT);
    assert_int_equal(tell(&plug, INPUT_EVENT, &other).kind, ACTION_NONE);
    assert_int_equal(tell(&plug, INPUT_EVENT, &rejected).kind, ACTION_FINISH);
    assert_int_equal(step.result, STEP_DONE);
    assert_true(step.accepted_known);
    assert_false(step.accepted);
    assert_non_null(strstr(step.detail, "it failed"));
    json_decref(data);
}

static void it_does_not_look_for_ever(void **state)
{
    struct step step = {.id = "dimm0", .slot = -1, .size = 1 << 27};
    struct action action;
    unsigned looks = 0;
    struct plug plug;

    (void)state;
    plug_init(&plug, &step, &placement, &empty, 3000);
    json_decref(tell(&plug, INPUT_BEGIN, NULL).arguments);
    while ((action = tell(&plug, INPUT_UNANSWERED, NULL)).kind == ACTION_SNAPSHOT) {
        const struct input nothing = {.kind = INPUT_SNAPSHOT, .memory = &empty};

        assert_true(++looks < 10);
        action = plug_step(&plug, &nothing);
        assert_string_equal(action.command, "object-add");
        json_decref(action.arguments);
    }
    assert_int_equal(action.kind, ACTION_FINISH);
    assert_int_equal(step.result, STEP_FAILED);
    assert_int_equal(step.error.code, EXIT_NO_CONNECTION);
    assert_int_equal(looks, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_during_the_look_is_heard),
        cmocka_unit_test(the_guest_may_not_accept_it),
        cmocka_unit_test(it_does_not_look_for_ever),
    };

    dimm_init(&dimm);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
