/* SPDX-License-Identifier: MIT */
#include "broker/bell_map.h"

#include <limits.h>

#include "base/scope.h"
#include "sys/futex.h"
#include "sys/memfd.h"
#include "sys/vm.h"
#include "wire/wire.h"

#define POST_TRIES 1000u

int bell_map_new(int *ret_fd, struct shm_bell **ret_bell)
{
	scoped(fd) int fd = -1;
	struct shm_bell *bell;
	void *mapped;
	int r;

	r = memfd_new("tract-bell", sizeof(*bell), &fd);
	if (r < 0)
		return r;
	r = vm_place(NULL, sizeof(*bell), VM_READ | VM_WRITE, fd, 0, &mapped);
	if (r < 0)
		return r;
	bell = mapped;
	bell->magic = SHM_BELL_MAGIC;
	bell->version = SHM_VERSION;
	*ret_fd = steal_fd(&fd);
	*ret_bell = bell;
	return 0;
}

void bell_map_free(struct shm_bell *bell)
{
	if (bell)
		vm_unmap(bell, sizeof(*bell));
}

static struct shm_bell_slot *slot_of(struct shm_bell *bell, uint32_t slot)
{
	if (slot == WIRE_SLOT_EXPORTER)
		return &bell->exporter;
	assert(slot < SHM_BELL_SLOTS - 1);
	return &bell->importer[slot];
}

/* Posters walk the slots in use, so a slot is counted before it becomes active. */
static void count_slot(struct shm_bell *bell, uint32_t slot)
{
	uint32_t used = atomic_load_explicit(&bell->slots_in_use, memory_order_relaxed);

	if (slot != WIRE_SLOT_EXPORTER && used < slot + 1)
		atomic_store_explicit(&bell->slots_in_use, slot + 1, memory_order_release);
}

void bell_map_set_active(struct shm_bell *bell, uint32_t slot, bool active)
{
	struct shm_bell_slot *s = slot_of(bell, slot);

	if (!active) {
		/* What was counted may still be taken. */
		atomic_store_explicit(&s->active, 0u, memory_order_seq_cst);
		return;
	}
	if (atomic_load_explicit(&s->active, memory_order_relaxed) == 1)
		return;
	atomic_store_explicit(&s->pending, 0u, memory_order_relaxed);
	atomic_store_explicit(&s->waiters, 0u, memory_order_relaxed);
	atomic_store_explicit(&s->polled, 0u, memory_order_relaxed);
	count_slot(bell, slot);
	atomic_store_explicit(&s->active, 1u, memory_order_release);
}

void bell_map_raise_polled(struct shm_bell *bell, uint32_t slot)
{
	/* Never the same number again, whoever owns the slot: a poster that kept an earlier
	 * owner's pipe sees that it has to ask.  Zero means that there is no pipe. */
	static uint32_t last;

	if (++last == 0)
		last = 1;
	atomic_store_explicit(&slot_of(bell, slot)->polled, last, memory_order_seq_cst);
}

void bell_map_post(struct shm_bell *bell, uint32_t slot, uint64_t count, bool once)
{
	struct shm_bell_slot *s = slot_of(bell, slot);
	uint32_t pending = atomic_load_explicit(&s->pending, memory_order_relaxed), more;
	bool posted = false;

	/* Whoever changes the word all the time to keep us here loses the post. */
	for (unsigned tries = 0; !posted && tries < POST_TRIES; tries++) {
		if (pending == UINT32_MAX || (once && pending > 0))
			return;
		more = count < UINT32_MAX - pending ? pending + (uint32_t)count : UINT32_MAX;
		/* Before the waiters are looked at: pairs with a waiter's announcement. */
		posted = atomic_compare_exchange_strong_explicit(&s->pending, &pending, more,
								 memory_order_seq_cst,
								 memory_order_relaxed);
	}
	if (atomic_load_explicit(&s->waiters, memory_order_seq_cst) > 0)
		futex_wake(&s->pending, count < INT_MAX ? (int)count : INT_MAX);
}

uint64_t bell_map_take(struct shm_bell *bell, uint32_t slot)
{
	return atomic_exchange_explicit(&slot_of(bell, slot)->pending, 0u,
					memory_order_seq_cst);
}
