/* SPDX-License-Identifier: MIT */
#include "sys/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/vm.h"
#include "test.h"

static size_t page;

static int object_of(unsigned pages)
{
	int fd;

	page = vm_page_size();
	EXPECT_EQ(memfd_new("test", pages * page, &fd), 0);
	return fd;
}

TEST(a_new_object_is_sealed_private_and_empty)
{
	scoped(fd) int fd = object_of(3);
	uint64_t size, bytes;
	struct stat st;

	EXPECT_EQ(fstat(fd, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0600);
	EXPECT_EQ(st.st_size, 3 * page);
	EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	EXPECT(ftruncate(fd, (off_t)page) < 0);
	EXPECT(ftruncate(fd, (off_t)(9 * page)) < 0);
	EXPECT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
	EXPECT_EQ(memfd_verify(fd, &size), 0);
	EXPECT_EQ(size, 3 * page);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 0);
}

TEST(an_object_of_no_bytes_or_too_many_is_refused)
{
	int fd;

	EXPECT_EQ(memfd_new("test", 0, &fd), -EINVAL);
	EXPECT_EQ(memfd_new("test", UINT64_MAX, &fd), -EINVAL);
}

TEST(an_object_shows_its_name_in_maps)
{
	scoped(fd) int fd = object_of(1);
	unsigned before = test_count_memfd_mappings();
	void *addr;

	EXPECT_EQ(vm_place(NULL, page, VM_READ, fd, 0, &addr), 0);
	EXPECT_EQ(test_count_memfd_mappings(), before + 1);
	vm_unmap(addr, page);
}

