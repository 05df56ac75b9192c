/* SPDX-License-Identifier: MIT */
/*
 * sample.h - messages to test with, made from messages.def
 *
 * For tests and fuzz seeds only.  A seed gives the same message on every machine.
 */
#ifndef WIRE_SAMPLE_H
#define WIRE_SAMPLE_H

#include "wire/wire.h"

enum sample_kind {
	SAMPLE_LEAST, /* every field the smallest it may be */
	SAMPLE_MOST,  /* every field the largest it may be */
	SAMPLE_ANY,   /* every field whatever it may be, from the seed */
};

/* The number of the index-th message of the table; 0 past the end. */
uint32_t sample_number(unsigned index);
/* Fills in every field of a message of this number.  @seed is moved on. */
void sample_message(struct message *ret_message, uint32_t number, enum sample_kind kind,
		    uint64_t *seed);
/* Whether two messages say the same, whatever lies in the parts of them that are not said. */
bool sample_equal(const struct message *a, const struct message *b);

#endif
