/* SPDX-License-Identifier: MIT */
#include "registry/import.h"

#include <errno.h>
#include <stdlib.h>

#include "registry/access.h"
#include "registry/stand.h"
#include "registry/takeback.h"

/* Answers of importers that a connection waits for a fence to end. */
#define CONNECT_PATIENCE 10u

struct import *import_of(struct named *named)
{
	return named ? container_of(named, struct import, named) : NULL;
}

struct import *import_find(const struct registry *registry, uint64_t id)
{
	return import_of(names_find(&registry->imports, id));
}

struct import *import_find_own(const struct call *call, uint64_t id)
{
	struct import *import = import_find(call->registry, id);

	return import && import->client == call->client ? import : NULL;
}

void import_revoke(struct registry *registry, struct import *import, enum segment_reason reason)
{
	/* What was posted before its end was told is heard. */
	if (import->client->remote)
		bell_tell_guest(registry, import);
	bell_mute(registry, import);
	import->reason = reason;
	import->client->live_count--;
	import->segment->live_count--;
	if (import->client->remote)
		guest_fade(registry, import);
}

void import_end(struct registry *registry, struct import *import)
{
	struct client *client = import->client;
	struct segment *lent =
		import->segment && import->segment->lent ? import->segment : NULL;
	uint64_t shared = import->mapping ? import->mapping->shared->named.key : 0;

	if (import->mapping)
		mapping_end(registry, import->mapping);
	if (import->owed != NOTICE_NONE)
		TAILQ_REMOVE(&client->owed, import, of_owed);
	import->owed = NOTICE_NONE;
	if (import->segment) {
		bell_leave(registry, import);
		LIST_REMOVE(import, of_segment);
		import->segment->live_count -= import_is_live(import);
	}
	client->live_count -= import_is_live(import);
	if (import->far)
		far_end(registry, import);
	if (client->remote)
		guest_end(registry, import);
	names_remove(&registry->imports, &import->named);
	LIST_REMOVE(import, of_client);
	client->import_count--;
	note(registry, "import.closed import=%llu pid=%d uid=%u",
	     (unsigned long long)import->named.key, client->identity.pid, client->identity.uid);
	if (import->errand)
		import->errand->errand.lent = NULL;
	if (lent && LIST_EMPTY(&lent->imports))
		segment_end(registry, lent, REASON_DESTROYED, NULL);
	/* Last, since it may end a round.  Who has died has let go of what is taken back. */
	round_release(registry, import,
		      client->leaving && !(import->round && import->round->takeback));
	free(import);
	if (shared_find(registry, shared))
		shared_reap(registry, shared_find(registry, shared));
}

/* ---- connecting ------------------------------------------------------------------------- */

