/* SPDX-License-Identifier: MIT */
#include "shared_world.h"

#include <errno.h>
#include <stdio.h>

static void lie(struct world *world, const char *what)
{
	if (!world->lie)
		world->lie = what;
}

/* ---- tokens -------------------------------------------------------------------------------
 */

static struct world_token *token_find(struct world *world, uint64_t token)
{
	for (uint32_t i = 0; i < WORLD_TOKENS; i++)
		if (token != 0 && world->token[i].token == token)
			return &world->token[i];
	return NULL;
}

static void token_learn(struct world *world, uint64_t token, uint64_t holder, bool root)
{
	struct world_token *known = token_find(world, token);

	if (!known) {
		known = &world->token[world->tokens++ % WORLD_TOKENS];
		*known = (struct world_token){ .token = token, .fresh = true };
	}
	known->holder = holder;
	known->gone = false;
	known->root |= root;
	if (known->revoked)
		lie(world, "V-5: what was revoked stays revoked");
}

/* It worked for @process. */
static void token_worked(struct world *world, uint64_t token, uint64_t process)
{
	const struct world_token *known = token_find(world, token);

	if (!known)
		return;
	if (known->revoked)
		lie(world, "V-5: what was revoked is of no use");
	if (known->holder != process && !known->root)
		lie(world, "a token works for its holder alone");
}

/* ---- memory -------------------------------------------------------------------------------
 */

static struct world_given *given_find(struct world *world, uint64_t import)
{
	for (uint32_t i = 0; i < WORLD_GIVEN; i++)
		if (import != 0 && world->given[i].import == import)
			return &world->given[i];
	return NULL;
}

static const struct world_given *given_to(const struct world *world, uint64_t client,
					  uint64_t shared)
{
	for (uint32_t i = 0; i < WORLD_GIVEN; i++)
		if (world->given[i].import && world->given[i].client == client &&
		    world->given[i].shared == shared)
			return &world->given[i];
	return NULL;
}

void world_closed(struct world *world, uint64_t import)
{
	struct world_given *given = given_find(world, import);

	if (given)
		given->import = 0;
}

static void given_learn(struct world *world, const struct fake_client *client, uint64_t import,
			uint64_t shared, struct attachment memory, bool private)
{
	struct fake_object *object = fake_object_find(&world->fake, memory.object);
	struct world_given *free = NULL;

	/* It was there when that was said; the body has seen to it. */
	if (!object)
		return;
	if (private && memory.kind == ATTACH_OBJECT_WRITE)
		lie(world, "V-11: who stores for himself has nothing to write to");
	object->writable |= memory.kind == ATTACH_OBJECT_WRITE;
	for (uint32_t i = 0; i < WORLD_GIVEN && !free; i++)
		if (world->given[i].import == 0)
			free = &world->given[i];
	if (free)
		*free = (struct world_given){ .import = import,
					      .client = client->id,
					      .shared = shared,
					      .object = memory.object };
}

/* ---- exports ------------------------------------------------------------------------------
 */

static struct world_export *export_find(struct world *world, uint64_t segment)
{
	for (uint32_t i = 0; i < WORLD_EXPORTS; i++)
		if (segment != 0 && world->exported[i].segment == segment)
			return &world->exported[i];
	return NULL;
}

static void learn_exported(struct world *world, const struct fake_client *client)
{
	struct world_export *exported = &world->exported[below(world, WORLD_EXPORTS)];

	for (uint32_t i = 0; i < WORLD_EXPORTS && exported->segment; i++)
		if (!world->exported[i].segment)
			exported = &world->exported[i];
	*exported = (struct world_export){
		.segment = client->answer.message.segment_created.segment,
		.client = client->id,
	};
}

static void learn_published(struct world *world, const struct message *asked, uint32_t id)
{
	struct world_export *exported = export_find(world, asked->segment_publish.segment);

	if (exported)
		exported->id = id;
}

static void learn_withdrawn(struct world *world, const struct message *asked)
{
	struct world_export *exported = export_find(world, asked->segment_destroy.segment);

	if (exported)
		exported->id = 0;
	if (exported && asked->number == MSG_segment_destroy)
		exported->segment = 0;
}

static void learn_connected(struct world *world, const struct fake_client *client,
			    const struct message *asked)
{
	const struct attachment memory = client->answer.attachment;
	const struct fake_object *object = fake_object_find(&world->fake, memory.object);

	if (memory.kind == ATTACH_OBJECT_WRITE && !(asked->import_connect.rights & 2))
		lie(world, "V-3: who imports for reading has nothing to write to");
	if (object && object->frozen && memory.kind == ATTACH_OBJECT_WRITE)
		lie(world, "V-11: what is frozen is imported for reading");
	given_learn(world, client, client->answer.message.import_connected.import, 0, memory,
		    false);
}

