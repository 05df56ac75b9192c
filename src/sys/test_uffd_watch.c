/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "sys/memfd.h"
#include "sys/uffd.h"
#include "sys/vm.h"
#include "test.h"

#define PAGES 4u

struct field {
	struct uffd u;
	size_t page, size;
	char *addr;
	char *content;
	char *own; /* the same object */
};

static void field_up(struct field *f, bool shown)
{
	void *addr, *content, *own;
	int fd, r = uffd_open_watching(&f->u);

	if (r == -EPERM || r == -ENOSYS || r == -EOPNOTSUPP)
		SKIP("userfaultfd, or its write protection, is not to be had here");
	EXPECT_EQ(r, 0);
	f->page = vm_page_size();
	f->size = PAGES * f->page;
	EXPECT_EQ(memfd_new("watched", f->size, &fd), 0);
	EXPECT_EQ(vm_place(NULL, f->size, VM_READ | VM_WRITE, fd, 0, &addr), 0);
	EXPECT_EQ(vm_place(NULL, f->size, VM_READ | VM_WRITE, fd, 0, &own), 0);
	(void)close(fd);
	EXPECT_EQ(vm_anonymous(f->size, VM_READ | VM_WRITE, &content), 0);
	f->addr = addr;
	f->own = own;
	f->content = content;
	for (unsigned i = 0; i < PAGES; i++)
		memset(f->content + i * f->page, 'a' + (int)i, f->page);
	EXPECT_EQ(uffd_watch(&f->u, f->addr, f->size, true, shown), 0);
}

static void field_down(struct field *f)
{
	uffd_close(&f->u);
	vm_unmap(f->addr, f->size);
	vm_unmap(f->own, f->size);
	vm_unmap(f->content, f->size);
}

/* A thread that stores a byte, and says when it has. */
struct storer {
	pthread_t thread;
	volatile char *at;
	char before;
	_Atomic bool done;
};

static void *store(void *arg)
{
	struct storer *s = arg;

	s->before = *s->at;
	*s->at = 'x';
	atomic_store(&s->done, true);
	return NULL;
}

static void storer_start(struct storer *s, char *at)
{
	s->at = at;
	EXPECT_EQ(pthread_create(&s->thread, NULL, store, s), 0);
}

static struct uffd_fault next_fault(struct field *f)
{
	struct pollfd fd = { .fd = f->u.fd, .events = POLLIN };
	struct uffd_fault fault = { 0 };

	EXPECT_EQ(poll(&fd, 1, 15000), 1);
	EXPECT_EQ(uffd_next(&f->u, &fault), 0);
	return fault;
}

static void watch_a_store(void)
{
	struct storer s = { 0 };
	struct uffd_fault fault;
	struct field f;

	field_up(&f, false);
	EXPECT_EQ(uffd_next(&f.u, &fault), -EAGAIN);
	storer_start(&s, f.addr + f.page + 5);
	fault = next_fault(&f);
	EXPECT_EQ(fault.page, (uintptr_t)f.addr + f.page);
	EXPECT(!fault.protected && !fault.write);
	EXPECT_EQ(uffd_bring(&f.u, f.addr, f.size, f.content, true), 0);
	EXPECT_EQ(uffd_bring(&f.u, f.addr, f.page, f.content, true), -EEXIST);
	EXPECT_EQ(uffd_wake(&f.u, f.addr, f.size), 0);
	/* It reads, and then it stores. */
	fault = next_fault(&f);
	EXPECT_EQ(fault.page, (uintptr_t)f.addr + f.page);
	EXPECT(fault.protected && fault.write);
	EXPECT(!atomic_load(&s.done));
	EXPECT_EQ(uffd_set_protected(&f.u, f.addr + f.page, f.page, false), 0);
	EXPECT_EQ(pthread_join(s.thread, NULL), 0);
	EXPECT_EQ(s.before, 'b');
	EXPECT_EQ(f.addr[f.page + 5], 'x');
	EXPECT_EQ(f.own[f.page + 5], 'x');
	EXPECT_EQ(f.addr[0], 'a');
	/* Once more protected, the next store is asked about, too. */
	EXPECT_EQ(uffd_set_protected(&f.u, f.addr, f.size, true), 0);
	storer_start(&s, f.addr + f.page);
	EXPECT(next_fault(&f).protected);
	EXPECT_EQ(uffd_release(&f.u, f.addr, f.size), 0);
	EXPECT_EQ(pthread_join(s.thread, NULL), 0);
	EXPECT_EQ(f.addr[f.page], 'x');
	field_down(&f);
}

