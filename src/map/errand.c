/* SPDX-License-Identifier: MIT */
#include "map/errand.h"

#include <errno.h>

#include "base/fault.h"
#include "map/area.h"
#include "map/attach.h"
#include "map/borrow.h"
#include "map/detach.h"
#include "map/shown.h"

/* ---- attaching -------------------------------------------------------------------------- */

/* A copy now, for what is private. */
static int part(const struct tract_region *region, uintptr_t start)
{
	const struct place *place;
	int r = 0;

	mutex_lock(&places_lock);
	place = places_from(start);
	if (place && place->start == start && place->region == region)
		r = borrow_part(place);
	mutex_unlock(&places_lock);
	return r;
}

static void undo(uintptr_t start, uint64_t asker)
{
	struct tract_detached done;

	(void)detach_here(start, start, TRACT_DETACH_WHOLE, asker, &done);
}

static int attach(const struct msg_map_asked *asked, struct tract_region *region,
		  struct msg_map_answer *answer)
{
	const struct tract_attachment what = {
		.region = region,
		.offset = asked->offset,
		.size = asked->size,
		.rights = asked->rights,
		.flags = asked->flags,
		.align = asked->align,
		.tag = asked->tag,
		.name = asked->name.text,
		.name_offset = asked->name_offset,
	};
	void *at = (void *)(uintptr_t)asked->start;
	size_t size;
	int r;

	r = attach_here(&what, region ? PLACE_BORROWED : 0u, &at, &size);
	/* It may stay in spite of an error. */
	if (size == 0)
		return r;
	if (region && part(region, (uintptr_t)at) < 0) {
		undo((uintptr_t)at, asked->asker);
		return -ENOMEM;
	}
	answer->stays = true;
	answer->start = (uintptr_t)at;
	answer->size = size;
	return r;
}

/* ---- the others ------------------------------------------------------------------------- */

static int detach(const struct msg_map_asked *asked, struct msg_map_answer *answer)
{
	struct tract_detached done;
	uintptr_t last;
	int r;

	r = detach_check_range((uintptr_t)asked->start, asked->size, asked->flags, &last);
	if (r == 0)
		r = detach_here((uintptr_t)asked->start, last, asked->flags, asked->asker,
				&done);
	if (r < 0)
		return r;
	answer->start = (uintptr_t)done.start;
	answer->size = done.size;
	answer->result = done.result;
	answer->again = done.again;
	answer->has_tag = done.has_tag;
	answer->tag = done.tag;
	return 0;
}

static int reserve(const struct msg_map_asked *asked, struct msg_map_answer *answer)
{
	uintptr_t start = (uintptr_t)asked->start;
	int r;

	r = area_check(&start, asked->size, asked->flags, asked->align);
	if (r == 0)
		r = area_reserve(&start, asked->size, asked->flags, asked->align,
				 (uint8_t)asked->tag);
	if (r == 0)
		answer->start = start;
	return r;
}

static int carry_out(const struct msg_map_asked *asked, struct tract_region *region,
		     struct msg_map_answer *answer)
{
	switch (asked->change) {
	case WIRE_CHANGE_ATTACH:
		return attach(asked, region, answer);
	case WIRE_CHANGE_DETACH:
		return detach(asked, answer);
	case WIRE_CHANGE_RESERVE:
		return reserve(asked, answer);
	case WIRE_CHANGE_RELEASE:
		return area_release((uintptr_t)asked->start);
	case WIRE_CHANGE_HIDE:
		return shown_hide((uintptr_t)asked->start, asked->size, asked->flags);
	default:
		return -EINVAL;
	}
}

/* ---- the service thread's --------------------------------------------------------------- */

static void serve(struct session *session, const struct message *event, int *fd)
{
	/* The fields of the two are the same. */
	const struct msg_map_asked *asked = &event->map_asked;
	struct message answer = { .number = MSG_map_answer, .serial = event->serial };
	struct tract_region *region = NULL;
	int r = 0;

	if (event->number == MSG_map_asked_region)
		r = borrow_take(session, asked, fd, &region);
	if (r == 0)
		r = fault_point("map.errand.heard");
	if (r == 0)
		r = carry_out(asked, region, &answer.map_answer);
	answer.map_answer.error = (uint32_t)-r;
	(void)fault_point("map.errand.done");
	/* What is not needed any more is closed by the time the asker has its answer. */
	region_unref(region);
	places_settle();
	(void)session_say(session, &answer);
}

bool errand_on_event(struct session *session, const struct message *event, int *fd)
{
	if (event->number != MSG_map_asked && event->number != MSG_map_asked_region)
		return false;
	serve(session, event, fd);
	return true;
}
