#include "fake_monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#define GREETING                                                                                   \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "             \
    "\"package\": \"Debian 1:10.0.2+ds-2\"}, \"capabilities\": [\"oob\"]}}"

enum step_kind { STEP_COMMAND, STEP_ALLOW, STEP_SEND, STEP_WAIT, STEP_CLOSE, STEP_LEAVE };

struct step {
    enum step_kind kind;
    struct step *next;
    char *command;
    json_t *arguments; /* NULL: any */
    json_t *answer;    /* without its id; NULL: none */
    char *bytes;       /* to send */
    size_t length;
    int milliseconds;
};

struct fake_monitor {
    char folder[64], path[96], away[104]; /* away: where the socket is then */
    char *greeting;
    pthread_t thread;
    pthread_mutex_t lock; /* over all below */
    struct step *first, **end;
    struct step *allowed;
    int wake[2];
    int listener, connection;
    char *input;
    size_t input_length;
    bool negotiated, stopping;
    int64_t wait_until; /* of a STEP_WAIT that has begun */
    size_t commands;
    char failure[4096];
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The first failure is the one that tells. */
__attribute__((format(printf, 2, 3))) static void note(struct fake_monitor *fake,
                                                       const char *format, ...)
{
    va_list arguments;

    if (*fake->failure)
        return;
    va_start(arguments, format);
    vsnprintf(fake->failure, sizeof fake->failure, format, arguments);
    va_end(arguments);
}

static void step_free(struct step *step)
{
    if (!step)
        return;
    free(step->command);
    free(step->bytes);
    json_decref(step->arguments);
    json_decref(step->answer);
    free(step);
}

/* ---- the script, from the test's thread ---- */

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (!json)
        fail_msg("fake monitor: the script is no JSON: %s: %s", error.text, text);
    return json;
}

static void add_step(struct fake_monitor *fake, struct step step)
{
    struct step *copy = malloc(sizeof *copy);

    assert_non_null(copy);
    *copy = step;
    pthread_mutex_lock(&fake->lock);
    *fake->end = copy;
    fake->end = &copy->next;
    pthread_mutex_unlock(&fake->lock);
    assert_int_equal(write(fake->wake[1], "", 1), 1);
}

static void add_command(struct fake_monitor *fake, enum step_kind kind, const char *command,
                        const char *arguments, json_t *answer)
{
    bool any = arguments && strcmp(arguments, "*") == 0;

    add_step(fake, (struct step){.kind = kind,
                                 .command = strdup(command),
                                 .arguments = any ? NULL : parse(arguments ? arguments : "{}"),
                                 .answer = answer});
}

static json_t *answer_of(const char *value)
{
    return value ? json_pack("{s:o}", "return", parse(value)) : NULL;
}

static json_t *error_of(const char *error_class, const char *desc)
{
    return json_pack("{s:{s:s,s:s}}", "error", "class", error_class, "desc", desc);
}

void fake_monitor_expect(struct fake_monitor *fake, const char *command, const char *arguments,
                         const char *value)
{
    add_command(fake, STEP_COMMAND, command, arguments, answer_of(value));
}

void fake_monitor_expect_error(struct fake_monitor *fake, const char *command,
                               const char *arguments, const char *error_class, const char *desc)
{
    add_command(fake, STEP_COMMAND, command, arguments, error_of(error_class, desc));
}

void fake_monitor_allow(struct fake_monitor *fake, const char *command, const char *arguments,
                        const char *value)
{
    add_command(fake, STEP_ALLOW, command, arguments, answer_of(value));
}

void fake_monitor_allow_error(struct fake_monitor *fake, const char *command, const char *arguments,
                              const char *error_class, const char *desc)
{
    add_command(fake, STEP_ALLOW, command, arguments, error_of(error_class, desc));
}

void fake_monitor_send(struct fake_monitor *fake, const char *bytes, size_t length)
{
    char *copy = malloc(length + 1);

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    add_step(fake, (struct step){.kind = STEP_SEND, .bytes = copy, .length = length});
}

void fake_monitor_event(struct fake_monitor *fake, const char *name, const char *data)
{
    json_t *event =
        json_pack("{s:{s:I,s:i},s:s,s:o}", "timestamp", "seconds", (json_int_t)time(NULL),
                  "microseconds", 123456, "event", name, "data", parse(data ? data : "{}"));
    char *text = json_dumps(event, 0), *line;

    assert_true(asprintf(&line, "%s\r\n", text) > 0);
    fake_monitor_send(fake, line, strlen(line));
    free(line);
    free(text);
    json_decref(event);
}

