/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "compat/rsm/rsm.h"

/* Twice what a node holds: exports and imports, and as many local memory handles. */
#define HANDLES_MAX (4 * TRACT_SEGMENTS_MAX)

static struct idtable handles = IDTABLE_INIT(HANDLES_MAX);

struct rsm_object *rsm_object_new(enum rsm_kind kind, struct rsm_controller *controller)
{
	struct rsm_object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->kind = kind;
	object->controller = rsm_controller_ref(controller);
	atomic_init(&object->fd, -1);
	mutex_init(&object->lock);
	return object;
}

void rsm_object_free(struct rsm_object *object)
{
	rsm_barriers_free(object);
	rsm_controller_unref(object->controller);
	mutex_deinit(&object->lock);
	free(object);
}

int rsm_handle_add(struct rsm_object *object, void **ret_handle)
{
	uint64_t id;
	int r;

	r = idtable_add(&handles, object, &id);
	if (r < 0)
		return r == -ENOSPC ? RSMERR_INSUFFICIENT_RESOURCES : RSMERR_INSUFFICIENT_MEM;
	*ret_handle = (void *)(uintptr_t)id;
	return RSM_SUCCESS;
}

struct rsm_object *rsm_handle_find(const void *handle, enum rsm_kind kind)
{
	struct rsm_object *object = idtable_find(&handles, (uintptr_t)handle);

	return object && object->kind == kind ? object : NULL;
}

struct rsm_object *rsm_handle_find_segment(const void *handle)
{
	struct rsm_object *object = idtable_find(&handles, (uintptr_t)handle);

	return object && object->kind != RSM_KIND_LOCAL ? object : NULL;
}

void rsm_handle_drop(const void *handle)
{
	struct rsm_object *object = idtable_take(&handles, (uintptr_t)handle);

	if (object)
		rsm_object_free(object);
}

struct rsm_object *rsm_handle_polling(int fd)
{
	struct rsm_object *object;
	uint32_t cursor = 0;

	while ((object = idtable_next(&handles, &cursor)))
		if (atomic_load_explicit(&object->fd, memory_order_acquire) == fd)
			return object;
	return NULL;
}
