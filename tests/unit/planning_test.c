/* From the VM's figures and a request to steps, or to a reason why there are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "granule.h"
#include "hot_set.h"
#include "orphans.h"
#include "planning.h"
#include "support/random.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MOST         8

/* A VM as a table describes it: sizes in MiB, devices until one of size 0. */
struct vm {
    uint64_t base, maximum;
    int64_t slots;
    uint64_t devices[MOST];
    int64_t nodes[MOST]; /* of the devices */
    unsigned node_count; /* 0: one */
};

struct built {
    struct memory memory;
    struct memory_device devices[MOST];
    struct memory_backend backends[MOST];
    struct memory_node nodes[MOST];
    char ids[MOST][16], names[MOST][24];
};

static struct memory *build(const struct vm *vm, struct built *built)
{
    struct memory *memory = &built->memory;
    unsigned node_count = vm->node_count ? vm->node_count : 1;

    *built = (struct built){.memory = {.state = "running",
                                       .base = vm->base * MIB,
                                       .maximum = vm->maximum * MIB,
                                       .slots_total = vm->slots,
                                       .devices = built->devices,
                                       .backends = built->backends,
                                       .nodes = built->nodes,
                                       .node_count = node_count}};
    for (unsigned i = 0; i < node_count; i++)
        built->nodes[i] = (struct memory_node){.node = i, .base = vm->base * MIB / node_count};
    for (size_t i = 0; i < MOST && vm->devices[i]; i++) {
        snprintf(built->ids[i], sizeof built->ids[i], "dimm%zu", i);
        snprintf(built->names[i], sizeof built->names[i], "mem-dimm%zu", i);
        built->backends[i] = (struct memory_backend){.id = built->names[i], .used = true};
        built->devices[i] = (struct memory_device){.id = built->ids[i],
                                                   .qom_path = "/machine/peripheral/x",
                                                   .type = "dimm",
                                                   .slot = (int64_t)i,
                                                   .node = vm->nodes[i],
                                                   .size = vm->devices[i] * MIB,
                                                   .hotplugged = true,
                                                   .hotpluggable = true,
                                                   .backend = &built->backends[i]};
        built->nodes[vm->nodes[i]].plugged += vm->devices[i] * MIB;
        memory->plugged += vm->devices[i] * MIB;
        memory->device_count = memory->backend_count = i + 1;
        memory->slots_used = (int64_t)i + 1;
    }
    return memory;
}

static struct change change_to(uint64_t mib)
{
    return (struct change){
        .kind = CHANGE_SET, .size = mib * MIB, .count = 1, .slot = -1, .node = NODE_ANY};
}

static int plan_with(const struct change *change, const struct placement *placement,
                     const struct memory *memory, const struct name_list *excluded,
                     struct result *result, struct error *error)
{
    *result = (struct result){0};
    *error = (struct error){0};
    return planning_make(change, placement, memory, planning_target(change, memory), excluded,
                         result, error);
}

static int plan(const struct change *change, const struct memory *memory, struct result *result,
                struct error *error)
{
    return plan_with(change, NULL, memory, NULL, result, error);
}

/* "+128 dimm0@0 -256 dimm1@1": each step, its size in MiB, and the guest node. */
static const char *in_words(const struct result *result)
{
    static char text[1024];
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < result->step_count && length < sizeof text - 300; i++) {
        const struct step *step = &result->steps[i];

        length += (size_t)snprintf(text + length, sizeof text - length, "%s%c%d %.20s@%d",
                                   i ? " " : "", step->action == STEP_PLUG ? '+' : '-',
                                   (int)(step->size / MIB), step->id, (int)step->node);
    }
    return text;
}

static void assert_plan(const struct change *change, const struct memory *memory,
                        const char *expected)
{
    struct result result;
    struct error error;

    if (plan(change, memory, &result, &error) < 0)
        print_error("%s\n", error.text);
    assert_int_equal(error.code, 0);
    assert_string_equal(in_words(&result), expected);
    result_free(&result);
}

/* ---- The granule ---- */

static void the_granule_is_what_the_guest_takes(void **state)
{
    static const struct {
        uint64_t base, granule; /* MiB */
    } cases[] = {
        {128, 128},
        {512, 128},
        {61 * 1024, 128},
        {62 * 1024 - 2, 128},
        {62 * 1024, 2048}, /* q35: its memory ends at 64 GiB */
        {63 * 1024, 2048}, /* pc: the same */
        {64 * 1024, 2048},
        {64 * 1024 + 512, 512}, /* an odd end takes smaller blocks */
        {64 * 1024 + 256, 256},
        {64 * 1024 + 128, 128},
        {64 * 1024 + 2, 128},
        {1024 * 1024, 2048},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct memory memory = {.base = cases[i].base * MIB};
        const char *why = NULL;

        assert_int_equal(granule_of(&memory, &why), cases[i].granule * MIB);
        assert_non_null(strstr(why, cases[i].base < 62 * 1024 ? "128M" : "64G"));
    }
}

