/* The client on one connection: what it sends, and what can be asked of it. */
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/peer.h"

#define NEGOTIATION                                                                                \
    "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]},\"id\":1}\n"

/* ---- what is sent ---- */

static void test_requests_are_compact(void **state)
{
    struct peer peer = {0};
    json_t *arguments = json_pack("{s:s,s:[i,b]}", "id", "dimm 0", "list", 5, true);

    (void)state;
    peer_start(&peer, NULL, 0);
    peer_say_text(&peer, PEER_GREETING);
    assert_string_equal(peer.heard, NEGOTIATION);
    peer_say_text(&peer, PEER_NEGOTIATED);
    peer.heard_length = 0;
    peer_command(&peer, "query-status", NULL);
    peer_command(&peer, "device_del", arguments);
    peer_pump(&peer);
    assert_string_equal(peer.heard, "{\"execute\":\"query-status\",\"id\":2}\n"
                                    "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"dimm 0\","
                                    "\"list\":[5,true]},\"id\":3}\n");
    json_decref(arguments);
    peer_stop(&peer);
}

static void test_empty_arguments_are_left_out(void **state)
{
    struct peer peer = {0};
    json_t *arguments = json_object();

    (void)state;
    peer_open(&peer);
    peer_command(&peer, "stop", arguments);
    peer_pump(&peer);
    assert_string_equal(peer.heard, "{\"execute\":\"stop\",\"id\":2}\n");
    json_decref(arguments);
    peer_stop(&peer);
}

