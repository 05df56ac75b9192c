/* SPDX-License-Identifier: MIT */
/*
 * strip.h - a space as one line of a terminal
 *
 * As wide as the terminal, or 80 columns elsewhere.  Without colour, and where there is no
 * UTF-8, every kind has a sign of its own still.
 */
#ifndef CLI_STRIP_H
#define CLI_STRIP_H

#include "space.h"

/* How a kind of piece looks. */
struct look {
	const char *name;     /* in the legend */
	const char *sequence; /* that begins its colour */
	const char *sign;     /* in UTF-8 */
	const char *last;     /* the last one, so that neighbours can be told apart */
	const char *plain;    /* in ASCII */
};

const struct look *look_of(const struct space *space, const struct piece *piece);

/* Prints it with addresses above, areas and the sizes of gaps below, and a legend. */
void strip_print(const struct space *space);
/* Its columns: those of the terminal, within reason. */
unsigned strip_width(void);
/* So many pieces still have a length of their own. */
unsigned strip_pieces(void);

#endif
