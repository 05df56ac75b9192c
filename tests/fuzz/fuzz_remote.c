/* SPDX-License-Identifier: MIT */
/*
 * fuzz_remote.c - nothing that another node says breaks the registry, or takes anything from it
 * that it was not given
 *
 * An input is a script of six-byte steps: what happens, to whom, and numbers that choose among
 * the ids that were seen and fill the fields.  The other node says whatever it likes, in any
 * order; clients of this node export and import.  After every step the invariants hold and what
 * was said is a message; nothing stays when the node is gone and everybody has left.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "registry/fake_body.h"

#define STEP_SIZE 6u
#define STEPS_MAX 400u
#define CLIENTS 3u
#define SEEN 16u
#define PAGE 4096u
#define HERE 1u
#define THERE 2u

struct script {
	struct fake_body fake;
	struct registry *registry;
	bool up;
	struct fake_client *client[CLIENTS];
	uint64_t seen[SEEN];   /* ids that clients were told, the latest last */
	uint64_t told[SEEN];   /* ids that the other node was told */
	uint32_t serial[SEEN]; /* of what it was told */
	uint64_t cap[SEEN];    /* tokens, likewise */
	uint64_t shared;       /* the last region that has an owner */
	uint32_t published;
	uint64_t token;
};

static const enum msg_number asked[] = {
	MSG_region_create,   MSG_region_fence,		 MSG_region_fenced,
	MSG_segment_create,  MSG_segment_publish,	 MSG_segment_unpublish,
	MSG_segment_rebind,  MSG_segment_destroy,	 MSG_segment_bell,
	MSG_import_connect,  MSG_import_close,		 MSG_import_inherit,
	MSG_import_post_far, MSG_import_connect_through, MSG_heard,
	MSG_bell_poll,	     MSG_region_close,		 MSG_next_import,
};

/* Of a region that has an owner, chosen by the upper half of the same byte. */
static const enum msg_number asked_shared[] = {
	MSG_shared_create, MSG_shared_map, MSG_shared_export, MSG_segment_publish,
	MSG_shared_unmap,  MSG_cap_root,   MSG_cap_derive,    MSG_cap_map,
	MSG_cap_revoke,	   MSG_cap_take,   MSG_offer_make,    MSG_shared_give,
	MSG_shared_lower,  MSG_shared_map, MSG_shared_export, MSG_segment_publish,
};

