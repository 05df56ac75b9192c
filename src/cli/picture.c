/* SPDX-License-Identifier: MIT */
#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "out.h"
#include "paint.h"
#include "target.h"

/* Where things are, from left to right; one unit is a pixel, unless somebody scales it. */
#define WIDTH 1060.0
#define MARGIN 30.0
#define WHOLE_X 140.0 /* the whole, to scale */
#define WHOLE_WIDTH 44.0
#define LEADER_X 222.0	/* where what leads from it ends */
#define ADDRESS_X 328.0 /* where addresses end */
#define AREA_X 336.0
#define AREA_WIDTH 232.0
#define BOX_X 348.0
#define BOX_WIDTH 208.0
#define RIGHTS_X 582.0
#define WORDS_X 666.0
#define LINK_X 968.0
#define LINK_STEP 12.0
#define LINKS 5
#define TOP 136.0

/* Of more than this all have the same height. */
#define ROWS_SOME 30

/* A piece, or the head of an area. */
struct row {
	const struct piece *piece; /* or NULL */
	size_t area;
	double y, height;
};

struct picture {
	const struct space *space;
	struct svg svg;
	struct row *rows;
	size_t count;
	double bottom;
	double link_ends[LINKS]; /* how far down each lane is in use */
};

static const struct svg_font address_font = { "end", 12, PAINT_INK, PAINT_MONO };
static const struct svg_font words_font = { "start", 14, PAINT_INK, PAINT_SANS };
static const struct svg_font small_font = { "start", 12, PAINT_GREY, PAINT_SANS };
static const struct svg_font middle_font = { "middle", 13, PAINT_INK, PAINT_SANS };
static const struct svg_font gap_font = { "middle", 12, PAINT_GREY, PAINT_SANS };
static const struct svg_font small_end_font = { "end", 11, PAINT_GREY, PAINT_SANS };

/* ---- rows ------------------------------------------------------------------------------- */

static double height_of(const struct row *row, bool same)
{
	const struct piece *piece = row->piece;
	double orders;

	if (!piece)
		return 30;
	if (!piece->mapping)
		return 28;
	if (same || piece->kind == PIECE_OTHERS)
		return 46;
	/* So that what is a thousand times larger looks larger. */
	orders = log2((double)piece->bytes / 4096);
	return 46 + 2 * (orders < 0 ? 0 : orders > 20 ? 20 : orders);
}

static void add_row(struct picture *p, const struct piece *piece, size_t area)
{
	p->rows[p->count++] = (struct row){ .piece = piece, .area = area };
}

/* Each area's head before what begins in it, or behind it. */
static bool make_rows(struct picture *p)
{
	const struct space *space = p->space;
	size_t area = 0;
	double y = TOP;

	p->rows = calloc(space->piece_count + space->area_count, sizeof(*p->rows));
	if (!p->rows)
		return false;
	for (size_t i = 0; i < space->piece_count; i++) {
		const struct piece *piece = &space->pieces[i];

		for (;
		     area < space->area_count && space->areas[area].info.start <= piece->start;
		     area++)
			add_row(p, NULL, area);
		add_row(p, piece, piece->area);
	}
	for (; area < space->area_count; area++)
		add_row(p, NULL, area);
	for (size_t i = 0; i < p->count; i++) {
		struct row *row = &p->rows[i];

		row->y = y;
		row->height = height_of(row, p->count > ROWS_SOME);
		y += row->height;
		/* Between an area and what is not in it. */
		if (i + 1 < p->count && (row->area != SPACE_NO_AREA || !p->rows[i + 1].piece) &&
		    p->rows[i + 1].area != row->area)
			y += 8;
	}
	p->bottom = y;
	return true;
}

/* ---- words ------------------------------------------------------------------------------ */

/* Which view of its memory is it, counted upwards? */
static size_t view_number(const struct space *space, const struct tract_mapping_info *mapping)
{
	size_t number = 1;

	for (size_t i = 0; i < space->mapping_count; i++) {
		const struct tract_mapping_info *other = &space->mappings[i];

		if (other->start >= mapping->start)
			break;
		number += other->object == mapping->object && other->device == mapping->device;
	}
	return number;
}

static bool has_number(const struct tract_mapping_info *mapping)
{
	return mapping->kind == TRACT_MAPPING_REGION || mapping->kind == TRACT_MAPPING_OBJECT ||
	       mapping->kind == TRACT_MAPPING_SYSV;
}

