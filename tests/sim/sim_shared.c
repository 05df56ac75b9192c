/* SPDX-License-Identifier: MIT */
/*
 * sim_shared.c - shared regions among clients that take, give, lie, stall and die
 *
 *	sim-shared [--seeds COUNT] [--from SEED]    many runs; prints the first seed that fails
 *	sim-shared --replay SEED                    one run, with every message
 *
 * Each run draws requests right and wrong, answers to events in time, late, wrong or never,
 * deaths at any step, killed processes that die later, hosts without memory, and time.  After
 * each step the invariants V-1 to V-13 are checked with all others of the registry's, the
 * body's rules, and that no answer is a lie; in the end everybody leaves and nothing may stay.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "shared_world.h"

#define STEPS 1500u

static struct fake_client *any_client(struct world *world)
{
	uint32_t at = below(world, FAKE_CLIENTS);

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (world->fake.client[(at + i) % FAKE_CLIENTS].id)
			return &world->fake.client[(at + i) % FAKE_CLIENTS];
	return NULL;
}

static void say(const struct world *world, const struct fake_client *client, const char *what,
		const struct message *message)
{
	char line[512] = "";

	if (!world->loud)
		return;
	if (message)
		wire_print(message, line, sizeof(line));
	(void)printf("%llu: %s%s\n",
		     (unsigned long long)world->process[client - world->fake.client], what,
		     line);
}

/* ---- steps --------------------------------------------------------------------------------
 */

static void leave(struct world *world, struct fake_client *client)
{
	uint64_t id = client->id;

	bool lives = one_in(world, 4);

	say(world, client, lives ? "closes its connection" : "leaves", NULL);
	if (lives)
		registry_lose(world->registry, id);
	else
		registry_leave(world->registry, id);
	world_left(world, client);
	fake_client_remove(client);
}

static bool is_silent(enum msg_number number)
{
	return number == MSG_import_close || number == MSG_heard || number == MSG_shared_answer;
}

static void ask(struct world *world, struct fake_client *client, struct message *message)
{
	bool silent = is_silent(message->number);

	if (!silent && client->asking)
		return;
	say(world, client, "", message);
	world->fake.fail = one_in(world, 40) ? (one_in(world, 2) ? -ENOMEM : -EMFILE) : 0;
	world->fake.fail_page = one_in(world, 60) ? -ENOMEM : 0;
	/* In a build with faults, one of the next allocations fails. */
	if (one_in(world, 30))
		fault_arm_nth(below(world, 3));
	if (fake_ask(world->registry, client, message, silent) < 0) {
		leave(world, client);
	} else if (!silent) {
		world_asked(world, client, message);
	} else if (message->number == MSG_import_close) {
		world_closed(world, message->import_close.import);
	}
	world->fake.fail = 0;
	world->fake.fail_page = 0;
	(void)fault_arm(NULL);
}

static void step_join(struct world *world)
{
	struct registry_identity identity = { .pid = 7, .uid = below(world, 3), .gid = 1 };
	struct message hello = { .number = MSG_hello };
	struct fake_client *client;
	uint32_t clients = 0;
	uint64_t id = 0;

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		clients += world->fake.client[i].id != 0;
	if (clients >= world->clients_max || registry_join(world->registry, &identity, &id) < 0)
		return;
	client = fake_client_add(&world->fake, id);
	client->channel = !one_in(world, 20);
	client->room = one_in(world, 5) ? below(world, 4) : FAKE_EVENTS;
	client->hidden = one_in(world, 8) ? -EACCES : 0;
	client->parent = !one_in(world, 3) && any_client(world) ? any_client(world)->id : 0;
	hello.hello.version = WIRE_VERSION;
	ask(world, client, &hello);
	world->process[client - world->fake.client] = client->answer.message.welcome.process;
	world->pending[client - world->fake.client].number = 0;
	say(world, client, "joins", NULL);
}

static void step_request(struct world *world)
{
	struct fake_client *client = any_client(world);
	struct message message;

	if (!client)
		return;
	message = draw_request(world, client);
	ask(world, client, &message);
}

/* Reads an event, mostly answers it, and closes what was taken back. */
static void hear(struct world *world, struct fake_client *client, const struct fake_said *said,
		 bool surely)
{
	struct message answer = draw_answer(world, said);
	struct message closing = { .number = MSG_import_close };

	say(world, client, "reads ", &said->message);
	world_event(world, client, said);
	if (surely && answer.number == MSG_heard)
		answer.serial = said->message.serial;
	if (answer.number == MSG_shared_answer && answer.shared_answer.error)
		world_closed(world, said->message.shared_asked.import);
	if (surely || !one_in(world, 8))
		ask(world, client, &answer);
	if (said->message.number != MSG_import_revoked || !client->id || one_in(world, 6))
		return;
	closing.import_close.import = said->message.import_revoked.import;
	ask(world, client, &closing);
}

static void step_event(struct world *world)
{
	struct fake_client *client = any_client(world);
	struct fake_said said;

	if (client && fake_event_take(client, &said))
		hear(world, client, &said, false);
}

static void step_time(struct world *world)
{
	uint64_t deadline = registry_deadline(world->registry);

	if (deadline != UINT64_MAX && one_in(world, 3))
		world->fake.now = deadline > world->fake.now ? deadline : world->fake.now;
	else
		world->fake.now += below(world, HEAR_NS / 2);
	world->fake.fail_page = one_in(world, 30) ? -ENOMEM : 0;
	registry_tick(world->registry);
	world->fake.fail_page = 0;
}

