/* SPDX-License-Identifier: MIT */
/*
 * test_far_pages.c - swept against a model that keeps a copy of everything
 */
#include "segment/far_pages.h"

#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "test.h"

#define PAGE ((size_t)128)
#define PAGES ((size_t)24)

/* Numbers that are the same each time. */
static uint64_t seed;

static size_t pick(size_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(seed >> 33) % below;
}

TEST(every_byte_that_differs_is_found_and_no_other)
{
	_Alignas(8) unsigned char before[PAGE], now[PAGE];
	struct far_pages pages;
	struct far_notes notes;

	EXPECT_EQ(far_pages_init(&pages, 1, PAGE), 0);
	far_pages_arrived(&pages, 0, 1);
	for (unsigned round = 0; round < 3000; round++) {
		size_t at = 0, from, size;
		struct far_note *note;

		for (size_t i = 0; i < PAGE; i++)
			before[i] = now[i] = (unsigned char)pick(256);
		for (size_t i = pick(PAGE); i > 0; i--)
			now[pick(PAGE)] = (unsigned char)pick(256);
		EXPECT_EQ(far_pages_note(&pages, 0, before), 0);
		far_pages_take(&pages, &notes);
		note = STAILQ_FIRST(&notes);
		far_note_compare(note, now, PAGE);
		while (far_note_next(note, PAGE, at, &from, &size)) {
			EXPECT(from >= at && size > 0 && from + size <= PAGE);
			EXPECT(memcmp(before + at, now + at, from - at) == 0);
			for (size_t i = from; i < from + size; i++) {
				EXPECT(before[i] != now[i]);
				EXPECT_EQ(note->twin[i], now[i]);
			}
			at = from + size;
			/* They are as long as can be. */
			EXPECT(at == PAGE || before[at] == now[at]);
		}
		EXPECT(memcmp(before + at, now + at, PAGE - at) == 0);
		far_notes_free(&notes);
	}
	far_pages_deinit(&pages);
}

/* The memory as the exporter has it, as a naive importer would, and ours. */
struct model {
	struct far_pages pages;
	_Alignas(8) unsigned char owner[PAGES][PAGE]; /* what is delivered is here */
	_Alignas(8) unsigned char view[PAGES][PAGE];  /* ours */
	unsigned char stored[PAGES][PAGE];	      /* 1: since the last delivery */
	bool here[PAGES], dirty[PAGES];
};

static void bring(struct model *m, size_t page)
{
	size_t count = far_pages_run(&m->pages, page, 1 + pick(4));

	if (m->here[page])
		return;
	for (size_t i = page; i < page + count; i++) {
		EXPECT(!m->here[i]);
		memcpy(m->view[i], m->owner[i], PAGE);
		m->here[i] = true;
	}
	far_pages_arrived(&m->pages, page, count);
}

static void store(struct model *m, size_t page)
{
	size_t at = pick(PAGE);

	bring(m, page);
	if (!m->dirty[page])
		EXPECT_EQ(far_pages_note(&m->pages, page, m->view[page]), 0);
	m->dirty[page] = true;
	m->view[page][at]++;
	m->stored[page][at] = 1;
}

/* Another importer, whose bytes are not to be undone. */
static void store_elsewhere(struct model *m, size_t page)
{
	size_t at = pick(PAGE);

	if (!m->stored[page][at])
		m->owner[page][at]++;
}

static void deliver(struct model *m)
{
	unsigned char expected[PAGES][PAGE];
	struct far_notes notes;
	struct far_note *note;

	memcpy(expected, m->owner, sizeof(expected));
	for (size_t i = 0; i < PAGES; i++)
		for (size_t j = 0; j < PAGE; j++)
			if (m->stored[i][j])
				expected[i][j] = m->view[i][j];
	far_pages_take(&m->pages, &notes);
	STAILQ_FOREACH(note, &notes, entry)
	{
		size_t from = 0, size;

		EXPECT(m->dirty[note->page]);
		m->dirty[note->page] = false;
		far_note_compare(note, m->view[note->page], PAGE);
		for (; far_note_next(note, PAGE, from, &from, &size); from += size)
			memcpy(m->owner[note->page] + from, note->twin + from, size);
	}
	far_notes_free(&notes);
	/* No byte is stored to so often that it comes around. */
	EXPECT(memcmp(m->owner, expected, sizeof(expected)) == 0);
	memset(m->stored, 0, sizeof(m->stored));
	memset(m->dirty, 0, sizeof(m->dirty));
}

static void forget(struct model *m, size_t page)
{
	size_t count = 1 + pick(PAGES - page);

	far_pages_forget(&m->pages, page, count);
	for (size_t i = page; i < page + count; i++)
		m->here[i] = m->here[i] && m->dirty[i];
}

static void compare(struct model *m)
{
	EXPECT(far_pages_check(&m->pages));
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(far_pages_state(&m->pages, i), m->dirty[i]  ? FAR_DIRTY
							 : m->here[i] ? FAR_CLEAN
								      : FAR_AWAY);
}

static void sweep(uint64_t number)
{
	static struct model m;

	memset(&m, 0, sizeof(m));
	seed = number;
	EXPECT_EQ(far_pages_init(&m.pages, PAGES, PAGE), 0);
	for (unsigned step = 0; step < 300; step++) {
		size_t page = pick(PAGES);

		switch (pick(8)) {
		case 0:
			deliver(&m);
			break;
		case 1:
			forget(&m, page);
			break;
		case 2:
			bring(&m, page);
			break;
		case 3:
			store_elsewhere(&m, page);
			break;
		default:
			store(&m, page);
			break;
		}
		compare(&m);
	}
	far_pages_deinit(&m.pages);
}

TEST(what_is_stored_is_delivered_and_what_others_stored_is_left)
{
	for (uint64_t number = 1; number <= 300; number++)
		sweep(number);
}

TEST(a_run_is_of_pages_in_the_same_state)
{
	struct far_pages pages;

	EXPECT_EQ(far_pages_init(&pages, 10, PAGE), 0);
	EXPECT_EQ(far_pages_run(&pages, 0, 100), 10);
	EXPECT_EQ(far_pages_run(&pages, 7, 2), 2);
	far_pages_arrived(&pages, 3, 4);
	EXPECT_EQ(far_pages_run(&pages, 0, 100), 3);
	EXPECT_EQ(far_pages_run(&pages, 4, 100), 3);
	EXPECT_EQ(far_pages_run(&pages, 7, 100), 3);
	far_pages_deinit(&pages);
}

TEST(a_page_is_not_noted_without_memory_for_its_twin)
{
	_Alignas(8) unsigned char content[PAGE] = { 0 };
	struct far_pages pages;

	EXPECT_EQ(far_pages_init(&pages, 2, PAGE), 0);
	far_pages_arrived(&pages, 0, 2);
	EXPECT_EQ(fault_arm("far.pages.note=e12"), 0);
	EXPECT_EQ(far_pages_note(&pages, 1, content), -ENOMEM);
	EXPECT_EQ(far_pages_state(&pages, 1), FAR_CLEAN);
	EXPECT(far_pages_check(&pages));
	EXPECT_EQ(far_pages_note(&pages, 1, content), 0);
	EXPECT_EQ(far_pages_state(&pages, 1), FAR_DIRTY);
	EXPECT_EQ(fault_arm(NULL), 0);
	far_pages_deinit(&pages);
}