TEST(a_readonly_description_cannot_write)
{
	scoped(fd) int fd = object_of(1);
	scoped(fd) int readonly = -1;
	char byte = 0;
	void *addr;

	EXPECT_EQ(memfd_reopen_readonly(fd, &readonly), 0);
	EXPECT_EQ(fcntl(readonly, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	EXPECT_EQ(memfd_write(readonly, 0, "x", 1), -EBADF);
	EXPECT_EQ(vm_place(NULL, page, VM_READ | VM_WRITE, readonly, 0, &addr), -EACCES);
	EXPECT_EQ(memfd_punch(readonly, 0, page), -EBADF);
	EXPECT_EQ(memfd_write(fd, 0, "x", 1), 0);
	EXPECT_EQ(pread(readonly, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 'x');
}

TEST(another_user_cannot_reopen_a_readonly_description)
{
	scoped(fd) int fd = object_of(1);
	scoped(fd) int readonly = -1;
	char path[64];

	if (geteuid() != 0)
		SKIP("needs root to become another user");
	EXPECT_EQ(memfd_reopen_readonly(fd, &readonly), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", readonly);
	EXPECT_EQ(seteuid(65534), 0);
	EXPECT(open(path, O_RDWR | O_CLOEXEC) < 0);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(seteuid(0), 0);
}

TEST(objects_made_otherwise_are_not_accepted)
{
	uint64_t size = 7;
	int unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int open_to_all = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int pipe[2];

	EXPECT_EQ(fchmod(unsealed, 0600), 0);
	EXPECT_EQ(memfd_verify(unsealed, &size), -EPERM);
	EXPECT_EQ(fchmod(open_to_all, 0644), 0);
	EXPECT_EQ(fcntl(open_to_all, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
		  0);
	EXPECT_EQ(memfd_verify(open_to_all, &size), -EPERM);
	EXPECT_EQ(pipe2(pipe, O_CLOEXEC), 0);
	EXPECT_EQ(memfd_verify(pipe[0], &size), -EPERM);
	EXPECT_EQ(memfd_verify(-1, &size), -EPERM);
	EXPECT_EQ(size, 7);
	(void)close(unsealed);
	(void)close(open_to_all);
	(void)close(pipe[0]);
	(void)close(pipe[1]);
}

TEST(punching_gives_pages_back_to_everyone)
{
	scoped(fd) int fd = object_of(4);
	uint64_t bytes;
	char *addr;

	EXPECT_EQ(vm_place(NULL, 4 * page, VM_READ | VM_WRITE, fd, 0, (void **)&addr), 0);
	(void)memset(addr, 'x', 4 * page);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 4 * page);
	EXPECT_EQ(memfd_punch(fd, page, 2 * page), 0);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 2 * page);
	EXPECT_EQ(addr[page - 1], 'x');
	EXPECT_EQ(addr[page], 0);
	EXPECT_EQ(addr[3 * page], 'x');
	vm_unmap(addr, 4 * page);
}

TEST(runs_of_data_are_found_in_order)
{
	scoped(fd) int fd = object_of(10);
	uint64_t start, end;

	EXPECT_EQ(memfd_next_data(fd, 0, &start, &end), -ENXIO);
	EXPECT_EQ(memfd_write(fd, 2 * page, "x", 1), 0);
	EXPECT_EQ(memfd_write(fd, 4 * page - 1, "xy", 2), 0);
	EXPECT_EQ(memfd_write(fd, 9 * page, "x", 1), 0);
	EXPECT_EQ(memfd_next_data(fd, 0, &start, &end), 0);
	EXPECT_EQ(start, 2 * page);
	EXPECT_EQ(end, 5 * page);
	EXPECT_EQ(memfd_next_data(fd, end, &start, &end), 0);
	EXPECT_EQ(start, 9 * page);
	EXPECT_EQ(end, 10 * page);
	EXPECT_EQ(memfd_next_data(fd, end, &start, &end), -ENXIO);
}

TEST(writing_beyond_the_object_fails)
{
	scoped(fd) int fd = object_of(1);

	EXPECT_EQ(memfd_write(fd, page, "x", 1), -EPERM);
	EXPECT_EQ(memfd_write(fd, UINT64_MAX, "x", 1), -EINVAL);
	EXPECT_EQ(memfd_write(fd, 0, "", 0), 0);
}

TEST(what_was_written_is_read_but_not_beyond_the_object_nor_to_nowhere)
{
	scoped(fd) int fd = object_of(2);
	char bytes[3] = "";

	EXPECT_EQ(memfd_write(fd, page - 1, "xy", 2), 0);
	EXPECT_EQ(memfd_read(fd, page - 1, bytes, 2), 0);
	EXPECT_STR(bytes, "xy");
	EXPECT_EQ(memfd_read(fd, 2 * page - 1, bytes, 2), -EIO);
	EXPECT_EQ(memfd_read(fd, UINT64_MAX, bytes, 1), -EINVAL);
	EXPECT_EQ(memfd_read(fd, 0, (void *)1, 1), -EFAULT);
}

TEST(a_walk_over_data_comes_in_parts_and_ends_at_its_limit)
{
	scoped(fd) int fd = object_of(10);
	struct memfd_walk walk = { .fd = fd, .at = page, .limit = 9 * page };
	uint64_t offset;
	size_t size;

	/* Pages 0 to 3, and 8 to 9. */
	EXPECT_EQ(memfd_write(fd, 0, "x", 1), 0);
	EXPECT_EQ(memfd_write(fd, 2 * page - 1, "xy", 2), 0);
	EXPECT_EQ(memfd_write(fd, 3 * page, "x", 1), 0);
	EXPECT_EQ(memfd_write(fd, 9 * page - 1, "xy", 2), 0);
	EXPECT_EQ(memfd_walk_next(&walk, 2 * page, &offset, &size), 1);
	EXPECT_EQ(offset, page);
	EXPECT_EQ(size, 2 * page);
	EXPECT_EQ(memfd_walk_next(&walk, 2 * page, &offset, &size), 1);
	EXPECT_EQ(offset, 3 * page);
	EXPECT_EQ(size, page);
	EXPECT_EQ(memfd_walk_next(&walk, 2 * page, &offset, &size), 1);
	EXPECT_EQ(offset, 8 * page);
	EXPECT_EQ(size, page);
	EXPECT_EQ(memfd_walk_next(&walk, 2 * page, &offset, &size), 0);
	EXPECT_EQ(memfd_walk_next(&walk, 2 * page, &offset, &size), 0);
	walk = (struct memfd_walk){ .fd = fd, .at = 4 * page, .limit = 7 * page };
	EXPECT_EQ(memfd_walk_next(&walk, page, &offset, &size), 0);
	walk = (struct memfd_walk){ .fd = -1, .limit = page };
	EXPECT_EQ(memfd_walk_next(&walk, page, &offset, &size), -EBADF);
}

static int freezable_of(unsigned pages)
{
	int fd;

	page = vm_page_size();
	EXPECT_EQ(memfd_new_as("test", pages * page, MEMFD_FREEZABLE, &fd), 0);
	return fd;
}

TEST(a_frozen_object_is_as_it_is_for_good)
{
	scoped(fd) int fd = freezable_of(2);
	char bytes[3] = "";
	uint64_t size;
	void *addr;

	EXPECT_EQ(memfd_write(fd, page, "xy", 2), 0);
	EXPECT_EQ(memfd_freeze(fd), 0);
	EXPECT_EQ(memfd_write(fd, page, "z", 1), -EPERM);
	EXPECT_EQ(memfd_punch(fd, page, page), -EPERM);
	EXPECT_EQ(vm_place(NULL, page, VM_READ | VM_WRITE, fd, 0, &addr), -EPERM);
	EXPECT_EQ(memfd_read(fd, page, bytes, 2), 0);
	EXPECT_STR(bytes, "xy");
	EXPECT_EQ(memfd_freeze(fd), 0);
	/* Nothing more is sealed, and that is how an object of ours looks. */
	EXPECT_EQ(memfd_verify(fd, &size), 0);
}

TEST(who_can_write_keeps_an_object_from_being_frozen)
{
	scoped(fd) int fd = freezable_of(1);
	scoped(fd) int readonly = -1;
	void *writing, *reading;

	EXPECT_EQ(memfd_reopen_readonly(fd, &readonly), 0);
	EXPECT_EQ(vm_place(NULL, page, VM_READ | VM_WRITE, fd, 0, &writing), 0);
	EXPECT_EQ(vm_place(NULL, page, VM_READ, readonly, 0, &reading), 0);
	EXPECT_EQ(memfd_freeze(fd), -EBUSY);
	((char *)writing)[0] = 'x';
	vm_unmap(writing, page);
	EXPECT_EQ(memfd_freeze(fd), 0);
	EXPECT_EQ(((char *)reading)[0], 'x');
	vm_unmap(reading, page);
}

TEST(what_was_not_made_to_be_frozen_is_not)
{
	scoped(fd) int fd = object_of(1);

	EXPECT_EQ(memfd_freeze(fd), -EPERM);
	EXPECT_EQ(memfd_write(fd, 0, "x", 1), 0);
	EXPECT_EQ(memfd_freeze(-1), -EBADF);
}

TEST(a_freezable_object_is_otherwise_as_any)
{
	scoped(fd) int fd = freezable_of(1);
	struct stat st;

	EXPECT_EQ(fstat(fd, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0600);
	EXPECT_EQ(fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
		  F_SEAL_SHRINK | F_SEAL_GROW);
	EXPECT(ftruncate(fd, 0) < 0);
}

TEST(copying_data_leaves_holes_and_what_is_outside_alone)
{
	scoped(fd) int from = object_of(8);
	scoped(fd) int to = object_of(8);
	uint64_t bytes, start, end;
	char text[5] = "";

	EXPECT_EQ(memfd_write(from, 0, "out", 3), 0);
	EXPECT_EQ(memfd_write(from, 2 * page - 2, "data", 4), 0);
	EXPECT_EQ(memfd_write(from, 6 * page, "out", 3), 0);
	EXPECT_EQ(memfd_copy_data(to, from, page, 5 * page), 0);
	EXPECT_EQ(memfd_resident(to, &bytes), 0);
	EXPECT_EQ(bytes, 2 * page);
	EXPECT_EQ(memfd_next_data(to, 0, &start, &end), 0);
	EXPECT_EQ(start, page);
	EXPECT_EQ(end, 3 * page);
	EXPECT_EQ(memfd_read(to, 2 * page - 2, text, 4), 0);
	EXPECT_STR(text, "data");
	EXPECT_EQ(memfd_copy_data(to, from, UINT64_MAX, 2), -EINVAL);
	EXPECT_EQ(memfd_copy_data(-1, from, 0, page), -EBADF);
}
