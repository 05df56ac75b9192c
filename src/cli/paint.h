/* SPDX-License-Identifier: MIT */
/*
 * paint.h - how things look in a picture, and the legend that says so
 *
 * The colours are told apart by people who see few of them, and no colour stands without words
 * beside it.  What nobody can use is hatched.
 */
#ifndef CLI_PAINT_H
#define CLI_PAINT_H

#include "space.h"
#include "svg.h"

#define PAINT_INK "#1a1a1a"
#define PAINT_GREY "#595959"
#define PAINT_PALE "#d0d0d0"
#define PAINT_ROOM "url(#room)"
#define PAINT_CLOSED "url(#closed)"
#define PAINT_SANS "font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\""
#define PAINT_MONO "font-family=\"DejaVu Sans Mono, Consolas, Menlo, monospace\""

/* The patterns that fills refer to. */
void paint_patterns(struct svg *svg);

const char *paint_fill(const struct piece *piece);
/* A colour alone, to be seen through. */
const char *paint_tint(const struct piece *piece);
/* What is attached; what stays in the process has a broken line around it. */
void paint_box(struct svg *svg, const struct piece *piece, double x, double y, double width,
	       double height);
/* How much of a box is in memory. */
void paint_resident(struct svg *svg, const struct piece *piece, double x, double y,
		    double width);
/* Where addresses are left out between two heights. */
void paint_break(struct svg *svg, double x, double y, double width, double height);
/* To read, to write, to execute; a lock where nothing is allowed.  As wide as PAINT_RIGHTS. */
void paint_rights(struct svg *svg, const struct tract_mapping_info *mapping, double x,
		  double y);
#define PAINT_RIGHTS 66

/* Draws what is needed of it, @width wide.  The height it takes. */
double paint_legend(struct svg *svg, const struct space *space, double x, double y,
		    double width);

#endif
