/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_order.c - numbers between nodes of one byte order, and of two
 *
 * The second node is of this host's kind, and its broker says otherwise: so its memory has to
 * be looked at with other eyes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <tract/tract.h>

#include "cluster.h"
#include "test.h"

#define LONG_MS 15000
#define SIZE ((size_t)64 << 10)
#define ID 0x400001u

struct pair {
	struct cluster c;
	struct tract *here, *there;
	unsigned char *memory;
	struct tract_export *export;
	struct tract_import *import;
	struct tract_barrier barrier;
};

static void expect_ok(int r)
{
	EXPECT_OR_SAY(r == 0, "%d: %s", r, tract_reason());
}

static void nodes_up(struct pair *p, bool other_order)
{
	cluster_make(&p->c, 2, true, NULL);
	cluster_start(&p->c, 0);
	if (other_order)
		EXPECT_EQ(setenv("TRACT_FAULT", "broker.other_order=e1@*", 1), 0);
	cluster_start(&p->c, 1);
	EXPECT_EQ(unsetenv("TRACT_FAULT"), 0);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&p->c));
	expect_ok(tract_open(p->c.node[0].directory, &p->here));
	expect_ok(tract_open(p->c.node[1].directory, &p->there));
}

static void pair_up(struct pair *p, bool other_order)
{
	uint32_t id = ID;

	nodes_up(p, other_order);
	p->memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT((void *)p->memory != MAP_FAILED);
	expect_ok(tract_export_create(p->there, p->memory, SIZE, 0, &p->export));
	expect_ok(tract_export_publish(p->export, &id, NULL, 0));
	expect_ok(tract_import_connect(p->here, 2, ID, TRACT_RIGHT_READ_WRITE, &p->import));
	expect_ok(tract_barrier_init(p->import, &p->barrier));
}

static void pair_down(struct pair *p)
{
	expect_ok(tract_import_close(p->import));
	expect_ok(tract_export_destroy(p->export));
	EXPECT_EQ(munmap(p->memory, SIZE), 0);
	tract_close(p->here);
	tract_close(p->there);
	cluster_end(&p->c);
}

/* What a node of the other order would call the number that is here. */
static uint64_t value_there(const unsigned char *at, size_t width, bool other_order)
{
	uint64_t value = 0;

	for (size_t i = 0; i < width; i++)
		value = value << 8 | at[other_order ? i : width - 1 - i];
	return value;
}

#define TRY_WIDTH(p, bits, other)                                                          \
	do {                                                                               \
		uint##bits##_t to[3] = { 1, (uint##bits##_t)0xfedcba9876543210, 77 };      \
		uint##bits##_t from[3] = { 0 };                                            \
                                                                                           \
		expect_ok(tract_import_put##bits((p)->import, bits, to, 3));               \
		for (unsigned i = 0; i < 3; i++)                                           \
			EXPECT(value_there((p)->memory + bits + i * sizeof(*to), bits / 8, \
					   other) == to[i]);                               \
		expect_ok(tract_import_get##bits((p)->import, bits, from, 3));             \
		EXPECT(memcmp(from, to, sizeof(to)) == 0);                                 \
		expect_ok(tract_import_put##bits((p)->import, bits, to, 0));               \
	} while (0)

static void try_widths(struct pair *p, bool other)
{
	TRY_WIDTH(p, 8, other);
	TRY_WIDTH(p, 16, other);
	TRY_WIDTH(p, 32, other);
	TRY_WIDTH(p, 64, other);
}

/* Bytes are bytes: in bulk, and in vectors. */
static void try_bytes(struct pair *p)
{
	unsigned char bytes[] = "bytes in their order", got[sizeof(bytes)] = { 0 };
	struct tract_vector out = { .local = bytes, .remote = 512, .length = sizeof(bytes) };
	struct tract_vector in = { .local = got, .remote = 512, .length = sizeof(bytes) };
	size_t done = 0;

	expect_ok(tract_import_put(p->import, 256, bytes, sizeof(bytes)));
	EXPECT(memcmp(p->memory + 256, bytes, sizeof(bytes)) == 0);
	expect_ok(tract_import_putv(p->import, &out, 1, &done));
	EXPECT(memcmp(p->memory + 512, bytes, sizeof(bytes)) == 0);
	expect_ok(tract_import_get(p->import, 256, got, sizeof(got)));
	EXPECT(memcmp(got, bytes, sizeof(bytes)) == 0);
	memset(got, 0, sizeof(got));
	expect_ok(tract_import_getv(p->import, &in, 1, &done));
	EXPECT(memcmp(got, bytes, sizeof(bytes)) == 0);
}

TEST_SLOW(between_nodes_of_one_order_nothing_is_turned_round, 60)
{
	struct pair p;

	pair_up(&p, false);
	try_widths(&p, false);
	try_bytes(&p);
	pair_down(&p);
}

TEST_SLOW(between_nodes_of_two_orders_numbers_keep_their_values_and_bytes_their_places, 60)
{
	struct pair p;

	pair_up(&p, true);
	try_widths(&p, true);
	try_bytes(&p);
	pair_down(&p);
}

/* In the buffer that bytes are turned round in there is room for 512. */
TEST_SLOW(many_numbers_are_turned_round_in_either_mode, 60)
{
	static uint64_t to[1300], from[1300];
	struct pair p;

	pair_up(&p, true);
	for (unsigned mode = 0; mode < 2; mode++) {
		for (unsigned i = 0; i < 1300; i++)
			to[i] = i + 1300 * mode;
		expect_ok(tract_import_set_mode(p.import, mode ? TRACT_BARRIER_EXPLICIT
							       : TRACT_BARRIER_IMPLICIT));
		expect_ok(tract_barrier_open(&p.barrier));
		expect_ok(tract_import_put64(p.import, 8, to, 1300));
		expect_ok(tract_barrier_close(&p.barrier));
		for (unsigned i = 0; i < 1300; i++)
			EXPECT(value_there(p.memory + 8 + 8 * i, 8, true) == to[i]);
		expect_ok(tract_import_get64(p.import, 8, from, 1300));
		EXPECT(memcmp(from, to, sizeof(to)) == 0);
	}
	pair_down(&p);
}
