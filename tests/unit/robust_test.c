/*
 * Every scenario of the table is played with the stream whole, cut at every byte position, and byte
 * by byte: the outcome must not depend on it. Then again for each callback that the client makes,
 * and in that one the client is destroyed.
 */
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/peer.h"
#include "support/scenarios.h"

#define SHORT_MS   5
#define PATIENT_MS 60000

static size_t stream_length(const struct scenario *scenario)
{
    size_t length = 0;

    for (size_t i = 0; i < TURN_LIMIT; i++)
        length += scenario->turns[i].length;
    return length;
}

/* Says the text in pieces: cut once at an offset of the whole stream, or after every byte. */
static void say_cut(struct peer *peer, const struct turn *turn, size_t start, size_t cut,
                    bool bytes)
{
    size_t first = cut > start && cut < start + turn->length ? cut - start : turn->length;

    if (bytes) {
        for (size_t i = 0; i < turn->length; i++)
            peer_say(peer, turn->text + i, 1);
        return;
    }
    peer_say(peer, turn->text, first);
    peer_say(peer, turn->text + first, turn->length - first);
}

static void start(struct peer *peer, const struct scenario *scenario)
{
    const struct qmp_client_options options = {.max_message = scenario->max_message};

    *peer = (struct peer){.send_when_ready = scenario->commands,
                          .command_timeout = scenario->finish == LATE ? SHORT_MS : PATIENT_MS,
                          .peeks = scenario->finish == RESET_AT_END,
                          .doom_countdown = peer->doom_countdown};
    peer_start(peer, &options, scenario->finish == SILENCE_AT_END ? SHORT_MS : PATIENT_MS);
}

/* All that the server does. A client that is destroyed on the way waits for nothing more. */
static void serve(struct peer *peer, const struct scenario *scenario, size_t cut, bool bytes)
{
    size_t offset = 0;

    for (size_t i = 0; i < TURN_LIMIT && scenario->turns[i].text; i++) {
        const struct turn *turn = &scenario->turns[i];
        bool is_last = i + 1 == TURN_LIMIT || !scenario->turns[i + 1].text;

        if (scenario->finish == LATE && is_last && peer->client)
            peer_await(peer, "TIMEOUT");
        if (peer->client)
            assert_int_equal(peer->commands, turn->after);
        say_cut(peer, turn, offset, cut, bytes);
        offset += turn->length;
    }
    if (scenario->finish == SILENCE_AT_END && peer->client)
        peer_await(peer, "unready");
    else if (scenario->finish == EOF_AT_END || scenario->finish == RESET_AT_END)
        peer_hang_up(peer);
}

static void play(const struct scenario *scenario, size_t cut, bool bytes)
{
    struct peer peer = {0};

    start(&peer, scenario);
    serve(&peer, scenario, cut, bytes);
    if (strncmp(peer.log, scenario->log, strlen(scenario->log)) != 0)
        print_error("cut at %zu%s\n", cut, bytes ? ", byte by byte" : "");
    /* What still waits is canceled when the client goes; that is not the server's doing. */
    peer_expect_log(&peer, scenario->log);
    assert_int_equal(qmp_client_dropped(peer.client), scenario->dropped);
    peer_stop(&peer);
}

static void test_cuts(void **state)
{
    const struct scenario *scenario = *state;
    size_t length = stream_length(scenario);

    for (size_t cut = 0; cut <= length; cut++)
        play(scenario, cut, false);
    play(scenario, 0, true);
}

/* ---- destroyed inside any callback ---- */

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (; (text = strstr(text, part)); text++)
        count++;
    return count;
}

/*
 * What was told before is the beginning of what is told otherwise; after it there is only that
 * commands are canceled. Each command that was sent is told once.
 */
static void check_doomed(const struct peer *peer, const struct scenario *scenario)
{
    unsigned sent = strstr(peer->log, "ready\n") ? scenario->commands : 0;
    const char *told = peer->log, *expected = scenario->log;
    char name[32];

    for (size_t line; *told; told += line, expected += line) {
        line = strcspn(told, "\n") + 1;
        if (strncmp(told, expected, line) != 0)
            break;
    }
    assert_int_equal(count_of(told, "\n"), count_of(told, " ! CANCELED\n"));
    assert_int_equal(count_of(peer->log, "query-"), sent);
    for (unsigned i = 1; i <= sent; i++) {
        snprintf(name, sizeof name, "query-%u ", i);
        assert_int_equal(count_of(peer->log, name), 1);
    }
}

/* True: there was a callback of this number. */
static bool play_doomed(const struct scenario *scenario, unsigned callback, bool bytes)
{
    struct peer peer = {.doom_countdown = callback};
    bool met;

    start(&peer, scenario);
    serve(&peer, scenario, 0, bytes);
    peer_pump(&peer);
    met = peer.client == NULL;
    if (met)
        check_doomed(&peer, scenario);
    peer_stop(&peer);
    return met;
}

