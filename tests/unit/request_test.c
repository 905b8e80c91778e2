/* The order of requests, their places in flight and their deadlines, with the time as an argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "request.h"

static void add(struct request_queue *queue, int64_t id, int64_t timeout, bool oob, int64_t now)
{
    struct request *request = calloc(1, sizeof *request);

    assert_non_null(request);
    request->id = id;
    request->timeout_ms = timeout;
    request->oob = oob;
    request->bytes = strdup("x\n");
    request->length = 2;
    request_queue_add(queue, request, now);
}

/* Launches and writes all that may fly; how many. */
static int launch(struct request_queue *queue, int64_t now)
{
    int count = 0;

    while (request_queue_launch(queue, now)) {
        request_queue_written(queue);
        count++;
    }
    return count;
}

/* The next that is due must be this one. */
static void expect_due(struct request_queue *queue, int64_t now, int64_t id, bool waiting)
{
    bool taken;
    struct request *request = request_queue_expire(queue, now, &taken);

    assert_non_null(request);
    assert_int_equal(request->id, id);
    assert_int_equal(taken, waiting);
    if (taken)
        request_free(request);
}

static void expect_none_due(struct request_queue *queue, int64_t now)
{
    bool taken;

    assert_null(request_queue_expire(queue, now, &taken));
    assert_false(taken);
}

static void drain(struct request_queue *queue)
{
    struct request *request;
    bool was_flying;

    while ((request = request_queue_take_first(queue, &was_flying)))
        request_free(request);
    request_free(NULL);
}

static void test_eight_fly_and_the_urgent_overtake(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    for (int i = 1; i <= 9; i++)
        add(&queue, i, 0, false, 0);
    assert_int_equal(launch(&queue, 0), REQUEST_IN_BAND_LIMIT);
    add(&queue, 10, 0, true, 0);
    add(&queue, 11, 0, true, 0);
    assert_int_equal(queue.waiting.first->id, 10);
    assert_int_equal(queue.waiting.first->next->id, 11);
    assert_int_equal(launch(&queue, 0), 2);
    assert_int_equal(queue.waiting.first->id, 9);
    assert_int_equal(queue.pending, 11);
    request_free(request_queue_take(&queue, 10));
    assert_int_equal(launch(&queue, 0), 0);
    request_free(request_queue_take(&queue, 4));
    assert_int_equal(launch(&queue, 0), 1);
    assert_null(request_queue_take(&queue, 4));
    assert_int_equal(queue.pending, 9);
    drain(&queue);
    assert_int_equal(queue.pending, 0);
}

static void test_the_earliest_deadline_counts(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    assert_int_equal(request_queue_deadline(&queue), 0);
    add(&queue, 1, 0, false, 0);
    add(&queue, 2, 300, false, 0);
    add(&queue, 3, 100, false, 0);
    add(&queue, 4, 200, true, 0);
    assert_int_equal(request_queue_deadline(&queue), 0); /* nothing has been written yet */
    launch(&queue, 1000);
    assert_int_equal(request_queue_deadline(&queue), 1100);
    expect_none_due(&queue, 1099);
    expect_due(&queue, 1100, 3, false);
    expect_none_due(&queue, 1100);
    assert_int_equal(request_queue_deadline(&queue), 1200);
    expect_due(&queue, 5000, 4, false);
    expect_due(&queue, 5000, 2, false);
    assert_int_equal(request_queue_deadline(&queue), 0);
    assert_int_equal(queue.pending, 1);
    drain(&queue);
}

static void test_behind_a_stuck_server_time_begins_for_those_who_wait(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    for (int i = 1; i <= REQUEST_IN_BAND_LIMIT; i++)
        add(&queue, i, 10, false, 0);
    add(&queue, 20, 0, false, 0);
    add(&queue, 21, 100, false, 0);
    add(&queue, 22, 50, false, 0);
    launch(&queue, 0);
    for (int i = 1; i <= REQUEST_IN_BAND_LIMIT; i++)
        expect_due(&queue, 10, i, false);
    /* All eight places are held: now those that wait have a clock, and one that comes as well. */
    assert_int_equal(request_queue_deadline(&queue), 60);
    add(&queue, 23, 5, false, 10);
    assert_int_equal(request_queue_deadline(&queue), 15);
    expect_due(&queue, 15, 23, true);
    expect_none_due(&queue, 59);
    expect_due(&queue, 60, 22, true);
    expect_none_due(&queue, 60);
    expect_due(&queue, 110, 21, true);
    /* An answer, however late, makes a place. */
    request_free(request_queue_take(&queue, 5));
    assert_int_equal(launch(&queue, 200), 1);
    assert_int_equal(queue.pending, 1);
    drain(&queue);
}

