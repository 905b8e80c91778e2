#include "identity.h"

#include <inttypes.h>
#include <string.h>

#include "size.h"

static const char *text_or_none(const char *text)
{
    return text ? text : "none";
}

static int differ(struct error *error, const char *what, const char *now, const char *before)
{
    error_set(error, EXIT_NO_CONNECTION, "its %s is %.100s, and was %.100s", what,
              text_or_none(now), text_or_none(before));
    error->replaced = true;
    return -1;
}

static bool is_other(const char *now, const char *before)
{
    return strcmp(now ? now : "", before ? before : "") != 0;
}

static int compare_processes(int64_t before, int64_t now, struct error *error)
{
    if (before == 0 || now == 0 || before == now)
        return 0;
    error_set(error, EXIT_NO_CONNECTION, "its pid is %" PRId64 ", and was %" PRId64, now, before);
    error->replaced = true;
    return -1;
}

int identity_compare(const struct memory *before, const struct memory *now, struct error *error)
{
    if (is_other(now->uuid, before->uuid))
        return differ(error, "UUID", now->uuid, before->uuid);
    if (is_other(now->name, before->name))
        return differ(error, "name", now->name, before->name);
    if (strcmp(now->version, before->version) != 0)
        return differ(error, "version", now->version, before->version);
    if (now->base != before->base)
        return differ(error, "base memory", size_exact(now->base).text,
                      size_exact(before->base).text);
    return compare_processes(before->pid, now->pid, error);
}
