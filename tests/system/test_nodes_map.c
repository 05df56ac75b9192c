/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_map.c - memory of another node at an address: what loads and stores do
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mapped.h"

#define SIZE ((size_t)64 << 10)

static void open_span(struct mapped *m)
{
	mapped_ok(tract_barrier_open(&m->barrier));
}

static void close_span(struct mapped *m)
{
	mapped_ok(tract_barrier_close(&m->barrier));
}

static void fill(char *memory, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		memory[i] = (char)(i / 7 + i / PAGE + seed);
}

/* By a loop, as programs would. */
static bool same(const volatile char *map, const char *memory, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (map[i] != memory[i])
			return false;
	return true;
}

/* ---- loads ------------------------------------------------------------------------------- */

TEST_SLOW(loads_see_what_the_exporter_has, 60)
{
	struct mapped m;

	mapped_nodes_up(&m, SIZE, NULL);
	fill(m.memory, SIZE, 1);
	m.map = mapped_again(&m, &m.import, &m.barrier);
	open_span(&m);
	EXPECT_EQ(m.map[SIZE - 1], m.memory[SIZE - 1]);
	EXPECT(same(m.map, m.memory, SIZE));
	close_span(&m);
	mapped_down(&m);
}

/* More than is fetched at once, from several sides. */
TEST_SLOW(much_is_read_in_order_and_out_of_order, 120)
{
	const size_t size = (size_t)12 << 20;
	struct mapped m;

	mapped_nodes_up(&m, size, NULL);
	fill(m.memory, size, 1);
	m.map = mapped_again(&m, &m.import, &m.barrier);
	open_span(&m);
	for (size_t i = 0; i < size / PAGE; i++) {
		size_t page = i * 1223 % (size / PAGE);

		EXPECT_EQ(m.map[page * PAGE + i % PAGE], m.memory[page * PAGE + i % PAGE]);
	}
	close_span(&m);
	open_span(&m);
	EXPECT(same(m.map, m.memory, size));
	close_span(&m);
	/* Two at a time. */
	open_span(&m);
	for (size_t i = 0; i < size / 2; i += 512) {
		EXPECT_EQ(m.map[i], m.memory[i]);
		EXPECT_EQ(m.map[size / 2 + i], m.memory[size / 2 + i]);
	}
	close_span(&m);
	/* Backwards. */
	open_span(&m);
	for (size_t i = size; i > 0; i -= 512)
		EXPECT_EQ(m.map[i - 1], m.memory[i - 1]);
	close_span(&m);
	mapped_down(&m);
}

TEST_SLOW(a_barrier_shows_what_others_have_stored, 60)
{
	struct mapped m;

	mapped_up(&m, SIZE, NULL);
	for (char round = 1; round < 20; round++) {
		m.memory[0] = round;
		m.memory[SIZE - 1] = round;
		open_span(&m);
		EXPECT_EQ(m.map[0], round);
		EXPECT_EQ(m.map[SIZE - 1], round);
		m.memory[0] = (char)-round;
		mapped_ok(tract_barrier_order(&m.barrier));
		EXPECT_EQ(m.map[0], -round);
		m.memory[PAGE] = round;
		close_span(&m);
		EXPECT_EQ(m.map[PAGE], round);
	}
	mapped_down(&m);
}

/* ---- stores ------------------------------------------------------------------------------ */

TEST_SLOW(stores_have_arrived_when_a_barrier_has_ordered_or_closed, 60)
{
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	for (char round = 1; round < 20; round++) {
		open_span(&m);
		m.map[(int)round] = round;
		m.map[SIZE - 1] = round;
		EXPECT_EQ(m.map[(int)round], round);
		mapped_ok(tract_barrier_order(&m.barrier));
		EXPECT_EQ(m.memory[(int)round], round);
		EXPECT_EQ(m.memory[SIZE - 1], round);
		m.map[(int)round] = (char)-round;
		m.map[3 * PAGE] = round;
		close_span(&m);
		EXPECT_EQ(m.memory[(int)round], -round);
		EXPECT_EQ(m.memory[3 * PAGE], round);
		EXPECT_EQ(m.map[(int)round], -round);
	}
	mapped_down(&m);
}

TEST_SLOW(stores_stay_here_until_a_barrier_or_their_time, 60)
{
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	m.map[5] = 1;
	EXPECT_EQ(m.map[5], 1);
	EXPECT_EQ(m.memory[5], 0);
	open_span(&m);
	EXPECT_EQ(m.memory[5], 1);
	close_span(&m);
	mapped_down(&m);
}

