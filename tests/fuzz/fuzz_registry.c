/* SPDX-License-Identifier: MIT */
/*
 * fuzz_registry.c - no sequence of messages breaks the registry
 *
 * An input is a script of six-byte steps: what happens, to whom, and four numbers that choose
 * among the ids that were seen and fill the fields.  The registry's invariants and the rules of
 * its body hold after every step, and nothing stays when everybody has left, or the broker
 * ends.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "script.h"

#define STEP_SIZE 6u
#define STEPS_MAX 400u

static const enum msg_number kinds[] = {
	MSG_hello,
	MSG_events,
	MSG_heard,
	MSG_region_create,
	MSG_region_offer,
	MSG_region_sysv,
	MSG_region_close,
	MSG_region_fence,
	MSG_region_fenced,
	MSG_segment_create,
	MSG_segment_publish,
	MSG_segment_republish,
	MSG_segment_unpublish,
	MSG_segment_rebind,
	MSG_segment_destroy,
	MSG_segment_bell,
	MSG_import_connect,
	MSG_import_close,
	MSG_import_inherit,
	MSG_import_bell,
	MSG_bell_poll,
	MSG_bell_poller,
	MSG_next_segment,
	MSG_next_import,
	MSG_next_client,
	MSG_monitor,
	MSG_refused,
	MSG_import_moved,
	MSG_region_absorbed,
	MSG_pledge,
	MSG_import_exporter,
	MSG_import_lifeline,
	MSG_import_pledge,
	MSG_map_offer,
	MSG_map_withdraw,
	MSG_map_get,
	MSG_map_change,
	MSG_map_answer,
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void learn(struct script *script, const struct message *answer)
{
	switch (answer->number) {
	case MSG_region_created:
	case MSG_region_known:
		script_see(script->seen, answer->region_created.region);
		break;
	case MSG_segment_created:
		script_see(script->seen, answer->segment_created.segment);
		break;
	case MSG_segment_published:
		script->published = answer->segment_published.id;
		break;
	case MSG_import_connected:
	case MSG_import_connected_bare:
		script_see(script->seen, answer->import_connected.import);
		script->token = answer->import_connected.token;
		break;
	case MSG_map_got:
		script->map = answer->map_got.map;
		break;
	default:
		script_learn_shared(script, answer);
		break;
	}
}

static void fill_map(const struct script *script, const uint8_t *step, struct message *m)
{
	uint64_t a = script->seen[step[2] % SEEN], start = (uint64_t)(step[5] & 3) * PAGE;

	if (m->number == MSG_map_offer) {
		m->map_offer.access.count = step[4] & 1;
		m->map_offer.access.entry[0] = (struct tract_access){ .mode = step[5] };
	} else if (m->number == MSG_map_get) {
		m->map_get.pid = 1 + step[2] % CLIENTS;
	} else if (m->number == MSG_map_change) {
		m->map_change = (struct msg_map_change){
			.map = step[3] == 255 ? a : script->map,
			.change = step[3] & 7,
			.region = step[3] & 16 ? a : 0,
			.given = step[4] & 6,
			.start = start,
			.size = step[4],
		};
	} else {
		m->serial = step[2];
		m->map_answer = (struct msg_map_answer){
			.error = step[3] & 1 ? step[3] * 100u : 0,
			.stays = step[3] >> 1 & 1,
			.start = step[3] & 4 ? UINT64_MAX : start,
			.size = step[3] & 8 ? UINT64_MAX : step[4],
		};
	}
}

/* ---- steps ------------------------------------------------------------------------------ */

