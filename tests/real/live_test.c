/* What somebody at a terminal sees of a hot set while it runs. */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "support/run.h"

#define ARGUMENTS 12

static struct lab_vm *vm;

static int start(void **state)
{
    (void)state;
    vm = lab_start(LAB_HOST, LAB_GIVES, NULL, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    lab_stop(vm);
    return 0;
}

static void run_at_terminal(const char *term, const char *const *arguments)
{
    const char *program = getenv("QMPCTL");
    const char *all[ARGUMENTS] = {program ? program : "build/qmpctl", "--socket", lab_socket(vm)};
    size_t count = 3;

    while (*arguments && count < ARGUMENTS - 1)
        all[count++] = *arguments++;
    if (term)
        setenv("TERM", term, 1);
    else
        unsetenv("TERM");
    execv(all[0], (char **)(uintptr_t)all);
    _exit(127);
}

/* All that a terminal of this kind (NULL: of none) and size got. */
static const char *at_terminal(const char *term, unsigned short rows, unsigned short columns,
                               const char *const *arguments)
{
    static char text[65536];
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    size_t length = 0;
    int terminal, status;
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    ssize_t got;

    assert_true(pid >= 0);
    if (pid == 0)
        run_at_terminal(term, arguments);
    while ((got = read(terminal, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(terminal);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        print_error("%s\n", text);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return text;
}
#define AT_TERMINAL(term, rows, ...)                                                               \
    at_terminal(term, rows, 80, (const char *const[]){__VA_ARGS__, NULL})

/* Fails unless these come in this order. */
static void assert_in_order(const char *text, const char *const *parts)
{
    const char *at = text;

    for (; *parts && at; parts++) {
        const char *found = strstr(at, *parts);

        if (!found)
            print_error("no '%s' in its place in:\n%s\n", *parts, text);
        assert_non_null(found);
        at = found ? found + strlen(*parts) : NULL;
    }
}
#define IN_ORDER(text, ...) assert_in_order(text, (const char *const[]){__VA_ARGS__, NULL})

static void each_wait_and_each_end_has_a_line(void **state)
{
    static const char *const kinds[] = {"dumb", "", NULL};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *text = AT_TERMINAL(kinds[i], 24, "set", "768M");

        IN_ORDER(text, "dimm0", "waiting for QEMU to take memory from the host\r\n",
                 "waiting for QEMU to plug it\r\n", "waiting for the guest to accept it\r\n",
                 "dimm0", "128 MiB  done in", "dimm1", "waiting for the guest to accept it\r\n",
                 "dimm1", "done in", "memory  512 MiB -> 768 MiB");
        assert_null(strchr(text, '\033'));
        text = AT_TERMINAL(kinds[i], 24, "set", "512M");
        /* A quick guest is at it before QEMU has answered. */
        IN_ORDER(text, "dimm1", "waiting for QEMU to ask the guest for it\r\n",
                 "waiting for QEMU to give its memory back\r\n", "dimm1", "128 MiB  done in",
                 "dimm0", "done in", "memory  768 MiB -> 512 MiB");
    }
}

/* Eight devices on six lines: never more than fit, and nothing is left of them at the end. */
static void a_line_a_device_is_redrawn(void **state)
{
    const char *text = AT_TERMINAL("xterm", 6, "plug", "128M", "--count", "8"), *at, *last = text;
    size_t drawn = 0;

    (void)state;
    IN_ORDER(text, "waiting for the guest to accept it\033[K\r\n", "planned\033[K\r\n",
             "\033[4A\033[J", "dimm6", "done in", "dimm7", "done in", "\033[K");
    for (at = text; (at = strstr(at, "\033[")); at += 2) {
        if (strncmp(at, "\033[K", 3) == 0) {
            drawn++;
            continue;
        }
        if (strncmp(at, "\033[J", 3) == 0) {
            drawn = 0;
            last = at;
            continue;
        }
        /* As many lines up as were drawn. */
        assert_int_equal(strtoul(at + 2, NULL, 10), drawn);
        assert_true(drawn <= 4);
    }
    assert_int_equal(drawn, 0);
    assert_ptr_not_equal(last, text);
    assert_null(strstr(last, "waiting"));
    IN_ORDER(last, "dimm0", "done in", "dimm7", "done in", "memory  512 MiB -> 1.50 GiB");
    EXPECT(0, lab_socket(vm), "set", "512M");
}

/* A line that the terminal breaks in two would not be erased as one. */
static void no_line_is_wider_than_the_terminal(void **state)
{
    static const struct {
        unsigned short rows, columns;
    } sizes[] = {{24, 20}, {2, 12}, {1, 2}};
    static const char *const more[] = {"set", "768M", NULL}, *const less[] = {"set", "512M", NULL};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *text = at_terminal("xterm", sizes[i].rows, sizes[i].columns, more), *end;

        assert_non_null(strstr(text, "\033[K\r\n"));
        for (; (end = strstr(text, "\033[K\r\n")); text = end + strlen("\033[K\r\n")) {
            const char *erased = "\033[J";
            const char *line = strstr(text, erased);

            /* What is drawn anew begins behind what was erased. */
            if (line && line < end)
                text = line + strlen(erased);
            assert_true((size_t)(end - text) < sizes[i].columns);
        }
        at_terminal("xterm", sizes[i].rows, sizes[i].columns, less);
    }
}

static void nobody_who_did_not_ask_is_told(void **state)
{
    (void)state;
    assert_null(strstr(AT_TERMINAL("xterm", 24, "-q", "set", "640M"), "waiting"));
    assert_null(strstr(AT_TERMINAL("xterm", 24, "set", "768M", "--json"), "waiting"));
    assert_string_equal(EXPECT(0, lab_socket(vm), "set", "512M")->err, "");
    /* The traffic is on the same terminal: nothing of it is drawn over. */
    IN_ORDER(AT_TERMINAL("xterm", 24, "-v", "set", "640M"), "-> {\"execute\":\"object-add\"",
             "waiting for the guest to accept it\r\n");
    EXPECT(0, lab_socket(vm), "set", "512M");
}

/* QEMU is silent meanwhile; its memory under /proc tells. A host that is quick is done with a small
 * device before there is anything to tell. */
static void memory_taken_in_advance_is_counted(void **state)
{
    static const char *const sizes[] = {"1G", "2G", "4G"};
    const char *text = "";

    (void)state;
    for (size_t i = 0; i < 3 && !strstr(text, " s left\033"); i++) {
        text = AT_TERMINAL("xterm", 24, "plug", sizes[i], "--prealloc", "on");
        EXPECT(0, lab_socket(vm), "set", "512M");
    }
    IN_ORDER(text, "taking memory: 0 %\033", "taking memory: ", "iB/s, ", " s left\033",
             "waiting for the guest to accept it", "memory  512 MiB -> ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wait_and_each_end_has_a_line),
        cmocka_unit_test(a_line_a_device_is_redrawn),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(memory_taken_in_advance_is_counted),
        cmocka_unit_test(nobody_who_did_not_ask_is_told),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
