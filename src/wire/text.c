/* SPDX-License-Identifier: MIT */
#include "wire/text.h"

#include <stdint.h>
#include <string.h>

#include "wire/wire.h"

size_t text_character(const char *at, size_t left)
{
	/* The least code that needs so many bytes.  Of those with two, U+0080 to U+009F are
	 * control characters. */
	static const uint32_t least[] = { 0, 0, 0xa0, 0x800, 0x10000 };
	uint32_t lead, next, code;
	size_t size;

	if (left == 0)
		return 0;
	lead = (uint8_t)at[0];
	if (lead < 0x80)
		return lead >= 0x20 && lead != 0x7f;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (size > left)
		return 0;
	code = lead & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		next = (uint8_t)at[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (next & 0x3f);
	}
	if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return size;
}

size_t text_span(const char *text, size_t size)
{
	size_t used = 0, step;

	while (used < size && (step = text_character(text + used, size - used)) > 0)
		used += step;
	return used;
}

struct wire_text wire_text_of(const char *text)
{
	size_t left = text ? strlen(text) : 0;
	struct wire_text out;
	size_t step;

	out.length = 0;
	while (left > 0) {
		step = text_character(text, left);
		if (out.length + (step ? step : 1) > WIRE_TEXT_MAX)
			break;
		if (step) {
			memcpy(out.text + out.length, text, step);
		} else {
			out.text[out.length] = '?';
			step = 1;
		}
		out.length += (uint32_t)step;
		text += step;
		left -= step;
	}
	out.text[out.length] = '\0';
	return out;
}
