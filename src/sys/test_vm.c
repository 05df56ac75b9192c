/* SPDX-License-Identifier: MIT */
#include "sys/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/memfd.h"
#include "test.h"

#define RW (VM_READ | VM_WRITE)

static size_t page;

static char *anonymous(unsigned pages)
{
	void *addr;

	page = vm_page_size();
	EXPECT_EQ(vm_anonymous(pages * page, RW, &addr), 0);
	return addr;
}

static int object_of(unsigned pages)
{
	int fd;

	page = vm_page_size();
	EXPECT_EQ(memfd_new("test", pages * page, &fd), 0);
	return fd;
}

struct found {
	struct vm_area areas[64];
	unsigned count;
	int stop_with;
};

static int keep_area(const struct vm_area *area, void *arg)
{
	struct found *f = arg;

	EXPECT(f->count < 64);
	f->areas[f->count++] = *area;
	return f->stop_with;
}

/* The one area that the range lies in. */
static struct vm_area area_at(const void *addr, size_t size)
{
	struct found f = { .count = 0 };

	EXPECT_EQ(vm_walk(addr, size, keep_area, &f), 0);
	EXPECT_EQ(f.count, 1);
	return f.areas[0];
}

TEST(replacing_shows_the_object)
{
	scoped(fd) int fd = object_of(2);
	char *addr = anonymous(1);

	addr[0] = 'a';
	EXPECT_EQ(memfd_write(fd, page, "b", 1), 0);
	EXPECT_EQ(vm_replace(addr, page, RW, fd, page), 0);
	EXPECT_EQ(addr[0], 'b');
	EXPECT_EQ(vm_replace(addr, page, RW, -1, 0), 0);
	EXPECT_EQ(addr[0], 0);
	vm_unmap(addr, page);
}

TEST(a_private_copy_does_not_write_to_the_object)
{
	scoped(fd) int fd = object_of(1);
	char *addr = anonymous(1);
	char byte = 0;

	EXPECT_EQ(memfd_write(fd, 0, "b", 1), 0);
	EXPECT_EQ(vm_replace_private(addr, page, RW, fd, 0), 0);
	EXPECT_EQ(addr[0], 'b');
	addr[0] = 'c';
	EXPECT_EQ(pread(fd, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 'b');
	vm_unmap(addr, page);
}

/* Whatever the kernel is asked for that is more than anybody has. */
TEST(private_memory_that_cannot_be_had_replaces_nothing)
{
	char *addr = anonymous(2), *before = addr;
	scoped(fd) int fd = object_of(1);
	const size_t all = (size_t)1 << 62;

	addr[0] = 'x';
	EXPECT_EQ(vm_replace_private_or_keep(addr, all, RW, -1, 0), -ENOMEM);
	EXPECT_EQ(vm_replace_private_or_keep(addr, page, RW, 1000000, 0), -EBADF);
	EXPECT_EQ(addr[0], 'x');
	EXPECT_EQ(memfd_write(fd, 0, "b", 1), 0);
	EXPECT_EQ(vm_replace_private_or_keep(addr, page, RW, fd, 0), 0);
	EXPECT_EQ(addr[0], 'b');
	addr[0] = 'c';
	EXPECT_EQ(vm_replace_private_or_keep(addr, page, RW, -1, 0), 0);
	EXPECT(addr == before);
	EXPECT_EQ(addr[0], 0);
	addr[0] = 'd';
	EXPECT_EQ(vm_replace_private_or_keep(addr, page, VM_READ, fd, 0), 0);
	EXPECT_EQ(addr[0], 'b');
	vm_unmap(addr, 2 * page);
}

TEST(placing_does_not_replace)
{
	scoped(fd) int fd = object_of(1);
	char *addr = anonymous(3);
	void *placed = NULL;

	EXPECT_EQ(vm_place(addr + page, page, RW, fd, 0, &placed), -EEXIST);
	EXPECT(placed == NULL);
	vm_unmap(addr + page, page);
	EXPECT_EQ(vm_place(addr + page, page, RW, fd, 0, &placed), 0);
	EXPECT(placed == addr + page);
	vm_unmap(addr, 3 * page);
}

TEST(protection_can_be_taken_and_given_back)
{
	char *addr = anonymous(1);

	addr[0] = 'x';
	EXPECT_EQ(vm_protect(addr, page, 0), 0);
	EXPECT_EQ(area_at(addr, page).prot, 0);
	EXPECT_EQ(vm_protect(addr, page, VM_READ), 0);
	EXPECT_EQ(area_at(addr, page).prot, VM_READ);
	EXPECT_EQ(addr[0], 'x');
	vm_unmap(addr, page);
}

TEST(vacating_moves_the_pages_and_keeps_the_range)
{
	char *addr = anonymous(4);
	char *moved;
	void *out;

	addr[2 * page] = 'x';
	EXPECT_EQ(vm_vacate(addr, 4 * page, &out), 0);
	moved = out;
	EXPECT_EQ(moved[2 * page], 'x');
	EXPECT_EQ(addr[2 * page], 0);
	addr[0] = 'y';
	EXPECT_EQ(moved[0], 0);
	EXPECT_EQ(vm_move_onto(moved, 4 * page, addr), 0);
	EXPECT_EQ(addr[2 * page], 'x');
	EXPECT_EQ(addr[0], 0);
	vm_unmap(addr, 4 * page);
}

TEST(dropped_pages_come_back_from_the_object)
{
	scoped(fd) int fd = object_of(1);
	char *addr = anonymous(1);

	EXPECT_EQ(vm_replace(addr, page, RW, fd, 0), 0);
	addr[0] = 'x';
	EXPECT_EQ(vm_drop_pages(addr, page), 0);
	EXPECT_EQ(addr[0], 'x');
	vm_unmap(addr, page);
}

TEST(dropped_private_pages_are_zero_even_if_they_were_locked)
{
	char *addr = anonymous(2);

	EXPECT_EQ(mlock(addr, page), 0);
	addr[0] = addr[page] = 'x';
	EXPECT_EQ(vm_drop_pages(addr, page), 0);
	EXPECT_EQ(addr[0], 0);
	EXPECT_EQ(addr[page], 'x');
	EXPECT_EQ(vm_drop_pages(addr + page, page), 0);
	EXPECT_EQ(addr[page], 0);
	vm_unmap(addr, 2 * page);
	EXPECT_EQ(vm_drop_pages(addr, page), -ENOMEM);
}

TEST(populating_gets_every_page)
{
	scoped(fd) int fd = object_of(8);
	char *addr = anonymous(8);
	uint64_t bytes;

	EXPECT_EQ(vm_replace(addr, 8 * page, RW, fd, 0), 0);
	EXPECT_EQ(vm_populate_write(addr, 8 * page), 0);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 8 * page);
	vm_unmap(addr, 8 * page);
	EXPECT_EQ(vm_populate_write(addr, 8 * page), -ENOMEM);
}

