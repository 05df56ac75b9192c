/* SPDX-License-Identifier: MIT */
/*
 * sim_registry.c - a registry among clients that lie, stall and die
 *
 *	sim-registry [--seeds COUNT] [--from SEED]    many runs; prints the first seed that
 *fails sim-registry --replay SEED                    one run, with every message
 *
 * Each run draws clients, messages right and wrong, deaths at any step, answers to events in
 * time, late or never, full channels, jumps of the clock and a host without memory.  After each
 * step the registry's invariants, the body's rules and the model's promises are checked; in the
 * end everybody leaves and nothing may stay.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "sim_model.h"

#define STEPS 800u
#define PAGE 4096u
#define HEAR_NS 1000u
#define NODE 3u

struct sim {
	struct fake_body fake;
	struct model model;
	struct registry *registry;
	uint64_t chance;
	bool loud;
	uint32_t clients_max;
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

static void say(struct sim *sim, const char *what, uint64_t client)
{
	if (sim->loud)
		(void)printf("%s %016llx\n", what, (unsigned long long)client);
}

static void say_message(struct sim *sim, const struct fake_client *client,
			const struct message *message)
{
	char line[512];

	if (!sim->loud)
		return;
	wire_print(message, line, sizeof(line));
	(void)printf("%016llx: %s\n", (unsigned long long)client->id, line);
}

static void say_answer(struct sim *sim, const struct fake_client *client)
{
	char line[512];

	if (!sim->loud || client->asking || !client->answer.message.number)
		return;
	wire_print(&client->answer.message, line, sizeof(line));
	(void)printf("    %s\n", line);
}

/* ---- drawing ---------------------------------------------------------------------------- */

static struct fake_client *any_client(struct sim *sim)
{
	uint32_t at = below(sim, FAKE_CLIENTS);

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (sim->fake.client[(at + i) % FAKE_CLIENTS].id)
			return &sim->fake.client[(at + i) % FAKE_CLIENTS];
	return NULL;
}

/* Mostly one of @client's, sometimes somebody's, rarely nobody's. */
#define DRAW(name)                                                                       \
	static struct model_##name *draw_##name(struct sim *sim, uint64_t client)        \
	{                                                                                \
		static struct model_##name nothing = { .id = 0x4e6f7468696e67 };         \
		bool own = !one_in(sim, 15);                                             \
		uint32_t at = below(sim, MODEL_MAX);                                     \
                                                                                         \
		for (uint32_t i = 0; i < MODEL_MAX && !one_in(sim, 2000); i++) {         \
			struct model_##name *x = &sim->model.name[(at + i) % MODEL_MAX]; \
			if (x->id && (!own || x->client == client))                      \
				return x;                                                \
		}                                                                        \
		return &nothing;                                                         \
	}                                                                                \
	struct draw_needs_a_semicolon

DRAW(region);
DRAW(segment);
DRAW(import);

static uint64_t pages(struct sim *sim, uint32_t limit)
{
	return one_in(sim, 30) ? below(sim, 9000) : (uint64_t)below(sim, limit) * PAGE;
}

static void draw_access(struct sim *sim, struct wire_access *access)
{
	if (!one_in(sim, 6))
		return;
	access->count = one_in(sim, 10) ? 2 : 1;
	access->entry[0].node = one_in(sim, 10) ? NODE + 1 : NODE;
	access->entry[0].mode = one_in(sim, 10) ? 0777 : below(sim, 0667);
}

static uint32_t draw_published(struct sim *sim)
{
	uint32_t at = below(sim, MODEL_MAX);

	for (uint32_t i = 0; i < MODEL_MAX; i++)
		if (sim->model.segment[(at + i) % MODEL_MAX].published && !one_in(sim, 50))
			return sim->model.segment[(at + i) % MODEL_MAX].published;
	return below(sim, 3);
}

static void fill_region(struct sim *sim, uint64_t client, struct message *m)
{
	switch (m->number) {
	case MSG_region_create:
		m->region_create.size = pages(sim, 9);
		m->region_create.replaces = one_in(sim, 2) ? pages(sim, 9) : 0;
		break;
	case MSG_region_offer:
		m->region_offer.size = pages(sim, 9);
		break;
	case MSG_region_sysv:
		m->region_sysv.shmid = below(sim, 100);
		m->region_sysv.size = pages(sim, 9);
		break;
	case MSG_region_close:
		m->region_close.region = draw_region(sim, client)->id;
		break;
	case MSG_region_fence:
		m->region_fence.region = draw_region(sim, client)->id;
		break;
	default:
		m->region_fenced.region = draw_region(sim, client)->id;
		break;
	}
}

