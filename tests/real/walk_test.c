/* Random walks of hot sets on real guests. What each of them has to reach is worked out here, from
 * the devices alone and by trying all of their subsets: the planner is not asked about itself. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"

#define MIB     ((json_int_t)1024 * 1024)
#define GRANULE (128 * MIB)
#define BASE    (512 * MIB)
#define MAXIMUM (3072 * MIB)
#define SLOTS   16
#define STEPS   30
#define NONE    ((json_int_t)-1)

struct walk {
    struct lab_vm *vm;
    uint64_t seed, random;
    uint64_t boot; /* the guest's MemTotal with base memory */
    json_t *devices;
    json_int_t total;
    unsigned step, reached, swapped, refused;
    json_int_t size; /* what is to be set next */
    char text[32];   /* as an argument */
};

static uint64_t random_below(struct walk *walk, uint64_t bound)
{
    walk->random ^= walk->random << 13;
    walk->random ^= walk->random >> 7;
    walk->random ^= walk->random << 17;
    return walk->random % bound;
}

/* Another seed each time; WALK_SEED=N walks one again. */
static uint64_t choose_seed(void)
{
    const char *given = getenv("WALK_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 0;

    while (seed == 0)
        assert_int_equal(getrandom(&seed, sizeof seed, 0), sizeof seed);
    return seed;
}

static void assert_walk(const struct walk *walk, bool truth, const char *what,
                        const struct run_result *result)
{
    char *devices;

    if (truth)
        return;
    devices = json_dumps(walk->devices, JSON_COMPACT);
    print_error("seed %" PRIu64 ", step %u, from %lld to %lld bytes: %s\n%s\n%s\ndevices: %s\n",
                walk->seed, walk->step, (long long)walk->total, (long long)walk->size, what,
                result->out, result->err, devices);
    free(devices);
    fail();
}

static void look(struct walk *walk)
{
    json_t *status = run_json(EXPECT(0, lab_socket(walk->vm), "status", "--json"));

    json_decref(walk->devices);
    walk->devices = json_incref(json_object_get(status, "devices"));
    walk->total = integer_at(status, "memory.total");
    json_decref(status);
}

/* QEMU, the guest, and what was to come of it. */
static void assert_is(struct walk *walk, json_int_t total, const struct run_result *result)
{
    look(walk);
    assert_walk(walk, walk->total == total, "QEMU has another size", result);
    assert_walk(walk, lab_memtotal(walk->vm) - walk->boot == (uint64_t)(total - BASE),
                "the guest has another size", result);
}

/* ---- What there is to reach ---- */

struct truth {
    json_int_t below, above; /* the nearest totals without a swap: the size itself, or NONE */
    bool by_swap;            /* only a swap reaches it */
};

static bool is_reached(const struct walk *walk, const struct truth *truth)
{
    return truth->below == walk->size;
}

/* A new device can have any multiple of the granule, and one is enough. */
static struct truth truth_of_growth(const struct walk *walk)
{
    json_int_t more = walk->size - walk->total, even = more / GRANULE * GRANULE;
    json_int_t room = json_array_size(walk->devices) < SLOTS ? MAXIMUM - walk->total : 0;
    struct truth truth = {.below = walk->total + (even < room ? even : room), .above = NONE};

    if (more <= room)
        truth.above = walk->total + even + (more > even ? GRANULE : 0);
    return truth;
}

static struct truth truth_of_shrinking(const struct walk *walk)
{
    size_t count = json_array_size(walk->devices);
    struct truth truth = {.below = NONE, .above = walk->total};

    assert_true(count <= SLOTS);
    for (unsigned subset = 0; subset < 1U << count; subset++) {
        json_int_t total = walk->total;

        for (size_t i = 0; i < count; i++) {
            if (subset & 1U << i)
                total -=
                    json_integer_value(json_object_get(json_array_get(walk->devices, i), "size"));
        }
        if (total <= walk->size && total > truth.below)
            truth.below = total;
        if (total >= walk->size && total < truth.above)
            truth.above = total;
    }
    /* One new device fills what the devices that go leave open, and is there before they go. */
    truth.by_swap = truth.below != walk->size && truth.below != NONE && count < SLOTS &&
                    walk->size % GRANULE == 0 && walk->size - truth.below <= MAXIMUM - walk->total;
    return truth;
}

static struct truth truth_of(const struct walk *walk)
{
    return walk->size >= walk->total ? truth_of_growth(walk) : truth_of_shrinking(walk);
}

/* ---- A step ---- */

/* One in six is no multiple of the granule, and some are below the base or above the maximum. */
static void choose_size(struct walk *walk)
{
    walk->size = BASE + ((json_int_t)random_below(walk, 25) - 2) * GRANULE;
    if (random_below(walk, 6) == 0)
        walk->size += 2 * MIB * (json_int_t)(1 + random_below(walk, 63));
    snprintf(walk->text, sizeof walk->text, "%lldM", (long long)(walk->size / MIB));
}

/* What a plan leads to, going by its steps; no more new devices than half of the free slots. */
static void check_steps(const struct walk *walk, const json_t *json, json_int_t expected,
                        const struct run_result *result)
{
    const json_t *steps = json_object_get(json, "steps"), *step;
    size_t i, plugs = 0, free_slots = SLOTS - json_array_size(walk->devices);
    json_int_t total = walk->total;

    json_array_foreach(steps, i, step)
    {
        bool plug = strcmp(json_string_value(json_at(step, "action")), "plug") == 0;

        plugs += plug;
        total += plug ? integer_at(step, "size") : -integer_at(step, "size");
    }
    assert_walk(walk, total == expected, "the steps lead elsewhere", result);
    assert_walk(walk, plugs <= (free_slots + 1) / 2, "too many slots are taken", result);
}

static bool is_nearest(const json_t *named, json_int_t expected)
{
    return expected == NONE ? json_is_null(named)
                            : json_is_integer(named) && json_integer_value(named) == expected;
}

static void check_nearest(const struct walk *walk, const struct truth *truth,
                          const struct run_result *result)
{
    json_t *json = run_json(result);
    const char *hint = json_string_value(json_at(json, "error.hint"));
    bool by_swap = hint && strstr(hint, "--swap would reach it");

    assert_walk(walk, is_nearest(json_at(json, "nearest.below"), truth->below),
                "another size is the nearest below", result);
    assert_walk(walk, is_nearest(json_at(json, "nearest.above"), truth->above),
                "another size is the nearest above", result);
    assert_walk(walk, by_swap == truth->by_swap, "not so by a swap", result);
    assert_walk(walk, integer_at(json, "after") == walk->total, "set reports a change", result);
    json_decref(json);
}

/* That --nearest takes the size that was named. */
static void take_nearest(struct walk *walk, const struct truth *truth)
{
    bool up = random_below(walk, 2);
    json_int_t expected = up ? truth->above : truth->below;
    const struct run_result *result =
        RUN(lab_socket(walk->vm), "plan", walk->text, "--nearest", up ? "up" : "down", "--json");

    assert_walk(walk, result->code == (expected == NONE ? 6 : 0), "--nearest says another", result);
    if (expected != NONE) {
        json_t *json = run_json(result);

        check_steps(walk, json, expected, result);
        json_decref(json);
    }
}

static void is_not_reached(struct walk *walk, const struct truth *truth)
{
    const char *socket = lab_socket(walk->vm);
    json_t *devices = json_incref(walk->devices);
    const struct run_result *result = RUN(socket, "plan", walk->text, "--json");

    assert_walk(walk, result->code == 6, "plan reaches what cannot be", result);
    check_nearest(walk, truth, result);
    result = RUN(socket, "set", walk->text, "--json");
    assert_walk(walk, result->code == 6, "set does what plan does not say", result);
    check_nearest(walk, truth, result);
    assert_is(walk, walk->total, result);
    assert_walk(walk, json_equal(devices, walk->devices), "devices have changed", result);
    json_decref(devices);
    take_nearest(walk, truth);
    walk->refused++;
    if (!truth->by_swap)
        return;
    result = RUN(socket, "set", walk->text, "--swap", "--json");
    assert_walk(walk, result->code == 0, "a swap does not reach it", result);
    assert_is(walk, walk->size, result);
    walk->swapped++;
}

static void check_same_steps(const struct walk *walk, const json_t *plan, const json_t *set,
                             const struct run_result *result)
{
    static const char *const same[] = {"action", "id", "size", "node"};
    const json_t *planned = json_object_get(plan, "steps"), *done = json_object_get(set, "steps");
    size_t count = json_array_size(planned);

    assert_walk(walk, json_array_size(done) == count, "set takes more or fewer steps", result);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof same / sizeof *same; j++)
            assert_walk(walk,
                        json_equal(json_object_get(json_array_get(planned, i), same[j]),
                                   json_object_get(json_array_get(done, i), same[j])),
                        "set takes another step than plan", result);
    }
}

