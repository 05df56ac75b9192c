/* SPDX-License-Identifier: MIT */
/*
 * far_transfer.c - get and put where the memory is another node's
 *
 * What is got is there, and what was put from is the caller's again, when these return.  That
 * it was delivered is waited for in the implicit mode here, in the explicit mode by whoever
 * closes the span; and only then is it judged whether the exporter still held the memory.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "segment/far_map.h"
#include "segment/segment.h"

int far_enter(struct tract_import *import)
{
	struct far *far;
	int r;

	r = far_begin(import);
	if (r < 0)
		return r;
	far = import_far(import);
	if (LIKELY(atomic_load_explicit(&far->entered, memory_order_relaxed)))
		return 1;
	if (import_judge(import) == -ESTALE)
		return fail(-ESTALE, "the exporter has taken the segment back");
	if (import->rights == 0)
		return -EACCES;
	atomic_store_explicit(&far->entered, IMPORT_IMPLICIT, memory_order_relaxed);
	return 1;
}

static bool is_implicit(const struct tract_import *import)
{
	return atomic_load_explicit(&import->mode, memory_order_relaxed) ==
	       TRACT_BARRIER_IMPLICIT;
}

/*
 * After a transfer that ended with @moved: 0, an error, or -EAGAIN to make it once more, to
 * memory that was bound meanwhile.
 */
static int judge(struct tract_import *import, int moved)
{
	int r = import_judge(import);

	if (r == -EIO) {
		r = import_catch_up(import);
		return r == 0 ? -EAGAIN : r;
	}
	if (r < 0)
		return fail(r, "the exporter has taken the segment back");
	return moved < 0 ? -EIO : far_judge(import);
}

/* What is known to be taken back is not written to, whatever its window may still lead to. */
static bool is_over(struct tract_import *import)
{
	return import_judge(import) == -ESTALE;
}

/* ---- one range -------------------------------------------------------------------------- */

static int put_delivered(const struct far_window *window, off_t offset, const void *from,
			 size_t size, uint64_t deadline)
{
	const struct fabric_module *fabric = far_fabric();
	struct fabric_result result = { 0 };
	int r, waited;

	r = fabric->put(window->target, (uint64_t)offset, from, size, FABRIC_DELIVERED,
			deadline, &result);
	waited = fabric->wait(window->target, deadline);
	if (r == 0)
		r = result.error ? result.error : waited == -ETIMEDOUT ? waited : 0;
	return r < 0 ? far_fail(r) : 0;
}

/* A small one is only sent off. */
static int put_away(const struct far_window *window, size_t inject_max, off_t offset,
		    const void *from, size_t size, uint64_t deadline)
{
	const struct fabric_module *fabric = far_fabric();
	struct fabric_result result = { 0 };
	int r;

	if (size <= inject_max)
		return fabric->put(window->target, (uint64_t)offset, from, size, 0, deadline,
				   NULL);
	r = fabric->put(window->target, (uint64_t)offset, from, size, 0, deadline, &result);
	if (r < 0)
		/* Pieces of it may be under way all the same. */
		(void)fabric->finish(window->target, deadline, &result);
	else
		r = fabric->finish(window->target, deadline, &result);
	return r;
}

static int get_into(const struct far_window *window, off_t offset, void *into, size_t size,
		    uint64_t deadline)
{
	const struct fabric_module *fabric = far_fabric();
	struct fabric_result result = { 0 };
	int r, finished;

	r = fabric->get(window->target, (uint64_t)offset, into, size, deadline, &result);
	finished = fabric->finish(window->target, deadline, &result);
	if (r == 0)
		r = finished;
	return r < 0 ? far_fail(r) : 0;
}

/*
 * Memory of the caller's that is none raises a signal, as it does where the segment is this
 * node's.  The kernel would say so of a transfer as well, but takes the connection for broken
 * then, which others use.
 */
static void touch_from(const void *from, size_t size)
{
	const volatile char *bytes = from;

	(void)bytes[0];
	(void)bytes[size - 1];
}

/* They are written to whatever becomes of the transfer. */
static void touch_into(void *into, size_t size)
{
	volatile char *bytes = into;

	bytes[0] = 0;
	bytes[size - 1] = 0;
}

/* What was stored to the mapping before comes before it, and is not seen there after it. */
static int put_once(struct far *far, bool implicit, off_t offset, const void *from, size_t size)
{
	uint64_t deadline = clock_deadline_ms(far->timeout_ms);
	const bool mapped = far_is_mapped(far);
	struct far_window *window;
	int r;

	if (mapped)
		far_map_deliver(far);
	r = far_use(far, deadline, &window);
	if (r < 0)
		return r;
	if (implicit || mapped)
		r = put_delivered(window, offset, from, size, deadline);
	else
		r = put_away(window, far_net_facts(far->net)->inject_max, offset, from, size,
			     deadline);
	far_leave(far, window);
	if (mapped)
		far_map_forget(far, (uint64_t)offset, size);
	return r;
}

