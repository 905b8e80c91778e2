/* Marsaglia's xorshift: small, and good enough to choose cases. SPDX-License-Identifier: MIT */
#include "support/random.h"

static uint64_t state = 1;

void random_seed(uint64_t seed)
{
    state = seed * UINT64_C(0x9E3779B97F4A7C15);
    if (!state)
        state = 1;
}

uint64_t random_below(uint64_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % bound;
}
