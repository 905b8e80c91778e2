/*
 * Every order of what can happen to an unplug, up to a depth: it ends exactly once, asks once,
 * deletes the backend only when the device is gone, and its result is the true one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/dimm.h"
#include "unplug.h"

#define DEADLINE 1000
#define DEPTH    7

enum thing {
    THING_REPLY,
    THING_ERROR,
    THING_UNANSWERED,
    THING_DELETED,
    THING_IN_PROGRESS,
    THING_SUCCESS, /* says the guest of what it did; DEVICE_DELETED counts */
    THING_REFUSED,
    THING_GUEST_ERROR,
    THING_MEMORY_ERROR,
    THING_RESET,
    THING_OTHER_SLOT,
    THING_TIME,
    THING_DISCONNECTED,
    THING_SNAPSHOT_PRESENT,
    THING_SNAPSHOT_IN_PROGRESS,
    THING_SNAPSHOT_REFUSED, /* the guest did so while nobody was connected */
    THING_SNAPSHOT_GONE,
    THING_SNAPSHOT_OLDER, /* than the event that the device has gone */
    THING_LOST,
    THING_INTERRUPT,
    THINGS
};

static struct dimm dimm;
static struct memory_backend left = {.id = "mem-dimm0", .orphan = true};
static struct memory gone = {.state = "running", .backends = &left, .backend_count = 1};

/* What the world knows, beside the machine. */
struct world {
    struct unplug unplug;
    struct step step;
    enum action_kind waiting; /* what the machine asked for last */
    bool sent_delete, device_gone;
    bool confirmed, unsure, declined; /* QEMU's reply to the request: yes, none, no */
    bool in_progress, refused, reset, interrupted, lost;
    bool gone_meanwhile;             /* while a snapshot was taken */
    unsigned asked, finished, noise; /* noise: what is nothing to it */
    int64_t now;
};

static unsigned long played;

static struct action tell(struct world *world, struct input input)
{
    input.now = world->now;
    if (!input.memory)
        input.memory = world->device_gone ? &gone : &dimm.memory;
    return unplug_step(&world->unplug, &input);
}

static void obey(struct world *world, struct action action)
{
    if (action.kind == ACTION_NONE)
        return;
    world->waiting = action.kind;
    world->gone_meanwhile = false;
    if (action.kind == ACTION_SEND && strcmp(action.command, "device_del") == 0) {
        world->asked++;
    } else if (action.kind == ACTION_SEND) {
        assert_string_equal(action.command, "object-del");
        assert_true(world->device_gone);
        world->sent_delete = true;
    }
    if (action.kind == ACTION_FINISH)
        world->finished++;
    json_decref(action.arguments);
}

static struct input event_input(const struct qmp_event *event)
{
    return (struct input){.kind = INPUT_EVENT, .event = event};
}

static void tell_ost(struct world *world, const char *slot, int status)
{
    json_t *data = dimm_answer(slot, NULL, OST_SOURCE_EJECT, status);
    const struct qmp_event event = {.name = "ACPI_DEVICE_OST", .data = data};

    obey(world, tell(world, event_input(&event)));
    json_decref(data);
}

/* A snapshot shows this as the last answer to a request. */
static void tell_shown(struct world *world, int64_t status)
{
    struct memory_device device = dimm.device;
    struct memory memory = dimm.memory;

    device.answer = (struct guest_answer){OST_SOURCE_EJECT, status};
    memory.devices = &device;
    obey(world, tell(world, (struct input){.kind = INPUT_SNAPSHOT, .memory = &memory}));
}

static void tell_named(struct world *world, const char *name)
{
    json_t *data = json_pack("{s:s}", "path", dimm.device.qom_path);
    const struct qmp_event event = {.name = name, .data = data};

    obey(world, tell(world, event_input(&event)));
    json_decref(data);
}

