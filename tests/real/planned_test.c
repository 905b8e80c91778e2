/* What a plan has to heed besides sizes: of what new memory is made, what others hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"

#define MIB  ((json_int_t)1024 * 1024)
#define BASE (512 * MIB)

/* ---- What a swap plugs ---- */

/* Every backend of a device is of this type and sharing. Returns how many there are. */
static size_t assert_made_of(const char *socket, const char *type, bool share)
{
    json_t *status = run_json(EXPECT(0, socket, "status", "--json"));
    size_t count = json_array_size(json_at(status, "devices"));

    for (size_t i = 0; i < count; i++) {
        const json_t *device = json_array_get(json_at(status, "devices"), i);

        assert_string_equal(json_string_value(json_at(device, "backend.type")), type);
        assert_int_equal(json_is_true(json_at(device, "backend.share")), share);
    }
    json_decref(status);
    return count;
}

/* The same memory by both commands: as the boot memory, and looked at by the preflight. */
static void a_swap_plugs_what_the_boot_memory_is_made_of(void **state)
{
    static const char *const arguments[] = {"-object",
                                            "memory-backend-memfd,id=boot,size=512M,share=on",
                                            "-machine", "memory-backend=boot", NULL};
    static const char *const commands[][4] = {{"set", "-384M", "--swap"},
                                              {"unplug", "--size", "384M", "--swap"}};
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, NULL, arguments);
    const char *socket = lab_socket(vm);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct run_result *result;
        const char *words[5] = {0};

        EXPECT(0, socket, "set", "512M");
        EXPECT(0, socket, "plug", "1G");
        memcpy(words, commands[i], sizeof commands[i]);
        result = run_expect(0, socket, words);
        assert_non_null(strstr(result->out, "as the boot memory: backend, sharing"));
        assert_int_equal(status_number(socket, "memory.total"), BASE + 640 * MIB);
        assert_true(assert_made_of(socket, "memfd", true) > 1);
    }
    lab_stop(vm);
}

/* ---- What plan says, and set does ---- */

static void assert_same_steps(const json_t *planned, const json_t *done)
{
    static const char *const keys[] = {"action", "id", "size", "node"};
    size_t count = json_array_size(json_at(planned, "steps"));

    assert_true(count > 0);
    assert_int_equal(json_array_size(json_at(done, "steps")), count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof keys / sizeof *keys; j++)
            assert_true(
                json_equal(json_object_get(json_array_get(json_at(planned, "steps"), i), keys[j]),
                           json_object_get(json_array_get(json_at(done, "steps"), i), keys[j])));
    }
}

/* mem-dimm1 was left behind: set deletes it first, and so dimm1 is no name that is taken. */
static void a_plan_knows_that_orphans_are_cleaned_up(void **state)
{
    static const char *const commands[][3] = {{"set", "+512M"}, {"plug", "256M"}};
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_GIVES, NULL, NULL);
    const char *socket = lab_socket(vm);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *words[5] = {commands[i][0], commands[i][1], "--json", "--dry-run"};
        json_t *planned, *done;

        EXPECT(0, socket, "qmp", "object-add", "qom-type=memory-backend-ram",
               i ? "id=mem-dimm3" : "id=mem-dimm1", "size=134217728");
        assert_int_equal(status_rows(socket, "orphans"), 1);
        planned = run_json(run_expect(0, socket, words));
        assert_int_equal(status_rows(socket, "orphans"), 1);
        words[3] = NULL;
        done = run_json(run_expect(0, socket, words));
        assert_same_steps(planned, done);
        assert_int_equal(status_rows(socket, "orphans"), 0);
        json_decref(planned);
        json_decref(done);
    }
    lab_stop(vm);
}

/* It bears a name as those that are left behind do, and somebody uses it. */
static void a_backend_that_stays_is_passed_over(void **state)
{
    static const char *const others[] = {"-object",
                                         "memory-backend-ram,id=mem-dimm0,size=128M,share=on",
                                         "-device", "ivshmem-plain,memdev=mem-dimm0", NULL};
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, others);
    json_t *done;

    (void)state;
    done = run_json(EXPECT(0, lab_socket(vm), "plug", "128M", "--accept-timeout", "0", "--json"));
    assert_string_equal(json_string_value(json_at(done, "steps.0.id")), "dimm1");
    json_decref(done);
    lab_stop(vm);
}

/* ---- The node that is named ---- */

