#include "backend_name.h"

#include <stdio.h>
#include <string.h>

#define PREFIX    "mem-"
#define AUTOMATIC "dimm"

struct backend_name backend_name_of(const char *device)
{
    struct backend_name name;

    snprintf(name.text, sizeof name.text, PREFIX "%.255s", device);
    return name;
}

const char *backend_name_device(const char *backend)
{
    const size_t length = strlen(PREFIX);

    return strncmp(backend, PREFIX, length) == 0 && backend[length] ? backend + length : NULL;
}

bool backend_name_is_automatic(const char *backend)
{
    const char *device = backend_name_device(backend);
    const char *digits = device && strncmp(device, AUTOMATIC, strlen(AUTOMATIC)) == 0
                             ? device + strlen(AUTOMATIC)
                             : "";

    return *digits && digits[strspn(digits, "0123456789")] == '\0';
}
