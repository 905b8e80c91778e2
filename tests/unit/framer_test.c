/* The framer cuts by braces and strings, whatever the chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "framer.h"

/* Feeds stream in chunks of this size; the texts, each ended by '|', go to out. */
static enum framer_status cut(const char *stream, size_t chunk, size_t bound, char *out)
{
    struct framer framer;
    enum framer_status status = FRAMER_MORE;
    size_t total = strlen(stream), length;
    const char *text;

    *out = '\0';
    framer_init(&framer, bound);
    for (size_t at = 0; at < total && status != FRAMER_TOO_BIG; at += chunk) {
        assert_true(framer_append(&framer, stream + at, total - at < chunk ? total - at : chunk));
        while ((status = framer_next(&framer, &text, &length)) == FRAMER_TEXT)
            sprintf(out + strlen(out), "%.*s|", (int)length, text);
    }
    if (status == FRAMER_MORE && framer_last(&framer, &text, &length) == FRAMER_TEXT)
        sprintf(out + strlen(out), "%.*s|", (int)length, text);
    framer_free(&framer);
    return status;
}

static void texts_are_cut_whatever_the_chunks(void **state)
{
    static const struct {
        const char *stream, *texts;
    } cases[] = {
        {"{}\r\n{}\n", "{}|{}|"},
        {"{\n  \"a\": [\n    1\n  ]\n}\n", "{\n  \"a\": [\n    1\n  ]\n}|"},
        {"{\"a\":\"}{\"}{\"b\":1}", "{\"a\":\"}{\"}|{\"b\":1}|"},
        {"{\"a\":\"\\\"}\\\\\"}", "{\"a\":\"\\\"}\\\\\"}|"},
        {"\n\n  \t{}", "{}|"},
        {"null\n1 \"a b\"{}[1]", "null|1|\"a b\"|{}|[1]|"},
        {"garbage", "garbage|"},
        {"{\"open\":", ""},
    };
    char out[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t chunk = 1; chunk < 12; chunk++) {
            assert_int_equal(cut(cases[i].stream, chunk, 1000, out), FRAMER_MORE);
            assert_string_equal(out, cases[i].texts);
        }
    }
}

static void a_text_beyond_the_bound_is_refused(void **state)
{
    char out[512];

    (void)state;
    for (size_t chunk = 1; chunk < 40; chunk++) {
        assert_int_equal(cut("{\"a\":\"0123456789\"}", chunk, 10, out), FRAMER_TOO_BIG);
        assert_int_equal(cut("{\"a\":\"0123456789\"}", chunk, 18, out), FRAMER_MORE);
    }
}

static void words_and_strings_have_the_bound_as_well(void **state)
{
    struct framer framer;
    const char *text;
    size_t length;
    char out[512];

    (void)state;
    for (size_t chunk = 1; chunk < 20; chunk++) {
        assert_int_equal(cut("\"0123456789\"", chunk, 11, out), FRAMER_TOO_BIG);
        assert_int_equal(cut("\"0123456789\"", chunk, 12, out), FRAMER_MORE);
        assert_int_equal(cut("0123456789 ", chunk, 9, out), FRAMER_TOO_BIG);
        assert_int_equal(cut("0123456789 ", chunk, 10, out), FRAMER_MORE);
        assert_int_equal(cut("0123456789[", chunk, 9, out), FRAMER_TOO_BIG);
    }
    /* A word that only the end of the stream ends. */
    framer_init(&framer, 5);
    assert_true(framer_append(&framer, "012345", 6));
    assert_int_equal(framer_next(&framer, &text, &length), FRAMER_TOO_BIG);
    assert_int_equal(framer_last(&framer, &text, &length), FRAMER_TOO_BIG);
    framer_free(&framer);
}

static void nothing_and_too_much_can_be_appended(void **state)
{
    struct framer framer;
    const char *text;
    size_t length;

    (void)state;
    framer_init(&framer, 1000);
    assert_true(framer_append(&framer, "", 0));
    assert_int_equal(framer_next(&framer, &text, &length), FRAMER_MORE);
    assert_int_equal(framer_last(&framer, &text, &length), FRAMER_MORE);
    assert_true(framer_append(&framer, "nul", 3));
    assert_false(framer_append(&framer, "l", SIZE_MAX / 2));
    assert_int_equal(framer_next(&framer, &text, &length), FRAMER_MORE);
    assert_true(framer_append(&framer, "", 0));
    assert_int_equal(framer_last(&framer, &text, &length), FRAMER_TEXT);
    assert_int_equal(length, 3);
    framer_free(&framer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cut_whatever_the_chunks),
        cmocka_unit_test(a_text_beyond_the_bound_is_refused),
        cmocka_unit_test(words_and_strings_have_the_bound_as_well),
        cmocka_unit_test(nothing_and_too_much_can_be_appended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
