/* "qmp -": commands from standard input, a JSON object a line, and an answer a line. SPDX: MIT */
#ifndef QMPCTL_QMP_STREAM_H
#define QMPCTL_QMP_STREAM_H

#include "options.h"
#include "session.h"

/*
 * Needs a connected session. Commands are sent as they are read, several in flight; answers are
 * printed in the order of the lines. Returns EXIT_DONE, the code of the last answer that was an
 * error (EXIT_FAILED, or EXIT_TIMED_OUT where QEMU did not answer), or -1 with *error set: the
 * connection was lost, or not all input could be read.
 */
int qmp_stream_run(struct session *session, const struct options *options, struct error *error);

#endif
