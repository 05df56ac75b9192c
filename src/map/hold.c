/* SPDX-License-Identifier: MIT */
#include "map/hold.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "map/guard.h"
#include "sys/vm.h"

void holds_open(struct holds *h, bool empties)
{
	*h = (struct holds){ .uffd = { .fd = -1 }, .empties = empties };
	h->has_uffd = uffd_open(&h->uffd) == 0;
}

void holds_close(struct holds *h)
{
	if (h->has_uffd)
		uffd_close(&h->uffd);
	free(h->hold);
}

int holds_add(struct holds *h, void *addr, size_t size, unsigned prot, bool file, bool shared)
{
	struct hold *grown = reallocarray(h->hold, h->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	h->hold = grown;
	grown[h->count++] = (struct hold){ .addr = addr,
					   .size = size,
					   .prot = prot,
					   .file = file,
					   .shared = shared,
					   .fd = -1 };
	return 0;
}

/* Takes the pages out of the range, which stays held. */
static int vacate(const struct hold *hold, void **ret_moved)
{
	int r;

	r = fault_point("hold.vacate");
	return r < 0 ? r : vm_vacate(hold->addr, hold->size, ret_moved);
}

/* Content that is at another address than its users know is lost to them. */
static void move_home(const struct hold *hold)
{
	if (vm_move_onto(hold->moved, hold->size, hold->addr) < 0)
		abort();
}

static int hold_by_uffd(struct holds *h, struct hold *hold)
{
	void *moved;
	int r;

	r = uffd_hold(&h->uffd, hold->addr, hold->size, hold->shared);
	if (r < 0)
		return r;
	r = vacate(hold, &moved);
	if (r < 0) {
		(void)uffd_release(&h->uffd, hold->addr, hold->size);
		return r;
	}
	hold->kind = HOLD_UFFD;
	hold->moved = moved;
	return 0;
}

static void leave(struct hold *hold)
{
	void *moved;

	if (vacate(hold, &moved) < 0)
		return;
	hold->moved = moved;
	if (vm_protect(moved, hold->size, hold->prot) == 0)
		return;
	move_home(hold);
	hold->moved = hold->addr;
}

static int hold_by_guard(struct hold *hold, bool reads_wait)
{
	int r;

	r = guard_hold(hold->addr, hold->size, reads_wait);
	if (r < 0)
		return r;
	hold->kind = HOLD_GUARD;
	hold->moved = hold->addr;
	return 0;
}

static int hold_begin(struct holds *h, struct hold *hold)
{
	int by_uffd = -ENOSYS, r;

	if (h->has_uffd && !hold->file)
		by_uffd = hold_by_uffd(h, hold);
	if (by_uffd == 0)
		return 0;
	r = hold_by_guard(hold, h->empties);
	/* Where the program has a userfaultfd of its own, that would follow the pages. */
	if (r == 0 && h->empties && by_uffd != -EBUSY)
		leave(hold);
	return r;
}

/* Whoever waits looks again. */
static void release(struct holds *h, const struct hold *hold)
{
	if (hold->kind == HOLD_GUARD)
		guard_release(hold->addr, hold->size);
	else
		(void)uffd_wake(&h->uffd, hold->addr, hold->size);
}

void holds_undo(struct holds *h)
{
	while (h->held > 0) {
		struct hold *hold = &h->hold[--h->held];

		if (hold_has_left(hold))
			move_home(hold);
		else
			(void)vm_protect(hold->addr, hold->size, hold->prot);
		release(h, hold);
	}
}

void holds_done(struct holds *h)
{
	for (unsigned i = 0; i < h->held; i++) {
		struct hold *hold = &h->hold[i];

		release(h, hold);
		if (hold_has_left(hold))
			vm_unmap(hold->moved, hold->size);
	}
	h->held = 0;
}

int holds_begin(struct holds *h)
{
	for (; h->held < h->count; h->held++) {
		int r = hold_begin(h, &h->hold[h->held]);

		if (r < 0) {
			holds_undo(h);
			return r;
		}
	}
	return 0;
}
