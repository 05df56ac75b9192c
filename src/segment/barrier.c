/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "segment/segment.h"

/* tract_barrier.state */
#define BARRIER_CLOSED 0u
#define BARRIER_OPEN 1u

int tract_barrier_init(struct tract_import *import, struct tract_barrier *barrier)
{
	if (!import || !barrier)
		return -EINVAL;
	barrier->import = import;
	barrier->state = BARRIER_CLOSED;
	atomic_store_explicit(&import->implicit, barrier, memory_order_release);
	return 0;
}

int tract_barrier_open(struct tract_barrier *barrier)
{
	if (!barrier)
		return -EINVAL;
	if (!barrier->import)
		return -EUNATCH;
	barrier->state = BARRIER_OPEN;
	/* Accesses of the span come after it began. */
	atomic_thread_fence(memory_order_acquire);
	return 0;
}

/* An access of the span may have gone to memory that is bound no more. */
static int close_late(struct tract_import *import)
{
	int r;

	r = import_catch_up(import);
	if (r == -ESTALE)
		return r;
	return fail(-EIO,
		    "other memory was bound to the segment during the span, and this process "
		    "was late to follow; repeat the accesses");
}

int tract_barrier_close(struct tract_barrier *barrier)
{
	bool was_open;
	int r;

	if (!barrier)
		return -EINVAL;
	if (!barrier->import)
		return -EUNATCH;
	was_open = barrier->state == BARRIER_OPEN;
	barrier->state = BARRIER_CLOSED;
	r = import_judge(barrier->import);
	if (r == -ESTALE)
		return fail(r, "the exporter has taken the segment back");
	if (!was_open)
		return -ENOTCONN;
	return r == -EIO ? close_late(barrier->import) : r;
}

int tract_barrier_order(struct tract_barrier *barrier)
{
	if (!barrier)
		return -EINVAL;
	if (!barrier->import)
		return -EUNATCH;
	if (barrier->state != BARRIER_OPEN)
		return -ENOTCONN;
	atomic_thread_fence(memory_order_seq_cst);
	return 0;
}

int tract_barrier_destroy(struct tract_barrier *barrier)
{
	struct tract_barrier *expected = barrier;

	if (!barrier)
		return -EINVAL;
	if (!barrier->import)
		return -EUNATCH;
	/* Only if it is this one: another may have been initialised since. */
	(void)atomic_compare_exchange_strong_explicit(&barrier->import->implicit, &expected,
						      NULL, memory_order_acq_rel,
						      memory_order_relaxed);
	barrier->import = NULL;
	barrier->state = BARRIER_CLOSED;
	return 0;
}

int tract_import_set_mode(struct tract_import *import, enum tract_barrier_mode mode)
{
	if (!import || (mode != TRACT_BARRIER_EXPLICIT && mode != TRACT_BARRIER_IMPLICIT))
		return -EINVAL;
	atomic_store_explicit(&import->mode, mode, memory_order_relaxed);
	return 0;
}

int tract_import_get_mode(const struct tract_import *import, enum tract_barrier_mode *ret_mode)
{
	if (!import || !ret_mode)
		return -EINVAL;
	*ret_mode = (enum tract_barrier_mode)atomic_load_explicit(&import->mode,
								  memory_order_relaxed);
	return 0;
}
