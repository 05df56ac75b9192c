/* SPDX-License-Identifier: MIT */
#include "map/stall.h"

#include "map/guard.h"
#include "sys/uffd.h"
#include "sys/vm.h"

/* Not for what was opened for reading only: the kernel refuses to hold that. */
static int stall_by_uffd(struct uffd *u, void *addr, size_t size)
{
	int r;

	r = uffd_open(u);
	if (r < 0)
		return r;
	r = uffd_hold(u, addr, size, 1);
	if (r == 0)
		r = vm_drop_pages(addr, size);
	if (r < 0)
		uffd_close(u);
	return r;
}

int stall_begin(struct stall *stall, void *addr, size_t size)
{
	struct uffd u;
	int r;

	r = stall_by_uffd(&u, addr, size);
	if (r == 0) {
		*stall = (struct stall){ .uffd = u.fd + 1, .addr = addr, .size = size };
		return 0;
	}
	r = guard_hold(addr, size, true);
	if (r == 0)
		*stall = (struct stall){ .addr = addr, .size = size };
	return r;
}

int stall_released(struct stall *stall, void *addr, size_t size)
{
	int r;

	r = guard_hold(addr, size, true);
	if (r < 0)
		return r;
	*stall = (struct stall){ .addr = addr, .size = size, .released = true };
	r = vm_replace(addr, size, 0, -1, 0);
	return r < 0 ? r : vm_not_for_children(addr, size);
}

void stall_end(struct stall *stall)
{
	struct uffd u = { .fd = stall->uffd - 1 };

	if (!stall->addr)
		return;
	if (stall->uffd) {
		(void)uffd_wake(&u, stall->addr, stall->size);
		uffd_close(&u);
	} else {
		guard_release(stall->addr, stall->size);
	}
	*stall = (struct stall){ 0 };
}

void stall_undo(struct stall *stall, unsigned prot)
{
	if (stall->addr && !stall->uffd)
		(void)vm_protect(stall->addr, stall->size, prot);
	stall_end(stall);
}
