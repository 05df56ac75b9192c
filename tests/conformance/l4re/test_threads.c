/* SPDX-License-Identifier: MIT */
/*
 * test_threads.c - threads that use one map, and children of fork
 */
#include "rig.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 300

/* A pattern that belongs to one thread and one round. */
static unsigned long pattern(unsigned number, unsigned round)
{
	return (number + 1) * 1000000UL + round;
}

static void attach_write_detach(unsigned number, void *arg)
{
	l4re_ds_t ds = ds_new(4 * PAGE);
	l4_addr_t from = *(l4_addr_t *)arg, at;

	for (unsigned round = 0; round < ROUNDS; round++) {
		at = from;
		EXPECT_EQ(attach_from(&at, 4 * PAGE, RW, ds, L4_PAGESHIFT), 0);
		for (unsigned page = 0; page < 4; page++)
			WORD(at + page * PAGE) = pattern(number, round + page);
		EXPECT_RECORD(at + 5, at, 4 * PAGE, 0, RW, ds);
		for (unsigned page = 0; page < 4; page++)
			EXPECT_EQ(WORD(at + page * PAGE), pattern(number, round + page));
		detach(at);
	}
	slot_drop(ds);
}

/* 14.4, I7 */
TEST_SLOW(threads_that_attach_and_detach_do_not_lose_pages, 60)
{
	l4_addr_t from = room(64);

	in_threads(6, attach_write_detach, &from);
	EXPECT_FREE(from);
}

