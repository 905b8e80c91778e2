/* libqmpclient against monitors of real QEMUs, of each version. */
#include <poll.h>
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
#include <event2/event.h>

#include "lab/each.h"
#include "qmpclient.h"

#define LIMIT_MS 60000

/* One connection, and what was heard of it. */
struct talk {
    struct event_base *base;
    struct qmp_client *client;
    unsigned told;          /* answers, of all */
    char order[64];         /* the tags of those, in the order that they came */
    json_t *value;          /* of the last */
    struct qmp_error error; /* of the last; code NONE: it has a value */
    bool ready, closed;
};

struct question {
    struct talk *talk;
    char tag;
};

static void on_ready(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct talk *talk = arg;

    (void)client;
    if (error)
        print_error("%s\n", error->text);
    talk->ready = !error;
    event_base_loopbreak(talk->base);
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct talk *talk = arg;

    (void)client;
    assert_int_equal(error->code, QMP_ERROR_CLOSED);
    talk->closed = true;
    event_base_loopbreak(talk->base);
}

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    struct question *question = arg;
    struct talk *talk = question->talk;

    if (client) {
        json_decref(talk->value);
        talk->value = json_incref(value);
        talk->error = error ? *error : (struct qmp_error){0};
        talk->order[talk->told++ % (sizeof talk->order - 1)] = question->tag;
        event_base_loopbreak(talk->base);
    }
    free(question);
}

static void talk_start(struct talk *talk, const char *address)
{
    const struct qmp_client_options options = {.on_closed = on_closed, .arg = talk};
    struct qmp_error error;

    *talk = (struct talk){.base = event_base_new()};
    talk->client = qmp_client_new(talk->base, &options);
    assert_int_equal(
        qmp_client_connect(talk->client, address, LIMIT_MS, LIMIT_MS, on_ready, talk, &error), 0);
    event_base_dispatch(talk->base);
    assert_true(talk->ready);
}

static void talk_send(struct talk *talk, char tag, bool oob, const char *command,
                      const char *arguments, int64_t timeout)
{
    struct question *question = malloc(sizeof *question);
    json_t *object = arguments ? json_loads(arguments, 0, NULL) : NULL;

    assert_non_null(question);
    *question = (struct question){talk, tag};
    assert_int_equal((oob ? qmp_client_send_oob : qmp_client_send)(
                         talk->client, command, object, timeout, on_reply, question, NULL),
                     0);
    json_decref(object);
}

/* Runs until so many answers in all have come. */
static void talk_await(struct talk *talk, unsigned told)
{
    while (talk->told < told && !talk->closed)
        event_base_dispatch(talk->base);
    assert_int_equal(talk->told, told);
}

/* Runs for a while in which nothing may come. */
static void talk_expect_silence(struct talk *talk, long milliseconds)
{
    const struct timeval moment = {0, milliseconds * 1000};
    unsigned told = talk->told;

    event_base_loopexit(talk->base, &moment);
    event_base_dispatch(talk->base);
    assert_int_equal(talk->told, told);
}

static void talk_stop(struct talk *talk)
{
    qmp_client_free(talk->client);
    event_base_loop(talk->base, EVLOOP_NONBLOCK);
    json_decref(talk->value);
    event_base_free(talk->base);
}

/* ---- large and pretty ---- */

static void assert_is_schema(const json_t *schema)
{
    const json_t *entry;
    size_t index;
    char *text = qmp_json_dumps(schema, false);

    assert_non_null(text);
    assert_true(strlen(text) > 100000);
    free(text);
    assert_true(json_array_size(schema) > 500);
    json_array_foreach(schema, index, entry)
    {
        assert_true(json_is_string(json_object_get(entry, "name")));
        assert_true(json_is_string(json_object_get(entry, "meta-type")));
    }
}

