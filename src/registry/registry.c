/* SPDX-License-Identifier: MIT */
#include "registry/registry.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/holding.h"
#include "registry/import.h"
#include "registry/inherit.h"
#include "registry/job.h"
#include "registry/kept.h"
#include "registry/pledge.h"
#include "registry/stand.h"
#include "registry/takeback.h"

/* ---- what may be asked ------------------------------------------------------------------ */

static int monitor(const struct call *call)
{
	return call_refuse(call, EOPNOTSUPP, "this broker cannot be watched");
}

struct row {
	call_handler *handle;
	bool silent; /* has no answer, so it may come while another is missing */
	bool first;  /* may come before hello */
};

/* Everything else that a client sends is a breach of the protocol. */
static const struct row rows[] = {
	[MSG_hello] = { .handle = hello, .first = true },
	[MSG_events] = { .handle = events },
	[MSG_heard] = { .handle = heard, .silent = true },
	[MSG_region_create] = { .handle = region_create },
	[MSG_region_offer] = { .handle = region_offer },
	[MSG_region_sysv] = { .handle = region_sysv },
	[MSG_region_close] = { .handle = region_close, .silent = true },
	[MSG_region_fence] = { .handle = region_fence },
	[MSG_region_fenced] = { .handle = region_fenced },
	[MSG_region_absorbed] = { .handle = region_absorbed },
	[MSG_segment_create] = { .handle = segment_create },
	[MSG_segment_publish] = { .handle = segment_publish },
	[MSG_segment_republish] = { .handle = segment_republish },
	[MSG_segment_unpublish] = { .handle = segment_unpublish },
	[MSG_segment_rebind] = { .handle = segment_rebind },
	[MSG_segment_destroy] = { .handle = segment_destroy },
	[MSG_segment_bell] = { .handle = segment_bell },
	[MSG_pledge] = { .handle = pledge },
	[MSG_import_connect] = { .handle = import_connect },
	[MSG_import_connect_through] = { .handle = import_connect_through },
	[MSG_import_post_far] = { .handle = import_post_far },
	[MSG_import_close] = { .handle = import_close, .silent = true },
	[MSG_import_inherit] = { .handle = import_inherit },
	[MSG_import_exporter] = { .handle = import_exporter },
	[MSG_import_lifeline] = { .handle = import_lifeline },
	[MSG_import_pledge] = { .handle = import_pledge },
	[MSG_import_bell] = { .handle = import_bell },
	[MSG_bell_poll] = { .handle = bell_poll },
	[MSG_bell_poller] = { .handle = bell_poller },
	[MSG_map_offer] = { .handle = map_offer },
	[MSG_map_withdraw] = { .handle = map_withdraw },
	[MSG_map_get] = { .handle = map_get },
	[MSG_map_change] = { .handle = map_change },
	[MSG_map_answer] = { .handle = map_answer, .silent = true },
	[MSG_shared_create] = { .handle = shared_create },
	[MSG_shared_open] = { .handle = shared_open },
	[MSG_shared_destroy] = { .handle = shared_destroy },
	[MSG_shared_map] = { .handle = shared_map },
	[MSG_shared_unmap] = { .handle = shared_unmap },
	[MSG_shared_where] = { .handle = shared_where },
	[MSG_shared_give] = { .handle = shared_give },
	[MSG_shared_grant] = { .handle = shared_grant },
	[MSG_shared_lower] = { .handle = shared_lower },
	[MSG_shared_accept] = { .handle = shared_accept },
	[MSG_shared_map_into] = { .handle = shared_map_into },
	[MSG_shared_answer] = { .handle = shared_answer, .silent = true },
	[MSG_shared_export] = { .handle = shared_export },
	[MSG_shared_place] = { .handle = shared_place },
	[MSG_shared_physical] = { .handle = shared_physical },
	[MSG_node_use] = { .handle = node_use },
	[MSG_next_shared] = { .handle = next_shared },
	[MSG_next_mapping] = { .handle = next_mapping },
	[MSG_next_cap] = { .handle = next_cap },
	[MSG_shared_revoke] = { .handle = shared_revoke },
	[MSG_cap_root] = { .handle = held_root },
	[MSG_cap_look] = { .handle = held_look },
	[MSG_cap_next] = { .handle = held_next },
	[MSG_cap_check] = { .handle = held_check },
	[MSG_cap_derive] = { .handle = held_derive },
	[MSG_cap_mark] = { .handle = held_mark },
	[MSG_cap_pass] = { .handle = held_pass },
	[MSG_cap_ticket] = { .handle = held_ticket },
	[MSG_cap_redeem] = { .handle = held_redeem },
	[MSG_cap_take] = { .handle = held_take },
	[MSG_cap_map] = { .handle = held_map },
	[MSG_cap_revoke] = { .handle = held_revoke },
	[MSG_cap_delete] = { .handle = held_delete },
	[MSG_cap_notice_next] = { .handle = held_notice },
	[MSG_offer_make] = { .handle = offer_make },
	[MSG_offer_next] = { .handle = offer_next },
	[MSG_move_look] = { .handle = move_look },
	[MSG_move_cancel] = { .handle = move_cancel },
	[MSG_next_segment] = { .handle = next_segment },
	[MSG_next_import] = { .handle = next_import },
	[MSG_next_client] = { .handle = next_client },
	[MSG_monitor] = { .handle = monitor },
};