TEST(what_is_mapped_past_the_end_of_its_object_cannot_be_populated)
{
	scoped(fd) int fd = object_of(1);
	void *addr;

	EXPECT_EQ(vm_place(NULL, 2 * page, RW, fd, 0, &addr), 0);
	EXPECT_EQ(vm_populate_read(addr, page), 0);
	EXPECT_EQ(vm_populate_read(addr, 2 * page), -EFAULT);
	EXPECT_EQ(vm_populate_write(addr, 2 * page), -ENOMEM);
	vm_unmap(addr, 2 * page);
}

TEST(memory_that_is_apart_is_a_mapping_of_its_own)
{
	char *addr;
	struct vm_area area;

	page = vm_page_size();
	EXPECT_EQ(vm_anonymous_apart(2 * page, RW, (void **)&addr), 0);
	addr[0] = 'x';
	area = area_at(addr, page);
	EXPECT_EQ(area.whole_start, (uintptr_t)addr);
	EXPECT_EQ(area.whole_end, (uintptr_t)addr + 2 * page);
	vm_unmap(addr, 2 * page);
}

TEST(private_memory_is_an_area_without_a_file)
{
	char *addr = anonymous(4);
	struct vm_area area = area_at(addr + page, 2 * page);

	EXPECT_EQ(area.start, (uintptr_t)addr + page);
	EXPECT_EQ(area.end, (uintptr_t)addr + 3 * page);
	EXPECT(area.whole_start <= (uintptr_t)addr);
	EXPECT(area.whole_end >= (uintptr_t)addr + 4 * page);
	EXPECT_EQ(area.prot, RW);
	EXPECT(!area.shared && !area.file && !area.sysv && !area.memfd && !area.anon_shared &&
	       !area.hugetlb && !area.special);
	vm_unmap(addr, 4 * page);
}

TEST(an_object_is_an_area_with_an_offset)
{
	scoped(fd) int fd = object_of(4);
	struct vm_area area;
	void *addr;

	EXPECT_EQ(vm_place(NULL, 3 * page, VM_READ, fd, page, &addr), 0);
	area = area_at((char *)addr + page, page);
	EXPECT(area.memfd && area.shared && area.file && !area.hugetlb && !area.special);
	EXPECT_EQ(area.offset, 2 * page);
	EXPECT_EQ(area.whole_start, (uintptr_t)addr);
	EXPECT_EQ(area.whole_end, (uintptr_t)addr + 3 * page);
	EXPECT_EQ(area.prot, VM_READ);
	vm_unmap(addr, 3 * page);
}

