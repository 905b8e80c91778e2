/* A client that is told nothing, since its user gave no callback for it, works all the same. */
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

#include "qmpclient.h"
#include "support/peer.h"

struct bare {
    struct event_base *base;
    struct qmp_client *client;
    int server;
};

static void pump(const struct bare *bare)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(bare->base, EVLOOP_NONBLOCK);
}

static void say(const struct bare *bare, const char *text)
{
    assert_int_equal(write(bare->server, text, strlen(text)), (ssize_t)strlen(text));
    pump(bare);
}

static void bare_open_with(struct bare *bare, const struct qmp_client_options *options)
{
    char address[32];
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    bare->server = ends[0];
    bare->base = event_base_new();
    bare->client = qmp_client_new(bare->base, options);
    snprintf(address, sizeof address, "fd:%d", ends[1]);
    assert_int_equal(
        qmp_client_connect(bare->client, address, INT64_MAX, INT64_MAX, NULL, NULL, NULL), 0);
    pump(bare);
    assert_int_equal(qmp_client_server_pid(bare->client), getpid());
}

static void bare_open(struct bare *bare)
{
    bare_open_with(bare, NULL);
}

static void bare_close(struct bare *bare)
{
    qmp_client_free(bare->client);
    pump(bare);
    event_base_free(bare->base);
    close(bare->server);
}

static void test_a_conversation_that_nobody_hears(void **state)
{
    struct bare bare;

    (void)state;
    bare_open(&bare);
    say(&bare, PEER_GREETING);
    say(&bare, PEER_NEGOTIATED);
    assert_true(qmp_client_is_ready(bare.client));
    for (int i = 0; i < 3; i++)
        assert_int_equal(qmp_client_send(bare.client, "stop", NULL, 0, NULL, NULL, NULL), 0);
    say(&bare, "{\"event\": \"STOP\"}{\"return\": {}, \"id\": 2}"
               "{\"error\": {\"class\": \"E\", \"desc\": \"d\"}, \"id\": 3}");
    assert_int_equal(qmp_client_pending(bare.client), 1);
    shutdown(bare.server, SHUT_RDWR);
    pump(&bare);
    assert_false(qmp_client_is_ready(bare.client));
    assert_int_equal(qmp_client_pending(bare.client), 0);
    assert_int_equal(qmp_client_send(bare.client, "stop", NULL, 0, NULL, NULL, NULL), -1);
    assert_int_equal(qmp_client_server_pid(bare.client), 0);
    bare_close(&bare);
}

static void keep_data(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    json_t **kept = arg;

    (void)client;
    *kept = json_incref(event->data);
}

/* What a callback is handed is borrowed, and a reference makes it last. */
static void test_the_data_of_an_event_can_be_kept(void **state)
{
    json_t *kept = NULL;
    const struct qmp_client_options options = {.on_event = keep_data, .arg = &kept};
    struct bare bare;

    (void)state;
    bare_open_with(&bare, &options);
    say(&bare, PEER_GREETING "{\"event\": \"E\", \"data\": {\"n\": 7}}");
    bare_close(&bare);
    assert_int_equal(json_integer_value(json_object_get(kept, "n")), 7);
    json_decref(kept);
}

static void test_a_deadline_that_nobody_hears(void **state)
{
    struct bare bare;

    (void)state;
    bare_open(&bare);
    say(&bare, PEER_GREETING);
    say(&bare, PEER_NEGOTIATED);
    assert_int_equal(qmp_client_send(bare.client, "stop", NULL, 10, NULL, NULL, NULL), 0);
    while (qmp_client_pending(bare.client) > 0)
        event_base_loop(bare.base, EVLOOP_ONCE);
    say(&bare, "{\"return\": {}, \"id\": 2}");
    assert_int_equal(qmp_client_dropped(bare.client), 1);
    bare_close(&bare);
}

static void test_a_command_that_nobody_hears_is_canceled(void **state)
{
    struct bare bare;

    (void)state;
    bare_open(&bare);
    say(&bare, PEER_GREETING);
    say(&bare, PEER_NEGOTIATED);
    assert_int_equal(qmp_client_send(bare.client, "stop", NULL, 0, NULL, NULL, NULL), 0);
    bare_close(&bare);
    qmp_client_free(NULL);
}

static void test_an_end_before_ready_that_nobody_hears(void **state)
{
    struct bare bare;

    (void)state;
    bare_open(&bare);
    say(&bare, "no QMP at all");
    assert_false(qmp_client_is_ready(bare.client));
    bare_close(&bare);
}

/* As many bytes as are read at once, and the client goes in the midst of them. */
static void test_destroyed_in_a_full_chunk(void **state)
{
    static char events[1 << 16];
    struct peer peer = {.doom = DOOM_EVENT};

    (void)state;
    for (size_t i = 0; i + 16 < sizeof events; i += 16)
        memcpy(events + i, "{\"event\": \"ABC\"}", 17);
    peer_start(&peer, NULL, 60000);
    peer_say_text(&peer, PEER_GREETING);
    peer_say_text(&peer, PEER_NEGOTIATED);
    assert_int_equal(write(peer.server, events, 32768), 32768);
    peer_pump(&peer);
    peer_expect_log(&peer, "ready\nevent ABC {} -1\n");
    assert_null(peer.client);
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_conversation_that_nobody_hears),
        cmocka_unit_test(test_the_data_of_an_event_can_be_kept),
        cmocka_unit_test(test_a_deadline_that_nobody_hears),
        cmocka_unit_test(test_a_command_that_nobody_hears_is_canceled),
        cmocka_unit_test(test_an_end_before_ready_that_nobody_hears),
        cmocka_unit_test(test_destroyed_in_a_full_chunk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