/* Whether the thing can happen now at all. */
static bool possible(const struct world *world, enum thing thing)
{
    switch (thing) {
    case THING_REPLY:
    case THING_ERROR:
    case THING_UNANSWERED:
        return world->waiting == ACTION_SEND;
    case THING_TIME:
    case THING_DISCONNECTED:
        return world->waiting == ACTION_WAIT;
    case THING_SNAPSHOT_PRESENT:
    case THING_SNAPSHOT_IN_PROGRESS:
    case THING_SNAPSHOT_REFUSED:
        return world->waiting == ACTION_SNAPSHOT && !world->device_gone;
    case THING_SNAPSHOT_OLDER:
        return world->gone_meanwhile;
    case THING_SNAPSHOT_GONE:
    case THING_LOST:
        return world->waiting == ACTION_SNAPSHOT;
    case THING_DELETED:
        return !world->device_gone && world->asked > 0;
    case THING_REFUSED:
    case THING_GUEST_ERROR:
    case THING_MEMORY_ERROR:
    case THING_IN_PROGRESS:
        return !world->device_gone;
    case THING_SUCCESS:
    case THING_OTHER_SLOT:
        return world->noise < 2;
    case THING_INTERRUPT:
        return !world->interrupted;
    default:
        return true;
    }
}

/* The reply to the request, and not to the deletion of the backend. */
static void note_reply(struct world *world, enum thing thing)
{
    if (world->sent_delete)
        return;
    world->confirmed = thing == THING_REPLY;
    world->unsure = thing == THING_UNANSWERED;
    world->declined = thing == THING_ERROR;
}

/* What the machine is told, whatever it makes of it. */
static void note(struct world *world, enum thing thing)
{
    switch (thing) {
    case THING_REPLY:
    case THING_UNANSWERED:
    case THING_ERROR:
        note_reply(world, thing);
        break;
    case THING_IN_PROGRESS:
    case THING_SNAPSHOT_IN_PROGRESS:
        world->in_progress = true;
        break;
    case THING_REFUSED:
    case THING_GUEST_ERROR:
    case THING_MEMORY_ERROR:
    case THING_SNAPSHOT_REFUSED:
        world->refused = true;
        break;
    case THING_RESET:
        world->reset = world->reset || world->confirmed || world->unsure;
        break;
    case THING_SUCCESS:
    case THING_OTHER_SLOT:
        world->noise++;
        break;
    case THING_INTERRUPT:
        world->interrupted = true;
        break;
    case THING_LOST:
        world->lost = true;
        break;
    default:
        break;
    }
}

static void happen(struct world *world, enum thing thing)
{
    static const struct error error = {
        .code = EXIT_FAILED, .text = "no", .qmp_desc = "no", .qmp_class = "GenericError"};

    note(world, thing);
    switch (thing) {
    case THING_REPLY:
        obey(world, tell(world, (struct input){.kind = INPUT_REPLY}));
        break;
    case THING_ERROR:
        obey(world, tell(world, (struct input){.kind = INPUT_ERROR, .error = &error}));
        break;
    case THING_UNANSWERED:
        obey(world, tell(world, (struct input){.kind = INPUT_UNANSWERED, .error = &error}));
        break;
    case THING_DELETED:
        world->device_gone = true;
        world->gone_meanwhile = world->waiting == ACTION_SNAPSHOT;
        tell_named(world, "DEVICE_DELETED");
        break;
    case THING_IN_PROGRESS:
        tell_ost(world, "0", 0x84);
        break;
    case THING_SUCCESS:
        tell_ost(world, "0", 0);
        break;
    case THING_REFUSED:
        tell_ost(world, "0", 0x82);
        break;
    case THING_GUEST_ERROR:
        tell_named(world, "DEVICE_UNPLUG_GUEST_ERROR");
        break;
    case THING_MEMORY_ERROR:
        tell_named(world, "MEM_UNPLUG_ERROR");
        break;
    case THING_RESET:
        tell_named(world, "RESET");
        break;
    case THING_OTHER_SLOT:
        tell_ost(world, "7", 0x82);
        break;
    case THING_TIME:
        world->now = DEADLINE;
        obey(world, tell(world, (struct input){.kind = INPUT_TIME}));
        break;
    case THING_DISCONNECTED:
        obey(world, tell(world, (struct input){.kind = INPUT_DISCONNECTED}));
        break;
    case THING_SNAPSHOT_GONE:
        world->device_gone = true;
        obey(world, tell(world, (struct input){.kind = INPUT_SNAPSHOT}));
        break;
    case THING_SNAPSHOT_PRESENT:
        obey(world, tell(world, (struct input){.kind = INPUT_SNAPSHOT}));
        break;
    case THING_SNAPSHOT_IN_PROGRESS:
        tell_shown(world, OST_IN_PROGRESS);
        break;
    case THING_SNAPSHOT_REFUSED:
        tell_shown(world, 0x82);
        break;
    case THING_SNAPSHOT_OLDER:
        obey(world, tell(world, (struct input){.kind = INPUT_SNAPSHOT, .memory = &dimm.memory}));
        break;
    case THING_LOST:
        obey(world, tell(world, (struct input){.kind = INPUT_LOST, .error = &error}));
        break;
    default:
        obey(world, tell(world, (struct input){.kind = INPUT_INTERRUPT}));
        break;
    }
}

