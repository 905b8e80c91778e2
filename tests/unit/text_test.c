/* Text from outside made harmless, text for QEMU checked, secrets hidden, integers kept exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qmpclient.h"
#include "redact.h"
#include "text.h"

static void test_a_copy_is_one_line_and_whole_characters(void **state)
{
    static const struct {
        const char *from;
        size_t size;
        const char *to;
    } rows[] = {
        {"", 1, ""},
        {"abc", 1, ""},
        {"abc", 3, "ab"},
        {"abc", 4, "abc"},
        {"abc", 10, "abc"},
        {"a\r\n\tb\x7f\x1b[m", 20, "a   b  [m"},
        {"a\xc2\x9b"
         "31m\xc2\x80\xc2\xa0.",
         20, "a  31m  \xc2\xa0."},
        {"a\xc2\x9b"
         "b",
         3, "a"}, /* cut inside of one */
        {"a\xc2\x9b"
         "b",
         4, "a  "},
        {"a\xc3\xa4z", 3, "a"},         /* cut inside of two bytes */
        {"a\xc3\xa4z", 4, "a\xc3\xa4"}, /* and behind them */
        {"\xe2\x82\xac", 2, ""},
        {"\xe2\x82\xac", 3, ""},
        {"x\xf0\x9f\x98\x80", 4, "x"},
        {"\xa4\xa4\xa4", 3, ""}, /* no beginning of a character anywhere */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char to[32];

        text_copy_line(to, rows[i].size, rows[i].from);
        assert_string_equal(to, rows[i].to);
    }
}

