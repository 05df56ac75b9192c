/* SPDX-License-Identifier: MIT */
/*
 * space.h - a process's addresses, as `tract map` shows them
 *
 * The addresses between the first and the last thing of a process are cut into pieces: each is
 * one mapping, or a run of what is not tract's, or room in an area, or a gap.  A table has a
 * row for most of them; a picture gives each of them a share of its length.
 */
#ifndef CLI_SPACE_H
#define CLI_SPACE_H

#include <tract/inspect.h>

#include "cli.h"
#include "words.h"

enum piece_kind {
	PIECE_MAPPING,
	PIECE_MANY,   /* mappings of one kind, and what is between them */
	PIECE_OTHERS, /* mappings that are not tract's, likewise */
	PIECE_ROOM,   /* in an area, with nothing attached */
	PIECE_GAP,    /* nobody's */
};

#define SPACE_NO_AREA SIZE_MAX

struct piece {
	enum piece_kind kind;
	uint64_t start, size;
	/* Or the first of many; NULL: there is none. */
	const struct tract_mapping_info *mapping;
	size_t count;		  /* of mappings */
	uint64_t bytes, resident; /* of all of them */
	bool mixed;		  /* not all of them have the same rights */
	size_t area;		  /* the area that its first byte is in, or SPACE_NO_AREA */
};

/* An area, and what is in it. */
struct space_area {
	struct tract_area_info info;
	size_t count; /* of mappings that begin in it */
	uint64_t bytes, resident;
};

struct space_total {
	size_t count;
	uint64_t bytes, resident;
};

struct memory_id {
	uint64_t device, object;
};

struct space {
	int32_t pid;
	char name[WORDS_MAX];
	struct tract_survey *survey;
	struct tract_mapping_info *mappings; /* less what only holds addresses */
	size_t mapping_count;
	struct space_area *areas;
	size_t area_count;
	struct piece *pieces; /* in order; each begins where the one before ends */
	size_t piece_count;
	struct memory_id *ids; /* of each mapping, in their order */
	struct space_total tract, other;
	/* The size of all that is shown at its length: what else is longer is cut short. */
	uint64_t scale;
};

/* Looks at a process.  With @all, each mapping is a piece of its own.  An exit status: what is
 * wrong was said. */
int space_open(int32_t pid, bool all, struct space *ret);
void space_close(struct space *space);

/*
 * A copy in which neighbours of one kind are PIECE_MANY, if there are more than @most pieces:
 * first those with the same rights, and all if that does not do.  False if memory is short.
 * Good for as long as the original is, and given up by space_unfold().
 */
bool space_fold(const struct space *space, size_t most, struct space *ret);
void space_unfold(struct space *folded);

/* In how many mappings of the process the same memory is seen. */
size_t space_views(const struct space *space, const struct tract_mapping_info *mapping);

static inline uint64_t piece_last(const struct piece *piece)
{
	return piece->start + (piece->size - 1);
}

/* ---- lengths ---------------------------------------------------------------------------- */

/* How long things are in a picture, in its own units. */
struct spread {
	unsigned total;	 /* of all together, */
	unsigned least;	 /* of anything that is mapped or is room, */
	unsigned broken; /* of a gap too long for its length, */
	unsigned others; /* of what is not the program's */
};

/* Is it drawn shorter than it is, with a mark that says so? */
bool space_is_broken(const struct space *space, const struct piece *piece);
/* Does a piece begin what people look for first: an area, or what is behind a long gap? */
bool space_is_landmark(const struct space *space, size_t number);
/* The length of each piece, in @ret_lengths.  Their sum, which is more than the total where
 * there is no room for the least of all. */
unsigned space_spread(const struct space *space, const struct spread *spread,
		      unsigned *ret_lengths);

/* ---- words ------------------------------------------------------------------------------ */

/* What a piece is, for people: "private region", "17 others", "libc.so.6". */
const char *space_what(const struct piece *piece, char text[WORDS_MAX]);

#endif
