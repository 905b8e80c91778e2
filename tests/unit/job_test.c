/*
 * A whole operation against a VM that is a model: everything that can happen in every order, up to
 * a depth; and, anywhere in it, as many misfortunes as there is time for. It must end once, break
 * no rule on the way, and tell the truth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/model.h"

#define MIB   ((uint64_t)1 << 20)
#define LIMIT 400 /* things that happen, until it must have ended */
#define DEPTH 9

static const char *const both[] = {"dimm0", "dimm1"};

struct scenario {
    const char *name;
    struct change change;
    uint64_t sizes[4];
};

#define CHANGE(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__, .count = 1, .slot = -1, .node = NODE_ANY, .timeout = 30000,                   \
                     .accept_timeout = 3000                                                        \
    }

static const struct scenario scenarios[] = {
    {"plug", CHANGE(.kind = CHANGE_PLUG, .size = 256 * MIB), {0}},
    {"unplug two",
     CHANGE(.kind = CHANGE_UNPLUG, .ids = both, .id_count = 2),
     {128 * MIB, 256 * MIB}},
    {"unplug two, one has gone",
     CHANGE(.kind = CHANGE_UNPLUG, .ids = both, .id_count = 2),
     {128 * MIB + MODEL_GONE, 256 * MIB}},
    {"unplug two --atomic",
     CHANGE(.kind = CHANGE_UNPLUG, .ids = both, .id_count = 2, .atomic = true),
     {128 * MIB, 256 * MIB}},
    {"set up", CHANGE(.kind = CHANGE_SET, .size = 896 * MIB), {0}},
    {"set down, two ways", CHANGE(.kind = CHANGE_SET, .size = 768 * MIB), {256 * MIB, 256 * MIB}},
    {"set down --atomic",
     CHANGE(.kind = CHANGE_SET, .size = 512 * MIB, .atomic = true),
     {256 * MIB, 128 * MIB}},
    {"set down --nearest up",
     CHANGE(.kind = CHANGE_SET, .size = 640 * MIB, .nearest = MEMPLAN_NEAREST_UP),
     {256 * MIB, 512 * MIB}},
    {"set down --on-refusal stop",
     CHANGE(.kind = CHANGE_SET, .size = 768 * MIB, .stop_on_refusal = true),
     {256 * MIB, 256 * MIB}},
    {"plug, another goes",
     CHANGE(.kind = CHANGE_PLUG, .size = 256 * MIB),
     {128 * MIB + MODEL_PENDING}},
    {"set up, another goes",
     CHANGE(.kind = CHANGE_SET, .size = 896 * MIB),
     {128 * MIB + MODEL_PENDING}},
    {"unplug --size, another goes",
     CHANGE(.kind = CHANGE_UNPLUG_SIZE, .size = 128 * MIB),
     {256 * MIB + MODEL_PENDING, 128 * MIB}},
    {"set --swap", CHANGE(.kind = CHANGE_SET, .size = 640 * MIB, .swap = true), {256 * MIB}},
};

#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

/* What happens, by its place in the play: nothing said is number 0. */
struct play {
    unsigned choices[LIMIT], counts[LIMIT];
    unsigned length;
};

static unsigned long played;

static void show(const struct scenario *scenario, const struct play *play, const char *rule)
{
    print_error("%s: %s, when", scenario->name, rule);
    for (unsigned i = 0; i < play->length; i++)
        print_error(" %u/%u", play->choices[i], play->counts[i]);
    print_error("\n");
    fail();
}

static void perform(const struct scenario *scenario, struct play *play)
{
    struct model *model = malloc(sizeof *model);
    unsigned i = 0;

    assert_non_null(model);
    model_init(model, &scenario->change, scenario->sizes, 4);
    for (; i < LIMIT && (play->counts[i] = model_choices(model)) > 0; i++)
        model_happen(model, play->choices[i]);
    play->length = i;
    model_judge(model);
    played++;
    if (model->broken)
        show(scenario, play, model->broken);
    model_free(model);
    free(model);
}

/* Every choice at each of the first places. */
static void every_order(const struct scenario *scenario, struct play *play, unsigned place)
{
    unsigned count;

    perform(scenario, play);
    if (place >= DEPTH || place >= play->length)
        return;
    count = play->counts[place];
    for (unsigned choice = 0; choice < count; choice++) {
        play->choices[place] = choice;
        if (choice > 0)
            perform(scenario, play);
        every_order(scenario, play, place + 1);
    }
    play->choices[place] = 0;
}

