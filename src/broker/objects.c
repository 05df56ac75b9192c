/* SPDX-License-Identifier: MIT */
#include "broker/objects.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/scope.h"
#include "broker/bell_map.h"
#include "broker/object.h"
#include "broker/offer.h"
#include "sys/dir.h"
#include "sys/event.h"
#include "sys/host.h"
#include "sys/memfd.h"
#include "sys/vm.h"

/* How much is given back in one step: some milliseconds. */
#define EMPTY_STEP (UINT64_C(32) << 20)
/* How long an answer about the host's memory is good for. */
#define ASK_AGAIN_NS (20 * NS_PER_MS)

/* Descriptors an object of this kind may come to hold. */
static const uint32_t fds_of[] = {
	[OBJECT_MADE] = 2, [OBJECT_TAKEN] = 2,	[OBJECT_BELL] = 1,
	[OBJECT_PIPE] = 1, [OBJECT_PLEDGE] = 2,
};

static void object_free(struct object *object)
{
	if (!object)
		return;
	bell_map_free(object->bell);
	pages_view_end(&object->locked);
	fd_scope_end(&object->writer);
	fd_scope_end(&object->reader);
	free(object);
}

DEFINE_SCOPE(object, struct object, object_free);

int objects_init(struct objects *o, uint32_t fds_max)
{
	*o = (struct objects){ .fds_max = fds_max };
	TAILQ_INIT(&o->emptying);
	return idmap_init(&o->by_id);
}

void objects_deinit(struct objects *o)
{
	struct object *object;

	while ((object = idmap_first(&o->by_id)))
		objects_drop(o, object->node.id, false);
	while (objects_empty_some(o))
		continue;
	idmap_deinit(&o->by_id);
}

static int object_new(struct objects *o, enum object_kind kind, uint64_t size,
		      struct object **ret_object)
{
	struct object *object;

	if (o->fds_used + fds_of[kind] > o->fds_max)
		return -EMFILE;
	object = malloc(sizeof(*object));
	if (!object)
		return -ENOMEM;
	*object = (struct object){
		.kind = kind, .size = size, .page = vm_page_size(), .writer = -1, .reader = -1
	};
	*ret_object = object;
	return 0;
}

/* The table's from here on. */
static int keep(struct objects *o, struct object *object, uint64_t id)
{
	int r = idmap_add(&o->by_id, &object->node, id, object);

	if (r < 0)
		return r;
	o->fds_used += fds_of[object->kind];
	if (object_is_promised(object))
		o->promised += object->size;
	o->bells += object->kind == OBJECT_BELL;
	return 0;
}

static uint64_t resident(const struct object *object)
{
	uint64_t bytes;

	if (object->kind != OBJECT_MADE || memfd_resident(object->writer, &bytes) < 0)
		return 0;
	return bytes < object->size ? bytes : object->size;
}

static void add_resident(void *value, void *arg)
{
	const struct object *object = value;

	if (object_is_promised(object))
		*(uint64_t *)arg += resident(object);
}

/* Asking costs a few files of the kernel's, so an answer is used for a moment. */
static int ask_host(struct objects *o)
{
	uint64_t now = clock_now(), total, available;
	int r;

	if (o->asked_at && now - o->asked_at < ASK_AGAIN_NS)
		return 0;
	r = host_memory(&total, &available);
	if (r < 0)
		return r;
	o->available = available;
	o->asked_at = now;
	return 0;
}

static int admit(struct objects *o, uint64_t more)
{
	uint64_t after, resident = 0;
	int r;

	r = fault_point("broker.objects.admit");
	if (r < 0)
		return r;
	r = ask_host(o);
	if (r < 0)
		return r;
	if (!add_fits(o->promised, more, &after))
		return -ENOMEM;
	if (after <= o->available)
		return 0;
	/* Pages that are there already are not available any more: only the rest counts. */
	o->asked_at = 0;
	r = ask_host(o);
	if (r < 0)
		return r;
	idmap_each(&o->by_id, add_resident, &resident);
	return after - resident <= o->available ? 0 : -ENOMEM;
}

int objects_spend(struct objects *o, uint64_t bytes)
{
	int r;

	r = ask_host(o);
	if (r == 0 && bytes > o->available) {
		o->asked_at = 0;
		r = ask_host(o);
	}
	if (r < 0)
		return r;
	if (bytes > o->available)
		return -ENOMEM;
	/* Until the host is asked again. */
	o->available -= bytes;
	return 0;
}

