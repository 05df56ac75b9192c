/* SPDX-License-Identifier: MIT */
#include "sys/numa.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/vm.h"

#define LOOK_AT_ONCE 256u

/* As many as the kernel can be built for. */
#define NODES_MAX 1024u
#define WORD_BITS (sizeof(unsigned long) * CHAR_BIT)

struct node_set {
	unsigned long words[NODES_MAX / WORD_BITS];
};

static void file_scope_end(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

static int error_of(int error)
{
	return error == EPERM || error == ENOSYS ? -EOPNOTSUPP : -error;
}

int numa_check_node(uint32_t node)
{
	struct node_set allowed = { 0 };

	/* What is allowed now, not what was when we started. */
	if (get_mempolicy(NULL, allowed.words, NODES_MAX + 1, NULL, MPOL_F_MEMS_ALLOWED) < 0)
		return error_of(errno);
	if (node >= NODES_MAX || !(allowed.words[node / WORD_BITS] >> node % WORD_BITS & 1))
		return -ENODEV;
	return numa_node_size64((int)node, NULL) > 0 ? 0 : -ENODEV;
}

int numa_room(uint32_t node, uint64_t *ret_bytes)
{
	uint64_t total = 0, free = 0, cache = 0, kib, bytes, reserve;
	char path[64], line[128], name[64];
	scoped(file) FILE *file = NULL;
	int r;

	r = numa_check_node(node);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/sys/devices/system/node/node%" PRIu32 "/meminfo",
		       node);
	file = fopen(path, "re");
	if (!file)
		return -ENODEV;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %*u %63[^:]: %" SCNu64, name, &kib) < 2)
			continue;
		if (strcmp(name, "MemTotal") == 0)
			total = kib * 1024;
		else if (strcmp(name, "MemFree") == 0)
			free = kib * 1024;
		else if (strcmp(name, "Inactive(file)") == 0)
			cache = kib * 1024;
	}
	/* The kernel begins to look for more before the last page is gone. */
	bytes = free + cache;
	reserve = total / 32;
	*ret_bytes = bytes > reserve ? bytes - reserve : 0;
	return 0;
}

int numa_place_here(void *addr, uint64_t size, uint32_t node, bool strict)
{
	struct node_set wanted = { 0 };
	int r;

	r = numa_check_node(node);
	if (r < 0)
		return r;
	wanted.words[node / WORD_BITS] |= 1UL << node % WORD_BITS;
	/* The kernel takes one bit less than it is told. */
	if (mbind(addr, size, strict ? MPOL_BIND : MPOL_PREFERRED, wanted.words, NODES_MAX + 1,
		  0) < 0)
		return errno == EINVAL ? -ENODEV : error_of(errno);
	return 0;
}

int numa_place(int fd, uint64_t size, uint32_t node, bool strict)
{
	void *addr;
	int r;

	r = numa_check_node(node);
	if (r < 0)
		return r;
	r = vm_place(NULL, size, VM_READ, fd, 0, &addr);
	if (r < 0)
		return r;
	/* What is said of a shared mapping stays with the object. */
	r = numa_place_here(addr, size, node, strict);
	vm_unmap(addr, size);
	return r;
}

int numa_look(const void *addr, size_t page, size_t count, int *ret_nodes)
{
	void *pages[LOOK_AT_ONCE];

	for (size_t done = 0; done < count;) {
		size_t part = count - done < LOOK_AT_ONCE ? count - done : LOOK_AT_ONCE;

		for (size_t i = 0; i < part; i++)
			pages[i] = (char *)(uintptr_t)addr + (done + i) * page;
		if (move_pages(0, part, pages, NULL, ret_nodes + done, 0) < 0)
			return error_of(errno);
		done += part;
	}
	/* The kernel has two words for a page that is not there. */
	for (size_t i = 0; i < count; i++)
		if (ret_nodes[i] < 0)
			ret_nodes[i] = -ENOENT;
	return 0;
}
