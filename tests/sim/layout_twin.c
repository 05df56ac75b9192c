/* SPDX-License-Identifier: MIT */
#include "layout_twin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

/* What an output is before a call, and still after it if it failed. */
#define UNTOUCHED ((uintptr_t)0x756e746f75636865)

static void expect(struct layout_twin *t, bool condition, const char *promise)
{
	if (!condition && !t->lie)
		t->lie = promise;
}

static void say(const struct layout_twin *t, const char *what, const struct layout_wish *wish)
{
	if (t->loud)
		(void)printf("%s start %#lx size %#lx align %u flags %#x resume %#lx\n", what,
			     wish->start, wish->size, wish->align, wish->flags, wish->resume);
}

void twin_init(struct layout_twin *t, uintptr_t base, uintptr_t low, uintptr_t high,
	       uintptr_t page)
{
	(void)memset(t, 0, sizeof(*t));
	layout_init(&t->layout, low, high, page);
	model_init(&t->model, base, low, high, page);
}

void twin_deinit(struct layout_twin *t)
{
	layout_deinit(&t->layout);
}

static bool in_window(const struct layout_twin *t, uintptr_t start, uintptr_t last)
{
	uintptr_t base = t->model.base;

	return start >= base && last - base < MODEL_BYTES;
}

/* ---- memory ----------------------------------------------------------------------------- */

static size_t bytes(const struct layout_twin *t)
{
	return spans_bytes(&t->layout.regions) + spans_bytes(&t->layout.areas) +
	       spans_bytes(&t->layout.taken);
}

/* False if there is no memory; then nothing has happened. */
static bool ready(struct layout_twin *t, size_t *ret_bytes)
{
	int r = layout_reserve(&t->layout);

	expect(t, r == 0 || r == -ENOMEM, "layout_reserve() fails for memory alone");
	/* In a build with faults nothing more is to be had from now on. */
	if (r == 0)
		fault_arm_nth(0);
	*ret_bytes = bytes(t);
	return r == 0;
}

static void finished(struct layout_twin *t, size_t before)
{
	expect(t, !fault_nth_visited(), "nothing can fail after layout_reserve()");
	(void)fault_arm(NULL);
	expect(t, bytes(t) <= before, "nothing asks for memory after layout_reserve()");
}

/* ---- cutting ---------------------------------------------------------------------------- */

static bool same_cut(const struct layout_cut *a, const struct layout_cut *b)
{
	return a->region.start == b->region.start && a->region.last == b->region.last &&
	       a->region.value == b->region.value && a->first == b->first &&
	       a->last == b->last && a->front == b->front && a->back == b->back &&
	       a->code == b->code;
}

/* One step; false when there was nothing to do. */
static bool cut_once(struct layout_twin *t, uintptr_t first, uintptr_t last, unsigned mode,
		     unsigned *ret_code)
{
	uint64_t tail_value = ++t->values;
	struct layout_cut real, model;
	int r;

	r = layout_look_cut(&t->layout, first, last, mode, &real);
	expect(t, r == model_cut(&t->model, first, last, mode, tail_value, &model),
	       "a cut finds what the model finds");
	if (r < 0 || t->lie)
		return false;
	expect(t, same_cut(&real, &model), "a cut does what the model does");
	layout_do_cut(&t->layout, &real, tail_value);
	*ret_code = real.code;
	return true;
}

void twin_cut(struct layout_twin *t, uintptr_t first, uintptr_t last, unsigned mode)
{
	unsigned code = LAYOUT_AGAIN;
	bool went = true;
	size_t before;

	if (t->loud)
		(void)printf("cut %#lx to %#lx mode %u\n", first, last, mode);
	while (went && model_has_room(&t->model) && ready(t, &before)) {
		went = cut_once(t, first, last, mode, &code);
		finished(t, before);
		if (!(code & LAYOUT_AGAIN))
			break;
		twin_compare(t);
	}
}

/* All that is in the way; the caller has reserved. */
static void cut_all(struct layout_twin *t, uintptr_t first, uintptr_t last)
{
	unsigned code;

	while (cut_once(t, first, last, LAYOUT_EXACT, &code))
		;
}

/* ---- placing ---------------------------------------------------------------------------- */

static bool same_place(struct layout_twin *t, int r, int model_r, const uintptr_t real[2],
		       const uintptr_t model[2])
{
	if (t->loud)
		(void)printf("    %d %#lx-%#lx, model %d %#lx-%#lx\n", r, real[0], real[1],
			     model_r, model[0], model[1]);
	expect(t, r == model_r, "a wish is granted and refused as by the model");
	expect(t, real[0] == model[0] && real[1] == model[1],
	       "a wish is given the place that the model gives, and a refusal writes none");
	return r == 0 && !t->lie && model_has_room(&t->model) && in_window(t, real[0], real[1]);
}

