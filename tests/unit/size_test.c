/* Sizes are read exactly, or refused in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"
#include "options.h"
#include "size.h"

static void sizes_with_a_unit_are_read_exactly(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"1K", 1024},
        {"512M", 512 * MIB},
        {"1.5G", 1536 * MIB},
        {"1.5gib", 1536 * MIB},
        {"8GiB", 8 * GIB},
        {"0.5K", 512},
        {"1.0009765625M", MIB + KIB},
        {"2.50000000000000000000M", 2 * MIB + MIB / 2},
        {"00064M", 64 * MIB},
        {"4096T", SIZE_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bytes = 0;

        assert_int_equal(size_parse(cases[i].text, &bytes, NULL), 0);
        assert_true(bytes == cases[i].bytes);
    }
}

static void anything_else_is_refused_as_bad_usage(void **state)
{
    static const char *const cases[] = {"",
                                        "0",
                                        "0M",
                                        "-1",
                                        "-1M",
                                        "1",
                                        "512",
                                        "12X",
                                        "1e30G",
                                        "18446744073709551615",
                                        "18446744073709551615G",
                                        "4097T",
                                        "4096.5T",
                                        "1.M",
                                        ".5G",
                                        "0.1K",
                                        "1 M",
                                        "M",
                                        "1MM",
                                        "1KB",
                                        "+1M",
                                        "0x10M",
                                        "nanG",
                                        "infG",
                                        "1.5",
                                        "1,5G",
                                        "99999999999999999999T"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        uint64_t bytes = 0;

        assert_int_equal(size_parse(cases[i], &bytes, &error), -1);
        assert_int_equal(error.code, EXIT_USAGE);
        assert_non_null(strstr(error.text, "size '"));
    }
}

static void a_bare_number_gets_a_hint(void **state)
{
    struct error error = {0};
    enum size_relation relation;
    uint64_t bytes;

    (void)state;
    assert_int_equal(size_parse("512", &bytes, &error), -1);
    assert_non_null(strstr(error.hint, "512M"));
    /* An amount must not become a total by following it. */
    assert_int_equal(size_parse_relative("+512", &relation, &bytes, &error), -1);
    assert_non_null(strstr(error.hint, "say +512M for mebibytes or +512G"));
    assert_int_equal(size_parse_relative("-2", &relation, &bytes, &error), -1);
    assert_non_null(strstr(error.hint, "say -2M"));
    assert_int_equal(size_parse_relative("-2X", &relation, &bytes, &error), -1);
    assert_string_equal(error.hint, "");
}

static void a_sign_makes_it_an_amount(void **state)
{
    enum size_relation relation;
    uint64_t bytes;

    (void)state;
    assert_int_equal(size_parse_relative("+2G", &relation, &bytes, NULL), 0);
    assert_int_equal(relation, SIZE_MORE);
    assert_int_equal(size_parse_relative("-1G", &relation, &bytes, NULL), 0);
    assert_int_equal(relation, SIZE_LESS);
    assert_int_equal(size_parse_relative("8G", &relation, &bytes, NULL), 0);
    assert_int_equal(relation, SIZE_ABSOLUTE);
    assert_true(bytes == 8 * GIB);
}

static void exact_texts_read_back(void **state)
{
    static const uint64_t sizes[] = {KIB, 3 * KIB, 1536 * MIB, 8 * GIB, 17 * MIB};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t bytes = 0;

        assert_int_equal(size_parse(size_exact(sizes[i]).text, &bytes, NULL), 0);
        assert_true(bytes == sizes[i]);
    }
}

/* Two sizes that differ never read the same. */
static void texts_for_people_are_exact(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *exact, *rounded;
    } cases[] = {
        {0, "0 B", "0 B"},
        {1023, "1023 B", "1023 B"},
        {KIB, "1 KiB", "1 KiB"},
        {512 * MIB, "512 MiB", "512 MiB"},
        {8 * GIB, "8 GiB", "8 GiB"},
        {1536 * MIB, "1.50 GiB", "1.50 GiB"},
        {2304 * MIB, "2.25 GiB", "2.25 GiB"},
        {2176 * MIB, "2176 MiB", "2.12 GiB"},
        {1408 * MIB, "1408 MiB", "1.38 GiB"},
        {GIB + KIB, "1048577 KiB", "1.00 GiB"},
        {GIB + 1, "1073741825 B", "1.00 GiB"},
        {2048 * GIB, "2 TiB", "2 TiB"},
        {2048 * GIB + 128 * MIB, "2097280 MiB", "2.00 TiB"},
        {UINT64_MAX, "18446744073709551615 B", "16777216.00 TiB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(size_human(cases[i].bytes).text, cases[i].exact);
        assert_string_equal(size_rounded(cases[i].bytes).text, cases[i].rounded);
    }
}

static void ids_follow_the_rule_of_qemu(void **state)
{
    (void)state;
    assert_true(id_is_valid("dimm0"));
    assert_true(id_is_valid("a-b.c_d"));
    assert_false(id_is_valid(""));
    assert_false(id_is_valid("0dimm"));
    assert_false(id_is_valid("a b"));
    assert_false(id_is_valid("a,b"));
    assert_false(id_is_valid("-x"));
    assert_false(id_is_valid("\xc3\xa9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_with_a_unit_are_read_exactly),
        cmocka_unit_test(anything_else_is_refused_as_bad_usage),
        cmocka_unit_test(a_bare_number_gets_a_hint),
        cmocka_unit_test(a_sign_makes_it_an_amount),
        cmocka_unit_test(exact_texts_read_back),
        cmocka_unit_test(texts_for_people_are_exact),
        cmocka_unit_test(ids_follow_the_rule_of_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
