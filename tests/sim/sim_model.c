/* SPDX-License-Identifier: MIT */
#include "sim_model.h"

#include <string.h>

static void lie(struct model *model, const char *promise)
{
	if (!model->lie)
		model->lie = promise;
}

#define FIND(array, wanted)                                 \
	__extension__({                                     \
		__typeof__(&(array)[0]) found_ = NULL;      \
		for (uint32_t i_ = 0; i_ < MODEL_MAX; i_++) \
			if ((array)[i_].id == (wanted)) {   \
				found_ = &(array)[i_];      \
				break;                      \
			}                                   \
		found_;                                     \
	})

static uint32_t index_of(const struct model *model, const struct fake_client *client)
{
	return (uint32_t)(client - model->fake->client);
}

static bool is_pending(const struct model *model, uint64_t client)
{
	const struct fake_client *found = fake_client_find(model->fake, client);

	return found && model->pending[index_of(model, found)].number != 0;
}

/* ---- learning --------------------------------------------------------------------------- */

/* Registry limits are far below MODEL_MAX, so there is always a free entry. */
static void learn_region(struct model *model, uint64_t client, uint64_t id, uint64_t object)
{
	struct model_region *region = FIND(model->region, 0);

	if (region)
		*region = (struct model_region){ .id = id, .client = client, .object = object };
}

static void learn_segment(struct model *model, uint64_t client, uint64_t id, uint64_t region)
{
	struct model_segment *segment = FIND(model->segment, 0);

	if (segment)
		*segment =
			(struct model_segment){ .id = id, .client = client, .region = region };
}

static void learn_import(struct model *model, const struct message *asked,
			 const struct fake_client *client)
{
	const struct msg_import_connected *full = &client->answer.message.import_connected;
	const struct msg_import_connected_bare *bare =
		&client->answer.message.import_connected_bare;
	struct model_import *import = FIND(model->import, 0);
	bool is_full = client->answer.message.number == MSG_import_connected;

	if (!import)
		return;
	*import = (struct model_import){
		.id = is_full ? full->import : bare->import,
		.client = client->id,
		.segment = is_full ? full->segment : bare->segment,
		.token = is_full ? full->token : bare->token,
		.object = is_full ? client->answer.attachment.object : 0,
		.slot = is_full ? full->slot : bare->slot,
		.generation = is_full ? full->generation : bare->generation,
		.epoch = is_full ? full->epoch : bare->epoch,
		.rights = asked->number == MSG_import_connect ? asked->import_connect.rights
			  : client->answer.attachment.kind == ATTACH_OBJECT_WRITE ? 6
			  : is_full						  ? 4
										  : 0,
	};
	if (model->fake->generation[import->slot] != import->generation)
		lie(model, "a connection begins with the board's generation");
}

static bool is_fresh(const struct model *model, const struct model_import *import)
{
	return model->fake->generation[import->slot] == import->generation &&
	       model->fake->epoch[import->slot] <= import->epoch;
}

static void learn_withdrawn(struct model *model, const struct message *asked, bool exposed)
{
	bool destroyed = asked->number == MSG_segment_destroy;
	struct model_segment *segment =
		FIND(model->segment, destroyed ? asked->segment_destroy.segment
					       : asked->segment_unpublish.segment);
	struct model_region *region;
	struct fake_object *object;

	if (!segment)
		return;
	for (uint32_t i = 0; i < MODEL_MAX; i++)
		if (model->import[i].id && model->import[i].segment == segment->id &&
		    is_fresh(model, &model->import[i]))
			lie(model, "no check succeeds once a segment was withdrawn");
	region = FIND(model->region, segment->region);
	object = region ? fake_object_find(model->fake, region->object) : NULL;
	if (object && object->given != exposed)
		lie(model, "exposure is told truly");
	segment->published = 0;
	if (destroyed)
		segment->id = 0;
}

static void learn_attached(struct model *model, const struct message *asked,
			   const struct msg_map_changed *changed)
{
	struct model_region *region =
		asked->map_change.region ? FIND(model->region, asked->map_change.region) : NULL;
	struct fake_object *object =
		region ? fake_object_find(model->fake, region->object) : NULL;

	/* What was closed is emptied when it goes. */
	if (object && !region->closed && !changed->stays && object->given != changed->exposed)
		lie(model, "exposure of what was lent is told truly");
}

/* The registry's objects are numbered upwards: what was just made has the highest number. */
static uint64_t newest_object(const struct model *model)
{
	uint64_t newest = 0;

	for (uint32_t i = 0; i < model->fake->objects; i++)
		if (model->fake->object[i].id > newest)
			newest = model->fake->object[i].id;
	return newest;
}

static void learn(struct model *model, const struct message *asked,
		  const struct fake_client *client)
{
	const struct message *answer = &client->answer.message;
	struct model_region *region;
	struct model_segment *segment;

	switch (answer->number) {
	case MSG_region_created:
		learn_region(model, client->id, answer->region_created.region,
			     client->answer.attachment.object);
		break;
	case MSG_region_known:
		learn_region(model, client->id, answer->region_known.region,
			     asked->number == MSG_region_offer ? newest_object(model) : 0);
		break;
	case MSG_region_fresh:
		region = FIND(model->region, asked->region_fence.region);
		if (region)
			region->fresh = client->answer.attachment.object;
		break;
	case MSG_segment_created:
		learn_segment(model, client->id, answer->segment_created.segment,
			      asked->segment_create.region);
		break;
	case MSG_segment_published:
		segment = FIND(model->segment, asked->segment_publish.segment);
		if (segment)
			segment->published = answer->segment_published.id;
		break;
	case MSG_segment_withdrawn:
		learn_withdrawn(model, asked, answer->segment_withdrawn.exposed);
		break;
	case MSG_import_connected:
	case MSG_import_connected_bare:
		learn_import(model, asked, client);
		break;
	case MSG_map_changed:
		learn_attached(model, asked, &answer->map_changed);
		break;
	default:
		break;
	}
}