static void write_backing(struct picture *p, const struct row *row, double y)
{
	static const char *const names[] = {
		[TRACT_MAPPING_REGION] = "region",
		[TRACT_MAPPING_OBJECT] = "object",
		[TRACT_MAPPING_PAGER] = "pager",
		[TRACT_MAPPING_ANONYMOUS] = "memory of the map's own",
		[TRACT_MAPPING_BLOCKED] = "blocked",
		[TRACT_MAPPING_SYSV] = "System V",
		[TRACT_MAPPING_CONTROL] = "control",
	};
	const struct tract_mapping_info *m = row->piece->mapping;
	size_t views = space_views(p->space, m);
	char what[WORDS_MAX], view[WORDS_MAX] = "";

	(void)space_what(row->piece, what);
	if (row->piece->kind != PIECE_MAPPING || m->kind == TRACT_MAPPING_OTHER) {
		svg_text(&p->svg, WORDS_X, y, &words_font, "%s", what);
		return;
	}
	if (!has_number(m)) {
		svg_text(&p->svg, WORDS_X, y, &words_font, "%s", names[m->kind]);
		return;
	}
	if (views > 1)
		(void)snprintf(view, sizeof(view), ", view %zu of %zu",
			       view_number(p->space, m), views);
	svg_text(&p->svg, WORDS_X, y, &words_font, "%s%s %llu%s",
		 m->kind == TRACT_MAPPING_REGION && !m->shared ? "copy of " : "",
		 names[m->kind], (unsigned long long)m->object, view);
}

static void write_details(struct picture *p, const struct row *row, double y)
{
	const struct piece *piece = row->piece;
	char resident[WORDS_MAX], offset[WORDS_MAX];
	bool whole = !has_number(piece->mapping) || piece->kind != PIECE_MAPPING;

	(void)words_size(piece->resident, resident);
	if (piece->mapping->kind == TRACT_MAPPING_BLOCKED)
		svg_text(&p->svg, WORDS_X, y, &small_font, "every access faults");
	else if (whole)
		svg_text(&p->svg, WORDS_X, y, &small_font, "%s in memory", resident);
	else
		svg_text(&p->svg, WORDS_X, y, &small_font, "from %s, %s in memory",
			 piece->mapping->offset ? words_size(piece->mapping->offset, offset)
						: "its beginning",
			 resident);
}

/* ---- drawing rows ----------------------------------------------------------------------- */

static void draw_address(struct picture *p, uint64_t address, double y)
{
	svg_text(&p->svg, ADDRESS_X, y, &address_font, "0x%llx", (unsigned long long)address);
}

static void draw_mapping(struct picture *p, const struct row *row)
{
	const struct piece *piece = row->piece;
	/* Room for a stack. */
	double above = piece->kind == PIECE_MANY ? 8 : 4;
	double y = row->y + above, height = row->height - above - 4;
	double middle = y + height / 2;
	char size[WORDS_MAX];

	svg_put(&p->svg, "<g class=\"mapping\" data-start=\"%llu\" data-size=\"%llu\">\n",
		(unsigned long long)piece->start, (unsigned long long)piece->size);
	paint_box(&p->svg, piece, BOX_X, y, BOX_WIDTH, height);
	if (piece->mapping->kind != TRACT_MAPPING_BLOCKED) {
		svg_text(&p->svg, BOX_X + BOX_WIDTH / 2, middle + 1, &middle_font, "%s",
			 words_size(piece->bytes, size));
		paint_resident(&p->svg, piece, BOX_X + 8, y + height - 10, BOX_WIDTH - 16);
	} else {
		svg_rect(&p->svg, BOX_X + BOX_WIDTH / 2 - 46, middle - 10, 92, 20, "#ffffff",
			 "");
		svg_text(&p->svg, BOX_X + BOX_WIDTH / 2, middle + 5, &middle_font, "%s",
			 words_size(piece->bytes, size));
	}
	draw_address(p, piece->start, y + 11);
	if (piece->kind != PIECE_OTHERS && !piece->mixed)
		paint_rights(&p->svg, piece->mapping, RIGHTS_X, middle - 9);
	write_backing(p, row, middle - 3);
	write_details(p, row, middle + 14);
	svg_put(&p->svg, "</g>\n");
}

