/* SPDX-License-Identifier: MIT */
/*
 * vm_walk.c - read this process's mappings
 *
 * Reading must not change what is read: an allocation may enlarge the very mapping that is
 * asked about.  So a walk first collects what it finds, on the stack if there is little, and
 * calls its visitor after.
 */
#include "sys/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"
#include "sys/memfd.h"
#include "sys/proc.h"

#define FEW_AREAS 16
/* The smallest huge page any machine has. */
#define HUGE_MIN UINT64_C(65536)

/*
 * The device of the kernel's own file system for memory objects.  One with huge pages is on
 * another, which is the only thing that tells it apart here.
 */
static bool on_memory_device(const struct vm_area *a)
{
	static _Atomic uint64_t known;
	uint64_t device = atomic_load_explicit(&known, memory_order_relaxed);
	struct stat st;

	if (device == 0) {
		scoped(fd) int fd = -1;

		if (memfd_new("device", vm_page_size(), &fd) < 0 || fstat(fd, &st) < 0)
			return true;
		device = st.st_dev;
		atomic_store_explicit(&known, device, memory_order_relaxed);
	}
	return makedev(a->dev_major, a->dev_minor) == device;
}

static bool is_on_hugetlbfs(const struct vm_area *a, const char *path)
{
	struct statfs fs;

	if (!is_multiple(a->whole_start, HUGE_MIN) || !is_multiple(a->whole_end, HUGE_MIN))
		return false;
	return statfs(path, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;
}

/* What the line does not say. */
static bool has_huge_pages(const struct vm_area *a, const char *name)
{
	if (a->memfd || a->sysv)
		return !on_memory_device(a);
	return a->hugetlb || (name[0] == '/' && !a->anon_shared && is_on_hugetlbfs(a, name));
}

static bool parse(const char *line, struct vm_area *ret_area)
{
	const char *name;

	if (!proc_parse_mapping(line, ret_area, &name))
		return false;
	ret_area->hugetlb = has_huge_pages(ret_area, name);
	return true;
}

static void cut(struct vm_area *a, uintptr_t start, uintptr_t end)
{
	if (a->start < start) {
		a->offset += start - a->start;
		a->start = start;
	}
	if (a->end > end)
		a->end = end;
}

/* Reads all areas in the range, and keeps those there is room for.  How many there are. */
static int collect(uintptr_t start, uintptr_t end, struct vm_area *areas, size_t capacity,
		   size_t *ret_count)
{
	scoped(proc_lines) struct proc_lines in = { .fd = -1 };
	char line[PATH_MAX + 256];
	struct vm_area a;
	size_t count = 0;
	int r;

	r = proc_open_maps(&in, PROC_SELF, false);
	if (r < 0)
		return r;
	while ((r = proc_next_line(&in, line, sizeof(line))) > 0) {
		uintptr_t first, last;

		if (!proc_parse_bounds(line, &first, &last))
			return -EIO;
		if (last <= start)
			continue;
		if (first >= end)
			break;
		if (count < capacity) {
			if (!parse(line, &a))
				return -EIO;
			cut(&a, start, end);
			areas[count] = a;
		}
		count++;
	}
	if (r < 0)
		return r;
	*ret_count = count;
	return 0;
}

static int visit_all(uintptr_t start, uintptr_t end, const struct vm_area *areas, size_t count,
		     int (*visit)(const struct vm_area *area, void *arg), void *arg)
{
	uintptr_t at = start;
	int r;

	for (size_t i = 0; i < count; at = areas[i++].end)
		if (areas[i].start != at)
			return -EFAULT;
	if (at != end)
		return -EFAULT;
	for (size_t i = 0; i < count; i++) {
		r = visit(&areas[i], arg);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Room for @count areas. */
static int areas_new(size_t count, struct vm_area **ret_areas)
{
	void *areas;
	int r;

	r = vm_anonymous_apart(count * sizeof(**ret_areas), VM_READ | VM_WRITE, &areas);
	if (r == 0)
		*ret_areas = areas;
	return r;
}

int vm_walk(const void *addr, size_t size, int (*visit)(const struct vm_area *area, void *arg),
	    void *arg)
{
	uintptr_t start = (uintptr_t)addr, end;
	struct vm_area few[FEW_AREAS], *areas = few;
	size_t count = 0, capacity = FEW_AREAS;
	int r;

	if (!add_fits(start, size, &end))
		return -EFAULT;
	for (;;) {
		r = collect(start, end, areas, capacity, &count);
		if (r < 0 || count <= capacity)
			break;
		/* Another thread may map more between two looks. */
		if (areas != few)
			vm_unmap(areas, capacity * sizeof(*areas));
		areas = few;
		capacity = count + FEW_AREAS;
		r = areas_new(capacity, &areas);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = visit_all(start, end, areas, count, visit, arg);
	if (areas != few)
		vm_unmap(areas, capacity * sizeof(*areas));
	return r;
}

/* To be written back some time, which means nothing: but the kernel says whether it could. */
static bool is_mapped(uintptr_t at, size_t size)
{
	return msync((void *)at, size, MS_ASYNC) == 0;
}

uintptr_t vm_mapped_until(uintptr_t page)
{
	size_t size = 0, step = vm_page_size();

	/* As far as it goes by doubling, and what is left by halving. */
	for (; step <= SIZE_MAX / 4 && is_mapped(page + size, step); step *= 2)
		size += step;
	for (; step >= vm_page_size(); step /= 2)
		if (is_mapped(page + size, step))
			size += step;
	return page + size;
}

int vm_next_mapping(uintptr_t from, uintptr_t *ret_start, uintptr_t *ret_end)
{
	scoped(proc_lines) struct proc_lines in = { .fd = -1 };
	char line[128];
	int r;

	r = proc_open_maps(&in, PROC_SELF, false);
	if (r < 0)
		return r;
	while ((r = proc_next_line(&in, line, sizeof(line))) > 0) {
		uintptr_t start, end;

		if (!proc_parse_bounds(line, &start, &end))
			return -EIO;
		if (end <= from)
			continue;
		*ret_start = start;
		*ret_end = end;
		return 0;
	}
	return r < 0 ? r : -ENOENT;
}

void vm_limits(uintptr_t *ret_first, uintptr_t *ret_last)
{
	FILE *file = fopen("/proc/sys/vm/mmap_min_addr", "re");
	const uintptr_t page = vm_page_size();
	/* The first stack is below the end, and nearer to it than to half of it; the kernel
	 * left this there. */
	uintptr_t stack = (uintptr_t)getauxval(AT_RANDOM);
	unsigned bits = (unsigned)(8 * sizeof(stack)) - (unsigned)__builtin_clzl(stack);
	uintptr_t first = 0;

	if (!file || fscanf(file, "%" SCNuPTR, &first) != 1)
		first = (uintptr_t)65536; /* of every distribution's kernel */
	if (file)
		(void)fclose(file);
	*ret_first = (uintptr_t)round_up(first < page ? page : first, page);
	*ret_last = ((uintptr_t)1 << bits) - page - 1;
}

int vm_open_backing(const struct vm_area *area, bool writable, int *ret_fd)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/map_files/%" PRIxPTR "-%" PRIxPTR,
		       area->whole_start, area->whole_end);
	fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* In /proc/self/pagemap, a page that is in memory or in swap. */
#define PAGEMAP_HAS (UINT64_C(3) << 62)
/* One that is in memory; is a file's or an object's; is mapped by nobody else. */
#define PAGEMAP_IN_MEMORY (UINT64_C(1) << 63)
#define PAGEMAP_FILE (UINT64_C(1) << 61)
#define PAGEMAP_ALONE (UINT64_C(1) << 56)

/* Entries from @page on, at most @capacity, and at least one: how many, or -errno. */
static ssize_t read_pagemap(int fd, uintptr_t page, uintptr_t end, uint64_t *entries,
			    size_t capacity)
{
	size_t ask = end - page < capacity ? end - page : capacity;
	ssize_t size;

	do
		size = pread(fd, entries, ask * sizeof(*entries),
			     (off_t)(page * sizeof(*entries)));
	while (size < 0 && errno == EINTR);
	if (size < (ssize_t)sizeof(*entries))
		return size < 0 ? -errno : -EIO;
	return size / (ssize_t)sizeof(*entries);
}

/* The first page in [page, end) that is there or, if not @wanted, is not; @end if none. */
static int find_page(int fd, uintptr_t page, uintptr_t end, bool wanted, uintptr_t *ret_page)
{
	uint64_t entries[512];

	while (page < end) {
		ssize_t count = read_pagemap(fd, page, end, entries, ARRAY_LEN(entries));

		if (count < 0)
			return (int)count;
		for (ssize_t i = 0; i < count; i++, page++) {
			if (((entries[i] & PAGEMAP_HAS) != 0) == wanted) {
				*ret_page = page;
				return 0;
			}
		}
	}
	*ret_page = end;
	return 0;
}

int vm_next_present(uintptr_t addr, uintptr_t end, uintptr_t *ret_start, uintptr_t *ret_end)
{
	scoped(fd) int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uintptr_t size = vm_page_size();
	uintptr_t first, last;
	int r;

	if (addr >= end)
		return -ENXIO;
	/* Where the kernel does not tell, every page may be there. */
	if (fd < 0) {
		*ret_start = addr;
		*ret_end = end;
		return 0;
	}
	r = find_page(fd, addr / size, end / size, true, &first);
	if (r < 0)
		return r;
	if (first == end / size)
		return -ENXIO;
	r = find_page(fd, first, end / size, false, &last);
	if (r < 0)
		return r;
	*ret_start = first * size;
	*ret_end = last * size;
	return 0;
}

static bool is_own(uint64_t entry)
{
	const uint64_t all = PAGEMAP_IN_MEMORY | PAGEMAP_FILE | PAGEMAP_ALONE;

	return (entry & all) == (PAGEMAP_IN_MEMORY | PAGEMAP_ALONE);
}

uint64_t vm_own_bytes(const void *addr, size_t size)
{
	scoped(fd) int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uintptr_t page_size = vm_page_size(), page = (uintptr_t)addr / page_size;
	uintptr_t end = ((uintptr_t)addr + size) / page_size;
	uint64_t entries[512], pages = 0;

	while (fd >= 0 && page < end) {
		ssize_t count = read_pagemap(fd, page, end, entries, ARRAY_LEN(entries));

		if (count < 0)
			return 0;
		for (ssize_t i = 0; i < count; i++)
			pages += is_own(entries[i]);
		page += (uintptr_t)count;
	}
	return pages * page_size;
}