static void the_plan_says_which_granule_and_why(void **state)
{
    static const struct {
        uint64_t asked, pagesize; /* MiB */
        const char *says;
    } cases[] = {
        {0, 0, "granule 128M: Linux takes memory in blocks of 128M"},
        {256, 0, "granule 256M: as asked for"},
        {64, 0,
         "granule 64M: smaller than the guest can use; Linux takes memory in blocks of 128M"},
        {192, 0,
         "granule 192M: no multiple of what the guest can use; Linux takes memory in blocks"},
        {0, 2, "granule 128M: Linux"},
        {0, 1024, "granule 1G: a hugepage is no smaller"},
        {1536, 1024, "granule 2G: a hugepage is no smaller"},
        {2048, 1024, "granule 2G: as asked for"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct vm vm = {.base = 512, .maximum = 8704, .slots = 16};
        struct placement placement = {.pagesize = cases[i].pagesize * MIB};
        struct change change = change_to(6656);
        struct built built;
        struct result result;
        struct error error;

        change.granule = cases[i].asked * MIB;
        assert_int_equal(plan_with(&change, &placement, build(&vm, &built), NULL, &result, &error),
                         0);
        assert_memory_equal(result.note, cases[i].says, strlen(cases[i].says));
        for (size_t j = 0; j < result.step_count && cases[i].pagesize; j++)
            assert_int_equal(result.steps[j].size % placement.pagesize, 0);
        result_free(&result);
    }
}

/* QEMU takes the lowest place, and Linux ignores what does not lie on its blocks. */
static void what_the_guest_cannot_use_is_said(void **state)
{
    static const struct {
        struct {
            uint64_t address, size; /* MiB above 4 GiB */
        } there[3];
        uint64_t plug, pagesize; /* MiB */
        const char *says;
    } cases[] = {
        {{{0, 0}}, 128, 0, ""},
        {{{0, 0}},
         192,
         0,
         "the guest may not use all of 192M: Linux takes memory in blocks of 128M"},
        {{{0, 128}}, 128, 0, ""},
        {{{0, 64}},
         128,
         0,
         "QEMU puts dimm9 behind there0, at no multiple of 128M: the guest may not use it"},
        /* The place behind the first is taken, or too small. */
        {{{0, 64}, {64, 64}}, 128, 0, ""},
        {{{0, 64}, {128, 128}}, 128, 0, ""},
        {{{0, 64}, {128, 64}},
         128,
         0,
         "QEMU puts dimm9 behind there1, at no multiple of 128M: the guest may not use it"},
        {{{64, 64}, {0, 64}, {128, 64}},
         128,
         0,
         "QEMU puts dimm9 behind there2, at no multiple of 128M: the guest may not use it"},
        /* The first place of all has come free. */
        {{{128, 64}}, 128, 0, ""},
        {{{64, 128}},
         128,
         0,
         "QEMU puts dimm9 behind there0, at no multiple of 128M: the guest may not use it"},
        /* Hugepages of 1 GiB lie on a GiB. */
        {{{0, 64}}, 1024, 1024, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct vm vm = {.base = 512, .maximum = 8704, .slots = 16};
        const struct placement placement = {.pagesize = cases[i].pagesize * MIB};
        static char names[3][8] = {"there0", "there1", "there2"};
        struct change change = {.kind = CHANGE_PLUG,
                                .size = cases[i].plug * MIB,
                                .count = 1,
                                .slot = 9,
                                .node = NODE_ANY};
        struct built built;
        struct memory *memory = build(&vm, &built);
        struct result result;
        struct error error;

        for (size_t j = 0; j < 3 && cases[i].there[j].size; j++) {
            built.devices[j] = (struct memory_device){
                .id = names[j],
                .qom_path = names[j],
                .type = "dimm",
                .slot = (int64_t)j,
                .address = 4 * GIB + cases[i].there[j].address * MIB,
                .size = cases[i].there[j].size * MIB,
            };
            memory->device_count = j + 1;
        }
        assert_int_equal(plan_with(&change, &placement, memory, NULL, &result, &error), 0);
        assert_string_equal(result.note, cases[i].says);
        result_free(&result);
    }
}

/* QEMU stands still while a device is preallocated. */
static void preallocated_devices_stay_small(void **state)
{
    /* largest is the smallest of 1G, 2G, 4G, ... that leaves half of the slots: with largest = 2^k
     * GiB a complete set of N GiB has k + 3 + N / 2^k devices. */
    static const struct {
        int64_t slots;
        uint64_t grow, largest; /* GiB */
        size_t devices;
    } cases[] = {
        {64, 16, 1, 19}, {38, 16, 1, 19},  {37, 16, 1, 19},  {36, 16, 2, 12}, {24, 16, 2, 12},
        {22, 16, 4, 9},  {18, 16, 4, 9},   {16, 16, 8, 8},   {42, 64, 4, 21}, {40, 64, 8, 14},
        {28, 64, 8, 14}, {22, 64, 16, 11}, {20, 64, 32, 10},
    };
    const struct placement placement = {.prealloc = true};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const uint64_t whole = 512 + cases[i].grow * 1024;
        const struct vm vm = {.base = 512, .maximum = whole, .slots = cases[i].slots};
        struct change change = change_to(whole);
        struct built built;
        struct result result;
        struct error error;
        uint64_t sum = 0, largest = 0;

        assert_int_equal(plan_with(&change, &placement, build(&vm, &built), NULL, &result, &error),
                         0);
        for (size_t step = 0; step < result.step_count; step++) {
            sum += result.steps[step].size;
            largest = result.steps[step].size > largest ? result.steps[step].size : largest;
        }
        assert_int_equal(sum, cases[i].grow * GIB);
        assert_int_equal(largest, cases[i].largest * GIB);
        assert_int_equal(result.step_count, cases[i].devices);
        result_free(&result);
    }
}

/* 64G in so few slots: nothing leaves half of them and every multiple of the granule. */
static void preallocated_devices_take_half_of_few_slots_at_most(void **state)
{
    const struct vm vm = {.base = 512, .maximum = 512 + 64 * 1024, .slots = 16};
    const struct placement placement = {.prealloc = true};
    struct change change = change_to(512 + 64 * 1024);
    struct built built;
    struct result result;
    struct error error;

    (void)state;
    assert_int_equal(plan_with(&change, &placement, build(&vm, &built), NULL, &result, &error), 0);
    assert_in_range(result.step_count, 1, 8);
    result_free(&result);
}

/* How large the devices are is no reason to settle for less. */
static void preallocation_reaches_what_can_be_reached(void **state)
{
    static const struct {
        enum size_relation relation;
        uint64_t size, reached; /* MiB */
        enum memplan_nearest nearest;
        bool swap;
    } cases[] = {
        {SIZE_MORE, 3 * 1024, 3 * 1024, MEMPLAN_NEAREST_EXACT, false},
        {SIZE_MORE, 3 * 1024, 3 * 1024, MEMPLAN_NEAREST_DOWN, false},
        {SIZE_MORE, 3 * 1024, 3 * 1024, MEMPLAN_NEAREST_UP, false},
        {SIZE_MORE, 3 * 1024 - 1, 3 * 1024, MEMPLAN_NEAREST_UP, false},
        {SIZE_MORE, 20 * 1024, 14848, MEMPLAN_NEAREST_DOWN, false},
        {SIZE_MORE, 20 * 1024, 14848, MEMPLAN_NEAREST_DOWN, true},
    };
    const struct vm vm = {512, 512 + 1024 + 14848, 5, {128, 128, 256, 512}, {0}, 0};
    const struct placement placement = {.prealloc = true};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct change change = change_to(cases[i].size);
        struct built built;
        struct memory *memory = build(&vm, &built);
        struct result result;
        struct error error;

        change.relation = cases[i].relation;
        change.nearest = cases[i].nearest;
        change.swap = cases[i].swap;
        assert_int_equal(plan_with(&change, &placement, memory, NULL, &result, &error), 0);
        assert_int_equal(result_planned(&result, 0, 0), cases[i].reached * MIB);
        result_free(&result);
    }
}

