/* Messages are told apart, integers stay exact, and what QEMU would not take is not sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec.h"
#include "json.h"

static void messages_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        enum message_kind kind;
        int64_t id;
    } cases[] = {
        {"{\"return\":{},\"id\":7}", MESSAGE_REPLY, 7},
        {"{\"return\":{}}", MESSAGE_REPLY, -1},
        {"{\"return\":{},\"id\":\"7\"}", MESSAGE_REPLY, -1},
        {"{\"error\":{\"class\":\"X\",\"desc\":\"y\"},\"id\":3}", MESSAGE_FAILURE, 3},
        {"{\"error\":17,\"id\":3}", MESSAGE_FAILURE, 3},
        {"{\"event\":\"RESET\"}", MESSAGE_EVENT, -1},
        {"{\"event\":1}", MESSAGE_OTHER, -1},
        {"{\"event\":{}}", MESSAGE_OTHER, -1},
        {"{\"QMP\":{}}", MESSAGE_GREETING, -1},
        {"{\"QMP\":1}", MESSAGE_OTHER, -1},
        {"{}", MESSAGE_OTHER, -1},
        {"[1]", MESSAGE_OTHER, -1},
        {"null", MESSAGE_OTHER, -1},
        {"{\"a\":}", MESSAGE_BROKEN, -1},
        {"garbage", MESSAGE_BROKEN, -1},
        {"{\"a\":\"\xff\"}", MESSAGE_BROKEN, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message message;

        codec_decode(cases[i].text, strlen(cases[i].text), &message);
        assert_int_equal(message.kind, cases[i].kind);
        assert_int_equal(message.id, cases[i].id);
        codec_message_free(&message);
    }
}

/* A reply of so many elements, each of this text. */
static enum message_kind kind_of_many(const char *element, size_t count)
{
    size_t size = strlen(element), room = 64 + count * (size + 1), length = 0;
    char *text = malloc(room);
    struct message message;

    assert_non_null(text);
    length += (size_t)sprintf(text, "{\"id\":1,\"return\":[");
    for (size_t i = 0; i < count; i++) {
        memcpy(text + length, element, size);
        length += size;
        text[length++] = i + 1 < count ? ',' : ']';
    }
    text[length++] = '}';
    codec_decode(text, length, &message);
    codec_message_free(&message);
    free(text);
    return message.kind;
}

static void a_million_values_are_a_message_and_more_are_not(void **state)
{
    (void)state;
    /* The message itself has two brackets and a comma. */
    assert_int_equal(kind_of_many("1", JSON_VALUES_LIMIT - 2), MESSAGE_REPLY);
    assert_int_equal(kind_of_many("1", JSON_VALUES_LIMIT - 1), MESSAGE_CROWDED);
    assert_int_equal(kind_of_many("[]", JSON_VALUES_LIMIT / 2 - 1), MESSAGE_REPLY);
    assert_int_equal(kind_of_many("{}", JSON_VALUES_LIMIT / 2), MESSAGE_CROWDED);
    /* What a string holds is no value. */
    assert_int_equal(kind_of_many("\",{[\\\",{[,,,,,,,,,,\"", JSON_VALUES_LIMIT / 2),
                     MESSAGE_REPLY);
}

static void the_greeting_tells_version_and_capabilities(void **state)
{
    static const char text[] = "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":2,\"minor\":0,"
                               "\"major\":10},\"package\":\"Debian\"},\"capabilities\":[\"oob\"]}}";
    struct message message;

    (void)state;
    codec_decode(text, strlen(text), &message);
    assert_int_equal(message.version.major, 10);
    assert_int_equal(message.version.micro, 2);
    assert_string_equal(message.version.package, "Debian");
    assert_true(message.oob);
    codec_message_free(&message);
}

static void integers_stay_exact_up_to_64_bits(void **state)
{
    static const char text[] =
        "{\"return\":{\"a\":18446744073709551615,\"b\":[9223372036854775808],"
        "\"c\":9223372036854775807,\"d\":\"18446744073709551615\"},\"id\":1}";
    struct message message;
    uint64_t number = 0;
    char *dumped;

    (void)state;
    codec_decode(text, strlen(text), &message);
    assert_int_equal(message.kind, MESSAGE_REPLY);
    assert_true(qmp_json_uint64(json_object_get(message.value, "a"), &number));
    assert_true(number == UINT64_MAX);
    assert_true(qmp_json_uint64(json_object_get(message.value, "c"), &number));
    assert_true(number == INT64_MAX);
    assert_false(qmp_json_uint64(json_object_get(message.value, "d"), &number));
    dumped = qmp_json_dumps(message.root, false);
    assert_string_equal(dumped, text);
    free(dumped);
    codec_message_free(&message);
}

static void strings_can_hold_nul(void **state)
{
    static const char text[] = "{\"return\":\"a\\u0000b\",\"id\":1}";
    struct message message;

    (void)state;
    codec_decode(text, strlen(text), &message);
    assert_int_equal(message.kind, MESSAGE_REPLY);
    assert_int_equal(json_string_length(message.value), 3);
    codec_message_free(&message);
}

static void commands_are_compact(void **state)
{
    json_t *arguments = json_pack("{s:s}", "id", "dimm0");
    struct qmp_error error;
    size_t length;
    char *text;

    (void)state;
    text = codec_encode("device_del", arguments, 4, false, &length, &error);
    assert_string_equal(text,
                        "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"dimm0\"},\"id\":4}\n");
    assert_int_equal(length, strlen(text));
    free(text);
    text = codec_encode("query-status", NULL, 5, true, &length, &error);
    assert_string_equal(text, "{\"exec-oob\":\"query-status\",\"id\":5}\n");
    free(text);
    json_decref(arguments);
}

static void what_qemu_would_not_take_is_not_sent(void **state)
{
    json_t *deep = json_object(), *list = json_array();
    struct qmp_error error;
    size_t length;

    (void)state;
    for (int i = 0; i < 1100; i++)
        deep = json_pack("{s:o}", "a", deep);
    assert_null(codec_encode("x", deep, 1, false, &length, &error));
    assert_int_equal(error.code, QMP_ERROR_INVALID);
    assert_null(codec_encode("x\"y", NULL, 1, false, &length, &error));
    assert_null(codec_encode("", NULL, 1, false, &length, &error));
    assert_null(codec_encode("x", list, 1, false, &length, &error));
    assert_null(codec_encode(NULL, NULL, 1, false, &length, &error));
    json_decref(deep);
    json_decref(list);
}

/* QEMU's parser takes 64 MiB. */
static void a_command_that_is_too_long_is_not_sent(void **state)
{
    const size_t size = (size_t)64 << 20;
    char *text = malloc(size);
    struct qmp_error error;
    json_t *arguments;
    size_t length;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', size);
    arguments = json_pack("{s:s%}", "a", text, size);
    assert_null(codec_encode("x", arguments, 1, false, &length, &error));
    assert_int_equal(error.code, QMP_ERROR_INVALID);
    assert_string_equal(error.text, "the arguments are too long");
    json_decref(arguments);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_told_apart),
        cmocka_unit_test(a_million_values_are_a_message_and_more_are_not),
        cmocka_unit_test(the_greeting_tells_version_and_capabilities),
        cmocka_unit_test(integers_stay_exact_up_to_64_bits),
        cmocka_unit_test(strings_can_hold_nul),
        cmocka_unit_test(commands_are_compact),
        cmocka_unit_test(what_qemu_would_not_take_is_not_sent),
        cmocka_unit_test(a_command_that_is_too_long_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