/* ---- answers ------------------------------------------------------------------------------
 */

static uint64_t process_of(const struct world *world, const struct fake_client *client)
{
	return world->process[client - world->fake.client];
}

static const struct fake_client *client_numbered(const struct world *world, uint64_t process)
{
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (world->fake.client[i].id && world->process[i] == process)
			return &world->fake.client[i];
	return NULL;
}

static struct world_region *region_find(struct world *world, uint64_t number)
{
	for (uint32_t i = 0; i < WORLD_REGIONS; i++)
		if (number != 0 && world->region[i].number == number)
			return &world->region[i];
	return NULL;
}

static void learn_region(struct world *world, const struct msg_shared_known *known)
{
	struct world_region *region = &world->region[below(world, WORLD_REGIONS)];

	if (known->shared <= world->last_region)
		lie(world, "V-6: numbers of regions only grow");
	if (known->size == 0 || known->size % PAGE)
		lie(world, "V-9: a region has whole pages");
	world->last_region = known->shared;
	for (uint32_t i = 0; i < WORLD_REGIONS && region->number; i++)
		if (!world->region[i].number)
			region = &world->region[i];
	*region = (struct world_region){ .number = known->shared, .owner = known->owner };
}

static void learn_owner(struct world *world, const struct msg_shared_known *known)
{
	struct world_region *region = region_find(world, known->shared);

	if (region)
		region->owner = known->owner;
}

/* What it asked about is gone, or no use to it. */
static void learn_refused(struct world *world, const struct message *asked, uint32_t error)
{
	struct world_region *region = NULL;
	struct world_token *token = NULL;

	/* The region, or the token, comes first in all of these. */
	if (error == ENOENT && asked->number != MSG_shared_where)
		region = region_find(world, asked->shared_open.shared);
	if (error == EBADF)
		token = token_find(world, asked->cap_look.token);
	if (region)
		region->number = 0;
	if (token)
		token->gone = true;
}

/* After a fence nobody has the object that was fenced off. */
static void learn_fence(struct world *world, uint32_t at, uint32_t force)
{
	if (force == 2 && world->fenced[at] &&
	    fake_object_find(&world->fake, world->fenced[at]))
		lie(world, "V-10: what was fenced off is gone");
}

static void learn_cap(struct world *world, const struct fake_client *client,
		      const struct message *asked, const struct msg_cap_known *known)
{
	uint64_t holder = process_of(world, client);

	if (asked->number == MSG_cap_derive) {
		holder = asked->cap_derive.process;
		if (known->rights & ~asked->cap_derive.rights)
			lie(world, "V-4: nobody gets more than was asked for");
	}
	token_learn(world, known->token, holder, asked->number == MSG_cap_root);
	if (asked->number == MSG_cap_look || asked->number == MSG_cap_take)
		token_worked(world, known->token, holder);
}

static void learn_unmapped(struct world *world, const struct fake_client *client,
			   uint64_t shared, uint64_t process)
{
	const struct fake_client *other = process ? client_numbered(world, process) : client;
	const struct world_given *given = other ? given_to(world, other->id, shared) : NULL;

	if (given)
		world_closed(world, given->import);
}

static void learn_mapped(struct world *world, const struct fake_client *client,
			 const struct message *asked)
{
	const struct msg_shared_mapped *mapped = &client->answer.message.shared_mapped;
	uint32_t permission = asked->number == MSG_cap_map ? asked->cap_map.permission
							   : asked->shared_map.permission;
	const struct fake_object *object =
		fake_object_find(&world->fake, client->answer.attachment.object);

	if (object && object->frozen && client->answer.attachment.kind == ATTACH_OBJECT_WRITE)
		lie(world, "V-11: what is frozen is given for reading");
	/* One that it had before was taken back, and it has not read that yet. */
	learn_unmapped(world, client, mapped->shared, 0);
	if (client->answer.attachment.kind == ATTACH_OBJECT_WRITE && !(permission & 2))
		lie(world, "V-3: who maps for reading has nothing to write to");
	given_learn(world, client, mapped->import, mapped->shared, client->answer.attachment,
		    mapped->private);
	if (asked->number == MSG_cap_map)
		token_worked(world, asked->cap_map.token, process_of(world, client));
}

