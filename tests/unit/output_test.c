/* What is printed of names that others gave: harmless to a terminal, aligned, and never left out of
 * the JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output.h"
#include "size.h"

#define EVIL  "a\033[2J\r\x7f\xc2\x9b\xc3\xa9"
#define LATIN "caf\xe9\x9b"

static FILE *file;
static char *text;
static size_t length;

static int setup(void **state)
{
    (void)state;
    file = open_memstream(&text, &length);
    return file ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fclose(file);
    free(text);
    return 0;
}

static const char *printed(void)
{
    fflush(file);
    return text;
}

static void assert_printed(const char *expected)
{
    assert_string_equal(printed(), expected);
    teardown(NULL);
    assert_int_equal(setup(NULL), 0);
}

static void what_could_steer_a_terminal_is_replaced(void **state)
{
    (void)state;
    output_untrusted(file, EVIL);
    assert_printed("a?[2J???\xc3\xa9");
    output_untrusted(file, LATIN);
    assert_printed("caf??");
    output_untrusted(file, "\xc2\xa0\xc2\xa9 \xc2"); /* cut in the middle of a character */
    assert_printed("\xc2\xa0\xc2\xa9 ?");
    output_untrusted(file, "\xc2\x80\xc2\x9f\xc2\xa0");
    assert_printed("??\xc2\xa0");
}

static void columns_are_those_of_characters(void **state)
{
    const struct process processes[] = {{.pid = 1, .name = (char[]){"th\xc3\xa9o"}},
                                        {.pid = 2, .name = (char[]){LATIN}},
                                        {.pid = 3, .name = (char[]){"longest"}}};
    const struct process *items[] = {&processes[0], &processes[1], &processes[2]};
    const struct listing listing = {.items = items, .count = 3};

    (void)state;
    output_list_text(file, &listing);
    assert_printed("    PID  NAME         MEMORY  SOCKET  USE\n"
                   "      1  th\xc3\xa9o              -  -       no QMP monitor\n"
                   "      2  caf??             -  -       no QMP monitor\n"
                   "      3  longest           -  -       no QMP monitor\n");
}

/* Every name in it is one that QEMU, or who started it, has chosen. */
static void status_and_steps_are_harmless(void **state)
{
    struct memory_backend backend = {
        .id = EVIL, .type = EVIL, .policy = EVIL, .size = GIB, .orphan = true};
    struct memory_device device = {
        .id = EVIL, .qom_path = EVIL, .type = EVIL, .size = GIB, .backend = &backend};
    struct memory memory = {.name = EVIL,
                            .state = EVIL,
                            .version = EVIL,
                            .devices = &device,
                            .device_count = 1,
                            .backends = &backend,
                            .backend_count = 1};
    struct step step = {.id = EVIL, .reason = EVIL, .detail = EVIL};
    struct result result = {.steps = &step, .step_count = 1, .note = EVIL};
    struct fleet_vm vm = {.memory = &memory, .address = EVIL};
    const struct fleet fleet = {.vms = &vm, .count = 1};

    (void)state;
    output_status_text(file, &memory);
    output_result_text(file, &result);
    output_fleet_text(file, &fleet);
    for (const char *at = printed(); *at; at++) {
        assert_true((unsigned char)*at >= ' ' || *at == '\n');
        assert_int_not_equal(*at, 0x7f);
    }
    assert_null(strstr(printed(), "\xc2\x9b"));
    assert_non_null(strstr(printed(), "a?[2J???\xc3\xa9"));
}

/* The path of a device without an id, as long as an id may be, and a short one. */
static void a_long_name_leaves_the_columns_in_line(void **state)
{
    static const char path[] = "/machine/peripheral-anon/device[12]";
    struct memory_backend backends[] = {
        {.id = "a-backend-of-a-very-long-name", .policy = "default"},
        {.id = "m", .policy = "default"}};
    struct memory_device devices[] = {
        {.qom_path = path, .type = "dimm", .backend = &backends[0], .size = GIB},
        {.id = "d", .qom_path = "/x", .type = "dimm", .backend = &backends[1], .size = GIB}};
    const struct memory memory = {.state = "running",
                                  .devices = devices,
                                  .device_count = 2,
                                  .backends = backends,
                                  .backend_count = 2};
    struct step steps[] = {{.id = "d", .size = GIB}, {.size = GIB}};
    const struct result result = {.steps = steps, .step_count = 2};
    const char *const columns[] = {"1 GiB", " dimm ", " default "};

    (void)state;
    snprintf(steps[1].id, sizeof steps[1].id, "%s", path);
    output_status_text(file, &memory);
    output_result_text(file, &result);
    for (size_t i = 0; i < 3; i++) {
        char before[512] = "", *cursor = NULL, *copy = strdup(printed());
        long place = -1;

        for (char *line = strtok_r(copy, "\n", &cursor); line;
             line = strtok_r(NULL, "\n", &cursor)) {
            char *found = strstr(line, columns[i]);

            /* Two lines of one table follow each other. */
            if (found && strstr(before, columns[i]))
                assert_int_equal(found - line, place);
            place = found ? found - line : -1;
            snprintf(before, sizeof before, "%s", line);
        }
        free(copy);
    }
}

