/* The qmp command with real QEMUs, in each of its ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/each.h"
#include "support/run.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SECONDS    20

static void expect_text(const char *text, const char *part)
{
    if (strstr(text, part))
        return;
    print_error("'%s' is not in:\n%s\n", part, text);
    fail();
}

/* A conversation with a command out of band: migrate-pause is one of the few that may be, and says
 * so itself that there is no migration. */
static void expect_conversation(const char *path)
{
    struct run_process process;

    run_begin(&process, path, WORDS("qmp", "-"));
    run_say(&process, "{\"execute\": \"query-name\", \"id\": \"a\"}\n"
                      "{\"exec-oob\": \"migrate-pause\", \"id\": \"b\"}\n"
                      "{\"exec-oob\": \"query-name\", \"id\": \"c\"}\n");
    run_await(&process, "{\"return\":{},\"id\":\"a\"}\n", SECONDS);
    run_await(&process, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"migrate-pause is ",
              SECONDS);
    run_await(&process, ",\"id\":\"b\"}\n", SECONDS);
    run_await(&process, "does not support OOB\"},\"id\":\"c\"}\n", SECONDS);
    assert_int_equal(run_end(&process, 0), 1);
}

static void test_a_command_in_each_way(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    const char *path = lab_socket(vm);
    json_t *both;

    expect_text(EXPECT(0, path, "qmp", "--hmp", "info numa")->out, "nodes\r\n");
    both = run_json(EXPECT(0, path, "-j", "qmp", "stop", "--wait-event", "STOP"));
    assert_true(json_is_object(json_at(both, "return")));
    assert_string_equal(json_string_value(json_at(both, "event.event")), "STOP");
    assert_true(json_is_real(json_at(both, "event.time")));
    json_decref(both);
    expect_conversation(path);
    lab_stop(vm);
}

TEST_ON_EACH(test_a_command_in_each_way)

/* One that another program has connected, and handed on. */
static void test_an_inherited_descriptor(void **state)
{
    struct lab_vm *vm = lab_start(LAB_HOST, LAB_ABSENT, NULL, NULL);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    char address[16];

    (void)state;
    assert_true(descriptor >= 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", lab_socket(vm));
    assert_int_equal(connect(descriptor, (struct sockaddr *)&name, sizeof name), 0);
    snprintf(address, sizeof address, "fd:%d", descriptor);
    expect_text(EXPECT(0, address, "-j", "qmp", "query-status")->out, "\"status\":\"running\"");
    close(descriptor);
    lab_stop(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(test_a_command_in_each_way),
        cmocka_unit_test_teardown(test_an_inherited_descriptor, lab_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