static void test_oob_is_only_enabled_where_offered_and_wanted(void **state)
{
    const struct qmp_client_options no_oob = {.no_oob = true};
    struct qmp_error error;
    struct peer peer = {0};

    (void)state;
    peer_start(&peer, NULL, 0);
    peer_say_text(&peer, "{\"QMP\": {\"version\": {}, \"capabilities\": [\"speed\"]}}");
    assert_string_equal(peer.heard, "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
    peer_say_text(&peer, PEER_NEGOTIATED);
    assert_false(qmp_client_has_oob(peer.client));
    peer_stop(&peer);

    peer_start(&peer, &no_oob, 0);
    peer_say_text(&peer, PEER_GREETING);
    assert_string_equal(peer.heard, "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
    peer_say_text(&peer, PEER_NEGOTIATED);
    assert_false(qmp_client_has_oob(peer.client));
    assert_int_equal(qmp_client_send_oob(peer.client, "migrate-pause", NULL, 0, NULL, NULL, &error),
                     -1);
    assert_int_equal(error.code, QMP_ERROR_INVALID);
    peer_stop(&peer);
}

static void test_at_most_eight_are_in_flight(void **state)
{
    struct peer peer = {0};
    char name[16];

    (void)state;
    peer_open(&peer);
    for (int i = 2; i <= 21; i++) {
        snprintf(name, sizeof name, "c%d", i);
        peer_command(&peer, name, NULL);
    }
    peer_pump(&peer);
    assert_int_equal(peer.commands, 8);
    assert_int_equal(qmp_client_pending(peer.client), 20);
    peer_reply(&peer, 2, 2);
    assert_int_equal(peer.commands, 9);
    assert_non_null(strstr(peer.heard, "\"c10\",\"id\":10}\n"));
    assert_null(strstr(peer.heard, "\"c11\""));
    for (int i = 3; i <= 21; i++)
        peer_reply(&peer, i, i);
    assert_int_equal(qmp_client_pending(peer.client), 0);
    assert_non_null(strstr(peer.log, "c20 = 20\nc21 = 21\n"));
    peer_stop(&peer);
}

static void test_out_of_band_overtakes(void **state)
{
    struct peer peer = {0};
    char name[16];

    (void)state;
    peer_open(&peer);
    for (int i = 2; i <= 10; i++) {
        snprintf(name, sizeof name, "c%d", i);
        peer_command(&peer, name, NULL);
    }
    peer_command_oob(&peer, "first");
    peer_command_oob(&peer, "second");
    peer_pump(&peer);
    assert_int_equal(peer.commands, 10);
    assert_non_null(strstr(peer.heard, "{\"exec-oob\":\"first\",\"id\":11}\n"
                                       "{\"exec-oob\":\"second\",\"id\":12}\n"));
    peer_reply(&peer, 12, 12);
    peer_expect_log(&peer, "second = 12\n");
    peer_stop(&peer);
}

/* Sends two out of band behind one that waits, inside a callback. */
static void send_from_event(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                            void *arg)
{
    struct peer *peer = arg;

    (void)client;
    (void)value;
    (void)error;
    peer_command(peer, "behind", NULL);
    peer_command_oob(peer, "first");
    peer_command_oob(peer, "second");
    peer_command(peer, "last", NULL);
}

static void test_out_of_band_overtakes_inside_callbacks_in_order(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
    qmp_client_send(peer.client, "start", NULL, 0, send_from_event, &peer, NULL);
    peer_pump(&peer);
    peer.heard_length = 0;
    peer_reply(&peer, 2, 2);
    assert_string_equal(peer.heard,
                        "{\"exec-oob\":\"first\",\"id\":4}\n{\"exec-oob\":\"second\",\"id\":5}\n"
                        "{\"execute\":\"behind\",\"id\":3}\n{\"execute\":\"last\",\"id\":6}\n");
    peer_stop(&peer);
}

static json_t *nested(int depth)
{
    json_t *value = json_object();

    while (--depth > 0)
        value = depth % 2 ? json_pack("[o]", value) : json_pack("{s:o}", "a", value);
    return json_pack("{s:o}", "a", value);
}

static void test_what_qemu_could_not_read_is_refused(void **state)
{
    static const char *const texts[] = {"\xff",         "\xc0\xaf",         "\xed\xa0\x80",
                                        "\xef\xbf\xbf", "\xef\xb7\x90",     "\xf0\x9f\xbf\xbf",
                                        "\xc3",         "\xf4\x90\x80\x80", "a\xe2\x82"};
    struct peer peer = {0};
    json_t *list = json_array();

    (void)state;
    peer_open(&peer);
    peer_expect_invalid(&peer, "", NULL);
    peer_expect_invalid(&peer, "a\"b", NULL);
    peer_expect_invalid(&peer, "a b", NULL);
    peer_expect_invalid(&peer, "caf\xc3\xa9", NULL);
    peer_expect_invalid(&peer, "stop", list);
    peer_expect_invalid(&peer, "stop", json_integer(1));
    peer_expect_invalid(&peer, "stop", nested(1001));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *object = json_object(), *array = json_array();

        peer_expect_invalid(&peer, "stop", json_pack("{s:o}", "x", json_string_nocheck(texts[i])));
        json_object_set_new_nocheck(object, texts[i], json_null());
        peer_expect_invalid(&peer, "stop", object);
        json_array_append_new(array, json_string_nocheck(texts[i]));
        peer_expect_invalid(&peer, "stop", json_pack("{s:o}", "x", array));
    }
    peer_pump(&peer);
    assert_int_equal(peer.heard_length, 0);
    peer_stop(&peer);
}

static void test_what_qemu_can_read_is_sent(void **state)
{
    struct peer peer = {0};
    json_t *deep = nested(900);
    json_t *arguments = json_pack("{s:s,s:o}", "text", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f",
                                  "big", qmp_json_loads("18446744073709551615", 20, NULL));

    (void)state;
    peer_open(&peer);
    peer_command(&peer, "x-y_z.9", arguments);
    peer_command(&peer, "deep", deep);
    peer_pump(&peer);
    assert_int_equal(peer.commands, 2);
    assert_non_null(strstr(peer.heard, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f"));
    assert_non_null(strstr(peer.heard, "\"big\":18446744073709551615"));
    json_decref(arguments);
    json_decref(deep);
    peer_stop(&peer);
}

/* ---- what can be asked ---- */

static void test_what_the_client_knows(void **state)
{
    struct qmp_error error;
    struct peer peer = {0};

    (void)state;
    peer_start(&peer, NULL, 0);
    assert_int_equal(qmp_client_version(peer.client)->major, 0);
    peer_expect_invalid(&peer, "stop", NULL);
    assert_int_equal(qmp_client_connect(peer.client, "/x", 0, 0, NULL, NULL, &error), -1);
    assert_int_equal(error.code, QMP_ERROR_INVALID);
    peer_say_text(&peer,
                  "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7, \"minor\": 2, \"micro\": "
                  "22}, \"package\": \"Debian\\n7\"}, \"capabilities\": [\"oob\"]}}");
    peer_say_text(&peer, PEER_NEGOTIATED);
    assert_int_equal(qmp_client_version(peer.client)->major, 7);
    assert_int_equal(qmp_client_version(peer.client)->minor, 2);
    assert_int_equal(qmp_client_version(peer.client)->micro, 22);
    assert_string_equal(qmp_client_version(peer.client)->package, "Debian 7");
    assert_true(qmp_client_has_oob(peer.client));
    assert_int_equal(qmp_client_server_pid(peer.client), getpid());
    peer_hang_up(&peer);
    assert_int_equal(qmp_client_server_pid(peer.client), 0);
    peer_stop(&peer);
}

/* ---- traces ---- */

struct trace {
    char text[4096];
};

static void on_trace(struct qmp_client *client, enum qmp_direction direction, const char *text,
                     size_t length, void *arg)
{
    struct trace *trace = arg;
    size_t used = strlen(trace->text);

    (void)client;
    snprintf(trace->text + used, sizeof trace->text - used, "%s%.*s\n",
             direction == QMP_SENT ? "> " : "< ", (int)length, text);
}

/* A client without any callback but the trace. */
static void test_traces_show_the_wire_but_no_secrets(void **state)
{
    struct trace trace = {""};
    const struct qmp_client_options options = {.on_trace = on_trace, .arg = &trace, .no_oob = true};
    struct event_base *base = event_base_new();
    struct qmp_client *client = qmp_client_new(base, &options);
    json_t *secret =
        json_pack("{s:s,s:s,s:s}", "qom-type", "secret", "id", "s0", "data", "hunter2");
    static const char said[] =
        PEER_GREETING "{\"return\": {}, \"id\": 1}\r\n{\"event\": \"A\"}\r\n{\"return\": 1}";
    int ends[2];
    char address[32];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    snprintf(address, sizeof address, "fd:%d", ends[1]);
    assert_int_equal(qmp_client_connect(client, address, 0, 0, NULL, NULL, NULL), 0);
    assert_int_equal(write(ends[0], said, strlen(PEER_GREETING)), strlen(PEER_GREETING));
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(
        write(ends[0], said + strlen(PEER_GREETING), strlen(said) - strlen(PEER_GREETING)),
        strlen(said) - strlen(PEER_GREETING));
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_true(qmp_client_is_ready(client));
    assert_int_equal(qmp_client_send(client, "object-add", secret, 0, NULL, NULL, NULL), 0);
    assert_string_equal(strstr(trace.text, "> "),
                        "> {\"execute\":\"qmp_capabilities\",\"id\":1}\n"
                        "< {\"return\": {}, \"id\": 1}\n< {\"event\": \"A\"}\n< {\"return\": 1}\n"
                        "> {\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"secret\","
                        "\"id\":\"s0\",\"data\":\"***\"},\"id\":2}\n");
    json_decref(secret);
    close(ends[0]);
    event_base_loop(base, EVLOOP_NONBLOCK);
    qmp_client_free(client);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_compact),
        cmocka_unit_test(test_empty_arguments_are_left_out),
        cmocka_unit_test(test_oob_is_only_enabled_where_offered_and_wanted),
        cmocka_unit_test(test_at_most_eight_are_in_flight),
        cmocka_unit_test(test_out_of_band_overtakes),
        cmocka_unit_test(test_out_of_band_overtakes_inside_callbacks_in_order),
        cmocka_unit_test(test_what_qemu_could_not_read_is_refused),
        cmocka_unit_test(test_what_qemu_can_read_is_sent),
        cmocka_unit_test(test_what_the_client_knows),
        cmocka_unit_test(test_traces_show_the_wire_but_no_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
