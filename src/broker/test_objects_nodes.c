/* SPDX-License-Identifier: MIT */
/*
 * test_objects_nodes.c - objects on a machine with several nodes of memory
 *
 * What can only be seen where there are two, and one of them is small enough to be filled:
 * tests/vm runs these on such a machine.
 */
#include "broker/object.h"

#include <errno.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/host.h"
#include "sys/numa.h"
#include "test.h"

#define MIB (UINT64_C(1) << 20)
#define SIZE (4 * MIB)
/* Nobody wants a test to fill a larger node. */
#define SMALL (256 * MIB)
/* What is asked for beyond a node's room, and left free on the other one. */
#define MORE (24 * MIB)

struct nodes {
	uint32_t first, second; /* the second has less room */
	uint64_t room;		/* there */
};

static struct nodes need_two_nodes(void)
{
	struct nodes found = { 0 };
	unsigned count = 0;
	uint64_t room, room_of_first = 0;

	for (uint32_t node = 0; node < PORTS_NODES; node++) {
		if (numa_room(node, &room) < 0)
			continue;
		if (count == 0 || room > room_of_first) {
			found.second = found.first;
			found.room = room_of_first;
			found.first = node;
			room_of_first = room;
		} else if (count == 1 || room > found.room) {
			found.second = node;
			found.room = room;
		}
		count++;
	}
	if (count < 2)
		SKIP("needs two nodes of memory");
	return found;
}

static struct nodes need_a_small_node(void)
{
	struct nodes found = need_two_nodes();
	uint64_t room = 0;

	EXPECT_EQ(numa_room(found.first, &room), 0);
	if (found.room > SMALL || room < 4 * MORE)
		SKIP("needs a node that is small enough to be filled");
	found.room &= ~(PORTS_SLICE - 1);
	return found;
}

static struct objects objects_up(void)
{
	struct objects o;

	EXPECT_EQ(objects_init(&o, 100), 0);
	/* Its list begins at itself. */
	TAILQ_INIT(&o.emptying);
	return o;
}

static void make_placed(struct objects *o, uint64_t id, uint64_t size, uint32_t node,
			bool strict)
{
	EXPECT_EQ(objects_make(o, id, size, 0, 0), 0);
	EXPECT_EQ(objects_place(o, id, node, strict), 0);
}

/* 0 if all of it was filled; *@filled is how far that went, and where it begins. */
static int fill(struct objects *o, uint64_t id, uint64_t size, uint64_t *filled)
{
	int r = 0;

	for (; r == 0 && *filled < size; *filled += r == 0 ? PORTS_SLICE : 0)
		r = objects_fill(o, id, *filled, PORTS_SLICE);
	return r;
}

static struct object_pages measure(struct objects *o, uint64_t id, uint64_t size)
{
	struct object_pages pages = { .absent = 0 };

	for (uint64_t at = 0; at < size; at += PORTS_SLICE)
		EXPECT_EQ(objects_measure(o, id, at, PORTS_SLICE, &pages), 0);
	EXPECT_EQ(pages.unknown, 0);
	return pages;
}

TEST(each_of_two_objects_is_on_the_node_it_was_placed_on)
{
	const struct nodes nodes = need_two_nodes();
	struct objects o = objects_up();
	const uint64_t all = SIZE / vm_page_size();
	uint64_t filled = 0;

	make_placed(&o, 1, SIZE, nodes.first, true);
	make_placed(&o, 2, SIZE, nodes.second, true);
	EXPECT_EQ(fill(&o, 1, SIZE, &filled), 0);
	EXPECT_EQ(measure(&o, 1, SIZE).node[nodes.first], all);
	/* The other by copying, which makes pages as well. */
	EXPECT_EQ(objects_copy(&o, 2, 1, 0, SIZE), 0);
	EXPECT_EQ(measure(&o, 2, SIZE).node[nodes.second], all);
	EXPECT_EQ(measure(&o, 2, SIZE).node[nodes.first], 0);
	objects_deinit(&o);
}

TEST_SLOW(a_preferred_node_is_used_up_before_another_helps_out, 60)
{
	const struct nodes nodes = need_a_small_node();
	const uint64_t size = nodes.room + MORE, all = size / vm_page_size();
	struct objects o = objects_up();
	struct object_pages pages;
	uint64_t filled = 0;

	make_placed(&o, 1, size, nodes.second, false);
	EXPECT_EQ(fill(&o, 1, size, &filled), 0);
	pages = measure(&o, 1, size);
	EXPECT_EQ(pages.node[nodes.first] + pages.node[nodes.second], all);
	EXPECT(pages.node[nodes.first] > 0);
	EXPECT(pages.node[nodes.second] > all / 2);
	objects_deinit(&o);
}