TEST(every_first_store_to_a_protected_page_is_told)
{
	watch_a_store();
}

static void become_nobody(void)
{
	if (geteuid() != 0)
		SKIP("is without privilege already");
	EXPECT_EQ(setgid(65534), 0);
	EXPECT_EQ(setuid(65534), 0);
}

TEST(stores_are_told_without_privilege)
{
	become_nobody();
	watch_a_store();
}

TEST(pages_that_went_are_asked_for_again)
{
	struct storer s = { 0 };
	struct field f;

	field_up(&f, false);
	EXPECT_EQ(uffd_bring(&f.u, f.addr, f.size, f.content, true), 0);
	EXPECT_EQ(vm_remove_pages(f.own, f.size), 0);
	storer_start(&s, f.addr + 2 * f.page);
	EXPECT_EQ(next_fault(&f).page, (uintptr_t)f.addr + 2 * f.page);
	EXPECT_EQ(f.own[2 * f.page], 0);
	EXPECT_EQ(uffd_release(&f.u, f.addr, f.size), 0);
	EXPECT_EQ(pthread_join(s.thread, NULL), 0);
	EXPECT_EQ(s.before, 0);
	EXPECT_EQ(f.own[2 * f.page], 'x');
	field_down(&f);
}

/* The pages stay where they are, and are shown, or not. */
TEST(pages_are_shown_and_hidden_and_stores_to_them_are_told)
{
	struct storer s = { 0 };
	struct field f;

	field_up(&f, true);
	if (!uffd_can_show(&f.u))
		SKIP("the kernel does not show pages that are protected");
	memcpy(f.own, f.content, f.size);
	for (char round = 0; round < 3; round++) {
		f.own[f.page + 5] = round;
		storer_start(&s, f.addr + f.page + 5);
		EXPECT(!next_fault(&f).protected);
		EXPECT_EQ(uffd_show(&f.u, f.addr, f.size, true), 0);
		EXPECT_EQ(uffd_show(&f.u, f.addr, f.page, true), -EEXIST);
		EXPECT_EQ(uffd_wake(&f.u, f.addr, f.size), 0);
		EXPECT(next_fault(&f).protected);
		EXPECT_EQ(f.own[f.page + 5], round);
		EXPECT_EQ(uffd_set_protected(&f.u, f.addr + f.page, f.page, false), 0);
		EXPECT_EQ(pthread_join(s.thread, NULL), 0);
		EXPECT_EQ(s.before, round);
		EXPECT_EQ(f.own[f.page + 5], 'x');
		EXPECT_EQ(vm_drop_pages(f.addr, f.size), 0);
	}
	field_down(&f);
}

static bool kernel_waits(void)
{
	char setting = '0';
	int fd = open("/proc/sys/vm/unprivileged_userfaultfd", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!read(fd, &setting, 1);
		(void)close(fd);
	}
	return setting != '0' || access("/dev/userfaultfd", R_OK | W_OK) == 0;
}

/* What the manual says of system calls. */
TEST(the_kernel_does_not_wait_for_a_page_without_privilege)
{
	struct field f;
	int fds[2];

	become_nobody();
	if (kernel_waits())
		SKIP("userfaultfd is not restricted to user mode here");
	field_up(&f, false);
	EXPECT_EQ(pipe(fds), 0);
	EXPECT_EQ(write(fds[1], f.addr, 1), -1);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_EQ(uffd_bring(&f.u, f.addr, f.size, f.content, true), 0);
	EXPECT_EQ(write(fds[1], f.addr, 1), 1);
	(void)close(fds[0]);
	(void)close(fds[1]);
	field_down(&f);
}
