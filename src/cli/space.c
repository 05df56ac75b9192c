/* SPDX-License-Identifier: MIT */
#include "space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

/* Others that are further apart than this are shown apart. */
#define FAR ((uint64_t)1 << 30)

/* ---- reading ---------------------------------------------------------------------------- */

/* Makes room for one more of @size bytes in an array that grows by halves. */
static void *grown(void *items, size_t count, size_t size)
{
	/* A power of two says that the room is used up. */
	if (count & (count - 1))
		return items;
	return reallocarray(items, count ? 2 * count : 1, size);
}

static int add_mapping(struct space *space, const struct tract_mapping_info *mapping)
{
	struct tract_mapping_info *more;

	/* The kernel's page for old programs is in no process, though it is shown in each. */
	if (mapping->kind == TRACT_MAPPING_HELD || strcmp(mapping->name, "[vsyscall]") == 0)
		return 0;
	more = grown(space->mappings, space->mapping_count, sizeof(*more));
	if (!more)
		return -ENOMEM;
	space->mappings = more;
	space->mappings[space->mapping_count++] = *mapping;
	return 0;
}

static int add_area(struct space *space, const struct tract_area_info *area)
{
	struct space_area *more = grown(space->areas, space->area_count, sizeof(*more));

	if (!more)
		return -ENOMEM;
	space->areas = more;
	space->areas[space->area_count++] = (struct space_area){ .info = *area };
	return 0;
}

static int read_all(struct space *space)
{
	struct tract_mapping_info mapping = { .size = 0 };
	struct tract_area_info area = { .size = 0 };
	uint64_t from = 0;
	int r;

	do {
		r = tract_survey_next_mapping(space->survey, from, &mapping);
		from = mapping.start + mapping.size;
		if (r == 0)
			r = add_mapping(space, &mapping);
	} while (r == 0 && from != 0);
	from = 0;
	if (r < 0 && r != -ENOENT)
		return r;
	do {
		r = tract_survey_next_area(space->survey, from, &area);
		from = area.start + area.size;
		if (r == 0)
			r = add_area(space, &area);
	} while (r == 0 && from != 0);
	return r == -ENOENT ? 0 : r;
}

/* ---- cutting into pieces ---------------------------------------------------------------- */

static int add_piece(struct space *space, const struct piece *piece)
{
	struct piece *more = grown(space->pieces, space->piece_count, sizeof(*more));

	if (!more)
		return -ENOMEM;
	space->pieces = more;
	space->pieces[space->piece_count++] = *piece;
	return 0;
}

/* A run that can be told by its last byte: the first behind may be the first of all. */
static uint64_t mapping_last(const struct tract_mapping_info *mapping)
{
	return mapping->start + (mapping->size - 1);
}

static uint64_t area_last(const struct space_area *area)
{
	return area->info.start + (area->info.size - 1);
}

struct cutter {
	struct space *space;
	size_t mapping, area; /* the next ones, that do not end before: */
	uint64_t at;
};

static size_t area_here(const struct cutter *c)
{
	bool inside =
		c->area < c->space->area_count && c->space->areas[c->area].info.start <= c->at;

	return inside ? c->area : SPACE_NO_AREA;
}

/* What begins at the cutter's place. */
static struct piece next_piece(const struct cutter *c)
{
	const struct space *space = c->space;
	const struct tract_mapping_info *m =
		c->mapping < space->mapping_count ? &space->mappings[c->mapping] : NULL;
	const struct space_area *a =
		c->area < space->area_count ? &space->areas[c->area] : NULL;
	struct piece piece = { .kind = PIECE_GAP, .start = c->at, .area = area_here(c) };
	uint64_t last = UINT64_MAX;

	if (m && m->start <= c->at) {
		piece.kind = PIECE_MAPPING;
		piece.mapping = m;
		piece.count = 1;
		piece.size = piece.bytes = m->size;
		piece.resident = m->resident;
		return piece;
	}
	if (m)
		last = m->start - 1;
	if (piece.area != SPACE_NO_AREA) {
		piece.kind = PIECE_ROOM;
		if (area_last(a) < last)
			last = area_last(a);
	} else if (a && a->info.start - 1 < last) {
		last = a->info.start - 1;
	}
	piece.size = last - c->at + 1;
	return piece;
}

