#include "host/findings.h"

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
