/* Any text as a message: what is told of it keeps its promises; and what was read can be sent and
 * read again. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "codec.h"

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_message(const struct message *message)
{
    switch (message->kind) {
    case MESSAGE_CROWDED:
    case MESSAGE_BROKEN:
        check(!message->root);
        break;
    case MESSAGE_REPLY:
        check(message->value && message->id >= INT64_MIN);
        break;
    case MESSAGE_FAILURE:
        check(message->error_class && message->desc);
        break;
    case MESSAGE_EVENT:
        check(message->event.name && json_is_object(message->event.data));
        break;
    case MESSAGE_GREETING:
        check(strlen(message->version.package) < sizeof message->version.package);
        break;
    case MESSAGE_OTHER:
        check(message->root);
        break;
    }
}

/* Written and read again it is the same, integers beyond 2^63 included. */
static void check_round_trip(const json_t *value)
{
    char *text = qmp_json_dumps(value, false), *pretty = qmp_json_dumps(value, true);
    json_t *again = text ? qmp_json_loads(text, strlen(text), NULL) : NULL;
    json_t *prettily = pretty ? qmp_json_loads(pretty, strlen(pretty), NULL) : NULL;

    check(again && json_equal((json_t *)(uintptr_t)value, again));
    check(prettily && json_equal(again, prettily));
    check(!strchr(text, '\n'));
    json_decref(again);
    json_decref(prettily);
    free(text);
    free(pretty);
}

/* What codec_encode lets pass is one line, and a command with these arguments. */
static void check_command(const json_t *arguments, const char *name)
{
    struct qmp_error error = {0};
    size_t length = 0;
    char *bytes = codec_encode(name, arguments, 7, false, &length, &error);
    json_t *command;

    if (!bytes) {
        check(error.code == QMP_ERROR_INVALID && *error.text);
        return;
    }
    check(strlen(bytes) == length && strchr(bytes, '\n') == bytes + length - 1);
    command = qmp_json_loads(bytes, length, NULL);
    check(command && json_is_string(json_object_get(command, "execute")));
    check(json_object_size(arguments) == 0 ||
          json_equal(json_object_get(command, "arguments"), (json_t *)(uintptr_t)arguments));
    json_decref(command);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[16] = "";
    struct message message;

    codec_decode((const char *)data, size, &message);
    check_message(&message);
    memcpy(name, data, size < sizeof name - 1 ? size : sizeof name - 1);
    if (message.root) {
        check_round_trip(message.root);
        check_command(message.root, "query-status");
        check_command(NULL, name);
    }
    codec_message_free(&message);
    return 0;
}
