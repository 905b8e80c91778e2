#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "output.h"
#include "session.h"

#define LINE_LIMIT ((size_t)1 << 20)

/* KEY=VALUE: a JSON value where it is one, else a string; dots make nested objects. */
static int add_pair(json_t *arguments, const char *pair, struct error *error)
{
    const char *equals = strchr(pair, '=');
    json_t *value, *object = arguments;
    char key[256], *part = key, *dot;

    if (!equals || equals == pair || (size_t)(equals - pair) >= sizeof key)
        return error_set(error, EXIT_USAGE, "qmp: '%.64s' is not KEY=VALUE", pair);
    memcpy(key, pair, (size_t)(equals - pair));
    key[equals - pair] = '\0';
    while ((dot = strchr(part, '.'))) {
        *dot = '\0';
        if (!json_object_get(object, part))
            json_object_set_new(object, part, json_object());
        object = json_object_get(object, part);
        part = dot + 1;
    }
    value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (!value)
        value = json_string(equals + 1);
    if (!value || !json_is_object(object) || json_object_get(object, part) ||
        json_object_set_new(object, part, value) < 0)
        return error_set(error, EXIT_USAGE, "qmp: '%.64s' cannot be an argument", pair);
    return 0;
}

static int print_value(const struct options *options, json_t *value)
{
    const char *text = json_string_value(value);
    char *json;

    if (options->hmp && text && !options->json) {
        fputs(text, stdout);
        json_decref(value);
        return EXIT_DONE;
    }
    json = qmp_json_dumps(value, !options->json);
    puts(json ? json : "null");
    free(json);
    json_decref(value);
    return EXIT_DONE;
}

static int one_command(struct session *session, const struct options *options, struct error *error)
{
    const char *command = options->hmp ? "human-monitor-command" : options->arguments[1];
    json_t *arguments = json_object(), *value = NULL;
    int code = 0;

    if (options->hmp)
        json_object_set_new(arguments, "command-line", json_string(options->hmp));
    for (size_t i = 2; code == 0 && i < options->argument_count; i++)
        code = add_pair(arguments, options->arguments[i], error);
    if (code == 0)
        code = session_connect(session, error);
    if (code == 0)
        value = session_command(session, command, arguments, options->timeout, error);
    json_decref(arguments);
    return value ? print_value(options, value) : -1;
}

static void print_answer(json_t *value, const struct error *error)
{
    json_t *answer = value ? json_pack("{s:o}", "return", value)
                           : json_pack("{s:{s:s,s:s}}", "error", "class",
                                       *error->qmp_class ? error->qmp_class : "GenericError",
                                       "desc", *error->qmp_desc ? error->qmp_desc : error->text);

    output_json(stdout, answer);
    fflush(stdout);
}

/* Commands from standard input, a JSON object a line, an answer a line. */
static int command_stream(struct session *session, const struct options *options,
                          struct error *error)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    bool failed = false;

    if (session_connect(session, error) < 0)
        return -1;
    while ((length = getline(&line, &capacity, stdin)) > 0) {
        struct error why = {0};
        json_t *request = (size_t)length <= LINE_LIMIT
                              ? json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, NULL)
                              : NULL;
        const char *command = json_string_value(json_object_get(request, "execute"));
        json_t *value = NULL;

        if (strspn(line, " \t\r\n") == (size_t)length)
            continue;
        if (command)
            value = session_command(session, command, json_object_get(request, "arguments"),
                                    options->timeout, &why);
        else
            error_set(&why, EXIT_USAGE, "not a JSON object with \"execute\"");
        failed = failed || !value;
        print_answer(value, &why);
        json_decref(request);
        if (why.code == EXIT_NO_CONNECTION) {
            *error = why;
            free(line);
            return -1;
        }
    }
    free(line);
    return failed ? EXIT_FAILED : EXIT_DONE;
}

int cmd_qmp(struct options *options, struct error *error)
{
    struct session session;
    int code;

    if (options->argument_count < 2 && !options->hmp)
        return error_set(error, EXIT_USAGE, "qmp takes a COMMAND, or - for standard input");
    if (options->hmp && options->argument_count > 1)
        return error_set(error, EXIT_USAGE, "qmp takes a COMMAND or --hmp, not both");
    code = session_open(&session, options, error);
    if (code == 0)
        code = !options->hmp && strcmp(options->arguments[1], "-") == 0
                   ? command_stream(&session, options, error)
                   : one_command(&session, options, error);
    session_close(&session);
    return code;
}
