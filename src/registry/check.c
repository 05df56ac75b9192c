/* SPDX-License-Identifier: MIT */
/*
 * check.c - is every invariant true?
 *
 * Each function returns the name of the first invariant that is not, or NULL.
 */
#include "registry/invariants.h"
#include "registry/snapshot.h"
#include "registry/takeback.h"

bool is_client(const struct registry *registry, const struct client *client)
{
	return client == registry->custodian ||
	       (client && client_find(registry, client->named.id) == client);
}

/* ---- regions ---------------------------------------------------------------------------- */

static bool is_copying(const struct registry *registry, const struct region *region)
{
	const struct region *at;

	TAILQ_FOREACH (at, &registry->fences, of_fences)
		if (at == region)
			return true;
	return false;
}

static const char *check_region(const struct registry *registry, const struct region *region)
{
	const struct segment *segment;
	bool used = region->pins > 0;

	EXPECT_THAT(is_client(registry, region->client), "a region has an owner");
	EXPECT_THAT(region->client == registry->custodian ||
			    region->payer == region->client->user,
		    "who owns a region pays for it");
	EXPECT_THAT(region->size > 0, "a region has a size");
	EXPECT_THAT(region->sysv == (region->object == 0) ||
			    region->client == registry->custodian,
		    "a region has one backing");
	EXPECT_THAT(!region->sysv || !region->exposed, "no object of System V's is exposed");
	EXPECT_THAT((region->fence == FENCE_NONE) == (region->fresh == 0) ||
			    region->client == registry->custodian,
		    "a fresh object is there while fencing");
	EXPECT_THAT((region->fence_until > 0) == is_copying(registry, region),
		    "whose copying has a deadline is on the list");
	LIST_FOREACH (segment, &region->segments, of_region) {
		EXPECT_THAT(segment->region == region, "a region's segment is bound to it");
		EXPECT_THAT(segment->client == region->client || segment->stand,
			    "a segment is its owner's");
		EXPECT_THAT(segment->offset + segment->size <= region->size,
			    "a segment lies inside its region");
		used = true;
	}
	EXPECT_THAT(!region->closed || used, "a closed region is used");
	return NULL;
}

static const char *check_regions(const struct registry *registry)
{
	const char *broken = NULL;
	struct named *at = NULL;

	while (!broken && (at = names_after(&registry->regions, at ? at->key : 0)))
		broken = check_region(registry, container_of(at, struct region, named));
	return broken;
}

/* ---- segments --------------------------------------------------------------------------- */

static bool pipe_is_right(const struct registry *registry, const struct pipe *pipe,
			  const struct segment *segment, uint32_t slot)
{
	return !pipe || (pipe->segment == segment && pipe->slot == slot &&
			 is_client(registry, pipe->client));
}

static const char *check_bell(const struct registry *registry, const struct segment *segment)
{
	const struct bell *bell = &segment->bell;
	const struct import *import;
	uint32_t users = 0, live = 0;

	for (uint32_t i = 0; i < bell->slots; i++) {
		users += bell->slot[i].users;
		live += bell->slot[i].live;
		EXPECT_THAT(i >= bell->free_hint || bell->slot[i].users > 0,
			    "no free slot is overlooked");
		EXPECT_THAT(bell->slot[i].users > 0 || !bell->slot[i].pipe,
			    "a free slot has no pipe");
		EXPECT_THAT(pipe_is_right(registry, bell->slot[i].pipe, segment, i),
			    "a slot's pipe knows its slot");
	}
	LIST_FOREACH (import, &segment->imports, of_segment) {
		if (import->slot == BELL_NO_SLOT)
			continue;
		EXPECT_THAT(import->slot < bell->slots, "a slot is one of the bell's");
		users--;
		live -= import_is_live(import);
	}
	EXPECT_THAT(users == 0, "slots' users are imports");
	EXPECT_THAT(live == 0, "slots' live users are live imports");
	EXPECT_THAT(pipe_is_right(registry, bell->exporter_pipe, segment, WIRE_SLOT_EXPORTER),
		    "the exporter's pipe knows its slot");
	return NULL;
}