static void fill(struct script *script, const uint8_t *step, struct message *m)
{
	uint64_t a = script->seen[step[2] % SEEN], b = script->seen[step[3] % SEEN];
	uint64_t bytes = (uint64_t)step[4] * PAGE, offset = (uint64_t)(step[5] & 3) * PAGE;

	m->number = kinds[step[1] % KINDS];
	/* Most begin with the id of what they are about. */
	m->segment_bell.segment = a;
	switch (m->number) {
	case MSG_hello:
		m->hello = (struct msg_hello){ .version = WIRE_VERSION + (step[2] == 255) };
		break;
	case MSG_heard:
		m->serial = step[2];
		break;
	case MSG_region_create:
		m->region_create =
			(struct msg_region_create){ .size = bytes, .replaces = offset };
		break;
	case MSG_region_offer:
		m->region_offer.size = bytes;
		break;
	case MSG_region_sysv:
		m->region_sysv = (struct msg_region_sysv){ .shmid = step[3], .size = bytes };
		break;
	case MSG_segment_create:
		m->segment_create = (struct msg_segment_create){
			.region = a,
			.offset = offset,
			.size = bytes,
			.mode = 0777,
			.rebindable = step[3] & 1,
		};
		break;
	case MSG_segment_publish:
		m->segment_publish.id = step[3] ? step[3] << 20 : 0;
		m->segment_publish.access.count = step[4] & 1;
		m->segment_publish.access.entry[0] = (struct tract_access){ .mode = step[5] };
		break;
	case MSG_segment_rebind:
		m->segment_rebind.region = b;
		m->segment_rebind.offset = offset;
		break;
	case MSG_import_connect:
		m->import_connect = (struct msg_import_connect){
			.node = step[4] == 255,
			.id = step[3] ? (uint32_t)step[3] << 20 : script->published,
			.rights = step[2] & 6,
		};
		break;
	case MSG_import_inherit:
		m->import_inherit.token = script->token + (step[4] == 255);
		m->import_inherit.import = b;
		break;
	case MSG_region_absorbed:
		m->region_absorbed.into = b;
		m->region_absorbed.offset = offset;
		break;
	case MSG_map_offer:
	case MSG_map_get:
	case MSG_map_change:
	case MSG_map_answer:
		fill_map(script, step, m);
		break;
	case MSG_bell_poller:
		m->bell_poller.slot = step[4] & 1 ? WIRE_SLOT_EXPORTER : step[5];
		break;
	case MSG_next_segment:
		m->next_segment.after = step[2];
		break;
	default:
		break;
	}
}

/* @lives: its process goes on. */
static void leave(struct script *script, uint32_t which, bool lives)
{
	struct fake_client *client = script->client[which];

	if (lives)
		registry_lose(script->registry, client->id);
	else
		registry_leave(script->registry, client->id);
	fake_client_remove(client);
	script->client[which] = NULL;
}

static void join(struct script *script, uint32_t which)
{
	struct registry_identity identity = { .pid = 1 + (int32_t)which, .uid = which / 2 };
	struct message hello = { .number = MSG_hello, .hello.version = WIRE_VERSION };
	uint64_t id = 0;

	if (registry_join(script->registry, &identity, &id) < 0)
		return;
	script->client[which] = fake_client_add(&script->fake, id);
	script->client[which]->channel = true;
	(void)fake_ask(script->registry, script->client[which], &hello, false);
	script->process[which] = script->client[which]->answer.message.welcome.process;
}

static void speak(struct script *script, uint32_t which, const uint8_t *step)
{
	struct fake_client *client = script->client[which];
	struct message message = { .serial = 0 };
	bool silent;

	if (step[1] & 128)
		script_fill_shared(script, step, &message);
	else
		fill(script, step, &message);
	silent = message.number == MSG_heard || message.number == MSG_region_close ||
		 message.number == MSG_import_close || message.number == MSG_map_answer ||
		 message.number == MSG_shared_answer;
	script->fake.fail = (step[0] >> 5) == 7 ? -ENOMEM : 0;
	script->fake.fail_page = (step[0] >> 5) == 6 ? -ENOMEM : 0;
	if (!silent && client->asking)
		leave(script, which, false);
	else if (fake_ask(script->registry, client, &message, silent) < 0)
		leave(script, which, false);
	else if (!silent)
		learn(script, &client->answer.message);
	script->fake.fail = 0;
	script->fake.fail_page = 0;
}

