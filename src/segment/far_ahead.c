/* SPDX-License-Identifier: MIT */
#include "segment/far_ahead.h"

#define GROWTH 4u

/*
 * Some of what comes next may be there already, and then the next touch is of a page behind it;
 * so being up to as far ahead as was brought counts as going on.
 */
static bool goes_on(const struct far_stream *stream, size_t page)
{
	return stream->run > 0 && page > stream->page && page - stream->page <= 2 * stream->run;
}

static struct far_stream *find(struct far_ahead *ahead, size_t page)
{
	for (unsigned i = 0; i < FAR_STREAMS; i++)
		if (goes_on(&ahead->stream[i], page))
			return &ahead->stream[i];
	return NULL;
}

static struct far_stream *oldest(struct far_ahead *ahead)
{
	struct far_stream *oldest = &ahead->stream[0];

	for (unsigned i = 1; i < FAR_STREAMS; i++)
		if (ahead->stream[i].touched < oldest->touched)
			oldest = &ahead->stream[i];
	return oldest;
}

static size_t grown(const struct far_ahead *ahead, size_t run)
{
	return run < ahead->most / GROWTH ? GROWTH * run : ahead->most;
}

size_t far_ahead_touch(struct far_ahead *ahead, size_t page, size_t *ret_next)
{
	struct far_stream *stream = find(ahead, page);

	*ret_next = 0;
	if (stream) {
		stream->run = grown(ahead, stream->run);
		*ret_next = grown(ahead, stream->run);
	} else {
		stream = oldest(ahead);
		stream->run = ahead->first;
	}
	stream->page = page;
	stream->touched = ++ahead->touches;
	return stream->run;
}
