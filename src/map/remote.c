/* SPDX-License-Identifier: MIT */
#include "map/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "map/attach.h"
#include "map/claim.h"
#include "map/lent.h"

/* How often a region that another thread is taking back is tried again. */
#define TRIES 8

/* ---- having it -------------------------------------------------------------------------- */

static int map_of(struct tract *ctx, pid_t pid, struct tract_map **ret_map)
{
	scoped(session) struct session *session = NULL;
	struct message request = { .number = MSG_map_get };
	struct message reply;
	struct tract_map *map;
	int r;

	r = context_session(ctx, &session);
	if (r < 0)
		return r;
	request.map_get.pid = (uint32_t)pid;
	r = session_call(session, &request, NULL, 0, &reply, NULL);
	if (r < 0)
		return r;
	map = malloc(sizeof(*map));
	if (!map)
		return -ENOMEM;
	*map = (struct tract_map){
		.remote = true,
		.session = steal(session),
		.id = reply.map_got.map,
	};
	*ret_map = map;
	return 0;
}

int tract_map_of(struct tract *ctx, pid_t pid, struct tract_map **ret_map)
{
	error_clear_reason();
	if (!ctx || !ret_map || pid <= 0)
		return -EINVAL;
	if (pid == getpid()) {
		*ret_map = tract_map_own();
		return 0;
	}
	return map_of(ctx, pid, ret_map);
}

void tract_map_close(struct tract_map *map)
{
	if (!map || !map_is_remote(map))
		return;
	session_unref(map->session);
	free(map);
}

/* ---- asking ----------------------------------------------------------------------------- */

/* 0, and whatever the other says, refusals included; or why it was not asked. */
static int ask(const struct tract_map *map, struct message *request,
	       struct msg_map_changed *ret_said)
{
	struct message reply;
	int r;

	request->number = MSG_map_change;
	request->map_change.map = map->id;
	r = session_call(map->session, request, NULL, 0, &reply, NULL);
	if (r == 0)
		*ret_said = reply.map_changed;
	return r;
}

static int error_of(const struct msg_map_changed *said)
{
	if (said->error == 0)
		return 0;
	if (said->error == ETIMEDOUT)
		return fail(-ETIMEDOUT, "the process whose map it is did not answer in time");
	return fail(-(int)said->error, "the process whose map it is refused");
}

/* Whoever has kept it has a view of nothing from now on. */
static int take_back(struct tract_region *region)
{
	int r;

	mutex_lock(&bindings_lock);
	r = claim_fence_region(region);
	mutex_unlock(&bindings_lock);
	return r;
}

/* ---- attaching -------------------------------------------------------------------------- */

/* What the other has to be able to open it for. */
static uint32_t rights_to_give(const struct tract_attachment *what)
{
	bool writes =
		(what->rights & TRACT_RIGHT_WRITE) && !(what->flags & TRACT_ATTACH_PRIVATE);
	bool clears = (what->flags & TRACT_ATTACH_CLEAR) &&
		      (what->region->rights & TRACT_RIGHT_WRITE);

	return writes || clears ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_READ;
}

static int announce(const struct tract_map *map, struct tract_region *region)
{
	int r;

	mutex_lock(&bindings_lock);
	r = claim_announce(region, map->session);
	mutex_unlock(&bindings_lock);
	return r;
}

static int lend_and_ask(const struct tract_map *map, const struct tract_attachment *what,
			struct message *request, struct msg_map_changed *ret_said)
{
	int r = -EAGAIN;

	/* Another thread may be taking the region back: announcing waits for its end. */
	for (unsigned n = 0; n < TRIES && r == -EAGAIN; n++) {
		r = announce(map, what->region);
		if (r < 0)
			return r;
		request->map_change.region = tract_region_id(what->region);
		request->map_change.given = rights_to_give(what);
		r = ask(map, request, ret_said);
	}
	return r;
}

static int attached(const struct msg_map_changed *said, struct tract_region *region,
		    struct lent *lent, void **addr)
{
	int r = 0;

