/* A change as a module description asks for it: plug --xml. SPDX: MIT */
#ifndef QMPCTL_PLACEMENT_XML_H
#define QMPCTL_PLACEMENT_XML_H

#include "options.h"

/* Fills in what the description of options->xml says and the command line does not. What is done
 * otherwise than it says is noted in the request. 0, or -1 with EXIT_USAGE. */
int placement_xml_apply(struct options *options, struct error *error);

#endif
