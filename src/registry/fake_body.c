/* SPDX-License-Identifier: MIT */
#include "registry/fake_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void fake_bug(struct fake_body *fake, const char *rule)
{
	if (!fake->bug)
		fake->bug = rule;
}

/* ---- objects ---------------------------------------------------------------------------- */

struct fake_object *fake_object_find(const struct fake_body *fake, uint64_t id)
{
	for (uint32_t i = 0; id && i < fake->objects; i++)
		if (fake->object[i].id == id)
			return &fake->object[i];
	return NULL;
}

uint32_t fake_object_count(const struct fake_body *fake)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < fake->objects; i++)
		count += fake->object[i].id != 0;
	return count;
}

int fake_object_add(struct fake_body *fake, uint64_t id, int kind, uint64_t size)
{
	uint32_t i = 0;

	if (fake->fail)
		return fake->fail;
	if (id == 0 || fake_object_find(fake, id))
		fake_bug(fake, "an object's id is new");
	while (i < fake->objects && fake->object[i].id)
		i++;
	if (i == fake->objects) {
		fake->objects += 64;
		fake->object = realloc(fake->object, fake->objects * sizeof(*fake->object));
		if (!fake->object)
			abort();
		(void)memset(fake->object + i, 0, 64 * sizeof(*fake->object));
	}
	fake->object[i] = (struct fake_object){
		.id = id, .kind = kind, .size = size, .node = UINT32_MAX
	};
	return 0;
}

static int object_make(void *body, uint64_t object, uint64_t size, uint64_t replaces,
		       uint32_t flags)
{
	struct fake_body *fake = body;
	int r;

	if (replaces > size) {
		fake_bug(fake, "an object replaces no more than it holds");
		return -EINVAL;
	}
	if (size - replaces > fake->room)
		return -ENOMEM;
	r = fake_object_add(body, object, FAKE_MEMORY, size);
	if (r < 0)
		return r;
	fake_object_find(fake, object)->flags = flags;
	fake->room -= size - replaces;
	return 0;
}

/* ---- pages ------------------------------------------------------------------------------ */

/* One that exists, or a bug. */
struct fake_object *fake_memory_of(struct fake_body *fake, uint64_t id)
{
	struct fake_object *object = fake_object_find(fake, id);

	if (object && object->kind == FAKE_MEMORY)
		return object;
	fake_bug(fake, "only memory has pages");
	return NULL;
}

static bool is_set_aside(const struct fake_body *fake, const struct fake_object *object)
{
	return fake->huge && object->flags & OBJECT_HUGE && object->size % fake->huge == 0;
}

static uint64_t page_of(const struct fake_body *fake, const struct fake_object *object)
{
	return is_set_aside(fake, object) ? fake->huge : FAKE_PAGE;
}

static struct fake_object *slice_of(struct fake_body *fake, uint64_t id, uint64_t offset,
				    uint64_t size)
{
	struct fake_object *object = fake_memory_of(fake, id);

	if (!object)
		return NULL;
	if (size == 0 || size > PORTS_SLICE)
		fake_bug(fake, "a slice is not too large");
	else if (offset > object->size || size > object->size - offset)
		fake_bug(fake, "a slice is of its object");
	else if (offset % page_of(fake, object) || size % page_of(fake, object))
		fake_bug(fake, "a slice is of whole pages");
	else
		return object;
	return NULL;
}

static uint64_t object_page(void *body, uint64_t id)
{
	const struct fake_object *object = fake_memory_of(body, id);

	return object ? page_of(body, object) : 0;
}

static int object_place(void *body, uint64_t id, uint32_t node, bool strict)
{
	struct fake_body *fake = body;
	struct fake_object *object = fake_memory_of(fake, id);

	if (!object)
		return -ENOENT;
	if (object->filled || object->copied) {
		fake_bug(fake, "an object is placed before it has pages");
		return -EBUSY;
	}
	if (fake->nodes == 0)
		return -EOPNOTSUPP;
	if (node >= fake->nodes)
		return -ENODEV;
	object->node = node;
	object->strict = strict;
	return 0;
}

static int object_fill(void *body, uint64_t id, uint64_t offset, uint64_t size)
{
	struct fake_body *fake = body;
	struct fake_object *object = slice_of(fake, id, offset, size);

	if (!object)
		return -EINVAL;
	if (object->frozen || fake->fail_page)
		return object->frozen ? -EPERM : fake->fail_page;
	object->filled += size;
	return 0;
}

