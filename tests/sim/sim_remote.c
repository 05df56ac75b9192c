/* SPDX-License-Identifier: MIT */
/*
 * sim_remote.c - two registries, and a link that delays, is lost, and comes back
 *
 *	sim-remote [--seeds COUNT] [--from SEED] [--replay SEED]
 *
 * Clients of both nodes export, import from the other, take back, rebind, fence, die, and are
 * late or never answer.  Messages between the nodes wait as long as they like.  When the link
 *is lost each side learns of it at its own time, and takes the other for gone only after that
 *one has noticed, which is what link/peer_state promises.
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
#include "registry/fake_body.h"

#define PAGE 4096u
#define HEAR_NS 1000000u
#define STEPS 1500u
#define THINGS 24u
#define CLIENTS 6u

/* What an exporter believes. */
struct export
{
	uint64_t client, region, segment; /* 0: free */
	uint64_t own;			  /* object of the region */
	uint64_t object, before;	  /* bound to it; and while it rebinds, before that */
	uint64_t fresh;			  /* that its own is being copied to; 0: it is not */
	uint32_t id;			  /* 0: not published */
	bool busy;			  /* an answer about it is missing */
	bool withdrawing;
};

/* What an importer believes. */
struct import {
	uint64_t client, id; /* 0: free */
	uint64_t segment;
	uint64_t generation, epoch, key;
	uint32_t slot;
};

struct node {
	struct fake_body fake;
	struct registry *registry;
	bool up, was_gone;
	struct message pending[FAKE_CLIENTS];
	struct export export[THINGS];
	struct import import[THINGS];
};

struct sim {
	uint64_t chance;
	struct node node[2];
	const char *lie;
	bool loud;
};

static uint32_t below(struct sim *sim, uint32_t limit)
{
	uint64_t x = sim->chance += UINT64_C(0xd1342543de82ef95);

	x = (x ^ (x >> 32)) * UINT64_C(0xdaba0b6eb09322e3);
	x = (x ^ (x >> 32)) * UINT64_C(0xdaba0b6eb09322e3);
	return (uint32_t)((x ^ (x >> 32)) % limit);
}

static bool one_in(struct sim *sim, uint32_t n)
{
	return below(sim, n) == 0;
}

static uint32_t id_of(unsigned side)
{
	return side + 1;
}

static void lie(struct sim *sim, const char *promise)
{
	if (!sim->lie)
		sim->lie = promise;
}

static void say(struct sim *sim, unsigned side, const char *what, const struct message *message)
{
	char line[512] = "";

	if (!sim->loud)
		return;
	if (message)
		wire_print(message, line, sizeof(line));
	(void)printf("%u %s: %s\n", id_of(side), what, line);
}

/* ---- what clients learn ------------------------------------------------------------------ */

static struct export *find_export(struct node *node, uint64_t segment)
{
	for (unsigned i = 0; i < THINGS; i++)
		if (segment && node->export[i].segment == segment)
			return &node->export[i];
	return NULL;
}

static struct export *find_region(struct node *node, uint64_t region)
{
	for (unsigned i = 0; i < THINGS; i++)
		if (region && node->export[i].region == region)
			return &node->export[i];
	return NULL;
}

/* An object that is being copied to another is given up. */
static bool is_copied(const struct node *node, uint64_t object)
{
	for (unsigned i = 0; i < THINGS; i++)
		if (node->export[i].fresh && node->export[i].own == object)
			return true;
	return false;
}

static struct import *find_import(struct node *node, uint64_t id)
{
	for (unsigned i = 0; i < THINGS; i++)
		if (id && node->import[i].id == id)
			return &node->import[i];
	return NULL;
}

static void learn_export(struct node *node, const struct message *asked,
			 const struct fake_client *client)
{
	const struct message *answer = &client->answer.message;
	struct export *e = NULL;

	switch (asked->number) {
	case MSG_region_create:
		for (unsigned i = 0; i < THINGS && !e; i++)
			e = node->export[i].region ? NULL : &node->export[i];
		if (e && answer->number == MSG_region_created)
			*e = (struct export){ .client = client->id,
					      .region = answer->region_created.region,
					      .own = client->answer.attachment.object };
		break;
	case MSG_segment_create:
		for (unsigned i = 0; i < THINGS; i++)
			if (node->export[i].region == asked->segment_create.region)
				e = &node->export[i];
		if (e && answer->number == MSG_segment_created) {
			e->segment = answer->segment_created.segment;
			e->object = e->own;
		}
		break;
	case MSG_segment_publish:
		e = find_export(node, asked->segment_publish.segment);
		if (e && answer->number == MSG_segment_published)
			e->id = answer->segment_published.id;
		break;
	case MSG_segment_unpublish:
	case MSG_segment_destroy:
	case MSG_segment_rebind:
		e = find_export(node, asked->segment_unpublish.segment);
		if (e) {
			e->busy = e->withdrawing = false;
			e->before = 0;
		}
		if (e && answer->number == MSG_segment_withdrawn)
			e->id = 0;
		if (e && answer->number == MSG_segment_withdrawn &&
		    asked->number == MSG_segment_destroy)
			e->segment = 0;
		break;
	case MSG_region_fence:
		e = find_region(node, asked->region_fence.region);
		if (e && answer->number == MSG_region_fresh)
			e->fresh = client->answer.attachment.object;
		break;
	case MSG_region_fenced:
		for (unsigned i = 0; i < THINGS; i++)
			if (node->export[i].client == client->id)
				node->export[i].before = 0;
		break;
	default:
		break;
	}
}

