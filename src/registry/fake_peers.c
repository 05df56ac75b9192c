/* SPDX-License-Identifier: MIT */
/*
 * fake_peers.c - the fake body's part in what there is between nodes
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/fake_inside.h"

struct fake_window *fake_window_find(struct fake_body *fake, uint64_t key)
{
	for (uint32_t i = 0; key && i < FAKE_WINDOWS; i++)
		if (fake->window[i].id && fake->window[i].key == key)
			return &fake->window[i];
	return NULL;
}

uint32_t fake_window_count(const struct fake_body *fake)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < FAKE_WINDOWS; i++)
		count += fake->window[i].id != 0;
	return count;
}

bool fake_windows_write(const struct fake_body *fake, uint64_t object)
{
	for (uint32_t i = 0; i < FAKE_WINDOWS; i++)
		if (fake->window[i].id && fake->window[i].object == object &&
		    (fake->pins || fake->window[i].rights & TRACT_RIGHT_WRITE))
			return true;
	return false;
}

/* 0 or what opening a window to it says. */
static int check_object(struct fake_body *fake, const struct window_spec *spec)
{
	const struct fake_object *object = fake_memory_of(fake, spec->object);

	if (object && object->frozen && (fake->pins || spec->rights & TRACT_RIGHT_WRITE))
		return -EPERM;
	if (object && spec->size <= object->size && spec->offset <= object->size - spec->size)
		return 0;
	fake_bug(fake, "a window is to a part of an object");
	return -EINVAL;
}

static struct fake_window *room_for_window(struct fake_body *fake)
{
	for (uint32_t i = 0; i < FAKE_WINDOWS; i++)
		if (!fake->window[i].id)
			return &fake->window[i];
	return NULL;
}

static int window_open(void *body, uint64_t id, const struct window_spec *spec,
		       struct window_place *ret_place)
{
	struct fake_body *fake = body;
	struct fake_window *window = room_for_window(fake);
	int r;

	if (fake->fail_window || !window)
		return fake->fail_window ? fake->fail_window : -ENOMEM;
	if (spec->rights == 0)
		fake_bug(fake, "a window is for something");
	r = spec->object ? check_object(fake, spec) : 0;
	if (r < 0)
		return r;
	if (!spec->beside && !strstr(spec->fabrics.text, "tcp"))
		return -EPROTONOSUPPORT;
	if (spec->object)
		fake_memory_of(fake, spec->object)->windows++;
	*window = (struct fake_window){
		.id = id,
		.object = spec->object ? spec->object : FAKE_SYSV + spec->shmid,
		.rights = spec->rights,
		.key = id,
		.owner = spec->owner,
	};
	*ret_place = (struct window_place){
		.provider = wire_text_of("tcp"),
		.address = { .length = 3, .bytes = { 1, 2, 3 } },
		.key = id,
		.pinned = fake->pins,
	};
	return 0;
}

static void leave_object(struct fake_body *fake, struct fake_window *window)
{
	struct fake_object *object = fake_object_find(fake, window->object);

	window->object = 0;
	if (object && --object->windows == 0 && object->orphan)
		fake_object_end(fake, object, object->emptied_last);
}

static struct fake_window *window_of(struct fake_body *fake, uint64_t id)
{
	for (uint32_t i = 0; id && i < FAKE_WINDOWS; i++)
		if (fake->window[i].id == id)
			return &fake->window[i];
	fake_bug(fake, "only an open window is closed");
	return NULL;
}

static void window_bury(void *body, uint64_t id)
{
	struct fake_window *window = window_of(body, id);

	if (window && window->object == 0)
		fake_bug(body, "a window is buried once");
	if (((struct fake_body *)body)->pins)
		fake_bug(body, "a window that is pinned is closed");
	if (window)
		leave_object(body, window);
}

static void window_close(void *body, uint64_t id)
{
	struct fake_window *window = window_of(body, id);

	if (!window)
		return;
	leave_object(body, window);
	window->id = 0;
}