static int object_copy(void *body, uint64_t to, uint64_t from, uint64_t offset, uint64_t size)
{
	struct fake_body *fake = body;
	struct fake_object *target = slice_of(fake, to, offset, size);
	const struct fake_object *source = slice_of(fake, from, offset, size);

	if (!target || !source)
		return -EINVAL;
	if (to == from)
		fake_bug(fake, "an object is copied to another");
	if (target->frozen || fake->fail_page)
		return target->frozen ? -EPERM : fake->fail_page;
	target->copied += size;
	target->source = from;
	target->origin = source->origin ? source->origin : from;
	return 0;
}

/* What was filled is said to come first. */
static int object_measure(void *body, uint64_t id, uint64_t offset, uint64_t size,
			  struct object_pages *sum)
{
	struct fake_body *fake = body;
	const struct fake_object *object = slice_of(fake, id, offset, size);
	uint64_t there;

	if (!object)
		return -EINVAL;
	there = object->filled > offset ? object->filled - offset : 0;
	there = (there < size ? there : size) / FAKE_PAGE;
	sum->absent += size / FAKE_PAGE - there;
	if (is_set_aside(fake, object))
		sum->huge += there;
	if (fake->nodes == 0)
		sum->unknown += there;
	else
		sum->node[object->node < fake->nodes ? object->node : 0] += there;
	return 0;
}

static int object_freeze(void *body, uint64_t id)
{
	struct fake_object *object = fake_memory_of(body, id);

	if (!object)
		return -ENOENT;
	if (!(object->flags & OBJECT_FREEZABLE))
		return -EPERM;
	if (object->writable || fake_windows_write(body, id))
		return -EBUSY;
	object->frozen = true;
	return 0;
}

static int object_physical(void *body, uint64_t id, uint64_t *ret_base)
{
	const struct fake_body *fake = body;
	const struct fake_object *object = fake_memory_of(body, id);

	if (!object)
		return -ENOENT;
	if (!is_set_aside(fake, object) || object->size != fake->huge || !fake->physical)
		return -EOPNOTSUPP;
	*ret_base = fake->physical;
	return 0;
}

static int node_check(void *body, uint32_t node)
{
	const struct fake_body *fake = body;

	if (fake->nodes == 0)
		return -EOPNOTSUPP;
	return node < fake->nodes ? 0 : -ENODEV;
}

static int cache_check(void *body, uint32_t policy)
{
	(void)body;
	if (policy == 0)
		return 0;
	return policy <= 3 ? -EOPNOTSUPP : -EINVAL;
}

/* ---- objects and bells ------------------------------------------------------------------ */

static uint64_t object_resident(void *body, uint64_t id)
{
	const struct fake_object *object = fake_object_find(body, id);

	if (!object || object->kind != FAKE_MEMORY)
		fake_bug(body, "only memory is resident");
	return object ? object->resident : 0;
}

static int object_take(void *body, uint64_t object, uint64_t size)
{
	return fake_object_add(body, object, FAKE_MEMORY, size);
}

static int pipe_take(void *body, uint64_t object)
{
	return fake_object_add(body, object, FAKE_PIPE, 0);
}

static int bell_make(void *body, uint64_t object)
{
	return fake_object_add(body, object, FAKE_BELL, 0);
}

/* Would a check of some importer's succeed that was made now? */
static bool passes_checks(const struct fake_body *fake, const struct fake_object *object)
{
	for (uint32_t slot = 0; slot < FAKE_SLOTS; slot++)
		if (object->check[slot].generation != 0 &&
		    object->check[slot].generation == fake->generation[slot] &&
		    object->check[slot].epoch == fake->epoch[slot])
			return true;
	return false;
}

static int pledge_make(void *body, uint64_t object)
{
	return fake_object_add(body, object, FAKE_PLEDGE, 0);
}

void fake_object_end(struct fake_body *fake, struct fake_object *object, bool empty)
{
	if (object->kind == FAKE_MEMORY && object->given && !empty)
		fake_bug(fake, "what an importer has is emptied");
	if (empty && passes_checks(fake, object))
		fake_bug(fake, "importers' checks fail before their memory is emptied");
	if (empty && fake->emptying > 0)
		fake->going = object->id;
	(void)memset(object, 0, sizeof(*object));
}

