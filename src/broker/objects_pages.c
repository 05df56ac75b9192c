/* SPDX-License-Identifier: MIT */
/*
 * objects_pages.c - the pages of objects: where, how large, and what is in them
 *
 * Nothing here stores through a mapping or loads from one: others may do to the object what
 * they are allowed to, and only the kernel's own copying fails where we would fault.
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/scope.h"
#include "broker/object.h"
#include "sys/memfd.h"
#include "sys/numa.h"

/* Those that have memory: not bells and the like, whose pages are nobody's business. */
static struct object *find_memory(const struct objects *o, uint64_t id)
{
	struct object *object = idmap_find(&o->by_id, id);
	bool memory = object && (object->kind == OBJECT_MADE || object->kind == OBJECT_TAKEN);

	return memory ? object : NULL;
}

static int check_slice(const struct object *object, uint64_t offset, uint64_t size)
{
	if (!object)
		return -ENOENT;
	if (size == 0 || size > PORTS_SLICE || offset > object->size ||
	    size > object->size - offset || !is_multiple(offset | size, object->page))
		return -EINVAL;
	return 0;
}

uint64_t objects_page(const struct objects *o, uint64_t id)
{
	const struct object *object = find_memory(o, id);

	return object ? object->page : 0;
}

/* ---- getting them ----------------------------------------------------------------------- */

/* A page that must be on a node which is full would make the kernel kill. */
static int check_room(uint32_t node, uint64_t size)
{
	uint64_t room;
	int r;

	r = numa_room(node, &room);
	if (r < 0)
		return r;
	return size <= room ? 0 : -ENOMEM;
}

int objects_place(struct objects *o, uint64_t id, uint32_t node, bool strict)
{
	struct object *object = find_memory(o, id);
	uint64_t bytes;
	int r;

	if (!object)
		return -ENOENT;
	r = memfd_resident(object->writer, &bytes);
	if (r < 0)
		return r;
	if (bytes > 0)
		return -EBUSY;
	r = strict && !object_is_set_aside(object) ? check_room(node, object->size) : 0;
	if (r == 0)
		r = numa_place(object->writer, object->size, node, strict);
	if (r < 0)
		return r;
	object->placed = true;
	object->node_wanted = node;
	object->strict = strict;
	return 0;
}

/* May so much of it be taken now? */
static int spend(struct objects *o, const struct object *object, uint64_t size)
{
	int r;

	if (object_is_set_aside(object))
		return 0;
	r = objects_spend(o, size);
	if (r == 0 && object->strict)
		r = check_room(object->node_wanted, size);
	return r;
}

/* Huge pages that were set aside are where the mapping wants them through which they are made.
 */
static int view_to_fill(const struct object *object, uint64_t offset, uint64_t size,
			struct pages_view *ret_view)
{
	scoped(pages_view) struct pages_view view = { 0 };
	int r;

	r = pages_view(object->writer, VM_READ | VM_WRITE, offset, size, &view);
	if (r == 0 && object->placed)
		r = numa_place_here(view.addr, view.size, object->node_wanted, object->strict);
	if (r < 0)
		return r;
	*ret_view = view;
	view = (struct pages_view){ 0 };
	return 0;
}

static int fill_set_aside(const struct object *object, uint64_t offset, uint64_t size)
{
	scoped(pages_view) struct pages_view view = { 0 };
	int r;

	r = view_to_fill(object, offset, size, &view);
	return r < 0 ? r : vm_populate_write(view.addr, view.size);
}

/* The kernel takes a page that nobody has touched for a hole when it is asked what there is. */
static int touch(const struct object *object, uint64_t offset, uint64_t size)
{
	scoped(pages_view) struct pages_view view = { 0 };
	int r;

	r = pages_view(object->writer, VM_READ, offset, size, &view);
	if (r == 0)
		r = vm_populate_read(view.addr, size);
	/* Linux before 5.14 does not know that call, and is not asked either. */
	return r == -EINVAL ? 0 : r;
}

int objects_fill(struct objects *o, uint64_t id, uint64_t offset, uint64_t size)
{
	struct object *object = find_memory(o, id);
	int r;

	r = check_slice(object, offset, size);
	if (r < 0)
		return r;
	if (object->frozen)
		return -EPERM;
	r = spend(o, object, size);
	if (r < 0)
		return r;
	if (object_is_set_aside(object))
		r = fill_set_aside(object, offset, size);
	else
		r = object->huge ? pages_fill_huge(object->writer, offset, size) : -EINVAL;
	/* Likewise. */
	if (r == -EINVAL)
		r = memfd_fill(object->writer, offset, size);
	if (r == 0)
		r = touch(object, offset, size);
	return r == -ENOSPC || r == -EFAULT ? -ENOMEM : r;
}

/* Huge pages that were set aside can be written to through a mapping alone: so the kernel does
 * that, which tells us where a store of ours would end in a fault. */