static int controller_find(void *body, const struct wire_text *name,
			   const struct wire_text *provider, struct controller_facts *ret)
{
	const char *wanted = name->length ? name->text : provider->text;

	(void)body;
	if (strcmp(wanted, name->length ? "tcp0" : "tcp") != 0)
		return -ENODEV;
	*ret = (struct controller_facts){ .provider = wire_text_of("tcp") };
	return 0;
}

struct fake_link *fake_link_find(struct fake_body *fake, uint32_t node)
{
	for (uint32_t i = 0; i < FAKE_LINKS; i++)
		if (fake->link[i].node == node)
			return &fake->link[i];
	return NULL;
}

static struct fake_link *link_of(struct fake_body *fake, uint32_t node)
{
	struct fake_link *link = fake_link_find(fake, node);

	if (!link)
		link = fake_link_find(fake, 0);
	if (!link)
		abort();
	link->node = node;
	return link;
}

static void peer_say(void *body, uint32_t node, const struct message *message)
{
	struct fake_body *fake = body;
	struct fake_link *link = link_of(fake, node);
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size = 0;

	if (message->number < MSG_link_connect || wire_encode(message, bytes, &size) < 0)
		fake_bug(fake, "what is said to a node can be encoded");
	if (link->count == FAKE_LINK)
		link->dropped = true;
	else
		link->said[link->count++] = *message;
}

static void peer_drop(void *body, uint32_t node, const char *why)
{
	struct fake_body *fake = body;

	if (!*why)
		fake_bug(fake, "a link falls for a reason");
	link_of(fake, node)->dropped = true;
}

bool fake_link_take(struct fake_body *fake, uint32_t node, struct message *ret)
{
	struct fake_link *link = fake_link_find(fake, node);

	if (!link || link->count == 0)
		return false;
	*ret = link->said[0];
	link->count--;
	(void)memmove(link->said, link->said + 1, link->count * sizeof(link->said[0]));
	return true;
}

/* ---- bells, for those who cannot map them ----------------------------------------------- */

static void bell_post(void *body, uint64_t id, uint32_t slot, uint64_t count, bool once)
{
	struct fake_body *fake = body;
	struct fake_object *object = fake_object_find(fake, id);

	if (!object || object->kind != FAKE_BELL || !object->active[fake_slot_of(fake, slot)])
		fake_bug(fake, "only an active slot is posted to");
	else if (!once || object->pending[fake_slot_of(fake, slot)] == 0)
		object->pending[fake_slot_of(fake, slot)] += count;
}

static uint64_t bell_take(void *body, uint64_t id, uint32_t slot)
{
	struct fake_body *fake = body;
	struct fake_object *object = fake_object_find(fake, id);
	uint64_t count = 0;

	if (!object || object->kind != FAKE_BELL)
		fake_bug(fake, "only from a bell events are taken");
	else
		count = object->pending[fake_slot_of(fake, slot)];
	if (count > 0)
		object->pending[fake_slot_of(fake, slot)] = 0;
	return count;
}

static int pipe_make(void *body, uint64_t id, uint64_t tag)
{
	int r = fake_object_add(body, id, FAKE_PIPE, 0);

	if (r == 0)
		fake_object_find(body, id)->tag = tag;
	return r;
}

static void pipe_fill(void *body, uint64_t id)
{
	struct fake_object *object = fake_object_find(body, id);

	if (!object || object->kind != FAKE_PIPE)
		fake_bug(body, "only a pipe is filled");
	else
		object->fills++;
}

void fake_peers_init(struct fake_body *fake)
{
	struct ports *ports = &fake->ports;

	ports->window_open = window_open;
	ports->window_bury = window_bury;
	ports->window_close = window_close;
	ports->controller_find = controller_find;
	ports->bell_post = bell_post;
	ports->bell_take = bell_take;
	ports->pipe_make = pipe_make;
	ports->pipe_fill = pipe_fill;
	ports->peer_say = peer_say;
	ports->peer_drop = peer_drop;
}