/* What has an effect although the answer is to come. */
static void learn_at_once(struct model *model, const struct message *asked)
{
	struct model_region *region;
	struct model_segment *segment;

	if (asked->number == MSG_segment_rebind) {
		segment = FIND(model->segment, asked->segment_rebind.segment);
		if (segment)
			segment->region = asked->segment_rebind.region;
	}
	if (asked->number == MSG_region_fenced) {
		region = FIND(model->region, asked->region_fenced.region);
		if (region && region->fresh) {
			region->object = region->fresh;
			region->fresh = 0;
		}
	}
}

void model_asked(struct model *model, const struct fake_client *client,
		 const struct message *message)
{
	if (client->asking || client->answer.message.number != MSG_refused)
		learn_at_once(model, message);
	model->pending[index_of(model, client)] = *message;
}

void model_learn(struct model *model)
{
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++) {
		struct fake_client *client = &model->fake->client[i];

		if (!client->id || !model->pending[i].number || client->asking)
			continue;
		learn(model, &model->pending[i], client);
		model->pending[i].number = 0;
	}
}

/* Nobody asks how fresh it is: it looks at no slot of the board. */
static void learn_lent(struct model *model, const struct fake_client *client,
		       const struct fake_said *said)
{
	struct model_import *import = FIND(model->import, 0);

	if (import)
		*import = (struct model_import){
			.id = said->message.map_asked_region.import,
			.client = client->id,
			.object = said->attachment.object,
			.generation = UINT64_MAX,
			.rights = said->attachment.kind == ATTACH_OBJECT_WRITE ? 6 : 4,
		};
}

void model_event(struct model *model, const struct fake_client *client,
		 const struct fake_said *said)
{
	struct model_import *import;

	if (said->message.number == MSG_map_asked_region)
		learn_lent(model, client, said);
	if (said->message.number != MSG_import_moved)
		return;
	import = FIND(model->import, said->message.import_moved.import);
	if (!import)
		return;
	if (import->client != client->id)
		lie(model, "events go to who holds the import");
	if (said->message.import_moved.epoch < import->epoch)
		lie(model, "nobody is moved back");
	import->object = said->attachment.object;
	import->epoch = said->message.import_moved.epoch;
	if ((said->attachment.kind == ATTACH_OBJECT_WRITE) != ((import->rights & 2) != 0))
		lie(model, "nobody gets more rights than it has");
}

void model_forget_import(struct model *model, uint64_t id)
{
	struct model_import *import = id ? FIND(model->import, id) : NULL;

	if (import)
		import->id = 0;
}

void model_closed(struct model *model, uint64_t client, uint64_t id)
{
	struct model_region *region = id ? FIND(model->region, id) : NULL;

	if (region && region->client == client)
		region->closed = true;
}

void model_left(struct model *model, uint64_t client)
{
	for (uint32_t i = 0; i < MODEL_MAX; i++) {
		if (model->region[i].client == client)
			(void)memset(&model->region[i], 0, sizeof(model->region[i]));
		if (model->segment[i].client == client)
			(void)memset(&model->segment[i], 0, sizeof(model->segment[i]));
		if (model->import[i].client == client)
			(void)memset(&model->import[i], 0, sizeof(model->import[i]));
	}
}

/* ---- promises --------------------------------------------------------------------------- */

static void check_import(struct model *model, const struct model_import *import)
{
	struct model_segment *segment;
	struct model_region *region;

	if (!is_fresh(model, import))
		return;
	segment = FIND(model->segment, import->segment);
	if (!segment) {
		lie(model, "no check succeeds without a segment");
		return;
	}
	if (import->object == 0)
		return;
	if (!fake_object_find(model->fake, import->object)) {
		lie(model, "no check succeeds on memory that was emptied");
		return;
	}
	region = FIND(model->region, segment->region);
	/* While the exporter's request runs, old memory and new are both right. */
	if (!region || is_pending(model, segment->client))
		return;
	if (region->fresh)
		lie(model, "no check succeeds on memory that is being copied");
	else if (import->object != region->object)
		lie(model, "no check succeeds on memory that is not the exporter's");
}

void model_check(struct model *model)
{
	for (uint32_t i = 0; i < MODEL_MAX; i++)
		if (model->import[i].id)
			check_import(model, &model->import[i]);
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (model->fake->client[i].id && model->pending[i].number &&
		    !model->fake->client[i].asking)
			lie(model, "an answer is learned from");
}

void model_check_settled(struct model *model)
{
	for (uint32_t i = 0; i < MODEL_MAX; i++) {
		const struct model_import *import = &model->import[i];

		if (import->id && import->object &&
		    model->fake->generation[import->slot] == import->generation &&
		    model->fake->epoch[import->slot] > import->epoch)
			lie(model, "nobody is left behind");
	}
}