static void test_destroyed_in_each_callback(void **state)
{
    unsigned callbacks = 0;

    (void)state;
    for (size_t i = 0; i < scenario_count; i++) {
        for (unsigned n = 1; play_doomed(&scenarios[i], n, false); n++) {
            play_doomed(&scenarios[i], n, true);
            callbacks++;
        }
    }
    assert_true(callbacks > 2 * scenario_count);
}

/* ---- a whole conversation, disturbed at every byte ---- */

#define MESSAGES 3

static const char *const conversation[MESSAGES] = {PEER_GREETING, PEER_NEGOTIATED,
                                                   "{\"return\": {}, \"id\": 2}\r\n"};

static size_t conversation_length(void)
{
    size_t length = 0;

    for (size_t i = 0; i < MESSAGES; i++)
        length += strlen(conversation[i]);
    return length;
}

/* What the client must have been told of a failure at this offset: a message counts as soon as its
 * brace is there, before its line end. */
static const char *expected_at(size_t offset, const char *code)
{
    static char text[128];
    size_t heard = 0, start = 0;

    while (heard < MESSAGES && offset >= start + strlen(conversation[heard]) - 2)
        start += strlen(conversation[heard++]);
    if (heard == 2)
        snprintf(text, sizeof text, "ready\nquery-1 ! %s\nclosed %s\n", code, code);
    else
        snprintf(text, sizeof text,
                 heard == 0   ? "unready %s greeting\n"
                 : heard == 1 ? "unready %s negotiation\n"
                              : "ready\nquery-1 = {}\nclosed %s\n",
                 code);
    return text;
}

/* Says the conversation up to this offset. */
static void say_until(struct peer *peer, size_t offset)
{
    for (size_t i = 0; i < MESSAGES && offset > 0; i++) {
        size_t length = strlen(conversation[i]);

        length = length < offset ? length : offset;
        peer_say(peer, conversation[i], length);
        offset -= length;
    }
}

static void disturb(size_t offset, const char *bytes, bool reset, const char *code)
{
    struct peer peer = {.send_when_ready = 1, .command_timeout = 60000, .peeks = reset};

    peer_start(&peer, NULL, 60000);
    say_until(&peer, offset);
    if (*bytes)
        peer_say_text(&peer, bytes);
    peer_hang_up(&peer);
    peer_expect_log(&peer, expected_at(offset, code));
    peer_stop(&peer);
}

static void test_eof_at_every_byte(void **state)
{
    (void)state;
    for (size_t offset = 0; offset <= conversation_length(); offset++)
        disturb(offset, "", false, "CLOSED");
}

static void test_reset_at_every_byte(void **state)
{
    (void)state;
    for (size_t offset = 0; offset <= conversation_length(); offset++)
        disturb(offset, "", true, "CLOSED");
}

/* What follows closes any string and all braces, so that the garbage is a text or in one. */
static void test_garbage_at_every_byte(void **state)
{
    (void)state;
    for (size_t offset = 0; offset <= conversation_length(); offset++) {
        disturb(offset, "\xff\"}]}]}]}\n\"}}}}\n", false, "PROTOCOL");
        disturb(offset, "\xff\"}]}]}]}\n\"}}}}\n", true, "PROTOCOL");
    }
}

/* Silence costs the time of the deadline: many conversations fall silent at once. */
#define BATCH      128
#define SILENCE_MS 1000

static void fall_silent(struct event_base *base, struct peer *peer, size_t offset)
{
    *peer = (struct peer){
        .base = base, .shares_base = true, .send_when_ready = 1, .command_timeout = SILENCE_MS};
    peer_start(peer, NULL, SILENCE_MS);
    say_until(peer, offset);
}

static void expect_silence(struct peer *peer, size_t offset)
{
    size_t greeting = strlen(PEER_GREETING) - 2, ready = greeting + strlen(PEER_NEGOTIATED);
    const char *expected = offset < greeting                    ? "unready BUSY greeting\n"
                           : offset < ready                     ? "unready TIMEOUT negotiation\n"
                           : offset < conversation_length() - 2 ? "ready\nquery-1 ! TIMEOUT\n"
                                                                : "ready\nquery-1 = {}\n";

    peer_await(peer, expected);
    peer_expect_log(peer, expected);
    peer_stop(peer);
}