static const char *check_segment(const struct registry *registry, const struct segment *segment)
{
	const struct board_slot *slot = &registry->board.slot[segment->slot];
	const struct import *import;
	uint32_t live = 0;

	EXPECT_THAT(is_client(registry, segment->client), "a segment has an exporter");
	EXPECT_THAT(segment->slot < registry->board.count && slot->taken,
		    "a segment has a slot of the board");
	EXPECT_THAT(slot->epoch <= segment->epoch, "the board's epoch is not ahead");
	EXPECT_THAT(slot->epoch == segment->epoch || segment->client->asking ||
			    segment_is_window(registry, segment),
		    "the board's epoch is behind during a round only");
	EXPECT_THAT(segment->id == 0 || published_find(registry, segment->id) == segment,
		    "a published id leads to its segment");
	LIST_FOREACH (import, &segment->imports, of_segment) {
		EXPECT_THAT(import->segment == segment,
			    "a segment's import is connected to it");
		live += import_is_live(import);
	}
	EXPECT_THAT(live == segment->live_count, "live imports are counted");
	EXPECT_THAT(segment->id != 0 || segment->lent || live == 0 ||
			    segment_is_window(registry, segment),
		    "who is not published has no live import");
	EXPECT_THAT(!segment->lent || (segment->id == 0 && !LIST_EMPTY(&segment->imports)),
		    "what is lent is not published, and somebody has it");
	EXPECT_THAT(segment->region || (segment->governed && segment->id == 0),
		    "who has lost its memory is not published");
	for (int i = 0; i < RIGHTS_CLASSES; i++)
		EXPECT_THAT(segment->id != 0 || segment->token[i] == 0,
			    "who is not published has no token");
	return check_bell(registry, segment);
}

static uint32_t count_far(const struct registry *registry)
{
	struct named *at = NULL;
	uint32_t far = 0;

	while ((at = names_after(&registry->imports, at ? at->key : 0)))
		far += import_of(at)->far != NULL;
	return far;
}

static const char *check_segments(const struct registry *registry)
{
	const char *broken = NULL;
	struct named *at = NULL;
	uint32_t taken = 0;

	while (!broken && (at = names_after(&registry->segments, at ? at->key : 0)))
		broken = check_segment(registry, segment_of(at));
	if (broken)
		return broken;
	for (uint32_t i = 0; i < registry->board.count; i++)
		taken += registry->board.slot[i].taken;
	EXPECT_THAT(taken == registry->segments.count + count_far(registry),
		    "the board's slots are segments' and far imports'");
	EXPECT_THAT(board_check(&registry->board), "the board's free slots are free");
	return NULL;
}

/* ---- imports ---------------------------------------------------------------------------- */

static bool is_on(const struct import_queue *queue, const struct import *import, int which)
{
	const struct import *at = TAILQ_FIRST(queue);

	while (at && at != import)
		at = which == 0	  ? TAILQ_NEXT(at, of_owed)
		     : which == 1 ? TAILQ_NEXT(at, of_waits)
				  : TAILQ_NEXT(at, of_round);
	return at != NULL;
}

static const char *check_import(const struct registry *registry, const struct import *import)
{
	const struct client *client = import->client;

	EXPECT_THAT(is_client(registry, client), "an import has a holder");
	EXPECT_THAT(!import->segment || segment_find(registry, import->segment->named.id) ==
						import->segment,
		    "an import's segment exists");
	EXPECT_THAT(import->segment || import->far || !import_is_live(import),
		    "an import without a segment was taken back");
	EXPECT_THAT(!import->far || !import->segment,
		    "what is of another node is not of this one");
	EXPECT_THAT(import->segment || import->slot == BELL_NO_SLOT,
		    "an import without a segment has no slot");
	EXPECT_THAT((import->owed != NOTICE_NONE) == is_on(&client->owed, import, 0),
		    "what is owed to a client is on its list");
	EXPECT_THAT(import->owed != NOTICE_MOVED || import_has_memory(import),
		    "nobody is moved who has nothing");
	EXPECT_THAT((import->round != NULL) == is_on(&client->waits, import, 1),
		    "what a client is waited for is on its list");
	EXPECT_THAT(!import->errand || import->errand->errand.lent == import,
		    "an errand knows what goes along");
	EXPECT_THAT(import->lent_left <= import->lent_size,
		    "no more is attached than was attached");
	EXPECT_THAT(!import->round || is_on(&import->round->waiting, import, 2),
		    "a round waits for the import that is in it");
	return NULL;
}

static const char *check_imports(const struct registry *registry)
{
	const char *broken = NULL;
	struct named *at = NULL;

	while (!broken && (at = names_after(&registry->imports, at ? at->key : 0))) {
		broken = check_import(registry, import_of(at));
		if (!broken)
			broken = check_remote_import(registry, import_of(at));
	}
	return broken;
}

/* ---- clients and users ------------------------------------------------------------------ */

struct sums {
	uint32_t regions, segments, imports, shareds;
	uint64_t bytes;
};

