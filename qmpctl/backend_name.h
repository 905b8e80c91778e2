/* How qmpctl names the backend of a device: "mem-" and the device's id. Pure. SPDX: MIT */
#ifndef QMPCTL_BACKEND_NAME_H
#define QMPCTL_BACKEND_NAME_H

#include <stdbool.h>

struct backend_name {
    char text[264]; /* an id has 255 bytes at the most */
};

struct backend_name backend_name_of(const char *device);

/* The id of the device that a backend of this name was made for, a part of it; NULL: the name is
 * not of that form. */
const char *backend_name_device(const char *backend);

/* Whether it is the name of such a backend of a device that nobody named: mem-dimmN. */
bool backend_name_is_automatic(const char *backend);

#endif
