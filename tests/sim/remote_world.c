/* SPDX-License-Identifier: MIT */
#include "remote_world.h"

#include <errno.h>
#include <stdio.h>

#include "chance.h"

uint32_t below(struct sim *sim, uint32_t limit)
{
	return (uint32_t)(chance_draw(&sim->chance) % limit);
}

bool one_in(struct sim *sim, uint32_t n)
{
	return below(sim, n) == 0;
}

uint32_t id_of(unsigned side)
{
	return side + 1;
}

void lie(struct sim *sim, const char *promise)
{
	if (!sim->lie)
		sim->lie = promise;
}

void say(struct sim *sim, unsigned side, const char *what, const struct message *message)
{
	char line[512] = "";

	if (!sim->loud)
		return;
	if (message)
		wire_print(message, line, sizeof(line));
	(void)printf("%u %s: %s\n", id_of(side), what, line);
}

/* ---- what clients learn ------------------------------------------------------------------ */

struct export *find_export(struct node *node, uint64_t segment)
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

struct import *find_import(struct node *node, uint64_t id)
{
	for (unsigned i = 0; i < THINGS; i++)
		if (id && node->import[i].id == id)
			return &node->import[i];
	return NULL;
}

void begin(struct export *e, bool withdrawing)
{
	e->busy = true;
	e->withdrawing = withdrawing;
}

/* ---- shared regions ---------------------------------------------------------------------- */

/* A mapping may have several exports, of which each knows all of it. */
static bool is_of(const struct export *e, uint64_t client, uint64_t shared)
{
	return shared && e->shared == shared && e->client == client;
}

static struct export *find_mapping(struct node *node, uint64_t mapping)
{
	for (unsigned i = 0; i < THINGS; i++)
		if (mapping && node->export[i].mapping == mapping)
			return &node->export[i];
	return NULL;
}

static struct export *find_room(struct node *node)
{
	for (unsigned i = 0; i < THINGS; i++)
		if (!node->export[i].region && !node->export[i].shared)
			return &node->export[i];
	return NULL;
}

/* What all copies of it come from. */
static uint64_t origin_of(const struct node *node, uint64_t id)
{
	const struct fake_object *object = fake_object_find(&node->fake, id);

	return object && object->origin ? object->origin : id;
}

/* Its exporter knows that nobody imports it any more. */
static void withdrawn(struct export *e)
{
	e->id = 0;
	e->busy = e->withdrawing = false;
}

static void learn_unmapped(struct export *e, const struct message *answer, bool refused)
{
	if (!refused) {
		withdrawn(e);
		e->mapping = 0;
		e->lost = e->segment != 0;
	} else if (answer->refused.error != ENXIO) {
		e->busy = e->withdrawing = false;
	} else {
		e->mapping = 0;
	}
}

static void learn_given(struct export *e, const struct message *answer, bool refused)
{
	(void)answer;
	e->busy = e->withdrawing = false;
	if (refused)
		return;
	withdrawn(e);
	e->given = true;
	e->lost = e->segment != 0;
}

static void learn_mapped(struct node *node, struct export *e, const struct fake_client *client)
{
	if (client->answer.message.number != MSG_shared_mapped)
		return;
	e->mapping = client->answer.message.shared_mapped.import;
	e->object = client->answer.attachment.object;
	e->own = origin_of(node, e->object);
}

static void learn_stand(struct node *node, uint64_t mapping, const struct message *answer)
{
	struct export *e = find_mapping(node, mapping), *twin;

	if (!e || answer->number != MSG_segment_created)
		return;
	twin = e->segment ? find_room(node) : e;
	if (!twin)
		return;
	*twin = (struct export){ .client = e->client,
				 .shared = e->shared,
				 .mapping = mapping,
				 .own = e->own,
				 .object = e->object,
				 .given = e->given,
				 .segment = answer->segment_created.segment };
}

static void learn_shared(struct node *node, const struct message *asked,
			 const struct fake_client *client)
{
	const struct message *answer = &client->answer.message;
	struct export *e = find_room(node);
	bool refused = answer->number == MSG_refused;

	if (asked->number == MSG_shared_export)
		learn_stand(node, asked->shared_export.import, answer);
	if (asked->number == MSG_shared_create && e && !refused)
		*e = (struct export){ .client = client->id,
				      .shared = answer->shared_known.shared };
	for (e = node->export; e < node->export + THINGS; e++) {
		if (asked->number == MSG_shared_map &&
		    is_of(e, client->id, asked->shared_map.shared))
			learn_mapped(node, e, client);
		if (asked->number == MSG_shared_unmap &&
		    is_of(e, client->id, asked->shared_unmap.shared))
			learn_unmapped(e, answer, refused);
		if (asked->number == MSG_shared_give &&
		    is_of(e, client->id, asked->shared_give.shared))
			learn_given(e, answer, refused);
	}
}