static const char *check_owner(const struct client *client, struct sums *sums)
{
	const struct shared *shared;
	uint32_t shareds = 0;

	LIST_FOREACH (shared, &client->shareds, of_owner) {
		EXPECT_THAT(shared->owner == client, "an owner's region is its own");
		shareds++;
	}
	EXPECT_THAT(shareds == client->shared_count, "an owner's regions are counted");
	sums->shareds += shareds;
	return NULL;
}

static const char *check_client(const struct client *client, struct sums *sums)
{
	uint32_t regions = 0, segments = 0, imports = 0, live = 0;
	const struct region *region;
	const struct segment *segment;
	const struct import *import;

	EXPECT_THAT(!client->leaving, "who has left is gone");
	EXPECT_THAT(!client->asking || client->asking->asker == client,
		    "a request that waits is its client's");
	EXPECT_THAT((client->pledge == 0) == (client->lifeline == 0),
		    "who made a pledge has a lifeline");
	LIST_FOREACH (region, &client->regions, of_client) {
		EXPECT_THAT(region->client == client, "a client's region is its own");
		sums->bytes += region->size;
		regions++;
	}
	LIST_FOREACH (segment, &client->segments, of_client) {
		EXPECT_THAT(segment->client == client, "a client's segment is its own");
		segments++;
	}
	LIST_FOREACH (import, &client->imports, of_client) {
		EXPECT_THAT(import->client == client, "a client's import is its own");
		imports++;
		live += import_is_live(import);
	}
	EXPECT_THAT(regions == client->region_count, "a client's regions are counted");
	EXPECT_THAT(segments == client->segment_count, "a client's segments are counted");
	EXPECT_THAT(imports == client->import_count, "a client's imports are counted");
	EXPECT_THAT(live == client->live_count, "a client's live imports are counted");
	sums->regions += regions;
	sums->segments += segments;
	sums->imports += imports;
	return check_owner(client, sums);
}

/* What a user pays for though it is nobody's of its clients. */
static const char *check_payer(const struct registry *registry, const struct user *user,
			       struct sums *sums)
{
	const struct shared *shared;
	const struct takeback *t;
	struct named *at = NULL;
	uint32_t shareds = 0;

	while ((at = names_after(&registry->regions, at ? at->key : 0))) {
		const struct region *region = container_of(at, struct region, named);

		if (region->client != registry->custodian || region->payer != user)
			continue;
		sums->bytes += region->size;
		shareds++;
	}
	LIST_FOREACH (shared, &registry->making, of_owner)
		EXPECT_THAT(shared->payer == shared->region->payer,
			    "one user pays for a region");
	TAILQ_FOREACH (t, &registry->takebacks, link)
		shareds += t->payer == user;
	at = NULL;
	while ((at = names_after(&registry->shareds, at ? at->key : 0)))
		TAILQ_FOREACH (t, &shared_of(at)->queue, link)
			shareds += t->payer == user;
	EXPECT_THAT(shareds == user->shareds, "what a user pays for is counted");
	return NULL;
}

static const char *check_custodian(const struct registry *registry, struct sums *sums)
{
	uint64_t bytes = sums->bytes;
	const char *broken = check_client(registry->custodian, sums);
	const struct shared *shared;
	uint32_t making = 0;

	/* They are their payers'. */
	sums->bytes = bytes;
	if (broken)
		return broken;
	LIST_FOREACH (shared, &registry->making, of_owner)
		making++;
	EXPECT_THAT(registry->custodian->region_count ==
			    registry->shareds.count + registry->snapshots + making,
		    "the custodian has what is shared");
	return NULL;
}

static const char *check_user(const struct registry *registry, const struct user *user,
			      struct sums *sums)
{
	const char *broken = NULL;
	struct named *at = NULL;
	uint64_t before = sums->bytes;
	uint32_t clients = 0;

	while (!broken && (at = names_after(&registry->clients, at ? at->key : 0))) {
		const struct client *client = container_of(at, struct client, named);

		if (client->user != user)
			continue;
		EXPECT_THAT(client->identity.uid == user->uid, "a client is of its user");
		clients++;
		broken = check_client(client, sums);
	}
	if (!broken)
		broken = check_payer(registry, user, sums);
	if (broken)
		return broken;
	EXPECT_THAT(clients == user->clients && clients + user->shareds > 0,
		    "a user's clients are counted");
	EXPECT_THAT(sums->bytes - before == user->bytes, "a user's bytes are its regions'");
	EXPECT_THAT(user->bytes <= registry->config.user_bytes, "a user keeps to its share");
	return NULL;
}

