/* SPDX-License-Identifier: MIT */
/*
 * govern.c - a shared region that a process makes, maps twice, and ends
 *
 * What failed works when it is asked again: nothing of it stays.
 */
#include <errno.h>

#include <tract/tract.h>

#include "crew.h"

static int map_and_store(struct tract_shared *shared, unsigned char before, unsigned char byte)
{
	void *at = NULL;
	int r;

	r = tract_shared_map(shared, &at, TRACT_PERMIT_READ_WRITE);
	if (r < 0)
		return r;
	if (*(volatile unsigned char *)at != before)
		r = -EIO;
	*(volatile unsigned char *)at = byte;
	if (r == 0)
		return tract_shared_unmap(shared, 0, TRACT_FORCE_ASK);
	(void)tract_shared_unmap(shared, 0, TRACT_FORCE_ASK);
	return r;
}

int64_t deed_govern(struct tract *ctx)
{
	const struct tract_shared_spec spec = { .size = CREW_SIZE,
						.ceiling = TRACT_PERMIT_READ_WRITE,
						.numa_node = TRACT_NODE_ANY };
	struct tract_shared *shared = NULL;
	int r, ended;

	r = tract_shared_create(ctx, &spec, &shared);
	if (r < 0)
		return r;
	r = map_and_store(shared, 0, 1);
	if (r == 0)
		r = map_and_store(shared, 1, 2);
	ended = tract_shared_destroy(shared);
	tract_shared_close(shared);
	return r < 0 ? r : ended;
}