/* So many misfortunes, each at every place from this one on. */
static void misfortunes(const struct scenario *scenario, struct play *play, unsigned from,
                        unsigned left)
{
    unsigned length, counts[LIMIT];

    perform(scenario, play);
    if (left == 0)
        return;
    length = play->length;
    memcpy(counts, play->counts, sizeof counts);
    for (unsigned place = from; place < length; place++) {
        for (unsigned choice = 1; choice < counts[place]; choice++) {
            play->choices[place] = choice;
            misfortunes(scenario, play, place + 1, left - 1);
        }
        play->choices[place] = 0;
    }
}

static void everything_at_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCENARIOS; i++) {
        struct play play = {0};

        every_order(&scenarios[i], &play, 0);
    }
    print_message("%lu plays\n", played);
}

static void misfortune_anywhere(void **state)
{
    const unsigned most = getenv("QMPCTL_LONG") ? 6 : 4;

    (void)state;
    played = 0;
    for (size_t i = 0; i < SCENARIOS; i++) {
        struct play play = {0};
        unsigned long before = played;

        misfortunes(&scenarios[i], &play, 0, most);
        print_message("%s: %lu plays\n", scenarios[i].name, played - before);
    }
    assert_true(played > 10000);
}

/* What happens by name, until the end; then on good days. */
static struct model *perform_choices(const struct scenario *scenario, const unsigned *choices,
                                     size_t count)
{
    struct model *model = malloc(sizeof *model);

    assert_non_null(model);
    model_init(model, &scenario->change, scenario->sizes, 4);
    for (unsigned i = 0; i < LIMIT && model_choices(model) > 0; i++)
        model_happen(model, i < count ? choices[i] : 0);
    model_judge(model);
    assert_null(model->broken);
    return model;
}

/* look, device_del, the guest refuses (number 1 of a wait); the other one goes; asked again. */
static void who_refused_is_asked_again(void **state)
{
    static const struct scenario scenario = {
        "set down", CHANGE(.kind = CHANGE_SET, .size = 512 * MIB), {256 * MIB, 128 * MIB}};
    static const unsigned choices[] = {0, 0, 1};
    struct model *model = perform_choices(&scenario, choices, 3);
    const struct result *result = &model->job.result;

    (void)state;
    assert_int_equal(result->error.code, EXIT_DONE);
    assert_int_equal(result->after, MODEL_BASE);
    assert_int_equal(result->step_count, 3);
    assert_int_equal(result->steps[0].result, STEP_REFUSED);
    assert_int_equal(result->steps[1].result, STEP_DONE);
    assert_int_equal(result->steps[2].result, STEP_DONE);
    assert_string_equal(result->steps[0].id, result->steps[2].id);
    model_free(model);
    free(model);
}

/* It refuses again, and that is the end: what went has gone. */
static void who_refuses_twice_is_let_alone(void **state)
{
    static const struct scenario scenario = {
        "set down", CHANGE(.kind = CHANGE_SET, .size = 512 * MIB), {256 * MIB, 128 * MIB}};
    static const unsigned choices[] = {0, 0, 1, 0, 0, 0, 0, 0, 0, 1};
    struct model *model = perform_choices(&scenario, choices, 10);
    const struct result *result = &model->job.result;

    (void)state;
    assert_int_equal(result->error.code, EXIT_REFUSED);
    assert_int_equal(result->step_count, 3);
    assert_int_equal(result->steps[2].result, STEP_REFUSED);
    assert_int_equal(result->after,
                     MODEL_BASE + (strcmp(result->steps[0].id, "dimm0") == 0 ? 256 : 128) * MIB);
    model_free(model);
    free(model);
}

/* It had gone before, with nobody connected: done, and what it took is not counted again. */
static void who_had_gone_before_is_done(void **state)
{
    static const struct scenario scenario = {
        "unplug two, one has gone",
        CHANGE(.kind = CHANGE_UNPLUG, .ids = both, .id_count = 2),
        {128 * MIB + MODEL_GONE, 256 * MIB}};
    static const unsigned choices[] = {0};
    struct model *model = perform_choices(&scenario, choices, 1);
    const struct result *result = &model->job.result;

    (void)state;
    assert_int_equal(result->error.code, EXIT_DONE);
    assert_int_equal(result->step_count, 2);
    assert_string_equal(result->steps[0].id, "dimm0");
    assert_true(result->steps[0].earlier);
    assert_int_equal(result->before, MODEL_BASE + 256 * MIB);
    assert_int_equal(result->after, MODEL_BASE);
    model_free(model);
    free(model);
}

