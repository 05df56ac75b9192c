/* SPDX-License-Identifier: MIT */
/*
 * spread.c - how long the pieces of a space are in a picture
 *
 * To scale, where a picture can be: what is mapped has the length of its size, and so has what
 * is free beside it.  An address space is nearly all gaps, though, so one that is longer than
 * all that is mapped together is broken: it gets a mark, and the same length as any other.
 */
#include "space.h"

bool space_is_broken(const struct space *space, const struct piece *piece)
{
	if (piece->kind == PIECE_GAP)
		return piece->size > space->scale / 4;
	return piece->kind == PIECE_ROOM && piece->size > space->scale;
}

bool space_is_landmark(const struct space *space, size_t number)
{
	const struct piece *piece = &space->pieces[number], *before = piece - 1;

	if (piece->kind == PIECE_GAP)
		return false;
	if (number == 0 || space_is_broken(space, before))
		return true;
	return piece->area != SPACE_NO_AREA && piece->area != before->area;
}

/* Of these it is only shown that they are there. */
static bool is_aside(const struct piece *piece)
{
	return piece->kind == PIECE_OTHERS ||
	       (piece->mapping && piece->mapping->kind == TRACT_MAPPING_CONTROL);
}

/* The part of its length that does not depend on its size. */
static unsigned fixed_length(const struct space *space, const struct piece *piece,
			     const struct spread *spread)
{
	if (is_aside(piece))
		return spread->others;
	if (piece->kind == PIECE_GAP && space_is_broken(space, piece))
		return spread->broken;
	return spread->least;
}

/* Its share of what is left. */
static double weight(const struct space *space, const struct piece *piece)
{
	if (is_aside(piece))
		return 0;
	if (space_is_broken(space, piece))
		return piece->kind == PIECE_ROOM ? (double)space->scale : 0;
	/* Many may be far apart. */
	return piece->kind == PIECE_MANY ? (double)piece->bytes : (double)piece->size;
}

unsigned space_spread(const struct space *space, const struct spread *spread,
		      unsigned *ret_lengths)
{
	double weights = 0, seen = 0, rest;
	unsigned fixed = 0, given = 0;

	for (size_t i = 0; i < space->piece_count; i++) {
		fixed += fixed_length(space, &space->pieces[i], spread);
		weights += weight(space, &space->pieces[i]);
	}
	rest = spread->total > fixed ? spread->total - fixed : 0;
	for (size_t i = 0; i < space->piece_count; i++) {
		unsigned upto;

		seen += weight(space, &space->pieces[i]);
		/* Rounded where it ends, so that errors do not add up. */
		upto = weights > 0 ? (unsigned)(rest * (seen / weights) + 0.5) : 0;
		ret_lengths[i] = fixed_length(space, &space->pieces[i], spread) + upto - given;
		given = upto;
	}
	return fixed + given;
}