static void test_what_qemu_takes_as_text(void **state)
{
    static const struct {
        const char *text;
        bool sendable;
    } rows[] = {
        {"", true},
        {"plain", true},
        {"\xc2\x80", true},
        {"\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd", true},
        {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbd", true},
        {"\x80", false},
        {"\xc3", false},
        {"\xc3(", false},
        {"\xc1\xbf", false},         /* longer than it need be */
        {"\xe0\x9f\xbf", false},     /* the same */
        {"\xf0\x8f\xbf\xbf", false}, /* the same */
        {"\xe2\x82", false},
        {"\xe2(\xa1", false},
        {"\xe2\x82(", false},
        {"\xed\xa0\x80", false},     /* a surrogate */
        {"\xed\xbf\xbf", false},     /* the same */
        {"\xef\xb7\x90", false},     /* no character */
        {"\xef\xb7\xaf", false},     /* the same */
        {"\xef\xbf\xbf", false},     /* the same */
        {"\xf0\x9f\xbf\xbe", false}, /* the same */
        {"\xf4\x90\x80\x80", false}, /* beyond the last */
        {"\xf8\x88\x80\x80\x80", false},
        {"\xff", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(text_is_sendable(rows[i].text, strlen(rows[i].text)), rows[i].sendable);
    assert_true(text_is_sendable("a\0b", 3));
}

/* ---- secrets ---- */

static void test_secrets_are_hidden(void **state)
{
    static const struct {
        const char *command, *shown; /* NULL: as it is */
    } rows[] = {
        {"{\"execute\":\"query-status\"}", NULL},
        {"{\"execute\":\"set_password\",\"arguments\":{\"protocol\":\"vnc\",\"password\":\"x\"}}",
         "{\"execute\":\"set_password\",\"arguments\":{\"protocol\":\"vnc\",\"password\":\"***\"}"
         "}"},
        {"{\"arguments\":{\"passwd\":{\"a\":1},\"b\":[{\"passphrase\":7}]}}",
         "{\"arguments\":{\"passwd\":\"***\",\"b\":[{\"passphrase\":\"***\"}]}}"},
        {"{\"arguments\":{\"qom-type\":\"secret\",\"id\":\"s\",\"data\":\"x\"}}",
         "{\"arguments\":{\"qom-type\":\"secret\",\"id\":\"s\",\"data\":\"***\"}}"},
        {"{\"arguments\":{\"qom-type\":\"secret\",\"props\":{\"data\":\"x\",\"format\":\"raw\"}}}",
         "{\"arguments\":{\"qom-type\":\"secret\",\"props\":{\"data\":\"***\",\"format\":\"raw\"}}"
         "}"},
        {"{\"arguments\":{\"qom-type\":\"secret\",\"file\":\"/x\"}}", NULL},
        {"{\"arguments\":{\"qom-type\":7,\"data\":\"x\"}}", NULL},
        {"{\"arguments\":{\"qom-type\":\"memory-backend-ram\",\"data\":\"x\"}}", NULL},
        {"{\"arguments\":{\"path\":\"/objects/s\",\"property\":\"data\",\"value\":\"x\"}}",
         "{\"arguments\":{\"path\":\"/objects/s\",\"property\":\"data\",\"value\":\"***\"}}"},
        {"{\"arguments\":{\"property\":\"password\",\"value\":\"x\"}}",
         "{\"arguments\":{\"property\":\"password\",\"value\":\"***\"}}"},
        {"{\"arguments\":{\"property\":\"size\",\"value\":\"x\"}}", NULL},
        {"{\"arguments\":{\"property\":\"data\"}}", NULL},
        {"{\"arguments\":{\"command-line\":\"set_password vnc x\"}}",
         "{\"arguments\":{\"command-line\":\"***\"}}"},
        {"{\"arguments\":{\"command-line\":\"change vnc password x\"}}",
         "{\"arguments\":{\"command-line\":\"***\"}}"},
        {"{\"arguments\":{\"command-line\":\"change vnc x\"}}",
         "{\"arguments\":{\"command-line\":\"***\"}}"},
        {"{\"arguments\":{\"command-line\":\"object_add secret,id=s,data=x\"}}",
         "{\"arguments\":{\"command-line\":\"***\"}}"},
        {"{\"arguments\":{\"command-line\":\"qom-set /objects/s0 data x\"}}",
         "{\"arguments\":{\"command-line\":\"***\"}}"},
        {"{\"arguments\":{\"command-line\":\" \\tqom-set -j /objects/s0 data x\"}}",
         "{\"arguments\":{\"command-line\":\"***\"}}"},
        {"{\"arguments\":{\"command-line\":\" change vnc x\"}}",
         "{\"arguments\":{\"command-line\":\"***\"}}"},
        {"{\"arguments\":{\"command-line\":\"qom-get /objects/s0 data\"}}", NULL},
        {"{\"arguments\":{\"command-line\":\"info numa\"}}", NULL},
        {"{\"arguments\":{\"command-line\":7}}", NULL},
        {"{\"arguments\":{\"password\":\"x\",\"size\":18446744073709551615}}",
         "{\"arguments\":{\"password\":\"***\",\"size\":18446744073709551615}}"},
        {"{\"arguments\":{\"driver\":\"https\",\"cookie\":\"x\",\"cookie-secret\":\"s\"}}",
         "{\"arguments\":{\"driver\":\"https\",\"cookie\":\"***\",\"cookie-secret\":\"s\"}}"},
        {"{\"arguments\":{\"command-line\":\"block_passwd disk x\"}}",
         "{\"arguments\":{\"command-line\":\"***\"}}"},
    };
    char *none = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *shown = NULL;

        assert_int_equal(redact_command(rows[i].command, strlen(rows[i].command), &shown),
                         rows[i].shown != NULL);
        if (rows[i].shown)
            assert_string_equal(shown, rows[i].shown);
        else
            assert_null(shown);
        free(shown);
    }
    /* What cannot be read is not shown. */
    assert_true(redact_command("no JSON", 7, &none));
    assert_null(none);
}

/* ---- integers ---- */

static void test_integers_are_read_and_written_exactly(void **state)
{
    static const struct {
        const char *text, *written; /* written NULL: it cannot be read */
        bool has_number;
        uint64_t number;
    } rows[] = {
        {"0", "0", true, 0},
        {"-1", "-1", false, 0},
        {"9223372036854775807", "9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", "9223372036854775808", true, (uint64_t)INT64_MAX + 1},
        {"18446744073709551615", "18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", NULL, false, 0},
        {"99999999999999999999", NULL, false, 0},
        {"184467440737095516150", NULL, false, 0},
        {"-9223372036854775808", "-9223372036854775808", false, 0},
        {"-9223372036854775809", NULL, false, 0},
        {"-18446744073709551615", NULL, false, 0},
        {"09223372036854775808", NULL, false, 0},
        {"\"18446744073709551615\"", "\"18446744073709551615\"", false, 0},
        {"\"a\\\"18446744073709551615\"", "\"a\\\"18446744073709551615\"", false, 0},
        {"\"\\u0000u64:18446744073709551615\"", "18446744073709551615", true, UINT64_MAX},
        {"\"\\u0000u64:5\"", "\"\\u0000u64:5\"", false, 0},
        {"\"\\u0000u64:1844674407370955161x\"", "\"\\u0000u64:1844674407370955161x\"", false, 0},
        {"\"\\u0000u64:\"", "\"\\u0000u64:\"", false, 0},
        {"\"\"", "\"\"", false, 0},
        {"true", "true", false, 0},
        {"\"open 18446744073709551615", NULL, false, 0},
        {"\"open \\", NULL, false, 0},
        {"[18446744073709551615", NULL, false, 0},
        {"1e400", NULL, false, 0},
        {"", NULL, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_error_t error;
        json_t *value = qmp_json_loads(rows[i].text, strlen(rows[i].text), &error);
        uint64_t number = 7;
        char *text;

        assert_int_equal(value != NULL, rows[i].written != NULL);
        assert_null(rows[i].written ? NULL : value);
        assert_int_equal(qmp_json_uint64(value, &number), rows[i].has_number);
        if (rows[i].has_number)
            assert_true(number == rows[i].number);
        text = value ? qmp_json_dumps(value, false) : NULL;
        if (value)
            assert_string_equal(text, rows[i].written);
        free(text);
        json_decref(value);
    }
}

static void test_large_integers_inside_of_pretty_text(void **state)
{
    static const char text[] = "{\n  \"a\": [\n    18446744073709551615,\n    \"\\\\\"\n  ]\n}";
    json_t *value = qmp_json_loads(text, sizeof text - 1, NULL);
    char *again = qmp_json_dumps(value, true);

    (void)state;
    assert_string_equal(again, text);
    free(again);
    json_decref(value);
}

/* 17 digits would be right as well, and 0.03 would be 0.029999999999999999. */
static void test_a_real_number_has_the_digits_it_needs(void **state)
{
    static const struct {
        double number;
        const char *text;
    } rows[] = {
        {0, "0.0"},
        {0.03, "0.03"},
        {-0.07, "-0.07"},
        {29.999, "29.999"},
        {1700000000.123456, "1700000000.123456"},
        {0.1 + 0.2, "0.30000000000000004"}, /* that is another number than 0.3 */
        {1.0 / 3, "0.3333333333333333"},
        {100, "100.0"},
        {1.5e-7, "1.5e-07"},
        {1e300, "1e+300"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value = json_pack("{s:f,s:s}", "0.029999999999999999", rows[i].number, "s",
                                  "\"0.029999999999999999\"");
        char *text = qmp_json_dumps(value, false), expected[128];
        json_t *again = qmp_json_loads(text, strlen(text), NULL);

        snprintf(expected, sizeof expected,
                 "{\"0.029999999999999999\":%s,\"s\":\"\\\"0.029999999999999999\\\"\"}",
                 rows[i].text);
        assert_string_equal(text, expected);
        assert_true(json_real_value(json_object_get(again, "0.029999999999999999")) ==
                    rows[i].number);
        free(text);
        json_decref(value);
        json_decref(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_is_one_line_and_whole_characters),
        cmocka_unit_test(test_what_qemu_takes_as_text),
        cmocka_unit_test(test_secrets_are_hidden),
        cmocka_unit_test(test_integers_are_read_and_written_exactly),
        cmocka_unit_test(test_large_integers_inside_of_pretty_text),
        cmocka_unit_test(test_a_real_number_has_the_digits_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
