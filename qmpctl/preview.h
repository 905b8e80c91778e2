/* What a change would do, of one VM or of each of several, side by side. SPDX: MIT */
#ifndef QMPCTL_PREVIEW_H
#define QMPCTL_PREVIEW_H

#include "options.h"

/* Plans options->change and prints the plans; changes nothing. An exit code, or -1 with *error set,
 * as a command's. */
int preview_run(struct options *options, struct error *error);

#endif
