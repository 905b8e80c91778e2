/*
 * A whole conversation with each allocation of it refused in turn: that one alone, and it and all
 * after it. Nothing may crash or be left behind; what was promised to be told is told once; and
 * where nothing was refused, all succeeds. Under ASan, which has an allocator of its own, nothing
 * is refused.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "qmpclient.h"
#include "support/peer.h"
#include "support/refusal.h"

/* ---- the conversation ---- */

/* Is sent, and never shown. */
#define SECRET "sesame"

struct talk {
    struct event_base *base;
    struct qmp_client *client;
    int listener, server; /* -1: none */
    unsigned ready, closed, events, sent, told, succeeded;
    bool is_ready;
};

static void on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct talk *talk = arg;

    (void)client;
    talk->ready++;
    talk->is_ready = !error;
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    (void)client;
    (void)error;
    ((struct talk *)arg)->closed++;
}

static void on_event(struct qmp_client *client, const struct qmp_event *event, void *arg)
{
    (void)client;
    (void)event;
    ((struct talk *)arg)->events++;
}

static void on_trace(struct qmp_client *client, enum qmp_direction direction, const char *text,
                     size_t length, void *arg)
{
    (void)client;
    (void)arg;
    if (direction == QMP_SENT)
        assert_null(memmem(text, length, SECRET, strlen(SECRET)));
}

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    struct talk *talk = arg;
    char *text = value ? qmp_json_dumps(value, false) : NULL;

    (void)client;
    (void)error;
    talk->told++;
    talk->succeeded += value != NULL;
    free(text);
}

static void pump(const struct talk *talk)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(talk->base, EVLOOP_NONBLOCK);
}

static void say(const struct talk *talk, const char *text)
{
    if (talk->server >= 0)
        (void)!send(talk->server, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    pump(talk);
}

static void command(struct talk *talk, const char *name, const char *arguments, bool oob)
{
    json_t *object = qmp_json_loads(arguments, strlen(arguments), NULL);

    if (!talk->is_ready || talk->closed ||
        (oob ? qmp_client_send_oob : qmp_client_send)(talk->client, name, object, 60000, on_reply,
                                                      talk, NULL) != 0) {
        json_decref(object);
        return;
    }
    json_decref(object);
    talk->sent++;
}

static void accept_client(struct talk *talk)
{
    if (talk->listener >= 0)
        talk->server = accept(talk->listener, NULL, NULL);
}

/* The same each time, as far as it gets. Without escapes in strings, nor integers beyond 2^63,
 * which are held with one: jansson's own reader of them asserts that its memory lasts. */
static void converse(struct talk *talk)
{
    char large[6000];

    pump(talk);
    accept_client(talk);
    pump(talk);
    say(talk, PEER_GREETING);
    say(talk, PEER_NEGOTIATED);
    command(talk, "object-add", "{\"qom-type\":\"secret\",\"data\":\"" SECRET "\",\"n\":8}", false);
    command(talk, "query-status", "{}", false);
    command(talk, "query-status", "{}", true);
    say(talk, "{\"event\": \"STOP\"}{\"return\": {\"n\": 7}, \"id\": 2}");
    memset(large, ' ', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    say(talk, "{\"return\": [");
    say(talk, large);
    say(talk, "], \"id\": 3}\r\n{\"id\": 4, \"error\": {\"class\": \"E\", \"desc\": \"d\"}}");
    command(talk, "query-status", "{}", false);
    if (talk->server >= 0)
        close(talk->server);
    talk->server = -1;
    pump(talk);
    /* Ended, or canceled now. */
    qmp_client_free(talk->client);
    pump(talk);
}

static void open_and_converse(struct talk *talk, const char *address)
{
    const struct qmp_client_options options = {
        .on_event = on_event, .on_closed = on_closed, .on_trace = on_trace, .arg = talk};
    struct qmp_error error = {.code = QMP_ERROR_NONE};

    talk->client = qmp_client_new(talk->base, &options);
    if (!talk->client)
        return;
    if (qmp_client_connect(talk->client, address, 0, 60000, on_ready, talk, &error) != 0) {
        assert_int_equal(error.code, QMP_ERROR_MEMORY);
        qmp_client_free(talk->client);
        return;
    }
    converse(talk);
}

static void check(const struct talk *talk)
{
    assert_int_equal(talk->told, talk->sent);
    assert_true(talk->ready <= 1 && talk->closed <= 1 && talk->closed <= talk->ready);
    if (refused)
        return;
    assert_true(talk->is_ready);
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->events, 1);
    assert_int_equal(talk->sent, 4);
    assert_int_equal(talk->succeeded, 2);
}

/* ---- each allocation ---- */

typedef void address_fn(struct talk *talk, char *address, size_t size);
static address_fn prepare_port;

/* Refuses the allocation of this number. False: there were not so many. */
static bool refuse_one(address_fn *prepare, long number, bool all_after)
{
    long before = live;
    struct talk talk = {.base = event_base_new(), .listener = -1, .server = -1};
    char address[400];

    assert_non_null(talk.base);
    prepare(&talk, address, sizeof address);
    refused = false;
    for_good = all_after;
    left = number;
    open_and_converse(&talk, address);
    left = -1;
    check(&talk);
    if (talk.listener >= 0)
        close(talk.listener);
    if (talk.server >= 0)
        close(talk.server);
    event_base_free(talk.base);
    /* What a look-up in a thread holds is given back by the thread. */
    if (prepare != prepare_port)
        assert_int_equal(live, before);
    return refused;
}

static void refuse_each(address_fn *prepare)
{
    long number = 0;

    refuse_one(prepare, 1L << 30, false); /* what the libraries keep for themselves */
    while (refuse_one(prepare, number, false))
        number++;
    for (long i = 0; i < number; i++)
        refuse_one(prepare, i, true);
#ifndef __SANITIZE_ADDRESS__
    assert_true(number > 50);
#endif
}

static void prepare_descriptor(struct talk *talk, char *address, size_t size)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    talk->server = ends[0];
    snprintf(address, size, "fd:%d", ends[1]);
}