/* Why it is late, by what it was told. */
static const char *late_because(const struct world *world)
{
    return world->interrupted   ? "interrupted"
           : world->reset       ? "the guest was reset"
           : world->in_progress ? "stalled"
           : world->unsure      ? "QEMU did not confirm"
                                : "nobody answers";
}

static void check_late(const struct world *world)
{
    const char *because = late_because(world);

    assert_false(world->device_gone || world->refused || world->declined);
    assert_true(world->step.pending);
    assert_int_equal(world->step.error.code, EXIT_TIMED_OUT);
    if (strncmp(world->step.reason, because, strlen(because)) != 0)
        fail_msg("not '%s': %s", because, world->step.reason);
}

static void check_end(const struct world *world)
{
    const struct step *step = &world->step;

    assert_int_equal(world->finished, 1);
    assert_int_equal(world->asked, 1);
    if (step->result != STEP_DONE)
        assert_true(step->error.code != EXIT_DONE && *step->reason);
    switch (step->result) {
    case STEP_DONE:
        assert_true(world->device_gone && world->sent_delete);
        break;
    case STEP_REFUSED:
        assert_true(world->refused && !world->declined);
        assert_int_equal(step->error.code, EXIT_REFUSED);
        break;
    case STEP_TIMEOUT:
        check_late(world);
        break;
    default:
        assert_int_equal(step->result, STEP_FAILED);
        assert_int_equal(step->error.code, world->lost ? EXIT_NO_CONNECTION : EXIT_FAILED);
        assert_true(world->declined || (world->lost && !world->refused));
        break;
    }
}

static void play(const struct world *before, unsigned depth)
{
    for (enum thing thing = 0; thing < THINGS; thing++) {
        struct world world = *before;

        if (!possible(&world, thing))
            continue;
        world.unplug.step = &world.step;
        happen(&world, thing);
        played++;
        if (world.finished) {
            check_end(&world);
            /* Whatever comes late changes nothing. */
            tell_named(&world, "DEVICE_DELETED");
            assert_int_equal(world.finished, 1);
        } else if (depth > 1) {
            play(&world, depth - 1);
        }
    }
}

static struct world begin(void)
{
    struct world world = {.step = {.action = STEP_UNPLUG, .id = "dimm0", .slot = 0}};

    unplug_init(&world.unplug, &world.step, &dimm.device, &dimm.memory, DEADLINE);
    obey(&world, tell(&world, (struct input){.kind = INPUT_BEGIN}));
    return world;
}

static void every_order_ends_once_and_truly(void **state)
{
    struct world world = begin();

    (void)state;
    play(&world, DEPTH);
    assert_true(played > 100000);
    print_message("%lu inputs played\n", played);
}

