/* Taking back what was done: the same device again, on the same backend; and what cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attempt.h"
#include "host/progress.h"
#include "restore.h"
#include "size.h"
#include "undo.h"

static struct memory_backend backend = {
    .id = "ram1", .type = "memfd", .size = 1 << 27, .pagesize = 1 << 21, .share = true};
static struct memory_device device = {.id = "web0", .slot = 3, .backend = &backend};
static const struct memory memory = {.state = "running",
                                     .devices = &device,
                                     .device_count = 1,
                                     .backends = &backend,
                                     .backend_count = 1};
static const struct memory empty = {.state = "running"};

static struct action tell(struct attempt *attempt, enum input_kind kind)
{
    static const struct error no = {.code = EXIT_FAILED, .text = "no"};

    return attempt_step(attempt, &(struct input){.kind = kind, .memory = &empty, .error = &no});
}

static void assert_sent(struct action action, const char *command, const char *key,
                        const char *value)
{
    assert_int_equal(action.kind, ACTION_SEND);
    assert_string_equal(action.command, command);
    assert_string_equal(json_string_value(json_object_get(action.arguments, key)), value);
    json_decref(action.arguments);
}

/* Whoever plugged it may have named its backend in any way. */
static void a_backend_keeps_its_name(void **state)
{
    static const struct placement placement = {0};
    struct step step = {
        .id = "web0", .size = 1 << 27, .slot = 3, .result = STEP_DONE, .action = STEP_UNPLUG};
    struct step undo = undo_of(&step);
    struct attempt attempt;
    struct action action;
    json_t *restoring = NULL;

    (void)state;
    undo_remember(&restoring, &memory, "web0");
    action =
        attempt_plug(&attempt, &undo, &placement, &empty, json_object_get(restoring, "web0"), 0, 0);
    assert_int_equal(undo.action, STEP_PLUG);
    assert_int_equal(json_integer_value(json_object_get(action.arguments, "hugetlbsize")), 1 << 21);
    assert_sent(action, "object-add", "id", "ram1");
    action = tell(&attempt, INPUT_REPLY);
    assert_int_equal(json_integer_value(json_object_get(action.arguments, "slot")), 3);
    assert_sent(action, "device_add", "memdev", "ram1");
    assert_sent(tell(&attempt, INPUT_ERROR), "object-del", "id", "ram1");
    assert_int_equal(tell(&attempt, INPUT_REPLY).kind, ACTION_FINISH);
    json_decref(restoring);
}

/* All that its owner chose; and nothing that QEMU chose by itself, but for the preallocation, which
 * it would choose where it was started with -mem-prealloc. */
static void a_backend_is_made_as_it_was(void **state)
{
    json_t *nodes = json_pack("[i]", 1);
    struct memory_backend file = {.id = "m",
                                  .type = "file",
                                  .size = 4096,
                                  .mem_path = "/dev/hugepages",
                                  .host_nodes = nodes,
                                  .policy = "bind",
                                  .share = true,
                                  .merge = true,
                                  .dump = true,
                                  .prealloc = true};
    const struct memory_backend ram = {.id = "r",
                                       .type = "ram",
                                       .size = 4096,
                                       .policy = "default",
                                       .host_nodes = nodes,
                                       .merge = true};
    json_t *made = restore_backend_arguments(&file);
    json_t *expected =
        json_pack("{s:s,s:s,s:i,s:s,s:b,s:b,s:[i],s:s}", "qom-type", "memory-backend-file", "id",
                  "m", "size", 4096, "mem-path", "/dev/hugepages", "share", 1, "prealloc", 1,
                  "host-nodes", 1, "policy", "bind");

    (void)state;
    assert_true(json_equal(made, expected));
    json_decref(made);
    json_decref(expected);
    made = restore_backend_arguments(&ram);
    expected = json_pack("{s:s,s:s,s:i,s:b,s:b,s:b}", "qom-type", "memory-backend-ram", "id", "r",
                         "size", 4096, "share", 0, "dump", 0, "prealloc", 0);
    assert_true(json_equal(made, expected));
    json_decref(made);
    json_decref(expected);
    json_decref(nodes);
}

