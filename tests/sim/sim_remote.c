/* SPDX-License-Identifier: MIT */
/*
 * sim_remote.c - two registries, and a link that delays, is lost, and comes back
 *
 *	sim-remote [--seeds COUNT] [--from SEED] [--replay SEED]
 *
 * Clients of both nodes export, their own memory and shared regions, import from either, take
 * back, rebind, fence, unmap, give away, make snapshots, die, and are late or never answer.
 * Messages between the nodes wait as long as they like.  When the link is lost each side learns
 * of it at its own time, and takes the other for gone only after that one has noticed, which is
 * what link/peer_state promises.
 *
 * The promise to the outside is checked after each step, for each import, with what its holder
 * believes: if a check of it succeeds now, the window that it uses leads to the memory that its
 * exporter holds; and what was taken back no window leads to any more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "remote_world.h"

#define STEPS 2500u

/* ---- steps ------------------------------------------------------------------------------- */

static struct fake_client *any_client(struct sim *sim, unsigned side)
{
	uint32_t at = below(sim, FAKE_CLIENTS);

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++) {
		struct fake_client *c = &sim->node[side].fake.client[(at + i) % FAKE_CLIENTS];

		if (c->id)
			return c;
	}
	return NULL;
}

/* What comes next may find no window and, in a build with faults, no memory. */
static void arm(struct sim *sim, struct node *node)
{
	node->fake.fail_window = one_in(sim, 20) ? -ENOMEM : 0;
	if (one_in(sim, 20))
		fault_arm_nth(below(sim, 2));
}

static void disarm(struct node *node)
{
	node->fake.fail_window = 0;
	(void)fault_arm(NULL);
}

static void ask(struct sim *sim, unsigned side, struct fake_client *client,
		struct message message, bool silent)
{
	struct node *node = &sim->node[side];

	if (!silent && client->asking)
		return;
	say(sim, side, "asks", &message);
	arm(sim, node);
	if (fake_ask(node->registry, client, &message, silent) < 0)
		lie(sim, "a client that keeps to the protocol is served");
	else if (!silent)
		node->pending[client - node->fake.client] = message;
	disarm(node);
}

static void leave(struct sim *sim, unsigned side, struct fake_client *client)
{
	struct node *node = &sim->node[side];
	uint64_t id = client->id;

	say(sim, side, "leaves", NULL);
	for (unsigned i = 0; i < THINGS; i++) {
		if (node->export[i].client == id)
			node->export[i] = (struct export){ .segment = 0 };
		if (node->import[i].client == id)
			node->import[i].id = 0;
	}
	node->pending[client - node->fake.client].number = 0;
	node->process[client - node->fake.client] = 0;
	registry_leave(node->registry, id);
	fake_client_remove(client);
}

static void step_join(struct sim *sim, unsigned side)
{
	struct registry_identity identity = { .pid = 1000, .uid = 10, .gid = 10 };
	struct message hello = { .number = MSG_hello, .hello = { .version = WIRE_VERSION } };
	struct node *node = &sim->node[side];
	struct fake_client *client;
	unsigned clients = 0;
	uint64_t id;

	for (unsigned i = 0; i < FAKE_CLIENTS; i++)
		clients += node->fake.client[i].id != 0;
	if (clients >= CLIENTS || registry_join(node->registry, &identity, &id) < 0)
		return;
	client = fake_client_add(&node->fake, id);
	client->channel = !one_in(sim, 10);
	client->room = one_in(sim, 4) ? below(sim, 3) : FAKE_EVENTS;
	ask(sim, side, client, hello, false);
}

static struct export *own_export(struct sim *sim, unsigned side, uint64_t client, bool shared)
{
	uint32_t at = below(sim, THINGS);

	for (unsigned i = 0; i < THINGS; i++) {
		struct export *e = &sim->node[side].export[(at + i) % THINGS];

		if (e->client == client && (shared ? e->shared : e->region))
			return e;
	}
	return NULL;
}