static void fill_segment(struct sim *sim, uint64_t client, struct message *m)
{
	static const uint32_t ids[] = { 0, 0, 0, 0x500000, 0x500001, 1, 0x80000000u };
	uint64_t segment = draw_segment(sim, client)->id;

	switch (m->number) {
	case MSG_segment_create:
		m->segment_create.region = draw_region(sim, client)->id;
		m->segment_create.offset = pages(sim, 3);
		m->segment_create.size = pages(sim, 7);
		m->segment_create.mode = one_in(sim, 8) ? below(sim, 01000) : 0777;
		m->segment_create.rebindable = !one_in(sim, 5);
		break;
	case MSG_segment_publish:
		m->segment_publish.segment = segment;
		m->segment_publish.id = ids[below(sim, 7)];
		draw_access(sim, &m->segment_publish.access);
		break;
	case MSG_segment_republish:
		m->segment_republish.segment = segment;
		draw_access(sim, &m->segment_republish.access);
		break;
	case MSG_segment_rebind:
		m->segment_rebind.segment = segment;
		m->segment_rebind.region = draw_region(sim, client)->id;
		m->segment_rebind.offset = pages(sim, 2);
		break;
	default:
		/* unpublish, destroy and bell begin with the segment's id alike */
		m->segment_unpublish.segment = segment;
		break;
	}
}

static void fill_import(struct sim *sim, uint64_t client, struct message *m)
{
	static const uint32_t rights[] = { 6, 6, 4, 2, 0 };
	const struct model_import *import = draw_import(sim, client);

	switch (m->number) {
	case MSG_import_connect:
		m->import_connect.node = one_in(sim, 30) ? NODE + 1 : NODE;
		m->import_connect.id = draw_published(sim);
		m->import_connect.rights = rights[below(sim, 5)];
		break;
	case MSG_import_inherit:
		m->import_inherit.segment = import->segment;
		m->import_inherit.token = one_in(sim, 10) ? 0 : import->token;
		m->import_inherit.import = import->id;
		break;
	case MSG_bell_poll:
		m->bell_poll.target =
			one_in(sim, 2) ? import->id : draw_segment(sim, client)->id;
		break;
	case MSG_bell_poller:
		m->bell_poller.from =
			one_in(sim, 2) ? import->id : draw_segment(sim, client)->id;
		m->bell_poller.slot = one_in(sim, 2) ? WIRE_SLOT_EXPORTER : below(sim, 4);
		break;
	case MSG_import_close:
		m->import_close.import = import->id;
		break;
	case MSG_import_bell:
	case MSG_import_exporter:
	case MSG_import_lifeline:
	case MSG_import_pledge:
		/* All begin with the import's id alike. */
		m->import_bell.import = import->id;
		break;
	default:
		m->next_import.after = below(sim, 500);
		break;
	}
}

static const struct {
	enum msg_number number;
	uint32_t weight;
	void (*fill)(struct sim *sim, uint64_t client, struct message *message);
} kinds[] = {
	{ MSG_region_create, 8, fill_region },
	{ MSG_region_offer, 2, fill_region },
	{ MSG_region_sysv, 2, fill_region },
	{ MSG_region_close, 2, fill_region },
	{ MSG_region_fence, 6, fill_region },
	{ MSG_region_fenced, 12, fill_region },
	{ MSG_segment_create, 12, fill_segment },
	{ MSG_segment_publish, 14, fill_segment },
	{ MSG_segment_republish, 2, fill_segment },
	{ MSG_segment_unpublish, 4, fill_segment },
	{ MSG_segment_rebind, 8, fill_segment },
	{ MSG_segment_destroy, 2, fill_segment },
	{ MSG_segment_bell, 2, fill_segment },
	{ MSG_import_connect, 40, fill_import },
	{ MSG_import_close, 6, fill_import },
	{ MSG_import_inherit, 6, fill_import },
	{ MSG_import_bell, 4, fill_import },
	{ MSG_pledge, 4, fill_import },
	{ MSG_import_exporter, 2, fill_import },
	{ MSG_import_lifeline, 2, fill_import },
	{ MSG_import_pledge, 2, fill_import },
	{ MSG_bell_poll, 4, fill_import },
	{ MSG_bell_poller, 4, fill_import },
	{ MSG_next_segment, 1, fill_import },
	{ MSG_next_import, 1, fill_import },
	{ MSG_next_client, 1, fill_import },
	{ MSG_monitor, 1, fill_import },
	{ MSG_events, 2, fill_import },
};