static void object_drop(void *body, uint64_t id, bool empty)
{
	struct fake_body *fake = body;
	struct fake_object *object = fake_object_find(fake, id);

	if (!object || object->orphan) {
		fake_bug(fake, "only what exists is dropped");
		return;
	}
	if (object->windows == 0) {
		fake_object_end(fake, object, empty);
		return;
	}
	object->orphan = true;
	object->emptied_last = empty;
}

static bool object_is_going(void *body, uint64_t id)
{
	struct fake_body *fake = body;

	if (fake->going != id)
		return false;
	if (fake->emptying > 0)
		fake->emptying--;
	return fake->emptying > 0;
}

uint32_t fake_slot_of(struct fake_body *fake, uint32_t slot)
{
	if (slot == WIRE_SLOT_EXPORTER)
		return FAKE_SLOTS;
	if (slot < FAKE_SLOTS)
		return slot;
	fake_bug(fake, "a bell has that slot");
	return 0;
}

static void bell_set_active(void *body, uint64_t id, uint32_t slot, bool active)
{
	struct fake_body *fake = body;
	struct fake_object *object = fake_object_find(fake, id);

	if (!object || object->kind != FAKE_BELL)
		fake_bug(fake, "only a bell's slot is activated");
	else if (object->active[fake_slot_of(fake, slot)] == active)
		fake_bug(fake, "a slot changes when it is said to");
	else
		object->active[fake_slot_of(fake, slot)] = active;
}

static void bell_raise_polled(void *body, uint64_t id, uint32_t slot)
{
	struct fake_body *fake = body;
	struct fake_object *object = fake_object_find(fake, id);

	if (!object || object->kind != FAKE_BELL || !object->active[fake_slot_of(fake, slot)])
		fake_bug(fake, "only an active slot is polled");
	else
		object->polled[fake_slot_of(fake, slot)]++;
}

static void board_set(void *body, uint32_t slot, uint64_t generation, uint64_t epoch)
{
	struct fake_body *fake = body;

	if (slot >= FAKE_SLOTS) {
		fake_bug(fake, "the board has that slot");
		return;
	}
	if (generation < fake->generation[slot] || epoch < fake->epoch[slot] || generation == 0)
		fake_bug(fake, "the board's values only grow");
	fake->generation[slot] = generation;
	fake->epoch[slot] = epoch;
}

/* ---- the log ---------------------------------------------------------------------------- */

static void take_line(void *body, const char *line)
{
	struct fake_body *fake = body;

	(void)snprintf(fake->line, sizeof(fake->line), "%s", line);
	fake->lines++;
}

/* ---- clock and chance ------------------------------------------------------------------- */

static uint64_t now(void *body)
{
	return ((struct fake_body *)body)->now;
}

static uint64_t seconds(void *body)
{
	return now(body) / NS_PER_S;
}

/* Distinct and never 0: a counter that is stirred. */
static uint64_t draw(void *body)
{
	struct fake_body *fake = body;
	uint64_t x = fake->random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x ? x : 1;
}

void fake_body_init(struct fake_body *fake, uint64_t seed)
{
	(void)memset(fake, 0, sizeof(*fake));
	fake->random = seed;
	fake->now = 1000;
	fake->room = UINT64_MAX;
	fake->nodes = 1;
	fake->ports = (struct ports){
		.body = fake,
		.now = now,
		.seconds = seconds,
		.random = draw,
		.object_make = object_make,
		.object_page = object_page,
		.object_place = object_place,
		.object_fill = object_fill,
		.object_copy = object_copy,
		.object_measure = object_measure,
		.object_freeze = object_freeze,
		.object_physical = object_physical,
		.node_check = node_check,
		.cache_check = cache_check,
		.object_resident = object_resident,
		.object_take = object_take,
		.pipe_take = pipe_take,
		.object_drop = object_drop,
		.object_is_going = object_is_going,
		.bell_make = bell_make,
		.pledge_make = pledge_make,
		.bell_set_active = bell_set_active,
		.bell_raise_polled = bell_raise_polled,
		.board_set = board_set,
		.log = take_line,
	};
	fake_clients_init(fake);
	fake_peers_init(fake);
}

void fake_body_deinit(struct fake_body *fake)
{
	free(fake->object);
}