TEST_SLOW(what_must_be_on_a_full_node_is_refused_and_nobody_is_killed, 60)
{
	const struct nodes nodes = need_a_small_node();
	const uint64_t size = (nodes.room / 4 * 3) & ~(PORTS_SLICE - 1);
	struct objects o = objects_up();
	uint64_t filled = 0, second = 0, room;

	/* Each has room, as long as the other has not taken it. */
	make_placed(&o, 1, size, nodes.second, true);
	make_placed(&o, 2, size, nodes.second, true);
	EXPECT_EQ(fill(&o, 1, size, &filled), 0);
	EXPECT_EQ(fill(&o, 2, size, &second), -ENOMEM);
	EXPECT(second < size);
	EXPECT_EQ(objects_resident(&o, 2), second);
	EXPECT_EQ(measure(&o, 2, size).node[nodes.second], second / vm_page_size());
	/* A third is not even placed there. */
	EXPECT_EQ(objects_make(&o, 3, size, 0, 0), 0);
	EXPECT_EQ(objects_place(&o, 3, nodes.second, true), -ENOMEM);
	EXPECT_EQ(numa_room(nodes.second, &room), 0);
	EXPECT(room < size);
	/* Once there is room again, it goes on. */
	objects_drop(&o, 1, false);
	EXPECT_EQ(fill(&o, 2, size, &second), 0);
	EXPECT_EQ(measure(&o, 2, size).node[nodes.second], size / vm_page_size());
	objects_deinit(&o);
}

TEST(pages_that_a_mapper_moved_are_counted_where_they_went)
{
	const struct nodes nodes = need_two_nodes();
	struct objects o = objects_up();
	const uint64_t all = SIZE / vm_page_size(), moved = 100;
	int to[100], status[100], writer;
	void *pages[100], *addr;
	struct object_pages sum;
	uint64_t filled = 0;

	make_placed(&o, 1, SIZE, nodes.first, true);
	EXPECT_EQ(fill(&o, 1, SIZE, &filled), 0);
	EXPECT_EQ(objects_writer(&o, 1, &writer), 0);
	EXPECT_EQ(vm_place(NULL, SIZE, VM_READ, writer, 0, &addr), 0);
	EXPECT_EQ(vm_populate_read(addr, SIZE), 0);
	for (unsigned i = 0; i < moved; i++) {
		pages[i] = (char *)addr + 2 * i * vm_page_size();
		to[i] = (int)nodes.second;
	}
	EXPECT_EQ(move_pages(0, moved, pages, to, status, MPOL_MF_MOVE), 0);
	vm_unmap(addr, SIZE);
	sum = measure(&o, 1, SIZE);
	EXPECT_EQ(sum.node[nodes.second], moved);
	EXPECT_EQ(sum.node[nodes.first], all - moved);
	objects_deinit(&o);
}

TEST(where_somebody_else_had_pages_made_is_told_as_it_is)
{
	const struct nodes nodes = need_two_nodes();
	struct objects o = objects_up();
	const uint64_t half = SIZE / 2 / vm_page_size();
	struct object_pages sum;
	int reader;

	make_placed(&o, 1, SIZE, nodes.first, true);
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE / 2), 0);
	/* Whoever maps it, even for reading, may say so of pages that are not made yet. */
	EXPECT_EQ(objects_reader(&o, 1, &reader), 0);
	EXPECT_EQ(numa_place(reader, SIZE, nodes.second, true), 0);
	EXPECT_EQ(objects_fill(&o, 1, SIZE / 2, SIZE / 2), 0);
	sum = measure(&o, 1, SIZE);
	EXPECT_EQ(sum.node[nodes.first], half);
	EXPECT_EQ(sum.node[nodes.second], half);
	objects_deinit(&o);
}

/* A list of the kernel's: "0", "0-1" or "0,2-3". */
static bool list_has(const char *list, uint32_t node)
{
	for (;; list++) {
		char *end;
		unsigned long from = strtoul(list, &end, 10), to = from;

		if (end == list)
			return false;
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		if (node >= from && node <= to)
			return true;
		list = end;
		if (*list != ',')
			return false;
	}
}

