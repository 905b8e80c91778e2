#include "host/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"

#define FIRST_LOAD ((size_t)8192)

bool files_join(const char *root, const char *path, char *joined, size_t size)
{
    size_t length = strlen(root);
    int written;

    while (length > 0 && root[length - 1] == '/')
        length--;
    while (*path == '/')
        path++;
    if (length >= size)
        return false;
    written = snprintf(joined, size, "%.*s/%s", (int)length, root, path);
    return written > 0 && (size_t)written < size;
}

/* Opens without waiting and reads nothing but regular files: a tree could hold a pipe. */
static int open_regular(const char *root, const char *path)
{
    char joined[FILES_PATH];
    struct stat status;
    int descriptor;

    if (!files_join(root, path, joined, sizeof joined))
        return -1;
    descriptor = open(joined, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor >= 0 && (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/* -1, as long as nothing interrupts it. */
static ssize_t read_some(int descriptor, char *buffer, size_t size)
{
    ssize_t got;

    do
        got = read(descriptor, buffer, size);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Continues behind length, up to size - 1 bytes and a zero byte. The new length, or -1. */
static long read_whole(int descriptor, char *buffer, size_t length, size_t size)
{
    while (length < size - 1) {
        ssize_t got = read_some(descriptor, buffer + length, size - 1 - length);

        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    buffer[length] = '\0';
    return (long)length;
}

long files_read(const char *root, const char *path, char *buffer, size_t size)
{
    int descriptor = open_regular(root, path);
    long length;

    if (descriptor < 0)
        return -1;
    length = read_whole(descriptor, buffer, 0, size);
    close(descriptor);
    return length;
}

/* Most are small: a bound of a MiB is not asked of the system for a page. */
static char *load(int descriptor, size_t limit, size_t *length)
{
    char *buffer = NULL;
    size_t size = 0;
    long got = 0;

    while ((size_t)got + 1 >= size && size < limit + 1) {
        size_t larger = size == 0 ? FIRST_LOAD : size * 2;
        char *grown = realloc(buffer, larger > limit + 1 ? limit + 1 : larger);

        if (grown) {
            buffer = grown;
            size = larger > limit + 1 ? limit + 1 : larger;
            got = read_whole(descriptor, buffer, (size_t)got, size);
        }
        if (!grown || got < 0) {
            free(buffer);
            return NULL;
        }
    }
    *length = (size_t)got;
    return buffer;
}

char *files_load(const char *root, const char *path, size_t limit, size_t *length)
{
    int descriptor = open_regular(root, path);
    size_t got;
    char *text;

    if (descriptor < 0)
        return NULL;
    text = load(descriptor, limit, length ? length : &got);
    close(descriptor);
    return text;
}

uint64_t files_number(const char *text)
{
    char *end;
    uintmax_t number;

    while (isspace((unsigned char)*text))
        text++;
    if (!isdigit((unsigned char)*text))
        return HOST_UNKNOWN;
    errno = 0;
    number = strtoumax(text, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    return errno == 0 && *end == '\0' ? number : HOST_UNKNOWN;
}

uint64_t files_read_number(const char *root, const char *path)
{
    char text[64];
    int descriptor = open_regular(root, path);
    ssize_t got;

    if (descriptor < 0)
        return HOST_UNKNOWN;
    /* The kernel gives such a file in one piece, and there are many: nobody asks for the end. */
    got = read_some(descriptor, text, sizeof text - 1);
    close(descriptor);
    text[got > 0 ? got : 0] = '\0';
    return files_number(text);
}

const char *files_line(const char *text, const char *key, char *value, size_t size)
{
    size_t key_length = strlen(key);

    while (text && *text) {
        if (strncmp(text, key, key_length) == 0) {
            const char *from = text + key_length;
            size_t length;

            from += strspn(from, " \t");
            length = strcspn(from, "\n");
            if (length >= size)
                return NULL;
            memcpy(value, from, length);
            value[length] = '\0';
            return value;
        }
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return NULL;
}

uint64_t files_line_size(const char *text, const char *key)
{
    char value[64];
    uint64_t number, unit = 1;
    char *suffix;

    if (!files_line(text, key, value, sizeof value))
        return HOST_UNKNOWN;
    suffix = strstr(value, " kB");
    if (suffix) {
        unit = 1024;
        *suffix = '\0';
    }
    number = files_number(value);
    return number > UINT64_MAX / 1024 ? HOST_UNKNOWN : number * unit;
}
