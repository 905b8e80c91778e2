/*
 * What a server may do to a client: each scenario is what the server says, after how many commands,
 * and what the client's callbacks must have been told. Every scenario is played with the stream
 * whole, cut at every byte position, and byte by byte: the outcome must not depend on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/peer.h"

/* A text with its length, since some hold NULs. */
#define SAY(after, text)                                                                           \
    {                                                                                              \
        after, text, sizeof(text) - 1                                                              \
    }
/* The script up to the reply of the negotiation. */
#define OPEN        SAY(0, PEER_GREETING), SAY(1, PEER_NEGOTIATED)
#define CHUNK_LIMIT ((size_t)6)

enum finish { STAY, EOF_AT_END, RESET_AT_END };

struct turn {
    size_t after; /* commands that the client must have sent before */
    const char *text;
    size_t length;
};

struct scenario {
    const char *name;
    unsigned commands; /* that the client sends when ready */
    enum finish finish;
    struct turn turns[CHUNK_LIMIT];
    const char *log;
    uint64_t dropped;
    size_t max_message;
};

static const struct scenario scenarios[] = {
    /* ---- all is well ---- */
    {"a command is answered",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": {\"a\": [1, 2.5, null, true]}, \"id\": 2}\r\n")},
     "ready\nquery-1 = {\"a\":[1,2.5,null,true]}\n",
     0,
     0},
    {"messages end with LF alone",
     1,
     STAY,
     {SAY(0, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n"),
      SAY(1, "{\"return\": {}, \"id\": 1}\n"), SAY(2, "{\"return\": {}, \"id\": 2}\n")},
     "ready\nquery-1 = {}\n",
     0,
     0},
    {"messages end with nothing",
     1,
     STAY,
     {SAY(0, "{\"QMP\": {}}"), SAY(1, "{\"return\": {}, \"id\": 1}"),
      SAY(2, "{\"return\": {}, \"id\": 2}")},
     "ready\nquery-1 = {}\n",
     0,
     0},
    {"blank lines and blanks between messages",
     1,
     STAY,
     {SAY(0, "\r\n\n \t\n" PEER_GREETING "\n\n"), SAY(1, " \t" PEER_NEGOTIATED "\r\n\r\n"),
      SAY(2, "\n\n\t{\"return\": {}, \"id\": 2}\n")},
     "ready\nquery-1 = {}\n",
     0,
     0},
    {"pretty-printed messages",
     1,
     STAY,
     {SAY(0, "{\r\n    \"QMP\": {\r\n        \"version\": {\r\n            \"qemu\": {\r\n  "
             "\"micro\": 0,\r\n \"minor\": 2,\r\n \"major\": 5\r\n}\r\n},\r\n\"capabilities\": "
             "[\r\n]\r\n}\r\n}\r\n"),
      SAY(1, "{\r\n    \"return\": {\r\n    },\r\n    \"id\": 1\r\n}\r\n"),
      SAY(2, "{\r\n  \"return\": [\r\n\"}\",\r\n\"{\\\"\"\r\n],\r\n\"id\": 2\r\n}\r\n")},
     "ready\nquery-1 = [\"}\",\"{\\\"\"]\n",
     0,
     0},
    {"many messages at once",
     3,
     STAY,
     {OPEN, SAY(4, "{\"return\": 1, \"id\": 2}{\"event\": \"A\"}{\"return\": 2, \"id\": 3}\r\n"
                   "{\"event\": \"B\", \"data\": {\"x\": 1}}{\"return\": 3, \"id\": 4}")},
     "ready\nquery-1 = 1\nevent A {} -1\nquery-2 = 2\nevent B {\"x\":1} -1\nquery-3 = 3\n",
     0,
     0},
    {"replies out of order find their commands",
     3,
     STAY,
     {OPEN,
      SAY(4, "{\"return\": 3, \"id\": 4}{\"return\": 1, \"id\": 2}{\"return\": 2, \"id\": 3}")},
     "ready\nquery-3 = 3\nquery-1 = 1\nquery-2 = 2\n",
     0,
     0},
    {"a reply may be any value",
     5,
     STAY,
     {OPEN, SAY(6, "{\"return\": null, \"id\": 2}{\"return\": false, \"id\": 3}"
                   "{\"return\": \"\", \"id\": 4}{\"return\": [], \"id\": 5}"
                   "{\"return\": -0.5, \"id\": 6}")},
     "ready\nquery-1 = null\nquery-2 = false\nquery-3 = \"\"\nquery-4 = []\nquery-5 = -0.5\n",
     0,
     0},
    {"escapes, quotes and braces in strings",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": \"\\\\\\\"}{][\\u007d\\\\\", \"id\": 2}")},
     "ready\nquery-1 = \"\\\\\\\"}{][}\\\\\"\n",
     0,
     0},

    /* ---- the greeting ---- */
    {"a greeting without package",
     0,
     STAY,
     {SAY(0, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}}, "
             "\"capabilities\": []}}\r\n"),
      SAY(1, PEER_NEGOTIATED)},
     "ready\n",
     0,
     0},
    {"a greeting with capabilities of the future",
     0,
     STAY,
     {SAY(0, "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 99}}, \"capabilities\": [\"warp\", 7, "
             "null, {\"a\": []}], \"more\": {}}}\r\n"),
      SAY(1, PEER_NEGOTIATED)},
     "ready\n",
     0,
     0},
    {"a greeting of nonsense",
     0,
     STAY,
     {SAY(0, "{\"QMP\": {\"version\": [], \"capabilities\": {\"oob\": 1}, \"package\": 7}}\r\n"),
      SAY(1, PEER_NEGOTIATED)},
     "ready\n",
     0,
     0},
    {"what is no greeting comes first",
     0,
     STAY,
     {SAY(0, "{\"QMP\": null}{\"QMP\": []}{\"hello\": 1}[]" PEER_GREETING),
      SAY(1, PEER_NEGOTIATED)},
     "ready\n",
     4,
     0},
    {"an event before the greeting",
     0,
     STAY,
     {SAY(0, "{\"event\": \"EARLY\", \"data\": {}, \"timestamp\": {\"seconds\": 5, "
             "\"microseconds\": 6}}\r\n" PEER_GREETING),
      SAY(1, PEER_NEGOTIATED)},
     "event EARLY {} 5\nready\n",
     0,
     0},
    {"a reply before the greeting",
     0,
     STAY,
     {SAY(0, "{\"return\": {}, \"id\": 1}\r\n" PEER_GREETING), SAY(1, PEER_NEGOTIATED)},
     "ready\n",
     1,
     0},
    {"two greetings",
     0,
     STAY,
     {SAY(0, PEER_GREETING), SAY(1, PEER_GREETING PEER_NEGOTIATED PEER_GREETING)},
     "ready\n",
     2,
     0},
    {"an event during negotiation",
     0,
     STAY,
     {SAY(0, PEER_GREETING), SAY(1, "{\"event\": \"STOP\"}\r\n" PEER_NEGOTIATED)},
     "event STOP {} -1\nready\n",
     0,
     0},
    {"negotiation is refused",
     0,
     STAY,
     {SAY(0, PEER_GREETING),
      SAY(1, "{\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\r\n")},
     "unready COMMAND negotiation\n",
     0,
     0},
    {"negotiation is answered twice",
     1,
     STAY,
     {SAY(0, PEER_GREETING), SAY(1, PEER_NEGOTIATED PEER_NEGOTIATED),
      SAY(2, "{\"return\": {}, \"id\": 2}")},
     "ready\nquery-1 = {}\n",
     1,
     0},
    {"an error without id instead of a greeting",
     0,
     STAY,
     {SAY(0, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"busy\"}}\r\n")},
     "unready PROTOCOL greeting\n",
     0,
     0},

    /* ---- the end, at every point ---- */
    {"EOF before the greeting", 0, EOF_AT_END, {SAY(0, "")}, "unready CLOSED greeting\n", 0, 0},
    {"EOF inside the greeting",
     0,
     EOF_AT_END,
     {SAY(0, "{\"QMP\": {\"version\":")},
     "unready CLOSED greeting\n",
     0,
     0},
    {"EOF during negotiation",
     0,
     EOF_AT_END,
     {SAY(0, PEER_GREETING)},
     "unready CLOSED negotiation\n",
     0,
     0},
    {"EOF inside the reply of the negotiation",
     0,
     EOF_AT_END,
     {SAY(0, PEER_GREETING), SAY(1, "{\"return\": {}, \"i")},
     "unready CLOSED negotiation\n",
     0,
     0},
    {"EOF when idle", 0, EOF_AT_END, {OPEN}, "ready\nclosed CLOSED\n", 0, 0},
    {"EOF instead of a reply",
     2,
     EOF_AT_END,
     {OPEN, SAY(3, "")},
     "ready\nquery-1 ! CLOSED\nquery-2 ! CLOSED\nclosed CLOSED\n",
     0,
     0},
    {"EOF inside a reply",
     1,
     EOF_AT_END,
     {OPEN, SAY(2, "{\"return\": {\"a\": \"b")},
     "ready\nquery-1 ! CLOSED\nclosed CLOSED\n",
     0,
     0},
    {"the reply of quit, then EOF",
     1,
     EOF_AT_END,
     {OPEN, SAY(2, "{\"return\": {}, \"id\": 2}\r\n{\"event\": \"SHUTDOWN\"}\r\n")},
     "ready\nquery-1 = {}\nevent SHUTDOWN {} -1\nclosed CLOSED\n",
     0,
     0},
    {"the last reply has no line end before EOF",
     1,
     EOF_AT_END,
     {OPEN, SAY(2, "{\"return\": {}, \"id\": 2}")},
     "ready\nquery-1 = {}\nclosed CLOSED\n",
     0,
     0},
    {"a bare word before EOF",
     0,
     EOF_AT_END,
     {OPEN, SAY(1, "null")},
     "ready\nclosed CLOSED\n",
     1,
     0},
    {"half a bare word before EOF",
     0,
     EOF_AT_END,
     {OPEN, SAY(1, "nul")},
     "ready\nclosed PROTOCOL\n",
     0,
     0},
    {"reset during negotiation",
     0,
     RESET_AT_END,
     {SAY(0, PEER_GREETING)},
     "unready CLOSED negotiation\n",
     0,
     0},
    {"reset with commands in flight",
     2,
     RESET_AT_END,
     {OPEN},
     "ready\nquery-1 ! CLOSED\nquery-2 ! CLOSED\nclosed CLOSED\n",
     0,
     0},

    /* ---- garbage, at every point ---- */
    {"the greeting of another protocol",
     0,
     STAY,
     {SAY(0, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")},
     "unready PROTOCOL greeting\n",
     0,
     0},
    {"an HTTP server",
     0,
     EOF_AT_END,
     {SAY(0, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")},
     "unready PROTOCOL greeting\n",
     0,
     0},
    {"NULs instead of a greeting",
     0,
     EOF_AT_END,
     {SAY(0, "\0\0\0\0")},
     "unready PROTOCOL greeting\n",
     0,
     0},
    {"garbage during negotiation",
     0,
     STAY,
     {SAY(0, PEER_GREETING), SAY(1, "\xff\xfe{garbage}\r\n")},
     "unready PROTOCOL negotiation\n",
     0,
     0},
    {"garbage instead of a reply",
     2,
     STAY,
     {OPEN, SAY(3, "{\"return\": oops, \"id\": 2}")},
     "ready\nquery-1 ! PROTOCOL\nquery-2 ! PROTOCOL\nclosed PROTOCOL\n",
     0,
     0},
    {"garbage when idle", 0, STAY, {OPEN, SAY(1, "%$# \n")}, "ready\nclosed PROTOCOL\n", 0, 0},
    {"a closing brace too many", 0, STAY, {OPEN, SAY(1, "}\n")}, "ready\nclosed PROTOCOL\n", 0, 0},
    {"brackets that do not match",
     0,
     STAY,
     {OPEN, SAY(1, "{\"a\": [1}]\n")},
     "ready\nclosed PROTOCOL\n",
     0,
     0},
    {"what is no object is dropped",
     1,
     STAY,
     {OPEN, SAY(2, "null 1 -2.5 \"text\" [] [{}] true{}\n{\"return\": {}, \"id\": 2}\n")},
     "ready\nquery-1 = {}\n",
     8,
     0},
    {"invalid UTF-8",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": \"\xc3\x28\", \"id\": 2}")},
     "ready\nquery-1 ! PROTOCOL\nclosed PROTOCOL\n",
     0,
     0},
    {"overlong UTF-8",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": \"\xc0\xaf\", \"id\": 2}")},
     "ready\nquery-1 ! PROTOCOL\nclosed PROTOCOL\n",
     0,
     0},
    {"a lone surrogate",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": \"\\ud800\", \"id\": 2}")},
     "ready\nquery-1 ! PROTOCOL\nclosed PROTOCOL\n",
     0,
     0},
    {"a control character in a string",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": \"a\001b\", \"id\": 2}")},
     "ready\nquery-1 ! PROTOCOL\nclosed PROTOCOL\n",
     0,
     0},

    /* ---- replies that are none ---- */
    {"replies with unknown ids are dropped",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": 0, \"id\": 3}{\"return\": 0, \"id\": 0}{\"return\": 0, \"id\": -1}"
                   "{\"return\": 0, \"id\": 18446744073709551615}{\"return\": 0, \"id\": 2.0}"
                   "{\"return\": 0, \"id\": \"2\"}{\"return\": 0, \"id\": null}"
                   "{\"return\": 0, \"id\": {\"id\": 2}}{\"return\": 1, \"id\": 2}")},
     "ready\nquery-1 = 1\n",
     8,
     0},
    {"a reply without id is dropped",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": 0}{\"return\": 1, \"id\": 2}")},
     "ready\nquery-1 = 1\n",
     1,
     0},
    {"a second reply is not given to the next command",
     2,
     STAY,
     {OPEN,
      SAY(3, "{\"return\": 1, \"id\": 2}{\"return\": 0, \"id\": 2}{\"return\": 2, \"id\": 3}")},
     "ready\nquery-1 = 1\nquery-2 = 2\n",
     1,
     0},
    {"an error with an unknown id is dropped",
     1,
     STAY,
     {OPEN, SAY(2, "{\"error\": {\"class\": \"X\", \"desc\": \"y\"}, \"id\": \"other\"}"
                   "{\"return\": 1, \"id\": 2}")},
     "ready\nquery-1 = 1\n",
     1,
     0},
    {"neither return nor error",
     1,
     STAY,
     {OPEN, SAY(2, "{\"id\": 2}{\"id\": 2, \"result\": {}}{}{\"return\": 1, \"id\": 2}")},
     "ready\nquery-1 = 1\n",
     3,
     0},
    {"a member twice: the last one counts",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": 1, \"id\": 9, \"return\": 2, \"id\": 2}")},
     "ready\nquery-1 = 2\n",
     0,
     0},
    {"a reply to a command that still waits is dropped",
     9,
     STAY,
     {OPEN, SAY(9, "{\"return\": 0, \"id\": 10}{\"return\": 1, \"id\": 2}"),
      SAY(10, "{\"return\": 9, \"id\": 10}")},
     "ready\nquery-1 = 1\nquery-9 = 9\n",
     1,
     0},

    /* ---- errors ---- */
    {"an error",
     1,
     STAY,
     {OPEN, SAY(2, "{\"id\": 2, \"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' "
                   "not found\"}}")},
     "ready\nquery-1 ! COMMAND DeviceNotFound: Device 'x' not found\n",
     0,
     0},
    {"malformed errors",
     6,
     STAY,
     {OPEN, SAY(7, "{\"id\": 2, \"error\": \"no\"}{\"id\": 3, \"error\": {}}"
                   "{\"id\": 4, \"error\": {\"class\": 5, \"desc\": []}}"
                   "{\"id\": 5, \"error\": {\"desc\": \"d\"}}{\"id\": 6, \"error\": null}"
                   "{\"id\": 7, \"error\": {\"class\": \"C\"}}")},
     "ready\nquery-1 ! COMMAND GenericError: an error without a description\n"
     "query-2 ! COMMAND GenericError: an error without a description\n"
     "query-3 ! COMMAND GenericError: an error without a description\n"
     "query-4 ! COMMAND GenericError: d\n"
     "query-5 ! COMMAND GenericError: an error without a description\n"
     "query-6 ! COMMAND C: an error without a description\n",
     0,
     0},
    {"an error text of several lines and with control characters",
     1,
     STAY,
     {OPEN, SAY(2, "{\"id\": 2, \"error\": {\"class\": \"A\\nB\", \"desc\": "
                   "\"x\\r\\n\\u001b[31m\\ty\\u007f\"}}")},
     "ready\nquery-1 ! COMMAND A B: x   [31m y \n",
     0,
     0},
    {"an error without id: what is in flight is unknown",
     2,
     STAY,
     {OPEN,
      SAY(3, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n")},
     "ready\nquery-1 ! PROTOCOL\nquery-2 ! PROTOCOL\nclosed PROTOCOL\n",
     0,
     0},
    {"an error without id when idle harms nothing",
     0,
     STAY,
     {OPEN,
      SAY(1, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n")},
     "ready\n",
     1,
     0},

    /* ---- events ---- */
    {"an event before the reply of the command that caused it",
     1,
     STAY,
     {OPEN, SAY(2, "{\"timestamp\": {\"seconds\": 1700000000, \"microseconds\": 1}, \"event\": "
                   "\"DEVICE_DELETED\", \"data\": {\"path\": \"/x\"}}{\"return\": {}, \"id\": 2}")},
     "ready\nevent DEVICE_DELETED {\"path\":\"/x\"} 1700000000\nquery-1 = {}\n",
     0,
     0},
    {"malformed events",
     0,
     STAY,
     {OPEN,
      SAY(1, "{\"event\": 5}{\"event\": null}{\"event\": \"A\", \"data\": []}{\"event\": \"B\", "
             "\"data\": null, \"timestamp\": 5}{\"event\": \"C\", \"timestamp\": {\"seconds\": "
             "\"x\"}}{\"event\": \"D\", \"timestamp\": {\"seconds\": -1}}")},
     "ready\nevent A {} -1\nevent B {} -1\nevent C {} -1\nevent D {} -1\n",
     2,
     0},

    /* ---- numbers and strings at their limits ---- */
    {"integers up to 2^64-1 are exact",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": [18446744073709551615, 9223372036854775808, 9223372036854775807, "
                   "-9223372036854775808, \"18446744073709551615\"], \"id\": 2}")},
     "ready\nquery-1 = [18446744073709551615,9223372036854775808,9223372036854775807,"
     "-9223372036854775808,\"18446744073709551615\"]\n",
     0,
     0},
    {"an integer beyond 2^64-1 is no JSON for us",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": 18446744073709551616, \"id\": 2}")},
     "ready\nquery-1 ! PROTOCOL\nclosed PROTOCOL\n",
     0,
     0},
    {"NULs in strings",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": \"a\\u0000b\", \"id\": 2}")},
     "ready\nquery-1 = \"a\\u0000b\"\n",
     0,
     0},
    {"a string that only looks like our form of a large integer",
     1,
     STAY,
     {OPEN, SAY(2, "{\"return\": [\"\\u0000u64:1,\\\"x\\\"\", \"\\u0000u64:5\"], \"id\": 2}")},
     "ready\nquery-1 = [\"\\u0000u64:1,\\\"x\\\"\",\"\\u0000u64:5\"]\n",
     0,
     0},

    /* ---- sizes ---- */
    {"a message beyond the bound",
     1,
     STAY,
     {OPEN,
      SAY(2, "{\"return\": \"0123456789012345678901234567890123456789012345678901234567890123"
             "45678901234567890123456789012345678901234567890123456789012345678901234567890\"")},
     "ready\nquery-1 ! TOO_BIG\nclosed TOO_BIG\n",
     0,
     150},
    {"a string without end beyond the bound",
     0,
     STAY,
     {OPEN,
      SAY(1, "\"01234567890123456789012345678901234567890123456789012345678901234567890123456"
             "789012345678901234567890123456789012345678901234567890123456789012345678901234")},
     "ready\nclosed TOO_BIG\n",
     0,
     150},
    {"a bare word beyond the bound",
     0,
     STAY,
     {OPEN,
      SAY(1, "0123456789012345678901234567890123456789012345678901234567890123456789012345678"
             "901234567890123456789012345678901234567890123456789012345678901234567890123456")},
     "ready\nclosed TOO_BIG\n",
     0,
     150},
    {"a message as long as the bound",
     0,
     STAY,
     {OPEN,
      SAY(1, "{\"event\": \"A\", \"data\": {\"x\": \"012345678901234567890123456789012345678901"
             "2345678901234567890123456789012345678901234567890123456789012345678901234\"}}")},
     "ready\nevent A {\"x\":\"012345678901234567890123456789012345678901"
     "2345678901234567890123456789012345678901234567890123456789012345678901234\"} -1\n",
     0,
     150},
};

