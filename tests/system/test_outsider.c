/* SPDX-License-Identifier: MIT */
/*
 * test_outsider.c - who was given nothing of a local region, and reaches for its object
 *
 * Where the kernel lets one process open another's descriptors (the same user, or root) nobody
 * keeps it from writing.  But no access of the exporter's faults or fails for it: the object
 * can neither be cut nor sealed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kin.h"
#include "land.h"

#define PAGES 4u
#define SIZE (PAGES * PAGE)

static void try_to_spoil(int fd)
{
	const int seals[] = { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE,
			      F_SEAL_FUTURE_WRITE };

	EXPECT(ftruncate(fd, 0) < 0);
	EXPECT(ftruncate(fd, (off_t)(SIZE - 1)) < 0);
	EXPECT(ftruncate(fd, (off_t)(2 * SIZE)) < 0);
	EXPECT(fallocate(fd, 0, (off_t)SIZE, (off_t)PAGE) < 0);
	for (unsigned i = 0; i < sizeof(seals) / sizeof(*seals); i++)
		EXPECT(fcntl(fd, F_ADD_SEALS, seals[i]) < 0);
}

/* Tells whether it came by what it was told of. */
static void reach_for_it(struct kin *parent, void *arg)
{
	uint64_t number;
	char path[64];

	(void)arg;
	while ((number = kin_hear(parent)) != 0) {
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)parent->pid,
			       (int)number);
		fd = open(path, O_RDWR | O_CLOEXEC);
		EXPECT(fd >= 0 || errno == EACCES || errno == EPERM);
		if (fd >= 0) {
			try_to_spoil(fd);
			(void)close(fd);
		}
		kin_tell(parent, fd >= 0);
	}
}

/* All of it is there as it was, and can be written to. */
static void expect_unspoilt(struct kin *outsider, char *memory, unsigned *reached)
{
	EXPECT_STR(land_bytes(memory, PAGES), "abcd");
	kin_tell(outsider, (uint64_t)object_fd(memory));
	*reached += (unsigned)kin_hear(outsider);
	EXPECT_STR(land_bytes(memory, PAGES), "abcd");
	for (unsigned i = 0; i < PAGES; i++)
		EXPECT_EQ(land_store(memory + (i + 1) * PAGE - 1), 0);
}

TEST(who_was_given_nothing_can_neither_cut_nor_seal_a_local_region)
{
	struct tract_region *region = land_region(PAGES, 'a');
	char *memory = attached(.region = region);
	struct tract_export *export;
	struct tract_import *import;
	unsigned reached = 0;
	struct kin outsider;
	struct tract *ctx;
	uint32_t id;

	kin_start(&outsider, reach_for_it, NULL);
	expect_unspoilt(&outsider, memory, &reached);
	ctx = node_open();
	export = export_up(ctx, memory, SIZE, 0, &id);
	expect_unspoilt(&outsider, memory, &reached);
	import = import_up(ctx, id, TRACT_RIGHT_READ_WRITE);
	(void)import_map(import, TRACT_RIGHT_READ_WRITE);
	EXPECT_EQ(tract_export_unpublish(export), 0);
	/* It is another object now. */
	expect_unspoilt(&outsider, memory, &reached);
	import_down(import);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_unspoilt(&outsider, memory, &reached);
	kin_tell(&outsider, 0);
	kin_finish(&outsider);
	EXPECT_EQ(tract_detach(memory), 0);
	tract_region_close(region);
	tract_close(ctx);
	if (reached == 0)
		SKIP("no process may open another's descriptors here");
	EXPECT_EQ(reached, 4);
}