static void draw_free(struct picture *p, const struct row *row)
{
	const struct piece *piece = row->piece;
	double middle = row->y + row->height / 2, x = BOX_X + BOX_WIDTH / 2;
	bool broken = space_is_broken(p->space, piece);
	bool closed = piece->area != SPACE_NO_AREA && p->space->areas[piece->area].info.blocked;
	char size[WORDS_MAX];

	if (broken) {
		paint_break(&p->svg, BOX_X, row->y, 48, row->height);
		paint_break(&p->svg, BOX_X + BOX_WIDTH - 48, row->y, 48, row->height);
	}
	if (piece->area != SPACE_NO_AREA) {
		svg_rect(&p->svg, x - 54, middle - 10, 108, 20, "#ffffff", "rx=\"3\"");
		if (piece->start != p->space->areas[piece->area].info.start)
			draw_address(p, piece->start, row->y + 18);
	}
	svg_text(&p->svg, x, middle + 4, &gap_font, "%s %s", words_size(piece->size, size),
		 closed ? "closed" : "free");
}

static void draw_head(struct picture *p, const struct row *row)
{
	static const struct svg_font bold = { "start", 13, PAINT_INK,
					      PAINT_SANS " font-weight=\"bold\"" };
	static const struct svg_font bold_address = { "end", 12, PAINT_INK,
						      PAINT_MONO " font-weight=\"bold\"" };
	const struct space_area *area = &p->space->areas[row->area];
	char size[WORDS_MAX], used[WORDS_MAX];

	svg_rect(&p->svg, AREA_X + 1, row->y + 1, AREA_WIDTH - 2, row->height - 3, "#ffffff",
		 "");
	svg_text(&p->svg, BOX_X, row->y + 19, &bold, "%s, %s",
		 area->info.blocked ? "blocked area" : "area",
		 words_size(area->info.size, size));
	svg_text(&p->svg, ADDRESS_X, row->y + 19, &bold_address, "0x%llx",
		 (unsigned long long)area->info.start);
	if (area->count > 0)
		svg_text(&p->svg, WORDS_X, row->y + 19, &small_font, "%zu in it, of %s",
			 area->count, words_size(area->bytes, used));
	else
		svg_text(&p->svg, WORDS_X, row->y + 19, &small_font, "nothing in it");
}

/* The frame of an area, from its head to the last row in it. */
static void draw_frame(struct picture *p, size_t head)
{
	const struct row *row = &p->rows[head];
	const struct space_area *area = &p->space->areas[row->area];
	double bottom = row->y + row->height;

	for (size_t i = head + 1; i < p->count && p->rows[i].area == row->area; i++)
		bottom = p->rows[i].y + p->rows[i].height;
	svg_put(&p->svg, "<g class=\"area\" data-start=\"%llu\" data-size=\"%llu\">\n",
		(unsigned long long)area->info.start, (unsigned long long)area->info.size);
	svg_rect(&p->svg, AREA_X, row->y, AREA_WIDTH, bottom - row->y,
		 area->info.blocked ? PAINT_CLOSED : PAINT_ROOM,
		 "stroke=\"" PAINT_GREY "\" stroke-width=\"2\"");
	svg_put(&p->svg, "</g>\n");
}

static void draw_rows(struct picture *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (!p->rows[i].piece)
			draw_frame(p, i);
	for (size_t i = 0; i < p->count; i++) {
		const struct row *row = &p->rows[i];

		if (!row->piece)
			draw_head(p, row);
		else if (row->piece->mapping)
			draw_mapping(p, row);
		else
			draw_free(p, row);
	}
}

/* ---- the same memory -------------------------------------------------------------------- */

static bool is_same(const struct row *row, const struct tract_mapping_info *m)
{
	return row->piece && row->piece->kind == PIECE_MAPPING &&
	       row->piece->mapping->object == m->object &&
	       row->piece->mapping->device == m->device;
}

/* One line down in a lane of its own, and one across from each view. */
static void draw_link(struct picture *p, size_t first, size_t last)
{
	const struct tract_mapping_info *m = p->rows[first].piece->mapping;
	double top = p->rows[first].y + p->rows[first].height / 2;
	double bottom = p->rows[last].y + p->rows[last].height / 2, x = LINK_X;
	unsigned lane = 0;

	while (lane < LINKS && p->link_ends[lane] > top - 4)
		lane++;
	if (lane == LINKS)
		return;
	p->link_ends[lane] = bottom;
	x += LINK_STEP * (lane + 1);
	svg_line(&p->svg, x, top, x, bottom, PAINT_GREY, "stroke-width=\"1.5\"");
	for (size_t i = first; i <= last; i++) {
		double y = p->rows[i].y + p->rows[i].height / 2;

		if (!is_same(&p->rows[i], m))
			continue;
		svg_line(&p->svg, LINK_X, y, x, y, PAINT_GREY, "stroke-width=\"1.5\"");
		svg_put(&p->svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x,
			y, PAINT_GREY);
	}
}