static void expect_system_v_memory(int id)
{
	struct vm_area area;
	void *addr;

	addr = shmat(id, NULL, 0);
	EXPECT_EQ(shmctl(id, IPC_RMID, NULL), 0);
	area = area_at(addr, vm_page_size());
	EXPECT(area.sysv && area.shared && area.file && !area.memfd && !area.hugetlb);
	EXPECT_EQ(area.inode, id);
	EXPECT_EQ(shmdt(addr), 0);
}

TEST(system_v_memory_is_known_by_its_id)
{
	int id = shmget(IPC_PRIVATE, vm_page_size(), IPC_CREAT | 0600);

	if (id < 0)
		SKIP("no System V shared memory here");
	expect_system_v_memory(id);
}

TEST(a_hosts_first_system_v_memory_has_inode_0_and_is_known_too)
{
	int id;

	if (unshare(CLONE_NEWIPC) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWIPC) < 0)
		SKIP("no namespace for System V ids of its own here");
	id = shmget(IPC_PRIVATE, vm_page_size(), IPC_CREAT | 0600);
	EXPECT_EQ(id, 0);
	expect_system_v_memory(id);
}

TEST(shared_anonymous_memory_is_known)
{
	size_t size = vm_page_size();
	void *addr =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct vm_area area = area_at(addr, size);

	EXPECT(area.anon_shared && area.shared && area.file && !area.memfd && !area.special);
	vm_unmap(addr, size);
}

TEST(an_ordinary_file_is_only_a_file)
{
	size_t size = vm_page_size();
	scoped(fd) int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *addr = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	struct vm_area area = area_at(addr, size);

	EXPECT(area.file && !area.memfd && !area.sysv && !area.anon_shared && !area.special &&
	       !area.hugetlb);
	vm_unmap(addr, size);
}

TEST(a_file_that_calls_itself_memory_is_not_taken_for_it)
{
	size_t size = vm_page_size();
	char path[128];
	scoped(fd) int fd = -1;
	struct vm_area area;
	void *addr;

	(void)snprintf(path, sizeof(path), "%s/SYSV00000000 (deleted)", test_directory());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT_EQ(ftruncate(fd, (off_t)size), 0);
	addr = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	area = area_at(addr, size);
	EXPECT(area.file && !area.sysv && !area.memfd && !area.hugetlb);
	vm_unmap(addr, size);
}

TEST(the_stack_is_special_and_the_heap_is_not)
{
	char on_stack = 0;
	char *program_break = sbrk((intptr_t)vm_page_size());

	EXPECT(area_at(&on_stack, 1).special);
	EXPECT(!area_at(program_break, 1).special);
}