/* That holds QEMU for as long as it took when the device was plugged first. */
static void what_was_preallocated_is_waited_for_as_long_as_it_may_take(void **state)
{
    static const struct placement of_new_devices[] = {{.cpus = 3}, {.prealloc = true}};
    struct memory_backend ram = {.id = "r", .type = "ram", .size = 8 * GIB, .merge = true};
    struct step step = {.id = "web0", .size = 8 * GIB, .slot = -1};

    (void)state;
    for (int prealloc = 0; prealloc < 2; prealloc++) {
        json_t *restore;
        struct attempt attempt;
        struct action action;

        ram.prealloc = prealloc;
        restore = restore_backend_arguments(&ram);
        for (size_t i = 0; i < 2; i++) {
            json_int_t threads = prealloc ? of_new_devices[i].cpus : 0;

            action = attempt_plug(&attempt, &step, &of_new_devices[i], &empty, restore, 0, 0);
            assert_int_equal(action.timeout,
                             prealloc ? progress_longest(8 * GIB) : COMMAND_TIMEOUT_MS);
            assert_int_equal(
                json_integer_value(json_object_get(action.arguments, "prealloc-threads")), threads);
            json_decref(action.arguments);
        }
        json_decref(restore);
    }
}

/* The snapshot of the plan had its backend, and the device no more: that is cleaned up, too. */
static void what_has_gone_leaves_no_backend(void **state)
{
    static struct memory_backend left[] = {{.id = "mem-web0"}};
    static const struct memory since = {.state = "running", .backends = left, .backend_count = 1};
    struct attempt attempt;

    (void)state;
    for (int ours = 0; ours < 2; ours++) {
        struct step step = {.id = "web0", .action = STEP_UNPLUG, .slot = -1};

        assert_sent(attempt_unplug(&attempt, &step, ours ? &empty : &since, ours, 1000, 0),
                    "device_del", "id", "web0");
        assert_int_equal(tell(&attempt, INPUT_ERROR).kind, ACTION_SNAPSHOT);
        assert_sent(tell(&attempt, INPUT_SNAPSHOT), "object-del", "id", "mem-web0");
        assert_int_equal(tell(&attempt, INPUT_REPLY).kind, ACTION_FINISH);
        assert_int_equal(step.result, STEP_DONE);
    }
}

/* The guest may still give up later what it was asked to. */
static void what_stalls_stays_pending(void **state)
{
    struct step step = {.id = "web0", .action = STEP_PLUG, .result = STEP_DONE};
    struct step undo = undo_of(&step);

    (void)state;
    undo.result = STEP_TIMEOUT;
    undo.pending = true;
    strcpy(undo.reason, "stalled");
    error_set(&undo.error, EXIT_TIMED_OUT, "unplug web0: stalled");
    undo_note(&step, &undo);
    assert_int_equal(step.result, STEP_DONE);
    assert_true(step.pending);
    assert_string_equal(step.detail, "could not be taken back: stalled");
}

static void a_step_that_was_not_tried_says_why(void **state)
{
    struct step step = {.result = STEP_DONE};
    const struct error lost = {.code = EXIT_NO_CONNECTION, .text = "unplug dimm1: it was lost"};

    (void)state;
    undo_note_untried(&step, &lost, error_how_lost(&lost));
    assert_string_equal(step.detail, "could not be taken back: the connection was lost");
    assert_int_equal(step.result, STEP_DONE);
    assert_null(undo_last(&(struct result){.steps = &step, .step_count = 1}));
}

static void the_last_that_stands_is_next(void **state)
{
    struct step steps[] = {{.result = STEP_DONE},
                           {.result = STEP_DONE, .earlier = true},
                           {.result = STEP_UNDONE},
                           {.result = STEP_DONE, .error = {.text = "tried"}},
                           {.result = STEP_REFUSED}};
    const struct result result = {.steps = steps, .step_count = sizeof steps / sizeof *steps};

    (void)state;
    assert_ptr_equal(undo_last(&result), &steps[0]);
    steps[0].result = STEP_UNDONE;
    assert_null(undo_last(&result));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backend_keeps_its_name),
        cmocka_unit_test(a_backend_is_made_as_it_was),
        cmocka_unit_test(what_was_preallocated_is_waited_for_as_long_as_it_may_take),
        cmocka_unit_test(what_has_gone_leaves_no_backend),
        cmocka_unit_test(what_stalls_stays_pending),
        cmocka_unit_test(a_step_that_was_not_tried_says_why),
        cmocka_unit_test(the_last_that_stands_is_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
