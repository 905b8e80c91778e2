/* Numbers that look random, and are the same in each run. SPDX-License-Identifier: MIT */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

/* Starts a series of its own for each seed. Without it a program starts with one and the same. */
void random_seed(uint64_t seed);
/* 0 to bound - 1. */
uint64_t random_below(uint64_t bound);

#endif
