#include "qmp_stream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

#define LINE_LIMIT ((size_t)1 << 20)
#define READ_SIZE  ((size_t)65536)
/* Unanswered lines beyond this wait in the pipe. */
#define OPEN_LIMIT 64

struct stream;

/* A line and its place in the order of answers. */
struct answer {
    struct answer *next;
    struct stream *stream;
    json_t *id;    /* the line's own, handed back; or NULL */
    json_t *value; /* NULL: not there yet */
    enum exit_code code;
};

struct stream {
    struct session *session;
    const struct options *options;
    struct event *readable;
    bool pollable; /* standard input is something that the loop can wait for */
    char *line;    /* what has been read of a line */
    size_t length, capacity;
    bool too_long, at_end, over;
    enum exit_code code; /* of the last answer that fell short */
    struct answer *first, **last;
    size_t open;
    struct error *error;
    bool failed; /* *error is set: the connection was lost, or not all input could be read */
};

static void go_on(struct stream *stream);

/* ---- answers ---- */

static void print_answers(struct stream *stream)
{
    struct answer *answer;

    while ((answer = stream->first) && answer->value) {
        stream->first = answer->next;
        if (!stream->first)
            stream->last = &stream->first;
        stream->open--;
        if (answer->id)
            json_object_set_new(answer->value, "id", answer->id);
        if (answer->code != EXIT_DONE)
            stream->code = answer->code;
        output_json(stdout, answer->value);
        free(answer);
    }
    /* Nobody reads the answers: what was sent is waited for, and nothing more is. */
    if (fflush(stdout) != 0)
        stream->at_end = true;
}

static void fail_answer(struct answer *answer, enum exit_code code, const char *error_class,
                        const char *desc)
{
    json_t *json = json_pack("{s:{s:s,s:s}}", "error", "class", error_class, "desc", desc);

    answer->value =
        json ? json
             : json_pack("{s:{s:s,s:s}}", "error", "class", error_class, "desc", "(unreadable)");
    answer->code = code;
}

static void on_reply(struct qmp_client *client, json_t *value, const struct qmp_error *error,
                     void *arg)
{
    struct answer *answer = arg;
    struct stream *stream = answer->stream;

    (void)client;
    if (value)
        answer->value = json_pack("{s:O}", "return", value);
    else
        fail_answer(answer, error->code == QMP_ERROR_TIMEOUT ? EXIT_TIMED_OUT : EXIT_FAILED,
                    *error->error_class ? error->error_class : "GenericError", error->text);
    print_answers(stream);
    /* on_closed follows, and knows how it ends. */
    if (!error || error->code != QMP_ERROR_CLOSED)
        go_on(stream);
}

/* ---- lines ---- */

/* Why the line is no command; NULL: it is one. */
static const char *refusal(const json_t *request)
{
    static const char *const known[] = {"execute", "exec-oob", "arguments", "id", NULL};
    const json_t *in_band = json_object_get(request, "execute");
    const json_t *out_of_band = json_object_get(request, "exec-oob");
    const json_t *arguments = json_object_get(request, "arguments");
    const char *key;
    json_t *member;

    if (!json_is_string(in_band ? in_band : out_of_band) || (in_band && out_of_band))
        return "not a JSON object with \"execute\"";
    if (arguments && !json_is_object(arguments))
        return "\"arguments\" is no JSON object";
    json_object_foreach((json_t *)(uintptr_t)request, key, member)
    {
        size_t i = 0;

        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return "a member that no command has";
    }
    return NULL;
}

static void submit(struct stream *stream, const json_t *request, struct answer *answer)
{
    const char *command = json_string_value(json_object_get(request, "execute"));
    const char *urgent = json_string_value(json_object_get(request, "exec-oob"));
    const json_t *arguments = json_object_get(request, "arguments");
    struct qmp_error error = {.text = "the connection was lost"};
    struct qmp_client *client = vm_client(stream->session->vm);
    int64_t timeout = stream->options->timeout;

    if (client && command &&
        qmp_client_send(client, command, arguments, timeout, on_reply, answer, &error) == 0)
        return;
    if (client && urgent &&
        qmp_client_send_oob(client, urgent, arguments, timeout, on_reply, answer, &error) == 0)
        return;
    fail_answer(answer, EXIT_FAILED, "GenericError", error.text);
}

/* Nothing more can be read; what was sent is waited for. */
static void fail_input(struct stream *stream, const char *why)
{
    error_set(stream->error, EXIT_FAILED, "standard input: %s", why);
    stream->at_end = stream->failed = true;
}

