#include "sockets.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_glob(const char *word)
{
    struct stat status;

    return word[0] != '[' && strpbrk(word, "*?[") && stat(word, &status) != 0;
}

static bool is_socket(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

static bool is_named(const struct sockets *sockets, const char *address)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (strcmp(sockets->addresses[i], address) == 0)
            return true;
    }
    return false;
}

static int append(struct sockets *sockets, const char *address)
{
    char **grown;

    if (is_named(sockets, address))
        return 0;
    grown = realloc(sockets->addresses, (sockets->count + 1) * sizeof *grown);
    if (!grown)
        return -1;
    sockets->addresses = grown;
    grown[sockets->count] = strdup(address);
    if (!grown[sockets->count])
        return -1;
    sockets->count++;
    return 0;
}

static int append_matches(struct sockets *sockets, const char *pattern)
{
    glob_t found = {0};
    size_t before = sockets->count, matches = 0;
    int code = glob(pattern, 0, NULL, &found) == GLOB_NOSPACE ? -1 : 0;

    for (size_t i = 0; code == 0 && i < found.gl_pathc; i++) {
        if (!is_socket(found.gl_pathv[i]))
            continue;
        matches++;
        code = append(sockets, found.gl_pathv[i]);
    }
    globfree(&found);
    if (code == 0 && matches == 0 && before == sockets->count)
        code = append(sockets, pattern);
    return code;
}

int sockets_add(struct sockets *sockets, const char *word)
{
    int code;

    if (is_glob(word)) {
        sockets->many = true;
        return append_matches(sockets, word);
    }
    code = append(sockets, word);
    sockets->many = sockets->many || sockets->count > 1;
    return code;
}

void sockets_free(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        free(sockets->addresses[i]);
    free(sockets->addresses);
    *sockets = (struct sockets){0};
}
