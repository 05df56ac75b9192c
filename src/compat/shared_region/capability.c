/* SPDX-License-Identifier: MIT */
/*
 * capability.c - tokens, and what they stand for
 */
#include <errno.h>

#include "compat/shared_region/face.h"

#include "base/scope.h"

/* ---- a token's fields ------------------------------------------------------------------- */

#define ID_MAX ((UINT64_C(1) << 48) - 1)

SR_API shared_region_cap shared_region_cap_pack(uint64_t id, uint8_t generation, uint8_t type,
						uint8_t flags)
{
	if (id > ID_MAX || type > 0xf || flags > 0xf)
		return 0;
	return id | (uint64_t)generation << 48 | (uint64_t)type << 56 | (uint64_t)flags << 60;
}

SR_API uint64_t shared_region_cap_id(shared_region_cap cap)
{
	return cap & ID_MAX;
}

SR_API uint8_t shared_region_cap_generation(shared_region_cap cap)
{
	return (uint8_t)(cap >> 48);
}

SR_API uint8_t shared_region_cap_type(shared_region_cap cap)
{
	return (uint8_t)(cap >> 56 & 0xf);
}

SR_API uint8_t shared_region_cap_flags(shared_region_cap cap)
{
	return (uint8_t)(cap >> 60);
}

/* ---- looking ---------------------------------------------------------------------------- */

SR_API int shared_region_root_capability(shared_region *region, shared_region_cap *ret_cap)
{
	scoped(sr_held) struct sr_held *held = NULL;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!ret_cap)
		return SHARED_REGION_INVALID_ARGUMENT;
	return sr_error(tract_cap_root(held->shared, ret_cap));
}

SR_API int shared_region_cap_check(shared_region_client *client, shared_region_cap cap,
				   shared_region_rights required)
{
	scoped(sr_node) struct sr_node *node = NULL;
	int r;

	r = sr_enter(client, &node);
	return r < 0 ? r : sr_error(tract_cap_check(node->ctx, cap, required));
}

SR_API int shared_region_cap_info(shared_region_client *client, shared_region_cap cap,
				  struct shared_region_cap_info *ret_info)
{
	scoped(sr_node) struct sr_node *node = NULL;
	struct tract_cap_info info;
	int r;

	r = sr_enter(client, &node);
	if (r < 0)
		return r;
	if (!ret_info)
		return SHARED_REGION_INVALID_ARGUMENT;
	r = tract_cap_look(node->ctx, cap, &info);
	if (r < 0)
		return sr_error(r);
	*ret_info = (struct shared_region_cap_info){
		.region_id = info.region,
		.rights = info.rights,
		.state = info.state,
	};
	return 0;
}

/* ---- making and ending ------------------------------------------------------------------ */

SR_API int shared_region_cap_derive(shared_region_client *client, shared_region_cap parent,
				    shared_region_rights rights, shared_region_pid target,
				    shared_region_cap *ret_child)
{
	scoped(sr_node) struct sr_node *node = NULL;
	int r;

	r = sr_enter(client, &node);
	if (r < 0)
		return r;
	if (!ret_child || rights == 0)
		return SHARED_REGION_INVALID_ARGUMENT;
	return sr_error_of_call(tract_cap_derive(node->ctx, parent, rights, target, ret_child));
}

SR_API int shared_region_cap_revoke(shared_region_client *client, shared_region_cap cap,
				    uint32_t force, uint32_t *ret_count)
{
	scoped(sr_node) struct sr_node *node = NULL;
	int r;

	r = sr_enter(client, &node);
	if (r < 0)
		return r;
	if (!sr_is_force(force))
		return SHARED_REGION_INVALID_MESSAGE;
	return sr_error_of_call(tract_cap_revoke(node->ctx, cap, force, ret_count));
}

SR_API int shared_region_cap_delete(shared_region_client *client, shared_region_cap cap)
{
	scoped(sr_node) struct sr_node *node = NULL;
	int r;

	r = sr_enter(client, &node);
	return r < 0 ? r : sr_error(tract_cap_delete(node->ctx, cap));
}

/* ---- mapping with one ------------------------------------------------------------------- */

static int map_by(shared_region_client *client, shared_region_cap cap, bool offered,
		  void *address, uint32_t perm, shared_region **ret_region, void **ret_address)
{
	scoped(sr_node) struct sr_node *node = NULL;
	shared_region *region;
	struct tract_shared *shared;
	int r;

	r = sr_enter(client, &node);
	if (r < 0)
		return r;
	if (!ret_region || !ret_address)
		return SHARED_REGION_INVALID_ARGUMENT;
	if (!sr_is_perm(perm))
		return SHARED_REGION_INVALID_MESSAGE;
	r = tract_cap_map(node->ctx, cap, offered, &address, perm, &shared);
	if (r < 0)
		return sr_error(r);
	r = sr_region_new(client, shared, &region);
	if (r < 0)
		return r;
	*ret_region = region;
	*ret_address = address;
	return 0;
}

SR_API int shared_region_accept(shared_region_client *client, shared_region_cap cap,
				void *address, uint32_t perm, shared_region **ret_region,
				void **ret_address)
{
	return map_by(client, cap, true, address, perm, ret_region, ret_address);
}

SR_API int shared_region_cap_map(shared_region_client *client, shared_region_cap cap,
				 void *address, uint32_t perm, shared_region **ret_region,
				 void **ret_address)
{
	return map_by(client, cap, false, address, perm, ret_region, ret_address);
}

/* ---- notices ---------------------------------------------------------------------------- */

static int drain(struct tract *ctx, struct shared_region_notice *buffer, size_t capacity,
		 size_t *ret_got, uint64_t *ret_dropped)
{
	struct tract_notice notice;
	uint64_t dropped = 0;
	size_t got = 0;
	int r = 0;

	while (got < capacity) {
		r = tract_notice_next(ctx, false, &notice);
		if (r < 0)
			break;
		buffer[got++] = (struct shared_region_notice){
			.cap = notice.token,
			.seconds = notice.seconds,
			.reason = notice.reason,
		};
		dropped += notice.dropped;
	}
	/* What was drained is gone from the broker, and is not withheld for what failed then.
	 */
	if (r < 0 && r != -EAGAIN && got == 0)
		return sr_error(r);
	*ret_got = got;
	if (ret_dropped)
		*ret_dropped = dropped;
	return 0;
}

SR_API int shared_region_notices_drain(shared_region_client *client,
				       struct shared_region_notice *buffer, size_t capacity,
				       size_t *ret_got, uint64_t *ret_dropped)
{
	scoped(sr_node) struct sr_node *node = NULL;
	int r;

	r = sr_enter(client, &node);
	if (r < 0)
		return r;
	if (!ret_got || (!buffer && capacity > 0))
		return SHARED_REGION_INVALID_ARGUMENT;
	return drain(node->ctx, buffer, capacity, ret_got, ret_dropped);
}