static int answer_bare(const struct call *call, const struct import *import)
{
	const struct segment *segment = import->segment;
	const struct board *board = &call->registry->board;
	struct message answer = { .number = MSG_import_connected_bare };

	answer.import_connected_bare = (struct msg_import_connected_bare){
		.import = import->named.id,
		.segment = segment->named.id,
		.token = segment->token[import->rights / 2],
		.size = segment->size,
		.offset = segment->offset,
		.slot = segment->slot,
		.generation = board_generation(board, segment->slot),
		.epoch = segment->epoch,
		.exporter = segment->client->named.key,
		.sysv = segment->region->sysv && import->rights != 0,
	};
	if (answer.import_connected_bare.sysv)
		answer.import_connected_bare.shmid = segment->region->shmid;
	answer.import_connected_bare.owner = segment->client->identity.uid;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

static int answer_connected(const struct call *call, struct import *import)
{
	const struct segment *segment = import->segment;
	const struct board *board = &call->registry->board;
	struct message answer = { .number = MSG_import_connected };

	if (import->rights == 0 || segment->region->sysv)
		return answer_bare(call, import);
	answer.import_connected = (struct msg_import_connected){
		.import = import->named.id,
		.segment = segment->named.id,
		.token = segment->token[import->rights / 2],
		.size = segment->size,
		.offset = segment->offset,
		.slot = segment->slot,
		.generation = board_generation(board, segment->slot),
		.epoch = segment->epoch,
		.exporter = segment->client->named.key,
	};
	segment->region->exposed = true;
	stand_given(import);
	return call_answer(call, &answer,
			   attach(import->rights & TRACT_RIGHT_WRITE ? ATTACH_OBJECT_WRITE
								     : ATTACH_OBJECT_READ,
				  segment->region->object));
}

struct import *import_new(struct registry *registry, struct client *client, uint32_t rights)
{
	struct import *import = registry_alloc(sizeof(*import));

	if (!import)
		return NULL;
	import->client = client;
	import->since = registry_now(registry);
	import->rights = rights;
	import->slot = BELL_NO_SLOT;
	import->named.id = registry_draw(registry, &registry->imports);
	import->named.key = registry_new_key(registry);
	names_add(&registry->imports, &import->named);
	LIST_INSERT_HEAD(&client->imports, import, of_client);
	client->import_count++;
	client->live_count++;
	return import;
}

struct import *import_add(struct registry *registry, struct client *client,
			  struct segment *segment, uint32_t rights)
{
	struct import *import = import_new(registry, client, rights);

	if (!import)
		return NULL;
	import->segment = segment;
	LIST_INSERT_HEAD(&segment->imports, import, of_segment);
	segment->live_count++;
	return import;
}

/* @with: whose bell slot it shares, or NULL. */
static int import_make(const struct call *call, struct segment *segment, uint32_t rights,
		       const struct import *with)
{
	struct registry *registry = call->registry;
	struct client *client = call->client;
	struct import *import = import_add(registry, client, segment, rights);
	uint64_t *token = &segment->token[rights / 2];

	if (!import)
		return call_refuse_memory(call);
	if (*token == 0)
		*token = registry->ports.random(registry->ports.body);
	bell_enter(registry, import, with);
	note(registry,
	     "import.connected import=%llu segment=%llu id=0x%x rights=%u pid=%d "
	     "uid=%u%s",
	     (unsigned long long)import->named.key, (unsigned long long)segment->named.key,
	     segment->id, rights, client->identity.pid, client->identity.uid,
	     with ? " inherited=1" : "");
	return answer_connected(call, import);
}

static int refuse_copying(const struct call *call, int error)
{
	return call_refuse(call, error,
			   "the exporter is moving the memory and has not finished; try again");
}

/* Has it to answer first, which it cannot while it waits for its own connection?  On another
 * node it can. */
static bool is_waited_for(const struct client *client, const struct region *region)
{
	const struct import *import;

	if (client->remote)
		return false;
	TAILQ_FOREACH (import, &client->waits, of_waits)
		if (import->round->takeback && import->segment &&
		    import->segment->region == region)
			return true;
	return false;
}

/*
 * Neither the old object nor the fresh one is whole while the exporter copies, so a connection
 * waits.  Not the exporter's own, which would keep it from saying that it has finished.
 */
int import_wait_for_fence(const struct call *call, const struct region *region, bool again)
{
	struct registry *registry = call->registry;
	struct round *round;

	if (region->client == call->client || is_waited_for(call->client, region))
		return refuse_copying(call, EAGAIN);
	if (again || region->fence_late)
		return refuse_copying(call, ETIMEDOUT);
	if (call->client->wait_count >= GUEST_WAITS_MAX)
		return call_refuse(call, ETIMEDOUT,
				   "the exporter is moving the memory, and %u others wait for "
				   "that already; try again",
				   call->client->wait_count);
	if (round_begin(call, registry->config.hear_ns * CONNECT_PATIENCE, import_retry,
			&round) < 0)
		return call_refuse_memory(call);
	round->region = region->named.id;
	return 0;
}

bool import_must_wait(const struct segment *segment, uint32_t rights)
{
	return rights != 0 && segment->region->fence != FENCE_NONE;
}

/* 0, or the request was refused. */
static int check_limits(const struct call *call)
{
	const struct registry *registry = call->registry;

	if (registry->imports.count < registry->config.imports_max &&
	    client_has_room(registry, call->client))
		return 0;
	(void)call_refuse(call, EMFILE,
			  "the node has at most %u imports and a process at most %u regions, "
			  "exports and imports; close some",
			  registry->config.imports_max, registry->config.per_client_max);
	return -EMFILE;
}

int import_check_access(const struct call *call, const struct segment *segment, uint32_t rights,
			uint32_t node, const struct registry_identity *importer)
{
	struct access_question question = {
		.access = &segment->access,
		.default_mode = segment->mode,
		.uid = segment->client->identity.uid,
		.gid = segment->client->identity.gid,
		.node = node,
		.importer = importer,
		.rights = rights,
	};
	int r = access_decide(&question);

	if (r == -EXDEV)
		(void)call_refuse(
			call, EXDEV,
			"the access list leaves node %u out; the exporter can name it", node);
	else if (r < 0)
		(void)call_refuse(call, EACCES,
				  "the access list does not give user %u these rights; ask for "
				  "less, or the exporter for more",
				  importer->uid);
	return r;
}

/* What both ways to ask for a connection have in common. */
struct wanted {
	uint32_t node, id, rights;
	const struct wire_text *controller;
};

static struct wanted wanted_of(const struct message *message)
{
	static const struct wire_text any;
	const struct msg_import_connect *plain = &message->import_connect;
	const struct msg_import_connect_through *through = &message->import_connect_through;

	if (message->number == MSG_import_connect)
		return (struct wanted){ plain->node, plain->id, plain->rights, &any };
	return (struct wanted){ through->node, through->id, through->rights,
				&through->controller };
}

static int connect_to(const struct call *call, bool again)
{
	const struct wanted asked = wanted_of(call->message);
	struct registry *registry = call->registry;
	struct segment *segment;

	if (asked.rights & ~(uint32_t)TRACT_RIGHT_READ_WRITE)
		return call_refuse(call, EINVAL, "rights are 0, or of read 4 and write 2");
	if (check_limits(call) < 0)
		return 0;
	if (asked.node != registry->config.node)
		return far_connect(call, asked.node, asked.id, asked.rights, asked.controller);
	segment = published_find(registry, asked.id);
	if (!segment || segment->client->leaving)
		return call_refuse(call, ENOENT, "nothing is published here as 0x%x", asked.id);
	if (import_check_access(call, segment, asked.rights, registry->config.node,
				&call->client->identity) < 0 ||
	    stand_check_rights(call, segment, asked.rights, call->client->identity.uid) < 0)
		return 0;
	if (import_must_wait(segment, asked.rights))
		return import_wait_for_fence(call, segment->region, again);
	return import_make(call, segment, asked.rights, NULL);
}

/* The rights that @token proves, or -ESTALE. */
static int token_rights(const struct segment *segment, uint64_t token)
{
	for (int i = 0; token != 0 && i < RIGHTS_CLASSES; i++)
		if (segment->token[i] == token)
			return i * 2;
	return -ESTALE;
}

static int inherit(const struct call *call, bool again)
{
	const struct msg_import_inherit *asked = &call->message->import_inherit;
	struct registry *registry = call->registry;
	struct segment *segment = segment_find(registry, asked->segment);
	struct import *with = import_find(registry, asked->import);
	const struct import *far = far_find_inherited(registry, asked);
	int rights = -ESTALE;

	if (far && check_limits(call) < 0)
		return 0;
	if (far)
		return far_inherit(call, far);
	if (segment && !segment->client->leaving)
		rights = token_rights(segment, asked->token);
	if (rights < 0)
		return call_refuse(call, ESTALE,
				   "what was inherited has been taken back; connect again");
	if (check_limits(call) < 0 ||
	    stand_check_rights(call, segment, (uint32_t)rights, call->client->identity.uid) < 0)
		return 0;
	if (import_must_wait(segment, (uint32_t)rights))
		return import_wait_for_fence(call, segment->region, again);
	if (with && (with->segment != segment || !import_is_live(with)))
		with = NULL;
	return import_make(call, segment, (uint32_t)rights, with);
}

int import_connect(const struct call *call)
{
	return connect_to(call, false);
}

int import_connect_through(const struct call *call)
{
	return connect_to(call, false);
}

int import_inherit(const struct call *call)
{
	return inherit(call, false);
}

void import_retry(struct registry *registry, struct round *round)
{
	struct call call = { registry, round->asker, &round->request };

	if (round->request.number == MSG_link_connect)
		(void)guest_connect(&call, true);
	else if (round->request.number == MSG_import_inherit)
		(void)inherit(&call, true);
	else
		(void)connect_to(&call, true);
}

int import_close(const struct call *call)
{
	struct import *import = import_find_own(call, call->message->import_close.import);

	if (import)
		import_end(call->registry, import);
	else
		note(call->registry, "import.unknown call=import_close pid=%d uid=%u",
		     call->client->identity.pid, call->client->identity.uid);
	return 0;
}
