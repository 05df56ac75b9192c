/* SPDX-License-Identifier: MIT */
/*
 * transfer.c - get and put
 *
 * Once the segment is mapped these are a few comparisons, a copy, a fence and three loads.  All
 * that can wait is out of line, and so is memory on another node, which is never mapped.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "segment/far_map.h"
#include "segment/segment.h"

static inline bool is_implicit(const struct tract_import *import)
{
	return atomic_load_explicit(&import->mode, memory_order_relaxed) ==
	       TRACT_BARRIER_IMPLICIT;
}

/* Everything that is checked before a copy, in the order in which it is to be reported.  1: it
 * may be, and the memory is on another node. */
static inline int may_access(struct tract_import *import, off_t offset, uint64_t length,
			     uint32_t right, bool needs_barrier)
{
	uint64_t start = (uint64_t)offset;
	int far = 0;

	if (!LIKELY(atomic_load_explicit(&import->mapped, memory_order_acquire))) {
		far = import_map_implicitly(import);
		if (far < 0)
			return far;
	}
	if (!LIKELY(import->usable & right))
		return -EACCES;
	/* A negative offset is a very large one. */
	if (!LIKELY(start >= import->window_start && start <= import->window_end &&
		    length <= import->window_end - start))
		return -ERANGE;
	if (needs_barrier && is_implicit(import) &&
	    !LIKELY(atomic_load_explicit(&import->implicit, memory_order_relaxed)))
		return -EUNATCH;
	return far;
}

static __attribute__((noinline, cold)) int judge_late(struct tract_import *import)
{
	int r;

	r = import_judge_late(import);
	if (r == -EIO) {
		r = import_catch_up(import);
		return r == 0 ? -EAGAIN : r;
	}
	return r;
}

/* After a copy: 0, an error, or -EAGAIN to copy once more into memory bound meanwhile. */
static inline int judge(struct tract_import *import)
{
	if (!is_implicit(import) || LIKELY(import_glance(import) == 0))
		return 0;
	return judge_late(import);
}

static inline int check_item(const struct tract_import *import, const void *data, off_t offset,
			     size_t item)
{
	if (!LIKELY(import))
		return -EINVAL;
	if (!LIKELY(data))
		return -EFAULT;
	if (!LIKELY((((uintptr_t)data | (uintptr_t)offset) & (item - 1)) == 0))
		return -EADDRNOTAVAIL;
	return 0;
}

/* Past the end of any segment, if it does not fit. */
static inline uint64_t bytes_of(size_t count, size_t item)
{
	uint64_t bytes;

	return mul_fits((uint64_t)count, (uint64_t)item, &bytes) ? bytes : UINT64_MAX;
}

#define DEFINE_SIZED(bits)                                                                  \
	static inline void store##bits(char *to, const uint##bits##_t *from, size_t count)  \
	{                                                                                   \
		uint##bits##_t *item = (uint##bits##_t *)(void *)to;                        \
                                                                                            \
		for (size_t i = 0; i < count; i++)                                          \
			__atomic_store_n(&item[i], from[i], __ATOMIC_RELAXED);              \
	}                                                                                   \
                                                                                            \
	static inline void load##bits(uint##bits##_t *to, const char *from, size_t count)   \
	{                                                                                   \
		const uint##bits##_t *item = (const uint##bits##_t *)(const void *)from;    \
                                                                                            \
		for (size_t i = 0; i < count; i++)                                          \
			to[i] = __atomic_load_n(&item[i], __ATOMIC_RELAXED);                \
	}                                                                                   \
                                                                                            \
	int tract_import_put##bits(struct tract_import *import, off_t offset,               \
				   const uint##bits##_t *data, size_t count)                \
	{                                                                                   \
		int r;                                                                      \
                                                                                            \
		r = check_item(import, data, offset, sizeof(*data));                        \
		if (r == 0)                                                                 \
			r = may_access(import, offset, bytes_of(count, sizeof(*data)),      \
				       TRACT_RIGHT_WRITE, true);                            \
		if (r != 0)                                                                 \
			return r < 0 ? r                                                    \
				     : far_put_items(import, offset, data,                  \
						     count * sizeof(*data), sizeof(*data)); \
		do {                                                                        \
			store##bits(import->base + offset, data, count);                    \
			r = judge(import);                                                  \
		} while (r == -EAGAIN);                                                     \
		return r;                                                                   \
	}                                                                                   \
                                                                                            \
	int tract_import_get##bits(struct tract_import *import, off_t offset,               \
				   uint##bits##_t *data, size_t count)                      \
	{                                                                                   \
		int r;                                                                      \
                                                                                            \
		r = check_item(import, data, offset, sizeof(*data));                        \
		if (r == 0)                                                                 \
			r = may_access(import, offset, bytes_of(count, sizeof(*data)),      \
				       TRACT_RIGHT_READ, true);                             \
		if (r != 0)                                                                 \
			return r < 0 ? r                                                    \
				     : far_get_items(import, offset, data,                  \
						     count * sizeof(*data), sizeof(*data)); \
		do {                                                                        \
			load##bits(data, import->base + offset, count);                     \
			r = judge(import);                                                  \
		} while (r == -EAGAIN);                                                     \
		return r;                                                                   \
	}

