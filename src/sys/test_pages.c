/* SPDX-License-Identifier: MIT */
#include "sys/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/host.h"
#include "sys/memfd.h"
#include "sys/vm.h"
#include "test.h"

#define RW (VM_READ | VM_WRITE)
#define NOBODY 65534

static size_t page;

static int object_of(uint64_t size)
{
	int fd;

	page = vm_page_size();
	EXPECT_EQ(memfd_new("test", size, &fd), 0);
	return fd;
}

TEST(looking_tells_what_is_there_and_takes_nothing)
{
	const unsigned char expected[8] = { 0, 1, 0, 0, 1, 1, 0, 0 };
	scoped(fd) int fd = object_of((uint64_t)8 * vm_page_size());
	scoped(pages_view) struct pages_view view = { 0 };
	unsigned char there[8];
	uint64_t bytes;

	EXPECT_EQ(memfd_write(fd, page, "x", 1), 0);
	EXPECT_EQ(memfd_write(fd, 5 * page - 1, "xy", 2), 0);
	EXPECT_EQ(pages_view(fd, VM_READ, 0, 8 * page, &view), 0);
	EXPECT_EQ(pages_look(&view, page, there), 0);
	EXPECT_EQ(memcmp(there, expected, sizeof(there)), 0);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 3 * page);
}

TEST(views_lie_as_huge_pages_do)
{
	const size_t large = (size_t)2 << 20;
	scoped(fd) int fd = object_of(3 * large);
	scoped(pages_view) struct pages_view first = { 0 }, second = { 0 };

	EXPECT_EQ(memfd_write(fd, large + page, "x", 1), 0);
	EXPECT_EQ(pages_view(fd, VM_READ, large, large, &first), 0);
	/* Where the first has the best place. */
	EXPECT_EQ(pages_view(fd, VM_READ, large + page, large, &second), 0);
	EXPECT_EQ((uintptr_t)first.addr % large, 0);
	EXPECT_EQ((uintptr_t)second.addr % large, page);
	EXPECT_EQ(first.addr[page], 'x');
	EXPECT_EQ(second.addr[0], 'x');
	pages_view_end(&second);
	EXPECT_EQ(pages_view(9999, VM_READ, 0, large, &second), -EBADF);
	EXPECT_EQ(second.size, 0);
}

/* Does the kernel make huge pages for shared memory that asks for them? */
static bool kernel_may(void)
{
	scoped(fd) int fd =
		open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[got > 0 ? got : 0] = '\0';
	return got > 0 && !strstr(text, "[never]") && !strstr(text, "[deny]");
}

TEST(filling_with_huge_pages_takes_all_and_says_truly_which_it_got)
{
	const size_t large = pages_huge_size(), size = 4 * (large ? large : (size_t)2 << 20);
	scoped(fd) int fd = object_of(size);
	scoped(pages_view) struct pages_view view = { 0 };
	scoped(mem) unsigned char *there = malloc(size / vm_page_size());
	uint64_t bytes, huge;

	EXPECT_EQ(memfd_write(fd, size / 2, "x", 1), 0);
	EXPECT_EQ(pages_fill_huge(fd, 0, size), 0);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, size);
	EXPECT_EQ(pages_view(fd, VM_READ, 0, size, &view), 0);
	EXPECT_EQ(view.addr[size / 2], 'x');
	EXPECT_EQ(pages_look(&view, page, there), 0);
	EXPECT_EQ(pages_count_huge(&view, &huge), 0);
	if (!large || !kernel_may())
		EXPECT_EQ(huge, 0);
	else
		EXPECT(huge <= size && huge % large == 0);
	EXPECT_EQ(memfd_punch(fd, 0, size), 0);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 0);
	EXPECT_EQ(view.addr[size / 2], 0);
}

TEST(filling_what_cannot_be_written_fails)
{
	scoped(fd) int fd = object_of((uint64_t)2 << 20);
	scoped(fd) int readonly = -1;

	EXPECT_EQ(memfd_reopen_readonly(fd, &readonly), 0);
	EXPECT_EQ(pages_fill_huge(readonly, 0, (size_t)2 << 20), -EACCES);
}