/* What an interrupted command leaves: set deletes it first, and takes its name where it is next. */
static void leave_orphan(struct walk *walk)
{
    char id[48], name[32];
    const json_t *device;
    size_t i;

    snprintf(name, sizeof name, "dimm%u", (unsigned)random_below(walk, SLOTS));
    json_array_foreach(walk->devices, i, device)
    {
        if (strcmp(json_string_value(json_object_get(device, "id")), name) == 0)
            return;
    }
    snprintf(id, sizeof id, "id=mem-%s", name);
    EXPECT(0, lab_socket(walk->vm), "qmp", "object-add", "qom-type=memory-backend-ram", id,
           "size=134217728");
    assert_int_equal(status_rows(lab_socket(walk->vm), "orphans"), 1);
}

static void is_reached_as_planned(struct walk *walk)
{
    const char *socket = lab_socket(walk->vm);
    const struct run_result *result;
    json_t *plan, *set;

    if (walk->size != walk->total && random_below(walk, 2) == 0)
        leave_orphan(walk);
    result = RUN(socket, "plan", walk->text, "--json");
    assert_walk(walk, result->code == 0, "there is a way, and no plan", result);
    plan = run_json(result);
    check_steps(walk, plan, walk->size, result);
    result = RUN(socket, "set", walk->text, "--json");
    assert_walk(walk, result->code == 0, "set does not do what is planned", result);
    set = run_json(result);
    check_same_steps(walk, plan, set, result);
    assert_walk(walk, integer_at(set, "after") == walk->size, "set reports another size", result);
    assert_is(walk, walk->size, result);
    assert_int_equal(status_rows(socket, "orphans"), 0);
    json_decref(plan);
    json_decref(set);
    walk->reached++;
}