TEST_SLOW(stores_arrive_by_themselves_after_their_time, 60)
{
	volatile char *memory;
	struct mapped m;

	mapped_up(&m, SIZE, NULL);
	memory = m.memory;
	for (char round = 1; round < 10; round++) {
		m.map[5] = round;
		m.map[9 * PAGE] = round;
		EXPECT_WITHIN(LONG_MS, memory[5] == round && memory[9 * PAGE] == round);
	}
	mapped_down(&m);
}

/* More pages than may be stored to at a time. */
TEST_SLOW(much_is_stored_in_order_and_out_of_order, 120)
{
	const size_t size = (size_t)12 << 20;
	struct mapped m;

	mapped_up(&m, size, STORES_LATE);
	open_span(&m);
	for (size_t i = 0; i < size; i += 64)
		m.map[i] = (char)(i / PAGE + 1);
	close_span(&m);
	for (size_t i = 0; i < size; i++)
		EXPECT_EQ(m.memory[i], i % 64 == 0 ? (char)(i / PAGE + 1) : 0);
	open_span(&m);
	for (size_t i = 0; i < size / PAGE; i++)
		m.map[i * 1223 % (size / PAGE) * PAGE + 1] = (char)(i | 1);
	close_span(&m);
	for (size_t i = 0; i < size / PAGE; i++)
		EXPECT_EQ(m.memory[i * 1223 % (size / PAGE) * PAGE + 1], (char)(i | 1));
	mapped_down(&m);
}

TEST_SLOW(importers_that_store_to_one_page_do_not_undo_each_others_stores, 60)
{
	struct tract_import *other;
	struct tract_barrier barrier = { 0 };
	volatile char *map;
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	map = mapped_again(&m, &other, &barrier);
	for (char round = 1; round < 20; round++) {
		mapped_ok(tract_barrier_open(&barrier));
		open_span(&m);
		/* All of them have the page before any has delivered. */
		for (size_t i = 0; i < PAGE; i += 3) {
			m.map[i] = round;
			map[i + 1] = (char)(round + 50);
			m.memory[i + 2] = (char)(round + 100);
		}
		close_span(&m);
		mapped_ok(tract_barrier_close(&barrier));
		for (size_t i = 0; i + 2 < PAGE; i += 3) {
			EXPECT_EQ(m.memory[i], round);
			EXPECT_EQ(m.memory[i + 1], (char)(round + 50));
			EXPECT_EQ(m.memory[i + 2], (char)(round + 100));
			EXPECT_EQ(map[i], round);
		}
	}
	mapped_end(other);
	mapped_down(&m);
}

TEST_SLOW(a_barrier_of_the_node_is_about_all_its_mappings, 60)
{
	struct tract_barrier barrier = { 0 }, node = { 0 };
	struct tract_import *other;
	volatile char *map;
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	map = mapped_again(&m, &other, &barrier);
	mapped_ok(tract_barrier_init_scope(m.import, TRACT_SCOPE_NODE, &node));
	mapped_ok(tract_barrier_open(&node));
	map[7] = 1;
	m.map[8] = 2;
	mapped_ok(tract_barrier_close(&node));
	EXPECT_EQ(m.memory[7], 1);
	EXPECT_EQ(m.memory[8], 2);
	m.memory[7] = 3;
	mapped_ok(tract_barrier_open(&node));
	EXPECT_EQ(map[7], 3);
	mapped_ok(tract_barrier_close(&node));
	mapped_end(other);
	mapped_down(&m);
}

/* ---- beside get and put ------------------------------------------------------------------ */

TEST_SLOW(loads_and_stores_keep_their_order_with_get_and_put, 60)
{
	uint64_t word, got;
	struct tract_vector vector = { &word, 24, sizeof(word) };
	struct mapped m;
	size_t done;

	mapped_up(&m, SIZE, STORES_LATE);
	for (int mode = TRACT_BARRIER_EXPLICIT; mode <= TRACT_BARRIER_IMPLICIT; mode++) {
		volatile uint64_t *words = (volatile uint64_t *)(volatile void *)m.map;

		mapped_ok(tract_import_set_mode(m.import, (enum tract_barrier_mode)mode));
		for (uint64_t round = 1; round < 50; round++) {
			words[1] = round;
			mapped_ok(tract_import_get64(m.import, 8, &got, 1));
			EXPECT_EQ(got, round);
			words[1] = round + 1;
			word = round + 2;
			mapped_ok(tract_import_put64(m.import, 8, &word, 1));
			EXPECT_EQ(words[1], round + 2);
			words[3] = round;
			word = round + 3;
			mapped_ok(tract_import_putv(m.import, &vector, 1, &done));
			EXPECT_EQ(words[3], round + 3);
			words[3] = round;
			mapped_ok(tract_import_getv(m.import, &vector, 1, &done));
			EXPECT_EQ(word, round);
		}
	}
	mapped_down(&m);
}