/* Of huge pages that were set aside, if enough are to spare and slices can be made of them. */
static bool make_of_huge_pages(struct object *object, unsigned kind)
{
	uint64_t page, spare;
	scoped(fd) int fd = -1;

	if (host_huge_pages(&page, &spare) < 0 || page > PORTS_SLICE || spare < object->size ||
	    !is_multiple(object->size, page))
		return false;
	if (memfd_new_as("tract", object->size, kind | MEMFD_HUGE, &fd) < 0 ||
	    pages_promise(fd, object->size) < 0)
		return false;
	object->writer = steal_fd(&fd);
	object->page = page;
	return true;
}

static int make_of_memory(struct objects *o, struct object *object, uint64_t replaces,
			  unsigned kind)
{
	int r;

	r = replaces < object->size ? admit(o, object->size - replaces)
				    : fault_point("broker.objects.spare");
	if (r < 0)
		return r;
	return memfd_new_as("tract", object->size, kind, &object->writer);
}

int objects_make(struct objects *o, uint64_t id, uint64_t size, uint64_t replaces,
		 uint32_t flags)
{
	unsigned kind = flags & OBJECT_FREEZABLE ? MEMFD_FREEZABLE : 0;
	scoped(object) struct object *object = NULL;
	int r;

	r = object_new(o, OBJECT_MADE, size, &object);
	if (r < 0)
		return r;
	if (!(flags & OBJECT_HUGE) || !make_of_huge_pages(object, kind))
		r = make_of_memory(o, object, replaces, kind);
	if (r < 0)
		return r;
	if (flags & OBJECT_HUGE && !object_is_set_aside(object))
		object->huge = pages_huge_size();
	r = fault_point("broker.objects.made");
	if (r == 0)
		r = keep(o, object, id);
	if (r < 0)
		return r;
	(void)steal(object);
	return 0;
}

uint64_t objects_resident(const struct objects *o, uint64_t id)
{
	const struct object *object = idmap_find(&o->by_id, id);

	return object ? resident(object) : 0;
}

int objects_take(struct objects *o, uint64_t id, uint64_t size, int writer, int reader)
{
	scoped(object) struct object *object = NULL;
	scoped(fd) int own_writer = writer, own_reader = reader;
	int r;

	if (!offer_is_sound(writer, reader, size))
		return -EPERM;
	r = object_new(o, OBJECT_TAKEN, size, &object);
	if (r < 0)
		return r;
	object->writer = steal_fd(&own_writer);
	object->reader = steal_fd(&own_reader);
	r = keep(o, object, id);
	if (r < 0)
		return r;
	(void)steal(object);
	return 0;
}

int objects_take_pipe(struct objects *o, uint64_t id, int fd)
{
	scoped(object) struct object *object = NULL;
	scoped(fd) int own = fd;
	int r;

	if (!offer_is_pipe(fd))
		return -EPERM;
	r = object_new(o, OBJECT_PIPE, 0, &object);
	if (r < 0)
		return r;
	object->writer = steal_fd(&own);
	r = keep(o, object, id);
	if (r < 0)
		return r;
	(void)steal(object);
	return 0;
}

static void forget(struct objects *o, struct object *object)
{
	o->fds_used -= fds_of[object->kind];
	if (object_is_promised(object))
		o->promised -= object->size;
	o->bells -= object->kind == OBJECT_BELL;
	object_free(object);
}

/* Gives the next pages back.  Is that all? */
static bool empty_step(struct object *object)
{
	uint64_t left = object->size - object->emptied;
	uint64_t step = left < EMPTY_STEP ? left : EMPTY_STEP;

	(void)memfd_punch(object->writer, object->emptied, step);
	object->emptied += step;
	return object->emptied == object->size;
}

bool objects_empty_some(struct objects *o)
{
	struct object *object = TAILQ_FIRST(&o->emptying);

	if (object && empty_step(object)) {
		TAILQ_REMOVE(&o->emptying, object, of_emptying);
		forget(o, object);
	}
	return objects_is_emptying(o);
}

bool objects_has_going(const struct objects *o, uint64_t id)
{
	const struct object *object;

	TAILQ_FOREACH (object, &o->emptying, of_emptying)
		if (object->node.id == id)
			return true;
	return false;
}

static void drop_now(struct objects *o, struct object *object, bool empty)
{
	if (empty && (object->kind == OBJECT_MADE || object->kind == OBJECT_TAKEN) &&
	    !empty_step(object))
		TAILQ_INSERT_TAIL(&o->emptying, object, of_emptying);
	else
		forget(o, object);
}

