/* What a VM that has no room lacks, told from its figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "room.h"
#include "size.h"

static struct memory_node nodes[] = {{.node = 0}, {.node = 2}};

static const struct memory roomy = {.base = GIB,
                                    .maximum = 8 * GIB,
                                    .slots_total = 4,
                                    .slots_used = 1,
                                    .nodes = nodes,
                                    .node_count = 2};

static void assert_hint(struct memory memory, uint64_t size, int64_t node, const char *words)
{
    struct error error = {0};

    room_hint(&memory, size, node, &error);
    if (*words)
        assert_non_null(strstr(error.hint, words));
    else
        assert_string_equal(error.hint, "");
}

static void each_lack_has_its_next_step(void **state)
{
    struct memory memory = roomy;

    (void)state;
    assert_hint(roomy, 7 * GIB, 2, "");
    assert_hint(roomy, 7 * GIB + MIB, 0, "7G more is what this VM can have (maximum 8G)");
    assert_hint(roomy, GIB, 1, "no guest node 1");
    memory.migrating = true;
    assert_hint(memory, GIB, 0, "being migrated");
    memory.plugged = 9 * GIB; /* more than the maximum: no negative room */
    assert_hint(memory, GIB, 0, "0 more");
    memory.slots_used = 4;
    assert_hint(memory, GIB, 0, "start QEMU with a larger maxmem and more slots");
    memory.plugged = GIB;
    assert_hint(memory, GIB, 0, "all 4 slots");
    memory.slots_total = 0;
    assert_hint(memory, GIB, 0, "slots=N");
    memory.slots_total = -1;
    assert_hint(memory, GIB, 0, "slots=N");
}

/* QEMU sets the most that a virtio-mem device may give aside. */
static void what_may_grow_holds_its_room(void **state)
{
    struct memory_device devices[] = {
        {.type = "dimm", .size = GIB},
        {.type = "virtio-mem", .size = GIB, .max_size = 4 * GIB},
        {.type = "sgx-epc", .size = 2 * GIB},
    };
    struct memory memory = roomy;

    (void)state;
    assert_int_equal(room_left(&memory), 7 * GIB);
    assert_int_equal(room_held(&memory), 0);
    memory.plugged = 2 * GIB;
    memory.devices = devices;
    memory.device_count = 3;
    assert_int_equal(room_left(&memory), 2 * GIB);
    assert_int_equal(room_held(&memory), 3 * GIB);
    assert_hint(memory, 2 * GIB, 0, "");
    assert_hint(memory, 2 * GIB + MIB, 0,
                "2G more is what this VM can have (maximum 8G, 3G of it held by devices that may "
                "grow)");
    devices[1].max_size = UINT64_MAX;
    assert_int_equal(room_left(&memory), 0);
    memory.maximum = 0;
    assert_int_equal(room_left(&memory), ROOM_UNKNOWN);
    assert_int_equal(room_held(&memory), 0);
}

static void what_is_not_known_is_not_held_against_the_vm(void **state)
{
    struct memory memory = roomy;
    struct error error = {0};

    (void)state;
    memory.maximum = 0;
    memory.node_count = 0;
    assert_hint(memory, 4096 * GIB, 9, "");
    room_hint(NULL, GIB, 0, &error);
    assert_string_equal(error.hint, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lack_has_its_next_step),
        cmocka_unit_test(what_may_grow_holds_its_room),
        cmocka_unit_test(what_is_not_known_is_not_held_against_the_vm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
