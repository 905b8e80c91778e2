/* Messages are told apart, integers stay exact, and what QEMU would not take is not sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec.h"

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
    json_decref(deep);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_told_apart),
        cmocka_unit_test(the_greeting_tells_version_and_capabilities),
        cmocka_unit_test(integers_stay_exact_up_to_64_bits),
        cmocka_unit_test(strings_can_hold_nul),
        cmocka_unit_test(commands_are_compact),
        cmocka_unit_test(what_qemu_would_not_take_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