/* look, device_del, nothing (number 3 of a wait): further requests would wait behind this one. */
static void a_stall_ends_it(void **state)
{
    static const struct scenario scenario = {
        "unplug two",
        CHANGE(.kind = CHANGE_UNPLUG, .ids = both, .id_count = 2),
        {128 * MIB, 256 * MIB}};
    static const unsigned choices[] = {0, 0, 3};
    struct model *model = perform_choices(&scenario, choices, 3);
    const struct result *result = &model->job.result;

    (void)state;
    assert_int_equal(result->error.code, EXIT_TIMED_OUT);
    assert_int_equal(result->step_count, 2);
    assert_int_equal(result->steps[0].result, STEP_TIMEOUT);
    assert_int_equal(result->steps[1].result, STEP_PLANNED);
    model_free(model);
    free(model);
}

/* look, object-add, device_add, the guest rejects it (number 1 of that wait). */
static void no_more_is_plugged_than_the_guest_accepts(void **state)
{
    static const struct scenario scenario = {
        "set up", CHANGE(.kind = CHANGE_SET, .size = 896 * MIB), {0}};
    static const unsigned choices[] = {0, 0, 0, 1};
    struct model *model = perform_choices(&scenario, choices, 4);
    const struct result *result = &model->job.result;

    (void)state;
    assert_int_equal(result->error.code, EXIT_FAILED);
    assert_non_null(strstr(result->error.text, "did not accept it"));
    assert_int_equal(result->step_count, 2);
    assert_int_equal(result->steps[1].result, STEP_PLANNED);
    model_free(model);
    free(model);
}

static const struct scenario taken_back = {
    "set up --atomic", CHANGE(.kind = CHANGE_SET, .size = 896 * MIB, .atomic = true), {0}};

/* look, object-add, device_add, accepted; the second: rejected; its device_del: stalled. */
static void taking_back_has_one_deadline(void **state)
{
    static const unsigned choices[] = {0, 0, 0, 0, 0, 0, 1, 0, 3};
    struct model *model = perform_choices(&taken_back, choices, 9);
    const struct result *result = &model->job.result;

    (void)state;
    assert_int_equal(result->error.code, EXIT_FAILED);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(result->steps[i].result, STEP_DONE);
        assert_true(result->steps[i].pending);
        assert_non_null(strstr(result->steps[i].detail, "could not be taken back"));
    }
    assert_in_range(model->now, 30000, 31000);
    model_free(model);
    free(model);
}

/* The same; its device_del is lost with the VM: the first is not tried. */
static void nothing_is_taken_back_from_a_vm_that_is_lost(void **state)
{
    static const unsigned choices[] = {0, 0, 0, 0, 0, 0, 1, 2, 1};
    struct model *model = perform_choices(&taken_back, choices, 9);
    const struct result *result = &model->job.result;

    (void)state;
    assert_int_equal(result->error.code, EXIT_FAILED);
    for (size_t i = 0; i < 2; i++)
        assert_non_null(strstr(result->steps[i].detail, "could not be taken back: the connection"));
    assert_true(result->steps[1].pending);
    assert_false(result->steps[0].pending);
    assert_false(model->devices[0].asked || model->devices[1].asked);
    model_free(model);
    free(model);
}

/* The first was released; then the connection is lost for good in the step of the second, or in the
 * look after that. */
static void what_stands_when_the_vm_is_lost_is_named(void **state)
{
    static const struct scenario unplug = {
        "unplug two --atomic",
        CHANGE(.kind = CHANGE_UNPLUG, .ids = both, .id_count = 2, .atomic = true),
        {128 * MIB, 256 * MIB}};
    static const struct scenario set = {
        "set down --atomic",
        CHANGE(.kind = CHANGE_SET, .size = 512 * MIB, .atomic = true),
        {256 * MIB, 128 * MIB}};
    static const unsigned in_step[] = {0, 0, 0, 0, 0, 4, 1}, in_look[] = {0, 0, 0, 0, 0, 1, 1};
    struct model *models[] = {perform_choices(&unplug, in_step, 7),
                              perform_choices(&set, in_look, 7)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct result *result = &models[i]->job.result;

        assert_int_equal(result->error.code, EXIT_NO_CONNECTION);
        assert_int_equal(result->steps[0].result, STEP_DONE);
        assert_string_equal(result->steps[0].detail,
                            "could not be taken back: the connection was lost");
        assert_int_equal(result->steps[1].result, i == 0 ? STEP_FAILED : STEP_REFUSED);
        assert_string_equal(result->steps[1].detail, "");
        model_free(models[i]);
        free(models[i]);
    }
}

/* Interrupted in the second of three (number 4), what was done is taken back, the last first;
 * interrupted in that, too, the rest stays. */