static void test_the_schema_comes_whole(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    struct talk talk;

    talk_start(&talk, lab_socket(vm));
    talk_send(&talk, 'a', false, "query-qmp-schema", NULL, LIMIT_MS);
    talk_await(&talk, 1);
    assert_is_schema(talk.value);
    talk_stop(&talk);
    lab_stop(vm);
}

TEST_ON_EACH(test_the_schema_comes_whole)

static void test_a_pretty_monitor_says_the_same(int qemu)
{
    char folder[] = "/tmp/qmpctl-pretty-XXXXXX", path[64], chardev[128];
    const char *const extra[] = {"-chardev", chardev, "-mon",
                                 "chardev=second,mode=control,pretty=on", NULL};
    struct lab_vm *vm;
    struct talk plain, pretty;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/qmp", folder);
    snprintf(chardev, sizeof chardev, "socket,id=second,path=%s,server=on,wait=off", path);
    vm = lab_start(qemu, LAB_ABSENT, NULL, extra);
    talk_start(&plain, lab_socket(vm));
    talk_start(&pretty, path);
    talk_send(&plain, 'a', false, "query-qmp-schema", NULL, LIMIT_MS);
    talk_await(&plain, 1);
    talk_send(&pretty, 'a', false, "query-qmp-schema", NULL, LIMIT_MS);
    talk_await(&pretty, 1);
    assert_is_schema(pretty.value);
    assert_true(json_equal(plain.value, pretty.value));
    talk_stop(&pretty);
    talk_stop(&plain);
    lab_stop(vm);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

TEST_ON_EACH(test_a_pretty_monitor_says_the_same)

static void test_eight_in_flight_are_all_answered(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    struct talk talk;

    talk_start(&talk, lab_socket(vm));
    for (int i = 0; i < 50; i++)
        talk_send(&talk, (char)('A' + i), false, i % 7 == 3 ? "no-such-command" : "query-status",
                  NULL, LIMIT_MS);
    talk_await(&talk, 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(talk.order[i], 'A' + i);
    assert_int_equal(qmp_client_dropped(talk.client), 0);
    talk_stop(&talk);
    lab_stop(vm);
}

TEST_ON_EACH(test_eight_in_flight_are_all_answered)

/* ---- a QEMU that stands still, or dies ---- */

static void test_a_stopped_qemu_answers_when_it_goes_on(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    struct talk talk;

    talk_start(&talk, lab_socket(vm));
    lab_pause(vm);
    talk_send(&talk, 'a', false, "query-status", NULL, LIMIT_MS);
    talk_expect_silence(&talk, 200);
    lab_resume(vm);
    talk_await(&talk, 1);
    assert_true(json_is_object(talk.value));
    talk_stop(&talk);
    lab_stop(vm);
}

TEST_ON_EACH(test_a_stopped_qemu_answers_when_it_goes_on)

/* A connection to this monitor on which its greeting is waiting to be read. */
static int greeted(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd waiting = {.fd = descriptor, .events = POLLIN};

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(poll(&waiting, 1, LIMIT_MS), 1);
    return descriptor;
}

static void on_failure(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct talk *talk = arg;

    (void)client;
    assert_non_null(error);
    talk->error = *error;
    event_base_loopbreak(talk->base);
}

static void test_a_qemu_that_stops_after_its_greeting_is_named(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    struct talk talk = {.base = event_base_new()};
    char address[32], expected[64];

    talk.client = qmp_client_new(talk.base, NULL);
    snprintf(address, sizeof address, "fd:%d", greeted(lab_socket(vm)));
    lab_pause(vm);
    assert_int_equal(qmp_client_connect(talk.client, address, 0, 500, on_failure, &talk, NULL), 0);
    event_base_dispatch(talk.base);
    lab_resume(vm);
    assert_int_equal(talk.error.code, QMP_ERROR_TIMEOUT);
    assert_int_equal(talk.error.phase, QMP_PHASE_NEGOTIATION);
    snprintf(expected, sizeof expected, "its QEMU (pid %d) is stopped", (int)lab_pid(vm));
    assert_non_null(strstr(talk.error.text, expected));
    talk_stop(&talk);
    lab_stop(vm);
}

TEST_ON_EACH(test_a_qemu_that_stops_after_its_greeting_is_named)

static void test_what_comes_after_its_deadline_is_dropped(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    struct talk talk;
    char expected[120];

    talk_start(&talk, lab_socket(vm));
    lab_pause(vm);
    talk_send(&talk, 'a', false, "query-name", NULL, 100);
    talk_await(&talk, 1);
    assert_int_equal(talk.error.code, QMP_ERROR_TIMEOUT);
    snprintf(expected, sizeof expected,
             "no reply within 0.1 s: its QEMU (pid %d) is stopped; whether it was done is unknown",
             (int)lab_pid(vm));
    assert_string_equal(talk.error.text, expected);
    lab_resume(vm);
    talk_send(&talk, 'b', false, "query-status", NULL, LIMIT_MS);
    talk_await(&talk, 2);
    assert_true(json_is_string(json_object_get(talk.value, "status")));
    assert_int_equal(qmp_client_dropped(talk.client), 1);
    talk_stop(&talk);
    lab_stop(vm);
}

TEST_ON_EACH(test_what_comes_after_its_deadline_is_dropped)

static void test_a_killed_qemu_ends_what_is_in_flight(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    struct talk talk;

    talk_start(&talk, lab_socket(vm));
    assert_int_equal(qmp_client_server_pid(talk.client), lab_pid(vm));
    lab_pause(vm);
    talk_send(&talk, 'a', false, "query-status", NULL, LIMIT_MS);
    talk_expect_silence(&talk, 50);
    lab_kill(vm);
    while (!talk.closed)
        event_base_dispatch(talk.base);
    assert_int_equal(talk.told, 1);
    assert_int_equal(talk.error.code, QMP_ERROR_CLOSED);
    talk_stop(&talk);
    /* The socket's file is still there, and nobody listens. */
    assert_int_equal(access(lab_socket(vm), F_OK), 0);
    lab_stop(vm);
}

TEST_ON_EACH(test_a_killed_qemu_ends_what_is_in_flight)

/* ---- out of band ---- */

/* Filling memory holds QEMU's main loop; what is out of band is answered meanwhile. */
static void test_out_of_band_overtakes_a_blocking_command(int qemu)
{
    struct lab_vm *vm = lab_start(qemu, LAB_ABSENT, NULL, NULL);
    struct talk talk;

    talk_start(&talk, lab_socket(vm));
    assert_true(qmp_client_has_oob(talk.client));
    talk_send(&talk, 'a', false, "object-add",
              "{\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":402653184,"
              "\"prealloc\":true}",
              LIMIT_MS);
    talk_send(&talk, 'b', true, "migrate-pause", NULL, LIMIT_MS);
    talk_await(&talk, 1);
    assert_int_equal(talk.order[0], 'b');
    assert_int_equal(talk.error.code, QMP_ERROR_COMMAND);
    talk_await(&talk, 2);
    assert_int_equal(talk.error.code, QMP_ERROR_NONE);
    talk_stop(&talk);
    lab_stop(vm);
}

TEST_ON_EACH(test_out_of_band_overtakes_a_blocking_command)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(test_the_schema_comes_whole),
        ON_EACH(test_a_pretty_monitor_says_the_same),
        ON_EACH(test_eight_in_flight_are_all_answered),
        ON_EACH(test_a_stopped_qemu_answers_when_it_goes_on),
        ON_EACH(test_a_qemu_that_stops_after_its_greeting_is_named),
        ON_EACH(test_what_comes_after_its_deadline_is_dropped),
        ON_EACH(test_a_killed_qemu_ends_what_is_in_flight),
        ON_EACH(test_out_of_band_overtakes_a_blocking_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
