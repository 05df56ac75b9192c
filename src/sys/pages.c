/* SPDX-License-Identifier: MIT */
#include "sys/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"
#include "sys/proc.h"
#include "sys/vm.h"

#define HUGE_SIZE_FILE "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"
/* What is mapped low comes first in the kernel's list, which tells of huge pages; a broker has
 * thousands of mappings after it. */
#define LOW ((uintptr_t)1 << 30)
/* Views are aligned to this at least, which is no less than any huge page we use. */
#define ALIGNMENT ((size_t)32 << 20)

/* An entry of /proc/self/pagemap. */
#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_FRAME ((UINT64_C(1) << 55) - 1)

/* ---- views ------------------------------------------------------------------------------ */

int pages_view(int fd, unsigned prot, uint64_t offset, size_t size, struct pages_view *ret)
{
	struct pages_view view = { .size = size, .base_size = size };
	uintptr_t shift = (uintptr_t)(offset % ALIGNMENT);
	size_t room;
	void *base;
	int r;

	/* Where that address is taken, or forbidden, any other will do. */
	r = vm_place((void *)(LOW + shift), size, prot, fd, offset, &view.base);
	if (r == 0) {
		view.addr = view.base;
		*ret = view;
		return 0;
	}
	if (!add_fits(size, 2 * ALIGNMENT, &room))
		return -EINVAL;
	r = vm_anonymous(room, 0, &base);
	if (r < 0)
		return r;
	view.base = base;
	view.base_size = room;
	view.addr = (char *)((((uintptr_t)base + ALIGNMENT - 1) & ~(ALIGNMENT - 1)) + shift);
	r = vm_replace(view.addr, size, prot, fd, offset);
	if (r < 0) {
		pages_view_end(&view);
		return r;
	}
	*ret = view;
	return 0;
}

void pages_view_end(struct pages_view *view)
{
	if (view->base)
		vm_unmap(view->base, view->base_size);
	*view = (struct pages_view){ 0 };
}

/* ---- huge pages ------------------------------------------------------------------------- */

size_t pages_huge_size(void)
{
	scoped(fd) int fd = open(HUGE_SIZE_FILE, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned long size;

	if (got <= 0)
		return 0;
	text[got] = '\0';
	if (sscanf(text, "%lu", &size) < 1 || size > ALIGNMENT)
		return 0;
	return size;
}

int pages_fill_huge(int fd, uint64_t offset, size_t size)
{
	scoped(pages_view) struct pages_view view = { 0 };
	int r;

	r = pages_view(fd, VM_READ | VM_WRITE, offset, size, &view);
	if (r < 0)
		return r;
	vm_advise_huge(view.addr, size);
	return vm_populate_write(view.addr, size);
}

int pages_promise(int fd, uint64_t size)
{
	void *addr;
	int r;

	/* The promise is made when it is mapped, and stays with the object. */
	r = vm_place(NULL, size, VM_READ | VM_WRITE, fd, 0, &addr);
	if (r < 0)
		return r;
	vm_unmap(addr, size);
	return 0;
}

/* ---- looking ---------------------------------------------------------------------------- */

/* What mincore() says of huge pages is what is mapped, so they are asked for one by one. */
static void look_huge(const struct pages_view *view, size_t page, unsigned char *there)
{
	for (size_t i = 0; i < view->size / page; i++)
		there[i] = vm_populate_read(view->addr + i * page, page) == 0;
}

int pages_look(const struct pages_view *view, size_t page, unsigned char *ret_there)
{
	size_t count = view->size / page, end;
	int r;

	if (page != vm_page_size()) {
		look_huge(view, page, ret_there);
		return 0;
	}
	if (mincore(view->addr, view->size, ret_there) < 0)
		return -errno;
	for (size_t i = 0; i < count; i = end) {
		bool there = ret_there[i] &= 1;

		for (end = i + 1; end < count && (ret_there[end] & 1) == there;)
			ret_there[end++] = there;
		r = there ? vm_populate_read(view->addr + i * page, (end - i) * page) : 0;
		/* Linux before 5.14 does not know the word. */
		if (r < 0)
			return r == -EINVAL ? -EOPNOTSUPP : r;
	}
	return 0;
}

static bool counts_huge(const char *line, uint64_t *ret_bytes)
{
	static const char *const names[] = { "ShmemPmdMapped:", "Shared_Hugetlb:",
					     "Private_Hugetlb:" };
	uint64_t kib;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(line, names[i], strlen(names[i])) == 0 &&
		    sscanf(line + strlen(names[i]), "%" SCNu64, &kib) == 1) {
			*ret_bytes = kib * 1024;
			return true;
		}
	return false;
}

int pages_count_huge(const struct pages_view *view, uint64_t *ret_bytes)
{
	scoped(proc_lines) struct proc_lines in = { .fd = -1 };
	uintptr_t start, end;
	uint64_t sum = 0, bytes;
	bool found = false;
	char line[256];
	int r;

	r = proc_open_maps(&in, PROC_SELF, true);
	if (r < 0)
		return r;
	while ((r = proc_next_line(&in, line, sizeof(line))) > 0) {
		if (!proc_line_is_mapping(line)) {
			if (found && counts_huge(line, &bytes))
				sum += bytes;
			continue;
		}
		if (found)
			break;
		found = proc_parse_bounds(line, &start, &end) && start == (uintptr_t)view->addr;
	}
	if (r < 0)
		return r;
	*ret_bytes = sum;
	return 0;
}

/* ---- where they are --------------------------------------------------------------------- */

static int read_entries(int fd, const char *addr, uint64_t *entries, size_t count)
{
	off_t at = (off_t)((uintptr_t)addr / vm_page_size() * sizeof(*entries));
	ssize_t size = (ssize_t)(count * sizeof(*entries));

	return pread(fd, entries, (size_t)size, at) == size ? 0 : -EOPNOTSUPP;
}

int pages_physical(const struct pages_view *view, uint64_t *ret_base)
{
	scoped(fd) int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	const size_t page = vm_page_size(), count = view->size / page;
	uint64_t first = 0, entries[128];

	if (fd < 0 || count == 0)
		return -EOPNOTSUPP;
	for (size_t done = 0; done < count;) {
		size_t part =
			count - done < ARRAY_LEN(entries) ? count - done : ARRAY_LEN(entries);

		if (read_entries(fd, view->addr + done * page, entries, part) < 0)
			return -EOPNOTSUPP;
		if (done == 0)
			first = entries[0] & ENTRY_FRAME;
		for (size_t i = 0; i < part; i++)
			if (!(entries[i] & ENTRY_PRESENT) ||
			    (entries[i] & ENTRY_FRAME) != first + done + i)
				return -EOPNOTSUPP;
		done += part;
	}
	/* The number of a frame that is hidden from us. */
	if (first == 0)
		return -EOPNOTSUPP;
	*ret_base = first * page;
	return 0;
}

int pages_lock(const struct pages_view *view)
{
	/* Not mlock(), which sanitizers make do nothing. */
	return syscall(SYS_mlock, view->addr, view->size) < 0 ? -errno : 0;
}