static void who_interrupts_twice_does_not_wait_for_the_undo(void **state)
{
    static const char *const three[] = {"dimm0", "dimm1", "dimm2"};
    static const struct scenario scenario = {
        "unplug three --atomic",
        CHANGE(.kind = CHANGE_UNPLUG, .ids = three, .id_count = 3, .atomic = true),
        {128 * MIB, 128 * MIB, 128 * MIB}};
    static const unsigned choices[] = {0, 0, 0, 0, 0, 0, 4, 0, 4};
    struct model *model = perform_choices(&scenario, choices, 9);
    const struct result *result = &model->job.result;

    (void)state;
    assert_string_equal(result->error.text, "interrupted: 1 planned steps not begun");
    assert_int_equal(result->steps[0].result, STEP_DONE);
    assert_string_equal(result->steps[0].detail, "could not be taken back: interrupted");
    assert_int_equal(result->steps[1].result, STEP_UNDONE);
    assert_int_equal(result->steps[2].result, STEP_PLANNED);
    assert_int_equal(result->after, MODEL_BASE + 256 * MIB);
    model_free(model);
    free(model);
}

/* A guest that had a request grants it while another device is plugged: look, object-add (the
 * device goes: number 4), device_add, accepted. */
static void what_goes_meanwhile_is_counted(void **state)
{
    static const unsigned choices[] = {0, 4};
    static const struct scenario plug = {
        "plug", CHANGE(.kind = CHANGE_PLUG, .size = 256 * MIB), {128 * MIB + MODEL_PENDING}};
    static const struct scenario set = {
        "set", CHANGE(.kind = CHANGE_SET, .size = 896 * MIB), {128 * MIB + MODEL_PENDING}};
    struct model *model = perform_choices(&plug, choices, 2);

    (void)state;
    assert_int_equal(model->job.result.before, MODEL_BASE + 128 * MIB);
    assert_int_equal(model->job.result.after, MODEL_BASE + 256 * MIB);
    model_free(model);
    free(model);
    /* Where a size was asked for, it is reached all the same. */
    model = perform_choices(&set, choices, 2);
    assert_int_equal(model->job.result.after, 896 * MIB);
    assert_true(model->job.result.step_count > 1);
    model_free(model);
    free(model);
}

/* look; the guest refuses an older request while ours is on its way (number 5), has ours (0), and
 * grants it before the next look is taken (number 2). */
static void what_goes_after_an_old_refusal_leaves_nothing(void **state)
{
    static const unsigned choices[] = {0, 5, 0, 2};
    static const struct scenario scenario = {"unplug --size",
                                             CHANGE(.kind = CHANGE_UNPLUG_SIZE, .size = 256 * MIB),
                                             {256 * MIB + MODEL_PENDING, 0, 384 * MIB, 384 * MIB}};
    struct model *model = perform_choices(&scenario, choices, 4);

    (void)state;
    assert_int_equal(model->job.result.error.code, EXIT_DONE);
    assert_int_equal(model->job.result.after, MODEL_BASE + 768 * MIB);
    assert_string_equal(model->devices[0].backend, "");
    model_free(model);
    free(model);
}

/* The nearest below is as much as one device goes; it refuses, and the way round that gets to the
 * very size is no failure. */
static void the_size_itself_is_better_than_the_nearest(void **state)
{
    static const unsigned choices[] = {0, 0, 0, 1, 3, 0, 0, 1};
    static const struct scenario scenario = {"set --nearest down",
                                             CHANGE(.kind = CHANGE_SET, .relation = SIZE_LESS,
                                                    .size = 128 * MIB,
                                                    .nearest = MEMPLAN_NEAREST_DOWN),
                                             {0, 256 * MIB + MODEL_GONE, 384 * MIB, 256 * MIB}};
    struct model *model = perform_choices(&scenario, choices, 8);

    (void)state;
    assert_int_equal(model->job.result.error.code, EXIT_DONE);
    assert_int_equal(model->job.result.steps[0].result, STEP_REFUSED);
    assert_int_equal(model->job.result.after, MODEL_BASE + 512 * MIB);
    model_free(model);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_at_first),
        cmocka_unit_test(misfortune_anywhere),
        cmocka_unit_test(who_refused_is_asked_again),
        cmocka_unit_test(who_refuses_twice_is_let_alone),
        cmocka_unit_test(who_had_gone_before_is_done),
        cmocka_unit_test(a_stall_ends_it),
        cmocka_unit_test(no_more_is_plugged_than_the_guest_accepts),
        cmocka_unit_test(taking_back_has_one_deadline),
        cmocka_unit_test(nothing_is_taken_back_from_a_vm_that_is_lost),
        cmocka_unit_test(what_stands_when_the_vm_is_lost_is_named),
        cmocka_unit_test(who_interrupts_twice_does_not_wait_for_the_undo),
        cmocka_unit_test(what_goes_meanwhile_is_counted),
        cmocka_unit_test(what_goes_after_an_old_refusal_leaves_nothing),
        cmocka_unit_test(the_size_itself_is_better_than_the_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
