#include "host/findings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct preflight_finding *finding_add(struct preflight_report *report,
                                      enum preflight_severity severity, const char *check,
                                      const char *format, ...)
{
    struct preflight_finding *finding;
    va_list arguments;

    if (report->count == PREFLIGHT_FINDINGS)
        return NULL;
    finding = &report->findings[report->count++];
    *finding = (struct preflight_finding){.severity = severity, .check = check};
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
    return finding;
}

void finding_mend(struct preflight_finding *finding, const char *format, ...)
{
    va_list arguments;
    int length;

    if (!finding)
        return;
    va_start(arguments, format);
    length = vsnprintf(finding->mend, sizeof finding->mend, format, arguments);
    va_end(arguments);
    /* Half a command is worse than none. */
    if (length < 0 || (size_t)length >= sizeof finding->mend)
        finding->mend[0] = '\0';
}

static bool is_plain(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+:,@%=";

    return *path && path[strspn(path, plain)] == '\0';
}

struct finding_word finding_quote(const char *path)
{
    struct finding_word word;
    const size_t most = sizeof word.text - 6; /* what one more character and the end take */
    size_t length = 0;

    if (is_plain(path)) {
        snprintf(word.text, sizeof word.text, "%s", path);
        return word;
    }
    word.text[length++] = '\'';
    for (; *path && length < most; path++) {
        if (*path == '\'') {
            memcpy(word.text + length, "'\\'", 3);
            length += 3;
        }
        word.text[length++] = *path;
    }
    word.text[length++] = '\'';
    word.text[length] = '\0';
    return word;
}

void finding_mend_limit(struct preflight_finding *finding, const struct host_limit *limit,
                        uint64_t missing)
{
    if (limit->file[0] != '\0')
        finding_mend(finding, "echo %" PRIu64 " >%s",
                     missing > UINT64_MAX / 2 ? UINT64_MAX / 2 : limit->limit + missing,
                     finding_quote(limit->file).text);
}

char *finding_nodes(const struct node_set *nodes, char *buffer, size_t size)
{
    char list[128];
    bool several;

    buffer[0] = '\0';
    if (node_set_is_empty(nodes))
        return buffer;
    node_set_format(nodes, list, sizeof list);
    several = strpbrk(list, ",-") != NULL;
    snprintf(buffer, size, " on node%s %s", several ? "s" : "", list);
    return buffer;
}
