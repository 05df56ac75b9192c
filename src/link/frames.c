/* SPDX-License-Identifier: MIT */
#include "link/frames.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"

bool frames_is_link(uint32_t number)
{
	return number >= LINK_NUMBER_FIRST && number <= LINK_NUMBER_LAST;
}

void *frames_room(struct link_frames *f, size_t *ret_room)
{
	*ret_room = sizeof(f->bytes) - f->used;
	return f->bytes + f->used;
}

void frames_added(struct link_frames *f, size_t size)
{
	assert(size <= sizeof(f->bytes) - f->used);
	f->used += size;
}

/* The size of the message that begins here, or -EAGAIN, -EPROTO. */
static int size_of(const struct link_frames *f, size_t *ret_size)
{
	struct reader r = reader_of(f->bytes, f->used);
	uint32_t magic, number, length;

	if (f->used < WIRE_HEADER_SIZE)
		return -EAGAIN;
	magic = read_u32(&r);
	number = read_u16(&r);
	(void)read_u16(&r);
	(void)read_u32(&r);
	length = read_u32(&r);
	if (magic != WIRE_MAGIC || !frames_is_link(number) ||
	    length > WIRE_SIZE_MAX - WIRE_HEADER_SIZE)
		return -EPROTO;
	*ret_size = WIRE_HEADER_SIZE + length;
	return f->used < *ret_size ? -EAGAIN : 0;
}

int frames_next(struct link_frames *f, struct message *ret_message)
{
	size_t size = 0;
	int r;

	r = f->broken ? -EPROTO : size_of(f, &size);
	if (r == 0)
		r = wire_decode(f->bytes, size, 0, ret_message);
	if (r == -EPROTO)
		f->broken = true;
	if (r < 0)
		return r;
	f->used -= size;
	memmove(f->bytes, f->bytes + size, f->used);
	return 0;
}
