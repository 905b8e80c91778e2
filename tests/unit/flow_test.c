/* Much and large messages, and servers that do not listen or are gone. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
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

static void test_a_burst_of_events(void **state)
{
    struct peer peer = {0};
    size_t count = 20000, length = 0;
    char *burst = malloc(count * 80), last[80];

    (void)state;
    peer_open(&peer);
    peer_command(&peer, "query", NULL);
    for (size_t i = 1; i <= count; i++)
        length +=
            (size_t)sprintf(burst + length, "{\"event\": \"E\", \"data\": {\"n\": %zu}}\r\n", i);
    peer_say(&peer, burst, length);
    peer_reply(&peer, 2, 2);
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
    peer_open(&peer);
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
    peer_open(&peer);
    peer.deaf = true;
    peer_command(&peer, "large", arguments);
    peer_command(&peer, "small", NULL);
    peer_pump(&peer);
    peer_reply(&peer, 2, 3);
    assert_int_equal(qmp_client_dropped(peer.client), 2);
    peer.deaf = false;
    while (peer.commands < 2)
        peer_pump(&peer);
    assert_int_equal(peer.heard_length,
                     strlen("{\"execute\":\"large\",\"arguments\":{\"a\":\"\"},\"id\":2}\n") +
                         size + strlen("{\"execute\":\"small\",\"id\":3}\n"));
    peer_reply(&peer, 2, 3);
    peer_expect_log(&peer, "large = 2\nsmall = 3\n");
    json_decref(arguments);
    peer_stop(&peer);
}

static void test_an_unwritten_command_can_time_out_and_is_still_written_whole(void **state)
{
    json_t *arguments = large_arguments(4U << 20);
    struct peer peer = {0};

    (void)state;
    peer_open(&peer);
    peer.deaf = true;
    peer.command_timeout = 20;
    peer_command(&peer, "large", arguments);
    peer_await(&peer, "large ! TIMEOUT");
    peer.command_timeout = 60000;
    peer_command(&peer, "small", NULL);
    peer.deaf = false;
    while (peer.commands < 2)
        peer_pump(&peer);
    peer_reply(&peer, 2, 3);
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
    peer_open(&peer);
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
    peer_open(&peer);
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

/* A server that left unnoticed, without having read what it was sent: a reset. */
static void test_a_server_that_left_unnoticed(void **state)
{
    struct peer peer = {0};

    (void)state;
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    peer_open(&peer);
    peer.deaf = true;
    peer_command(&peer, "unread", NULL);
    close(peer.server);
    peer.server = -1;
    peer_command(&peer, "lost", NULL);
    peer_await(&peer, "closed");
    peer_expect_log(&peer, "unread ! CLOSED\nlost ! CLOSED\nclosed CLOSED\n");
    peer_expect_invalid(&peer, "too-late", NULL);
    peer_stop(&peer);
}

static void test_a_tcp_server_that_left_unnoticed(void **state)
{
    const struct linger at_once = {1, 0};
    struct peer peer = {.tcp = true};

    (void)state;
    peer_start(&peer, NULL, 60000);
    peer_say_text(&peer, PEER_GREETING);
    peer_say_text(&peer, PEER_NEGOTIATED);
    peer_await(&peer, "ready\n");
    peer_expect_log(&peer, "ready\n");
    peer_command(&peer, "unread", NULL);
    assert_int_equal(setsockopt(peer.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(peer.server);
    peer.server = -1;
    peer_command(&peer, "lost", NULL);
    peer_await(&peer, "closed");
    peer_expect_log(&peer, "unread ! CLOSED\nlost ! CLOSED\nclosed CLOSED\n");
    peer_stop(&peer);
}

static void test_commands_never_sent_are_told_so_at_the_end(void **state)
{
    struct peer peer = {0};
    char name[16];

    (void)state;
    peer_open(&peer);
    for (int i = 2; i <= 11; i++) {
        snprintf(name, sizeof name, "c%d", i);
        peer_command(&peer, name, NULL);
    }
    peer_pump(&peer);
    peer_hang_up(&peer);
    peer_expect_log(&peer, "c2 ! CLOSED\nc3 ! CLOSED\nc4 ! CLOSED\nc5 ! CLOSED\nc6 ! CLOSED\n"
                           "c7 ! CLOSED\nc8 ! CLOSED\nc9 ! CLOSED\nc10 ! CLOSED\nc11 ! CLOSED\n"
                           "closed CLOSED\n");
    peer_expect_invalid(&peer, "stop", NULL);
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_of_events),
        cmocka_unit_test(test_a_large_reply),
        cmocka_unit_test(test_a_message_without_end_is_cut_off),
        cmocka_unit_test(test_a_large_command_to_a_slow_reader),
        cmocka_unit_test(test_an_unwritten_command_can_time_out_and_is_still_written_whole),
        cmocka_unit_test(test_a_server_that_reads_no_more),
        cmocka_unit_test(test_a_reply_is_read_although_writing_fails),
        cmocka_unit_test(test_a_server_that_left_unnoticed),
        cmocka_unit_test(test_a_tcp_server_that_left_unnoticed),
        cmocka_unit_test(test_commands_never_sent_are_told_so_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