static int breach(const struct call *call, const char *how)
{
	note(call->registry, "client.breach how=%s number=0x%x pid=%d uid=%u", how,
	     (unsigned)call->message->number, call->client->identity.pid,
	     call->client->identity.uid);
	return -EPROTO;
}

int registry_handle(struct registry *registry, uint64_t client, const struct message *message)
{
	struct call call = { registry, client_find(registry, client), message };
	const struct row *row;
	int r;

	if (!call.client)
		return -ENOTCONN;
	if ((size_t)message->number >= ARRAY_LEN(rows) || !rows[message->number].handle)
		return breach(&call, "unexpected");
	row = &rows[message->number];
	if (!call.client->greeted && !row->first)
		return breach(&call, "no_hello");
	if (call.client->asking && !row->silent)
		return breach(&call, "impatient");
	r = row->handle(&call);
	stand_settle(registry);
	return r < 0 ? breach(&call, "repeated") : 0;
}

/* ---- life ------------------------------------------------------------------------------- */

int registry_new(const struct registry_config *config, const struct ports *ports,
		 struct registry **ret_registry)
{
	struct registry *registry = registry_alloc(sizeof(*registry));

	if (!registry)
		return -ENOMEM;
	if (board_init(&registry->board, config->board_slots) < 0) {
		free(registry);
		return -ENOMEM;
	}
	registry->config = *config;
	registry->ports = *ports;
	if (custodian_init(registry) < 0) {
		board_deinit(&registry->board);
		free(registry);
		return -ENOMEM;
	}
	registry->next_id = TRACT_SEGMENT_ID_ASSIGNED_FIRST;
	names_init(&registry->clients);
	names_init(&registry->regions);
	names_init(&registry->segments);
	names_init(&registry->imports);
	names_init(&registry->maps);
	RB_INIT(&registry->users);
	RB_INIT(&registry->published);
	TAILQ_INIT(&registry->rounds);
	TAILQ_INIT(&registry->fences);
	TAILQ_INIT(&registry->tickets);
	LIST_INIT(&registry->remotes);
	*ret_registry = registry;
	return 0;
}

/* Everybody has left, and nobody is waited for. */
static void end_takebacks(struct registry *registry)
{
	struct takeback *t;

	while ((t = TAILQ_FIRST(&registry->takebacks))) {
		if (t->step == TAKEBACK_COPYING)
			t->stuck = true;
		if (t->step == TAKEBACK_EMPTYING)
			job_end(registry, &t->job);
		round_complete(registry, t->round);
	}
}

void registry_free(struct registry *registry)
{
	struct named *client;

	if (!registry)
		return;
	while ((client = names_after(&registry->clients, 0)))
		registry_leave(registry, client->id);
	end_takebacks(registry);
	/* Regions that were being made, and what was being measured: for whom is gone. */
	while (!TAILQ_EMPTY(&registry->jobs))
		jobs_step(registry);
	tickets_expire(registry, UINT64_MAX);
	custodian_deinit(registry);
	remotes_free(registry);
	board_deinit(&registry->board);
	free(registry);
}