/* Another node may reach the bytes, until somebody is told otherwise. */
static bool is_half_withdrawn(const struct export *e, const struct message *answer)
{
	return e->shared && answer->number == MSG_refused;
}

static void learn_destroyed(struct node *node, struct export *e)
{
	node->ended[node->ends++ % ENDED] = e->segment;
	e->segment = 0;
	e->lost = false;
}

/* ---- others ------------------------------------------------------------------------------ */

static void learn_export(struct node *node, const struct message *asked,
			 const struct fake_client *client)
{
	const struct message *answer = &client->answer.message;
	struct export *e = NULL;

	switch (asked->number) {
	case MSG_region_create:
		e = find_room(node);
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
		/* Without the memory it stood on. */
		if (e && answer->number == MSG_refused && answer->refused.error == ESTALE)
			e->lost = true;
		break;
	case MSG_segment_unpublish:
	case MSG_segment_destroy:
	case MSG_segment_rebind:
		e = find_export(node, asked->segment_unpublish.segment);
		if (!e || is_half_withdrawn(e, answer))
			break;
		e->busy = e->withdrawing = false;
		e->before = 0;
		if (answer->number == MSG_segment_withdrawn)
			e->id = 0;
		if (answer->number == MSG_segment_withdrawn &&
		    asked->number == MSG_segment_destroy)
			learn_destroyed(node, e);
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

static void learn_import(struct sim *sim, unsigned side, const struct msg_import_connect *asked,
			 const struct fake_client *client)
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
							   .slot = far->slot,
							   .rights = asked->rights };
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
				learn_import(sim, side, &node->pending[i].import_connect,
					     client);
			else if (node->pending[i].number == MSG_hello)
				node->process[i] = client->answer.message.welcome.process;
			learn_export(node, &node->pending[i], client);
			learn_shared(node, &node->pending[i], client);
			node->pending[i].number = 0;
		}
}

/* What a mapping of a shared region shows now; or it was taken away, and the exports with it.
 */
static void learn_mapping(struct node *node, const struct fake_said *said)
{
	uint64_t mapping = said->message.import_moved.import;
	struct export *e;

	while ((e = find_mapping(node, mapping)) &&
	       said->message.number == MSG_import_revoked) {
		e->mapping = 0;
		e->lost = e->segment != 0;
		/* Nobody was answered that importers know. */
		e->withdrawing |= e->id != 0;
	}
	for (e = node->export; e < node->export + THINGS; e++)
		if (said->message.number == MSG_import_moved && e->mapping == mapping &&
		    mapping)
			e->object = said->attachment.object;
}

void learn_event(struct sim *sim, unsigned side, const struct fake_said *said)
{
	const struct message *event = &said->message;
	struct import *import = find_import(&sim->node[side], event->import_moved_far.import);

	say(sim, side, "event", event);
	learn_mapping(&sim->node[side], said);
	if (event->number != MSG_import_moved_far || !import)
		return;
	if (event->import_moved_far.epoch < import->epoch)
		lie(sim, "nobody is moved back");
	import->epoch = event->import_moved_far.epoch;
	import->key = event->import_moved_far.key;
}

/* ---- the promise ------------------------------------------------------------------------- */

static bool is_fresh(const struct node *node, const struct import *import)
{
	return node->fake.generation[import->slot] == import->generation &&
	       node->fake.epoch[import->slot] <= import->epoch;
}

/* Somebody copies it, and has not finished. */
static bool is_being_copied(const struct node *node, uint64_t object)
{
	for (uint32_t i = 0; i < node->fake.objects; i++) {
		const struct fake_object *to = &node->fake.object[i];

		if (to->id && to->source == object && to->copied < to->size)
			return true;
	}
	return false;
}

static bool is_ended(const struct node *node, uint64_t segment)
{
	for (unsigned i = 0; i < ENDED; i++)
		if (segment && node->ended[i] == segment)
			return true;
	return false;
}

/* Was its exporter told that nobody has it any more? */
static bool is_taken_back(const struct node *there, const struct export *e,
			  const struct import *import)
{
	return e ? e->id == 0 && !e->withdrawing : is_ended(there, import->segment);
}