void fake_monitor_wait(struct fake_monitor *fake, int milliseconds)
{
    add_step(fake, (struct step){.kind = STEP_WAIT, .milliseconds = milliseconds});
}

void fake_monitor_close(struct fake_monitor *fake)
{
    add_step(fake, (struct step){.kind = STEP_CLOSE});
}

void fake_monitor_leave(struct fake_monitor *fake, int milliseconds)
{
    add_step(fake, (struct step){.kind = STEP_LEAVE, .milliseconds = milliseconds});
}

/* ---- the monitor, in its thread, with the lock held ---- */

static void hang_up(struct fake_monitor *fake)
{
    if (fake->connection >= 0)
        close(fake->connection);
    fake->connection = -1;
    fake->input_length = 0;
}

/* A client that has left already is no failure: what it still owed shows at the end. */
static void write_all(struct fake_monitor *fake, const char *bytes, size_t length)
{
    while (length > 0 && fake->connection >= 0) {
        ssize_t sent = send(fake->connection, bytes, length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void write_answer(struct fake_monitor *fake, const json_t *answer, json_t *id)
{
    json_t *reply;
    char *text, *line = NULL;

    if (!answer)
        return;
    reply = json_copy((json_t *)(uintptr_t)answer);
    json_object_set(reply, "id", id);
    text = json_dumps(reply, 0);
    if (text && asprintf(&line, "%s\r\n", text) > 0)
        write_all(fake, line, strlen(line));
    free(line);
    free(text);
    json_decref(reply);
}

static bool step_matches(const struct step *step, const char *command, const json_t *arguments)
{
    return strcmp(step->command, command) == 0 &&
           (!step->arguments || json_equal(step->arguments, arguments));
}

static void unexpected(struct fake_monitor *fake, const json_t *message)
{
    const struct step *next = fake->first;
    char *got = json_dumps(message, JSON_ENCODE_ANY);
    char *wanted = next && next->arguments ? json_dumps(next->arguments, 0) : NULL;

    if (next && next->kind == STEP_COMMAND)
        note(fake, "unexpected command %s\n  the next one is %s %s", got, next->command,
             wanted ? wanted : "(any arguments)");
    else
        note(fake, "unexpected command %s\n  %s", got,
             next ? "a wait or a message of the monitor is next" : "the script has ended");
    free(got);
    free(wanted);
    hang_up(fake);
}

static const char *command_name(const json_t *message)
{
    const char *in_band = json_string_value(json_object_get(message, "execute"));

    return in_band ? in_band : json_string_value(json_object_get(message, "exec-oob"));
}

/* What real QEMU would refuse, too. */
static bool well_formed(const json_t *message)
{
    const char *key;
    json_t *value;

    if (!command_name(message) || !json_object_get(message, "id"))
        return false;
    json_object_foreach((json_t *)(uintptr_t)message, key, value)
    {
        if (strcmp(key, "execute") != 0 && strcmp(key, "exec-oob") != 0 &&
            strcmp(key, "arguments") != 0 && strcmp(key, "id") != 0)
            return false;
    }
    value = json_object_get(message, "arguments");
    return !value || json_is_object(value);
}

static void drop_first(struct fake_monitor *fake)
{
    struct step *step = fake->first;

    fake->first = step->next;
    if (!fake->first)
        fake->end = &fake->first;
    step_free(step);
}

static void on_command(struct fake_monitor *fake, const json_t *message)
{
    const char *command = command_name(message);
    json_t *id = json_object_get(message, "id");
    json_t *arguments = json_object_get(message, "arguments");
    json_t *none = json_object();
    struct step *step = fake->first;

    arguments = arguments ? arguments : none;
    if (fake->greeting && !fake->negotiated && strcmp(command, "qmp_capabilities") == 0) {
        json_t *answer = json_pack("{s:{}}", "return");

        fake->negotiated = true;
        write_answer(fake, answer, id);
        json_decref(answer);
    } else if (step && step->kind == STEP_COMMAND && step_matches(step, command, arguments)) {
        fake->commands++;
        write_answer(fake, step->answer, id);
        drop_first(fake);
    } else {
        step = fake->allowed;
        while (step && !step_matches(step, command, arguments))
            step = step->next;
        fake->commands++;
        if (step)
            write_answer(fake, step->answer, id);
        else
            unexpected(fake, message);
    }
    json_decref(none);
}

/* Takes one whole command off the input; false: there is none yet. */
static bool take_command(struct fake_monitor *fake)
{
    json_error_t error;
    json_t *message;
    size_t space = 0;

    while (space < fake->input_length && strchr(" \r\n\t", fake->input[space]))
        space++;
    if (space == fake->input_length)
        space = fake->input_length = 0;
    if (fake->input_length == 0)
        return false;
    memmove(fake->input, fake->input + space, fake->input_length - space);
    fake->input_length -= space;
    message = json_loadb(fake->input, fake->input_length,
                         JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!message) {
        if (json_error_code(&error) == json_error_premature_end_of_input)
            return false;
        note(fake, "no JSON came: %s: %.*s", error.text, (int)fake->input_length, fake->input);
        hang_up(fake);
        return false;
    }
    fake->input_length -= (size_t)error.position;
    memmove(fake->input, fake->input + error.position, fake->input_length);
    if (well_formed(message)) {
        on_command(fake, message);
    } else {
        char *text = json_dumps(message, 0);

        note(fake, "no well-formed command came: %s", text);
        free(text);
        hang_up(fake);
    }
    json_decref(message);
    return fake->connection >= 0;
}

/* False: nothing came. */
static bool read_input(struct fake_monitor *fake)
{
    char bytes[16384];
    ssize_t got = recv(fake->connection, bytes, sizeof bytes, MSG_DONTWAIT);
    char *input;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        if (fake->input_length > 0)
            note(fake, "the client left in the middle of a command");
        hang_up(fake);
        if (fake->first && fake->first->kind == STEP_CLOSE)
            drop_first(fake);
        return false;
    }
    input = realloc(fake->input, fake->input_length + (size_t)got);
    if (!input)
        abort();
    memcpy(input + fake->input_length, bytes, (size_t)got);
    fake->input = input;
    fake->input_length += (size_t)got;
    return true;
}

static void greet(struct fake_monitor *fake)
{
    fake->connection = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
    fake->negotiated = false;
    if (fake->connection >= 0 && fake->greeting) {
        write_all(fake, fake->greeting, strlen(fake->greeting));
        write_all(fake, "\r\n", 2);
    }
}

/* From here on this command is answered so, whatever was allowed before. */
static void allow(struct fake_monitor *fake)
{
    struct step *step = fake->first;

    fake->first = step->next;
    if (!fake->first)
        fake->end = &fake->first;
    step->next = fake->allowed;
    fake->allowed = step;
}

static bool wait_is_over(struct fake_monitor *fake, int milliseconds)
{
    if (fake->wait_until == 0)
        fake->wait_until = now_ms() + milliseconds;
    if (now_ms() < fake->wait_until)
        return false;
    fake->wait_until = 0;
    return true;
}

/* It has come back. */
static bool leave_is_over(struct fake_monitor *fake, int milliseconds)
{
    if (fake->wait_until == 0 && rename(fake->path, fake->away) < 0)
        note(fake, "the socket could not be moved");
    hang_up(fake);
    if (!wait_is_over(fake, milliseconds))
        return false;
    if (rename(fake->away, fake->path) < 0)
        note(fake, "the socket could not be moved back");
    return true;
}

/* Takes the first step where it is one of the monitor's own; false: it has to wait. */
static bool take_step(struct fake_monitor *fake)
{
    struct step *step = fake->first;
    bool connected = fake->connection >= 0 && (fake->negotiated || !fake->greeting);

    if (!step || step->kind == STEP_COMMAND)
        return false;
    if (step->kind == STEP_ALLOW) {
        allow(fake);
        return true;
    }
    if (step->kind == STEP_LEAVE) {
        if (!leave_is_over(fake, step->milliseconds))
            return false;
        drop_first(fake);
        return true;
    }
    if (!connected || (step->kind == STEP_WAIT && !wait_is_over(fake, step->milliseconds)))
        return false;
    if (step->kind == STEP_SEND)
        write_all(fake, step->bytes, step->length);
    else if (step->kind == STEP_CLOSE)
        hang_up(fake);
    drop_first(fake);
    return true;
}

static void work(struct fake_monitor *fake)
{
    do {
        while (take_step(fake))
            continue;
    } while (fake->connection >= 0 && take_command(fake));
}

static int time_left(const struct fake_monitor *fake)
{
    int64_t left = fake->wait_until - now_ms();

    return fake->wait_until == 0 ? -1 : left > 0 ? (int)left : 0;
}

static void *serve(void *arg)
{
    struct fake_monitor *fake = arg;
    char bytes[64];

    pthread_mutex_lock(&fake->lock);
    while (!fake->stopping) {
        struct pollfd places[] = {
            {.fd = fake->wake[0], .events = POLLIN},
            {.fd = fake->connection, .events = POLLIN},
            {.fd = fake->connection < 0 ? fake->listener : -1, .events = POLLIN},
        };
        int timeout = time_left(fake);

        pthread_mutex_unlock(&fake->lock);
        poll(places, 3, timeout);
        pthread_mutex_lock(&fake->lock);
        if (places[0].revents && read(fake->wake[0], bytes, sizeof bytes) < 0)
            abort();
        if (places[2].revents)
            greet(fake);
        if (places[1].revents)
            read_input(fake);
        work(fake);
    }
    /* What the client said before it left counts, too. */
    while (fake->connection >= 0 && read_input(fake))
        work(fake);
    pthread_mutex_unlock(&fake->lock);
    return NULL;
}

/* ---- its life ---- */

static void listen_at(struct fake_monitor *fake)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    snprintf(fake->folder, sizeof fake->folder, "/tmp/fake-monitor-XXXXXX");
    assert_non_null(mkdtemp(fake->folder));
    snprintf(fake->path, sizeof fake->path, "%s/qmp", fake->folder);
    snprintf(fake->away, sizeof fake->away, "%s.away", fake->path);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fake->listener >= 0);
    assert_int_equal(bind(fake->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fake->listener, 1), 0);
}