static void rebind(struct sim *sim, unsigned side, struct fake_client *client, struct export *e)
{
	struct message m = { .number = MSG_segment_rebind };
	struct export *other = own_export(sim, side, client->id, false);

	if (!other || other == e || client->asking)
		return;
	/* Who is refused keeps what it had; that is found out when it was asked. */
	m.segment_rebind.segment = e->segment;
	m.segment_rebind.region = other->region;
	begin(e, false);
	e->before = e->object;
	e->object = other->own;
	ask(sim, side, client, m, false);
	if (!client->asking && client->answer.message.number == MSG_refused)
		e->object = e->before;
}

/* What is bound to the old object is bound to the fresh one from here on. */
static void fence(struct sim *sim, unsigned side, struct fake_client *client, struct export *e)
{
	struct message m = { .number = MSG_region_fence };
	struct node *node = &sim->node[side];
	uint64_t old = e->own;

	m.region_fence.region = e->region;
	if (!e->fresh) {
		ask(sim, side, client, m, false);
		return;
	}
	m.number = MSG_region_fenced;
	e->own = e->fresh;
	e->fresh = 0;
	for (unsigned i = 0; i < THINGS; i++)
		if (node->export[i].object == old) {
			node->export[i].before = old;
			node->export[i].object = e->own;
		}
	ask(sim, side, client, m, false);
}

static void step_export(struct sim *sim, unsigned side)
{
	struct fake_client *client = any_client(sim, side);
	struct message m = { .number = MSG_region_create };
	struct export *e;

	if (!client || client->asking)
		return;
	e = own_export(sim, side, client->id, false);
	if (e && (e->fresh ? one_in(sim, 2) : one_in(sim, 8))) {
		fence(sim, side, client, e);
		return;
	}
	if (!e || one_in(sim, 6)) {
		m.region_create.size = 2 * PAGE;
	} else if (!e->segment) {
		m.number = MSG_segment_create;
		m.segment_create = (struct msg_segment_create){
			.region = e->region, .size = 2 * PAGE, .mode = 0777, .rebindable = true
		};
	} else if (!e->id) {
		m.number = MSG_segment_publish;
		m.segment_publish.segment = e->segment;
	} else if (one_in(sim, 2)) {
		rebind(sim, side, client, e);
		return;
	} else {
		m.number = one_in(sim, 2) ? MSG_segment_unpublish : MSG_segment_destroy;
		m.segment_unpublish.segment = e->segment;
		begin(e, true);
	}
	ask(sim, side, client, m, false);
}

static void step_shared(struct sim *sim, unsigned side)
{
	struct fake_client *client = any_client(sim, side);
	struct message m;

	if (!client || client->asking)
		return;
	m = draw_shared(sim, side, client, own_export(sim, side, client->id, true));
	if (m.number)
		ask(sim, side, client, m, false);
}

static void step_import(struct sim *sim, unsigned side)
{
	struct fake_client *client = any_client(sim, side);
	struct message m = { .number = MSG_import_connect };
	uint32_t at = below(sim, THINGS);
	unsigned from = 1 - side;

	if (!client)
		return;
	/* Those of the own node have to be fenced off. */
	if (one_in(sim, sim->shares ? 2 : 4))
		from = side;
	m.import_connect.node = id_of(from);
	m.import_connect.rights = one_in(sim, 5) ? 0 : one_in(sim, 3) ? 4 : 6;
	for (unsigned i = 0; i < THINGS && !m.import_connect.id; i++)
		m.import_connect.id = sim->node[from].export[(at + i) % THINGS].id;
	/* Events only have no window to be wrong about. */
	if (m.import_connect.rights != 0 && m.import_connect.id != 0)
		ask(sim, side, client, m, false);
}

static void step_close(struct sim *sim, unsigned side)
{
	struct import *import = &sim->node[side].import[below(sim, THINGS)];
	struct message m = { .number = MSG_import_close };
	struct fake_client *client;

	if (!import->id)
		return;
	client = fake_client_find(&sim->node[side].fake, import->client);
	m.import_close.import = import->id;
	import->id = 0;
	ask(sim, side, client, m, true);
}

