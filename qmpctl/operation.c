#include "operation.h"

#include <stdlib.h>
#include <string.h>

struct action action_send(const char *command, json_t *arguments, int64_t timeout)
{
    return (struct action){
        .kind = ACTION_SEND, .command = command, .arguments = arguments, .timeout = timeout};
}

struct action action_wait(int64_t until)
{
    return (struct action){.kind = ACTION_WAIT, .until = until};
}

struct action action_snapshot(int64_t until)
{
    return (struct action){.kind = ACTION_SNAPSHOT, .until = until};
}

struct action action_finish(void)
{
    return (struct action){.kind = ACTION_FINISH};
}

struct action action_none(void)
{
    return (struct action){.kind = ACTION_NONE};
}

bool event_is_ost(const struct qmp_event *event, const char *id, int64_t slot,
                  struct guest_answer *answer)
{
    const json_t *info = json_object_get(event->data, "info");
    const char *type = json_string_value(json_object_get(info, "slot-type"));
    const char *number = json_string_value(json_object_get(info, "slot"));
    const char *device = json_string_value(json_object_get(info, "device"));

    if (strcmp(event->name, "ACPI_DEVICE_OST") != 0 || !type || strcmp(type, "DIMM") != 0)
        return false;
    if (number && slot >= 0) {
        if (strtoll(number, NULL, 10) != slot)
            return false;
    } else if (!device || strcmp(device, id) != 0) {
        return false;
    }
    answer->source = json_integer_value(json_object_get(info, "source"));
    answer->status = json_integer_value(json_object_get(info, "status"));
    return true;
}

/* ACPI 6.5, table 6.46 (ejection request) and 6.43 (general). */
const char *ost_status_text(int64_t status)
{
    switch (status) {
    case 0:
        return "success";
    case 1:
        return "it failed";
    case 2:
        return "the request is not known";
    case 0x80:
        return "ejection is not supported";
    case 0x81:
        return "the device is in use by an application";
    case 0x82:
        return "the device is busy";
    case 0x83:
        return "something that it depends on is busy or does not support it";
    case 0x84:
        return "ejection is in progress";
    default:
        return "another failure";
    }
}
