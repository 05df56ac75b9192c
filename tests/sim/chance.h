/* SPDX-License-Identifier: MIT */
/* chance.h - what a simulator draws: the same numbers for the same seed, in no order */
#ifndef TESTS_SIM_CHANCE_H
#define TESTS_SIM_CHANCE_H

#include <stdint.h>

/* A counter, whose bits are mixed. */
static inline uint64_t chance_draw(uint64_t *chance)
{
	uint64_t x = *chance += UINT64_C(0xd1342543de82ef95);

	x = (x ^ (x >> 32)) * UINT64_C(0xdaba0b6eb09322e3);
	x = (x ^ (x >> 32)) * UINT64_C(0xdaba0b6eb09322e3);
	return x ^ (x >> 32);
}

#endif