/* Somebody else's device, of which no plan knows, makes some sizes hard to come by. */
static void plug_as_others_do(struct walk *walk)
{
    json_int_t size = GRANULE * (json_int_t)(1 + random_below(walk, 10));
    char text[32];

    if (size > MAXIMUM - walk->total || json_array_size(walk->devices) == SLOTS)
        return;
    snprintf(text, sizeof text, "%lldM", (long long)(size / MIB));
    assert_is(walk, walk->total + size, EXPECT(0, lab_socket(walk->vm), "plug", text));
}

static void take_step(struct walk *walk)
{
    struct truth truth;

    if (random_below(walk, 3) == 0)
        plug_as_others_do(walk);
    choose_size(walk);
    truth = truth_of(walk);
    if (is_reached(walk, &truth))
        is_reached_as_planned(walk);
    else
        is_not_reached(walk, &truth);
}

/* What the VM had when it started, and nothing else. */
static void assert_as_started(struct walk *walk)
{
    const char *socket = lab_socket(walk->vm);
    json_t *memdev;

    assert_is(walk, BASE, EXPECT(0, socket, "set", "512M"));
    assert_int_equal(json_array_size(walk->devices), 0);
    assert_int_equal(status_rows(socket, "orphans"), 0);
    memdev = run_json(EXPECT(0, socket, "qmp", "--json", "query-memdev"));
    assert_int_equal(json_array_size(memdev), 1);
    json_decref(memdev);
}

static void every_size_on_a_random_walk(int qemu)
{
    struct walk walk = {.seed = choose_seed()};

    walk.random = walk.seed;
    walk.vm = lab_start(qemu, LAB_GIVES, "512M,slots=16,maxmem=3G", NULL);
    walk.boot = lab_memtotal(walk.vm);
    look(&walk);
    for (walk.step = 1; walk.step <= STEPS; walk.step++)
        take_step(&walk);
    print_message("seed %" PRIu64 ": %u reached, %u without a plan, %u of those by a swap\n",
                  walk.seed, walk.reached, walk.refused, walk.swapped);
    assert_as_started(&walk);
    json_decref(walk.devices);
    lab_stop(walk.vm);
}

TEST_ON_EACH(every_size_on_a_random_walk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(every_size_on_a_random_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
