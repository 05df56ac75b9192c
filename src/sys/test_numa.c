/* SPDX-License-Identifier: MIT */
#include "sys/numa.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"
#include "sys/memfd.h"
#include "sys/vm.h"
#include "test.h"

#define PAGES 64u
#define NODES 64u

static size_t page;

static int object_new(void)
{
	int fd;

	page = vm_page_size();
	EXPECT_EQ(memfd_new("test", PAGES * page, &fd), 0);
	return fd;
}

static void need_numa(void)
{
	if (numa_check_node(0) == -EOPNOTSUPP)
		SKIP("this kernel has no calls for NUMA, or they are blocked");
}

static bool node_is_shown(uint32_t node)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/devices/system/node/node%u", node);
	return access(path, F_OK) == 0;
}

/* Fills the object and says where each page is. */
static void fill_and_look(int fd, int nodes[PAGES])
{
	void *addr;

	EXPECT_EQ(memfd_fill(fd, 0, PAGES * page), 0);
	EXPECT_EQ(vm_place(NULL, PAGES * page, VM_READ, fd, 0, &addr), 0);
	EXPECT_EQ(vm_populate_read(addr, PAGES * page), 0);
	EXPECT_EQ(numa_look(addr, page, PAGES, nodes), 0);
	vm_unmap(addr, PAGES * page);
}

TEST(pages_are_on_the_node_that_was_asked_for)
{
	unsigned found = 0;

	need_numa();
	for (uint32_t node = 0; node < NODES; node++) {
		scoped(fd) int fd = object_new();
		int nodes[PAGES];

		if (numa_check_node(node) < 0)
			continue;
		EXPECT_EQ(numa_place(fd, PAGES * page, node, true), 0);
		fill_and_look(fd, nodes);
		for (unsigned i = 0; i < PAGES; i++)
			EXPECT_EQ(nodes[i], node);
		found++;
	}
	EXPECT(found > 0);
}

TEST(a_preferred_node_that_has_room_is_taken)
{
	scoped(fd) int fd = object_new();
	int nodes[PAGES];
	uint32_t last = 0;

	need_numa();
	for (uint32_t node = 0; node < NODES; node++)
		if (numa_check_node(node) == 0)
			last = node;
	EXPECT_EQ(numa_place(fd, PAGES * page, last, false), 0);
	fill_and_look(fd, nodes);
	for (unsigned i = 0; i < PAGES; i++)
		EXPECT_EQ(nodes[i], last);
}

TEST(a_node_that_is_not_there_is_refused)
{
	scoped(fd) int fd = object_new();
	uint64_t room = 7;

	need_numa();
	for (uint32_t node = 0; node < NODES; node++)
		if (!node_is_shown(node)) {
			EXPECT_EQ(numa_check_node(node), -ENODEV);
			EXPECT_EQ(numa_place(fd, PAGES * page, node, false), -ENODEV);
			EXPECT_EQ(numa_place(fd, PAGES * page, node, true), -ENODEV);
			EXPECT_EQ(numa_room(node, &room), -ENODEV);
		}
	EXPECT_EQ(numa_check_node(100000), -ENODEV);
	EXPECT_EQ(numa_check_node(UINT32_MAX), -ENODEV);
	EXPECT_EQ(room, 7);
}

TEST(a_node_has_room_for_less_than_the_machine_has)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * vm_page_size();
	uint64_t room;

	need_numa();
	for (uint32_t node = 0; node < NODES; node++)
		if (numa_check_node(node) == 0) {
			EXPECT_EQ(numa_room(node, &room), 0);
			EXPECT(room < machine);
		}
}

TEST(a_page_that_is_not_mapped_is_nowhere)
{
	scoped(fd) int fd = object_new();
	int nodes[PAGES];
	void *addr;

	need_numa();
	EXPECT_EQ(memfd_write(fd, 3 * page, "x", 1), 0);
	EXPECT_EQ(vm_place(NULL, PAGES * page, VM_READ, fd, 0, &addr), 0);
	EXPECT_EQ(*(volatile char *)((char *)addr + 3 * page), 'x');
	EXPECT_EQ(numa_look(addr, page, 3, nodes), 0);
	EXPECT_EQ(nodes[2], -ENOENT);
	EXPECT_EQ(numa_look((char *)addr + 3 * page, page, 1, nodes), 0);
	EXPECT(nodes[0] >= 0);
	vm_unmap(addr, PAGES * page);
}

/* As a container's filter does: these calls fail with @error for the rest of the test. */
static void block(const int *calls, unsigned count, int error)
{
	for (unsigned i = 0; i < count; i++) {
		struct sock_filter code[] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		};
		struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };

		EXPECT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
		EXPECT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	}
}

TEST(blocked_placement_is_not_taken_for_an_absent_node)
{
	const int place[] = { SYS_mbind }, look[] = { SYS_move_pages },
		  ask[] = { SYS_get_mempolicy };
	scoped(fd) int fd = object_new();
	uint64_t room;
	int node;

	need_numa();
	block(place, 1, EPERM);
	EXPECT_EQ(numa_check_node(0), 0);
	EXPECT_EQ(numa_place(fd, PAGES * page, 0, true), -EOPNOTSUPP);
	block(look, 1, ENOSYS);
	EXPECT_EQ(numa_look(&fd, page, 1, &node), -EOPNOTSUPP);
	block(ask, 1, EPERM);
	EXPECT_EQ(numa_check_node(0), -EOPNOTSUPP);
	EXPECT_EQ(numa_check_node(1000), -EOPNOTSUPP);
	EXPECT_EQ(numa_place(fd, PAGES * page, 0, false), -EOPNOTSUPP);
	EXPECT_EQ(numa_room(0, &room), -EOPNOTSUPP);
}
