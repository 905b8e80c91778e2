/* Memory that is taken from the host in advance, or is not, as the user says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"

static bool is_preallocated(const char *socket)
{
    json_t *status = run_json(EXPECT(0, socket, "status", "--json"));
    const json_t *known = json_at(status, "devices.0.backend.prealloc");
    bool preallocated = json_is_true(known);

    assert_true(json_is_boolean(known));
    json_decref(status);
    return preallocated;
}

/* Such a QEMU preallocates whatever is not told otherwise. */
static void off_is_off_where_the_vm_was_started_with_mem_prealloc(int qemu)
{
    static const char *const arguments[] = {"-mem-prealloc", NULL};
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, "128M,slots=4,maxmem=4G", arguments);
    const char *socket = lab_socket(vm);

    EXPECT(0, socket, "plug", "128M", "--accept-timeout", "0");
    assert_true(is_preallocated(socket));
    lab_stop(vm);
    vm = lab_start(qemu, LAB_ABSENT, "128M,slots=4,maxmem=4G", arguments);
    socket = lab_socket(vm);
    EXPECT(0, socket, "plug", "128M", "--prealloc", "off", "--accept-timeout", "0");
    assert_false(is_preallocated(socket));
    lab_stop(vm);
}

TEST_ON_EACH(off_is_off_where_the_vm_was_started_with_mem_prealloc)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(off_is_off_where_the_vm_was_started_with_mem_prealloc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