static int copy_to_huge(const struct object *to, int from, uint64_t offset, uint64_t size)
{
	struct memfd_walk walk = { .fd = from, .at = offset, .limit = offset + size };
	scoped(pages_view) struct pages_view view = { 0 };
	uint64_t start;
	size_t length;
	int r;

	r = view_to_fill(to, offset, size, &view);
	if (r < 0)
		return r;
	while ((r = memfd_walk_next(&walk, size, &start, &length)) > 0) {
		r = memfd_read(from, start, view.addr + (start - offset), length);
		if (r < 0)
			return r == -EFAULT ? -ENOMEM : r;
	}
	return r;
}

int objects_copy(struct objects *o, uint64_t to, uint64_t from, uint64_t offset, uint64_t size)
{
	struct object *target = find_memory(o, to), *source = find_memory(o, from);
	int r;

	r = check_slice(target, offset, size);
	if (r == 0)
		r = check_slice(source, offset, size);
	if (r < 0)
		return r;
	if (target->frozen)
		return -EPERM;
	r = spend(o, target, size);
	if (r < 0)
		return r;
	r = object_is_set_aside(target)
		    ? copy_to_huge(target, source->writer, offset, size)
		    : memfd_copy_data(target->writer, source->writer, offset, size);
	return r == -ENOSPC ? -ENOMEM : r;
}

/* ---- looking at them -------------------------------------------------------------------- */

#define LOOK_AT_ONCE 256u

/* Adds @count pages that are in the mapping, each @each of the host's. */
static void count_nodes(const char *addr, size_t page, size_t count, struct object_pages *sum)
{
	const uint64_t each = page / vm_page_size();
	int nodes[LOOK_AT_ONCE];

	if (numa_look(addr, page, count, nodes) < 0) {
		sum->unknown += count * each;
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (nodes[i] < 0)
			sum->absent += each;
		else if (nodes[i] >= (int)PORTS_NODES)
			sum->unknown += each;
		else
			sum->node[nodes[i]] += each;
}

static void count_pages(const struct pages_view *view, size_t page, const unsigned char *there,
			struct object_pages *sum)
{
	const size_t count = view->size / page;
	size_t end;

	for (size_t i = 0; i < count; i = end) {
		end = i + 1;
		while (end < count && there[end] == there[i] && end - i < LOOK_AT_ONCE)
			end++;
		if (there[i])
			count_nodes(view->addr + i * page, page, end - i, sum);
		else
			sum->absent += (end - i) * (page / vm_page_size());
	}
}

int objects_measure(struct objects *o, uint64_t id, uint64_t offset, uint64_t size,
		    struct object_pages *sum)
{
	scoped(pages_view) struct pages_view view = { 0 };
	struct object *object = find_memory(o, id);
	unsigned char there[PORTS_SLICE / 4096];
	struct object_pages more = *sum;
	uint64_t huge = 0;
	int reader, r;

	r = check_slice(object, offset, size);
	if (r == 0)
		r = object_reader(object, &reader);
	if (r == 0)
		r = pages_view(reader, VM_READ, offset, size, &view);
	if (r == 0)
		r = pages_look(&view, object->page, there);
	if (r == 0 && (object->huge || object_is_set_aside(object)))
		r = pages_count_huge(&view, &huge);
	if (r < 0)
		return r;
	count_pages(&view, object->page, there, &more);
	more.huge += huge / vm_page_size();
	*sum = more;
	return 0;
}

/* One huge page that is in memory, and stays there. */
static int lock_page(struct object *object)
{
	scoped(pages_view) struct pages_view view = { 0 };
	unsigned char there = 0;
	uint64_t bytes;
	int reader, r;

	/* Looking would take it, if it were not there. */
	r = memfd_resident(object->writer, &bytes);
	if (r < 0 || bytes < object->size)
		return -EOPNOTSUPP;
	r = object_reader(object, &reader);
	if (r == 0)
		r = pages_view(reader, VM_READ, 0, object->size, &view);
	if (r == 0)
		r = pages_look(&view, object->page, &there);
	if (r == 0)
		r = there ? pages_lock(&view) : -EOPNOTSUPP;
	if (r < 0)
		return -EOPNOTSUPP;
	object->locked = view;
	view = (struct pages_view){ 0 };
	return 0;
}

int objects_physical(struct objects *o, uint64_t id, uint64_t *ret_base)
{
	struct object *object = find_memory(o, id);
	int r;

	if (!object)
		return -ENOENT;
	if (!object_is_set_aside(object) || object->size != object->page)
		return -EOPNOTSUPP;
	r = object->locked.addr ? 0 : lock_page(object);
	if (r == 0)
		r = pages_physical(&object->locked, ret_base);
	if (r < 0)
		pages_view_end(&object->locked);
	return r;
}

/* ---- freezing them ---------------------------------------------------------------------- */

int objects_freeze(struct objects *o, uint64_t id)
{
	struct object *object = find_memory(o, id);
	int r;

	if (!object)
		return -ENOENT;
	r = memfd_freeze(object->writer);
	object->frozen |= r == 0;
	return r;
}
