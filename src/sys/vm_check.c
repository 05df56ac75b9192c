/* SPDX-License-Identifier: MIT */
/*
 * vm_check.c - whether memory can be read or written, without a signal if not
 *
 * Bringing the pages in says so, but goes through every one of them, which takes half as long
 * as copying them.  The kernel can say it of a whole mapping as well, since Linux 6.11; asking
 * that takes a file, which for a few pages is the slower way.
 */
#include "sys/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "base/bytes.h"
#include "base/scope.h"

#define FEW_PAGES 16u

/* The kernel's <linux/fs.h> has these under names of its own, where it is new enough. */
struct query {
	uint64_t size, flags, addr;
	uint64_t start, end, prot; /* what was found */
	uint64_t page_size, offset, inode;
	uint32_t device_major, device_minor, name_size, build_id_size;
	uint64_t name, build_id;
};

#define QUERY _IOWR('f', 17, struct query)
#define QUERY_READABLE 0x01u
#define QUERY_WRITABLE 0x02u

/* -ENOENT: nothing is mapped there; any other: it cannot be asked. */
static int ask(int maps, uintptr_t at, struct query *ret_found)
{
	*ret_found = (struct query){ .size = sizeof(*ret_found), .addr = at };
	return ioctl(maps, QUERY, ret_found) < 0 ? -errno : 0;
}

static int check_by_query(uintptr_t start, uintptr_t end, bool write)
{
	const uint64_t need = write ? QUERY_WRITABLE : QUERY_READABLE;
	scoped(fd) int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	struct query found;
	int r = 0;

	if (maps < 0)
		return -ENOTTY;
	while (r == 0 && start < end) {
		r = ask(maps, start, &found);
		if (r == 0 && !(found.prot & need))
			r = -EFAULT;
		start = found.end;
	}
	return r == -ENOENT ? -EFAULT : r;
}

static int check_area(const struct vm_area *area, void *arg)
{
	const bool *write = arg;

	return area->prot & (*write ? VM_WRITE : VM_READ) ? 0 : -EFAULT;
}

static int check_by_page(uintptr_t start, uintptr_t end, bool write)
{
	void *addr = (void *)start;
	int r;

	r = write ? vm_populate_write(addr, end - start) : vm_populate_read(addr, end - start);
	/* A device's memory cannot be brought in, nor can an older kernel: only look. */
	return r < 0 ? vm_walk(addr, end - start, check_area, &write) : 0;
}

int vm_check_access(const void *addr, size_t size, bool write)
{
	const uintptr_t page = vm_page_size(), start = (uintptr_t)addr & ~(page - 1);
	uintptr_t end;
	int r = -ENOTTY;

	if (size == 0)
		return 0;
	if (!add_fits((uintptr_t)addr, size, &end) || end > UINTPTR_MAX - page)
		return -EFAULT;
	end = (end + page - 1) & ~(page - 1);
	if (end - start > FEW_PAGES * page)
		r = check_by_query(start, end, write);
	if (r == 0 || r == -EFAULT)
		return r;
	return check_by_page(start, end, write);
}