static void step_event(struct sim *sim, unsigned side)
{
	struct fake_client *client = any_client(sim, side);
	struct message heard = { .number = MSG_heard };
	struct fake_said said;

	if (!client || !fake_event_take(client, &said))
		return;
	learn_event(sim, side, &said);
	heard.serial = said.message.serial;
	if (!one_in(sim, 8))
		ask(sim, side, client, heard, true);
}

static void step_time(struct sim *sim, unsigned side)
{
	struct node *node = &sim->node[side];
	uint64_t deadline = registry_deadline(node->registry);

	if (deadline != UINT64_MAX && one_in(sim, 2))
		node->fake.now = deadline > node->fake.now ? deadline : node->fake.now;
	else
		node->fake.now += below(sim, HEAR_NS / 2);
	registry_tick(node->registry);
}

/* ---- the link ---------------------------------------------------------------------------- */

static struct fake_link *said_by(struct sim *sim, unsigned side)
{
	return fake_link_find(&sim->node[side].fake, id_of(1 - side));
}

static void lose(struct sim *sim, unsigned side)
{
	struct fake_link *link = said_by(sim, side);

	say(sim, side, "has lost the link", NULL);
	sim->node[side].up = false;
	sim->node[side].was_gone = false;
	registry_peer_lost(sim->node[side].registry, id_of(1 - side));
	if (link)
		link->count = 0;
	if (link)
		link->dropped = false;
}

static void step_carry(struct sim *sim, unsigned side)
{
	struct node *to = &sim->node[1 - side];
	struct message message;

	if (!sim->node[side].up || !to->up)
		return;
	if (!fake_link_take(&sim->node[side].fake, id_of(1 - side), &message))
		return;
	say(sim, side, "says", &message);
	arm(sim, to);
	if (registry_peer_heard(to->registry, id_of(side), &message) < 0)
		lie(sim, "a node that keeps to the protocol is heard");
	disarm(to);
	if (said_by(sim, 1 - side) && said_by(sim, 1 - side)->dropped)
		lose(sim, 1 - side);
}

static void step_link(struct sim *sim, unsigned side)
{
	struct node *node = &sim->node[side], *other = &sim->node[1 - side];
	struct fake_link *link = said_by(sim, side);

	if (node->up &&
	    ((link && link->dropped) || !other->up || one_in(sim, sim->shares ? 90 : 30))) {
		lose(sim, side);
	} else if (!node->up && !other->up && one_in(sim, 3)) {
		/* Whoever greets has lost the link before, so both know of each other. */
		for (unsigned i = 0; i < 2; i++) {
			if (!one_in(sim, 3)) {
				registry_peer_gone(sim->node[i].registry, id_of(1 - i));
				sim->node[i].was_gone = true;
			}
			registry_peer_up(sim->node[i].registry, id_of(1 - i));
			sim->node[i].up = true;
		}
		say(sim, side, "is linked", NULL);
	} else if (!node->was_gone && !other->up && one_in(sim, 2)) {
		say(sim, side, "takes the other for gone", NULL);
		registry_peer_gone(node->registry, id_of(1 - side));
		node->was_gone = true;
	}
}

static void step(struct sim *sim)
{
	unsigned side = below(sim, 2);
	uint32_t which = below(sim, 100);

	if (which < 6)
		step_join(sim, side);
	else if (which < 26 && one_in(sim, 8) == sim->shares)
		step_export(sim, side);
	else if (which < 26)
		step_shared(sim, side);
	else if (which < 42)
		step_import(sim, side);
	else if (which < 45)
		step_close(sim, side);
	else if (which < 60)
		step_event(sim, side);
	else if (which < 90)
		step_carry(sim, side);
	else if (which < 94)
		step_time(sim, side);
	else if (which < 98)
		step_link(sim, side);
	else if (which < 99 && (!sim->shares || one_in(sim, 3)) && any_client(sim, side))
		leave(sim, side, any_client(sim, side));
}

/* ---- runs -------------------------------------------------------------------------------- */