static void test_silence_at_every_byte(void **state)
{
    static struct peer peers[BATCH];

    (void)state;
    for (size_t first = 0; first <= conversation_length(); first += BATCH) {
        size_t end = first + BATCH;
        struct event_base *base = event_base_new();

        if (end > conversation_length() + 1)
            end = conversation_length() + 1;
        for (size_t offset = first; offset < end; offset++)
            fall_silent(base, &peers[offset - first], offset);
        for (size_t offset = first; offset < end; offset++)
            expect_silence(&peers[offset - first], offset);
        event_base_free(base);
    }
}

/* ---- streams too long to be cut everywhere: cut at every position of a message ---- */

/* None shares a divisor with the length of what repeats: cuts come at every byte of it. */
static const size_t pieces[] = {61, 4093, SIZE_MAX};

static void say_in_pieces(struct peer *peer, const char *bytes, size_t length, size_t piece)
{
    for (size_t at = 0; at < length; at += piece) {
        peer_say(peer, bytes + at, length - at < piece ? length - at : piece);
        if (length - at <= piece)
            break;
    }
}

static void open_with(struct peer *peer, unsigned commands)
{
    *peer = (struct peer){.send_when_ready = commands, .command_timeout = PATIENT_MS};
    peer_start(peer, NULL, PATIENT_MS);
    peer_say_text(peer, PEER_GREETING);
    peer_say_text(peer, PEER_NEGOTIATED);
    peer_expect_log(peer, "ready\n");
}

#define EVENTS       20000
#define EVENT_LENGTH 40

static void test_a_burst_of_events(void **state)
{
    size_t length = 0, logged = 0;
    char *burst = malloc(EVENTS * EVENT_LENGTH + 64), *log = malloc(EVENTS * 32 + 64);
    struct peer peer;

    (void)state;
    for (int n = 0; n < EVENTS; n++) {
        length += (size_t)sprintf(burst + length, "{\"event\": \"E\", \"data\": {\"n\": %d}}  \r\n",
                                  10000 + n);
        logged += (size_t)sprintf(log + logged, "event E {\"n\":%d} -1\n", 10000 + n);
    }
    assert_int_equal(length, EVENTS * EVENT_LENGTH);
    length += (size_t)sprintf(burst + length, "{\"return\": {}, \"id\": 2}");
    sprintf(log + logged, "query-1 = {}\n");
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        open_with(&peer, 1);
        say_in_pieces(&peer, burst, length, pieces[i]);
        peer_expect_log(&peer, log);
        assert_int_equal(qmp_client_dropped(peer.client), 0);
        peer_stop(&peer);
    }
    free(burst);
    free(log);
}

/* 200 KiB: an array of numbers, some of them beyond jansson's. */
static void test_a_large_reply(void **state)
{
    static const char number[] = "18446744073709551615,";
    const size_t count = 200 * 1024 / (sizeof number - 1) + 1;
    char *text = malloc(count * sizeof number + 64), *log = malloc(count * sizeof number + 64);
    size_t length = (size_t)sprintf(text, "{\"return\": ["), logged;
    struct peer peer;

    (void)state;
    logged = (size_t)sprintf(log, "query-1 = [");
    for (size_t i = 0; i < count; i++) {
        memcpy(text + length, number, sizeof number);
        memcpy(log + logged, number, sizeof number);
        length += sizeof number - 1;
        logged += sizeof number - 1;
    }
    length += (size_t)sprintf(text + length, "0], \"id\": 2}");
    sprintf(log + logged, "0]\n");
    assert_true(length > 200 * 1024);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        open_with(&peer, 1);
        say_in_pieces(&peer, text, length, pieces[i]);
        peer_expect_log(&peer, log);
        peer_stop(&peer);
    }
    free(text);
    free(log);
}

static size_t cut_positions(void)
{
    size_t count = 0;

    for (size_t i = 0; i < scenario_count; i++)
        count += stream_length(&scenarios[i]) + 1;
    return count;
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(test_destroyed_in_each_callback),
        cmocka_unit_test(test_eof_at_every_byte),
        cmocka_unit_test(test_reset_at_every_byte),
        cmocka_unit_test(test_garbage_at_every_byte),
        cmocka_unit_test(test_silence_at_every_byte),
        cmocka_unit_test(test_a_burst_of_events),
        cmocka_unit_test(test_a_large_reply),
    };
    struct CMUnitTest *cuts = calloc(scenario_count, sizeof *cuts);
    int failed;

    for (size_t i = 0; i < scenario_count; i++)
        cuts[i] = (struct CMUnitTest){.name = scenarios[i].name,
                                      .test_func = test_cuts,
                                      .initial_state = (void *)(uintptr_t)&scenarios[i]};
    fprintf(stderr, "%zu scenarios, cut at %zu positions\n", scenario_count, cut_positions());
    failed = _cmocka_run_group_tests("scenarios", cuts, scenario_count, NULL, NULL);
    free(cuts);
    return failed + cmocka_run_group_tests(others, NULL, NULL);
}
