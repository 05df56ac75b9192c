/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "segment/segment.h"

/* tract_barrier.state: flags, and above them the failures there were when it was opened, which
 * matters where the memory is on another node. */
#define BARRIER_OPEN UINT64_C(1)
#define BARRIER_NODE UINT64_C(2)
#define BARRIER_FAILURES 2 /* bits below */

int tract_barrier_init(struct tract_import *import, struct tract_barrier *barrier)
{
	return tract_barrier_init_scope(import, TRACT_SCOPE_SEGMENT, barrier);
}

int tract_barrier_init_scope(struct tract_import *import, enum tract_barrier_scope scope,
			     struct tract_barrier *barrier)
{
	if (!import || !barrier || (scope != TRACT_SCOPE_SEGMENT && scope != TRACT_SCOPE_NODE))
		return -EINVAL;
	barrier->import = import;
	barrier->state = scope == TRACT_SCOPE_NODE ? BARRIER_NODE : 0;
	atomic_store_explicit(&import->implicit, barrier, memory_order_release);
	return 0;
}

static bool is_of_node(const struct tract_barrier *barrier)
{
	return barrier->state & BARRIER_NODE;
}

/* What a span is compared with in the end. */
static uint64_t failures_of(const struct tract_barrier *barrier)
{
	return far_failures(barrier->import, is_of_node(barrier)) << BARRIER_FAILURES;
}

static __attribute__((noinline)) void open_far(struct tract_barrier *barrier)
{
	/* A child that is not connected is told when it closes. */
	(void)far_begin(barrier->import);
	barrier->state |= failures_of(barrier);
	far_look_anew(barrier->import, is_of_node(barrier));
}

int tract_barrier_open(struct tract_barrier *barrier)
{
	if (!barrier)
		return -EINVAL;
	if (!barrier->import)
		return -EUNATCH;
	barrier->state = (barrier->state & BARRIER_NODE) | BARRIER_OPEN;
	if (import_far(barrier->import))
		open_far(barrier);
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

/* Waits for what is under way.  0, -ESTALE, -EIO. */
static __attribute__((noinline)) int settle_far(const struct tract_barrier *barrier)
{
	uint64_t at_open = barrier->state >> BARRIER_FAILURES << BARRIER_FAILURES;
	int r;

	r = far_begin(barrier->import);
	if (r < 0)
		return r;
	far_settle(barrier->import, is_of_node(barrier));
	if (failures_of(barrier) == at_open)
		return 0;
	return fail(-EIO, "a transfer of the span failed, or may have; repeat the accesses");
}

int tract_barrier_close(struct tract_barrier *barrier)
{
	int r, settled = 0;
	bool was_open;

	if (!barrier)
		return -EINVAL;
	if (!barrier->import)
		return -EUNATCH;
	was_open = barrier->state & BARRIER_OPEN;
	if (import_far(barrier->import))
		settled = settle_far(barrier);
	barrier->state &= BARRIER_NODE;
	r = import_judge(barrier->import);
	if (r == -ESTALE)
		return fail(-ESTALE, "the exporter has taken the segment back");
	/* A child of fork that could not connect, as the reason says already. */
	if (settled == -ESTALE)
		return settled;
	if (!was_open)
		return -ENOTCONN;
	if (r == -EIO)
		return close_late(barrier->import);
	if (settled == 0 && import_far(barrier->import))
		settled = far_judge(barrier->import);
	return settled;
}

/* Taken back or not is for close to say. */
static __attribute__((noinline)) int order_far(const struct tract_barrier *barrier)
{
	if (import_judge(barrier->import) == -ESTALE)
		return 0;
	return settle_far(barrier) < 0 ? -EIO : 0;
}

int tract_barrier_order(struct tract_barrier *barrier)
{
	if (!barrier)
		return -EINVAL;
	if (!barrier->import)
		return -EUNATCH;
	if (!(barrier->state & BARRIER_OPEN))
		return -ENOTCONN;
	atomic_thread_fence(memory_order_seq_cst);
	if (import_far(barrier->import))
		return order_far(barrier);
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
	barrier->state = 0;
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