/* Does what was asked, so that more can come of it. */
static void obey(struct script *script, struct fake_client *client)
{
	struct message heard = { .number = MSG_heard };
	struct fake_said said;

	if (!fake_event_take(client, &said))
		return;
	if (said.message.number == MSG_map_asked ||
	    said.message.number == MSG_map_asked_region) {
		heard.number = MSG_map_answer;
		heard.map_answer.start = said.message.map_asked.start;
		heard.map_answer.size = said.message.map_asked.size;
		if (said.message.map_asked.import)
			script_see(script->seen, said.message.map_asked.import);
	}
	if (said.message.number == MSG_shared_asked) {
		heard.number = MSG_shared_answer;
		heard.shared_answer.address = said.message.shared_asked.address;
		script_see(script->seen, said.message.shared_asked.import);
	}
	heard.serial = said.message.serial;
	FUZZ_EXPECT(fake_ask(script->registry, client, &heard, true) == 0);
}

static void take_step(struct script *script, const uint8_t *step)
{
	uint32_t which = step[0] & 3;
	struct fake_client *client = script->client[which];

	if (!client) {
		join(script, which);
		return;
	}
	switch (step[0] >> 2 & 7) {
	case 0:
		leave(script, which, step[2] & 1);
		break;
	case 1:
		script->fake.now += step[2] * UINT64_C(100);
		registry_tick(script->registry);
		break;
	case 2:
		client->room = step[2] % (FAKE_EVENTS + 1);
		client->holds.mappings = step[3] & 1;
		client->hidden = step[3] & 2 ? -EACCES : 0;
		break;
	case 3:
		obey(script, client);
		break;
	default:
		speak(script, which, step);
		break;
	}
}

static void check(const struct script *script)
{
	const char *broken = NULL;

	if (!registry_check(script->registry, &broken))
		(void)fprintf(stderr, "broken: %s\n", broken);
	FUZZ_EXPECT(!broken);
	if (script->fake.bug)
		(void)fprintf(stderr, "broken: %s\n", script->fake.bug);
	FUZZ_EXPECT(!script->fake.bug);
}

/* What was begun when everybody has left. */
static void wait_out(struct script *script)
{
	uint64_t deadline;

	while ((deadline = registry_deadline(script->registry)) != UINT64_MAX) {
		if (deadline > script->fake.now)
			script->fake.now = deadline;
		registry_tick(script->registry);
		check(script);
	}
}

static void script_begin(struct script *script, const struct registry_config *config)
{
	(void)memset(script, 0, sizeof(*script));
	fake_body_init(&script->fake, 1);
	script->fake.nodes = 2;
	script->fake.huge = 2 * PAGE;
	script->fake.physical = 0x100000;
	FUZZ_EXPECT(registry_new(config, &script->fake.ports, &script->registry) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct script script;
	bool waits = size % 3;
	struct registry_config config = { .broker_uid = 9,
					  .page_size = PAGE,
					  .segment_bytes = 16 * PAGE,
					  .user_bytes = 64 * PAGE,
					  .total_bytes = 100 * PAGE,
					  .exports_max = 12,
					  .imports_max = 20,
					  .windows_max = 20,
					  .per_client_max = 16,
					  .caps_max = 8,
					  .board_slots = 10,
					  .bell_slots = 4,
					  .hear_ns = 1000 };

	/* Some have room for what is large. */
	if (size % 5 == 1)
		config.user_bytes = config.total_bytes = 4 * LARGE;
	script_begin(&script, &config);
	for (size_t i = 0; i < STEPS_MAX && size >= STEP_SIZE; i++) {
		take_step(&script, data);
		check(&script);
		data += STEP_SIZE;
		size -= STEP_SIZE;
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (script.client[i])
			leave(&script, i, false);
	check(&script);
	FUZZ_EXPECT(registry_is_idle(script.registry));
	if (waits) {
		wait_out(&script);
		FUZZ_EXPECT(fake_object_count(&script.fake) == 0);
	}
	registry_free(script.registry);
	FUZZ_EXPECT(fake_object_count(&script.fake) == 0);
	fake_body_deinit(&script.fake);
	return 0;
}