	if (said->stays)
		*addr = (void *)(uintptr_t)said->start;
	if (said->stays && lent)
		lent_enter(lent, said->start, said->size);
	else
		lent_discard(lent);
	if (!said->stays && said->exposed)
		r = take_back(region);
	return r < 0 ? r : error_of(said);
}

int remote_attach(struct tract_map *map, const struct tract_attachment *what, void **addr)
{
	struct message request = { 0 };
	struct msg_map_changed said = { 0 };
	struct lent *lent = NULL;
	size_t size = 0;
	int r;

	if (what->pager)
		return fail(-EINVAL, "another process's map knows no pagers");
	r = attach_check(what, &size);
	if (r == 0 && what->region)
		r = lent_prepare(what->region, map->id, &lent);
	if (r < 0)
		return r;
	request.map_change = (struct msg_map_change){
		.change = WIRE_CHANGE_ATTACH,
		.rights = what->rights,
		.start = (uintptr_t)*addr,
		.size = what->size ? what->size : size,
		.offset = what->offset,
		.flags = what->flags,
		.align = what->align,
		.tag = what->tag,
		.name = wire_text_of(what->name),
		.name_offset = what->name_offset,
	};
	r = what->region ? lend_and_ask(map, what, &request, &said) : ask(map, &request, &said);
	if (r < 0) {
		lent_discard(lent);
		return r;
	}
	(void)fault_point("map.remote.attached");
	return attached(&said, what->region, lent, addr);
}

/* ---- detaching -------------------------------------------------------------------------- */

int remote_detach(struct tract_map *map, uintptr_t addr, size_t size, uint32_t mode,
		  struct tract_detached *ret)
{
	scoped(region) struct tract_region *region = NULL;
	struct message request = { 0 };
	struct msg_map_changed said = { 0 };
	int r;

	request.map_change = (struct msg_map_change){
		.change = WIRE_CHANGE_DETACH,
		.start = addr,
		.size = size,
		.flags = mode,
	};
	r = ask(map, &request, &said);
	if (r == 0)
		r = error_of(&said);
	if (r < 0)
		return r;
	(void)fault_point("map.remote.detached");
	*ret = (struct tract_detached){
		.result = said.result == TRACT_SHORTENED || said.result == TRACT_SPLIT
				  ? (enum tract_detach_result)said.result
				  : TRACT_DETACHED,
		.again = said.again,
		.start = (void *)(uintptr_t)said.start,
		.size = said.size,
		.has_tag = said.has_tag,
		.tag = said.has_tag ? said.tag : 0,
	};
	region = lent_detached(map->id, said.start, said.size);
	return region ? take_back(region) : 0;
}

/* ---- areas ------------------------------------------------------------------------------ */

int remote_reserve(struct tract_map *map, uintptr_t *start, size_t size, uint32_t flags,
		   uint32_t align, uint8_t tag)
{
	struct message request = { 0 };
	struct msg_map_changed said = { 0 };
	int r;

	request.map_change = (struct msg_map_change){
		.change = WIRE_CHANGE_RESERVE,
		.start = *start,
		.size = size,
		.flags = flags,
		.align = align,
		.tag = tag,
	};
	r = ask(map, &request, &said);
	if (r == 0)
		r = error_of(&said);
	if (r == 0)
		*start = (uintptr_t)said.start;
	return r;
}

int remote_release(struct tract_map *map, uintptr_t addr)
{
	struct message request = { 0 };
	struct msg_map_changed said = { 0 };
	int r;

	request.map_change =
		(struct msg_map_change){ .change = WIRE_CHANGE_RELEASE, .start = addr };
	r = ask(map, &request, &said);
	return r == 0 ? error_of(&said) : r;
}

/* ---- pages ------------------------------------------------------------------------------ */

int remote_hide(struct tract_map *map, uintptr_t addr, size_t size, uint32_t rights)
{
	struct message request = { 0 };
	struct msg_map_changed said = { 0 };
	int r;

	request.map_change = (struct msg_map_change){
		.change = WIRE_CHANGE_HIDE,
		.start = addr,
		.size = size,
		.flags = rights,
	};
	r = ask(map, &request, &said);
	return r == 0 ? error_of(&said) : r;
}
