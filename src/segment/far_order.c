/* SPDX-License-Identifier: MIT */
/*
 * far_order.c - numbers between nodes that keep their bytes in different order
 *
 * The sized forms move values, all others bytes.  The memory has its node's order, so it is the
 * importer that turns the bytes round, on the way out in a buffer of its own.
 */
#include <string.h>

#include "segment/segment.h"

/* A multiple of all widths. */
#define PIECE ((size_t)4096)

static void swap_item(unsigned char *to, const unsigned char *from, size_t width)
{
	for (size_t i = 0; i < width; i++)
		to[i] = from[width - 1 - i];
}

static void swap_items(unsigned char *to, const unsigned char *from, size_t size, size_t width)
{
	for (size_t at = 0; at < size; at += width)
		swap_item(to + at, from + at, width);
}

static void swap_in_place(unsigned char *items, size_t size, size_t width)
{
	unsigned char item[sizeof(uint64_t)];

	for (size_t at = 0; at < size; at += width) {
		memcpy(item, items + at, width);
		swap_item(items + at, item, width);
	}
}

static bool is_swapped(struct tract_import *import, size_t width)
{
	return width > 1 && import_far(import)->swapped;
}

static int put_swapped(struct tract_import *import, off_t offset, const unsigned char *items,
		       size_t size, size_t width)
{
	unsigned char piece[PIECE] = { 0 };
	size_t part;
	int r;

	do {
		part = size < PIECE ? size : PIECE;
		swap_items(piece, items, part, width);
		r = far_put(import, offset, piece, part);
		items += part;
		offset += (off_t)part;
		size -= part;
	} while (r == 0 && size > 0);
	return r;
}

int far_put_items(struct tract_import *import, off_t offset, const void *from, size_t size,
		  size_t width)
{
	if (is_swapped(import, width))
		return put_swapped(import, offset, from, size, width);
	return far_put(import, offset, from, size);
}

int far_get_items(struct tract_import *import, off_t offset, void *into, size_t size,
		  size_t width)
{
	int r;

	r = far_get(import, offset, into, size);
	if (is_swapped(import, width))
		swap_in_place(into, size, width);
	return r;
}
