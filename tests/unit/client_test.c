/* The client on one connection: what it sends, when, and whom it tells. */
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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

static void open_peer(struct peer *peer)
{
    peer_start(peer, NULL, 60000);
    peer_say_text(peer, PEER_GREETING);
    peer_say_text(peer, PEER_NEGOTIATED);
    assert_true(qmp_client_is_ready(peer->client));
    peer->heard_length = 0;
    peer->commands = 0;
    peer->log_length = 0;
    *peer->log = '\0';
}

/* {"return": ID, "id": ID} for each of these. */
static void reply(struct peer *peer, int first, int last)
{
    char text[64];

    for (int id = first; id <= last; id++) {
        snprintf(text, sizeof text, "{\"return\": %d, \"id\": %d}\r\n", id, id);
        peer_say_text(peer, text);
    }
}

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
    open_peer(&peer);
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
    open_peer(&peer);
    for (int i = 2; i <= 21; i++) {
        snprintf(name, sizeof name, "c%d", i);
        peer_command(&peer, name, NULL);
    }
    peer_pump(&peer);
    assert_int_equal(peer.commands, 8);
    assert_int_equal(qmp_client_pending(peer.client), 20);
    reply(&peer, 2, 2);
    assert_int_equal(peer.commands, 9);
    assert_non_null(strstr(peer.heard, "\"c10\",\"id\":10}\n"));
    assert_null(strstr(peer.heard, "\"c11\""));
    for (int i = 3; i <= 21; i++)
        reply(&peer, i, i);
    assert_int_equal(qmp_client_pending(peer.client), 0);
    assert_non_null(strstr(peer.log, "c20 = 20\nc21 = 21\n"));
    peer_stop(&peer);
}

static void test_out_of_band_overtakes(void **state)
{
    struct peer peer = {0};
    char name[16];

    (void)state;
    open_peer(&peer);
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
    reply(&peer, 12, 12);
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
    open_peer(&peer);
    qmp_client_send(peer.client, "start", NULL, 0, send_from_event, &peer, NULL);
    peer_pump(&peer);
    peer.heard_length = 0;
    reply(&peer, 2, 2);
    assert_string_equal(peer.heard,
                        "{\"exec-oob\":\"first\",\"id\":4}\n{\"exec-oob\":\"second\",\"id\":5}\n"
                        "{\"execute\":\"behind\",\"id\":3}\n{\"execute\":\"last\",\"id\":6}\n");
    peer_stop(&peer);
}

static void expect_invalid(struct peer *peer, const char *command, json_t *arguments)
{
    struct qmp_error error = {0};

    assert_int_equal(qmp_client_send(peer->client, command, arguments, 0, NULL, NULL, &error), -1);
    assert_int_equal(error.code, QMP_ERROR_INVALID);
    assert_true(*error.text);
    assert_int_equal(qmp_client_send(peer->client, command, arguments, 0, NULL, NULL, NULL), -1);
    json_decref(arguments);
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
    open_peer(&peer);
    expect_invalid(&peer, "", NULL);
    expect_invalid(&peer, "a\"b", NULL);
    expect_invalid(&peer, "a b", NULL);
    expect_invalid(&peer, "caf\xc3\xa9", NULL);
    expect_invalid(&peer, "stop", list);
    expect_invalid(&peer, "stop", json_integer(1));
    expect_invalid(&peer, "stop", nested(1001));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *object = json_object(), *array = json_array();

        expect_invalid(&peer, "stop", json_pack("{s:o}", "x", json_string_nocheck(texts[i])));
        json_object_set_new_nocheck(object, texts[i], json_null());
        expect_invalid(&peer, "stop", object);
        json_array_append_new(array, json_string_nocheck(texts[i]));
        expect_invalid(&peer, "stop", json_pack("{s:o}", "x", array));
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
    open_peer(&peer);
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

/* ---- time ---- */

static void test_a_late_reply_is_not_given_to_another_command(void **state)
{
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer.command_timeout = 20;
    peer_command(&peer, "slow", NULL);
    assert_int_equal(qmp_client_pending(peer.client), 1);
    peer_await(&peer, "slow");
    peer_expect_log(&peer, "slow ! TIMEOUT\n");
    assert_int_equal(qmp_client_pending(peer.client), 0);
    peer.command_timeout = 60000;
    peer_command(&peer, "next", NULL);
    peer_pump(&peer);
    reply(&peer, 2, 2);
    peer_expect_log(&peer, "");
    assert_int_equal(qmp_client_dropped(peer.client), 1);
    reply(&peer, 3, 3);
    peer_expect_log(&peer, "next = 3\n");
    peer_stop(&peer);
}

static void test_each_command_has_its_own_deadline(void **state)
{
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "patient", NULL);
    peer.command_timeout = 80;
    peer_command(&peer, "second", NULL);
    peer.command_timeout = 20;
    peer_command(&peer, "first", NULL);
    peer_await(&peer, "second");
    peer_expect_log(&peer, "first ! TIMEOUT\nsecond ! TIMEOUT\n");
    reply(&peer, 2, 2);
    peer_expect_log(&peer, "patient = 2\n");
    peer_stop(&peer);
}

