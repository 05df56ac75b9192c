/* SPDX-License-Identifier: MIT */
#include "strip.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "out.h"

#define COLUMNS_MAX 512
#define COLUMNS_MIN 40
#define COLUMNS_ELSEWHERE 80

/* ---- how things look -------------------------------------------------------------------- */

enum look_number {
	/* The first are those of enum tract_mapping_kind. */
	LOOK_ROOM = TRACT_MAPPING_HELD,
	LOOK_CLOSED,
	LOOK_GAP,
	LOOK_BREAK,
	LOOKS
};

static const struct look looks[LOOKS] = {
	[TRACT_MAPPING_OTHER] = { "others", "\033[2m", "·", "·", ":" },
	[TRACT_MAPPING_REGION] = { "region", "\033[94m", "█", "▉", "#" },
	[TRACT_MAPPING_OBJECT] = { "object", "\033[32m", "▓", "▓", "@" },
	[TRACT_MAPPING_PAGER] = { "pager", "\033[33m", "▒", "▒", "%" },
	[TRACT_MAPPING_ANONYMOUS] = { "anonymous", "\033[36m", "▞", "▞", "+" },
	[TRACT_MAPPING_BLOCKED] = { "blocked", "\033[31m", "╳", "╳", "x" },
	[TRACT_MAPPING_SYSV] = { "sysv", "\033[35m", "▚", "▚", "$" },
	[TRACT_MAPPING_CONTROL] = { "control", "\033[37m", "≡", "≡", "=" },
	[LOOK_ROOM] = { "free, in an area", "\033[90m", "░", "░", "." },
	[LOOK_CLOSED] = { "closed, in a blocked area", "\033[90m", "×", "×", "!" },
	[LOOK_GAP] = { NULL, "", " ", " ", " " },
	[LOOK_BREAK] = { "cut short", "\033[2m", "╱", "╱", "/" },
};

const struct look *look_of(const struct space *space, const struct piece *piece)
{
	if (piece->mapping)
		return &looks[piece->mapping->kind];
	if (piece->kind != PIECE_ROOM)
		return &looks[LOOK_GAP];
	return &looks[space->areas[piece->area].info.blocked ? LOOK_CLOSED : LOOK_ROOM];
}

static bool has_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

unsigned strip_width(void)
{
	struct winsize size = { .ws_col = 0 };
	unsigned columns = COLUMNS_ELSEWHERE;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		columns = size.ws_col;
	if (columns < COLUMNS_MIN)
		return COLUMNS_MIN;
	return columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
}

unsigned strip_pieces(void)
{
	return strip_width() / 2;
}

/* ---- cells ------------------------------------------------------------------------------ */

struct cell {
	const char *sign; /* NULL: a space */
	const char *sequence;
	char letter[2]; /* what @sign may point to */
};

struct strip {
	const struct space *space;
	unsigned columns, length; /* of all pieces, before they are made to fit */
	bool utf8, color;
	struct cell above[COLUMNS_MAX], line[COLUMNS_MAX], below[COLUMNS_MAX];
	bool used[LOOKS];
};

static const char *sign_of(const struct strip *strip, const struct look *look, bool last)
{
	if (!strip->utf8)
		return last && look->plain[0] == '#' ? "|" : look->plain;
	return last ? look->last : look->sign;
}

static bool is_free(const struct cell *cells, unsigned at, unsigned count, unsigned columns)
{
	if (at + count > columns)
		return false;
	/* One space on either side. */
	if ((at > 0 && cells[at - 1].sign) || (at + count < columns && cells[at + count].sign))
		return false;
	for (unsigned i = 0; i < count; i++)
		if (cells[at + i].sign)
			return false;
	return true;
}

static void put_text(struct cell *cells, unsigned at, const char *text, const char *sequence)
{
	for (; *text; text++, at++) {
		cells[at].letter[0] = *text;
		cells[at].sign = cells[at].letter;
		cells[at].sequence = sequence;
	}
}

/* As near to @at as there is room, at most a few cells away. */
static void put_near(const struct strip *strip, struct cell *cells, int at, const char *text)
{
	unsigned count = (unsigned)strlen(text);

	for (int away = 0; away < 8; away++) {
		for (int side = -1; side <= 1; side += 2) {
			int here = at + side * away;

			if (here < 0 || !is_free(cells, (unsigned)here, count, strip->columns))
				continue;
			put_text(cells, (unsigned)here, text, "\033[2m");
			return;
		}
	}
}

/* ---- drawing ---------------------------------------------------------------------------- */

/* The column that a place on the unshortened strip falls into. */
static unsigned column_of(const struct strip *strip, unsigned place)
{
	if (strip->length <= strip->columns)
		return place;
	return (unsigned)((uint64_t)place * strip->columns / strip->length);
}

static void draw_piece(struct strip *strip, const struct piece *piece, unsigned from,
		       unsigned to)
{
	const struct look *look = look_of(strip->space, piece);
	bool broken = space_is_broken(strip->space, piece);
	unsigned first = column_of(strip, from), end = column_of(strip, to);

	/* Where several share a column, what is mapped is the one to be seen. */
	if (end == first && piece->mapping && !strip->line[first].sign)
		end++;
	for (unsigned i = first; i < end && i < strip->columns; i++) {
		bool last = i + 1 == end && end - first > 1;

		strip->line[i].sign = sign_of(strip, look, last);
		strip->line[i].sequence = look->sequence;
		strip->used[look - looks] = true;
	}
	if (!broken || end - first < 3)
		return;
	first += (end - first) / 2;
	strip->line[first].sign = sign_of(strip, &looks[LOOK_BREAK], false);
	strip->line[first].sequence = looks[LOOK_BREAK].sequence;
	strip->used[LOOK_BREAK] = true;
}

