/* SPDX-License-Identifier: MIT */
/*
 * far_pages.h - which pages of a mapping are here, and which bytes of them were stored
 *
 * A page that is stored to is noted, with a twin: its content before.  What differs from the
 * twin later was stored, and nothing else is delivered, so that importers who store different
 * bytes of one page do not undo each other's.  A store of what is there already is none.
 *
 * Pure: no lock, no mapping.  The twins are all that takes memory, but for a byte a page.
 */
#ifndef SEGMENT_FAR_PAGES_H
#define SEGMENT_FAR_PAGES_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum far_state {
	FAR_AWAY = 0, /* not here */
	FAR_CLEAN,    /* here, and as it was brought or delivered */
	FAR_DIRTY,    /* noted */
};

/* A page that may have been stored to. */
struct far_note {
	STAILQ_ENTRY(far_note) entry;
	size_t page;
	unsigned char *twin; /* what was there; once compared, what was stored */
	uint64_t changed[];  /* a bit a byte, once compared */
};

STAILQ_HEAD(far_notes, far_note);

struct far_pages {
	size_t count, page_size;
	size_t here, dirty; /* pages; those that are dirty are here */
	uint8_t *state;
	struct far_notes notes; /* of the dirty ones */
};

/* -ENOMEM. */
int far_pages_init(struct far_pages *pages, size_t count, size_t page_size);
void far_pages_deinit(struct far_pages *pages);

static inline enum far_state far_pages_state(const struct far_pages *pages, size_t page)
{
	return (enum far_state)pages->state[page];
}

/* How many from @page on, and up to @most, are in the state that @page is in. */
size_t far_pages_run(const struct far_pages *pages, size_t page, size_t most);
/* These were away, and are here now. */
void far_pages_arrived(struct far_pages *pages, size_t page, size_t count);
/* A clean page, with @content, is to be stored to.  -ENOMEM. */
int far_pages_note(struct far_pages *pages, size_t page, const void *content);
/* The clean ones among these are away. */
void far_pages_forget(struct far_pages *pages, size_t page, size_t count);

/*
 * All notes are the caller's, to be compared with what the pages hold now: these count as
 * clean.
 */
void far_pages_take(struct far_pages *pages, struct far_notes *ret_notes);
/* Frees those that are left in it. */
void far_notes_free(struct far_notes *notes);

/* Finds out what was stored, and keeps it. */
void far_note_compare(struct far_note *note, const void *content, size_t page_size);
/* Once compared: the next run of stored bytes at or after @from; false if there is none. */
bool far_note_next(const struct far_note *note, size_t page_size, size_t from, size_t *ret_from,
		   size_t *ret_size);

/* Is every invariant true? */
bool far_pages_check(const struct far_pages *pages);

#endif
