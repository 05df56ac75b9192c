/* SPDX-License-Identifier: MIT */
/*
 * far_copy.c - between two memories of other nodes
 *
 * Whoever touches mapped memory of another node may have to wait until its thread has fetched a
 * page.  A transfer touches its caller's memory with locks held that the thread takes as well,
 * and through the kernel, which may not wait at all.  So if that memory is mapped from another
 * node, it goes by a copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "segment/far_map.h"
#include "segment/segment.h"

#define COPY_MAX ((size_t)1 << 20)

static size_t step_of(size_t left)
{
	return left < COPY_MAX ? left : COPY_MAX;
}

static int put_by_copy(struct tract_import *import, off_t offset, const char *from, size_t size)
{
	scoped(mem) char *copy = malloc(step_of(size));
	int r = 0;

	if (!copy)
		return -ENOMEM;
	for (size_t done = 0, step; r == 0 && done < size; done += step) {
		step = step_of(size - done);
		memcpy(copy, from + done, step);
		r = far_put_plain(import, offset + (off_t)done, copy, step);
	}
	return r;
}

int far_put(struct tract_import *import, off_t offset, const void *from, size_t size)
{
	if (far_maps_meet(from, size))
		return put_by_copy(import, offset, from, size);
	return far_put_plain(import, offset, from, size);
}

static int get_by_copy(struct tract_import *import, off_t offset, char *into, size_t size)
{
	scoped(mem) char *copy = malloc(step_of(size));
	int r = 0;

	if (!copy)
		return -ENOMEM;
	for (size_t done = 0, step; r == 0 && done < size; done += step) {
		step = step_of(size - done);
		r = far_get_plain(import, offset + (off_t)done, copy, step);
		memcpy(into + done, copy, step);
	}
	return r;
}

int far_get(struct tract_import *import, off_t offset, void *into, size_t size)
{
	if (far_maps_meet(into, size))
		return get_by_copy(import, offset, into, size);
	return far_get_plain(import, offset, into, size);
}

/* ---- vectors ---------------------------------------------------------------------------- */

static bool any_meets(const struct tract_vector *vector, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (far_maps_meet(vector[i].local, vector[i].length))
			return true;
	return false;
}

struct copies {
	struct tract_vector vector[TRACT_VECTOR_MAX];
	size_t count;
};

static void copies_free(struct copies *copies)
{
	for (size_t i = 0; i < copies->count; i++)
		free(copies->vector[i].local);
}

static int copies_make(const struct tract_vector *vector, size_t count, bool put,
		       struct copies *copies)
{
	copies->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct tract_vector *v = &copies->vector[i];

		*v = vector[i];
		v->local = malloc(v->length ? v->length : 1);
		if (!v->local)
			return -ENOMEM;
		copies->count++;
		if (put)
			memcpy(v->local, vector[i].local, v->length);
	}
	return 0;
}

static int vector_by_copy(struct tract_import *import, const struct tract_vector *vector,
			  size_t count, bool put, size_t *ret_done)
{
	struct copies copies;
	int r;

	*ret_done = 0;
	r = copies_make(vector, count, put, &copies);
	if (r == 0)
		r = far_copy_vector_plain(import, copies.vector, count, put, ret_done);
	for (size_t i = 0; !put && i < *ret_done; i++)
		memcpy(vector[i].local, copies.vector[i].local, vector[i].length);
	copies_free(&copies);
	return r;
}

int far_copy_vector(struct tract_import *import, const struct tract_vector *vector,
		    size_t count, bool put, size_t *ret_done)
{
	if (any_meets(vector, count))
		return vector_by_copy(import, vector, count, put, ret_done);
	return far_copy_vector_plain(import, vector, count, put, ret_done);
}
