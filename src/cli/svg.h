/* SPDX-License-Identifier: MIT */
/*
 * svg.h - the strokes that a picture is made of
 *
 * Everything goes into a buffer first, so that a picture is written whole or not at all.  Looks
 * are attributes of each element rather than classes: not every program that takes pictures
 * into a text understands style sheets.
 */
#ifndef CLI_SVG_H
#define CLI_SVG_H

#include <stddef.h>
#include <stdio.h>

struct svg {
	FILE *out; /* NULL: out of memory */
	char *bytes;
	size_t count;
};

struct svg_font {
	const char *anchor; /* start, middle, end */
	unsigned size;
	const char *fill;
	const char *more; /* other attributes, or "" */
};

void svg_begin(struct svg *svg);
/* Whether all of it is in @bytes now.  They are freed by svg_free(). */
_Bool svg_end(struct svg *svg);
void svg_free(struct svg *svg);

/* As it is. */
void svg_put(struct svg *svg, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* @more: further attributes, or "". */
void svg_rect(struct svg *svg, double x, double y, double width, double height,
	      const char *fill, const char *more);
void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const char *stroke,
	      const char *more);
/* Whatever the words contain, they stay words. */
void svg_text(struct svg *svg, double x, double y, const struct svg_font *font,
	      const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same in an element without a place: "title", "desc". */
void svg_element(struct svg *svg, const char *element, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