TEST(huge_pages_that_were_set_aside_are_promised_then_taken_and_given_back)
{
	scoped(fd) int fd = -1;
	scoped(fd) int reader = -1;
	scoped(pages_view) struct pages_view view = { 0 };
	uint64_t size, spare, left, bytes;
	unsigned char there[2];

	if (host_huge_pages(&size, &spare) < 0 || spare < 2 * size || size > (2 << 20))
		SKIP("this host has no two huge pages set aside");
	EXPECT_EQ(memfd_new_as("test", size + vm_page_size(), MEMFD_HUGE, &fd), -EINVAL);
	EXPECT_EQ(memfd_new_as("test", 2 * size, MEMFD_HUGE | MEMFD_FREEZABLE, &fd), 0);
	EXPECT_EQ(pages_promise(fd, 2 * size), 0);
	EXPECT_EQ(host_huge_pages(&size, &left), 0);
	EXPECT_EQ(left, spare - 2 * size);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 0);
	EXPECT_EQ(memfd_fill(fd, 0, 2 * size), 0);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 2 * size);
	EXPECT_EQ(memfd_reopen_readonly(fd, &reader), 0);
	EXPECT_EQ(pages_view(reader, VM_READ, 0, 2 * size, &view), 0);
	EXPECT_EQ(pages_look(&view, size, there), 0);
	EXPECT(there[0] && there[1]);
	EXPECT_EQ(pages_count_huge(&view, &bytes), 0);
	EXPECT_EQ(bytes, 2 * size);
	pages_view_end(&view);
	EXPECT_EQ(memfd_punch(fd, 0, 2 * size), 0);
	EXPECT_EQ(memfd_resident(fd, &bytes), 0);
	EXPECT_EQ(bytes, 0);
	EXPECT_EQ(memfd_freeze(fd), 0);
	EXPECT_EQ(memfd_punch(fd, 0, size), -EPERM);
}

TEST(more_huge_pages_than_were_set_aside_are_not_promised)
{
	uint64_t size, spare, left;
	scoped(fd) int fd = -1;

	if (host_huge_pages(&size, &spare) < 0)
		SKIP("this kernel has no huge pages to set aside");
	EXPECT_EQ(memfd_new_as("test", spare + 1024 * size, MEMFD_HUGE, &fd), 0);
	EXPECT_EQ(pages_promise(fd, spare + 1024 * size), -ENOMEM);
	EXPECT_EQ(host_huge_pages(&size, &left), 0);
	EXPECT_EQ(left, spare);
}

/* ---- where they are --------------------------------------------------------------------- */

static bool can_see_frames(void)
{
	scoped(fd) int fd = object_of(vm_page_size());
	scoped(pages_view) struct pages_view view = { 0 };
	unsigned char there;
	uint64_t base;

	EXPECT_EQ(memfd_write(fd, 0, "x", 1), 0);
	EXPECT_EQ(pages_view(fd, VM_READ, 0, page, &view), 0);
	EXPECT_EQ(pages_look(&view, page, &there), 0);
	return pages_physical(&view, &base) == 0;
}

TEST(the_kernel_tells_nobody_else_where_pages_are)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root to become another user");
	pid = fork();
	if (pid == 0)
		_exit(setuid(NOBODY) < 0 || can_see_frames());
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(two_views_of_a_page_are_at_one_physical_address)
{
	scoped(fd) int fd = object_of((uint64_t)2 * vm_page_size());
	scoped(pages_view) struct pages_view first = { 0 }, second = { 0 }, both = { 0 };
	uint64_t base = 0, again = 0, untouched = 7;
	unsigned char there[2];

	if (!can_see_frames())
		SKIP("needs CAP_SYS_ADMIN to see physical addresses");
	EXPECT_EQ(memfd_write(fd, 0, "x", 1), 0);
	EXPECT_EQ(pages_view(fd, VM_READ, 0, page, &first), 0);
	EXPECT_EQ(pages_view(fd, VM_READ, 0, page, &second), 0);
	EXPECT_EQ(pages_view(fd, VM_READ, 0, 2 * page, &both), 0);
	/* Not looked at: not in the mapping. */
	EXPECT_EQ(pages_physical(&first, &untouched), -EOPNOTSUPP);
	EXPECT_EQ(pages_look(&first, page, there), 0);
	EXPECT_EQ(pages_look(&second, page, there), 0);
	EXPECT_EQ(pages_look(&both, page, there), 0);
	EXPECT_EQ(pages_physical(&first, &base), 0);
	EXPECT_EQ(pages_physical(&second, &again), 0);
	EXPECT_EQ(base, again);
	EXPECT(base != 0 && base % page == 0);
	/* The second page of it is nowhere. */
	EXPECT_EQ(pages_physical(&both, &untouched), -EOPNOTSUPP);
	EXPECT_EQ(untouched, 7);
}

static uint64_t locked_kib(void)
{
	scoped(fd) int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t got = read(fd, text, sizeof(text) - 1);
	const char *at;
	unsigned long kib = 0;

	text[got > 0 ? got : 0] = '\0';
	at = strstr(text, "VmLck:");
	EXPECT(at && sscanf(at, "VmLck: %lu", &kib) == 1);
	return kib;
}

TEST(a_locked_view_is_counted_as_locked_until_it_ends)
{
	scoped(fd) int fd = object_of((uint64_t)4 * vm_page_size());
	scoped(pages_view) struct pages_view view = { 0 };
	uint64_t before = locked_kib();

	EXPECT_EQ(pages_view(fd, RW, 0, 4 * page, &view), 0);
	EXPECT_EQ(pages_lock(&view), 0);
	EXPECT_EQ(locked_kib(), before + 4 * page / 1024);
	pages_view_end(&view);
	EXPECT_EQ(locked_kib(), before);
}
