/* SPDX-License-Identifier: MIT */
/*
 * mapped.h - a process on two nodes at once, with a segment of the second mapped on the first
 */
#ifndef TESTS_SYSTEM_MAPPED_H
#define TESTS_SYSTEM_MAPPED_H

#include <tract/tract.h>

#include "cluster.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define PAGE ((size_t)4096)
/* So late that it does not come to it, if it is not waited for. */
#define STORES_LATE "[link]\nstore-delay-ms = 3600000\n"

struct mapped {
	struct cluster c;
	struct tract *here, *there;
	char *memory; /* the exporter's */
	size_t size;
	struct tract_export *export;
	uint32_t id;
	struct tract_import *import;
	struct tract_barrier barrier;
	volatile char *map; /* the importer's; NULL: it is not mapped */
};

/* Both nodes, and an export of @size bytes; @more is for their tract.conf. */
void mapped_nodes_up(struct mapped *m, size_t size, const char *more);
void mapped_nodes_down(struct mapped *m);
/* And an import with everything mapped, in the explicit mode. */
void mapped_up(struct mapped *m, size_t size, const char *more);
void mapped_down(struct mapped *m);

void mapped_ok(int r);
char *mapped_pages(size_t size);
/* Another import of the same, with a barrier, all mapped. */
volatile char *mapped_again(struct mapped *m, struct tract_import **ret_import,
			    struct tract_barrier *barrier);
void mapped_end(struct tract_import *import);

#endif