static void learn_import(struct sim *sim, unsigned side, const struct fake_client *client)
{
	const struct msg_import_connected_far *far =
		&client->answer.message.import_connected_far;
	struct node *node = &sim->node[side];

	if (client->answer.message.number != MSG_import_connected_far)
		return;
	for (unsigned i = 0; i < THINGS; i++)
		if (!node->import[i].id) {
			node->import[i] = (struct import){ .client = client->id,
							   .id = far->import,
							   .segment = far->segment,
							   .generation = far->generation,
							   .epoch = far->epoch,
							   .key = far->key,
							   .slot = far->slot };
			return;
		}
}

static void learn(struct sim *sim)
{
	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
			struct node *node = &sim->node[side];
			struct fake_client *client = &node->fake.client[i];

			if (!client->id || !node->pending[i].number || client->asking)
				continue;
			say(sim, side, "answer", &client->answer.message);
			if (node->pending[i].number == MSG_import_connect)
				learn_import(sim, side, client);
			else
				learn_export(node, &node->pending[i], client);
			node->pending[i].number = 0;
		}
}

/* ---- the promise ------------------------------------------------------------------------- */

static bool is_fresh(const struct node *node, const struct import *import)
{
	return node->fake.generation[import->slot] == import->generation &&
	       node->fake.epoch[import->slot] <= import->epoch;
}

static void check_import(struct sim *sim, unsigned side, const struct import *import)
{
	struct node *there = &sim->node[1 - side];
	const struct fake_window *window = fake_window_find(&there->fake, import->key);
	const struct export *e = find_export(there, import->segment);

	if (!is_fresh(&sim->node[side], import))
		return;
	if (!window || !window->object)
		lie(sim, "a check that succeeds is of a window that leads somewhere");
	else if (!fake_object_find(&there->fake, window->object))
		lie(sim, "a check that succeeds is of memory that is there");
	else if (is_copied(there, window->object))
		lie(sim, "no check succeeds on memory that is being copied");
	/* An exporter that is dead holds nothing; what it had is there until all know. */
	else if (e && window->object != e->object && window->object != e->before)
		lie(sim, "a check that succeeds is of the memory that its exporter holds");
	else if (e && e->id == 0 && !e->withdrawing)
		lie(sim, "no check succeeds once unpublish has been answered");
}

static const char *check(struct sim *sim)
{
	const char *broken = NULL;

	learn(sim);
	for (unsigned side = 0; side < 2; side++) {
		struct node *node = &sim->node[side];

		for (unsigned i = 0; i < THINGS; i++)
			if (node->import[i].id)
				check_import(sim, side, &node->import[i]);
		if (!registry_check(node->registry, &broken))
			return broken;
		if (node->fake.bug)
			return node->fake.bug;
	}
	return sim->lie;
}

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

static struct export *own_export(struct sim *sim, unsigned side, uint64_t client)
{
	uint32_t at = below(sim, THINGS);

	for (unsigned i = 0; i < THINGS; i++) {
		struct export *e = &sim->node[side].export[(at + i) % THINGS];

		if (e->client == client && e->region)
			return e;
	}
	return NULL;
}

static void begin(struct export *e, bool withdrawing)
{
	e->busy = true;
	e->withdrawing = withdrawing;
}

static void rebind(struct sim *sim, unsigned side, struct fake_client *client, struct export *e)
{
	struct message m = { .number = MSG_segment_rebind };
	struct export *other = own_export(sim, side, client->id);

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
	e = own_export(sim, side, client->id);
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

static void step_import(struct sim *sim, unsigned side)
{
	struct fake_client *client = any_client(sim, side);
	struct message m = { .number = MSG_import_connect };
	uint32_t at = below(sim, THINGS);

	if (!client)
		return;
	m.import_connect.node = id_of(1 - side);
	m.import_connect.rights = one_in(sim, 5) ? 0 : one_in(sim, 3) ? 4 : 6;
	for (unsigned i = 0; i < THINGS && !m.import_connect.id; i++)
		m.import_connect.id = sim->node[1 - side].export[(at + i) % THINGS].id;
	/* Events only have no window to be wrong about. */
	if (m.import_connect.rights != 0)
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

static void hear_event(struct sim *sim, unsigned side, const struct message *event)
{
	struct import *import = find_import(&sim->node[side], event->import_moved_far.import);

	say(sim, side, "event", event);
	if (event->number != MSG_import_moved_far || !import)
		return;
	if (event->import_moved_far.epoch < import->epoch)
		lie(sim, "nobody is moved back");
	import->epoch = event->import_moved_far.epoch;
	import->key = event->import_moved_far.key;
}

static void step_event(struct sim *sim, unsigned side)
{
	struct fake_client *client = any_client(sim, side);
	struct message heard = { .number = MSG_heard };
	struct fake_said said;

	if (!client || !fake_event_take(client, &said))
		return;
	hear_event(sim, side, &said.message);
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

	if (node->up && ((link && link->dropped) || !other->up || one_in(sim, 30))) {
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
	else if (which < 26)
		step_export(sim, side);
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
	else if (which < 99 && any_client(sim, side))
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
		.segment_bytes = 8 * PAGE,
		.user_bytes = 1000 * PAGE,
		.total_bytes = 1000 * PAGE,
		.exports_max = THINGS,
		.imports_max = THINGS,
		.per_client_max = 30,
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
