/* The client destroyed inside each of its callbacks, and outside. */
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "support/peer.h"

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
    peer_open(&peer);
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
    peer_open(&peer);
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
    peer_open(&peer);
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
    peer_open(&peer);
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
    peer_open(&peer);
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
    peer_open(&peer);
    peer_command(&peer, "a", NULL);
    peer.doom = DOOM_RECEIVED;
    peer_say_text(&peer, "{\"return\": 2, \"id\": 2}");
    peer_expect_log(&peer, "a ! CANCELED\n");
    peer_stop(&peer);

    peer_open(&peer);
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

/* The callback of one client takes another down, whose own bytes wait in the same loop. */
static void free_other(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                       void *arg)
{
    struct peer *other = arg;

    (void)client;
    (void)value;
    (void)error;
    qmp_client_free(other->client);
    other->client = NULL;
}

static void test_destroyed_in_the_callback_of_another_client(void **state)
{
    struct peer first = {.base = event_base_new(), .shares_base = true};
    struct peer second = {.base = first.base, .shares_base = true};
    static const char answer[] = "{\"return\": 2, \"id\": 2}";
    struct event_base *base = first.base;

    (void)state;
    peer_open(&first);
    peer_open(&second);
    assert_int_equal(qmp_client_send(first.client, "a", NULL, 0, free_other, &second, NULL), 0);
    peer_command(&second, "b", NULL);
    peer_pump(&first);
    peer_pump(&second);
    assert_int_equal(send(first.server, answer, strlen(answer), 0), strlen(answer));
    assert_int_equal(send(second.server, answer, strlen(answer), 0), strlen(answer));
    peer_await(&second, "b");
    assert_true(second.client == NULL);
    /* Either may be read first. */
    if (strcmp(second.log, "b = 2\n") != 0)
        peer_expect_log(&second, "b ! CANCELED\n");
    peer_stop(&second);
    peer_stop(&first);
    event_base_free(base);
}

static void test_destroyed_outside_with_commands_pending(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
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
    assert_int_equal(qmp_client_server_pid(client), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_destroyed_in_ready),
        cmocka_unit_test(test_destroyed_in_a_reply),
        cmocka_unit_test(test_destroyed_in_a_reply_that_timed_out),
        cmocka_unit_test(test_destroyed_in_a_reply_at_the_end),
        cmocka_unit_test(test_destroyed_in_an_event),
        cmocka_unit_test(test_destroyed_when_closed),
        cmocka_unit_test(test_destroyed_in_a_trace),
        cmocka_unit_test(test_destroyed_in_the_callback_of_another_client),
        cmocka_unit_test(test_destroyed_outside_with_commands_pending),
        cmocka_unit_test(test_destroyed_before_and_while_connecting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