/* What node 0 and node 1 have besides their base. */
static void assert_plugged(const char *socket, json_int_t first, json_int_t second)
{
    assert_int_equal(status_number(socket, "nodes.0.plugged"), first * MIB);
    assert_int_equal(status_number(socket, "nodes.1.plugged"), second * MIB);
}

static void a_node_that_is_named_grows_and_shrinks_alone(int qemu)
{
    static const char *const two_nodes[] = {"-object", "memory-backend-ram,id=boot0,size=256M",
                                            "-object", "memory-backend-ram,id=boot1,size=256M",
                                            "-numa",   "node,nodeid=0,cpus=0,memdev=boot0",
                                            "-numa",   "node,nodeid=1,cpus=1,memdev=boot1",
                                            NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_GIVES, NULL, two_nodes);
    const char *socket = lab_socket(vm);
    uint64_t boot = lab_memtotal(vm);
    const struct run_result *result;

    EXPECT(0, socket, "set", "+768M", "--node", "1");
    assert_plugged(socket, 0, 768);
    EXPECT(0, socket, "plug", "256M", "--node", "0");
    EXPECT(0, socket, "plug", "1G", "--node", "0");
    assert_plugged(socket, 1280, 768);
    /* The newest of this size is on the other node. */
    EXPECT(0, socket, "set", "-256M", "--node", "1");
    assert_plugged(socket, 1280, 512);
    EXPECT(0, socket, "unplug", "--size", "128M", "--node", "1");
    assert_plugged(socket, 1280, 384);
    for (size_t i = 0; i < 2; i++) {
        result = EXPECT(6, socket, i ? "set" : "plan", "-512M", "--node", "1");
        assert_non_null(strstr(result->err,
                               "no devices but those of guest node 1 may be unplugged: "
                               "the nearest is 1792M above"));
    }
    EXPECT(0, socket, "set", "-384M", "--node", "1");
    assert_plugged(socket, 1280, 0);
    assert_int_equal(lab_memtotal(vm) - boot, 1280 * MIB);
    lab_stop(vm);
}

TEST_ON(a_node_that_is_named_grows_and_shrinks_alone, LAB_HOST, on_host)
TEST_ON(a_node_that_is_named_grows_and_shrinks_alone, LAB_BULLSEYE, on_bullseye)

/* ---- What virtio-mem holds ---- */

/* It gives nothing, and QEMU has set aside all that it may give. */
static void the_room_of_a_virtio_mem_device_is_its_own(int qemu)
{
    static const char *const arguments[] = {
        "-object", "memory-backend-ram,id=elastic0,size=6G,reserve=off", "-device",
        "virtio-mem-pci,id=elastic,memdev=elastic0,requested-size=0", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, "512M,slots=16,maxmem=8704M", arguments);
    const char *socket = lab_socket(vm);
    const struct run_result *result;

    for (size_t i = 0; i < 2; i++) {
        result = EXPECT(6, socket, i ? "set" : "plan", "+4G", "--accept-timeout", "0");
        assert_non_null(strstr(result->err, "6G of the maximum, 8704M, is held by devices that "
                                            "may grow: the nearest is 2560M below"));
    }
    assert_int_equal(status_number(socket, "memory.plugged"), 0);
    result = EXPECT(1, socket, "plug", "3G");
    assert_non_null(strstr(result->err, "needs 3G, the VM can have 2G more"));
    /* Without a guest none is accepted: for set that is the end, and for plug it is not. */
    EXPECT(0, socket, "plug", "1G", "--count", "2", "--accept-timeout", "0");
    assert_int_equal(status_number(socket, "memory.plugged"), 2048 * MIB);
    lab_stop(vm);
}

TEST_ON(the_room_of_a_virtio_mem_device_is_its_own, LAB_HOST, on_host)
TEST_ON(the_room_of_a_virtio_mem_device_is_its_own, LAB_SID, on_sid)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_swap_plugs_what_the_boot_memory_is_made_of, lab_teardown),
        cmocka_unit_test_teardown(a_plan_knows_that_orphans_are_cleaned_up, lab_teardown),
        cmocka_unit_test_teardown(a_backend_that_stays_is_passed_over, lab_teardown),
        cmocka_unit_test_teardown(a_node_that_is_named_grows_and_shrinks_alone_on_host,
                                  lab_teardown),
        cmocka_unit_test_teardown(a_node_that_is_named_grows_and_shrinks_alone_on_bullseye,
                                  lab_teardown),
        cmocka_unit_test_teardown(the_room_of_a_virtio_mem_device_is_its_own_on_host, lab_teardown),
        cmocka_unit_test_teardown(the_room_of_a_virtio_mem_device_is_its_own_on_sid, lab_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