static void take_line(struct stream *stream, const char *line, size_t length)
{
    struct answer *answer;
    json_t *request;
    const char *why;

    if (!stream->too_long && strspn(line, " \t\r") == length)
        return;
    answer = calloc(1, sizeof *answer);
    if (!answer) {
        fail_input(stream, "out of memory");
        return;
    }
    answer->stream = stream;
    *stream->last = answer;
    stream->last = &answer->next;
    stream->open++;
    request = stream->too_long ? NULL : qmp_json_loads(line, length, NULL);
    answer->id = json_incref(json_object_get(request, "id"));
    why = stream->too_long ? "the line is too long" : refusal(request);
    if (why)
        fail_answer(answer, EXIT_FAILED, "GenericError", why);
    else
        submit(stream, request, answer);
    json_decref(request);
}

/* Takes the whole lines out of what has been read; at the end also the last, without line end. */
static void take_lines(struct stream *stream)
{
    char *start = stream->line, *end;
    size_t left = stream->length;

    while (left > 0 && (end = memchr(start, '\n', left))) {
        *end = '\0';
        take_line(stream, start, (size_t)(end - start));
        stream->too_long = false;
        left -= (size_t)(end - start) + 1;
        start = end + 1;
    }
    if (stream->at_end && (left > 0 || stream->too_long)) {
        start[left] = '\0';
        take_line(stream, start, left);
        stream->too_long = false;
        left = 0;
    }
    if (left > LINE_LIMIT) {
        stream->too_long = true;
        left = 0;
    }
    memmove(stream->line, start, left);
    stream->length = left;
    print_answers(stream);
}

/* ---- standard input ---- */

static bool make_room(struct stream *stream)
{
    size_t wanted = stream->length + READ_SIZE + 1;
    char *grown;

    if (stream->capacity >= wanted)
        return true;
    grown = realloc(stream->line, wanted);
    if (!grown)
        return false;
    stream->line = grown;
    stream->capacity = wanted;
    return true;
}

static void read_input(struct stream *stream)
{
    ssize_t got = read(STDIN_FILENO, stream->line + stream->length, READ_SIZE);

    if (got > 0)
        stream->length += (size_t)got;
    else if (got == 0)
        stream->at_end = true;
    else if (errno != EINTR && errno != EAGAIN)
        fail_input(stream, strerror(errno));
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct stream *stream = arg;

    (void)fd;
    (void)what;
    if (make_room(stream)) {
        read_input(stream);
        take_lines(stream);
    } else {
        fail_input(stream, "out of memory");
    }
    go_on(stream);
}

/* Reads on, waits for answers, or ends. A file is always readable and takes no waiting for. */
static void go_on(struct stream *stream)
{
    if (stream->over)
        return;
    if (stream->at_end && stream->open == 0) {
        stream->over = true;
        event_base_loopbreak(stream->session->base);
    } else if (stream->at_end || stream->open >= OPEN_LIMIT) {
        event_del(stream->readable);
    } else if (stream->pollable) {
        event_add(stream->readable, NULL);
    } else {
        event_active(stream->readable, EV_READ, 0);
    }
}

static void on_closed(struct qmp_client *client, const struct qmp_error *error, void *arg)
{
    struct stream *stream = arg;

    (void)client;
    if (stream->over)
        return;
    stream->over = stream->failed = true;
    error_from_qmp(stream->error, vm_address(stream->session->vm), error);
    event_base_loopbreak(stream->session->base);
}

static bool can_be_polled(int descriptor)
{
    struct stat status;

    return isatty(descriptor) || (fstat(descriptor, &status) == 0 &&
                                  (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)));
}

int qmp_stream_run(struct session *session, const struct options *options, struct error *error)
{
    struct stream stream = {.session = session,
                            .options = options,
                            .pollable = can_be_polled(STDIN_FILENO),
                            .error = error};

    stream.last = &stream.first;
    stream.readable = event_new(session->base, stream.pollable ? STDIN_FILENO : -1,
                                stream.pollable ? EV_READ : 0, on_readable, &stream);
    if (!stream.readable)
        return error_set(error, EXIT_FAILED, "out of memory");
    vm_listen(session->vm, NULL, on_closed, &stream);
    go_on(&stream);
    event_base_dispatch(session->base);
    event_free(stream.readable);
    free(stream.line);
    return stream.failed ? -1 : (int)stream.code;
}
