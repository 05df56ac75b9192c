/* SPDX-License-Identifier: MIT */
/*
 * far_ahead.h - how many pages to bring at a time
 *
 * Whoever goes through memory in order touches the page after those that were brought.  Each
 * time that is so, four times as many are brought, up to a limit; any other page begins with a
 * few. Some such streams are told apart, so that threads which go through different parts do
 * not stop each other.
 *
 * Who has gone through memory in order often does so again, once it has changed.  So a touch of
 * where a stream began is likely to be followed by as many as the last time; that they are
 * brought as well is not seen before the next touch, and without one it is not believed again.
 *
 * Pure: pages in, counts out.
 */
#ifndef SEGMENT_FAR_AHEAD_H
#define SEGMENT_FAR_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAR_STREAMS 4u

struct far_stream {
	size_t start;  /* that was touched first */
	size_t page;   /* that was touched last */
	size_t run;    /* pages from it on; 0: no stream yet */
	size_t length; /* from the start on, the last time */
	bool again;    /* begun where it began, and not gone on yet */
	uint64_t touched;
};

/* A zeroed one has seen nothing; @first and @most are the caller's to set. */
struct far_ahead {
	size_t first, most; /* pages */
	uint64_t touches;
	struct far_stream stream[FAR_STREAMS];
};

/*
 * @page was touched, and is not there: how many to bring, from it on.  *ret_next is how many
 * are likely to be wanted after these; 0 if there is no telling.
 */
size_t far_ahead_touch(struct far_ahead *ahead, size_t page, size_t *ret_next);

#endif