DEFINE_SIZED(8)
DEFINE_SIZED(16)
DEFINE_SIZED(32)
DEFINE_SIZED(64)

int tract_import_put(struct tract_import *import, off_t offset, const void *data, size_t length)
{
	int r;

	r = check_item(import, data, 0, 1);
	if (r == 0)
		r = may_access(import, offset, length, TRACT_RIGHT_WRITE, true);
	if (r != 0)
		return r < 0 ? r : far_put(import, offset, data, length);
	do {
		memcpy(import->base + offset, data, length);
		r = judge(import);
	} while (r == -EAGAIN);
	return r;
}

int tract_import_get(struct tract_import *import, off_t offset, void *data, size_t length)
{
	int r;

	r = check_item(import, data, 0, 1);
	if (r == 0)
		r = may_access(import, offset, length, TRACT_RIGHT_READ, true);
	if (r != 0)
		return r < 0 ? r : far_get(import, offset, data, length);
	do {
		memcpy(data, import->base + offset, length);
		r = judge(import);
	} while (r == -EAGAIN);
	return r;
}

int tract_import_prepare(struct tract_import *import)
{
	int r;

	if (!import)
		return -EINVAL;
	if (atomic_load_explicit(&import->mapped, memory_order_acquire))
		return 0;
	r = import_map_implicitly(import);
	/* For events only there is nothing to map. */
	return r == -EACCES || r > 0 ? 0 : r;
}

int tract_import_allows(struct tract_import *import, uint64_t offset, uint64_t length,
			uint32_t right)
{
	if (!import)
		return -EINVAL;
	return may_access(import, (off_t)offset, length, right, false);
}

/* ---- vectors ---------------------------------------------------------------------------- */

/* 1: it may be copied, and the memory is on another node. */
static int check_element(struct tract_import *import, const struct tract_vector *v, bool put)
{
	int far, r;

	if (!v->local)
		return -EFAULT;
	far = may_access(import, (off_t)v->remote, v->length,
			 put ? TRACT_RIGHT_WRITE : TRACT_RIGHT_READ, false);
	if (far < 0)
		return far;
	/* Its pages would be touched anyway; now a bad address is an error and no signal. */
	r = far_maps_check(v->local, v->length, !put);
	return r < 0 ? r : far;
}

static int copy_element(struct tract_import *import, const struct tract_vector *v, bool put)
{
	int r;

	r = check_element(import, v, put);
	if (r != 0)
		return r;
	do {
		if (put)
			memcpy(import->base + v->remote, v->local, v->length);
		else
			memcpy(v->local, import->base + v->remote, v->length);
		r = judge(import);
	} while (r == -EAGAIN);
	return r;
}

/* All at once, up to the first that is refused. */
static int copy_far_vector(struct tract_import *import, const struct tract_vector *vector,
			   size_t count, size_t *ret_done, bool put)
{
	size_t good = 0;
	int r, refused = 0;

	while (good < count) {
		refused = check_element(import, &vector[good], put);
		if (refused < 0)
			break;
		good++;
	}
	r = far_copy_vector(import, vector, good, put, ret_done);
	return r == 0 && refused < 0 ? refused : r;
}

static int copy_vector(struct tract_import *import, const struct tract_vector *vector,
		       size_t count, size_t *ret_done, bool put)
{
	size_t done = 0;
	int r = 0;

	if (!import || !vector || !ret_done || count == 0 || count > TRACT_VECTOR_MAX)
		return -EINVAL;
	while (done < count) {
		r = copy_element(import, &vector[done], put);
		if (r > 0)
			return copy_far_vector(import, vector, count, ret_done, put);
		if (r < 0)
			break;
		done++;
	}
	*ret_done = done;
	return r;
}

int tract_import_putv(struct tract_import *import, const struct tract_vector *vector,
		      size_t count, size_t *ret_done)
{
	return copy_vector(import, vector, count, ret_done, true);
}

int tract_import_getv(struct tract_import *import, const struct tract_vector *vector,
		      size_t count, size_t *ret_done)
{
	return copy_vector(import, vector, count, ret_done, false);
}