TEST_SLOW(get_and_put_move_what_is_mapped_from_another_node, 60)
{
	struct tract_barrier barrier = { 0 };
	struct tract_vector vector;
	struct tract_import *other;
	volatile char *map;
	struct mapped m;
	size_t done;

	mapped_nodes_up(&m, SIZE, STORES_LATE);
	fill(m.memory, SIZE, 3);
	m.map = mapped_again(&m, &m.import, &m.barrier);
	map = mapped_again(&m, &other, &barrier);
	mapped_ok(tract_barrier_open(&barrier));
	/* Neither page is here. */
	mapped_ok(tract_import_put(m.import, PAGE, (const void *)(uintptr_t)map, 2 * PAGE));
	EXPECT(memcmp(m.memory, m.memory + PAGE, PAGE) == 0);
	mapped_ok(tract_import_get(m.import, 0, (void *)(uintptr_t)(map + 8 * PAGE), 3 * PAGE));
	mapped_ok(tract_barrier_close(&barrier));
	EXPECT(memcmp(m.memory, m.memory + 8 * PAGE, 3 * PAGE) == 0);
	vector = (struct tract_vector){ (void *)(uintptr_t)(map + 12 * PAGE), 20, PAGE };
	mapped_ok(tract_import_getv(m.import, &vector, 1, &done));
	EXPECT_EQ(done, 1);
	EXPECT(same(map + 12 * PAGE, m.memory + 20, PAGE));
	vector.remote = 4 * PAGE;
	mapped_ok(tract_import_putv(m.import, &vector, 1, &done));
	EXPECT(same(map + 12 * PAGE, m.memory + 4 * PAGE, PAGE));
	mapped_end(other);
	mapped_down(&m);
}

TEST_SLOW(what_is_stored_before_a_post_is_seen_by_who_takes_it, 60)
{
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	for (char round = 1; round < 10; round++) {
		m.map[77] = round;
		mapped_ok(tract_import_post(m.import, 0));
		mapped_ok(tract_export_wait(m.export, LONG_MS));
		EXPECT_EQ(m.memory[77], round);
		m.memory[77] = (char)-round;
		mapped_ok(tract_export_post(m.export, 0));
		mapped_ok(tract_import_wait(m.import, LONG_MS));
		EXPECT_EQ(m.map[77], -round);
	}
	mapped_down(&m);
}

/* ---- windows and rights ------------------------------------------------------------------ */

TEST_SLOW(a_part_is_mapped_and_get_and_put_keep_to_it, 60)
{
	uint8_t byte = 9;
	void *addr = NULL;
	struct mapped m;

	mapped_nodes_up(&m, SIZE, NULL);
	fill(m.memory, SIZE, 5);
	mapped_ok(tract_import_connect(m.here, 2, m.id, RW, &m.import));
	mapped_ok(tract_barrier_init(m.import, &m.barrier));
	EXPECT_EQ(tract_import_map(m.import, &addr, 0, RW, 1, PAGE), -EADDRNOTAVAIL);
	EXPECT_EQ(tract_import_map(m.import, &addr, 0, RW, 0, SIZE + 1), -ERANGE);
	EXPECT_EQ(tract_import_map(m.import, &addr, 0, RW, 0, 0), -ERANGE);
	mapped_ok(tract_import_map(m.import, &addr, 0, RW, 3 * PAGE, PAGE + 10));
	m.map = addr;
	EXPECT_EQ(tract_import_map(m.import, &addr, 0, RW, 0, PAGE), -EALREADY);
	open_span(&m);
	/* To the end of the page. */
	EXPECT(same(m.map, m.memory + 3 * PAGE, 2 * PAGE));
	m.map[PAGE + 3] = 42;
	close_span(&m);
	EXPECT_EQ(m.memory[4 * PAGE + 3], 42);
	mapped_ok(tract_import_get8(m.import, 4 * PAGE + 9, &byte, 1));
	EXPECT_EQ(byte, (uint8_t)m.memory[4 * PAGE + 9]);
	EXPECT_EQ(tract_import_get8(m.import, 4 * PAGE + 10, &byte, 1), -ERANGE);
	EXPECT_EQ(tract_import_put8(m.import, 3 * PAGE - 1, &byte, 1), -ERANGE);
	EXPECT_EQ(tract_import_close(m.import), -EADDRINUSE);
	mapped_ok(tract_import_unmap(m.import));
	m.map = NULL;
	EXPECT_EQ(tract_import_unmap(m.import), -ENOENT);
	mapped_ok(tract_import_put8(m.import, 0, &byte, 1));
	mapped_down(&m);
}