static void step_state(struct world *world)
{
	struct fake_client *client = any_client(world);

	if (!client)
		return;
	if (one_in(world, 4))
		client->channel = !client->channel;
	else if (one_in(world, 2))
		client->room = one_in(world, 2) ? below(world, 4) : FAKE_EVENTS;
	else
		client->holds.mappings = one_in(world, 3);
}

/* Who was killed, dies. */
static void step_death(struct world *world)
{
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (world->fake.client[i].id && world->fake.client[i].killed) {
			leave(world, &world->fake.client[i]);
			return;
		}
	if (one_in(world, 5) && any_client(world))
		leave(world, any_client(world));
}

static void catch_up(struct world *world)
{
	struct message events = { .number = MSG_events };

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++) {
		struct fake_client *client = &world->fake.client[i];
		struct fake_said said;

		client->channel = true;
		client->room = FAKE_EVENTS;
		if (client->id)
			ask(world, client, &events);
		while (client->id && fake_event_take(client, &said))
			hear(world, client, &said, true);
	}
}

/* Between requests: whoever has memory has what is there. */
static void step_settle(struct world *world)
{
	if (registry_deadline(world->registry) != UINT64_MAX)
		return;
	catch_up(world);
	world_learn(world);
	if (registry_deadline(world->registry) == UINT64_MAX)
		world_check_settled(world);
}

static void step(struct world *world)
{
	uint32_t which = below(world, 100);

	if (which < 5)
		step_join(world);
	else if (which < 58)
		step_request(world);
	else if (which < 83)
		step_event(world);
	else if (which < 95)
		step_time(world);
	else if (which < 96)
		step_settle(world);
	else if (which < 98)
		step_state(world);
	else
		step_death(world);
}

/* ---- runs ---------------------------------------------------------------------------------
 */

static const char *broken(struct world *world)
{
	const char *rule = NULL;

	world_learn(world);
	if (!registry_check(world->registry, &rule))
		return rule;
	return world->fake.bug ? world->fake.bug : world->lie;
}

/* Until there is nothing to do. */
static const char *wait_out(struct world *world)
{
	const char *rule = NULL;
	uint64_t deadline;

	while (!rule && (deadline = registry_deadline(world->registry)) != UINT64_MAX) {
		if (deadline > world->fake.now)
			world->fake.now = deadline;
		registry_tick(world->registry);
		rule = broken(world);
	}
	return rule;
}

static const char *run_out(struct world *world)
{
	const char *rule;

	for (int i = 0; i < 3; i++) {
		rule = wait_out(world);
		if (rule)
			return rule;
		catch_up(world);
	}
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (world->fake.client[i].id && world->fake.client[i].asking)
			return "every request is answered in the end";
	world_check_settled(world);
	while (any_client(world)) {
		leave(world, any_client(world));
		rule = broken(world);
		if (rule)
			return rule;
	}
	/* What was mapped by who closed its connection may have to be taken back first. */
	rule = wait_out(world);
	if (rule)
		return rule;
	return fake_object_count(&world->fake) > 0 ? "nothing stays when everybody has left"
						   : NULL;
}

/* The broker is told to end, whatever is under way. */
static const char *end_at_once(struct world *world)
{
	while (any_client(world))
		leave(world, any_client(world));
	registry_free(world->registry);
	return fake_object_count(&world->fake) > 0 ? "nothing stays when the broker ends"
						   : NULL;
}

static struct registry_config draw_config(struct world *world)
{
	return (struct registry_config){
		.node = WORLD_NODE,
		.broker_uid = 2,
		.page_size = PAGE,
		.segment_bytes = 64 * PAGE,
		.user_bytes = (20 + below(world, 60)) * PAGE,
		.total_bytes = (50 + below(world, 100)) * PAGE,
		.exports_max = 20,
		.imports_max = 20 + below(world, 60),
		.per_client_max = 10 + below(world, 30),
		.caps_max = 4 + below(world, 20),
		.board_slots = 6 + below(world, 40),
		.bell_slots = 4,
		.hear_ns = HEAR_NS,
	};
}

static const char *run(uint64_t seed, bool loud, uint32_t *ret_step)
{
	static struct world world;
	struct registry_config config;
	const char *rule = NULL;

	(void)memset(&world, 0, sizeof(world));
	fake_body_init(&world.fake, seed);
	world.chance = seed * 2 + 1;
	world.loud = loud;
	world.clients_max = 3 + below(&world, 5);
	world.fake.nodes = below(&world, 3);
	world.fake.huge = one_in(&world, 3) ? 2 * PAGE : 0;
	world.fake.physical = one_in(&world, 2) ? 0x100000 : 0;
	config = draw_config(&world);
	if (registry_new(&config, &world.fake.ports, &world.registry) < 0)
		return "a registry can be made";
	while (one_in(&world, 2) || !any_client(&world))
		step_join(&world);
	for (*ret_step = 0; *ret_step < STEPS && !rule; ++*ret_step) {
		step(&world);
		rule = broken(&world);
	}
	if (!rule && one_in(&world, 5)) {
		rule = end_at_once(&world);
	} else if (!rule) {
		rule = run_out(&world);
		if (!rule)
			registry_free(world.registry);
	}
	fake_body_deinit(&world.fake);
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