struct fake_monitor *fake_monitor_start_greeting(const char *greeting)
{
    struct fake_monitor *fake = calloc(1, sizeof *fake);

    assert_non_null(fake);
    fake->end = &fake->first;
    fake->connection = -1;
    fake->greeting = greeting ? strdup(greeting) : NULL;
    listen_at(fake);
    assert_int_equal(pipe2(fake->wake, O_CLOEXEC), 0);
    pthread_mutex_init(&fake->lock, NULL);
    assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
    return fake;
}

struct fake_monitor *fake_monitor_start(void)
{
    return fake_monitor_start_greeting(GREETING);
}

const char *fake_monitor_path(const struct fake_monitor *fake)
{
    return fake->path;
}

size_t fake_monitor_commands(struct fake_monitor *fake)
{
    size_t commands;

    pthread_mutex_lock(&fake->lock);
    commands = fake->commands;
    pthread_mutex_unlock(&fake->lock);
    return commands;
}

/* A step of the script that was never reached is a failure; a wait or a rule to allow is none. */
static void note_left_over(struct fake_monitor *fake)
{
    for (const struct step *step = fake->first; step; step = step->next) {
        char *arguments = step->arguments ? json_dumps(step->arguments, 0) : NULL;

        if (step->kind == STEP_COMMAND)
            note(fake, "this command never came: %s %s", step->command,
                 arguments ? arguments : "(any arguments)");
        else if (step->kind == STEP_SEND)
            note(fake, "there was nobody to send this to: %.*s", (int)step->length, step->bytes);
        free(arguments);
    }
}

static void fake_monitor_free(struct fake_monitor *fake)
{
    hang_up(fake);
    while (fake->first)
        drop_first(fake);
    fake->first = fake->allowed;
    while (fake->first)
        drop_first(fake);
    if (fake->listener >= 0)
        close(fake->listener);
    close(fake->wake[0]);
    close(fake->wake[1]);
    unlink(fake->away);
    unlink(fake->path);
    rmdir(fake->folder);
    pthread_mutex_destroy(&fake->lock);
    free(fake->input);
    free(fake->greeting);
    free(fake);
}

bool fake_monitor_stop(struct fake_monitor *fake, char *failure, size_t size)
{
    pthread_mutex_lock(&fake->lock);
    fake->stopping = true;
    pthread_mutex_unlock(&fake->lock);
    assert_int_equal(write(fake->wake[1], "", 1), 1);
    pthread_join(fake->thread, NULL);
    note_left_over(fake);
    snprintf(failure, size, "%s", fake->failure);
    fake_monitor_free(fake);
    return !*failure;
}

void fake_monitor_finish(struct fake_monitor *fake)
{
    char failure[4096];

    if (!fake_monitor_stop(fake, failure, sizeof failure))
        fail_msg("fake monitor: %s", failure);
}