/* 2176 MiB are no 2.12 GiB; and what was asked for is named where it is not what came of it. */
static void results_are_exact_and_say_what_is_missing(void **state)
{
    struct step steps[] = {
        {.id = "dimm0",
         .size = 128 * MIB,
         .result = STEP_DONE,
         .accepted_known = true,
         .accepted = true},
        {.id = "dimm1", .size = 1408 * MIB, .node = 1, .result = STEP_FAILED, .reason = "no"}};
    struct result result = {.before = 2048 * MIB,
                            .requested = 3584 * MIB,
                            .after = 2176 * MIB,
                            .steps = steps,
                            .step_count = 2};

    (void)state;
    output_result_text(file, &result);
    assert_printed("plug    dimm0               128 MiB  node 0  done in 0.00 s\n"
                   "plug    dimm1              1408 MiB  node 1  failed in 0.00 s: no\n"
                   "memory  2 GiB -> 2176 MiB; 3.50 GiB was asked for\n");
    result.after = result.before;
    result.uncertain = true;
    result.step_count = 0;
    output_result_text(file, &result);
    assert_printed("memory  2 GiB, as far as is known\n");
    result.step_count = 2;
    output_result_text(file, &result);
    assert_non_null(
        strstr(printed(), "memory  2 GiB, as far as is known; 3.50 GiB was asked for\n"));
    teardown(NULL);
    setup(NULL);

    /* A plan, and what was reached, lack nothing. */
    steps[0].result = STEP_PLANNED;
    result = (struct result){.before = 2048 * MIB,
                             .requested = 2176 * MIB,
                             .after = 2048 * MIB,
                             .steps = steps,
                             .step_count = 1};
    output_result_text(file, &result);
    assert_printed("plug    dimm0               128 MiB  node 0  planned\n"
                   "memory  2 GiB, unchanged\n");
    result.carried_out = true;
    output_result_text(file, &result);
    assert_printed("plug    dimm0               128 MiB  node 0  not begun\n"
                   "memory  2 GiB, unchanged\n");
    steps[0].result = STEP_DONE;
    result.after = result.requested;
    result.complete = true;
    output_result_text(file, &result);
    assert_printed("plug    dimm0               128 MiB  node 0  done in 0.00 s\n"
                   "memory  2 GiB -> 2176 MiB\n");
}

/* JSON holds nothing but UTF-8: a byte that is none must not cost the whole row. */
static void no_row_is_lost_for_a_name(void **state)
{
    struct process_monitor monitor = {.address = (char[]){LATIN}, .accessible = false};
    const struct process process = {.pid = 7,
                                    .name = (char[]){LATIN},
                                    .uuid = (char[]){LATIN},
                                    .monitors = &monitor,
                                    .monitor_count = 1};
    const struct process *items[] = {&process};
    const struct listing listing = {.items = items, .count = 1};
    const struct memory memory = {.state = "running"};
    const struct error error = {.code = EXIT_FAILED, .text = LATIN};
    json_t *json = output_list_json(&listing);
    const json_t *row = json_array_get(json, 0);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(row, "name")), "caf??");
    assert_string_equal(json_string_value(json_object_get(row, "socket")), "caf??");
    json_decref(json);
    json = output_status_json(&memory, LATIN);
    assert_string_equal(json_string_value(json_object_get(json_object_get(json, "vm"), "socket")),
                        "caf??");
    json_decref(json);
    json = output_unreachable_json(LATIN, &error);
    assert_string_equal(json_string_value(json_object_get(json, "socket")), "caf??");
    json_decref(json);
}

/* Nobody listens at any: one is not there, of one the system does not tell, and one has no place.
 */
static void a_monitor_is_free_only_where_that_is_known(void **state)
{
    struct process_monitor monitors[] = {{.address = (char[]){"/nonexistent/qmp"}},
                                         {.address = (char[]){"127.0.0.1:1"}, .accessible = true},
                                         {.address = (char[]){"web.qmp"}, .relative = true}};
    const struct process process = {.pid = 7, .monitors = monitors, .monitor_count = 3};
    const struct process *items[] = {&process};
    const struct listing listing = {.items = items, .count = 1};
    json_t *json = output_list_json(&listing);
    const json_t *row = json_array_get(json, 0);

    (void)state;
    assert_true(json_is_null(json_object_get(row, "usable")));
    assert_string_equal(json_string_value(json_object_get(row, "socket")), "127.0.0.1:1");
    json_decref(json);
    output_list_text(file, &listing);
    assert_printed("    PID  NAME      MEMORY  SOCKET            USE\n"
                   "      7  -              -  /nonexistent/qmp  no such socket\n"
                   "      7  -              -  127.0.0.1:1       not known whether it is in use\n"
                   "      7  -              -  web.qmp           relative, its folder is not known"
                   "\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_could_steer_a_terminal_is_replaced),
        TEST(columns_are_those_of_characters),
        TEST(status_and_steps_are_harmless),
        TEST(a_long_name_leaves_the_columns_in_line),
        TEST(results_are_exact_and_say_what_is_missing),
        TEST(no_row_is_lost_for_a_name),
        TEST(a_monitor_is_free_only_where_that_is_known),
    };

    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