static void check_fresh(struct sim *sim, const struct node *there, const struct export *e,
			const struct import *import, const struct fake_window *window)
{
	const struct fake_object *object =
		window && window->object ? fake_object_find(&there->fake, window->object)
					 : NULL;

	if (!window || !window->object)
		lie(sim, "a check that succeeds is of a window that leads somewhere");
	else if (!object)
		lie(sim, "a check that succeeds is of memory that is there");
	else if (is_copied(there, window->object) ||
		 (import->rights & TRACT_RIGHT_WRITE && is_being_copied(there, window->object)))
		lie(sim, "no check succeeds on memory that is being copied");
	/* An exporter that is dead holds nothing; what it had is there until all know. */
	else if (e && !e->shared && window->object != e->object && window->object != e->before)
		lie(sim, "a check that succeeds is of the memory that its exporter holds");
	else if (e && e->shared && object->orphan)
		lie(sim, "a check that succeeds is of the memory that mappers have");
	else if (e && e->shared && e->mapping && origin_of(there, window->object) != e->own)
		lie(sim, "a check that succeeds is of its region's memory");
	else if (is_taken_back(there, e, import))
		lie(sim, "no check succeeds once unpublish has been answered");
}

static void check_import(struct sim *sim, unsigned side, const struct import *import)
{
	struct node *there = &sim->node[1 - side];
	const struct fake_window *window = fake_window_find(&there->fake, import->key);
	const struct export *e = find_export(there, import->segment);

	if (is_fresh(&sim->node[side], import))
		check_fresh(sim, there, e, import, window);
	else if (is_taken_back(there, e, import) && window && window->object &&
		 !fake_object_find(&there->fake, window->object)->orphan)
		lie(sim, "to what was taken back no window leads any more");
}

const char *check(struct sim *sim)
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

/* ---- what is done with a shared region --------------------------------------------------- */

static uint64_t another_process(struct sim *sim, unsigned side,
				const struct fake_client *client)
{
	const struct node *node = &sim->node[side];
	uint32_t at = below(sim, FAKE_CLIENTS);

	for (uint32_t i = 0; i < FAKE_CLIENTS; i++) {
		uint32_t which = (at + i) % FAKE_CLIENTS;
		const struct fake_client *other = &node->fake.client[which];

		if (other->id && other != client && node->process[which])
			return node->process[which];
	}
	return 0;
}

static struct message draw_end(struct sim *sim, unsigned side, struct export *e,
			       uint64_t process)
{
	struct message m = { .number = MSG_segment_unpublish };

	m.segment_unpublish.segment = e->segment;
	if (one_in(sim, 4)) {
		m.number = MSG_segment_destroy;
	} else if (one_in(sim, 3)) {
		m = (struct message){ .number = MSG_shared_unmap };
		m.shared_unmap.shared = e->shared;
	} else if (process && !e->given && one_in(sim, 4)) {
		m = (struct message){ .number = MSG_shared_give };
		m.shared_give.shared = e->shared;
		m.shared_give.process = process;
	}
	for (unsigned i = 0; i < THINGS; i++)
		if (m.number != MSG_segment_unpublish && m.number != MSG_segment_destroy &&
		    is_of(&sim->node[side].export[i], e -> client, e -> shared))
			begin(&sim->node[side].export[i], true);
	begin(e, true);
	return m;
}

static struct message draw_export(const struct export *e, bool twin)
{
	struct message m = { .number = MSG_shared_export };

	if (!e->segment || twin) {
		m.shared_export.import = e->mapping;
		m.shared_export.size = SHARED_SIZE;
		m.shared_export.mode = 0777;
	} else {
		m = (struct message){ .number = MSG_segment_publish };
		m.segment_publish.segment = e->segment;
	}
	return m;
}

struct message draw_shared(struct sim *sim, unsigned side, const struct fake_client *client,
			   struct export *e)
{
	struct message m = { .number = MSG_shared_create };
	uint64_t process = another_process(sim, side, client);

	if (!e || one_in(sim, 40)) {
		m.shared_create.size = SHARED_SIZE;
		m.shared_create.ceiling = 3;
		m.shared_create.node = UINT32_MAX;
		return m;
	}
	if (e->segment && e->lost) {
		m = (struct message){ .number = MSG_segment_destroy };
		m.segment_destroy.segment = e->segment;
		begin(e, true);
		return m;
	}
	if (!e->mapping) {
		m = (struct message){ .number = e->given ? 0 : MSG_shared_map };
		m.shared_map.shared = e->shared;
		m.shared_map.permission = 3;
		m.shared_map.address = e->shared * 4 * SHARED_SIZE;
		return m;
	}
	if (!e->segment || (!e->id && !e->withdrawing))
		return draw_export(e, false);
	if (one_in(sim, 4))
		return draw_export(e, true);
	if (process && one_in(sim, 3)) {
		m = (struct message){ .number = MSG_offer_make };
		m.offer_make.shared = e->shared;
		m.offer_make.process = process;
		m.offer_make.mode = 2;
		return m;
	}
	return draw_end(sim, side, e, process);
}