TEST(huge_pages_are_known)
{
	size_t size = 2 << 20;
	void *addr = mmap(NULL, size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	struct vm_area area;

	if (addr == MAP_FAILED || fd < 0)
		SKIP("no huge pages here");
	area = area_at(addr, size);
	EXPECT(area.hugetlb && !area.anon_shared);
	vm_unmap(addr, size);
	addr = mmap(NULL, size, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	area = area_at(addr, size);
	EXPECT(area.hugetlb && area.memfd);
	vm_unmap(addr, size);
	(void)close(fd);
}

TEST(a_walk_visits_in_order_and_cuts_the_ends)
{
	char *addr = anonymous(40);
	struct found f = { .count = 0 };

	for (unsigned i = 0; i < 40; i += 2)
		EXPECT_EQ(vm_protect(addr + i * page, page, VM_READ), 0);
	EXPECT_EQ(vm_walk(addr, 40 * page, keep_area, &f), 0);
	EXPECT_EQ(f.count, 40);
	for (unsigned i = 0; i < 40; i++) {
		EXPECT_EQ(f.areas[i].start, (uintptr_t)addr + i * page);
		EXPECT_EQ(f.areas[i].end, (uintptr_t)addr + (i + 1) * page);
		EXPECT_EQ(f.areas[i].prot, i % 2 ? RW : VM_READ);
	}
	vm_unmap(addr, 40 * page);
}

TEST(a_walk_over_a_hole_visits_nothing)
{
	char *addr = anonymous(3);
	struct found f = { .count = 0 };

	vm_unmap(addr + page, page);
	EXPECT_EQ(vm_walk(addr, 3 * page, keep_area, &f), -EFAULT);
	EXPECT_EQ(vm_walk(addr + page, page, keep_area, &f), -EFAULT);
	EXPECT_EQ(vm_walk(addr, SIZE_MAX, keep_area, &f), -EFAULT);
	EXPECT_EQ(f.count, 0);
	vm_unmap(addr, 3 * page);
}

TEST(the_end_of_what_is_mapped_is_known_without_looking_it_up)
{
	char *addr = anonymous(1000);
	const uintptr_t at = (uintptr_t)addr, end = at + 900 * page;

	vm_unmap(addr + 900 * page, 100 * page);
	/* It is one run, of many mappings. */
	for (unsigned i = 0; i < 900; i += 7)
		EXPECT_EQ(vm_protect(addr + i * page, page, 0), 0);
	for (unsigned i = 0; i < 900; i += 13)
		EXPECT_EQ(vm_mapped_until(at + i * page), end);
	EXPECT_EQ(vm_mapped_until(end - page), end);
	EXPECT_EQ(vm_mapped_until(end), end);
	EXPECT_EQ(vm_mapped_until(UINTPTR_MAX - page + 1), UINTPTR_MAX - page + 1);
	vm_unmap(addr, 900 * page);
}

TEST(a_visitor_can_stop_the_walk)
{
	char *addr = anonymous(4);
	struct found f = { .stop_with = -EBUSY };

	EXPECT_EQ(vm_protect(addr, page, VM_READ), 0);
	EXPECT_EQ(vm_walk(addr, 4 * page, keep_area, &f), -EBUSY);
	EXPECT_EQ(f.count, 1);
	vm_unmap(addr, 4 * page);
}

TEST(a_walk_reads_past_very_long_names)
{
	size_t size = vm_page_size();
	char path[4000];
	scoped(fd) int fd = -1;
	struct found f = { .count = 0 };
	char *addr = anonymous(2);
	size_t length;

	length = (size_t)snprintf(path, sizeof(path), "%s", test_directory());
	EXPECT_EQ(chdir(path), 0);
	/* Newlines are shown as four characters each, so the line is longer than any path. */
	while (length + 202 < 3600) {
		char name[201];

		(void)memset(name, '\n', 200);
		name[200] = '\0';
		EXPECT_EQ(mkdir(name, 0700), 0);
		EXPECT_EQ(chdir(name), 0);
		length += 201;
	}
	fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT_EQ(ftruncate(fd, (off_t)size), 0);
	EXPECT(mmap(addr, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == addr);
	EXPECT_EQ(vm_walk(addr, 2 * size, keep_area, &f), 0);
	EXPECT_EQ(f.count, 2);
	EXPECT(f.areas[0].file && !f.areas[1].file);
	vm_unmap(addr, 2 * size);
}

TEST(the_object_behind_a_mapping_can_be_opened_with_privilege)
{
	scoped(fd) int fd = object_of(2);
	scoped(fd) int again = -1;
	struct vm_area area;
	void *addr;
	int r;

	EXPECT_EQ(memfd_write(fd, page, "x", 1), 0);
	EXPECT_EQ(vm_place(NULL, 2 * page, RW, fd, 0, &addr), 0);
	area = area_at((char *)addr + page, page);
	r = vm_open_backing(&area, true, &again);
	if (r == -EPERM)
		SKIP("needs CAP_CHECKPOINT_RESTORE");
	EXPECT_EQ(r, 0);
	EXPECT_EQ(memfd_write(again, page, "y", 1), 0);
	EXPECT_EQ(((char *)addr)[page], 'y');
	vm_unmap(addr, 2 * page);
}

TEST(without_privilege_the_object_stays_closed)
{
	scoped(fd) int fd = object_of(1);
	struct vm_area area;
	void *addr;
	int again;

	if (geteuid() != 0)
		SKIP("needs root to give privilege up");
	EXPECT_EQ(setuid(65534), 0);
	EXPECT_EQ(vm_place(NULL, page, RW, fd, 0, &addr), 0);
	area = area_at(addr, page);
	EXPECT_EQ(vm_open_backing(&area, true, &again), -EPERM);
	vm_unmap(addr, page);
}

TEST(pages_that_were_touched_are_found)
{
	char *addr = anonymous(2000);
	uintptr_t at = (uintptr_t)addr, end = at + 2000 * page, start, stop;

	EXPECT_EQ(madvise(addr, 2000 * page, MADV_NOHUGEPAGE), 0);
	EXPECT_EQ(vm_next_present(at, end, &start, &stop), -ENXIO);
	addr[3 * page] = addr[4 * page] = addr[1999 * page] = 'x';
	EXPECT_EQ(vm_next_present(at, end, &start, &stop), 0);
	EXPECT_EQ(start, at + 3 * page);
	EXPECT_EQ(stop, at + 5 * page);
	EXPECT_EQ(vm_next_present(stop, end, &start, &stop), 0);
	EXPECT_EQ(start, at + 1999 * page);
	EXPECT_EQ(stop, end);
	EXPECT_EQ(vm_next_present(stop, end, &start, &stop), -ENXIO);
	vm_unmap(addr, 2000 * page);
}

/* Runs @count() in a child that shares our private pages with us. */
static int in_child(uint64_t (*count)(void *arg), void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit((int)(count(arg) / page));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static uint64_t own_bytes_of_8(void *arg)
{
	char *addr = arg;

	/* One copy of its own. */
	addr[5 * page] = 'y';
	return vm_own_bytes(addr, 8 * page);
}

TEST(only_private_pages_that_nobody_shares_are_a_processs_own)
{
	scoped(fd) int fd = object_of(2);
	char *addr = anonymous(8);
	void *object;

	EXPECT_EQ(vm_own_bytes(addr, 8 * page), 0);
	addr[page] = addr[5 * page] = addr[7 * page] = 'x';
	/* What was only read has no page of its own. */
	EXPECT_EQ(*(volatile char *)(addr + 2 * page), 0);
	EXPECT_EQ(vm_own_bytes(addr, 8 * page), 3 * page);
	EXPECT_EQ(vm_own_bytes(addr + page, 6 * page), 2 * page);
	EXPECT_EQ(in_child(own_bytes_of_8, addr), 1);
	EXPECT_EQ(vm_place(NULL, 2 * page, RW, fd, 0, &object), 0);
	*(volatile char *)object = 'x';
	EXPECT_EQ(vm_own_bytes(object, 2 * page), 0);
	EXPECT_EQ(vm_replace_private(object, 2 * page, RW, fd, 0), 0);
	EXPECT_EQ(*(volatile char *)object, 'x');
	EXPECT_EQ(vm_own_bytes(object, 2 * page), 0);
	((volatile char *)object)[page] = 'y';
	EXPECT_EQ(vm_own_bytes(object, 2 * page), page);
	vm_unmap(object, 2 * page);
	vm_unmap(addr, 8 * page);
}

/* Few pages are asked about otherwise than many. */
static void expect_access(unsigned pages)
{
	const unsigned middle = pages / 2;
	char *addr = anonymous(pages);
	size_t size = pages * page;

	EXPECT_EQ(vm_check_access(addr, size, true), 0);
	EXPECT_EQ(mprotect(addr + middle * page, page, PROT_READ), 0);
	EXPECT_EQ(vm_check_access(addr, size, false), 0);
	EXPECT_EQ(vm_check_access(addr, size, true), -EFAULT);
	EXPECT_EQ(vm_check_access(addr, middle * page, true), 0);
	EXPECT_EQ(vm_check_access(addr, middle * page + 1, true), -EFAULT);
	EXPECT_EQ(vm_check_access(addr + (middle + 1) * page - 1, middle * page - page, true),
		  -EFAULT);
	EXPECT_EQ(vm_check_access(addr + (middle + 1) * page, middle * page - page, true), 0);
	EXPECT_EQ(mprotect(addr + middle * page, page, PROT_NONE), 0);
	EXPECT_EQ(vm_check_access(addr, size, false), -EFAULT);
	EXPECT_EQ(munmap(addr + middle * page, page), 0);
	EXPECT_EQ(vm_check_access(addr, size, false), -EFAULT);
	EXPECT_EQ(vm_check_access(addr, middle * page, false), 0);
	vm_unmap(addr, middle * page);
	vm_unmap(addr + (middle + 1) * page, size - (middle + 1) * page);
}

TEST(memory_that_cannot_be_read_or_written_is_told_without_a_signal)
{
	expect_access(8);
	expect_access(64);
}

TEST(no_memory_ends_beyond_the_address_space)
{
	char *addr = anonymous(1);

	EXPECT_EQ(vm_check_access(addr, 0, true), 0);
	EXPECT_EQ(vm_check_access(addr, SIZE_MAX - page, true), -EFAULT);
	EXPECT_EQ(vm_check_access(addr, SIZE_MAX - (uintptr_t)addr, true), -EFAULT);
	EXPECT_EQ(vm_check_access((void *)(UINTPTR_MAX - 1), 1, false), -EFAULT);
	vm_unmap(addr, page);
}