static const char *run_out(struct sim *sim)
{
	const char *rule;

	for (unsigned side = 0; side < 2; side++)
		lose(sim, side);
	for (unsigned side = 0; side < 2; side++) {
		struct node *node = &sim->node[side];
		uint64_t deadline;

		registry_peer_gone(node->registry, id_of(1 - side));
		while ((deadline = registry_deadline(node->registry)) != UINT64_MAX) {
			node->fake.now = deadline > node->fake.now ? deadline : node->fake.now;
			registry_tick(node->registry);
		}
	}
	rule = check(sim);
	if (rule)
		return rule;
	for (unsigned side = 0; side < 2; side++) {
		struct node *node = &sim->node[side];

		for (unsigned i = 0; i < FAKE_CLIENTS; i++)
			if (node->fake.client[i].id && node->fake.client[i].asking)
				return "every request is answered in the end";
		if (fake_window_count(&node->fake) > 0)
			return "no window is left when the other node is gone";
		while (any_client(sim, side))
			leave(sim, side, any_client(sim, side));
		if (fake_object_count(&node->fake) > 0)
			return "nothing stays when everybody has left";
		if (!registry_is_idle(node->registry))
			return "a node without clients is idle";
	}
	return check(sim);
}

static int set_up(struct sim *sim, uint64_t seed)
{
	struct registry_config config = {
		.page_size = PAGE,
		.broker_uid = 3,
		.segment_bytes = SHARED_SIZE,
		.user_bytes = UINT64_C(1) << 40,
		.total_bytes = UINT64_C(1) << 40,
		.exports_max = THINGS,
		.imports_max = THINGS,
		.windows_max = THINGS,
		.per_client_max = 30,
		.caps_max = 20,
		.board_slots = FAKE_SLOTS,
		.bell_slots = 4,
		.hear_ns = HEAR_NS,
		.peer_ns = 5 * HEAR_NS,
		.fabrics = wire_text_of("tcp"),
	};

	for (unsigned side = 0; side < 2; side++) {
		struct node *node = &sim->node[side];

		fake_body_init(&node->fake, seed * 2 + side);
		node->fake.pins = (seed >> side) & 1;
		config.node = id_of(side);
		if (registry_new(&config, &node->fake.ports, &node->registry) < 0 ||
		    registry_add_peer(node->registry, id_of(1 - side)) < 0)
			return -ENOMEM;
		registry_peer_up(node->registry, id_of(1 - side));
		node->up = node->was_gone = true;
	}
	return 0;
}

static const char *run(uint64_t seed, bool loud, uint32_t *ret_step)
{
	static struct sim sim;
	const char *rule = NULL;

	(void)memset(&sim, 0, sizeof(sim));
	sim.chance = seed * 2 + 1;
	sim.loud = loud;
	sim.shares = seed % 2;
	if (set_up(&sim, seed) < 0)
		return "a registry can be made";
	for (*ret_step = 0; *ret_step < STEPS && !rule; ++*ret_step) {
		step(&sim);
		rule = check(&sim);
	}
	if (!rule)
		rule = run_out(&sim);
	for (unsigned side = 0; side < 2; side++) {
		registry_free(sim.node[side].registry);
		fake_body_deinit(&sim.node[side].fake);
	}
	return rule;
}

int main(int argc, char **argv)
{
	uint64_t from = 1, count = 300;
	bool loud = false;

	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t value = strtoull(argv[i + 1], NULL, 0);

		if (strcmp(argv[i], "--seeds") == 0)
			count = value;
		if (strcmp(argv[i], "--from") == 0)
			from = value;
		if (strcmp(argv[i], "--replay") == 0) {
			from = value;
			count = 1;
			loud = true;
		}
	}
	for (uint64_t seed = from; seed < from + count; seed++) {
		uint32_t at = 0;
		const char *rule = run(seed, loud, &at);

		if (!rule)
			continue;
		(void)fprintf(stderr,
			      "seed %llu, step %u: not true: %s\n"
			      "replay with: %s --replay %llu\n",
			      (unsigned long long)seed, at, rule, argv[0],
			      (unsigned long long)seed);
		return 1;
	}
	(void)printf("seeds %llu to %llu: every promise was kept\n", (unsigned long long)from,
		     (unsigned long long)(from + count - 1));
	return 0;
}