static void attach_or_map(unsigned number, void *arg)
{
	void *own;

	if (number % 2) {
		attach_write_detach(number, arg);
		return;
	}
	/* The program maps memory itself, where the search is going on and elsewhere. */
	for (unsigned round = 0; round < ROUNDS; round++) {
		own = mmap(round % 2 ? (void *)*(l4_addr_t *)arg : NULL, 4 * PAGE,
			   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		EXPECT(own != MAP_FAILED);
		(void)memset(own, (int)(number + 1), 4 * PAGE);
		EXPECT(is_filled((l4_addr_t)own, 4 * PAGE, (unsigned char)(number + 1)));
		EXPECT_EQ(munmap(own, 4 * PAGE), 0);
	}
}

/* 14.2, 14.4 */
TEST_SLOW(regions_and_what_the_program_maps_never_overlap, 60)
{
	l4_addr_t from = room(64);

	in_threads(6, attach_or_map, &from);
}

struct quarrel {
	l4_addr_t at;
	l4re_ds_t ds;
	_Atomic unsigned won, inside;
};

static void quarrel_for_a_place(unsigned number, void *arg)
{
	struct quarrel *q = arg;

	(void)number;
	for (unsigned round = 0; round < 5 * ROUNDS; round++) {
		void *start = (void *)q->at;
		int r = l4re_rm_attach(&start, PAGE, RW, q->ds, 0, 0);

		EXPECT(r == 0 || r == -L4_EADDRNOTAVAIL);
		if (r != 0)
			continue;
		/* Only one has it at a time. */
		EXPECT_EQ(q->inside++, 0);
		q->won++;
		BYTE(q->at) = 1;
		EXPECT_EQ(--q->inside, 0);
		detach(q->at);
	}
}

/* I7 */
TEST_SLOW(one_of_several_threads_gets_a_place, 60)
{
	struct quarrel q = { .at = room(1), .ds = ds_new(PAGE) };

	in_threads(4, quarrel_for_a_place, &q);
	EXPECT(q.won > 0);
	EXPECT_FREE(q.at);
	slot_drop(q.ds);
}

static void use_areas(unsigned number, void *arg)
{
	l4re_ds_t ds = ds_new(2 * PAGE);
	l4_addr_t at, in;

	(void)arg;
	for (unsigned round = 0; round < ROUNDS; round++) {
		at = 0;
		EXPECT_EQ(reserve_from(&at, 8 * PAGE, 0, L4_PAGESHIFT), 0);
		in = at;
		EXPECT_EQ(attach_from(&in, 2 * PAGE, RW | IN_AREA, ds, L4_PAGESHIFT), 0);
		EXPECT_EQ(in, at);
		EXPECT_EQ(attach_at(at + 4 * PAGE, 2 * PAGE, RW | IN_AREA, ds, 0), 0);
		WORD(at) = pattern(number, round);
		EXPECT_EQ(WORD(at + 4 * PAGE), pattern(number, round));
		EXPECT_AREA(at + 7 * PAGE, at, 8 * PAGE, 0);
		detach(at);
		detach(at + 4 * PAGE);
		EXPECT_EQ(l4re_rm_free_area(at), 0);
	}
	slot_drop(ds);
}

/* 14.4 */
TEST_SLOW(threads_have_areas_of_their_own, 60)
{
	in_threads(6, use_areas, NULL);
}

struct court {
	l4_addr_t at;
	l4re_ds_t ds;
	_Atomic bool is_over;
};

static void come_and_go(const struct court *c)
{
	for (unsigned round = 0; round < 10 * ROUNDS; round++) {
		l4_addr_t at = c->at + round % 4 * PAGE;

		EXPECT_EQ(attach_at(at, 2 * PAGE, RW | IN_AREA, c->ds, 0), 0);
		detach(at);
		EXPECT_EQ(l4re_ds_map(c->ds, 0, DS_RW, at, at, at + PAGE), 0);
		unmap(at, 1, L4_FPAGE_RWX);
	}
}

/* Wants to be just there, and takes what it gets. */
static void come_or_intrude(unsigned number, void *arg)
{
	struct court *c = arg;

	if (number == 0) {
		come_and_go(c);
		atomic_store(&c->is_over, true);
	}
	for (unsigned n = 0; !atomic_load(&c->is_over); n++) {
		void *own = mmap((void *)(c->at + n % 6 * PAGE), PAGE, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		EXPECT(own != MAP_FAILED);
		EXPECT((l4_addr_t)own < c->at || (l4_addr_t)own >= c->at + 6 * PAGE);
		EXPECT_EQ(munmap(own, PAGE), 0);
	}
}

/* I7, 14.1 */
TEST_SLOW(nobody_gets_into_an_area_while_what_is_in_it_comes_and_goes, 60)
{
	struct court c = { .at = room(6), .ds = ds_new(2 * PAGE) };

	EXPECT_EQ(reserve_at(c.at, 6 * PAGE, 0), 0);
	in_threads(2, come_or_intrude, &c);
	EXPECT_EQ(l4re_rm_free_area(c.at), 0);
	slot_drop(c.ds);
}

#define CUTS 64

struct cutting {
	l4_addr_t at[CUTS];
	_Atomic bool is_over;
};

static void cut_or_read(unsigned number, void *arg)
{
	struct cutting *c = arg;

	/* What is left of a region is never away, not for a moment. */
	while (number > 0 && !atomic_load(&c->is_over)) {
		for (unsigned n = 0; n < CUTS; n++) {
			EXPECT_EQ(BYTE(c->at[n]), MARK(0));
			EXPECT_EQ(BYTE(c->at[n] + 7 * PAGE), MARK(7));
		}
	}
	if (number > 0)
		return;
	for (unsigned n = 0; n < CUTS; n++) {
		EXPECT_EQ(l4re_rm_detach_range(c->at[n] + 2 * PAGE, 3 * PAGE, NULL,
					       L4_BASE_TASK_CAP),
			  L4RE_RM_SPLIT_DS);
		EXPECT_EQ(l4re_rm_detach_range(c->at[n] + PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
			  L4RE_RM_KEPT_DS);
		EXPECT_EQ(l4re_rm_detach_range(c->at[n] + 4 * PAGE, 2 * PAGE, NULL,
					       L4_BASE_TASK_CAP),
			  L4RE_RM_KEPT_DS);
	}
	atomic_store(&c->is_over, true);
}

/* 5.5, 14.2 */
TEST_SLOW(what_remains_of_a_region_can_be_used_all_the_time, 60)
{
	l4re_ds_t ds = ds_marked(8);
	struct cutting c = { .is_over = false };

	for (unsigned n = 0; n < CUTS; n++)
		c.at[n] = attach(ds, 8 * PAGE, RW);
	in_threads(3, cut_or_read, &c);
	for (unsigned n = 0; n < CUTS; n++) {
		EXPECT_RECORD(c.at[n], c.at[n], PAGE, 0, RW, ds);
		EXPECT_RECORD(c.at[n] + 7 * PAGE, c.at[n] + 6 * PAGE, 2 * PAGE, 6 * PAGE, RW,
			      ds);
		detach(c.at[n]);
		detach(c.at[n] + 7 * PAGE);
	}
	slot_drop(ds);
}

static void write_all(unsigned number, void *arg)
{
	l4_addr_t at = *(l4_addr_t *)arg;

	for (unsigned n = 0; n < 20000; n++)
		__atomic_fetch_add((unsigned long *)(at + n % 8 * PAGE), 1, __ATOMIC_RELAXED);
	(void)number;
}

/* 14.4 */
TEST(no_store_to_a_region_is_lost)
{
	l4re_ds_t ds = ds_new(8 * PAGE);
	l4_addr_t at = attach(ds, 8 * PAGE, RW);
	unsigned long sum = 0;

	in_threads(4, write_all, &at);
	for (unsigned page = 0; page < 8; page++)
		sum += WORD(at + page * PAGE);
	EXPECT_EQ(sum, 80000);
	detach(at);
	slot_drop(ds);
}

/* ---- fork, 14.4 ---- */

struct legacy {
	l4re_ds_t ds;
	l4_addr_t at;
};

static void use_inherited(void *arg)
{
	struct legacy *l = arg;

	EXPECT_RECORD(l->at, l->at, 2 * PAGE, 0, RW, l->ds);
	EXPECT(is_filled(l->at, PAGE, MARK(0)));
	BYTE(l->at + PAGE) = 99;
	EXPECT_EQ(ds_byte(l->ds, PAGE), 99);
	detach(l->at);
	EXPECT_FREE(l->at);
	EXPECT_EQ(reserve_at(l->at, PAGE, 0), 0);
	slot_drop(l->ds);
}

/* 14.4 */
TEST(a_child_has_the_memory_in_common_and_records_of_its_own)
{
	struct legacy l = { .ds = ds_marked(2) };

	l.at = attach(l.ds, 2 * PAGE, RW);
	EXPECT_CHILD(use_inherited, &l);
	EXPECT_RECORD(l.at, l.at, 2 * PAGE, 0, RW, l.ds);
	EXPECT_EQ(BYTE(l.at + PAGE), 99);
	EXPECT(slot_is_filled(l.ds));
	detach(l.at);
	slot_drop(l.ds);
}

static void use_own(void *arg)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, PAGE, RW);

	(void)arg;
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	slot_drop(ds);
}

/* 14.4 */
TEST(a_child_makes_dataspaces_of_its_own)
{
	l4re_ds_t ds = ds_new(PAGE);

	EXPECT_CHILD(use_own, NULL);
	EXPECT_EQ(ds_byte(ds, 0), 0);
	slot_drop(ds);
}

static void fork_or_attach(unsigned number, void *arg)
{
	if (number == 0) {
		for (unsigned n = 0; n < 20; n++)
			EXPECT_CHILD(use_own, NULL);
		return;
	}
	attach_write_detach(number, arg);
}

/* 14.4 */
TEST_SLOW(a_child_of_a_busy_process_can_use_the_map, 60)
{
	l4_addr_t from = room(64);

	if (TEST_SANITIZED && !TEST_TSAN)
		SKIP("ASan's allocator may be locked by another thread at a fork, and "
		     "then the child waits for ever for its first memory");
	in_threads(3, fork_or_attach, &from);
}