#define SCENARIOS (sizeof scenarios / sizeof scenarios[0])

static size_t stream_length(const struct scenario *scenario)
{
    size_t length = 0;

    for (size_t i = 0; i < CHUNK_LIMIT; i++)
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

static void play(const struct scenario *scenario, size_t cut, bool bytes)
{
    const struct qmp_client_options options = {.max_message = scenario->max_message};
    struct peer peer = {.send_when_ready = scenario->commands,
                        .command_timeout = 60000,
                        .peeks = scenario->finish == RESET_AT_END};
    size_t start = 0;

    peer_start(&peer, &options, 60000);
    for (size_t i = 0; i < CHUNK_LIMIT && scenario->turns[i].text; i++) {
        const struct turn *turn = &scenario->turns[i];

        assert_int_equal(peer.commands, turn->after);
        say_cut(&peer, turn, start, cut, bytes);
        start += turn->length;
    }
    if (scenario->finish != STAY)
        peer_hang_up(&peer);
    if (strncmp(peer.log, scenario->log, strlen(scenario->log)) != 0)
        print_error("cut at %zu%s\n", cut, bytes ? ", byte by byte" : "");
    /* What still waits is canceled when the client goes; that is not the server's doing. */
    peer_expect_log(&peer, scenario->log);
    assert_int_equal(qmp_client_dropped(peer.client), scenario->dropped);
    peer_stop(&peer);
}

static void test_scenario(void **state)
{
    const struct scenario *scenario = *state;
    size_t length = stream_length(scenario);

    for (size_t cut = 0; cut <= length; cut++)
        play(scenario, cut, false);
    play(scenario, 0, true);
}

int main(void)
{
    static struct CMUnitTest tests[SCENARIOS];

    for (size_t i = 0; i < SCENARIOS; i++)
        tests[i] = (struct CMUnitTest){.name = scenarios[i].name,
                                       .test_func = test_scenario,
                                       .initial_state = (void *)(uintptr_t)&scenarios[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
