#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "qmpclient.h"

int error_set(struct error *error, enum exit_code code, const char *format, ...)
{
    va_list arguments;

    if (!error)
        return -1;
    *error = (struct error){.code = code};
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return -1;
}

int error_hint(struct error *error, const char *format, ...)
{
    va_list arguments;

    if (!error)
        return -1;
    va_start(arguments, format);
    vsnprintf(error->hint, sizeof error->hint, format, arguments);
    va_end(arguments);
    return -1;
}

const char *error_how_lost(const struct error *cause)
{
    if (cause->replaced)
        return "QEMU was restarted, or another VM has its monitor's address";
    return cause->unanswered ? "QEMU does not answer" : "the connection was lost";
}

static const char *phase_name(enum qmp_phase phase)
{
    static const char *const names[] = {[QMP_PHASE_CONNECT] = "connect",
                                        [QMP_PHASE_GREETING] = "greeting",
                                        [QMP_PHASE_NEGOTIATION] = "negotiation",
                                        [QMP_PHASE_COMMAND] = "command"};

    return names[phase];
}

int error_from_qmp(struct error *error, const char *what, const struct qmp_error *cause)
{
    switch (cause->code) {
    case QMP_ERROR_COMMAND:
        error_set(error, EXIT_FAILED, "%s: %s", what, cause->text);
        snprintf(error->qmp_class, sizeof error->qmp_class, "%s", cause->error_class);
        snprintf(error->qmp_desc, sizeof error->qmp_desc, "%s", cause->text);
        return -1;
    case QMP_ERROR_INVALID:
        return error_set(error, EXIT_USAGE, "%s: %s", what, cause->text);
    case QMP_ERROR_MEMORY:
        return error_set(error, EXIT_FAILED, "%s: %s", what, cause->text);
    case QMP_ERROR_BUSY:
        error_set(error, EXIT_NO_CONNECTION, "%s: %s", what, cause->text);
        error->phase = phase_name(cause->phase);
        return error_hint(error, "a monitor serves one client at a time; give QEMU a second one: "
                                 "-qmp unix:PATH,server=on,wait=off");
    default:
        error_set(error, EXIT_NO_CONNECTION, "%s: %s", what, cause->text);
        if (cause->sys_errno == EACCES)
            error_hint(error, "run qmpctl as the user that QEMU runs as, or as root");
        error->phase = phase_name(cause->phase);
        error->closed = cause->code == QMP_ERROR_CLOSED;
        error->absent = cause->sys_errno == ENOENT || cause->sys_errno == ECONNREFUSED;
        error->unanswered = cause->code == QMP_ERROR_TIMEOUT;
        return -1;
    }
}