static const enum msg_number said[] = {
	MSG_link_connect, MSG_link_connected, MSG_link_refused,	   MSG_link_close,
	MSG_link_revoked, MSG_link_stall,     MSG_link_moved,	   MSG_link_heard,
	MSG_link_signal,  MSG_link_signalled, MSG_link_controller, MSG_import_connect,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void push(uint64_t ids[SEEN], uint64_t id)
{
	(void)memmove(ids, ids + 1, (SEEN - 1) * sizeof(*ids));
	ids[SEEN - 1] = id;
}

static void push_serial(struct script *s, uint32_t serial)
{
	(void)memmove(s->serial, s->serial + 1, (SEEN - 1) * sizeof(*s->serial));
	s->serial[SEEN - 1] = serial;
}

/* ---- the other node ---------------------------------------------------------------------- */

/* What it is told it knows. */
static void listen(struct script *s)
{
	struct message m;

	while (fake_link_take(&s->fake, THERE, &m)) {
		push_serial(s, m.serial);
		/* Most begin with the id of what they are about. */
		if (m.number != MSG_link_connect && m.number != MSG_link_refused &&
		    m.number != MSG_link_heard)
			push(s->told, m.link_revoked.import);
	}
}

static struct message make_said(const struct script *s, const uint8_t *step)
{
	struct message m = { .number = said[step[1] % COUNT(said)],
			     .serial = s->serial[step[2] % SEEN] };
	uint64_t id = step[3] & 128 ? step[3] : s->told[step[3] % SEEN];

	m.link_revoked.import = id;
	switch (m.number) {
	case MSG_link_connect:
		m.link_connect = (struct msg_link_connect){
			.id = step[3] & 1 ? s->published : step[3],
			.rights = step[4] & 6,
			.uid = step[5] & 1,
			.gid = step[5] >> 2 & 1,
			.groups = { .count = step[5] >> 3 & 1 },
			.provider = wire_text_of(step[5] & 2 ? "" : "verbs tcp")
		};
		break;
	case MSG_link_connected:
		m.link_connected = (struct msg_link_connected){ .import = step[3],
								.segment = step[4],
								.size = step[5] * PAGE };
		/* What nobody asked for is a breach, and the rest is to be come by. */
		m.link_connected.provider =
			wire_text_of((step[5] & 15) == 15 ? "pigeons" : "tcp");
		break;
	case MSG_link_refused:
		m.link_refused.error = 1 + step[4];
		break;
	case MSG_link_revoked:
		m.link_revoked.reason = step[4];
		break;
	case MSG_link_signal:
		m.link_signal.count = step[4] == 255 ? UINT64_MAX : step[4];
		m.link_signal.once = step[5] & 1;
		break;
	case MSG_link_signalled:
		m.link_signalled.count = step[4] == 255 ? UINT64_MAX : step[4];
		break;
	default:
		break;
	}
	return m;
}

static void lose(struct script *s)
{
	s->up = false;
	registry_peer_lost(s->registry, THERE);
}

static void other_says(struct script *s, const uint8_t *step)
{
	const struct fake_link *link = fake_link_find(&s->fake, THERE);
	struct message m = make_said(s, step);

	if (!s->up)
		return;
	/* What makes no sense brings the link down. */
	if (registry_peer_heard(s->registry, THERE, &m) < 0 || (link && link->dropped))
		lose(s);
}

static void link_changes(struct script *s, const uint8_t *step)
{
	if (s->up && step[2] & 1) {
		lose(s);
	} else if (!s->up) {
		if (step[2] & 2)
			registry_peer_gone(s->registry, THERE);
		registry_peer_up(s->registry, THERE);
		s->up = true;
	} else {
		registry_peer_gone(s->registry, THERE);
	}
}

/* ---- clients ----------------------------------------------------------------------------- */

static void learn(struct script *s, const struct message *answer)
{
	if (answer->number == MSG_region_created || answer->number == MSG_segment_created)
		push(s->seen, answer->region_created.region);
	if (answer->number == MSG_shared_known)
		s->shared = answer->shared_known.shared;
	if (answer->number == MSG_shared_mapped)
		push(s->seen, answer->shared_mapped.import);
	if (answer->number == MSG_cap_known)
		push(s->cap, answer->cap_known.token);
	if (answer->number == MSG_offer_made)
		push(s->cap, answer->offer_made.token);
	if (answer->number == MSG_segment_published)
		s->published = answer->segment_published.id;
	if (answer->number != MSG_import_connected_far)
		return;
	push(s->seen, answer->import_connected_far.import);
	s->token = answer->import_connected_far.token;
}

static struct message make_asked_shared(const struct script *s, const uint8_t *step)
{
	struct message m = { .number = asked_shared[step[1] % COUNT(asked_shared)],
			     .serial = step[2] };
	uint64_t a = s->seen[step[2] % SEEN], token = s->cap[step[3] % SEEN];
	uint32_t permission = step[4] & 1 ? 3 : 1, process = step[3] & 7;
	uint64_t address = PAGE * (1 + (step[4] >> 2));

	switch (m.number) {
	case MSG_shared_create:
		m.shared_create =
			(struct msg_shared_create){ .size = PAGE * (1 + (step[4] & 1)),
						    .ceiling = 3,
						    .node = UINT32_MAX,
						    .flags = step[4] & 4 };
		break;
	case MSG_shared_map:
		m.shared_map = (struct msg_shared_map){ s->shared, permission, address };
		break;
	case MSG_shared_export:
		m.shared_export =
			(struct msg_shared_export){ .import = a, .size = PAGE, .mode = 0666 };
		break;
	case MSG_shared_unmap:
		m.shared_unmap = (struct msg_shared_unmap){ s->shared, process, step[4] & 3 };
		break;
	case MSG_shared_give:
		m.shared_give = (struct msg_shared_give){ s->shared, process };
		break;
	case MSG_shared_lower:
		m.shared_lower = (struct msg_shared_lower){ s->shared, permission };
		break;
	case MSG_cap_root:
		m.cap_root.shared = s->shared;
		break;
	case MSG_cap_derive:
		m.cap_derive = (struct msg_cap_derive){ token, step[4] & 0x7b, process };
		break;
	case MSG_cap_map:
		m.cap_map = (struct msg_cap_map){ .token = token,
						  .permission = permission,
						  .address = address };
		break;
	case MSG_cap_revoke:
		m.cap_revoke = (struct msg_cap_revoke){ token, step[4] & 3 };
		break;
	case MSG_cap_take:
		m.cap_take.token = token;
		break;
	case MSG_offer_make:
		m.offer_make = (struct msg_offer_make){ .shared = s->shared,
							.process = process,
							.mode = step[4] & 3,
							.force = step[4] >> 2 & 3 };
		break;
	default:
		m.segment_publish.segment = a;
		break;
	}
	return m;
}

static struct message make_asked(const struct script *s, const uint8_t *step)
{
	struct message m = { .number = asked[step[1] % COUNT(asked)], .serial = step[2] };
	uint64_t a = s->seen[step[2] % SEEN], b = s->seen[step[3] % SEEN];

	m.segment_bell.segment = a;
	if (m.number == MSG_region_create)
		m.region_create.size = (1 + (step[4] & 1)) * PAGE;
	if (m.number == MSG_segment_create)
		m.segment_create = (struct msg_segment_create){
			.region = a, .size = PAGE, .mode = 0777, .rebindable = true
		};
	if (m.number == MSG_segment_publish) {
		m.segment_publish.access.count = step[4] & 3;
		m.segment_publish.access.entry[0].node = step[5];
	}
	if (m.number == MSG_segment_rebind)
		m.segment_rebind.region = b;
	if (m.number == MSG_import_connect)
		m.import_connect = (struct msg_import_connect){ .node = 1 + (step[3] & 3),
								.id = s->published,
								.rights = step[4] & 6 };
	if (m.number == MSG_import_connect_through)
		m.import_connect_through = (struct msg_import_connect_through){
			.node = THERE,
			.rights = step[4] & 6,
			.controller = wire_text_of(step[3] & 1 ? "tcp0" : "loopback")
		};
	if (m.number == MSG_import_inherit)
		m.import_inherit = (struct msg_import_inherit){ .segment = step[4],
								.token = s->token,
								.import = b };
	if (m.number == MSG_bell_poll && step[4] & 1)
		m.number = MSG_import_post_far;
	return m;
}

static void leave(struct script *s, uint32_t which)
{
	registry_leave(s->registry, s->client[which]->id);
	fake_client_remove(s->client[which]);
	s->client[which] = NULL;
}

static void join(struct script *s, uint32_t which)
{
	struct registry_identity identity = { .pid = 1 + (int32_t)which, .uid = which / 2 };
	struct message hello = { .number = MSG_hello, .hello.version = WIRE_VERSION };
	uint64_t id = 0;

	if (registry_join(s->registry, &identity, &id) < 0)
		return;
	s->client[which] = fake_client_add(&s->fake, id);
	s->client[which]->channel = which > 0;
	(void)fake_ask(s->registry, s->client[which], &hello, false);
}

static void speak(struct script *s, uint32_t which, const uint8_t *step)
{
	struct message m = step[1] & 128 ? make_asked_shared(s, step) : make_asked(s, step);
	bool silent = m.number == MSG_heard || m.number == MSG_import_close ||
		      m.number == MSG_region_close;
	struct fake_client *client = s->client[which];
	struct fake_said event;

	if (m.number == MSG_heard && fake_event_take(client, &event))
		m.serial = event.message.serial;
	if (!silent && client->asking)
		return;
	if (fake_ask(s->registry, client, &m, silent) < 0)
		leave(s, which);
}

static void take_step(struct script *s, const uint8_t *step)
{
	uint32_t which = (step[0] & 63) % CLIENTS;

	s->fake.fail_window = step[0] >> 3 == 31 ? -ENOMEM : 0;
	switch (step[0] & 7) {
	case 0:
	case 1:
	case 2:
		other_says(s, step);
		break;
	case 3:
		s->fake.now += step[2] * UINT64_C(100);
		registry_tick(s->registry);
		break;
	case 4:
		if (step[5] < 64)
			link_changes(s, step);
		break;
	default:
		if (!s->client[which])
			join(s, which);
		else if (step[5] == 255)
			leave(s, which);
		else
			speak(s, which, step);
		break;
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (s->client[i] && !s->client[i]->asking &&
		    s->client[i]->answer.message.number) {
			learn(s, &s->client[i]->answer.message);
			s->client[i]->answer.message.number = 0;
		}
	listen(s);
}

static void check(const struct script *s)
{
	const char *broken = NULL;

	if (!registry_check(s->registry, &broken))
		(void)fprintf(stderr, "broken: %s\n", broken);
	FUZZ_EXPECT(!broken);
	if (s->fake.bug)
		(void)fprintf(stderr, "broken: %s\n", s->fake.bug);
	FUZZ_EXPECT(!s->fake.bug);
}

static void end(struct script *s)
{
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (s->client[i])
			leave(s, i);
	lose(s);
	registry_peer_gone(s->registry, THERE);
	check(s);
	FUZZ_EXPECT(registry_is_idle(s->registry));
	FUZZ_EXPECT(fake_window_count(&s->fake) == 0);
	FUZZ_EXPECT(fake_object_count(&s->fake) == 0);
	registry_free(s->registry);
	fake_body_deinit(&s->fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct script s;
	struct registry_config config = { .node = HERE,
					  .broker_uid = 9,
					  .page_size = PAGE,
					  .segment_bytes = 16 * PAGE,
					  .user_bytes = 64 * PAGE,
					  .total_bytes = 100 * PAGE,
					  .exports_max = 12,
					  .imports_max = 20,
					  .windows_max = 20,
					  .caps_max = 12,
					  .per_client_max = 16,
					  .board_slots = 10,
					  .bell_slots = 4,
					  .hear_ns = 1000,
					  .peer_ns = 5000,
					  .fabrics = wire_text_of("tcp") };

	(void)memset(&s, 0, sizeof(s));
	fake_body_init(&s.fake, 1);
	FUZZ_EXPECT(registry_new(&config, &s.fake.ports, &s.registry) == 0);
	FUZZ_EXPECT(registry_add_peer(s.registry, THERE) == 0);
	registry_peer_up(s.registry, THERE);
	s.up = true;
	for (size_t i = 0; i < STEPS_MAX && size >= STEP_SIZE; i++) {
		take_step(&s, data);
		check(&s);
		data += STEP_SIZE;
		size -= STEP_SIZE;
	}
	end(&s);
	return 0;
}