void objects_drop(struct objects *o, uint64_t id, bool empty)
{
	struct object *object = idmap_take(&o->by_id, id);

	if (!object)
		return;
	object->dropped = true;
	object->to_empty = empty;
	if (object->windows == 0)
		drop_now(o, object, empty);
}

int objects_hold(struct objects *o, uint64_t id, bool write, struct object **ret_object,
		 int *ret_fd)
{
	struct object *object = idmap_find(&o->by_id, id);
	int fd, r = 0;

	if (!object)
		return -ENOENT;
	if (write)
		fd = object->writer;
	else
		r = object_reader(object, &fd);
	if (r < 0)
		return r;
	object->windows++;
	*ret_object = object;
	*ret_fd = fd;
	return 0;
}

void objects_release(struct objects *o, struct object *object)
{
	if (--object->windows == 0 && object->dropped)
		drop_now(o, object, object->to_empty);
}

int objects_make_bell(struct objects *o, uint64_t id)
{
	scoped(object) struct object *object = NULL;
	int r;

	if (o->bells >= OBJECTS_BELLS_MAX)
		return -ENOMEM;
	r = object_new(o, OBJECT_BELL, sizeof(struct shm_bell), &object);
	if (r < 0)
		return r;
	r = bell_map_new(&object->writer, &object->bell);
	if (r < 0)
		return r;
	r = keep(o, object, id);
	if (r < 0)
		return r;
	(void)steal(object);
	return 0;
}

void objects_bell_set_active(struct objects *o, uint64_t id, uint32_t slot, bool active)
{
	struct object *object = idmap_find(&o->by_id, id);

	if (object && object->bell)
		bell_map_set_active(object->bell, slot, active);
}

void objects_bell_raise_polled(struct objects *o, uint64_t id, uint32_t slot)
{
	struct object *object = idmap_find(&o->by_id, id);

	if (object && object->bell)
		bell_map_raise_polled(object->bell, slot);
}

void objects_bell_post(struct objects *o, uint64_t id, uint32_t slot, uint64_t count, bool once)
{
	struct object *object = idmap_find(&o->by_id, id);

	if (object && object->bell)
		bell_map_post(object->bell, slot, count, once);
}

uint64_t objects_bell_take(struct objects *o, uint64_t id, uint32_t slot)
{
	struct object *object = idmap_find(&o->by_id, id);

	return object && object->bell ? bell_map_take(object->bell, slot) : 0;
}

void objects_fill_pipe(struct objects *o, uint64_t id)
{
	const struct object *object = idmap_find(&o->by_id, id);

	if (object && object->kind == OBJECT_PIPE)
		event_pipe_fill(object->writer);
}

/* Its client writes the rest, so the broker does not stay in it. */
static int new_pledge(int *ret_fd)
{
	const size_t size = round_up(sizeof(struct shm_pledge), vm_page_size());
	scoped(fd) int fd = -1;
	struct shm_pledge *pledge;
	void *mapped;
	int r;

	r = memfd_new("tract-pledge", size, &fd);
	if (r == 0)
		r = fault_point("broker.objects.pledge");
	if (r == 0)
		r = vm_place(NULL, size, VM_READ | VM_WRITE, fd, 0, &mapped);
	if (r < 0)
		return r;
	pledge = mapped;
	pledge->magic = SHM_PLEDGE_MAGIC;
	pledge->version = SHM_VERSION;
	pledge->slots = SHM_BOARD_SLOTS;
	vm_unmap(mapped, size);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int objects_make_pledge(struct objects *o, uint64_t id)
{
	scoped(object) struct object *object = NULL;
	int r;

	r = object_new(o, OBJECT_PLEDGE, sizeof(struct shm_pledge), &object);
	if (r < 0)
		return r;
	r = new_pledge(&object->writer);
	if (r == 0)
		r = keep(o, object, id);
	if (r < 0)
		return r;
	(void)steal(object);
	return 0;
}

int objects_writer(struct objects *o, uint64_t id, int *ret_fd)
{
	const struct object *object = idmap_find(&o->by_id, id);

	if (!object)
		return -ENOENT;
	*ret_fd = object->writer;
	return 0;
}

int object_reader(struct object *object, int *ret_fd)
{
	int r;

	if (object->reader < 0) {
		r = memfd_reopen_readonly(object->writer, &object->reader);
		if (r < 0) {
			object->reader = -1;
			return r;
		}
	}
	*ret_fd = object->reader;
	return 0;
}

int objects_reader(struct objects *o, uint64_t id, int *ret_fd)
{
	struct object *object = idmap_find(&o->by_id, id);

	return object ? object_reader(object, ret_fd) : -ENOENT;
}