/* One without a deadline holds its place for ever where those before it have had no answer. */
static void test_the_patience_of_one_is_not_that_of_those_who_wait(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    for (int i = 1; i < REQUEST_IN_BAND_LIMIT; i++)
        add(&queue, i, 10, false, 0);
    add(&queue, 8, 0, false, 0);
    add(&queue, 20, 100, false, 0);
    add(&queue, 30, 500, true, 0);
    launch(&queue, 0);
    for (int i = 1; i < REQUEST_IN_BAND_LIMIT; i++)
        expect_due(&queue, 10, i, false);
    expect_none_due(&queue, 109);
    expect_due(&queue, 110, 20, true);
    drain(&queue);
}

/* The last one with a deadline is answered, and one without takes its place. */
static void test_those_who_wait_have_a_clock_when_the_last_place_is_taken(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    add(&queue, 1, 10, false, 0);
    for (int i = 2; i < REQUEST_IN_BAND_LIMIT; i++)
        add(&queue, i, 0, false, 0);
    add(&queue, 8, 1000, false, 0);
    add(&queue, 9, 0, false, 0);
    add(&queue, 20, 100, false, 0);
    launch(&queue, 0);
    expect_due(&queue, 10, 1, false);
    expect_none_due(&queue, 500);
    request_free(request_queue_take(&queue, 8));
    assert_int_equal(launch(&queue, 500), 1);
    assert_int_equal(request_queue_deadline(&queue), 600);
    expect_due(&queue, 600, 20, true);
    drain(&queue);
}

static void test_a_clock_that_runs_keeps_its_time(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    for (int i = 1; i <= REQUEST_IN_BAND_LIMIT; i++)
        add(&queue, i, 10, false, 0);
    add(&queue, 20, 100, false, 0);
    launch(&queue, 0);
    for (int i = 1; i <= REQUEST_IN_BAND_LIMIT; i++)
        expect_due(&queue, 10, i, false);
    request_free(request_queue_take(&queue, 1));
    launch(&queue, 20); /* 20 flies, with a deadline of its own */
    add(&queue, 21, 100, false, 20);
    expect_due(&queue, 120, 20, false);
    /* Stuck again: 21's time begins now, and not again. */
    assert_int_equal(request_queue_deadline(&queue), 220);
    request_free(request_queue_take(&queue, 2));
    add(&queue, 22, 10, true, 130);
    launch(&queue, 130);
    expect_due(&queue, 140, 22, false);
    expect_due(&queue, 230, 21, false);
    drain(&queue);
}

/* A command out of band that has no answer either does not begin the time of others again. */
static void test_those_who_wait_leave_in_their_own_time(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    for (int i = 1; i <= REQUEST_IN_BAND_LIMIT; i++)
        add(&queue, i, 10, false, 0);
    launch(&queue, 0);
    for (int i = 1; i <= REQUEST_IN_BAND_LIMIT; i++)
        expect_due(&queue, 10, i, false);
    add(&queue, 20, 100, false, 10);
    add(&queue, 21, INT64_MAX, false, 10);
    add(&queue, 22, 0, false, 10);
    add(&queue, 23, 10, true, 10);
    launch(&queue, 10);
    expect_due(&queue, 20, 23, false);
    expect_none_due(&queue, 109);
    expect_due(&queue, 110, 20, true);
    assert_true(request_queue_deadline(&queue) == INT64_MAX);
    request_free(request_queue_take(&queue, 1));
    request_free(request_queue_take(&queue, 2));
    assert_int_equal(queue.waiting.first->id, 21);
    assert_int_equal(launch(&queue, 200), 2);
    assert_int_equal(queue.pending, 2);
    drain(&queue);
}

static void test_a_deadline_beyond_all_time(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    add(&queue, 1, INT64_MAX, false, 1000);
    launch(&queue, 1000);
    assert_true(request_queue_deadline(&queue) == INT64_MAX);
    expect_none_due(&queue, INT64_MAX - 1);
    drain(&queue);
}

/* What has not been written wholly cannot have been answered. */
static void test_an_answer_before_the_command(void **state)
{
    struct request_queue queue;

    (void)state;
    request_queue_init(&queue);
    add(&queue, 1, 0, false, 0);
    assert_non_null(request_queue_launch(&queue, 0));
    assert_null(request_queue_take(&queue, 1));
    request_queue_written(&queue);
    request_free(request_queue_take(&queue, 1));
    assert_int_equal(queue.pending, 0);
    drain(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eight_fly_and_the_urgent_overtake),
        cmocka_unit_test(test_the_earliest_deadline_counts),
        cmocka_unit_test(test_behind_a_stuck_server_time_begins_for_those_who_wait),
        cmocka_unit_test(test_the_patience_of_one_is_not_that_of_those_who_wait),
        cmocka_unit_test(test_those_who_wait_have_a_clock_when_the_last_place_is_taken),
        cmocka_unit_test(test_a_clock_that_runs_keeps_its_time),
        cmocka_unit_test(test_those_who_wait_leave_in_their_own_time),
        cmocka_unit_test(test_a_deadline_beyond_all_time),
        cmocka_unit_test(test_an_answer_before_the_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
