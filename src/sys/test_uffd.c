/* SPDX-License-Identifier: MIT */
#include "sys/uffd.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/memfd.h"
#include "sys/vm.h"
#include "test.h"

#define PAGES 16u

/*
 * A thread that counts upwards in a word of every page, and beside it how far it has come.  If
 * a store were lost, a word would fall behind.
 */
struct hammer {
	_Atomic uint64_t *words;
	size_t stride;
	_Atomic uint64_t rounds;
	_Atomic uint64_t steps;
	_Atomic bool done;
	_Atomic bool lost;
	pthread_t thread;
};

static void *hammer_run(void *arg)
{
	struct hammer *h = arg;

	for (uint64_t round = 1; !atomic_load(&h->done); round++) {
		for (unsigned page = 0; page < PAGES; page++) {
			_Atomic uint64_t *word = h->words + page * h->stride;

			if (atomic_load(word) != round - 1)
				atomic_store(&h->lost, true);
			atomic_store(word, round);
			atomic_fetch_add(&h->steps, 1);
		}
		atomic_store(&h->rounds, round);
	}
	return NULL;
}

static void hammer_start(struct hammer *h, void *addr)
{
	h->words = addr;
	h->stride = vm_page_size() / sizeof(uint64_t);
	EXPECT_EQ(pthread_create(&h->thread, NULL, hammer_run, h), 0);
	EXPECT_WITHIN(10000, atomic_load(&h->rounds) > 10);
}

/* Every word has the number of the last round, wherever the pages are now. */
static void hammer_stop(struct hammer *h)
{
	uint64_t rounds = atomic_load(&h->rounds);

	EXPECT_WITHIN(10000, atomic_load(&h->rounds) > rounds + 10);
	atomic_store(&h->done, true);
	EXPECT_EQ(pthread_join(h->thread, NULL), 0);
	EXPECT(!atomic_load(&h->lost));
	for (unsigned page = 0; page < PAGES; page++)
		EXPECT_EQ(atomic_load(h->words + page * h->stride), atomic_load(&h->rounds));
}

/* The thread may finish the step it is in, whenever it gets to run, and then must not get on.
 */
static void expect_no_progress(struct hammer *h)
{
	uint64_t steps = atomic_load(&h->steps);

	test_pause_us(50000);
	EXPECT(atomic_load(&h->steps) <= steps + 1);
}

static struct uffd open_or_skip(void)
{
	struct uffd u;
	int r = uffd_open(&u);

	if (r == -EPERM || r == -ENOSYS)
		SKIP("userfaultfd is not to be had here");
	EXPECT_EQ(r, 0);
	return u;
}

static void move_private_memory(void)
{
	size_t size = PAGES * vm_page_size();
	struct uffd u = open_or_skip();
	struct hammer h = { 0 };
	scoped(fd) int fresh = -1;
	void *addr, *moved;

	EXPECT_EQ(memfd_new("fresh", size, &fresh), 0);
	EXPECT_EQ(vm_anonymous(size, VM_READ | VM_WRITE, &addr), 0);
	hammer_start(&h, addr);
	EXPECT_EQ(uffd_hold(&u, addr, size, 0), 0);
	EXPECT_EQ(vm_vacate(addr, size, &moved), 0);
	expect_no_progress(&h);
	EXPECT_EQ(memfd_write(fresh, 0, moved, size), 0);
	EXPECT_EQ(vm_replace(addr, size, VM_READ | VM_WRITE, fresh, 0), 0);
	EXPECT_EQ(uffd_wake(&u, addr, size), 0);
	hammer_stop(&h);
	vm_unmap(moved, size);
	vm_unmap(addr, size);
	uffd_close(&u);
}

static void move_shared_memory(void)
{
	size_t size = PAGES * vm_page_size();
	struct uffd u = open_or_skip();
	struct hammer h = { 0 };
	scoped(fd) int old = -1, fresh = -1;
	void *addr, *window;

	EXPECT_EQ(memfd_new("old", size, &old), 0);
	EXPECT_EQ(memfd_new("fresh", size, &fresh), 0);
	EXPECT_EQ(vm_place(NULL, size, VM_READ | VM_WRITE, old, 0, &addr), 0);
	EXPECT_EQ(vm_place(NULL, size, VM_READ, old, 0, &window), 0);
	hammer_start(&h, addr);
	EXPECT_EQ(uffd_hold(&u, addr, size, 1), 0);
	EXPECT_EQ(vm_drop_pages(addr, size), 0);
	expect_no_progress(&h);
	EXPECT_EQ(memfd_write(fresh, 0, window, size), 0);
	EXPECT_EQ(vm_replace(addr, size, VM_READ | VM_WRITE, fresh, 0), 0);
	EXPECT_EQ(uffd_wake(&u, addr, size), 0);
	hammer_stop(&h);
	vm_unmap(window, size);
	vm_unmap(addr, size);
	uffd_close(&u);
}

TEST(private_memory_moves_under_a_writer_and_no_store_is_lost)
{
	move_private_memory();
}

TEST(shared_memory_moves_under_a_writer_and_no_store_is_lost)
{
	move_shared_memory();
}

static void become_nobody(void)
{
	if (geteuid() != 0)
		SKIP("is without privilege already");
	EXPECT_EQ(setgid(65534), 0);
	EXPECT_EQ(setuid(65534), 0);
}

TEST(private_memory_moves_without_privilege)
{
	become_nobody();
	move_private_memory();
}

TEST(shared_memory_moves_without_privilege)
{
	become_nobody();
	move_shared_memory();
}

TEST(releasing_lets_a_writer_go_on)
{
	size_t size = PAGES * vm_page_size();
	struct uffd u = open_or_skip();
	struct hammer h = { 0 };
	scoped(fd) int fd = -1;
	void *addr;

	EXPECT_EQ(memfd_new("held", size, &fd), 0);
	EXPECT_EQ(vm_place(NULL, size, VM_READ | VM_WRITE, fd, 0, &addr), 0);
	hammer_start(&h, addr);
	EXPECT_EQ(uffd_hold(&u, addr, size, 1), 0);
	EXPECT_EQ(vm_drop_pages(addr, size), 0);
	expect_no_progress(&h);
	EXPECT_EQ(uffd_release(&u, addr, size), 0);
	hammer_stop(&h);
	vm_unmap(addr, size);
	uffd_close(&u);
}

TEST(closing_lets_a_writer_go_on)
{
	size_t size = PAGES * vm_page_size();
	struct uffd u = open_or_skip();
	struct hammer h = { 0 };
	scoped(fd) int fd = -1;
	void *addr;

	EXPECT_EQ(memfd_new("held", size, &fd), 0);
	EXPECT_EQ(vm_place(NULL, size, VM_READ | VM_WRITE, fd, 0, &addr), 0);
	hammer_start(&h, addr);
	EXPECT_EQ(uffd_hold(&u, addr, size, 1), 0);
	EXPECT_EQ(vm_drop_pages(addr, size), 0);
	expect_no_progress(&h);
	uffd_close(&u);
	hammer_stop(&h);
	vm_unmap(addr, size);
}

TEST(what_is_not_mapped_cannot_be_held)
{
	size_t size = vm_page_size();
	struct uffd u = open_or_skip();
	void *addr;

	EXPECT_EQ(vm_anonymous(size, VM_READ, &addr), 0);
	vm_unmap(addr, size);
	EXPECT(uffd_hold(&u, addr, size, 0) < 0);
	uffd_close(&u);
}