/* QEMU still has a command that timed out: eight of them leave no place for a ninth. */
static void test_commands_behind_a_stuck_server_time_out_unsent(void **state)
{
    struct peer peer = {0};
    char name[16];

    (void)state;
    open_peer(&peer);
    peer.command_timeout = 20;
    for (int i = 2; i <= 10; i++) {
        snprintf(name, sizeof name, "c%d", i);
        peer_command(&peer, name, NULL);
    }
    peer_await(&peer, "c10 ! TIMEOUT");
    assert_int_equal(peer.commands, 8);
    peer_command(&peer, "behind", NULL);
    peer_await(&peer, "behind ! TIMEOUT");
    peer.command_timeout = 0;
    peer_command(&peer, "patient", NULL);
    peer_pump(&peer);
    assert_int_equal(peer.commands, 8);
    assert_int_equal(qmp_client_pending(peer.client), 1);
    reply(&peer, 2, 9);
    assert_int_equal(qmp_client_dropped(peer.client), 8);
    assert_int_equal(peer.commands, 9);
    reply(&peer, 12, 12);
    assert_non_null(strstr(peer.log, "patient = 12\n"));
    peer_stop(&peer);
}

static void test_a_silent_server_is_given_up(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_start(&peer, NULL, 20);
    peer_await(&peer, "unready");
    peer_expect_log(&peer, "unready BUSY greeting\n");
    peer_stop(&peer);

    peer_start(&peer, NULL, 20);
    peer_say_text(&peer, PEER_GREETING);
    peer_await(&peer, "unready");
    peer_expect_log(&peer, "unready TIMEOUT negotiation\n");
    peer_stop(&peer);
}

/* One deadline over all of it: a server that drips a byte now and then does not prolong it. */
static void test_a_dripping_server_is_given_up(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_start(&peer, NULL, 60);
    for (const char *byte = PEER_GREETING; *byte && !strstr(peer.log, "unready"); byte++) {
        peer_say(&peer, byte, 1);
        usleep(2000); /* the drip is what is tested */
    }
    peer_await(&peer, "unready");
    peer_expect_log(&peer, "unready BUSY greeting\n");
    peer_stop(&peer);
}

/* ---- much, large, and nobody who listens ---- */

static void test_a_burst_of_events(void **state)
{
    struct peer peer = {0};
    size_t count = 20000, length = 0;
    char *burst = malloc(count * 80), last[80];

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "query", NULL);
    for (size_t i = 1; i <= count; i++)
        length +=
            (size_t)sprintf(burst + length, "{\"event\": \"E\", \"data\": {\"n\": %zu}}\r\n", i);
    peer_say(&peer, burst, length);
    reply(&peer, 2, 2);
    snprintf(last, sizeof last, "event E {\"n\":%zu} -1\nquery = 2\n", count);
    assert_string_equal(peer.log + peer.log_length - strlen(last), last);
    count = 0;
    for (const char *at = peer.log; (at = strstr(at, "event E ")); at++)
        count++;
    assert_int_equal(count, 20000);
    free(burst);
    peer_stop(&peer);
}

