/* The time that passes. SPDX-License-Identifier: MIT */
#ifndef CLOCK_H
#define CLOCK_H

/* Seconds since some moment in the past; never goes back. */
double clock_now(void);

#endif
