/* SPDX-License-Identifier: MIT */
#include "map/hold.h"

#include <errno.h>
#include <stdlib.h>

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

static int hold_by_uffd(struct holds *h, struct hold *hold)
{
	void *moved;
	int r;

	r = uffd_hold(&h->uffd, hold->addr, hold->size, hold->shared);
	if (r < 0)
		return r;
	r = vm_vacate(hold->addr, hold->size, &moved);
	if (r < 0) {
		(void)uffd_release(&h->uffd, hold->addr, hold->size);
		return r;
	}
	hold->kind = HOLD_UFFD;
	hold->moved = moved;
	return 0;
}

static int hold_begin(struct holds *h, struct hold *hold)
{
	int r = -ENOSYS;

	if (h->has_uffd && !hold->file)
		r = hold_by_uffd(h, hold);
	if (r == 0)
		return 0;
	/* The old object's pages go while they are copied: reads must not see that. */
	r = guard_hold(hold->addr, hold->size, h->empties);
	if (r < 0)
		return r;
	hold->kind = HOLD_GUARD;
	hold->moved = hold->addr;
	return 0;
}

void holds_undo(struct holds *h)
{
	while (h->held > 0) {
		struct hold *hold = &h->hold[--h->held];

		if (hold->kind == HOLD_GUARD) {
			(void)vm_protect(hold->addr, hold->size, hold->prot);
			guard_release(hold->addr, hold->size);
			continue;
		}
		if (vm_move_onto(hold->moved, hold->size, hold->addr) < 0)
			abort(); /* The content is at another address than its users know. */
		(void)uffd_wake(&h->uffd, hold->addr, hold->size);
	}
}

void holds_done(struct holds *h)
{
	for (unsigned i = 0; i < h->held; i++) {
		struct hold *hold = &h->hold[i];

		if (hold->kind == HOLD_GUARD) {
			guard_release(hold->addr, hold->size);
			continue;
		}
		(void)uffd_wake(&h->uffd, hold->addr, hold->size);
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
