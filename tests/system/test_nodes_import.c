/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_import.c - the library, with memory of another node
 *
 * A process may be on several nodes at once, which most of these are; who dies is another.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tract/tract.h>
#include <unistd.h>

#include "cluster.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define SIZE ((size_t)64 << 10)

struct pair {
	struct cluster c;
	struct tract *here, *there;
	char *memory;
	struct tract_export *export;
	uint32_t id;
	struct tract_import *import;
	struct tract_barrier barrier;
};

static void expect_ok(int r)
{
	ck_assert_msg(r == 0, "%d: %s", r, tract_reason());
}

static char *pages_new(size_t size)
{
	char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(memory != MAP_FAILED);
	return memory;
}

static void nodes_up(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	cluster_make(&p->c, 2, true, "[alias]\nsci0 = tcp0\n");
	cluster_start_all(&p->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&p->c));
	expect_ok(tract_open(p->c.node[0].directory, &p->here));
	expect_ok(tract_open(p->c.node[1].directory, &p->there));
}

static void nodes_down(struct pair *p)
{
	tract_close(p->here);
	tract_close(p->there);
	cluster_end(&p->c);
}

static void export_up(struct pair *p)
{
	p->memory = pages_new(SIZE);
	expect_ok(tract_export_create(p->there, p->memory, SIZE, TRACT_EXPORT_REBIND,
				      &p->export));
	expect_ok(tract_export_publish(p->export, &p->id, NULL, 0));
}

static void import_up(struct pair *p, uint32_t rights)
{
	expect_ok(tract_import_connect(p->here, 2, p->id, rights, &p->import));
	expect_ok(tract_barrier_init(p->import, &p->barrier));
}

static void pair_up(struct pair *p)
{
	nodes_up(p);
	export_up(p);
	import_up(p, RW);
}

static void pair_down(struct pair *p)
{
	expect_ok(tract_import_close(p->import));
	expect_ok(tract_export_destroy(p->export));
	EXPECT_EQ(munmap(p->memory, SIZE), 0);
	nodes_down(p);
}

#define TRY_WIDTH(bits)                                                                       \
	do {                                                                                  \
		uint##bits##_t to[3] = { 1, 2, (uint##bits##_t) - 3 }, from[3] = { 0 };       \
		const char *at = p.memory + 4096;                                             \
                                                                                              \
		expect_ok(tract_import_put##bits(p.import, 4096, to, 3));                     \
		EXPECT(memcmp(at, to, sizeof(to)) == 0);                                      \
		expect_ok(tract_import_get##bits(p.import, 4096, from, 3));                   \
		EXPECT(memcmp(from, to, sizeof(to)) == 0);                                    \
		EXPECT_EQ(tract_import_put##bits(p.import, SIZE - bits / 8, to, 2), -ERANGE); \
		EXPECT_EQ(tract_import_get##bits(p.import, -(bits / 8), from, 1), -ERANGE);   \
	} while (0)

TEST_SLOW(every_width_is_put_to_another_node_and_got_back, 60)
{
	struct pair p;

	pair_up(&p);
	EXPECT_EQ(tract_import_size(p.import), SIZE);
	TRY_WIDTH(8);
	TRY_WIDTH(16);
	TRY_WIDTH(32);
	TRY_WIDTH(64);
	pair_down(&p);
}
