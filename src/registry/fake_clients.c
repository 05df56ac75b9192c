/* SPDX-License-Identifier: MIT */
/*
 * fake_clients.c - the fake body's part in clients: their processes, and what is said to them
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/fake_inside.h"

struct fake_client *fake_client_find(struct fake_body *fake, uint64_t id)
{
	for (uint32_t i = 0; id && i < FAKE_CLIENTS; i++)
		if (fake->client[i].id == id)
			return &fake->client[i];
	return NULL;
}

struct fake_client *fake_client_add(struct fake_body *fake, uint64_t id)
{
	uint32_t i = 0;

	while (i < FAKE_CLIENTS && fake->client[i].id)
		i++;
	if (i == FAKE_CLIENTS)
		abort();
	(void)memset(&fake->client[i], 0, sizeof(fake->client[i]));
	fake->client[i].id = id;
	fake->client[i].room = FAKE_EVENTS;
	return &fake->client[i];
}

void fake_client_remove(struct fake_client *client)
{
	client->id = 0;
}

bool fake_event_take(struct fake_client *client, struct fake_said *ret)
{
	if (client->events == 0)
		return false;
	*ret = client->event[0];
	client->events--;
	(void)memmove(client->event, client->event + 1,
		      client->events * sizeof(client->event[0]));
	return true;
}

int fake_ask(struct registry *registry, struct fake_client *client, struct message *message,
	     bool silent)
{
	if (!silent) {
		message->serial = ++client->serial;
		client->asking = true;
		(void)memset(&client->answer, 0, sizeof(client->answer));
	}
	return registry_handle(registry, client->id, message);
}

/* ---- their processes --------------------------------------------------------------------- */

static uint64_t client_memory(void *body, uint64_t id)
{
	const struct fake_client *client = fake_client_find(body, id);

	return client ? client->memory : 0;
}

static int client_holds(void *body, uint64_t id, uint64_t object, struct client_holds *ret)
{
	const struct fake_client *client = fake_client_find(body, id);

	if (!fake_memory_of(body, object))
		return -ENOENT;
	if (!client)
		return -ESRCH;
	if (client->hidden)
		return client->hidden;
	*ret = client->holds;
	return 0;
}

static int client_kill(void *body, uint64_t id)
{
	struct fake_client *client = fake_client_find(body, id);

	if (!client)
		return -ESRCH;
	if (client->hidden)
		return client->hidden;
	client->killed = true;
	return 0;
}

static int client_is_child(void *body, uint64_t id, uint64_t parent)
{
	const struct fake_client *client = fake_client_find(body, id);

	if (!client || !fake_client_find(body, parent))
		return -ESRCH;
	return client->hidden ? client->hidden : client->parent == parent;
}

/* ---- saying ----------------------------------------------------------------------------- */

static void keep_check(struct fake_body *fake, struct fake_object *object,
		       const struct msg_import_connected *said)
{
	if (said->slot >= FAKE_SLOTS || said->generation != fake->generation[said->slot]) {
		fake_bug(fake, "a connection begins with the board's generation");
		return;
	}
	object->check[said->slot].generation = said->generation;
	object->check[said->slot].epoch = said->epoch;
}

/* What an importer got. */
static void keep_given(struct fake_body *fake, const struct message *message,
		       struct attachment attachment)
{
	struct fake_object *object = fake_object_find(fake, attachment.object);

	if (!object)
		return;
	if (message->number == MSG_import_connected)
		keep_check(fake, object, &message->import_connected);
	if (message->number == MSG_import_connected || message->number == MSG_import_moved ||
	    message->number == MSG_map_asked_region)
		object->given = true;
}

static void check_said(struct fake_body *fake, const struct message *message,
		       struct attachment attachment)
{
	struct fake_object *object = fake_object_find(fake, attachment.object);
	unsigned descriptors = attachment.kind != ATTACH_NONE;
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size = 0;

	if (wire_descriptors(message->number) != (int)descriptors)
		fake_bug(fake, "a message comes with its descriptor");
	if (wire_encode(message, bytes, &size) < 0)
		fake_bug(fake, "what is said can be encoded");
	if (attachment.kind == ATTACH_NONE || attachment.kind == ATTACH_BOARD ||
	    attachment.kind == ATTACH_PROCESS)
		return;
	if (!object)
		fake_bug(fake, "what is attached exists");
	else if ((object->kind == FAKE_BELL) != (attachment.kind == ATTACH_BELL) ||
		 (object->kind == FAKE_PIPE) != (attachment.kind == ATTACH_PIPE))
		fake_bug(fake, "what is attached is of its kind");
	else if ((object->kind == FAKE_PLEDGE) != (message->number == MSG_pledged))
		fake_bug(fake, "a pledge is handed out as one");
}

static void reply(void *body, uint64_t id, const struct message *message,
		  struct attachment attachment)
{
	struct fake_body *fake = body;
	struct fake_client *client = fake_client_find(fake, id);

	check_said(fake, message, attachment);
	if (!client || !client->asking || client->serial != message->serial) {
		fake_bug(fake, "an answer has its request");
		return;
	}
	keep_given(fake, message, attachment);
	client->asking = false;
	client->answer = (struct fake_said){ *message, attachment };
}

static int event(void *body, uint64_t id, const struct message *message,
		 struct attachment attachment)
{
	struct fake_body *fake = body;
	struct fake_client *client = fake_client_find(fake, id);

	check_said(fake, message, attachment);
	if (!client || !client->channel)
		return -ENOTCONN;
	if (client->events >= client->room || client->events >= FAKE_EVENTS)
		return -EAGAIN;
	keep_given(fake, message, attachment);
	client->event[client->events++] = (struct fake_said){ *message, attachment };
	return 0;
}

void fake_clients_init(struct fake_body *fake)
{
	struct ports *ports = &fake->ports;

	ports->client_memory = client_memory;
	ports->client_holds = client_holds;
	ports->client_is_child = client_is_child;
	ports->client_kill = client_kill;
	ports->reply = reply;
	ports->event = event;
}