static void draw_links(struct picture *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct piece *piece = p->rows[i].piece;
		size_t last = i;

		if (!piece || piece->kind != PIECE_MAPPING || !has_number(piece->mapping) ||
		    view_number(p->space, piece->mapping) > 1)
			continue;
		for (size_t k = i + 1; k < p->count; k++)
			if (is_same(&p->rows[k], piece->mapping))
				last = k;
		if (last > i)
			draw_link(p, i, last);
	}
}

/* ---- the whole -------------------------------------------------------------------------- */

static const struct row *row_of(const struct picture *p, const struct piece *piece)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->rows[i].piece == piece)
			return &p->rows[i];
	return NULL;
}

static const char *fill_in_whole(const struct picture *p, const struct piece *piece)
{
	if (piece->kind != PIECE_ROOM)
		return paint_fill(piece);
	return p->space->areas[piece->area].info.blocked ? PAINT_CLOSED : PAINT_ROOM;
}

/* A wedge from a place in the whole to its row. */
static void draw_leader(struct picture *p, const struct piece *piece, double y, double height)
{
	const struct row *row = row_of(p, piece);
	double left = WHOLE_X + WHOLE_WIDTH + 2, right = AREA_X - 2;

	svg_put(&p->svg,
		"<path d=\"M%.1f %.1fh3L%.1f %.1fH%.1fV%.1fH%.1fL%.1f %.1fh-3z\" fill=\"%s\" "
		"fill-opacity=\"0.22\"/>\n",
		left, y, LEADER_X, row->y + 4, right, row->y + row->height - 4, LEADER_X,
		left + 3, y + height, paint_tint(piece));
}

static void draw_part(struct picture *p, size_t i, double y, double height, double *label)
{
	const struct piece *piece = &p->space->pieces[i];
	bool broken = space_is_broken(p->space, piece);
	char text[WORDS_MAX];

	if (piece->mapping)
		draw_leader(p, piece, y, height);
	if (piece->kind != PIECE_GAP)
		svg_rect(&p->svg, WHOLE_X, y, WHOLE_WIDTH, height, fill_in_whole(p, piece),
			 "stroke=\"" PAINT_INK "\" stroke-width=\"0.5\"");
	if (broken)
		paint_break(&p->svg, WHOLE_X, y, WHOLE_WIDTH, height);
	if (piece->kind == PIECE_GAP && broken)
		(void)words_size(piece->size, text);
	else if (space_is_landmark(p->space, i))
		(void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)piece->start);
	else
		return;
	y = piece->kind == PIECE_GAP ? y + height / 2 + 4 : y + 9;
	if (y < *label + 13)
		return;
	*label = y;
	svg_text(&p->svg, WHOLE_X - 10, y, &small_end_font, "%s", text);
}

/* Areas, beside what is in them. */
static void draw_extents(struct picture *p, const unsigned *lengths, double scale)
{
	double y = TOP, from = TOP;

	for (size_t i = 0; i < p->space->piece_count; i++) {
		const struct piece *piece = &p->space->pieces[i];
		bool ends = i + 1 == p->space->piece_count || piece[1].area != piece->area;

		if (i == 0 || piece[-1].area != piece->area)
			from = y;
		y += lengths[i] * scale;
		if (ends && piece->area != SPACE_NO_AREA)
			svg_rect(&p->svg, WHOLE_X - 5, from, 3, y - from - 1, PAINT_INK, "");
	}
}

static bool draw_whole(struct picture *p)
{
	const struct spread spread = {
		.total = (unsigned)(p->bottom - TOP), .least = 3, .broken = 24, .others = 18
	};
	unsigned *lengths = calloc(p->space->piece_count, sizeof(*lengths));
	double y = TOP, label = 0, scale;

	if (!lengths)
		return false;
	scale = (p->bottom - TOP) / space_spread(p->space, &spread, lengths);
	for (size_t i = 0; i < p->space->piece_count; i++) {
		draw_part(p, i, y, lengths[i] * scale, &label);
		y += lengths[i] * scale;
	}
	draw_extents(p, lengths, scale);
	free(lengths);
	return true;
}

