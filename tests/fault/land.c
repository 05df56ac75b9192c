/* SPDX-License-Identifier: MIT */
/*
 * land.c - a deed of its own: what a process does with its address space, once through
 *
 * Regions that only it knows, an area, pages that a function supplies, an export in place, and
 * the end of all of it.  Whatever step of it fails, all is given up again.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

#include <tract/tract.h>

#include "crew.h"

#define AREA_SIZE (16 * 4096u)

struct land {
	struct tract_region *region;
	struct tract_pager *pager;
	void *attached, *over, *area, *inside, *paged;
};

static int zero(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	(void)context;
	(void)fault;
	answer->kind = TRACT_ANSWER_ZERO;
	return 0;
}

/* ---- a page that may be refused --------------------------------------------------------- */

static sigjmp_buf refused;

static void on_refusal(int number)
{
	(void)number;
	siglongjmp(refused, 1);
}

static int touch(const volatile char *page)
{
	struct sigaction before, catch = { .sa_handler = on_refusal };
	int r = -ENOMEM;

	(void)sigaction(SIGSEGV, &catch, &before);
	if (sigsetjmp(refused, 1) == 0)
		r = *page;
	(void)sigaction(SIGSEGV, &before, NULL);
	return r;
}

/* ---- the deed --------------------------------------------------------------------------- */

static int settle(struct land *l)
{
	const struct tract_region_spec spec = { .size = CREW_SIZE };
	struct tract_attachment what = { .size = CREW_SIZE, .rights = TRACT_RIGHT_READ_WRITE };
	struct tract_map *map = tract_map_own();
	int r;

	r = tract_region_create_local(&spec, &l->region);
	what.region = l->region;
	if (r == 0)
		r = tract_map_attach(map, &what, &l->attached);
	l->over = l->attached;
	if (r == 0)
		r = tract_map_reserve(map, &l->over, CREW_SIZE, TRACT_AREA_FIXED, 0, 0);
	if (r == 0)
		r = tract_map_reserve(map, &l->area, AREA_SIZE, 0, 0, 0);
	l->inside = l->area;
	what.flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA;
	if (r == 0)
		r = tract_map_attach(map, &what, &l->inside);
	return r;
}

static int have_paged(struct land *l)
{
	struct tract_attachment what = { .size = CREW_SIZE, .rights = TRACT_RIGHT_READ_WRITE };
	int r;

	r = tract_pager_create(zero, NULL, NULL, &l->pager);
	what.pager = l->pager;
	if (r == 0)
		r = tract_map_attach(tract_map_own(), &what, &l->paged);
	/* A host without userfaultfd for programs has no pagers. */
	if (r == -ENOTSUP)
		return 0;
	return r < 0 ? r : touch(l->paged);
}

static int export(struct tract *ctx, const struct land *l)
{
	struct tract_export *exported;
	int r;

	r = tract_export_create(ctx, l->attached, CREW_SIZE, 0, &exported);
	if (r < 0)
		return r;
	r = tract_export_destroy(exported);
	/* What failed does so once. */
	return r < 0 ? tract_export_destroy(exported) : 0;
}

/* A step that failed works when it is asked again. */
static int leave(const void *addr)
{
	struct tract_span span;
	int r = 0;

	for (unsigned tries = 0; tries < 2; tries++)
		if (addr && tract_find(addr, &span) == 0)
			r = tract_detach(span.start);
	return r;
}

static void release(const void *area)
{
	for (unsigned tries = 0; tries < 2 && area; tries++)
		(void)tract_map_release(tract_map_own(), area);
}

static int give_up(struct land *l)
{
	int r, first;

	first = leave(l->attached);
	r = leave(l->inside);
	first = first < 0 ? first : r;
	r = leave(l->paged);
	first = first < 0 ? first : r;
	release(l->over);
	release(l->area);
	tract_pager_close(l->pager);
	tract_region_close(l->region);
	return first;
}

int64_t deed_land(struct tract *ctx)
{
	struct land l = { .region = NULL };
	int r, given_up;

	r = settle(&l);
	if (r == 0)
		r = have_paged(&l);
	if (r == 0)
		r = export(ctx, &l);
	if (r == 0)
		r = tract_region_destroy(l.region);
	given_up = give_up(&l);
	return r < 0 ? r : given_up;
}
