/* SPDX-License-Identifier: MIT */
#include "segment/far_pages.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"

#define WORD sizeof(uint64_t)
#define BITS 64u

int far_pages_init(struct far_pages *pages, size_t count, size_t page_size)
{
	assert(page_size % BITS == 0);
	*pages = (struct far_pages){ .count = count, .page_size = page_size };
	STAILQ_INIT(&pages->notes);
	pages->state = calloc(count, 1);
	return pages->state ? 0 : -ENOMEM;
}

void far_pages_deinit(struct far_pages *pages)
{
	far_notes_free(&pages->notes);
	free(pages->state);
	pages->state = NULL;
}

size_t far_pages_run(const struct far_pages *pages, size_t page, size_t most)
{
	const uint8_t state = pages->state[page];
	size_t run = 1;

	while (run < most && page + run < pages->count && pages->state[page + run] == state)
		run++;
	return run;
}

void far_pages_arrived(struct far_pages *pages, size_t page, size_t count)
{
	memset(&pages->state[page], FAR_CLEAN, count);
	pages->here += count;
}

void far_pages_forget(struct far_pages *pages, size_t page, size_t count)
{
	for (size_t i = page; i < page + count; i++)
		if (pages->state[i] == FAR_CLEAN) {
			pages->state[i] = FAR_AWAY;
			pages->here--;
		}
}

/* ---- notes ------------------------------------------------------------------------------ */

static struct far_note *note_new(size_t page_size)
{
	const size_t bits = page_size / 8;
	struct far_note *note;

	if (fault_point("far.pages.note") < 0)
		return NULL;
	note = calloc(1, sizeof(*note) + bits + page_size);
	if (note)
		note->twin = (unsigned char *)note->changed + bits;
	return note;
}

int far_pages_note(struct far_pages *pages, size_t page, const void *content)
{
	struct far_note *note = note_new(pages->page_size);

	assert(pages->state[page] == FAR_CLEAN);
	if (!note)
		return -ENOMEM;
	note->page = page;
	memcpy(note->twin, content, pages->page_size);
	STAILQ_INSERT_TAIL(&pages->notes, note, entry);
	pages->state[page] = FAR_DIRTY;
	pages->dirty++;
	return 0;
}

void far_pages_take(struct far_pages *pages, struct far_notes *ret_notes)
{
	struct far_note *note;

	STAILQ_FOREACH(note, &pages->notes, entry)
	pages->state[note->page] = FAR_CLEAN;
	STAILQ_INIT(ret_notes);
	STAILQ_CONCAT(ret_notes, &pages->notes);
	pages->dirty = 0;
}

void far_notes_free(struct far_notes *notes)
{
	struct far_note *note;

	while ((note = STAILQ_FIRST(notes))) {
		STAILQ_REMOVE_HEAD(notes, entry);
		free(note);
	}
}

/* ---- what was stored -------------------------------------------------------------------- */

static void note_bytes(struct far_note *note, size_t at, uint64_t now)
{
	unsigned char bytes[WORD];

	memcpy(bytes, &now, WORD);
	for (size_t i = 0; i < WORD; i++) {
		if (note->twin[at + i] == bytes[i])
			continue;
		note->twin[at + i] = bytes[i];
		note->changed[(at + i) / BITS] |= UINT64_C(1) << (at + i) % BITS;
	}
}

void far_note_compare(struct far_note *note, const void *content, size_t page_size)
{
	const uint64_t *now = content;
	const uint64_t *twin = (const uint64_t *)(const void *)note->twin;

	for (size_t i = 0; i < page_size / WORD; i++) {
		const uint64_t word = now[i];

		if (!LIKELY(word == twin[i]))
			note_bytes(note, i * WORD, word);
	}
}

/* The first byte at or after @from that is marked, or with @unmarked one that is not. */
static size_t find_byte(const struct far_note *note, size_t page_size, size_t from,
			bool unmarked)
{
	while (from < page_size) {
		uint64_t bits = note->changed[from / BITS] ^ (unmarked ? UINT64_MAX : 0);

		bits &= UINT64_MAX << from % BITS;
		if (bits)
			return from / BITS * BITS + (size_t)__builtin_ctzll(bits);
		from = (from / BITS + 1) * BITS;
	}
	return page_size;
}

bool far_note_next(const struct far_note *note, size_t page_size, size_t from, size_t *ret_from,
		   size_t *ret_size)
{
	const size_t start = find_byte(note, page_size, from, false);

	if (start >= page_size)
		return false;
	*ret_from = start;
	*ret_size = find_byte(note, page_size, start, true) - start;
	return true;
}

/* ---- is it right? ----------------------------------------------------------------------- */

bool far_pages_check(const struct far_pages *pages)
{
	size_t here = 0, dirty = 0, noted = 0;
	const struct far_note *note;

	for (size_t i = 0; i < pages->count; i++) {
		if (pages->state[i] > FAR_DIRTY)
			return false;
		here += pages->state[i] != FAR_AWAY;
		dirty += pages->state[i] == FAR_DIRTY;
	}
	STAILQ_FOREACH(note, &pages->notes, entry)
	{
		if (note->page >= pages->count || pages->state[note->page] != FAR_DIRTY)
			return false;
		noted++;
	}
	return here == pages->here && dirty == pages->dirty && noted == dirty;
}