static void test_a_large_reply(void **state)
{
    const size_t size = 400 * 1024;
    struct peer peer = {0};
    char *text = malloc(size + 64);
    size_t length = (size_t)sprintf(text, "{\"id\": 2, \"return\": \"");

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "query-qmp-schema", NULL);
    memset(text + length, 'x', size);
    strcpy(text + length + size, "\"}\r\n");
    peer_say_text(&peer, text);
    assert_int_equal(peer.log_length, strlen("query-qmp-schema = \"\"\n") + size);
    assert_int_equal(qmp_client_pending(peer.client), 0);
    free(text);
    peer_stop(&peer);
}

/* A server that sends for ever is cut off after the bound and what one turn of the loop reads. */
static void test_a_message_without_end_is_cut_off(void **state)
{
    const struct qmp_client_options options = {.max_message = 65536};
    struct peer peer = {0};
    char block[4096];
    size_t said = 0;

    (void)state;
    memset(block, '[', sizeof block);
    peer_start(&peer, &options, 0);
    peer_say_text(&peer, "{\"a\": ");
    while (!strstr(peer.log, "unready") && said < 64U << 20) {
        peer_say(&peer, block, sizeof block);
        said += sizeof block;
    }
    peer_expect_log(&peer, "unready TOO_BIG greeting\n");
    assert_true(said <= 65536 + 2 * sizeof block);
    peer_stop(&peer);
}

static json_t *large_arguments(size_t size)
{
    char *text = malloc(size + 1);
    json_t *arguments;

    memset(text, 'y', size);
    text[size] = '\0';
    arguments = json_pack("{s:s}", "a", text);
    free(text);
    return arguments;
}

/* More than the socket takes at once; and nobody can answer what has not been written. */
static void test_a_large_command_to_a_slow_reader(void **state)
{
    const size_t size = 4U << 20;
    json_t *arguments = large_arguments(size);
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer.deaf = true;
    peer_command(&peer, "large", arguments);
    peer_command(&peer, "small", NULL);
    peer_pump(&peer);
    reply(&peer, 2, 3);
    assert_int_equal(qmp_client_dropped(peer.client), 2);
    peer.deaf = false;
    while (peer.commands < 2)
        peer_pump(&peer);
    assert_int_equal(peer.heard_length,
                     strlen("{\"execute\":\"large\",\"arguments\":{\"a\":\"\"},\"id\":2}\n") +
                         size + strlen("{\"execute\":\"small\",\"id\":3}\n"));
    reply(&peer, 2, 3);
    peer_expect_log(&peer, "large = 2\nsmall = 3\n");
    json_decref(arguments);
    peer_stop(&peer);
}

static void test_an_unwritten_command_can_time_out_and_is_still_written_whole(void **state)
{
    json_t *arguments = large_arguments(4U << 20);
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer.deaf = true;
    peer.command_timeout = 20;
    peer_command(&peer, "large", arguments);
    peer_await(&peer, "large ! TIMEOUT");
    peer.command_timeout = 60000;
    peer_command(&peer, "small", NULL);
    peer.deaf = false;
    while (peer.commands < 2)
        peer_pump(&peer);
    reply(&peer, 2, 3);
    peer_expect_log(&peer, "large ! TIMEOUT\nsmall = 3\n");
    json_decref(arguments);
    peer_stop(&peer);
}

/* SIGPIPE has its default effect in this process: it would end it. */
static void test_a_server_that_reads_no_more(void **state)
{
    struct peer peer = {0};

    (void)state;
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    open_peer(&peer);
    shutdown(peer.server, SHUT_RD);
    peer_command(&peer, "lost", NULL);
    peer_await(&peer, "closed");
    peer_expect_log(&peer, "lost ! CLOSED\nclosed CLOSED\n");
    peer_stop(&peer);
}