static const char *check_users(const struct registry *registry)
{
	const char *broken = NULL;
	const struct user *user = NULL;
	struct sums sums = { 0 };
	uint32_t clients = 0;

	while (!broken && (user = users_after(&registry->users, user))) {
		clients += user->clients;
		broken = check_user(registry, user, &sums);
	}
	if (broken)
		return broken;
	broken = check_custodian(registry, &sums);
	if (broken)
		return broken;
	EXPECT_THAT(clients == registry->clients.count, "a client has a user");
	EXPECT_THAT(sums.regions == registry->regions.count, "a region is on a list");
	EXPECT_THAT(sums.segments == registry->segments.count, "a segment is on a list");
	EXPECT_THAT(sums.imports == registry->imports.count, "an import is on a list");
	EXPECT_THAT(sums.bytes == registry->total_bytes, "all bytes are somebody's");
	EXPECT_THAT(sums.bytes <= registry->config.total_bytes, "the node keeps its promise");
	return NULL;
}

/* ---- rounds ----------------------------------------------------------------------------- */

static bool is_sent_to(const struct round *round, const struct client *target)
{
	const struct round *at;

	TAILQ_FOREACH (at, &target->errands, of_errands)
		if (at == round)
			return true;
	return false;
}

static const char *check_errand(const struct registry *registry, const struct round *round)
{
	const struct client *target = round->errand.target;

	EXPECT_THAT(!target || (is_client(registry, target) && is_sent_to(round, target)),
		    "who an errand is for knows of it");
	EXPECT_THAT(target || !round->errand.lent,
		    "nothing goes along with an errand that is over");
	EXPECT_THAT(!round->errand.lent || (round->errand.lent->errand == round &&
					    round->errand.lent->client == target),
		    "what goes along with an errand knows of it");
	return NULL;
}

static const char *check_round(const struct registry *registry, const struct round *round)
{
	const struct import *import;
	const struct region *region = region_find(registry, round->region);
	uint32_t open = round->asked.serial != 0;

	EXPECT_THAT(round->next || (round->asker ? is_client(registry, round->asker)
						 : round->remote != NULL),
		    "somebody waits for a round");
	EXPECT_THAT(!round->asker || is_client(registry, round->asker),
		    "who waits for a round is there");
	EXPECT_THAT(!round->asker || round->asker->remote || round->asker->asking == round,
		    "who waits for a round knows");
	EXPECT_THAT(!round->remote || round->remote->up,
		    "nobody waits for what is said over a lost link");
	TAILQ_FOREACH (import, &round->waiting, of_round) {
		EXPECT_THAT(import->round == round, "an import knows the round it is in");
		open++;
	}
	open += round->errand.target != NULL;
	EXPECT_THAT(open == round->open, "a round's missing answers are counted");
	if (round->finish == import_retry)
		EXPECT_THAT(region && region->fence != FENCE_NONE && !region->fence_late,
			    "a connection waits for a fence that will end");
	else
		EXPECT_THAT(open > 0 || round->next, "a round waits for somebody");
	EXPECT_THAT(round->import == 0 || import_find(registry, round->import),
		    "a round's import exists");
	EXPECT_THAT(round->segment == 0 || segment_find(registry, round->segment),
		    "a round's segment exists");
	EXPECT_THAT(!round->pinned ||
			    (is_client(registry, round->pinned->client) &&
			     region_find(registry, round->pinned->named.id) == round->pinned),
		    "a round's region exists");
	return check_errand(registry, round);
}

static const char *check_maps(const struct registry *registry)
{
	const struct client *client;
	struct named *at = NULL;
	uint32_t maps = 0;

	while ((at = names_after(&registry->clients, at ? at->key : 0))) {
		client = container_of(at, struct client, named);
		if (!client->map)
			continue;
		EXPECT_THAT(client->map->client == client, "a map is its process's");
		EXPECT_THAT(map_find(registry, client->map->named.id) == client->map,
			    "a map's id leads to it");
		maps++;
	}
	EXPECT_THAT(maps == registry->maps.count, "a map that is handed out is somebody's");
	return NULL;
}

static const char *check_rounds(const struct registry *registry)
{
	const struct round *round;
	const char *broken = NULL;
	uint64_t before = 0;

	TAILQ_FOREACH (round, &registry->rounds, link) {
		EXPECT_THAT(before <= round->deadline, "rounds are in order");
		before = round->deadline;
		broken = check_round(registry, round);
		if (broken)
			return broken;
	}
	return NULL;
}

bool registry_check(const struct registry *registry, const char **ret_broken)
{
	static const char *(*const checks[])(const struct registry *) = {
		check_shareds, check_holdings, check_users, check_regions, check_segments,
		check_imports, check_rounds,   check_maps,  check_remotes,
	};

	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		const char *broken = checks[i](registry);

		if (broken) {
			*ret_broken = broken;
			return false;
		}
	}
	return true;
}
