/* SPDX-License-Identifier: MIT */
/*
 * map_into.c - a shared region is mapped into another process by its owner
 *
 * Which must have agreed to that, and does it itself: it is told, with the memory, and answers
 * where it is.  Until then the mapping is made and has no place.  The capability for it is made
 * with it, and is deleted if nothing comes of it.
 */
#include <errno.h>

#include "registry/holding.h"
#include "registry/mapping.h"
#include "registry/takeback.h"

#define ERRNO_MAX 4095u

int shared_accept(const struct call *call)
{
	call->client->accepts_maps = call->message->shared_accept.accept;
	return call_done(call);
}

/* ---- the errand -------------------------------------------------------------------------- */

static struct attachment fill(const struct registry *registry, struct round *round,
			      struct message *message)
{
	const struct msg_shared_map_into *asked = &round->request.shared_map_into;
	const struct mapping *mapping = round->errand.lent->mapping;
	const struct region *region = mapping->import->segment->region;
	const struct ports *ports = &registry->ports;
	struct msg_shared_mapped mapped = mapping_describe(registry, mapping);

	message->number = MSG_shared_asked;
	message->shared_asked = (struct msg_shared_asked){
		.asker = round->asker->named.key,
		.permission = asked->permission,
		.address = asked->address,
		.align = ports->object_page(ports->body, region->object),
		.import = mapped.import,
		.shared = mapped.shared,
		.size = mapped.size,
		.slot = mapped.slot,
		.generation = mapped.generation,
		.epoch = mapped.epoch,
		.private = mapped.private,
	};
	return mapping_attachment(mapping);
}

/* Who was told may have mapped it.  It may be taken back already. */
static void abandon(struct registry *registry, struct import *lent, bool sent)
{
	struct client *target = lent->client;
	const struct cap *cap = lent->mapping ? lent->mapping->cap : NULL;
	uint64_t token = cap ? cap->token : 0;
	struct holding_end e;

	if (!sent)
		import_end(registry, lent);
	else if (lent->mapping)
		mapping_revoke(registry, lent->mapping, NULL);
	holding_end_init(&e, registry, NULL);
	(void)cap_delete(&target->caps, token, &e.end);
}

static const struct errand_kind map_errand = { .fill = fill, .abandon = abandon };

int shared_answer(const struct call *call)
{
	const struct msg_map_answer answer = {
		.error = call->message->shared_answer.error,
		.start = call->message->shared_answer.address,
	};

	round_answered(call, &map_errand, &answer);
	return 0;
}

/* ---- what comes of it -------------------------------------------------------------------- */

/* What it said, or why it said nothing; 0: it is mapped. */
static uint32_t outcome(const struct registry *registry, const struct round *round)
{
	const struct msg_map_answer *said = &round->errand.answer;
	const struct import *lent = round->errand.lent;

	if (!round->errand.by)
		return round->errand.deserted ? ESRCH : ETIMEDOUT;
	if (said->error)
		return said->error <= ERRNO_MAX ? said->error : EPROTO;
	/* It was taken back, or closed, in the meantime. */
	if (!lent || !lent->mapping)
		return EBUSY;
	return place_is_free(registry, lent->client, said->start, lent->mapping->shared)
		       ? 0
		       : EADDRINUSE;
}

/* What was made for it goes. */
static void undo(struct registry *registry, const struct round *round, struct import *lent)
{
	struct client *target = process_find(registry, round->request.shared_map_into.process);
	struct holding_end e;

	/* It has said that it did not map it; or lied about where, and will hear of its end. */
	if (lent && round->errand.answer.error)
		import_end(registry, lent);
	if (!target)
		return;
	holding_end_init(&e, registry, NULL);
	(void)cap_delete(&target->caps, round->subject, &e.end);
}

static void mapped_into(struct registry *registry, struct round *round)
{
	struct call call = { registry, round->asker, &round->request };
	const struct msg_map_answer *said = &round->errand.answer;
	struct message answer = { .number = MSG_shared_there };
	struct import *lent = round->errand.lent;
	uint32_t error = outcome(registry, round);

	if (lent)
		lent->errand = NULL;
	round->errand.lent = NULL;
	if (error) {
		undo(registry, round, lent);
		(void)call_refuse(&call, (int)error,
				  "the other process did not map it; see its error");
		return;
	}
	mapping_place(lent->mapping, said->start);
	answer.shared_there.address = said->start;
	answer.shared_there.permission = lent->mapping->permission;
	(void)call_answer(&call, &answer, ATTACH_NOTHING);
}

/* ---- asking ------------------------------------------------------------------------------ */

/* 0, or the request was refused. */
static int check_into(const struct call *call, const struct shared *shared,
		      const struct client *target)
{
	const struct msg_shared_map_into *asked = &call->message->shared_map_into;
	int error = 0;
	const char *rule = "";

	if (!permission_is_valid(asked->permission)) {
		error = EBADMSG;
		rule = "a permission is read 1, write 3, execute 4, read and execute 5, or all "
		       "7";
	} else if (!shared) {
		error = ENOENT;
		rule = "there is no such region";
	} else if (shared->owner != call->client) {
		error = EACCES;
		rule = "only its owner maps a region into others";
	} else if (asked->permission & ~shared->caps.root->rights) {
		error = EACCES;
		rule = "that is beyond the region's ceiling";
	} else if (!target) {
		error = ESRCH;
		rule = "there is no such process";
	} else if (target == call->client || !target->accepts_maps) {
		error = EACCES;
		rule = "the process does not accept what others map";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	return -error;
}

static int send(const struct call *call, struct client *target, struct ground *ground)
{
	struct registry *registry = call->registry;
	struct mapping *mapping;
	struct round *round;

	if (round_begin(call, registry->config.hear_ns, mapped_into, &round) < 0)
		return -ENOMEM;
	mapping = mapping_make(registry, target, ground);
	if (!mapping) {
		round_free(registry, round_cancel(registry, round));
		return -ENOMEM;
	}
	round->subject = ground->cap->token;
	round_send(registry, round, &map_errand, target, mapping->import);
	round_settle(registry, round);
	return 0;
}

int shared_map_into(const struct call *call)
{
	const struct msg_shared_map_into *asked = &call->message->shared_map_into;
	struct shared *shared = shared_find(call->registry, asked->shared);
	struct client *target = process_find(call->registry, asked->process);
	struct ground ground = { .shared = shared,
				 .permission = asked->permission,
				 .address = asked->address,
				 .remote = true };
	struct holding_end e;
	int r;

	if (check_into(call, shared, target) < 0 || ground_check(call, &ground, target) < 0)
		return 0;
	r = cap_derive_from(shared->caps.root, asked->permission | CAP_MAP, &target->caps,
			    &ground.cap);
	if (r < 0)
		return holding_refuse(call, r);
	ground.cap->user.grant = true;
	holding_made(call, ground.cap);
	if (send(call, target, &ground) == 0)
		return 0;
	holding_end_init(&e, call->registry, NULL);
	(void)cap_delete(&target->caps, ground.cap->token, &e.end);
	return call_refuse_memory(call);
}
