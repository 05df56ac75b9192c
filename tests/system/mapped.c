/* SPDX-License-Identifier: MIT */
#include "mapped.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

void mapped_ok(int r)
{
	EXPECT_OR_SAY(r == 0, "%d: %s", r, tract_reason());
}

char *mapped_pages(size_t size)
{
	char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(memory != MAP_FAILED);
	return memory;
}

void mapped_nodes_up(struct mapped *m, size_t size, const char *more)
{
	if (tract_import_can_map_far() == -EOPNOTSUPP)
		SKIP("this host has no userfaultfd with write protection for programs");
	memset(m, 0, sizeof(*m));
	cluster_make(&m->c, 2, true, more);
	cluster_start_all(&m->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&m->c));
	mapped_ok(tract_open(m->c.node[0].directory, &m->here));
	mapped_ok(tract_open(m->c.node[1].directory, &m->there));
	m->size = size;
	m->memory = mapped_pages(size);
	mapped_ok(tract_export_create(m->there, m->memory, size, TRACT_EXPORT_REBIND,
				      &m->export));
	mapped_ok(tract_export_publish(m->export, &m->id, NULL, 0));
}

void mapped_nodes_down(struct mapped *m)
{
	(void)tract_export_destroy(m->export);
	EXPECT_EQ(munmap(m->memory, m->size), 0);
	tract_close(m->here);
	tract_close(m->there);
	cluster_end(&m->c);
}

volatile char *mapped_again(struct mapped *m, struct tract_import **ret_import,
			    struct tract_barrier *barrier)
{
	void *addr = NULL;

	mapped_ok(tract_import_connect(m->here, 2, m->id, RW, ret_import));
	mapped_ok(tract_barrier_init(*ret_import, barrier));
	mapped_ok(tract_import_set_mode(*ret_import, TRACT_BARRIER_EXPLICIT));
	mapped_ok(tract_import_map(*ret_import, &addr, 0, RW, 0, m->size));
	return addr;
}

void mapped_end(struct tract_import *import)
{
	mapped_ok(tract_import_unmap(import));
	mapped_ok(tract_import_close(import));
}

void mapped_up(struct mapped *m, size_t size, const char *more)
{
	mapped_nodes_up(m, size, more);
	m->map = mapped_again(m, &m->import, &m->barrier);
}

void mapped_down(struct mapped *m)
{
	if (m->map)
		mapped_ok(tract_import_unmap(m->import));
	mapped_ok(tract_import_close(m->import));
	mapped_nodes_down(m);
}
