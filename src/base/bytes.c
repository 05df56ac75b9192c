/* SPDX-License-Identifier: MIT */
/*
 * bytes.c - cursors over byte strings
 *
 * A cursor that has failed once reads zeros and writes nothing from then on, so that a codec
 * looks at "failed" once, at its end.
 */
#include "base/bytes.h"

#include <string.h>

struct reader reader_of(const void *bytes, size_t size)
{
	return (struct reader){ .at = bytes, .left = size };
}

const void *read_bytes(struct reader *r, size_t size)
{
	const uint8_t *found = r->at;

	if (r->failed || size > r->left) {
		r->failed = true;
		return NULL;
	}
	r->left -= size;
	/* An empty string may begin at NULL, which nothing may be added to. */
	if (size > 0)
		r->at += size;
	return found ? found : (const uint8_t *)"";
}

static uint64_t read_integer(struct reader *r, size_t size)
{
	const uint8_t *from = read_bytes(r, size);
	uint64_t value = 0;

	for (size_t i = size; from && i-- > 0;)
		value = value << 8 | from[i];
	return value;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_integer(r, 1);
}

uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_integer(r, 2);
}

uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_integer(r, 4);
}

uint64_t read_u64(struct reader *r)
{
	return read_integer(r, 8);
}

struct writer writer_of(void *bytes, size_t size)
{
	return (struct writer){ .at = bytes, .left = size };
}

void write_bytes(struct writer *w, const void *bytes, size_t size)
{
	if (w->failed || size > w->left) {
		w->failed = true;
		return;
	}
	if (size == 0)
		return;
	memcpy(w->at, bytes, size);
	w->at += size;
	w->left -= size;
	w->used += size;
}

static void write_integer(struct writer *w, uint64_t value, size_t size)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	write_bytes(w, bytes, size);
}

void write_u8(struct writer *w, uint8_t value)
{
	write_integer(w, value, 1);
}

void write_u16(struct writer *w, uint16_t value)
{
	write_integer(w, value, 2);
}

void write_u32(struct writer *w, uint32_t value)
{
	write_integer(w, value, 4);
}

void write_u64(struct writer *w, uint64_t value)
{
	write_integer(w, value, 8);
}