/* ---- the sheet -------------------------------------------------------------------------- */

static void draw_title(struct picture *p)
{
	static const struct svg_font title = { "start", 26, PAINT_INK,
					       PAINT_SANS " font-weight=\"bold\"" };
	static const struct svg_font line = { "start", 14, PAINT_GREY, PAINT_SANS };
	const struct space *space = p->space;
	char date[WORDS_MAX] = "", bytes[WORDS_MAX], resident[WORDS_MAX];
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		(void)strftime(date, sizeof(date), "%e %B %Y, %H:%M", &tm);
	svg_text(&p->svg, MARGIN, 50, &title, "Address space of %s", space->name);
	svg_text(&p->svg, MARGIN, 76, &line,
		 "Process %d, %s.  %zu %s; %zu %s of %s, %s of it in memory.", space->pid,
		 date + strspn(date, " "), space->area_count,
		 space->area_count == 1 ? "area" : "areas", space->tract.count,
		 space->tract.count == 1 ? "attachment" : "attachments",
		 words_size(space->tract.bytes, bytes),
		 words_size(space->tract.resident, resident));
}

static void draw_headings(struct picture *p)
{
	static const struct {
		double x;
		const char *anchor, *words;
	} headings[] = {
		{ WHOLE_X + WHOLE_WIDTH / 2, "middle", "to scale" },
		{ ADDRESS_X, "end", "address" },
		{ BOX_X, "start", "what is there" },
		{ RIGHTS_X, "start", "rights" },
		{ WORDS_X, "start", "backing" },
	};

	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++) {
		const struct svg_font font = { headings[i].anchor, 12, PAINT_GREY,
					       PAINT_SANS " font-weight=\"bold\"" };

		svg_text(&p->svg, headings[i].x, TOP - 18, &font, "%s", headings[i].words);
	}
	svg_line(&p->svg, MARGIN, TOP - 10, WIDTH - MARGIN, TOP - 10, PAINT_PALE, "");
}

/* The legend's height is known when it is drawn, so the sheet's is said at the end of all. */
static bool draw(struct picture *p, double *ret_height)
{
	double y = p->bottom + 30;

	svg_element(&p->svg, "title", "Address space of %s, process %d", p->space->name,
		    p->space->pid);
	paint_patterns(&p->svg);
	svg_put(&p->svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
	draw_title(p);
	draw_headings(p);
	if (!draw_whole(p))
		return false;
	draw_rows(p);
	draw_links(p);
	svg_line(&p->svg, MARGIN, y - 14, WIDTH - MARGIN, y - 14, PAINT_PALE, "");
	y += paint_legend(&p->svg, p->space, MARGIN, y, WIDTH - 2 * MARGIN);
	svg_text(
		&p->svg, MARGIN, y + 16, &small_font,
		"Addresses grow downwards.  To scale are the lengths at the left; at the right "
		"each thing has a row, higher for larger ones.");
	svg_text(&p->svg, MARGIN, y + 34, &small_font,
		 "The number of a region or an object is the same in every process that has "
		 "it.  Drawn by tract %s.",
		 tract_version());
	*ret_height = y + 56;
	return svg_end(&p->svg);
}

static bool write_out(const struct picture *p, double height, struct target *target)
{
	char head[256];
	int length;

	length = snprintf(head, sizeof(head),
			  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
			  "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
			  WIDTH, height, WIDTH, height);
	return target_write(target, head, (size_t)length) &&
	       target_write(target, p->svg.bytes, p->svg.count) &&
	       target_write(target, "</svg>\n", 7) && target_finish(target);
}

int picture_write(const struct space *space, const char *path)
{
	struct picture picture = { .space = space };
	struct target target;
	bool fine, drawn;
	double height;

	if (!target_open(&target, strcmp(path, "-") == 0 ? NULL : path))
		return CLI_REFUSED;
	svg_begin(&picture.svg);
	drawn = make_rows(&picture) && draw(&picture, &height);
	if (!drawn)
		out_error("out of memory");
	fine = drawn && write_out(&picture, height, &target);
	target_close(&target);
	svg_free(&picture.svg);
	free(picture.rows);
	return fine ? CLI_OK : CLI_REFUSED;
}
