/* SPDX-License-Identifier: MIT */
#include "svg.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

void svg_begin(struct svg *svg)
{
	svg->bytes = NULL;
	svg->count = 0;
	svg->out = open_memstream(&svg->bytes, &svg->count);
}

bool svg_end(struct svg *svg)
{
	bool fine = svg->out && !ferror(svg->out);

	if (svg->out && fclose(svg->out) != 0)
		fine = false;
	svg->out = NULL;
	return fine && svg->bytes;
}

void svg_free(struct svg *svg)
{
	if (svg->out)
		(void)fclose(svg->out);
	free(svg->bytes);
}

/* ---- words ------------------------------------------------------------------------------ */

/* How many bytes a character in UTF-8 has; 0 if this is none. */
static unsigned utf8_length(const unsigned char *c)
{
	static const struct {
		unsigned char mask, head, least;
	} heads[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0xc2 }, { 0xf0, 0xe0, 0 }, { 0xf8, 0xf0, 0 }
	};

	for (unsigned i = 0; i < 4; i++) {
		if ((c[0] & heads[i].mask) != heads[i].head || c[0] < heads[i].least)
			continue;
		for (unsigned k = 1; k <= i; k++)
			if ((c[k] & 0xc0) != 0x80)
				return 0;
		/* Too long for what they say, surrogates, what is none, and beyond the last. */
		if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
		    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f) ||
		    (c[0] == 0xef && c[1] == 0xbf && c[2] > 0xbd) || c[0] > 0xf4)
			return 0;
		return i + 1;
	}
	return 0;
}

static void put_char(FILE *out, const unsigned char *c, unsigned length)
{
	switch (c[0]) {
	case '<':
		(void)fputs("&lt;", out);
		break;
	case '>':
		(void)fputs("&gt;", out);
		break;
	case '&':
		(void)fputs("&amp;", out);
		break;
	default:
		/* A document has no control characters, however they are written. */
		if (length == 0 || c[0] < ' ' || c[0] == 0x7f)
			(void)fputc('?', out);
		else
			(void)fwrite(c, 1, length, out);
	}
}

__attribute__((format(printf, 2, 0))) static void put_words(FILE *out, const char *format,
							    va_list args)
{
	char *words = NULL;

	if (vasprintf(&words, format, args) < 0)
		return;
	for (const unsigned char *c = (const unsigned char *)words; *c;) {
		unsigned length = utf8_length(c);

		put_char(out, c, length);
		c += length ? length : 1;
	}
	free(words);
}

/* ---- elements --------------------------------------------------------------------------- */

void svg_put(struct svg *svg, const char *format, ...)
{
	va_list args;

	if (!svg->out)
		return;
	va_start(args, format);
	(void)vfprintf(svg->out, format, args);
	va_end(args);
}

void svg_rect(struct svg *svg, double x, double y, double width, double height,
	      const char *fill, const char *more)
{
	svg_put(svg,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" %s/>\n",
		x, y, width, height, fill, more);
}

void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const char *stroke,
	      const char *more)
{
	svg_put(svg,
		"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" %s/>\n",
		x1, y1, x2, y2, stroke, more);
}

void svg_text(struct svg *svg, double x, double y, const struct svg_font *font,
	      const char *format, ...)
{
	va_list args;

	if (!svg->out)
		return;
	svg_put(svg,
		"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%u\" fill=\"%s\" "
		"%s>",
		x, y, font->anchor, font->size, font->fill, font->more);
	va_start(args, format);
	put_words(svg->out, format, args);
	va_end(args);
	svg_put(svg, "</text>\n");
}

void svg_element(struct svg *svg, const char *element, const char *format, ...)
{
	va_list args;

	if (!svg->out)
		return;
	svg_put(svg, "<%s>", element);
	va_start(args, format);
	put_words(svg->out, format, args);
	va_end(args);
	svg_put(svg, "</%s>\n", element);
}
