/* SPDX-License-Identifier: MIT */
#include "sim_draw.h"

#include <errno.h>

#include "chance.h"

uint32_t below(struct sim *sim, uint32_t limit)
{
	return (uint32_t)(chance_draw(&sim->chance) % limit);
}

bool one_in(struct sim *sim, uint32_t n)
{
	return below(sim, n) == 0;
}

/* ---- drawing ---------------------------------------------------------------------------- */

#define DRAW(name)                                                                       \
	struct model_##name *draw_##name(struct sim *sim, uint64_t client)               \
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

uint64_t pages(struct sim *sim, uint32_t limit)
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

static uint64_t draw_map(struct sim *sim)
{
	uint32_t at = below(sim, MAPS);

	for (uint32_t i = 0; i < MAPS; i++)
		if (sim->map[(at + i) % MAPS])
			return sim->map[(at + i) % MAPS];
	return 0;
}

static void fill_map(struct sim *sim, uint64_t client, struct message *m)
{
	static const uint32_t rights[] = { 6, 6, 4, 0 };
	struct msg_map_change *change = &m->map_change;

	if (m->number == MSG_map_offer && one_in(sim, 3))
		draw_access(sim, &m->map_offer.access);
	else if (m->number == MSG_map_offer)
		m->map_offer.access = (struct wire_access){ 1, { { NODE, 0666 } } };
	if (m->number == MSG_map_change && !draw_map(sim))
		m->number = MSG_map_get;
	if (m->number == MSG_map_get)
		m->map_get.pid = FIRST_PID + below(sim, PIDS);
	if (m->number != MSG_map_change)
		return;
	change->map = one_in(sim, 20) ? 1 : draw_map(sim);
	change->change = one_in(sim, 20) ? below(sim, 7) : 1 + below(sim, 2);
	if (change->change == 1 && !one_in(sim, 6))
		change->region = draw_region(sim, client)->id;
	change->given = rights[below(sim, 4)];
	change->rights = rights[below(sim, 4)];
	change->start = (uint64_t)below(sim, 6) * PAGE;
	change->size = pages(sim, 5);
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
	{ MSG_map_offer, 6, fill_map },
	{ MSG_map_withdraw, 1, fill_map },
	{ MSG_map_get, 14, fill_map },
	{ MSG_map_change, 30, fill_map },
	{ MSG_next_segment, 1, fill_import },
	{ MSG_next_import, 1, fill_import },
	{ MSG_next_client, 1, fill_import },
	{ MSG_monitor, 1, fill_import },
	{ MSG_events, 2, fill_import },
};

struct message draw_message(struct sim *sim, uint64_t client)
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

void learn_map(struct sim *sim, const struct fake_client *client, const struct message *asked)
{
	const struct message *answer = &client->answer.message;

	if (client->asking)
		return;
	if (answer->number == MSG_map_got)
		sim->map[below(sim, MAPS)] = answer->map_got.map;
	if (asked->number == MSG_map_change && answer->number == MSG_refused)
		for (uint32_t i = 0; i < MAPS; i++)
			if (sim->map[i] == asked->map_change.map &&
			    answer->refused.error == EPERM)
				sim->map[i] = 0;
}

struct message draw_words(struct sim *sim, const struct fake_said *said)
{
	const struct msg_map_asked *asked = &said->message.map_asked;
	struct message words = { .number = MSG_map_answer, .serial = said->message.serial };
	struct msg_map_answer *m = &words.map_answer;

	m->error = one_in(sim, 5) ? below(sim, 5000) : 0;
	m->stays = one_in(sim, 10);
	m->start = one_in(sim, 20) ? UINT64_MAX - below(sim, 3) * PAGE : asked->start;
	m->size = one_in(sim, 20) ? UINT64_MAX : asked->size;
	m->again = one_in(sim, 5);
	return words;
}
