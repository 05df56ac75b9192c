/* SPDX-License-Identifier: MIT */
#include "segment/far_ahead.h"

#define GROWTH 4u

/*
 * Some of what comes next may be there already, and then the next touch is of a page behind it;
 * so being up to as far ahead as was brought counts as going on.
 */
static bool goes_on(const struct far_stream *stream, size_t page)
{
	const size_t reach = stream->again ? stream->length : 2 * stream->run;

	return stream->run > 0 && page > stream->page && page - stream->page <= reach;
}

static struct far_stream *find(struct far_ahead *ahead, size_t page)
{
	for (unsigned i = 0; i < FAR_STREAMS; i++)
		if (goes_on(&ahead->stream[i], page))
			return &ahead->stream[i];
	return NULL;
}

static struct far_stream *find_start(struct far_ahead *ahead, size_t page)
{
	for (unsigned i = 0; i < FAR_STREAMS; i++)
		if (ahead->stream[i].run > 0 && ahead->stream[i].start == page)
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

static size_t at_most(const struct far_ahead *ahead, size_t run)
{
	return run < ahead->most ? run : ahead->most;
}

static size_t grown(const struct far_ahead *ahead, size_t run)
{
	return run < ahead->most / GROWTH ? GROWTH * run : ahead->most;
}

static size_t go_on(const struct far_ahead *ahead, struct far_stream *stream, size_t page)
{
	const size_t known = stream->start + stream->length;

	stream->run = grown(ahead, stream->run);
	if (stream->again && page < known && known - page > stream->run)
		stream->run = at_most(ahead, known - page);
	stream->again = false;
	stream->length = page - stream->start + stream->run;
	return grown(ahead, stream->run);
}

static size_t begin(const struct far_ahead *ahead, struct far_stream *stream, size_t page)
{
	const size_t length = stream->length;

	if (stream->start != page || stream->run == 0 || stream->again ||
	    length < 2 * ahead->first) {
		*stream = (struct far_stream){ .start = page, .run = ahead->first };
		return 0;
	}
	stream->again = true;
	stream->run = ahead->first;
	return at_most(ahead, length - ahead->first);
}

size_t far_ahead_touch(struct far_ahead *ahead, size_t page, size_t *ret_next)
{
	struct far_stream *stream = find_start(ahead, page);

	if (stream) {
		*ret_next = begin(ahead, stream, page);
	} else if ((stream = find(ahead, page))) {
		*ret_next = go_on(ahead, stream, page);
	} else {
		stream = oldest(ahead);
		*ret_next = begin(ahead, stream, page);
	}
	stream->page = page;
	stream->touched = ++ahead->touches;
	return stream->run;
}