void twin_attach(struct layout_twin *t, const struct layout_wish *wish)
{
	uintptr_t real[2] = { UNTOUCHED, UNTOUCHED }, model[2] = { UNTOUCHED, UNTOUCHED };
	uint64_t value;
	size_t before;
	int r;

	say(t, "attach", wish);
	r = layout_place(&t->layout, wish, &real[0], &real[1]);
	if (!same_place(t, r, model_place(&t->model, wish, &model[0], &model[1]), real, model))
		return;
	if (!ready(t, &before))
		return;
	if (wish->flags & LAYOUT_OVERMAP)
		cut_all(t, real[0], real[1]);
	value = ++t->values;
	r = layout_add_region(&t->layout, real[0], real[1], value);
	expect(t, r == 0, "a region can be added where it was placed");
	finished(t, before);
	model_add(&t->model.regions, t->model.base, real[0], real[1], value);
	if (model_has_room(&t->model))
		expect(t, layout_add_region(&t->layout, real[0], real[1], 0) == -EEXIST,
		       "two regions do not overlap");
}

void twin_reserve(struct layout_twin *t, const struct layout_wish *wish)
{
	const unsigned guard = LAYOUT_RESERVED | LAYOUT_OVERMAP;
	uintptr_t real[2] = { UNTOUCHED, UNTOUCHED }, model[2] = { UNTOUCHED, UNTOUCHED };
	uintptr_t first, last;
	size_t before;
	int r;

	say(t, "reserve", wish);
	r = layout_place_area(&t->layout, wish, &real[0], &real[1]);
	if (!same_place(t, r, model_place_area(&t->model, wish, &model[0], &model[1]), real,
			model))
		return;
	first = real[0];
	last = real[1];
	layout_widen(&t->layout, &first, &last);
	if (!ready(t, &before))
		return;
	if (!(wish->flags & LAYOUT_SEARCH) && (wish->flags & guard) == guard)
		cut_all(t, first, last);
	r = layout_add_area(&t->layout, real[0], real[1], wish->flags);
	expect(t, r == 0, "an area can be added where it was placed");
	finished(t, before);
	model_add(&t->model.areas, t->model.base, real[0], real[1], wish->flags);
	expect(t, layout_add_area(&t->layout, real[0], real[1], 0) == -EEXIST,
	       "two areas do not overlap");
}

void twin_free_area(struct layout_twin *t, uintptr_t addr)
{
	struct span real, model;
	size_t before;
	int r;

	if (t->loud)
		(void)printf("free %#lx\n", addr);
	if (!ready(t, &before))
		return;
	r = layout_free_area(&t->layout, addr, &real);
	finished(t, before);
	expect(t, r == model_free_area(&t->model, addr, &model),
	       "the area that is freed is the one that is there");
	if (r == 0 && !t->lie)
		expect(t,
		       real.start == model.start && real.last == model.last &&
			       real.value == model.value,
		       "the whole area is freed");
}

/* ---- looking ---------------------------------------------------------------------------- */

static void find_in(struct layout_twin *t, const struct model_owner *owner, bool found,
		    const struct span *real, uintptr_t first, uintptr_t last)
{
	struct span model;

	expect(t, found == model_find(&t->model, owner, first, last, &model),
	       "what is found is there");
	if (found && !t->lie)
		expect(t,
		       real->start == model.start && real->last == model.last &&
			       real->value == model.value,
		       "what is found is the lowest there");
}

void twin_find(struct layout_twin *t, uintptr_t first, uintptr_t last)
{
	struct span region, area;

	find_in(t, &t->model.regions, layout_find_region(&t->layout, first, last, &region),
		&region, first, last);
	find_in(t, &t->model.areas, layout_find_area(&t->layout, first, last, &area), &area,
		first, last);
}

void twin_compare(struct layout_twin *t)
{
	const char *differs = model_differs(&t->model, &t->layout);

	expect(t, !differs, differs);
}

void twin_empty(struct layout_twin *t)
{
	struct span area;

	twin_cut(t, 0, UINTPTR_MAX, LAYOUT_OVERLAP);
	twin_compare(t);
	while (!t->lie && layout_find_area(&t->layout, 0, UINTPTR_MAX, &area)) {
		twin_free_area(t, area.last);
		twin_compare(t);
	}
	expect(t, spans_count(&t->layout.regions) == 0 && spans_count(&t->layout.taken) == 0,
	       "what was let go of is free");
}