static bool advance(struct cutter *c, const struct piece *piece)
{
	const struct space *space = c->space;
	uint64_t last = piece_last(piece);

	while (c->mapping < space->mapping_count &&
	       mapping_last(&space->mappings[c->mapping]) <= last)
		c->mapping++;
	while (c->area < space->area_count && area_last(&space->areas[c->area]) <= last)
		c->area++;
	c->at = last + 1;
	return c->mapping < space->mapping_count || c->area < space->area_count;
}

static int cut(struct space *space)
{
	struct cutter c = { .space = space, .at = UINT64_MAX };
	struct piece piece;
	int r;

	if (space->mapping_count > 0)
		c.at = space->mappings[0].start;
	if (space->area_count > 0 && space->areas[0].info.start < c.at)
		c.at = space->areas[0].info.start;
	do {
		piece = next_piece(&c);
		r = add_piece(space, &piece);
	} while (r == 0 && advance(&c, &piece));
	return r;
}

static bool is_other(const struct piece *piece)
{
	return piece->mapping && piece->mapping->kind == TRACT_MAPPING_OTHER;
}

/* What the library shares with its broker is not the program's. */
static bool is_attached(const struct piece *piece)
{
	return !is_other(piece) && piece->mapping->kind != TRACT_MAPPING_CONTROL;
}

static void count_all(struct space *space)
{
	for (size_t i = 0; i < space->piece_count; i++) {
		const struct piece *piece = &space->pieces[i];
		struct space_total *total;

		if (!piece->mapping)
			continue;
		total = is_attached(piece) ? &space->tract : &space->other;
		total->count++;
		total->bytes += piece->bytes;
		total->resident += piece->resident;
		if (piece->area == SPACE_NO_AREA)
			continue;
		space->areas[piece->area].count++;
		space->areas[piece->area].bytes += piece->bytes;
		space->areas[piece->area].resident += piece->resident;
	}
}

/* ---- joining pieces --------------------------------------------------------------------- */

/* Appends @with, which may have others before it, to a run. */
static void join(struct piece *run, enum piece_kind kind, const struct piece *with)
{
	run->kind = kind;
	run->mixed = run->mixed || with->mixed ||
		     run->mapping->rights != with->mapping->rights ||
		     run->mapping->executable != with->mapping->executable;
	run->size = piece_last(with) - run->start + 1;
	run->count += with->count;
	run->bytes += with->bytes;
	run->resident += with->resident;
}

/*
 * Joins what @fits says may be one with the run that precedes it; between them may be gaps and
 * room, but only such as are shorter than @far.
 */
static void join_runs(struct space *space, enum piece_kind kind, uint64_t far,
		      bool (*fits)(const struct piece *run, const struct piece *next))
{
	struct piece *pieces = space->pieces;
	size_t kept = 0;

	for (size_t i = 0; i < space->piece_count; i++) {
		struct piece *run = kept ? &pieces[kept - 1] : NULL;
		bool between = run && !run->mapping && run->size < far;

		if (between && kept > 1)
			run = &pieces[kept - 2];
		if (run && run->mapping && pieces[i].mapping && fits(run, &pieces[i])) {
			join(run, kind, &pieces[i]);
			kept -= between;
		} else {
			pieces[kept++] = pieces[i];
		}
	}
	space->piece_count = kept;
}

static bool are_others(const struct piece *run, const struct piece *next)
{
	return is_other(run) && is_other(next) && run->area == SPACE_NO_AREA &&
	       next->area == SPACE_NO_AREA;
}

static void name_others(struct space *space)
{
	for (size_t i = 0; i < space->piece_count; i++)
		if (is_other(&space->pieces[i]) && space->pieces[i].area == SPACE_NO_AREA)
			space->pieces[i].kind = PIECE_OTHERS;
}

static bool are_of_one_kind(const struct piece *run, const struct piece *next)
{
	return run->area == next->area && run->mapping->kind == next->mapping->kind;
}

static bool are_alike(const struct piece *run, const struct piece *next)
{
	const struct tract_mapping_info *a = run->mapping, *b = next->mapping;

	return are_of_one_kind(run, next) && !run->mixed && !next->mixed &&
	       a->rights == b->rights && a->executable == b->executable &&
	       a->shared == b->shared;
}