/* What the server said before is not lost to the failure of a write. */
static void test_a_reply_is_read_although_writing_fails(void **state)
{
    static const char text[] = "{\"return\": 2, \"id\": 2}{\"event\": \"SHUTDOWN\"}";
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "quit", NULL);
    peer_pump(&peer);
    assert_int_equal(send(peer.server, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    close(peer.server);
    peer.server = -1;
    peer_command(&peer, "lost", NULL);
    peer_await(&peer, "closed");
    peer_expect_log(&peer, "quit = 2\nevent SHUTDOWN {} -1\nlost ! CLOSED\nclosed CLOSED\n");
    peer_stop(&peer);
}

static void test_commands_never_sent_are_told_so_at_the_end(void **state)
{
    struct peer peer = {0};
    char name[16];

    (void)state;
    open_peer(&peer);
    for (int i = 2; i <= 11; i++) {
        snprintf(name, sizeof name, "c%d", i);
        peer_command(&peer, name, NULL);
    }
    peer_pump(&peer);
    peer_hang_up(&peer);
    peer_expect_log(&peer, "c2 ! CLOSED\nc3 ! CLOSED\nc4 ! CLOSED\nc5 ! CLOSED\nc6 ! CLOSED\n"
                           "c7 ! CLOSED\nc8 ! CLOSED\nc9 ! CLOSED\nc10 ! CLOSED\nc11 ! CLOSED\n"
                           "closed CLOSED\n");
    expect_invalid(&peer, "stop", NULL);
    peer_stop(&peer);
}

/* ---- destroyed inside a callback ---- */

static void test_destroyed_in_ready(void **state)
{
    struct peer peer = {.doom = DOOM_READY, .send_when_ready = 2};

    (void)state;
    peer_start(&peer, NULL, 0);
    peer_say_text(&peer, PEER_GREETING);
    peer_say_text(&peer, PEER_NEGOTIATED "{\"event\": \"A\"}");
    peer_expect_log(&peer, "ready\nquery-1 ! CANCELED\nquery-2 ! CANCELED\n");
    peer_stop(&peer);

    peer = (struct peer){.doom = DOOM_READY};
    peer_start(&peer, NULL, 0);
    peer_say_text(&peer, "garbage ");
    peer_expect_log(&peer, "unready PROTOCOL greeting\n");
    assert_null(peer.client);
    peer_stop(&peer);
}

static void test_destroyed_in_a_reply(void **state)
{
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "a", NULL);
    peer_command(&peer, "b", NULL);
    peer_command(&peer, "c", NULL);
    peer_pump(&peer);
    peer.doom = DOOM_REPLY;
    peer_say_text(&peer, "{\"return\": 2, \"id\": 2}{\"return\": 3, \"id\": 3}{\"event\": \"A\"}");
    peer_expect_log(&peer, "a = 2\nb ! CANCELED\nc ! CANCELED\n");
    peer_stop(&peer);
}

static void test_destroyed_in_a_reply_that_timed_out(void **state)
{
    struct peer peer = {.command_timeout = 20};

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "a", NULL);
    peer_command(&peer, "b", NULL);
    peer.doom = DOOM_REPLY;
    peer_await(&peer, "b");
    peer_expect_log(&peer, "a ! TIMEOUT\nb ! CANCELED\n");
    peer_stop(&peer);
}

static void test_destroyed_in_a_reply_at_the_end(void **state)
{
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "a", NULL);
    peer_command(&peer, "b", NULL);
    peer_pump(&peer);
    peer.doom = DOOM_REPLY;
    peer_hang_up(&peer);
    peer_expect_log(&peer, "a ! CLOSED\nb ! CANCELED\n");
    peer_stop(&peer);
}

static void test_destroyed_in_an_event(void **state)
{
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "a", NULL);
    peer.doom = DOOM_EVENT;
    peer_say_text(&peer, "{\"event\": \"A\"}{\"return\": 2, \"id\": 2}{\"event\": \"B\"}");
    peer_expect_log(&peer, "event A {} -1\na ! CANCELED\n");
    peer_stop(&peer);
}

static void test_destroyed_when_closed(void **state)
{
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer.doom = DOOM_CLOSED;
    peer_hang_up(&peer);
    peer_expect_log(&peer, "closed CLOSED\n");
    assert_null(peer.client);
    peer_stop(&peer);
}

static void test_destroyed_in_a_trace(void **state)
{
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    peer_command(&peer, "a", NULL);
    peer.doom = DOOM_RECEIVED;
    peer_say_text(&peer, "{\"return\": 2, \"id\": 2}");
    peer_expect_log(&peer, "a ! CANCELED\n");
    peer_stop(&peer);

    open_peer(&peer);
    peer.doom = DOOM_SENT;
    peer_command(&peer, "a", NULL);
    assert_null(peer.client);
    peer_pump(&peer);
    peer_expect_log(&peer, "a ! CANCELED\n");
    peer_stop(&peer);

    peer.doom = DOOM_SENT;
    peer_start(&peer, NULL, 0);
    peer_say_text(&peer, PEER_GREETING);
    peer_expect_log(&peer, "");
    assert_null(peer.client);
    peer_stop(&peer);
}

