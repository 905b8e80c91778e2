/* The default bound on a message: 64 MiB are taken, a byte more is not, and memory stays bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "support/peer.h"

#define BOUND ((size_t)64 << 20)
/* What a message of that size may cost. The address sanitizer keeps for a while what was freed. */
#ifdef __SANITIZE_ADDRESS__
#define COST (8 * BOUND)
#else
#define COST (BOUND + BOUND / 8)
#endif

/* The most memory that this process had so far, in bytes. */
static size_t peak(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss * 1024;
}

/* Says a string of this many bytes in all, in the place of a reply. */
static void say_string(struct peer *peer, size_t length)
{
    static char block[16384];

    memset(block, 'x', sizeof block);
    peer_say_text(peer, "\"");
    for (size_t left = length - 2, now; left > 0; left -= now) {
        now = left < sizeof block ? left : sizeof block;
        peer_say(peer, block, now);
    }
    peer_say_text(peer, "\"");
}

static void ask(struct peer *peer)
{
    peer_open(peer);
    peer_command(peer, "query", NULL);
    peer_pump(peer);
}

static void test_a_byte_more_than_the_bound_is_refused(void **state)
{
    struct peer peer = {0};
    size_t before;

    (void)state;
    ask(&peer);
    before = peak();
    say_string(&peer, BOUND + 1);
    peer_expect_log(&peer, "query ! TOO_BIG\nclosed TOO_BIG\n");
    assert_true(peak() - before < COST);
    peer_stop(&peer);
}

/* It is no message of QMP, but it is one text, and what comes after it is understood. */
static void test_the_bound_itself_is_taken(void **state)
{
    struct peer peer = {0};

    (void)state;
    ask(&peer);
    say_string(&peer, BOUND);
    assert_int_equal(qmp_client_dropped(peer.client), 1);
    peer_say_text(&peer, "{\"return\": {}, \"id\": 2}\r\n");
    peer_expect_log(&peer, "query = {}\n");
    peer_stop(&peer);
}

/* What never ends is cut off as well, and long before memory is. */
static void test_what_never_ends_is_cut_off(void **state)
{
    struct peer peer = {0};
    char block[16384];
    size_t said = 0;

    (void)state;
    memset(block, '[', sizeof block);
    ask(&peer);
    for (; !*peer.log && said < 2 * BOUND; said += sizeof block)
        peer_say(&peer, block, sizeof block);
    peer_expect_log(&peer, "query ! TOO_BIG\nclosed TOO_BIG\n");
    assert_true(said <= BOUND + 2 * sizeof block);
    peer_stop(&peer);
}

/* Within the bound, and in memory a hundred times as long. */
static void test_more_values_than_anybody_says_are_refused(void **state)
{
    struct peer peer = {0};
    char block[3 * 4096];
    size_t before;

    (void)state;
    for (size_t i = 0; i < sizeof block; i += 3)
        memcpy(block + i, "{},", 3);
    ask(&peer);
    before = peak();
    peer_say_text(&peer, "{\"id\": 2, \"return\": [");
    for (size_t said = 0; said < BOUND - 2 * sizeof block; said += sizeof block)
        peer_say(&peer, block, sizeof block);
    peer_expect_log(&peer, "");
    peer_say_text(&peer, "{}]}");
    peer_expect_log(&peer, "query ! TOO_BIG\nclosed TOO_BIG\n");
    assert_true(peak() - before < COST);
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_byte_more_than_the_bound_is_refused),
        cmocka_unit_test(test_the_bound_itself_is_taken),
        cmocka_unit_test(test_what_never_ends_is_cut_off),
        cmocka_unit_test(test_more_values_than_anybody_says_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