/* What a swap plugs is preallocated, too. */
static void a_swap_preallocates_small_devices(void **state)
{
    const struct vm vm = {512, 32768, 32, {8192}, {0}, 0};
    const struct placement placement = {.prealloc = true};
    struct change change = change_to(4608);
    struct built built;
    struct result result;
    struct error error;

    (void)state;
    change.swap = true;
    assert_int_equal(plan_with(&change, &placement, build(&vm, &built), NULL, &result, &error), 0);
    assert_true(result.step_count > 4);
    for (size_t i = 0; i + 1 < result.step_count; i++) {
        assert_int_equal(result.steps[i].action, STEP_PLUG);
        assert_true(result.steps[i].size <= GIB);
    }
    result_free(&result);
}

/* ---- The target ---- */

static void the_target_follows_the_words(void **state)
{
    static const struct {
        enum change_kind kind;
        enum size_relation relation;
        uint64_t size, count, target; /* MiB */
    } cases[] = {
        {CHANGE_SET, SIZE_ABSOLUTE, 2048, 1, 2048},
        {CHANGE_SET, SIZE_ABSOLUTE, 128, 1, 128}, /* told later that it cannot be */
        {CHANGE_SET, SIZE_MORE, 128, 1, 1152},
        {CHANGE_SET, SIZE_LESS, 128, 1, 896},
        {CHANGE_SET, SIZE_LESS, 1025, 1, 0}, /* no plan reaches it */
        {CHANGE_UNPLUG_SIZE, SIZE_ABSOLUTE, 256, 1, 768},
        {CHANGE_UNPLUG_SIZE, SIZE_ABSOLUTE, 1025, 1, 0},
        {CHANGE_PLUG, SIZE_ABSOLUTE, 128, 3, 1408},
    };
    const struct memory memory = {.base = 512 * MIB, .plugged = 512 * MIB};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct change change = {.kind = cases[i].kind,
                                .relation = cases[i].relation,
                                .size = cases[i].size * MIB,
                                .count = (unsigned)cases[i].count};

        assert_int_equal(planning_target(&change, &memory), cases[i].target * MIB);
    }
}