static void the_outcomes_are_told_apart(void **state)
{
    static const struct {
        enum thing things[5];
        size_t count;
        enum step_result result;
        enum exit_code code;
        const char *reason;
    } cases[] = {
        {{THING_REPLY, THING_DELETED, THING_REPLY}, 3, STEP_DONE, EXIT_DONE, ""},
        {{THING_DELETED, THING_REPLY, THING_REPLY}, 3, STEP_DONE, EXIT_DONE, ""},
        {{THING_REPLY, THING_REFUSED}, 2, STEP_REFUSED, EXIT_REFUSED, "busy"},
        {{THING_REPLY, THING_IN_PROGRESS, THING_REFUSED}, 3, STEP_REFUSED, EXIT_REFUSED, "busy"},
        {{THING_UNANSWERED, THING_REFUSED, THING_LOST}, 3, STEP_REFUSED, EXIT_REFUSED, "busy"},
        {{THING_UNANSWERED, THING_DELETED, THING_LOST, THING_REPLY}, 4, STEP_DONE, EXIT_DONE, ""},
        {{THING_REPLY, THING_GUEST_ERROR}, 2, STEP_REFUSED, EXIT_REFUSED, "unplug error"},
        {{THING_REPLY, THING_DISCONNECTED, THING_SNAPSHOT_REFUSED},
         3,
         STEP_REFUSED,
         EXIT_REFUSED,
         "busy"},
        {{THING_UNANSWERED, THING_SNAPSHOT_REFUSED}, 2, STEP_REFUSED, EXIT_REFUSED, "busy"},
        {{THING_REPLY, THING_IN_PROGRESS, THING_TIME, THING_SNAPSHOT_PRESENT},
         4,
         STEP_TIMEOUT,
         EXIT_TIMED_OUT,
         "stalled"},
        {{THING_REPLY, THING_TIME, THING_SNAPSHOT_PRESENT},
         3,
         STEP_TIMEOUT,
         EXIT_TIMED_OUT,
         "nobody answers"},
        {{THING_REPLY, THING_TIME, THING_SNAPSHOT_GONE, THING_REPLY}, 4, STEP_DONE, EXIT_DONE, ""},
        {{THING_REPLY, THING_TIME, THING_DELETED, THING_SNAPSHOT_OLDER, THING_REPLY},
         5,
         STEP_DONE,
         EXIT_DONE,
         ""},
        {{THING_ERROR, THING_DELETED, THING_SNAPSHOT_OLDER, THING_REPLY},
         4,
         STEP_DONE,
         EXIT_DONE,
         ""},
        {{THING_REPLY, THING_DISCONNECTED, THING_LOST},
         3,
         STEP_FAILED,
         EXIT_NO_CONNECTION,
         "connection was lost; whether the device is gone is not known"},
        {{THING_ERROR, THING_SNAPSHOT_PRESENT}, 2, STEP_FAILED, EXIT_FAILED, "no"},
        {{THING_ERROR, THING_SNAPSHOT_GONE, THING_REPLY}, 3, STEP_DONE, EXIT_DONE, ""},
        {{THING_REPLY, THING_INTERRUPT}, 2, STEP_TIMEOUT, EXIT_TIMED_OUT, "interrupted"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = begin();

        world.unplug.step = &world.step;
        for (size_t j = 0; j < cases[i].count; j++)
            happen(&world, cases[i].things[j]);
        check_end(&world);
        assert_int_equal(world.step.result, cases[i].result);
        assert_int_equal(world.step.error.code, cases[i].code);
        assert_non_null(strstr(world.step.reason, cases[i].reason));
    }
}

/* Somebody has plugged a device of the same id, in another slot, before it was looked for. */
static void a_backend_in_use_again_is_let_alone(void **state)
{
    struct memory_device other = dimm.device;
    const struct memory again = {.state = "running",
                                 .devices = &other,
                                 .device_count = 1,
                                 .backends = &dimm.backend,
                                 .backend_count = 1};
    struct world world = begin();
    struct input look = {.kind = INPUT_SNAPSHOT, .memory = &again};

    (void)state;
    other.slot = 5;
    world.unplug.step = &world.step;
    happen(&world, THING_REPLY);
    happen(&world, THING_TIME);
    world.device_gone = true;
    obey(&world, unplug_step(&world.unplug, &look));
    happen(&world, THING_ERROR);
    assert_int_equal(world.waiting, ACTION_SNAPSHOT);
    obey(&world, unplug_step(&world.unplug, &look));
    assert_int_equal(world.finished, 1);
    assert_int_equal(world.step.result, STEP_DONE);
    assert_string_equal(world.step.detail, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_ends_once_and_truly),
        cmocka_unit_test(the_outcomes_are_told_apart),
        cmocka_unit_test(a_backend_in_use_again_is_let_alone),
    };

    dimm_init(&dimm);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