int far_put_plain(struct tract_import *import, off_t offset, const void *from, size_t size)
{
	struct far *far = import_far(import);
	bool implicit = is_implicit(import);
	int r;

	if (size > 0)
		touch_from(from, size);
	do {
		r = is_over(import) ? -ESTALE : put_once(far, implicit, offset, from, size);
		if (r < 0)
			far_failed(far);
		/* Whoever closes the span is told. */
		if (!implicit)
			return 0;
		r = judge(import, r);
	} while (r == -EAGAIN);
	return r;
}

static int get_once(struct far *far, off_t offset, void *into, size_t size)
{
	uint64_t deadline = clock_deadline_ms(far->timeout_ms);
	struct far_window *window;
	int r;

	far_map_deliver(far);
	r = far_use(far, deadline, &window);
	if (r < 0)
		return r;
	r = get_into(window, offset, into, size, deadline);
	far_leave(far, window);
	return r;
}

int far_get_plain(struct tract_import *import, off_t offset, void *into, size_t size)
{
	struct far *far = import_far(import);
	bool implicit = is_implicit(import);
	int r;

	if (size > 0)
		touch_into(into, size);
	do {
		r = is_over(import) ? -ESTALE : get_once(far, offset, into, size);
		if (r < 0) {
			far_failed(far);
			/* As a mapping of memory that was taken back reads. */
			memset(into, 0, size);
		}
		if (!implicit)
			return 0;
		r = judge(import, r);
	} while (r == -EAGAIN);
	return r;
}

/* ---- vectors ---------------------------------------------------------------------------- */

struct copy {
	struct far *far;
	const struct tract_vector *vector;
	size_t count;
	bool put;
	struct fabric_result results[TRACT_VECTOR_MAX];
};

static bool overlap(uint64_t a, size_t a_size, uint64_t b, size_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* They are made in order, and those that are under way at once must not meet. */
static bool meets(const struct copy *copy, size_t first, size_t i)
{
	const struct tract_vector *v = &copy->vector[i];

	for (const struct tract_vector *u = &copy->vector[first]; u < v; u++)
		if (copy->put ? overlap(u->remote, u->length, v->remote, v->length)
			      : overlap((uintptr_t)u->local, u->length, (uintptr_t)v->local,
					v->length))
			return true;
	return false;
}

static int start_element(struct copy *copy, const struct far_window *window, size_t i,
			 uint64_t deadline)
{
	const struct tract_vector *v = &copy->vector[i];

	if (copy->put)
		return far_fabric()->put(window->target, v->remote, v->local, v->length,
					 FABRIC_DELIVERED, deadline, &copy->results[i]);
	return far_fabric()->get(window->target, v->remote, v->local, v->length, deadline,
				 &copy->results[i]);
}

/* How many are done, from the first on; what went wrong with the next. */
static int copy_elements(struct copy *copy, const struct far_window *window, uint64_t deadline,
			 size_t *ret_done)
{
	size_t started = 0, first = 0, done = 0;
	int r = 0, waited;

	memset(copy->results, 0, sizeof(copy->results));
	while (r == 0 && started < copy->count) {
		if (meets(copy, first, started)) {
			(void)far_fabric()->wait(window->target, deadline);
			first = started;
		}
		r = start_element(copy, window, started, deadline);
		if (r == 0)
			started++;
	}
	waited = far_fabric()->wait(window->target, deadline);
	while (done < started && copy->results[done].error == 0)
		done++;
	if (done < started)
		r = copy->results[done].error;
	else if (r == 0 && waited == -ETIMEDOUT)
		r = waited;
	*ret_done = done;
	return r < 0 ? far_fail(r) : 0;
}

static int copy_once(struct copy *copy, size_t *ret_done)
{
	uint64_t deadline = clock_deadline_ms(copy->far->timeout_ms);
	struct far_window *window;
	int r;

	*ret_done = 0;
	far_map_deliver(copy->far);
	r = far_use(copy->far, deadline, &window);
	if (r < 0)
		return r;
	r = copy_elements(copy, window, deadline, ret_done);
	far_leave(copy->far, window);
	for (size_t i = 0; copy->put && i < copy->count; i++)
		far_map_forget(copy->far, copy->vector[i].remote, copy->vector[i].length);
	return r;
}

/* From the element on that could not be got: as a mapping of such memory reads. */
static void read_as_taken_back(const struct copy *copy, size_t done)
{
	for (size_t i = done; !copy->put && i < copy->count; i++)
		memset(copy->vector[i].local, 0, copy->vector[i].length);
}

int far_copy_vector_plain(struct tract_import *import, const struct tract_vector *vector,
			  size_t count, bool put, size_t *ret_done)
{
	struct copy copy = {
		.far = import_far(import), .vector = vector, .count = count, .put = put
	};
	bool implicit = is_implicit(import);
	int r;

	do {
		*ret_done = 0;
		r = is_over(import) ? -ESTALE : copy_once(&copy, ret_done);
		if (r < 0) {
			far_failed(copy.far);
			read_as_taken_back(&copy, *ret_done);
		}
		if (!implicit) {
			*ret_done = count;
			return 0;
		}
		r = judge(import, r);
	} while (r == -EAGAIN);
	if (r == -ESTALE)
		*ret_done = 0;
	return r;
}