static struct message draw_message(struct sim *sim, uint64_t client)
{
	struct message message = { .serial = 0 };
	uint32_t sum = 0, at;
	unsigned i = 0;

	for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		sum += kinds[k].weight;
	at = below(sim, sum);
	while (at >= kinds[i].weight)
		at -= kinds[i++].weight;
	message.number = kinds[i].number;
	kinds[i].fill(sim, client, &message);
	return message;
}

/* ---- steps ------------------------------------------------------------------------------ */

static void leave(struct sim *sim, struct fake_client *client)
{
	uint64_t id = client->id;

	say(sim, "leaves", id);
	registry_leave(sim->registry, id);
	sim->model.pending[client - sim->fake.client].number = 0;
	fake_client_remove(client);
	model_left(&sim->model, id);
}

static bool is_silent(enum msg_number number)
{
	return number == MSG_region_close || number == MSG_import_close || number == MSG_heard;
}

static void ask(struct sim *sim, struct fake_client *client, struct message *message)
{
	bool silent = is_silent(message->number);

	/* An impatient client is dropped; that is rare, or nobody would live long. */
	if (!silent && client->asking && !one_in(sim, 400))
		return;
	say_message(sim, client, message);
	sim->fake.fail = one_in(sim, 25) ? (one_in(sim, 2) ? -ENOMEM : -EMFILE) : 0;
	/* In a build with faults, one of the next allocations fails. */
	if (one_in(sim, 25))
		fault_arm_nth(below(sim, 2));
	if (fake_ask(sim->registry, client, message, silent) < 0) {
		leave(sim, client);
	} else if (!silent) {
		say_answer(sim, client);
		model_asked(&sim->model, client, message);
	} else if (message->number == MSG_import_close) {
		model_forget_import(&sim->model, message->import_close.import);
	}
	sim->fake.fail = 0;
	(void)fault_arm(NULL);
}

static void step_join(struct sim *sim)
{
	struct registry_identity identity = { .pid = 7,
					      .uid = below(sim, 4),
					      .gid = below(sim, 3),
					      .group_count = below(sim, 2),
					      .groups = { below(sim, 3) } };
	struct message hello = { .number = MSG_hello };
	struct fake_client *client;
	uint64_t id = 0;
	uint32_t clients = 0;

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		clients += sim->fake.client[i].id != 0;
	if (clients >= sim->clients_max || registry_join(sim->registry, &identity, &id) < 0)
		return;
	say(sim, "joins", id);
	client = fake_client_add(&sim->fake, id);
	client->channel = !one_in(sim, 10);
	client->memory = pages(sim, 9);
	client->room = one_in(sim, 3) ? below(sim, 4) : FAKE_EVENTS;
	hello.hello.version = one_in(sim, 60) ? 99 : WIRE_VERSION;
	if (!one_in(sim, 60))
		ask(sim, client, &hello);
}

static void step_message(struct sim *sim)
{
	struct fake_client *client = any_client(sim);
	struct message message;

	if (!client)
		return;
	message = draw_message(sim, client->id);
	/* While it waits for an answer it can only let go. */
	if (client->asking && one_in(sim, 3)) {
		message = (struct message){ .number = MSG_region_close };
		message.region_close.region = draw_region(sim, client->id)->id;
	}
	/* Closing what is somebody else's is ignored: the model must not forget it. */
	if (message.number == MSG_import_close)
		for (uint32_t i = 0; i < MODEL_MAX; i++)
			if (sim->model.import[i].id == message.import_close.import &&
			    sim->model.import[i].client != client->id)
				return;
	ask(sim, client, &message);
}

/* Reads an event and, mostly, answers it. */
static void step_event(struct sim *sim)
{
	struct fake_client *client = any_client(sim);
	struct message heard = { .number = MSG_heard };
	struct fake_said said;

	if (!client || !fake_event_take(client, &said))
		return;
	say_message(sim, client, &said.message);
	model_event(&sim->model, client, &said);
	heard.serial = one_in(sim, 20) ? below(sim, 100) : said.message.serial;
	if (!one_in(sim, 8))
		ask(sim, client, &heard);
}

static void step_time(struct sim *sim)
{
	uint64_t deadline = registry_deadline(sim->registry);

	if (deadline != UINT64_MAX && one_in(sim, 3))
		sim->fake.now = deadline > sim->fake.now ? deadline : sim->fake.now;
	else
		sim->fake.now += one_in(sim, 20) ? 1000000000000 : below(sim, HEAR_NS / 2);
	registry_tick(sim->registry);
}

