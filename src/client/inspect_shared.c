/* SPDX-License-Identifier: MIT */
/*
 * inspect_shared.c - what tools ask of shared regions
 */
#include <tract/inspect.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "client/inspect.h"

int tract_next_shared(struct tract *ctx, uint64_t after, struct tract_shared_info *ret)
{
	struct message request = { .number = MSG_next_shared,
				   .next_shared = { .after = after } };
	struct message reply;
	const struct msg_shared_row *row = &reply.shared_row;
	int r;

	r = inspect_ask(ctx, &request, MSG_shared_row, ret, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_shared_info){
		.number = row->key,
		.size = row->size,
		.owner = row->owner,
		.pid = (int32_t)row->pid,
		.uid = row->uid,
		.ceiling = row->ceiling,
		.state = row->state,
		.mapped = row->mapped,
		.pending = row->pending,
		.capabilities = row->caps,
		.numa_node = row->node,
		.flags = row->flags,
		/* On the wire they count from 0. */
		.cache = row->cache + TRACT_CACHE_WRITE_BACK,
		.align = row->align,
		.backing = row->backing,
		.force = row->force,
		.kept = row->kept,
		.resident = row->resident,
		.age_ms = row->age_ms,
	};
	return 0;
}

int tract_next_mapping_of(struct tract *ctx, uint64_t number, uint64_t after,
			  struct tract_mapped_info *ret)
{
	struct message request = { .number = MSG_next_mapping,
				   .next_mapping = { .shared = number, .after = after } };
	struct message reply;
	const struct msg_mapping_row *row = &reply.mapping_row;
	int r;

	r = inspect_ask(ctx, &request, MSG_mapping_row, ret, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_mapped_info){
		.process = row->process,
		.pid = (int32_t)row->pid,
		.uid = row->uid,
		.permission = row->permission,
		.alone = row->private,
		.capability = row->cap,
		.address = row->address,
	};
	return 0;
}

int tract_next_capability(struct tract *ctx, uint64_t number, uint64_t after,
			  struct tract_capability_info *ret)
{
	struct message request = { .number = MSG_next_cap,
				   .next_cap = { .shared = number, .after = after } };
	struct message reply;
	const struct msg_cap_row *row = &reply.cap_row;
	int r;

	r = inspect_ask(ctx, &request, MSG_cap_row, ret, &reply);
	if (r < 0)
		return r;
	*ret = (struct tract_capability_info){
		.id = row->id,
		.parent = row->parent,
		.holder = row->holder,
		.pid = (int32_t)row->pid,
		.uid = row->uid,
		.rights = row->rights,
		.state = row->state,
		.mode = row->mode,
		.grant = row->grant,
	};
	return 0;
}

struct tract_placement inspect_placement(const struct msg_shared_placed *placed)
{
	struct tract_placement placement = {
		.nodes = placed->pages.count,
		.unknown = placed->unknown,
		.absent = placed->absent,
		.huge = placed->huge,
	};

	static_assert(WIRE_NODES_MAX <= TRACT_PLACEMENT_NODES, "there is room for all nodes");
	memcpy(placement.node, placed->pages.node,
	       placed->pages.count * sizeof(placement.node[0]));
	return placement;
}

int tract_placement_of(struct tract *ctx, uint64_t number,
		       struct tract_placement *ret_placement)
{
	struct message request = { .number = MSG_shared_place,
				   .shared_place = { .shared = number } };
	struct message reply;
	int r;

	r = inspect_ask(ctx, &request, MSG_shared_placed, ret_placement, &reply);
	if (r < 0)
		return r;
	*ret_placement = inspect_placement(&reply.shared_placed);
	return 0;
}

int tract_revoke(struct tract *ctx, const struct tract_revocation *what,
		 struct tract_revoked *ret_revoked)
{
	struct message request = { .number = MSG_shared_revoke };
	struct message reply;
	int r;

	error_clear_reason();
	if (!what || (what->capability && what->process))
		return -EINVAL;
	request.shared_revoke = (struct msg_shared_revoke){ .shared = what->number,
							    .cap = what->capability,
							    .process = what->process,
							    .force = what->force };
	r = inspect_ask(ctx, &request, MSG_shared_revoked, ret_revoked, &reply);
	if (r < 0)
		return r;
	*ret_revoked = (struct tract_revoked){ .capabilities = reply.shared_revoked.caps,
					       .mappings = reply.shared_revoked.mappings,
					       .processes = reply.shared_revoked.processes,
					       .force = reply.shared_revoked.force,
					       .copied = reply.shared_revoked.copied };
	return 0;
}