TEST_SLOW(a_mapping_goes_where_it_is_told_and_is_found_there, 60)
{
	struct tract_span span;
	struct mapped m;
	void *addr;

	mapped_nodes_up(&m, SIZE, NULL);
	fill(m.memory, SIZE, 6);
	mapped_ok(tract_import_connect(m.here, 2, m.id, RW, &m.import));
	addr = mapped_pages(SIZE);
	memset(addr, 1, SIZE);
	mapped_ok(tract_import_map(m.import, &addr, TRACT_IMPORT_MAP_FIXED, RW, 0, SIZE));
	m.map = addr;
	EXPECT(same(m.map, m.memory, SIZE));
	mapped_ok(tract_find(addr, &span));
	EXPECT_EQ(span.kind, TRACT_SPAN_IMPORTED);
	EXPECT_EQ(span.size, SIZE);
	mapped_down(&m);
}

static sigjmp_buf out;

static void jump_out(int number)
{
	(void)number;
	siglongjmp(out, 1);
}

/* False if it faulted. */
static bool try_store(volatile char *at)
{
	struct sigaction action = { .sa_handler = jump_out }, before;
	volatile bool stored = false;

	EXPECT_EQ(sigaction(SIGSEGV, &action, &before), 0);
	if (sigsetjmp(out, 1) == 0) {
		*at = 1;
		stored = true;
	}
	EXPECT_EQ(sigaction(SIGSEGV, &before, NULL), 0);
	return stored;
}

TEST_SLOW(a_mapping_for_reading_takes_no_stores, 60)
{
	struct tract_import *writer;
	void *addr = NULL;
	struct mapped m;

	mapped_nodes_up(&m, SIZE, NULL);
	m.memory[3] = 7;
	mapped_ok(tract_import_connect(m.here, 2, m.id, TRACT_RIGHT_READ, &m.import));
	EXPECT_EQ(tract_import_map(m.import, &addr, 0, RW, 0, SIZE), -EACCES);
	mapped_ok(tract_import_map(m.import, &addr, 0, TRACT_RIGHT_READ, 0, SIZE));
	m.map = addr;
	EXPECT(!try_store(m.map));
	EXPECT_EQ(m.map[3], 7);
	EXPECT(!try_store(m.map));
	EXPECT_EQ(m.memory[0], 0);
	/* What is fetched before it is stored to must be readable. */
	mapped_ok(tract_import_connect(m.here, 2, m.id, TRACT_RIGHT_WRITE, &writer));
	EXPECT_EQ(tract_import_map(writer, &addr, 0, TRACT_RIGHT_WRITE, 0, SIZE), -EACCES);
	mapped_ok(tract_import_close(writer));
	mapped_down(&m);
}

TEST_SLOW(unmapping_delivers_and_the_segment_can_be_mapped_again, 60)
{
	struct mapped m;
	void *addr = NULL;

	mapped_up(&m, SIZE, STORES_LATE);
	for (char round = 1; round < 20; round++) {
		m.map[(int)round] = round;
		mapped_ok(tract_import_unmap(m.import));
		EXPECT_EQ(m.memory[(int)round], round);
		mapped_ok(tract_import_map(m.import, &addr, 0, RW, 0, SIZE));
		m.map = addr;
		EXPECT_EQ(m.map[(int)round], round);
	}
	mapped_down(&m);
}

/* ---- the manual's example ---------------------------------------------------------------- */

/*
 * rsm_memseg_import_map(3rsm), "Consistency between nodes": a flag after the data.  Each step
 * is a span of its own.
 */
TEST_SLOW(the_manuals_example_does_what_it_says, 60)
{
	volatile uint64_t *theirs, *ours;
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	theirs = (volatile uint64_t *)(void *)m.memory;
	ours = (volatile uint64_t *)(volatile void *)m.map;
	/* The importer: data, order, flag. */
	open_span(&m);
	ours[1] = 42;
	mapped_ok(tract_barrier_order(&m.barrier));
	EXPECT_EQ(theirs[1], 42);
	ours[0] = 1;
	/* Guaranteed: the exporter does not see the flag without the data. */
	EXPECT(theirs[0] == 0 || theirs[1] == 42);
	close_span(&m);
	EXPECT_EQ(theirs[0], 1);
	/* The other way: a load may be old until a barrier, and is not after it. */
	EXPECT_EQ(ours[2], 0);
	theirs[2] = 7;
	EXPECT(ours[2] == 0 || ours[2] == 7);
	open_span(&m);
	EXPECT_EQ(ours[2], 7);
	close_span(&m);
	/* A store of what is there already is none. */
	open_span(&m);
	EXPECT_EQ(ours[2], 7);
	theirs[2] = 8;
	ours[2] = 7;
	close_span(&m);
	EXPECT_EQ(theirs[2], 8);
	EXPECT_EQ(ours[2], 8);
	mapped_down(&m);
}