/* ---- Growing and shrinking ---- */

static void sizes_names_slots_and_nodes_are_chosen(void **state)
{
    static const struct {
        struct vm vm;
        uint64_t size; /* MiB */
        const char *steps;
    } cases[] = {
        {{512, 8192, 16, {0}, {0}, 0}, 512, ""},
        {{512, 8192, 16, {0}, {0}, 0}, 640, "+128 dimm0@0"},
        {{512, 8192, 16, {0}, {0}, 0}, 1536, "+128 dimm0@0 +128 dimm1@0 +256 dimm2@0 +512 dimm3@0"},
        /* What is there counts, and its names are taken. */
        {{512, 8192, 16, {128, 256}, {0}, 0}, 1408, "+512 dimm2@0"},
        /* The least full node is filled first, and each is complete by itself. */
        {{512, 8192, 16, {128, 256}, {0, 0}, 2}, 1280, "+128 dimm2@1 +256 dimm3@1"},
        /* One slot is left: one device. */
        {{512, 8192, 3, {128, 128}, {0}, 0}, 1792, "+1024 dimm2@0"},
        /* The fewest, the newest. */
        {{512, 8192, 16, {256, 256, 512}, {0}, 0}, 1024, "-512 dimm2@0"},
        {{512, 8192, 16, {256, 256, 512}, {0}, 0}, 1280, "-256 dimm1@0"},
        {{512, 8192, 16, {256, 256, 512}, {0}, 0}, 768, "-512 dimm2@0 -256 dimm1@0"},
        /* Those that largest first never finds. */
        {{512, 8192, 16, {3072, 2048, 2048}, {0}, 0}, 3584, "-2048 dimm2@0 -2048 dimm1@0"},
        {{512, 8192, 16, {1024, 768, 768}, {0}, 0}, 1536, "-768 dimm2@0 -768 dimm1@0"},
        {{512, 8192, 16, {0}, {0}, 2}, 1280, "+128 dimm0@0 +128 dimm1@1 +256 dimm2@0 +256 dimm3@1"},
        {{512, 8192, 16, {128, 128, 256, 256}, {0, 1, 0, 1}, 2}, 896, "-256 dimm2@0 -128 dimm1@1"},
        /* One of each node. */
        {{512, 8192, 16, {256, 256, 256, 256}, {0, 0, 1, 1}, 2}, 1024, "-256 dimm3@1 -256 dimm1@0"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct change change = change_to(cases[i].size);
        struct built built;

        assert_plan(&change, build(&cases[i].vm, &built), cases[i].steps);
    }
}

/* Both ways: what is elsewhere is neither taken nor counted on. */
static void a_node_that_is_named_grows_and_shrinks_alone(void **state)
{
    static const struct {
        uint64_t devices[MOST];
        int64_t nodes[MOST];
        uint64_t size; /* MiB */
        const char *steps;
    } cases[] = {
        {{256, 256, 1024}, {0, 1, 0}, 1792, "-256 dimm1@1"},
        {{256, 256, 128}, {1, 0, 1}, 768, "-128 dimm2@1 -256 dimm0@1"},
        {{128, 256, 512}, {0, 0, 0}, 2432, "+128 dimm3@1 +128 dimm4@1 +256 dimm5@1 +512 dimm6@1"},
        {{128, 256, 512}, {0, 1, 1}, 1664, "+128 dimm3@1 +128 dimm4@1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vm vm = {512, 8192, 16, {0}, {0}, 2};
        struct change change = change_to(cases[i].size);
        struct built built;

        memcpy(vm.devices, cases[i].devices, sizeof vm.devices);
        memcpy(vm.nodes, cases[i].nodes, sizeof vm.nodes);
        change.node = 1;
        assert_plan(&change, build(&vm, &built), cases[i].steps);
    }
}

static void a_node_that_is_named_gives_no_more_than_it_has(void **state)
{
    const struct vm vm = {512, 8192, 16, {256, 256, 1024, 128}, {0, 1, 0, 1}, 2};
    struct change change = change_to(1664);
    struct built built;
    struct memory *memory = build(&vm, &built);
    struct result result;
    struct error error;

    (void)state;
    change.node = 1;
    assert_int_equal(plan(&change, memory, &result, &error), -1);
    assert_int_equal(error.code, EXIT_NO_PLAN);
    assert_string_equal(error.text,
                        "no plan reaches 1664M, since no devices but those of guest node 1 may be "
                        "unplugged: the nearest is 1792M above");
    assert_true(result.has_above && !result.has_below);
    result_free(&result);
    change = (struct change){
        .kind = CHANGE_UNPLUG_SIZE, .size = 512 * MIB, .node = 1, .nearest = MEMPLAN_NEAREST_UP};
    assert_plan(&change, memory, "-128 dimm3@1 -256 dimm1@1");
    /* A swap stays on the node, too. */
    change.size = 192 * MIB;
    change.nearest = MEMPLAN_NEAREST_EXACT;
    change.granule = 64 * MIB;
    change.swap = true;
    assert_plan(&change, memory, "+64 dimm4@1 -256 dimm1@1");
}

static void taken_names_and_slots_are_passed_over(void **state)
{
    const struct vm vm = {512, 8192, 16, {128, 128}, {0}, 0};
    struct built built;
    struct memory *memory = build(&vm, &built);
    struct change change = {.kind = CHANGE_PLUG, .size = 128 * MIB, .slot = -1, .node = NODE_ANY};
    struct result result;
    struct error error;
    json_t *names;

    (void)state;
    /* Slots 0 and 2 are used, and so are the names dimm1 and mem-dimm3. */
    built.devices[0].id = "web";
    built.devices[1].slot = 2;
    memory->backends[memory->backend_count++] = (struct memory_backend){.id = "mem-dimm3"};
    change.count = 2;
    assert_int_equal(plan(&change, memory, &result, &error), 0);
    assert_string_equal(in_words(&result), "+128 dimm2@0 +128 dimm4@0");
    assert_int_equal(result.steps[0].slot, 1);
    assert_int_equal(result.steps[1].slot, 3);
    result_free(&result);

    /* Nor is it a memory device that must bear a name, nor a backend. */
    names = json_pack("[{s:n,s:n},{s:n}]", "dimm2", "dimm5", "mem-dimm4");
    memory->device_names = json_array_get(names, 0);
    memory->object_names = json_array_get(names, 1);
    assert_int_equal(plan(&change, memory, &result, &error), 0);
    assert_string_equal(in_words(&result), "+128 dimm6@0 +128 dimm7@0");
    result_free(&result);
    json_decref(names);
    memory->device_names = memory->object_names = NULL;

    change = (struct change){
        .kind = CHANGE_PLUG, .size = 128 * MIB, .count = 1, .slot = 7, .node = 0, .id = "mine"};
    assert_int_equal(plan(&change, memory, &result, &error), 0);
    assert_string_equal(result.steps[0].id, "mine");
    assert_int_equal(result.steps[0].slot, 7);
    result_free(&result);
}

/* What was left behind is deleted before anything is plugged, and its name is free then; where it
 * could not be deleted it is not. */
static void names_of_orphans_are_free_when_they_have_gone(void **state)
{
    const struct vm vm = {512, 8192, 16, {128, 128}, {0}, 0};
    struct change change = change_to(896);
    json_t *names = json_pack("{s:n,s:n}", "mem-dimm2", "mem-dimm4");
    struct built built;
    struct memory *memory = build(&vm, &built);

    (void)state;
    built.backends[2] = built.backends[1];
    built.backends[1] = (struct memory_backend){.id = "mem-dimm2", .orphan = true};
    built.devices[1].backend = &built.backends[2];
    memory->backend_count = 3;
    memory->object_names = names;
    assert_plan(&change, memory, "+128 dimm3@0");
    orphans_forget(memory);
    assert_int_equal(memory->backend_count, 2);
    assert_string_equal(built.devices[0].backend->id, "mem-dimm0");
    assert_ptr_equal(built.devices[1].backend, memory_backend_by_id(memory, "mem-dimm1"));
    assert_plan(&change, memory, "+128 dimm2@0");
    assert_non_null(json_object_get(names, "mem-dimm4"));
    json_decref(names);
}

/* ---- What must stay, and what is likely to be refused ---- */

static void the_least_risk_goes_first(void **state)
{
    const struct vm vm = {512, 8192, 16, {256, 256, 256}, {0}, 0};
    struct change change = change_to(1024);
    struct built built;
    struct memory *memory = build(&vm, &built);

    (void)state;
    assert_plan(&change, memory, "-256 dimm2@0");
    built.devices[2].answer = (struct guest_answer){OST_SOURCE_EJECT, 0x82};
    assert_plan(&change, memory, "-256 dimm1@0");
    built.devices[1].hotplugged = false;
    assert_plan(&change, memory, "-256 dimm0@0");
    built.devices[0].hotpluggable = false;
    assert_plan(&change, memory, "-256 dimm1@0");
    /* One that the guest is at already costs nothing. */
    built.devices[2].answer = (struct guest_answer){OST_SOURCE_EJECT, OST_IN_PROGRESS};
    assert_plan(&change, memory, "-256 dimm2@0");
}

static void who_is_kept_or_has_refused_stays(void **state)
{
    static const char *const kept[] = {"dimm2"};
    const struct vm vm = {512, 8192, 16, {256, 256, 256}, {0}, 0};
    struct change change = change_to(1024);
    struct name_list refused = {0};
    struct built built;
    struct memory *memory = build(&vm, &built);
    struct result result;
    struct error error;

    (void)state;
    change.keep = kept;
    change.keep_count = 1;
    assert_plan(&change, memory, "-256 dimm1@0");
    assert_true(name_list_add(&refused, "dimm1"));
    assert_int_equal(plan_with(&change, NULL, memory, &refused, &result, &error), 0);
    assert_string_equal(in_words(&result), "-256 dimm0@0");
    result_free(&result);
    assert_true(name_list_add(&refused, "dimm0"));
    assert_int_equal(plan_with(&change, NULL, memory, &refused, &result, &error), -1);
    assert_int_equal(error.code, EXIT_NO_PLAN);
    result_free(&result);
    name_list_free(&refused);
}

/* device_del of a name that is cut short would be a request for another device, or for none. */
static void who_cannot_be_named_stays(void **state)
{
    const struct vm vm = {512, 8192, 16, {256, 256}, {0}, 0};
    struct change change = change_to(768);
    char endless[300];
    struct built built;
    struct memory *memory = build(&vm, &built);

    (void)state;
    assert_plan(&change, memory, "-256 dimm1@0");
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    built.devices[1].id = endless;
    assert_plan(&change, memory, "-256 dimm0@0");
}

static void reachable_means_every_size_down_to_the_base(void **state)
{
    const struct vm vm = {512, 8192, 16, {128, 256, 512}, {0}, 0};
    struct built built;
    struct memory *memory = build(&vm, &built);

    (void)state;
    assert_true(hot_set_is_complete(memory, 128 * MIB));
    assert_false(hot_set_is_complete(memory, 64 * MIB));
    built.devices[2].type = "nvdimm";
    assert_false(hot_set_is_complete(memory, 128 * MIB));
    /* One that gives nothing stands in no way. */
    built.devices[2].type = "virtio-mem";
    assert_false(hot_set_is_complete(memory, 128 * MIB));
    built.devices[2].size = 0;
    assert_true(hot_set_is_complete(memory, 128 * MIB));
}

/* ---- No plan ---- */

static void no_plan_says_why_and_what_else(void **state)
{
    static const struct {
        struct vm vm;
        uint64_t size;           /* MiB */
        const char *says, *hint; /* parts of them */
        uint64_t below, above;   /* MiB; 0: none */
    } cases[] = {
        {{512, 8192, 16, {256}, {0}, 0},
         256,
         "less than the base memory, 512M",
         "next start",
         0,
         512},
        {{512, 8192, 16, {256}, {0}, 0}, 0, "less than the base memory", "next start", 0, 512},
        {{512, 2048, 16, {256}, {0}, 0},
         4096,
         "more than the maximum, 2G",
         "larger maxmem",
         2048,
         0},
        {{512, 2048, 1, {256}, {0}, 0},
         4096,
         "more than the maximum, 2G",
         "larger maxmem and more slots",
         768,
         0},
        {{512, 2048, 1, {256}, {0}, 0}, 1024, "all 1 slots are in use", "more slots", 768, 0},
        {{512, 0, 0, {0}, {0}, 0}, 1024, "no slots for memory devices", "slots=N", 512, 0},
        {{512, 2048, 16, {0}, {0}, 0},
         600,
         "no multiple of the granule, 128M",
         "--nearest down takes 512M, --nearest up 640M",
         512,
         640},
        {{512, 2048, 16, {0}, {0}, 0},
         2000,
         "no multiple of the granule",
         "--nearest down takes",
         1920,
         2048},
        /* A swap needs a slot. */
        {{512, 2048, 16, {1024}, {0}, 0},
         1024,
         "512M below and 1536M above",
         "--swap would reach",
         512,
         1536},
        {{512, 2048, 1, {1024}, {0}, 0},
         1024,
         "512M below and 1536M above",
         "--nearest down takes 512M, --nearest up 1536M",
         512,
         1536},
        /* A swap does not reach it either, and comes closer. */
        {{512, 2560, 16, {1024}, {0}, 0},
         600,
         "the nearest are 512M below and 1536M above",
         "--nearest down takes 512M, --nearest up 1536M, --swap --nearest up 640M",
         512,
         1536},
        {{512, 8192, 16, {1024, 1024}, {0}, 0},
         1600,
         "the nearest are 1536M below and 2560M above",
         "--nearest down takes 1536M, --nearest up 2560M, --swap --nearest up 1664M",
         1536,
         2560},
        {{512, 8192, 16, {1024, 1024}, {0}, 0},
         1500,
         "the nearest are 512M below and 1536M above",
         "--nearest down takes 512M, --nearest up 1536M, --swap --nearest down 1408M",
         512,
         1536},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct change change = change_to(cases[i].size);
        struct built built;
        struct result result;
        struct error error;

        assert_int_equal(plan(&change, build(&cases[i].vm, &built), &result, &error), -1);
        if (!strstr(error.text, cases[i].says) || !strstr(error.hint, cases[i].hint))
            print_error("%s\n%s\n", error.text, error.hint);
        assert_int_equal(error.code, EXIT_NO_PLAN);
        assert_non_null(strstr(error.text, cases[i].says));
        assert_non_null(strstr(error.hint, cases[i].hint));
        assert_int_equal(result.step_count, 0);
        assert_true(result.has_nearest);
        assert_int_equal(result.has_below, cases[i].below != 0);
        assert_int_equal(result.below, cases[i].below * MIB);
        assert_int_equal(result.has_above, cases[i].above != 0);
        assert_int_equal(result.above, cases[i].above * MIB);
        result_free(&result);
    }
}

static int plan_nearest(struct change change, enum memplan_nearest nearest,
                        const struct placement *placement, const struct memory *memory,
                        struct result *result)
{
    struct error error;

    change.nearest = nearest;
    return plan_with(&change, placement, memory, NULL, result, &error);
}

/* Whatever the options are: the sizes that are named are those that --nearest then takes. */
static void the_sizes_that_are_named_are_taken(void **state)
{
    size_t swaps = 0, named = 0, count;

    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct vm vm = {512, 0, 16, {0}, {0}, 2};
        const struct placement placement = {.prealloc = seed % 2};
        struct change change;
        struct built built;
        struct memory *memory;
        struct result none, result;

        random_seed(seed);
        count = random_below(MOST);
        for (size_t i = 0; i < count; i++) {
            vm.devices[i] = 64 * (1 + random_below(40));
            vm.nodes[i] = (int64_t)random_below(2);
        }
        vm.slots = 4 + (int64_t)random_below(8);
        memory = build(&vm, &built);
        memory->maximum = memory_total(memory) + 128 * MIB * random_below(20);
        change = change_to(512 + random_below(4096));
        change.swap = random_below(2);
        if (plan_nearest(change, MEMPLAN_NEAREST_EXACT, &placement, memory, &none) < 0) {
            assert_int_equal(plan_nearest(change, MEMPLAN_NEAREST_UP, &placement, memory, &result),
                             none.has_above ? 0 : -1);
            if (none.has_above)
                assert_int_equal(result_planned(&result, 0, memory_total(memory)), none.above);
            for (size_t i = 1; i < result.step_count; i++)
                swaps += result.steps[i].action != result.steps[i - 1].action;
            result_free(&result);
            assert_int_equal(
                plan_nearest(change, MEMPLAN_NEAREST_DOWN, &placement, memory, &result),
                none.has_below ? 0 : -1);
            if (none.has_below)
                assert_int_equal(result_planned(&result, 0, memory_total(memory)), none.below);
            result_free(&result);
            named++;
        }
        result_free(&none);
    }
    assert_true(named > 1000 && swaps > 50);
}

/* A virtio-mem device that gives nothing yet: QEMU has set the most that it may give aside. */
static void what_others_may_grow_by_is_not_planned_with(void **state)
{
    const struct vm vm = {512, 8704, 16, {128}, {0}, 0};
    struct change change = change_to(4608);
    struct built built;
    struct memory *memory = build(&vm, &built);
    struct result result;
    struct error error;

    (void)state;
    built.devices[0].type = "virtio-mem";
    built.devices[0].max_size = 6 * GIB;
    built.devices[0].slot = -1;
    assert_int_equal(plan(&change, memory, &result, &error), -1);
    assert_int_equal(error.code, EXIT_NO_PLAN);
    assert_non_null(strstr(error.text, "6016M of the maximum, 8704M, is held by devices that may "
                                       "grow: the nearest is 2688M below"));
    assert_non_null(strstr(error.hint, "2G more is what this VM can have"));
    change.nearest = MEMPLAN_NEAREST_DOWN;
    assert_int_equal(plan(&change, memory, &result, &error), 0);
    assert_int_equal(result_planned(&result, 0, memory_total(memory)), 2688 * MIB);
    result_free(&result);
}

static void the_nearest_and_a_swap_are_taken_where_asked_for(void **state)
{
    const struct vm vm = {512, 2048, 16, {1024}, {0}, 0};
    struct change change = change_to(1152);
    struct built built;
    struct memory *memory = build(&vm, &built);
    struct result result;
    struct error error;

    (void)state;
    change.nearest = MEMPLAN_NEAREST_DOWN;
    assert_plan(&change, memory, "-1024 dimm0@0");
    change.nearest = MEMPLAN_NEAREST_UP;
    assert_plan(&change, memory, "");
    change.swap = true;
    change.nearest = MEMPLAN_NEAREST_EXACT;
    /* Plugging comes first, and 640 MiB more than there are have no room at first. */
    assert_int_equal(plan(&change, memory, &result, &error), -1);
    assert_int_equal(error.code, EXIT_NO_PLAN);
    built.memory.maximum = 4096 * MIB;
    assert_plan(&change, memory, "+128 dimm1@0 +256 dimm2@0 +256 dimm3@0 -1024 dimm0@0");
}

static void another_size_than_asked_for_is_said(void **state)
{
    static const struct {
        uint64_t size; /* MiB */
        enum memplan_nearest nearest;
        const char *says;
    } cases[] = {
        {600, MEMPLAN_NEAREST_UP,
         "600M cannot be reached exactly, 768M is the nearest above; granule"},
        {530, MEMPLAN_NEAREST_DOWN,
         "530M cannot be reached exactly, 512M is the nearest below; granule"},
        {800, MEMPLAN_NEAREST_UP,
         "800M cannot be reached exactly, 896M is the nearest above; granule"},
        {800, MEMPLAN_NEAREST_DOWN,
         "800M cannot be reached exactly, 768M is the nearest below; granule"},
        {768, MEMPLAN_NEAREST_DOWN, "granule"},
        {896, MEMPLAN_NEAREST_UP, "granule"},
    };
    const struct vm vm = {512, 2048, 16, {256}, {0}, 0};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct change change = change_to(cases[i].size);
        struct built built;
        struct result result;
        struct error error;

        change.nearest = cases[i].nearest;
        assert_int_equal(plan(&change, build(&vm, &built), &result, &error), 0);
        assert_memory_equal(result.note, cases[i].says, strlen(cases[i].says));
        assert_non_null(strstr(result.note, "granule 128M: Linux takes memory in blocks of 128M"));
        result_free(&result);
    }
}