static void test_destroyed_outside_with_commands_pending(void **state)
{
    struct peer peer = {0};

    (void)state;
    open_peer(&peer);
    for (int i = 0; i < 10; i++)
        peer_command(&peer, "c", NULL);
    qmp_client_send(peer.client, "nobody-asks", NULL, 0, NULL, NULL, NULL);
    qmp_client_free(peer.client);
    peer.client = NULL;
    peer_expect_log(&peer, ""); /* never before the call returns */
    event_base_loop(peer.base, EVLOOP_NONBLOCK);
    peer_expect_log(&peer,
                    "c ! CANCELED\nc ! CANCELED\nc ! CANCELED\nc ! CANCELED\nc ! CANCELED\n"
                    "c ! CANCELED\nc ! CANCELED\nc ! CANCELED\nc ! CANCELED\nc ! CANCELED\n");
    peer_stop(&peer);
}

static void test_destroyed_before_and_while_connecting(void **state)
{
    struct event_base *base = event_base_new();
    struct qmp_client *client = qmp_client_new(base, NULL);

    (void)state;
    qmp_client_free(NULL);
    assert_int_equal(qmp_client_peer_pid(client), 0);
    qmp_client_free(client);
    client = qmp_client_new(base, NULL);
    assert_int_equal(qmp_client_connect(client, "/nowhere", 1000, 1000, NULL, NULL, NULL), 0);
    qmp_client_free(client);
    client = qmp_client_new(base, NULL);
    assert_int_equal(qmp_client_connect(client, "name.invalid:1", 1000, 1000, NULL, NULL, NULL), 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
    qmp_client_free(client);
    event_base_free(base);
}

/* ---- what can be asked ---- */

static void test_what_the_client_knows(void **state)
{
    struct qmp_error error;
    struct peer peer = {0};

    (void)state;
    peer_start(&peer, NULL, 0);
    assert_int_equal(qmp_client_version(peer.client)->major, 0);
    expect_invalid(&peer, "stop", NULL);
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
    assert_int_equal(qmp_client_peer_pid(peer.client), getpid());
    peer_hang_up(&peer);
    assert_int_equal(qmp_client_peer_pid(peer.client), 0);
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
        cmocka_unit_test(test_a_late_reply_is_not_given_to_another_command),
        cmocka_unit_test(test_each_command_has_its_own_deadline),
        cmocka_unit_test(test_commands_behind_a_stuck_server_time_out_unsent),
        cmocka_unit_test(test_a_silent_server_is_given_up),
        cmocka_unit_test(test_a_dripping_server_is_given_up),
        cmocka_unit_test(test_a_burst_of_events),
        cmocka_unit_test(test_a_large_reply),
        cmocka_unit_test(test_a_message_without_end_is_cut_off),
        cmocka_unit_test(test_a_large_command_to_a_slow_reader),
        cmocka_unit_test(test_an_unwritten_command_can_time_out_and_is_still_written_whole),
        cmocka_unit_test(test_a_server_that_reads_no_more),
        cmocka_unit_test(test_a_reply_is_read_although_writing_fails),
        cmocka_unit_test(test_commands_never_sent_are_told_so_at_the_end),
        cmocka_unit_test(test_destroyed_in_ready),
        cmocka_unit_test(test_destroyed_in_a_reply),
        cmocka_unit_test(test_destroyed_in_a_reply_that_timed_out),
        cmocka_unit_test(test_destroyed_in_a_reply_at_the_end),
        cmocka_unit_test(test_destroyed_in_an_event),
        cmocka_unit_test(test_destroyed_when_closed),
        cmocka_unit_test(test_destroyed_in_a_trace),
        cmocka_unit_test(test_destroyed_outside_with_commands_pending),
        cmocka_unit_test(test_destroyed_before_and_while_connecting),
        cmocka_unit_test(test_what_the_client_knows),
        cmocka_unit_test(test_traces_show_the_wire_but_no_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