static void label_gap(struct strip *strip, const struct piece *gap, unsigned from, unsigned to)
{
	int middle = (int)(column_of(strip, from) + column_of(strip, to)) / 2;
	char text[WORDS_MAX];

	(void)words_size(gap->size, text);
	put_near(strip, strip->below, middle - (int)strlen(text) / 2, text);
}

/* The addresses of landmarks, or of everything else as far as there is room. */
static void label_pieces(struct strip *strip, const unsigned *lengths, bool landmarks)
{
	const struct space *space = strip->space;
	unsigned at = 0;

	for (size_t i = 0; i < space->piece_count; at += lengths[i++]) {
		const struct piece *piece = &space->pieces[i];
		unsigned column = column_of(strip, at);
		char text[WORDS_MAX];

		if (space_is_landmark(space, i) != landmarks || (!landmarks && !piece->mapping))
			continue;
		(void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)piece->start);
		if (is_free(strip->above, column, (unsigned)strlen(text), strip->columns))
			put_text(strip->above, column, text, "");
	}
}

/* A bracket below all that lies in an area. */
static void draw_area(struct strip *strip, const struct space_area *area, unsigned from,
		      unsigned to)
{
	const char *name = area->info.blocked ? "blocked area" : "area";
	unsigned first = column_of(strip, from), end = column_of(strip, to);
	unsigned length = (unsigned)strlen(name);

	if (end == first)
		end++;
	for (unsigned i = first; i < end && i < strip->columns; i++) {
		const char *sign = strip->utf8 ? "─" : "-";

		if (i == first || i + 1 == end)
			sign = !strip->utf8 ? "|" : i == first ? "└" : "┘";
		if (end - first == 1)
			sign = strip->utf8 ? "╵" : "|";
		strip->below[i].sign = sign;
		strip->below[i].sequence = "";
	}
	if (end - first >= length + 4)
		put_text(strip->below, (first + end) / 2 - length / 2, name, "");
}

static void draw(struct strip *strip, const unsigned *lengths)
{
	const struct space *space = strip->space;
	unsigned at = 0, area_from = 0;

	for (size_t i = 0; i < space->piece_count; at += lengths[i++]) {
		size_t area = space->pieces[i].area;

		draw_piece(strip, &space->pieces[i], at, at + lengths[i]);
		if (i == 0 || space->pieces[i - 1].area != area)
			area_from = at;
		if (area != SPACE_NO_AREA &&
		    (i + 1 == space->piece_count || space->pieces[i + 1].area != area))
			draw_area(strip, &space->areas[area], area_from, at + lengths[i]);
	}
	at = 0;
	for (size_t i = 0; i < space->piece_count; at += lengths[i++])
		if (space->pieces[i].kind == PIECE_GAP &&
		    space_is_broken(space, &space->pieces[i]))
			label_gap(strip, &space->pieces[i], at, at + lengths[i]);
	label_pieces(strip, lengths, true);
	label_pieces(strip, lengths, false);
}

/* ---- printing --------------------------------------------------------------------------- */

static void print_cells(const struct strip *strip, const struct cell *cells)
{
	const char *sequence = "";
	unsigned end = strip->columns;

	while (end > 0 && !cells[end - 1].sign)
		end--;
	for (unsigned i = 0; i < end; i++) {
		const char *wanted = cells[i].sign && strip->color ? cells[i].sequence : "";

		if (strcmp(wanted, sequence) != 0)
			printf("%s%s", *sequence ? "\033[0m" : "", wanted);
		sequence = wanted;
		(void)fputs(cells[i].sign ? cells[i].sign : " ", stdout);
	}
	puts(*sequence ? "\033[0m" : "");
}

static void print_legend(const struct strip *strip)
{
	unsigned column = 0;

	for (unsigned i = 0; i < LOOKS; i++) {
		unsigned length;

		if (!strip->used[i] || !looks[i].name)
			continue;
		length = 2 + (unsigned)strlen(looks[i].name);
		if (column > 0 && column + 3 + length > strip->columns) {
			puts("");
			column = 0;
		}
		printf("%s%s%s%s %s", column ? "   " : "",
		       strip->color ? looks[i].sequence : "", sign_of(strip, &looks[i], false),
		       strip->color ? "\033[0m" : "", looks[i].name);
		column += length + (column ? 3 : 0);
	}
	puts("");
}

void strip_print(const struct space *space)
{
	struct strip *strip = calloc(1, sizeof(*strip));
	unsigned *lengths = calloc(space->piece_count, sizeof(*lengths));

	if (strip && lengths) {
		strip->space = space;
		strip->columns = strip_width();
		strip->utf8 = has_utf8();
		strip->color = out_wants_color();
		strip->length = space_spread(
			space,
			&(struct spread){
				.total = strip->columns, .least = 1, .broken = 5, .others = 6 },
			lengths);
		draw(strip, lengths);
		print_cells(strip, strip->above);
		print_cells(strip, strip->line);
		print_cells(strip, strip->below);
		print_legend(strip);
	}
	free(lengths);
	free(strip);
}
