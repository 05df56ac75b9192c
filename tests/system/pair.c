/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "test.h"

void expect_ok(int r)
{
	ck_assert_msg(r == 0, "%d: %s", r, tract_reason());
}

char *pages_new(size_t size)
{
	char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(memory != MAP_FAILED);
	return memory;
}

void nodes_up(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	cluster_make(&p->c, 2, true, cluster_alias());
	cluster_start_all(&p->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&p->c));
	expect_ok(tract_open(p->c.node[0].directory, &p->here));
	expect_ok(tract_open(p->c.node[1].directory, &p->there));
}

void nodes_down(struct pair *p)
{
	tract_close(p->here);
	tract_close(p->there);
	cluster_end(&p->c);
}

void export_up(struct pair *p)
{
	p->memory = pages_new(SIZE);
	p->id = 0x400001;
	expect_ok(tract_export_create(p->there, p->memory, SIZE, TRACT_EXPORT_REBIND,
				      &p->export));
	expect_ok(tract_export_publish(p->export, &p->id, NULL, 0));
}

void import_up(struct pair *p, uint32_t rights)
{
	expect_ok(tract_import_connect(p->here, 2, p->id, rights, &p->import));
	expect_ok(tract_barrier_init(p->import, &p->barrier));
}

void pair_up(struct pair *p)
{
	nodes_up(p);
	export_up(p);
	import_up(p, RW);
}

void pair_down(struct pair *p)
{
	expect_ok(tract_import_close(p->import));
	expect_ok(tract_export_destroy(p->export));
	EXPECT_EQ(munmap(p->memory, SIZE), 0);
	nodes_down(p);
}

int try_put(struct pair *p)
{
	uint64_t word = 7;
	int r = tract_import_put64(p->import, 0, &word, 1);

	EXPECT(r == 0 || r == -EIO || r == -ESTALE);
	return r;
}