static void step_channel(struct sim *sim)
{
	struct fake_client *client = any_client(sim);

	if (!client)
		return;
	if (one_in(sim, 4))
		client->channel = !client->channel;
	else
		client->room = one_in(sim, 2) ? below(sim, 4) : FAKE_EVENTS;
}

/* Everybody wakes up, reads what there is to read, and answers. */
static void catch_up(struct sim *sim)
{
	struct message events = { .number = MSG_events };

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++) {
		struct fake_client *client = &sim->fake.client[i];
		struct fake_said said;

		client->channel = true;
		client->room = FAKE_EVENTS;
		if (client->id)
			ask(sim, client, &events);
		while (client->id && fake_event_take(client, &said)) {
			struct message heard = { .number = MSG_heard,
						 .serial = said.message.serial };

			model_event(&sim->model, client, &said);
			ask(sim, client, &heard);
		}
	}
}

/* Between requests: nobody may be waiting for what does not come. */
static void step_settle(struct sim *sim)
{
	if (registry_deadline(sim->registry) != UINT64_MAX)
		return;
	catch_up(sim);
	model_learn(&sim->model);
	if (registry_deadline(sim->registry) == UINT64_MAX)
		model_check_settled(&sim->model);
}

static void step(struct sim *sim)
{
	uint32_t which = below(sim, 100);

	if (which < 6)
		step_join(sim);
	else if (which < 68)
		step_message(sim);
	else if (which < 88)
		step_event(sim);
	else if (which < 96)
		step_time(sim);
	else if (which < 98)
		step_channel(sim);
	else if (which < 99)
		step_settle(sim);
	else if (one_in(sim, 2) && any_client(sim))
		leave(sim, any_client(sim));
}

/* ---- runs ------------------------------------------------------------------------------- */

static const char *broken(struct sim *sim)
{
	const char *rule = NULL;

	model_learn(&sim->model);
	model_check(&sim->model);
	if (!registry_check(sim->registry, &rule))
		return rule;
	return sim->fake.bug ? sim->fake.bug : sim->model.lie;
}

static const char *run_out(struct sim *sim)
{
	uint64_t deadline;

	while ((deadline = registry_deadline(sim->registry)) != UINT64_MAX) {
		sim->fake.now = deadline > sim->fake.now ? deadline : sim->fake.now;
		registry_tick(sim->registry);
		if (broken(sim))
			return broken(sim);
	}
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (sim->fake.client[i].id && sim->fake.client[i].asking)
			return "every request is answered in the end";
	catch_up(sim);
	model_check_settled(&sim->model);
	while (any_client(sim)) {
		leave(sim, any_client(sim));
		if (broken(sim))
			return broken(sim);
	}
	if (fake_object_count(&sim->fake) > 0)
		return "nothing stays when everybody has left";
	return registry_is_idle(sim->registry) ? NULL : "a node without clients is idle";
}

static struct registry_config draw_config(struct sim *sim)
{
	return (struct registry_config){
		.node = NODE,
		.broker_uid = 3,
		.page_size = PAGE,
		.segment_bytes = 5 * PAGE,
		.user_bytes = 60 * PAGE,
		.total_bytes = (50 + below(sim, 100)) * PAGE,
		.exports_max = 12 + below(sim, 20),
		.imports_max = 20 + below(sim, 60),
		.per_client_max = 10 + below(sim, 30),
		.board_slots = 4 + below(sim, 20),
		.bell_slots = 2 + below(sim, 8),
		.hear_ns = HEAR_NS,
	};
}

static const char *run(uint64_t seed, bool loud, uint32_t *ret_step)
{
	static struct sim sim;
	struct registry_config config;
	const char *rule = NULL;

	(void)memset(&sim, 0, sizeof(sim));
	fake_body_init(&sim.fake, seed);
	sim.model.fake = &sim.fake;
	sim.chance = seed * 2 + 1;
	sim.loud = loud;
	sim.clients_max = 2 + below(&sim, 8);
	config = draw_config(&sim);
	if (registry_new(&config, &sim.fake.ports, &sim.registry) < 0)
		return "a registry can be made";
	for (*ret_step = 0; *ret_step < STEPS && !rule; ++*ret_step) {
		step(&sim);
		rule = broken(&sim);
	}
	if (!rule)
		rule = run_out(&sim);
	registry_free(sim.registry);
	fake_body_deinit(&sim.fake);
	return rule;
}

int main(int argc, char **argv)
{
	uint64_t from = 1, count = 500;
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