static void bad_names_are_refused(void **state)
{
    static const char *const unknown[] = {"dimm0", "nobody"};
    const struct vm vm = {512, 2048, 16, {256}, {0}, 0};
    struct change change = change_to(768);
    struct built built;
    struct memory *memory = build(&vm, &built);
    struct result result;
    struct error error;

    (void)state;
    change.keep = unknown;
    change.keep_count = 2;
    assert_int_equal(plan(&change, memory, &result, &error), -1);
    assert_int_equal(error.code, EXIT_USAGE);
    assert_non_null(strstr(error.text, "--keep nobody"));
    change.keep_count = 0;
    change.node = 4;
    assert_int_equal(plan(&change, memory, &result, &error), -1);
    assert_int_equal(error.code, EXIT_USAGE);
    assert_non_null(strstr(error.text, "no guest node 4"));

    change = (struct change){.kind = CHANGE_UNPLUG, .ids = unknown, .id_count = 2};
    assert_int_equal(plan(&change, memory, &result, &error), -1);
    assert_int_equal(error.code, EXIT_FAILED);
    assert_non_null(strstr(error.text, "unplug nobody"));
    result_free(&result);
    built.devices[0].type = "nvdimm";
    change.id_count = 1;
    assert_int_equal(plan(&change, memory, &result, &error), -1);
    assert_non_null(strstr(error.text, "nvdimm cannot be unplugged"));
    result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_granule_is_what_the_guest_takes),
        cmocka_unit_test(the_plan_says_which_granule_and_why),
        cmocka_unit_test(what_the_guest_cannot_use_is_said),
        cmocka_unit_test(preallocated_devices_stay_small),
        cmocka_unit_test(preallocated_devices_take_half_of_few_slots_at_most),
        cmocka_unit_test(preallocation_reaches_what_can_be_reached),
        cmocka_unit_test(a_swap_preallocates_small_devices),
        cmocka_unit_test(the_target_follows_the_words),
        cmocka_unit_test(sizes_names_slots_and_nodes_are_chosen),
        cmocka_unit_test(a_node_that_is_named_grows_and_shrinks_alone),
        cmocka_unit_test(a_node_that_is_named_gives_no_more_than_it_has),
        cmocka_unit_test(taken_names_and_slots_are_passed_over),
        cmocka_unit_test(names_of_orphans_are_free_when_they_have_gone),
        cmocka_unit_test(the_least_risk_goes_first),
        cmocka_unit_test(who_is_kept_or_has_refused_stays),
        cmocka_unit_test(who_cannot_be_named_stays),
        cmocka_unit_test(reachable_means_every_size_down_to_the_base),
        cmocka_unit_test(no_plan_says_why_and_what_else),
        cmocka_unit_test(the_sizes_that_are_named_are_taken),
        cmocka_unit_test(what_others_may_grow_by_is_not_planned_with),
        cmocka_unit_test(the_nearest_and_a_swap_are_taken_where_asked_for),
        cmocka_unit_test(another_size_than_asked_for_is_said),
        cmocka_unit_test(bad_names_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
