/* SPDX-License-Identifier: MIT */
/*
 * guest.c - a shared object that is loaded and let go of again, and knows what it should hold
 */
#include <stdbool.h>
#include <stddef.h>

#define SIZE (64u << 10)

bool guest_is_intact(void);

static const volatile unsigned char constant[SIZE] = { [0 ... SIZE - 1] = 0x5a };
static volatile unsigned char given[SIZE] = { [0 ... SIZE - 1] = 0xa5 };
static volatile unsigned char zeroed[SIZE];

/* True once for each time it is loaded: what can be written it writes. */
__attribute__((visibility("default"))) bool guest_is_intact(void)
{
	bool right = true;

	for (size_t i = 0; i < SIZE; i++) {
		right = right && constant[i] == 0x5a && given[i] == 0xa5 && zeroed[i] == 0;
		given[i] = (unsigned char)i;
		zeroed[i] = (unsigned char)~i;
	}
	for (size_t i = 0; i < SIZE; i++)
		right = right && given[i] == (unsigned char)i && zeroed[i] == (unsigned char)~i;
	return right;
}
