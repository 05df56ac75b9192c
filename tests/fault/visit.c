/* SPDX-License-Identifier: MIT */
/*
 * visit.c - memory that a process attaches in another's map, and detaches again
 *
 * What failed, on either side, works when it is asked again.
 */
#include <errno.h>

#include <tract/tract.h>

#include "crew.h"

static int attach(struct tract_map *map, struct tract_region *region, void **at)
{
	const struct tract_attachment what = { .region = region,
					       .rights = TRACT_RIGHT_READ_WRITE };
	int r = -ENOMEM;

	for (unsigned tries = 0; tries < 2 && r == -ENOMEM; tries++)
		r = tract_map_attach(map, &what, at);
	return r;
}

/* Detached it may be although it could not be moved out of reach. */
static int detach(struct tract_map *map, void *at)
{
	int r, again;

	r = tract_map_detach(map, at, 1, TRACT_DETACH_WHOLE, NULL);
	if (r != -ENOMEM)
		return r;
	again = tract_map_detach(map, at, 1, TRACT_DETACH_WHOLE, NULL);
	return again == -ENOENT ? r : again;
}

int64_t deed_visit(struct tract *ctx, uint64_t pid)
{
	const struct tract_region_spec spec = { .size = CREW_SIZE };
	struct tract_region *region = NULL;
	struct tract_map *map = NULL;
	void *at = NULL;
	int r;

	r = tract_region_create_local(&spec, &region);
	if (r == 0)
		r = tract_map_of(ctx, (pid_t)pid, &map);
	if (r == 0)
		r = attach(map, region, &at);
	if (r == 0)
		r = detach(map, at);
	tract_map_close(map);
	tract_region_close(region);
	return r;
}

void deed_clear_up(struct tract *ctx)
{
	struct tract_span span = { .start = NULL };
	const char *from = NULL;

	(void)tract_map_withdraw(ctx);
	while (tract_map_next_attachment(tract_map_own(), from, &span) == 0) {
		from = (const char *)span.start + span.size;
		if (span.kind == TRACT_SPAN_BORROWED && tract_detach(span.start) < 0)
			(void)tract_detach(span.start);
	}
}