static void learn(struct world *world, uint32_t at)
{
	const struct fake_client *client = &world->fake.client[at];
	const struct message *asked = &world->pending[at], *said = &client->answer.message;
	char line[512];

	if (world->loud) {
		wire_print(said, line, sizeof(line));
		(void)printf("%llu:     %s\n", (unsigned long long)world->process[at], line);
	}
	switch ((int)said->number) {
	case MSG_shared_known:
		if (asked->number == MSG_shared_create)
			learn_region(world, &said->shared_known);
		else
			learn_owner(world, &said->shared_known);
		break;
	case MSG_refused:
		learn_refused(world, asked, said->refused.error);
		break;
	case MSG_shared_mapped:
		learn_mapped(world, client, asked);
		break;
	case MSG_shared_unmapped:
		learn_fence(world, at, said->shared_unmapped.force);
		learn_unmapped(world, client, asked->shared_unmap.shared,
			       asked->shared_unmap.process);
		break;
	case MSG_cap_known:
		learn_cap(world, client, asked, &said->cap_known);
		break;
	case MSG_cap_revoked:
		if (token_find(world, asked->cap_revoke.token))
			token_find(world, asked->cap_revoke.token)->revoked = true;
		break;
	case MSG_offer_made:
		token_learn(world, said->offer_made.token, asked->offer_make.process,
			    asked->offer_make.mode != 1 && asked->offer_make.mode != 2);
		if (asked->offer_make.watched)
			token_find(world, said->offer_made.token)->mover =
				process_of(world, client);
		if (asked->offer_make.mode == 1 && said->offer_made.copied)
			lie(world, "sharing copies nothing");
		break;
	case MSG_offer:
		token_learn(world, said->offer.token, process_of(world, client),
			    said->offer.mode == 0);
		break;
	case MSG_cap_ticketed:
		world->ticket = said->cap_ticketed;
		break;
	case MSG_segment_created:
		learn_exported(world, client);
		break;
	case MSG_segment_published:
		learn_published(world, asked, said->segment_published.id);
		break;
	case MSG_segment_withdrawn:
		learn_withdrawn(world, asked);
		break;
	case MSG_import_connected:
		learn_connected(world, client, asked);
		break;
	case MSG_done:
		if (asked->number == MSG_shared_give &&
		    region_find(world, asked->shared_give.shared))
			region_find(world, asked->shared_give.shared)->owner =
				asked->shared_give.process;
		if (asked->number == MSG_cap_check)
			token_worked(world, asked->cap_check.token, process_of(world, client));
		break;
	default:
		break;
	}
}

/* ---- steps --------------------------------------------------------------------------------
 */

void world_asked(struct world *world, const struct fake_client *client,
		 const struct message *message)
{
	uint32_t at = (uint32_t)(client - world->fake.client);
	const struct fake_client *other;
	const struct world_given *given;

	world->pending[at] = *message;
	world->fenced[at] = 0;
	if (message->number != MSG_shared_unmap || !client->asking)
		return;
	/* It is being taken back; what it had is looked for in the end. */
	other = client_numbered(world, message->shared_unmap.process);
	given = other ? given_to(world, other->id, message->shared_unmap.shared) : NULL;
	world->fenced[at] = given ? given->object : 0;
}

void world_learn(struct world *world)
{
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++) {
		if (!world->pending[i].number || world->fake.client[i].asking)
			continue;
		if (world->fake.client[i].id)
			learn(world, i);
		world->pending[i].number = 0;
	}
}

void world_event(struct world *world, const struct fake_client *client,
		 const struct fake_said *said)
{
	struct world_given *given;
	struct fake_object *object;

	switch ((int)said->message.number) {
	case MSG_import_revoked:
		world_closed(world, said->message.import_revoked.import);
		break;
	case MSG_import_moved:
		given = given_find(world, said->message.import_moved.import);
		if (given)
			given->object = said->attachment.object;
		break;
	case MSG_import_stall:
		given = given_find(world, said->message.import_stall.import);
		object = given ? fake_object_find(&world->fake, given->object) : NULL;
		/* Sometimes it does not let go. */
		if (object && said->message.import_stall.release && !one_in(world, 5))
			object->writable = false;
		break;
	case MSG_shared_asked:
		given_learn(world, client, said->message.shared_asked.import,
			    said->message.shared_asked.shared, said->attachment,
			    said->message.shared_asked.private);
		break;
	default:
		break;
	}
}

void world_check_settled(struct world *world)
{
	for (uint32_t i = 0; i < WORLD_GIVEN; i++)
		if (world->given[i].import &&
		    !fake_object_find(&world->fake, world->given[i].object))
			lie(world, "who survives a fence is told where the memory is");
}

void world_left(struct world *world, const struct fake_client *client)
{
	uint32_t at = (uint32_t)(client - world->fake.client);

	for (uint32_t i = 0; i < WORLD_GIVEN; i++)
		if (world->given[i].client == client->id)
			world->given[i].import = 0;
	for (uint32_t i = 0; i < WORLD_EXPORTS; i++)
		if (world->exported[i].client == client->id)
			world->exported[i].segment = 0;
	world->pending[at].number = 0;
	world->process[at] = 0;
}