static char folder[] = "/tmp/qmpctl-memory-XXXXXX";

static void listen_at(struct talk *talk, const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    unlink(path);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    talk->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(talk->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(talk->listener, 4), 0);
}

static void prepare_path(struct talk *talk, char *address, size_t size)
{
    snprintf(address, size, "%s/qmp", folder);
    listen_at(talk, address);
}

static void prepare_port(struct talk *talk, char *address, size_t size)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;

    talk->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(talk->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(talk->listener, 4), 0);
    assert_int_equal(getsockname(talk->listener, (struct sockaddr *)&name, &length), 0);
    snprintf(address, size, "127.0.0.1:%d", ntohs(name.sin_port));
}

static void test_over_a_descriptor(void **state)
{
    (void)state;
    refuse_each(prepare_descriptor);
}

static void test_over_a_path(void **state)
{
    (void)state;
    refuse_each(prepare_path);
}

static void test_over_tcp(void **state)
{
    (void)state;
    refuse_each(prepare_port);
}

/* The look-up of a name: until it is told, or could not begin. */
static void test_over_a_name(void **state)
{
    (void)state;
    for (long number = 0;; number++) {
        struct talk talk = {.base = event_base_new(), .listener = -1, .server = -1};
        struct qmp_error error;

        refused = for_good = false;
        left = number;
        talk.client = qmp_client_new(talk.base, NULL);
        if (talk.client &&
            qmp_client_connect(talk.client, "no..host:1", 0, 60000, on_ready, &talk, &error) == 0) {
            while (!talk.ready && event_base_loop(talk.base, EVLOOP_ONCE) == 0)
                continue;
            assert_int_equal(talk.ready, 1);
        }
        left = -1;
        qmp_client_free(talk.client);
        event_base_free(talk.base);
        if (!refused)
            break;
    }
}

/* Whom the monitor serves cannot be told without memory, and that is all. */
static void test_who_holds_a_monitor(void **state)
{
    struct talk talk = {.base = event_base_new(), .listener = -1, .server = -1};
    char address[400];
    long number = 0;

    (void)state;
    prepare_path(&talk, address, sizeof address);
    do {
        struct qmp_holder holder;

        refused = false;
        left = number++;
        assert_in_range(qmp_monitor_holder(address, &holder) + 1, 0, 2);
        left = -1;
    } while (refused);
    close(talk.listener);
    event_base_free(talk.base);
}

static int start(void **state)
{
    (void)state;
    refusal_begin();
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof path, "%s/qmp", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_over_a_descriptor),
        cmocka_unit_test(test_over_a_path),
        cmocka_unit_test(test_over_tcp),
        cmocka_unit_test(test_over_a_name),
        cmocka_unit_test(test_who_holds_a_monitor),
    };

    return cmocka_run_group_tests(tests, start, end);
}