static void read_list(const char *path, const char *key, char list[256])
{
	char line[256];
	FILE *file = fopen(path, "re");

	list[0] = '\0';
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			(void)strcpy(list, line + strlen(key));
	if (file)
		(void)fclose(file);
}

TEST(a_node_that_we_may_not_use_is_refused)
{
	struct objects o = objects_up();
	char there[256], allowed[256];
	unsigned forbidden = 0;

	read_list("/sys/devices/system/node/has_memory", "", there);
	read_list("/proc/self/status", "Mems_allowed_list:\t", allowed);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	for (uint32_t node = 0; node < PORTS_NODES; node++) {
		if (!list_has(there, node))
			continue;
		if (list_has(allowed, node)) {
			EXPECT_EQ(objects_place(&o, 1, node, false), 0);
			continue;
		}
		forbidden++;
		EXPECT_EQ(objects_place(&o, 1, node, false), -ENODEV);
		EXPECT_EQ(objects_place(&o, 1, node, true), -ENODEV);
	}
	objects_deinit(&o);
	if (forbidden == 0)
		SKIP("needs a node of memory that this process may not use");
}

/* ---- huge pages that were set aside ----------------------------------------------------- */

/* Bytes of them that are free on a node. */
static uint64_t huge_free(uint32_t node)
{
	uint64_t size, spare;
	char path[128], count[256];

	if (host_huge_pages(&size, &spare) < 0)
		return 0;
	(void)snprintf(
		path, sizeof(path),
		"/sys/devices/system/node/node%u/hugepages/hugepages-%llukB/free_hugepages",
		node, (unsigned long long)size / 1024);
	read_list(path, "", count);
	return strtoull(count, NULL, 10) * size;
}

static struct nodes need_huge_pages_on_two_nodes(uint64_t bytes)
{
	const struct nodes nodes = need_two_nodes();

	if (huge_free(nodes.first) < bytes || huge_free(nodes.second) < bytes)
		SKIP("needs huge pages that were set aside on two nodes");
	return nodes;
}

TEST(huge_pages_that_were_set_aside_are_on_the_node_their_object_was_placed_on)
{
	const struct nodes nodes = need_huge_pages_on_two_nodes(4 * SIZE);
	struct objects o = objects_up();
	const uint32_t on[] = { nodes.first, nodes.second };

	/* By filling and by copying; as must be, and as had better be. */
	for (uint64_t id = 1; id <= 4; id++) {
		struct object_pages pages;

		EXPECT_EQ(objects_make(&o, id, SIZE, 0, OBJECT_HUGE), 0);
		EXPECT_EQ(objects_place(&o, id, on[id % 2], id <= 2), 0);
		EXPECT_EQ(id % 3 == 1 ? objects_fill(&o, id, 0, SIZE)
				      : objects_copy(&o, id, 1, 0, SIZE),
			  0);
		pages = measure(&o, id, SIZE);
		EXPECT_EQ(pages.node[on[id % 2]], SIZE / vm_page_size());
		EXPECT_EQ(pages.huge, SIZE / vm_page_size());
	}
	objects_deinit(&o);
}

TEST(huge_pages_that_a_node_has_not_set_aside_are_refused_or_come_from_the_other)
{
	const struct nodes nodes = need_huge_pages_on_two_nodes(2 * SIZE);
	const uint64_t there = huge_free(nodes.second);
	const uint64_t size = (there / PORTS_SLICE + 1) * PORTS_SLICE;
	struct objects o = objects_up();
	struct object_pages pages;
	uint64_t filled = 0;

	if (size > SMALL)
		SKIP("needs a node with few huge pages set aside");
	EXPECT_EQ(objects_make(&o, 1, size, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_place(&o, 1, nodes.second, true), 0);
	EXPECT_EQ(fill(&o, 1, size, &filled), -ENOMEM);
	EXPECT(filled <= there && there - filled < PORTS_SLICE);
	EXPECT_EQ(huge_free(nodes.second), 0);
	objects_drop(&o, 1, false);
	EXPECT_EQ(huge_free(nodes.second), there);

	filled = 0;
	EXPECT_EQ(objects_make(&o, 2, size, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_place(&o, 2, nodes.second, false), 0);
	EXPECT_EQ(fill(&o, 2, size, &filled), 0);
	pages = measure(&o, 2, size);
	EXPECT_EQ(pages.node[nodes.second], there / vm_page_size());
	EXPECT_EQ(pages.node[nodes.first], (size - there) / vm_page_size());
	objects_deinit(&o);
}