int registry_join(struct registry *registry, const struct registry_identity *identity,
		  uint64_t *ret_client)
{
	struct client *client = NULL;
	int r;

	r = client_new(registry, identity, &client);
	if (r < 0)
		return r;
	note(registry, "client.joined client=%llu pid=%d uid=%u gid=%u",
	     (unsigned long long)client->named.key, identity->pid, identity->uid,
	     identity->gid);
	*ret_client = client->named.id;
	return 0;
}

void registry_leave(struct registry *registry, uint64_t id)
{
	struct client *client = client_find(registry, id);
	struct round *asking;

	if (!client)
		return;
	client->leaving = true;
	note(registry,
	     "client.left client=%llu pid=%d uid=%u regions=%u segments=%u imports=%u",
	     (unsigned long long)client->named.key, client->identity.pid, client->identity.uid,
	     client->region_count, client->segment_count, client->import_count);
	asking = round_cancel(registry, client->asking);
	map_end(registry, client);
	if (client->remote)
		guest_stop_asking(registry, client);
	round_desert(registry, client);
	/* Segments first, since their importers' checks must fail before the memory goes; also
	 * that which a rebind was leaving. */
	while (!LIST_EMPTY(&client->segments))
		segment_end(registry, LIST_FIRST(&client->segments), REASON_EXPORTER_ENDED,
			    NULL);
	round_free(registry, asking);
	if (client->survives)
		kept_client_lost(registry, client);
	while (!LIST_EMPTY(&client->imports))
		import_end(registry, LIST_FIRST(&client->imports));
	while (!LIST_EMPTY(&client->regions))
		region_end(registry, LIST_FIRST(&client->regions));
	holding_client_left(registry, client);
	while (!LIST_EMPTY(&client->pipes))
		pipe_end(registry, LIST_FIRST(&client->pipes));
	pledge_end(registry, client);
	client_free(registry, client);
	stand_settle(registry);
	takeback_client_left(registry);
}

void registry_lose(struct registry *registry, uint64_t id)
{
	struct client *client = client_find(registry, id);

	if (client)
		client->survives = true;
	registry_leave(registry, id);
}

void registry_say_again(struct registry *registry, uint64_t id)
{
	struct client *client = client_find(registry, id);

	if (client)
		(void)notice_flush(registry, client);
}

bool registry_has_exposed(const struct registry *registry, uint64_t id)
{
	const struct client *client = client_find(registry, id);
	const struct region *region;

	if (!client)
		return false;
	LIST_FOREACH (region, &client->regions, of_client)
		if (region->exposed)
			return true;
	return kept_could_have(client);
}

bool registry_is_idle(const struct registry *registry)
{
	return registry->clients.count == registry->guests && TAILQ_EMPTY(&registry->tickets);
}

/* ---- time ------------------------------------------------------------------------------- */

uint64_t registry_deadline(const struct registry *registry)
{
	const struct round *round = TAILQ_FIRST(&registry->rounds);
	const struct region *fence = TAILQ_FIRST(&registry->fences);
	uint64_t deadline = guests_deadline(registry);

	if (!TAILQ_EMPTY(&registry->jobs))
		return 0;
	if (round && round->deadline < deadline)
		deadline = round->deadline;
	if (fence && fence->fence_until < deadline)
		deadline = fence->fence_until;
	if (tickets_deadline(registry) < deadline)
		deadline = tickets_deadline(registry);
	return deadline;
}

void registry_tick(struct registry *registry)
{
	uint64_t now = registry_now(registry);
	struct region *fence;
	struct round *round;

	while ((round = TAILQ_FIRST(&registry->rounds)) && round->deadline <= now)
		round_expire(registry, round);
	while ((fence = TAILQ_FIRST(&registry->fences)) && fence->fence_until <= now)
		fence_expire(registry, fence);
	guests_expire(registry, now);
	tickets_expire(registry, now);
	jobs_step(registry);
	stand_settle(registry);
}
