/* SPDX-License-Identifier: MIT */
#include "paint.h"

/* The colours are those of Okabe and Ito. */
static const struct {
	const char *fill, *tint, *words;
} kinds[] = {
	[TRACT_MAPPING_OTHER] = { "#e4e4e4", "#a0a0a0", "memory that is not tract's" },
	[TRACT_MAPPING_REGION] = { "#56b4e9", "#56b4e9", "region of the process's own" },
	[TRACT_MAPPING_OBJECT] = { "#3fb68b", "#3fb68b", "object of a broker's" },
	[TRACT_MAPPING_PAGER] = { "#e69f00", "#e69f00", "filled by a pager" },
	[TRACT_MAPPING_ANONYMOUS] = { "#f0e442", "#e0d000", "memory of the map's own" },
	[TRACT_MAPPING_BLOCKED] = { "url(#blocked)", "#d55e00",
				    "blocked: nothing, on purpose" },
	[TRACT_MAPPING_SYSV] = { "#cc79a7", "#cc79a7", "System V shared memory" },
	[TRACT_MAPPING_CONTROL] = { "#a8a8a8", "#808080",
				    "shared with the broker, for control" },
	[TRACT_MAPPING_HELD] = { "none", "none", "" },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void pattern(struct svg *svg, const char *name, unsigned size, const char *back,
		    const char *strokes)
{
	svg_put(svg,
		"<pattern id=\"%s\" width=\"%u\" height=\"%u\" patternUnits=\"userSpaceOnUse\">"
		"<rect width=\"%u\" height=\"%u\" fill=\"%s\"/>%s</pattern>\n",
		name, size, size, size, size, back, strokes);
}

void paint_patterns(struct svg *svg)
{
	svg_put(svg, "<defs>\n");
	pattern(svg, "room", 8, "#ffffff",
		"<path d=\"M-2 2L2 -2M0 8L8 0M6 10L10 6\" stroke=\"#b8c4cc\" "
		"stroke-width=\"1.2\"/>");
	pattern(svg, "closed", 8, "#f4f4f4",
		"<path d=\"M-2 2L2 -2M0 8L8 0M6 10L10 6M-2 6L2 10M0 0L8 8M6 -2L10 2\" "
		"stroke=\"#a0a0a0\" stroke-width=\"1\"/>");
	pattern(svg, "blocked", 10, "#ffffff",
		"<path d=\"M2 2L8 8M8 2L2 8\" stroke=\"#d55e00\" stroke-width=\"1.6\"/>");
	svg_put(svg, "</defs>\n");
}

const char *paint_fill(const struct piece *piece)
{
	return piece->mapping ? kinds[piece->mapping->kind].fill : "none";
}

const char *paint_tint(const struct piece *piece)
{
	return piece->mapping ? kinds[piece->mapping->kind].tint : "none";
}

/* ---- boxes ------------------------------------------------------------------------------ */

void paint_box(struct svg *svg, const struct piece *piece, double x, double y, double width,
	       double height)
{
	bool own = piece->mapping && piece->mapping->kind == TRACT_MAPPING_REGION &&
		   !piece->mapping->shared;

	/* Many are a stack of boxes. */
	for (unsigned behind = piece->kind == PIECE_MANY ? 2 : 0; behind > 0; behind--)
		svg_rect(svg, x + 3 * behind, y - 3 * behind, width, height, paint_fill(piece),
			 "stroke=\"" PAINT_INK "\" stroke-width=\"0.7\"");
	svg_rect(svg, x, y, width, height, paint_fill(piece),
		 own ? "stroke=\"" PAINT_INK "\" stroke-width=\"1.6\" stroke-dasharray=\"5 3\""
		     : "stroke=\"" PAINT_INK "\" stroke-width=\"1\"");
}

void paint_resident(struct svg *svg, const struct piece *piece, double x, double y,
		    double width)
{
	double part = piece->bytes ? (double)piece->resident / (double)piece->bytes : 0;

	svg_rect(svg, x, y, width, 5, "#ffffff",
		 "stroke=\"" PAINT_INK "\" stroke-width=\"0.6\"");
	/* A little is not nothing. */
	if (part > 0)
		svg_rect(svg, x, y, part * width < 2 ? 2 : part * width, 5, PAINT_INK, "");
}

void paint_break(struct svg *svg, double x, double y, double width, double height)
{
	double middle = y + height / 2;

	for (int side = -1; side <= 1; side += 2) {
		double at = middle + side * 3;

		svg_put(svg,
			"<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1\" points=\"",
			PAINT_GREY);
		for (unsigned i = 0; i <= 8; i++)
			svg_put(svg, "%.1f,%.1f ", x + width * i / 8, at + (i % 2 ? -3 : 3));
		svg_put(svg, "\"/>\n");
	}
}

/* ---- rights ----------------------------------------------------------------------------- */

static void paint_right(struct svg *svg, const char *letter, bool given, double x, double y)
{
	const struct svg_font font = { "middle", 12, given ? "#ffffff" : "#8c8c8c",
				       PAINT_MONO " font-weight=\"bold\"" };

	svg_rect(svg, x, y, 18, 18, given ? "#333333" : "#ffffff",
		 given ? "stroke=\"#333333\"" : "stroke=\"" PAINT_PALE "\"");
	svg_text(svg, x + 9, y + 13.5, &font, "%s", given ? letter : "–");
}

static void paint_lock(struct svg *svg, double x, double y)
{
	svg_put(svg,
		"<path d=\"M%.1f %.1fv-3a4 4 0 0 1 8 0v3\" fill=\"none\" stroke=\"%s\" "
		"stroke-width=\"1.8\"/>\n",
		x + 2, y + 9, PAINT_INK);
	svg_rect(svg, x, y + 8, 12, 9, PAINT_INK, "rx=\"1.5\"");
}

void paint_rights(struct svg *svg, const struct tract_mapping_info *mapping, double x, double y)
{
	bool any = mapping->rights || mapping->executable;

	paint_right(svg, "r", mapping->rights & TRACT_RIGHT_READ, x, y);
	paint_right(svg, "w", mapping->rights & TRACT_RIGHT_WRITE, x + 19, y);
	paint_right(svg, "x", mapping->executable, x + 38, y);
	if (!any)
		paint_lock(svg, x + 61, y);
}

/* ---- legend ----------------------------------------------------------------------------- */

#define ENTRY_HEIGHT 28

/* The place of the next entry. */
struct legend {
	struct svg *svg;
	double left, top, width;
	unsigned count;
};

#define LEGEND_COLUMNS 3

/* Writes the words, and says where the thing itself goes. */
static void entry(struct legend *legend, const char *words, double *ret_x, double *ret_y)
{
	static const struct svg_font font = { "start", 13, PAINT_INK, PAINT_SANS };
	double column = legend->width / LEGEND_COLUMNS;
	unsigned row = legend->count / LEGEND_COLUMNS;

	*ret_x = legend->left + column * (legend->count % LEGEND_COLUMNS);
	*ret_y = legend->top + ENTRY_HEIGHT * row;
	svg_text(legend->svg, *ret_x + 88, *ret_y + 13, &font, "%s", words);
	legend->count++;
}

static bool has_kind(const struct space *space, enum tract_mapping_kind kind)
{
	for (size_t i = 0; i < space->piece_count; i++)
		if (space->pieces[i].mapping && space->pieces[i].mapping->kind == kind)
			return true;
	return false;
}

static bool has_own_view(const struct space *space)
{
	for (size_t i = 0; i < space->mapping_count; i++)
		if (space->mappings[i].kind == TRACT_MAPPING_REGION &&
		    !space->mappings[i].shared)
			return true;
	return false;
}

/* Of the same memory, in rows of their own. */
static bool has_views(const struct space *space)
{
	for (size_t i = 0; i < space->piece_count; i++) {
		const struct piece *piece = &space->pieces[i];

		if (piece->kind == PIECE_MAPPING &&
		    piece->mapping->kind != TRACT_MAPPING_OTHER &&
		    piece->mapping->object != 0 && space_views(space, piece->mapping) > 1)
			return true;
	}
	return false;
}

static bool has_area(const struct space *space, bool blocked)
{
	for (size_t i = 0; i < space->area_count; i++)
		if (space->areas[i].info.blocked == blocked)
			return true;
	return false;
}

static void explain_kinds(struct legend *legend, const struct space *space)
{
	double x, y;

	for (unsigned i = 0; i < KINDS; i++) {
		/* What is not tract's comes last. */
		unsigned kind = (i + 1) % KINDS;

		if (!has_kind(space, (enum tract_mapping_kind)kind))
			continue;
		entry(legend, kinds[kind].words, &x, &y);
		svg_rect(legend->svg, x, y, 64, 18, kinds[kind].fill,
			 "stroke=\"" PAINT_INK "\" stroke-width=\"1\"");
	}
	if (!has_own_view(space))
		return;
	entry(legend, "a view whose stores stay here", &x, &y);
	svg_rect(legend->svg, x, y, 64, 18, "none",
		 "stroke=\"" PAINT_INK "\" stroke-width=\"1.6\" stroke-dasharray=\"5 3\"");
}

static void explain_areas(struct legend *legend, const struct space *space)
{
	double x, y;

	for (unsigned blocked = 0; blocked < 2; blocked++) {
		if (!has_area(space, blocked))
			continue;
		entry(legend, blocked ? "area that lets nothing in" : "area, and room in it",
		      &x, &y);
		svg_rect(legend->svg, x, y, 64, 18, blocked ? PAINT_CLOSED : PAINT_ROOM,
			 "stroke=\"" PAINT_GREY "\" stroke-width=\"2\"");
	}
}

static void explain_marks(struct legend *legend, const struct space *space)
{
	static const struct tract_mapping_info reading = { .rights = TRACT_RIGHT_READ };
	static const struct tract_mapping_info nothing = { .rights = 0 };
	static const struct piece third = { .bytes = 3, .resident = 1 };
	double x, y;

	entry(legend, "may only be read", &x, &y);
	paint_rights(legend->svg, &reading, x, y);
	entry(legend, "every access faults", &x, &y);
	paint_rights(legend->svg, &nothing, x, y);
	entry(legend, "how much of it is in memory", &x, &y);
	paint_resident(legend->svg, &third, x, y + 6, 64);
	entry(legend, "longer than drawn", &x, &y);
	paint_break(legend->svg, x, y, 64, 18);
	if (!has_views(space))
		return;
	entry(legend, "views of the same memory", &x, &y);
	svg_put(legend->svg,
		"<path d=\"M%.1f %.1fh64M%.1f %.1fv10M%.1f %.1fv10\" stroke=\"%s\" "
		"stroke-width=\"1.5\" fill=\"none\"/>\n",
		x, y + 9, x + 16, y + 4, x + 48, y + 4, PAINT_GREY);
}

double paint_legend(struct svg *svg, const struct space *space, double x, double y,
		    double width)
{
	static const struct svg_font heading = { "start", 14, PAINT_INK,
						 PAINT_SANS " font-weight=\"bold\"" };
	struct legend legend = { .svg = svg, .left = x, .top = y + 32, .width = width };
	unsigned lines;

	svg_text(svg, x, y + 14, &heading, "Legend");
	explain_kinds(&legend, space);
	explain_areas(&legend, space);
	explain_marks(&legend, space);
	lines = (legend.count + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS;
	return 32 + ENTRY_HEIGHT * lines;
}
