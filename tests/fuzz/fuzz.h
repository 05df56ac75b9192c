/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what libFuzzer calls, and what a target does when a promise is broken
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Also in a build without assertions. */
#define FUZZ_EXPECT(condition)                                                             \
	do {                                                                               \
		if (!(condition)) {                                                        \
			(void)fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, \
				      #condition);                                         \
			abort();                                                           \
		}                                                                          \
	} while (0)

#endif
