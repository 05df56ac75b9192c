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
#include "sim_draw.h"

#define STEPS 800u

static struct fake_client *any_client(struct sim *sim)
{
	uint32_t at = below(sim, FAKE_CLIENTS);

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (sim->fake.client[(at + i) % FAKE_CLIENTS].id)
			return &sim->fake.client[(at + i) % FAKE_CLIENTS];
	return NULL;
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
	return number == MSG_region_close || number == MSG_import_close ||
	       number == MSG_heard || number == MSG_map_answer;
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
		learn_map(sim, client, message);
		model_asked(&sim->model, client, message);
	} else if (message->number == MSG_import_close) {
		model_forget_import(&sim->model, message->import_close.import);
	} else if (message->number == MSG_region_close) {
		model_closed(&sim->model, client->id, message->region_close.region);
	}
	sim->fake.fail = 0;
	(void)fault_arm(NULL);
}

static void step_join(struct sim *sim)
{
	struct registry_identity identity = { .pid = (int32_t)(FIRST_PID + below(sim, PIDS)),
					      .uid = below(sim, 4),
					      .gid = below(sim, 3),
					      .groups = { .count = below(sim, 2),
							  .gid = { below(sim, 3) } } };
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

static bool is_asked(const struct fake_said *said)
{
	return said->message.number == MSG_map_asked ||
	       said->message.number == MSG_map_asked_region;
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
	if (is_asked(&said))
		heard = draw_words(sim, &said);
	else
		heard.serial = said.message.serial;
	if (one_in(sim, 20))
		heard.serial = below(sim, 100);
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
			if (is_asked(&said))
				heard = draw_words(sim, &said);
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
		.caps_max = 8,
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
