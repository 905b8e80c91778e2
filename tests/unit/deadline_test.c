/* How long the client waits, for whom, and whom it tells then. */
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/clock.h"
#include "support/peer.h"

static void test_a_late_reply_is_not_given_to_another_command(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
    peer.command_timeout = 20;
    peer_command(&peer, "slow", NULL);
    assert_int_equal(qmp_client_pending(peer.client), 1);
    peer_await(&peer, "slow");
    peer_expect_log(&peer, "slow ! TIMEOUT\n");
    assert_int_equal(qmp_client_pending(peer.client), 0);
    peer.command_timeout = 60000;
    peer_command(&peer, "next", NULL);
    peer_pump(&peer);
    peer_reply(&peer, 2, 2);
    peer_expect_log(&peer, "");
    assert_int_equal(qmp_client_dropped(peer.client), 1);
    peer_reply(&peer, 3, 3);
    peer_expect_log(&peer, "next = 3\n");
    peer_stop(&peer);
}

static void test_each_command_has_its_own_deadline(void **state)
{
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
    peer_command(&peer, "patient", NULL);
    peer.command_timeout = 80;
    peer_command(&peer, "second", NULL);
    peer.command_timeout = 20;
    peer_command(&peer, "first", NULL);
    peer_await(&peer, "second");
    peer_expect_log(&peer, "first ! TIMEOUT\nsecond ! TIMEOUT\n");
    peer_reply(&peer, 2, 2);
    peer_expect_log(&peer, "patient = 2\n");
    peer_stop(&peer);
}

/* The timer is not moved when the command that it was for has been answered. */
static void test_a_timer_that_comes_early_tells_nobody(void **state)
{
    struct peer peer = {0};
    double started, seconds;

    (void)state;
    peer_open(&peer);
    peer.command_timeout = 150;
    peer_command(&peer, "quick", NULL);
    peer_reply(&peer, 2, 2);
    peer_expect_log(&peer, "quick = 2\n");
    peer.command_timeout = 400;
    started = clock_now();
    peer_command(&peer, "slow", NULL);
    peer_await(&peer, "slow");
    seconds = clock_now() - started;
    peer_expect_log(&peer, "slow ! TIMEOUT\n");
    assert_true(seconds > 0.39);
    /* And with nobody left to tell. */
    peer.command_timeout = 150;
    peer_command(&peer, "quick", NULL);
    peer_reply(&peer, 4, 4);
    peer.command_timeout = 0;
    peer_command(&peer, "patient", NULL);
    peer_run_for(&peer, 200);
    peer_expect_log(&peer, "quick = 4\n");
    peer_reply(&peer, 5, 5);
    peer_expect_log(&peer, "patient = 5\n");
    peer_stop(&peer);
}

/* QEMU still has a command that timed out: eight of them leave no place for a ninth. */
static void test_commands_behind_a_stuck_server_time_out_unsent(void **state)
{
    struct peer peer = {0};
    char name[16];

    (void)state;
    peer_open(&peer);
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
    peer_reply(&peer, 2, 9);
    assert_int_equal(qmp_client_dropped(peer.client), 8);
    assert_int_equal(peer.commands, 9);
    peer_reply(&peer, 12, 12);
    assert_non_null(strstr(peer.log, "patient = 12\n"));
    peer_stop(&peer);
}

/* Asks again whenever there was no answer, and takes longer over it than it gives the server. */
struct asking {
    struct peer *peer;
    int times;
};

static void ask_again(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                      void *arg)
{
    struct asking *asking = arg;

    (void)value;
    if (!client || error->code != QMP_ERROR_TIMEOUT)
        return;
    if (++asking->times == 20)
        peer_note(asking->peer, "asked");
    assert_int_equal(qmp_client_send(client, "again", NULL, 1, ask_again, asking, NULL), 0);
    usleep(3000); /* the time that a busy program takes is what is tested */
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    peer_note(arg, "turn");
}

static void test_who_asks_again_and_again_leaves_others_their_turn(void **state)
{
    const struct timeval moment = {0, 5000};
    struct peer peer = {0};
    struct asking asking = {&peer, 0};

    (void)state;
    peer_open(&peer);
    assert_int_equal(event_base_once(peer.base, -1, EV_TIMEOUT, on_turn, &peer, &moment), 0);
    assert_int_equal(qmp_client_send(peer.client, "first", NULL, 1, ask_again, &asking, NULL), 0);
    peer_await(&peer, "asked");
    peer_expect_log(&peer, "turn\nasked\n");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_late_reply_is_not_given_to_another_command),
        cmocka_unit_test(test_each_command_has_its_own_deadline),
        cmocka_unit_test(test_a_timer_that_comes_early_tells_nobody),
        cmocka_unit_test(test_commands_behind_a_stuck_server_time_out_unsent),
        cmocka_unit_test(test_who_asks_again_and_again_leaves_others_their_turn),
        cmocka_unit_test(test_a_silent_server_is_given_up),
        cmocka_unit_test(test_a_dripping_server_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