bool space_fold(const struct space *space, size_t most, struct space *ret)
{
	struct space folded = *space;

	folded.pieces = calloc(space->piece_count, sizeof(*folded.pieces));
	if (!folded.pieces)
		return false;
	memcpy(folded.pieces, space->pieces, space->piece_count * sizeof(*folded.pieces));
	if (folded.piece_count > most)
		join_runs(&folded, PIECE_MANY, folded.scale, are_alike);
	if (folded.piece_count > most)
		join_runs(&folded, PIECE_MANY, folded.scale, are_of_one_kind);
	*ret = folded;
	return true;
}

void space_unfold(struct space *folded)
{
	free(folded->pieces);
}

/* ---- the same memory -------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	const struct memory_id *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return (x->object > y->object) - (x->object < y->object);
}

static int sort_ids(struct space *space)
{
	size_t count = space->mapping_count;

	space->ids = calloc(count ? count : 1, sizeof(*space->ids));
	if (!space->ids)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		space->ids[i] = (struct memory_id){ space->mappings[i].device,
						    space->mappings[i].object };
	if (count > 1)
		qsort(space->ids, count, sizeof(*space->ids), compare_ids);
	return 0;
}

size_t space_views(const struct space *space, const struct tract_mapping_info *mapping)
{
	const struct memory_id id = { mapping->device, mapping->object };
	size_t low = 0, high = space->mapping_count, views = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_ids(&space->ids[middle], &id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low < space->mapping_count && compare_ids(&space->ids[low], &id) == 0) {
		views++;
		low++;
	}
	return views;
}

/* ---- the whole -------------------------------------------------------------------------- */

static void choose_scale(struct space *space, bool all)
{
	space->scale = space->tract.bytes + (all ? space->other.bytes : 0);
	for (size_t i = 0; space->scale == 0 && i < space->area_count; i++)
		space->scale = space->areas[i].info.size;
}

void space_close(struct space *space)
{
	free(space->mappings);
	free(space->areas);
	free(space->pieces);
	free(space->ids);
	tract_survey_close(space->survey);
}

int space_open(int32_t pid, bool all, struct space *ret)
{
	struct space space = { .pid = pid };
	int r;

	r = tract_survey_open(pid, &space.survey);
	if (r == 0)
		r = read_all(&space);
	if (r == 0)
		r = sort_ids(&space);
	if (r == 0)
		r = cut(&space);
	if (r < 0) {
		out_failed(r, "cannot look at process %d", pid);
		space_close(&space);
		return CLI_REFUSED;
	}
	(void)words_process(pid, space.name);
	count_all(&space);
	choose_scale(&space, all);
	if (!all) {
		join_runs(&space, PIECE_OTHERS, FAR, are_others);
		name_others(&space);
	}
	*ret = space;
	return CLI_OK;
}

/* ---- words ------------------------------------------------------------------------------ */

/* The kernel's name of what is not tract's, without the folders. */
static const char *name_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (name[0] == '\0')
		return "private memory";
	return name[0] == '/' && slash ? slash + 1 : name;
}

const char *space_what(const struct piece *piece, char text[WORDS_MAX])
{
	const struct tract_mapping_info *mapping = piece->mapping;
	bool private = mapping && !mapping->shared && mapping->kind == TRACT_MAPPING_REGION;

	if (piece->kind == PIECE_OTHERS)
		(void)snprintf(text, WORDS_MAX, piece->count == 1 ? "%zu other" : "%zu others",
			       piece->count);
	else if (piece->kind == PIECE_MANY)
		(void)snprintf(text, WORDS_MAX, "%zu × %s", piece->count,
			       words_mapping(mapping->kind));
	else if (!mapping)
		(void)snprintf(text, WORDS_MAX, "free");
	else if (mapping->kind == TRACT_MAPPING_OTHER)
		(void)snprintf(text, WORDS_MAX, "%.24s", name_of(mapping->name));
	else
		(void)snprintf(text, WORDS_MAX, "%s%s", private ? "private " : "",
			       words_mapping(mapping->kind));
	return text;
}
