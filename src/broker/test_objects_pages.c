/* SPDX-License-Identifier: MIT */
#include "broker/object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/host.h"
#include "sys/memfd.h"
#include "sys/numa.h"
#include "sys/pages.h"
#include "sys/vm.h"
#include "test.h"

#define MIB (UINT64_C(1) << 20)
#define SIZE (UINT64_C(4) << 20)

static uint64_t page;

static struct objects objects_up(void)
{
	struct objects o;

	page = vm_page_size();
	EXPECT_EQ(objects_init(&o, 100), 0);
	/* Its list begins at itself. */
	TAILQ_INIT(&o.emptying);
	return o;
}

static int writer_of(struct objects *o, uint64_t id)
{
	int fd;

	EXPECT_EQ(objects_writer(o, id, &fd), 0);
	return fd;
}

static uint64_t pages_of(const struct object_pages *pages)
{
	uint64_t sum = pages->unknown;

	for (unsigned i = 0; i < PORTS_NODES; i++)
		sum += pages->node[i];
	return sum;
}

/* ---- filling and copying ---------------------------------------------------------------- */

TEST(filling_makes_every_page_of_a_slice_and_changes_none)
{
	struct objects o = objects_up();
	char text[3] = "";

	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(memfd_write(writer_of(&o, 1), page, "xy", 2), 0);
	EXPECT_EQ(objects_fill(&o, 1, page, 4 * page), 0);
	EXPECT_EQ(objects_resident(&o, 1), 4 * page);
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), 0);
	EXPECT_EQ(objects_resident(&o, 1), SIZE);
	EXPECT_EQ(memfd_read(writer_of(&o, 1), page, text, 2), 0);
	EXPECT_STR(text, "xy");
	objects_deinit(&o);
}

TEST(a_slice_is_whole_pages_of_its_object_and_not_too_large)
{
	struct objects o = objects_up();
	struct object_pages pages = { .absent = 7 };

	EXPECT_EQ(objects_make(&o, 1, 2 * PORTS_SLICE, 0, 0), 0);
	EXPECT_EQ(objects_make(&o, 2, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_make_bell(&o, 3), 0);
	EXPECT_EQ(objects_fill(&o, 1, 0, PORTS_SLICE + page), -EINVAL);
	EXPECT_EQ(objects_fill(&o, 1, 0, 0), -EINVAL);
	EXPECT_EQ(objects_fill(&o, 1, 1, page), -EINVAL);
	EXPECT_EQ(objects_fill(&o, 1, 0, page + 1), -EINVAL);
	EXPECT_EQ(objects_fill(&o, 2, SIZE, page), -EINVAL);
	EXPECT_EQ(objects_fill(&o, 2, -page, 2 * page), -EINVAL);
	EXPECT_EQ(objects_copy(&o, 1, 2, SIZE, page), -EINVAL);
	EXPECT_EQ(objects_copy(&o, 2, 1, SIZE, page), -EINVAL);
	EXPECT_EQ(objects_measure(&o, 2, SIZE, page, &pages), -EINVAL);
	/* What is not there, or is not memory. */
	EXPECT_EQ(objects_fill(&o, 9, 0, page), -ENOENT);
	EXPECT_EQ(objects_fill(&o, 3, 0, page), -ENOENT);
	EXPECT_EQ(objects_copy(&o, 9, 1, 0, page), -ENOENT);
	EXPECT_EQ(objects_copy(&o, 1, 9, 0, page), -ENOENT);
	EXPECT_EQ(objects_measure(&o, 9, 0, page, &pages), -ENOENT);
	EXPECT_EQ(objects_page(&o, 3), 0);
	EXPECT_EQ(objects_page(&o, 1), page);
	EXPECT_EQ(pages.absent, 7);
	objects_deinit(&o);
}

TEST(a_copy_is_the_same_and_has_the_same_holes)
{
	struct objects o = objects_up();
	char text[6] = "";

	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_make(&o, 2, SIZE, 0, 0), 0);
	EXPECT_EQ(memfd_write(writer_of(&o, 1), 2 * MIB - 2, "data!", 5), 0);
	for (uint64_t at = 0; at < SIZE; at += MIB)
		EXPECT_EQ(objects_copy(&o, 2, 1, at, MIB), 0);
	EXPECT_EQ(memfd_read(writer_of(&o, 2), 2 * MIB - 2, text, 5), 0);
	EXPECT_STR(text, "data!");
	EXPECT_EQ(objects_resident(&o, 2), 2 * page);
	objects_deinit(&o);
}

TEST(what_the_host_has_not_got_in_spite_of_promises_is_not_taken)
{
	struct objects o = objects_up();

	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_spend(&o, UINT64_C(1) << 50), -ENOMEM);
	EXPECT_EQ(objects_spend(&o, UINT64_MAX), -ENOMEM);
	/* Where its last answer says so, the host is asked again. */
	o.available = 0;
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), 0);
	EXPECT(o.available > 0);
	objects_deinit(&o);
}

/* ---- freezing --------------------------------------------------------------------------- */

TEST(a_frozen_object_is_neither_written_nor_filled_nor_emptied)
{
	struct objects o = objects_up();
	struct object_pages pages = { .huge = 0 };
	char text[2] = "";
	int kept, reader;

	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, OBJECT_FREEZABLE), 0);
	EXPECT_EQ(objects_make(&o, 2, SIZE, 0, OBJECT_FREEZABLE), 0);
	EXPECT_EQ(memfd_write(writer_of(&o, 1), 0, "x", 1), 0);
	/* What the broker itself looked through is no writer. */
	EXPECT_EQ(objects_measure(&o, 1, 0, SIZE, &pages), 0);
	EXPECT_EQ(objects_freeze(&o, 1), 0);
	EXPECT_EQ(objects_freeze(&o, 1), 0);
	EXPECT_EQ(memfd_write(writer_of(&o, 1), 0, "y", 1), -EPERM);
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), -EPERM);
	EXPECT_EQ(objects_copy(&o, 1, 2, 0, SIZE), -EPERM);
	/* It can be copied. */
	EXPECT_EQ(objects_copy(&o, 2, 1, 0, SIZE), 0);
	EXPECT_EQ(objects_reader(&o, 1, &reader), 0);
	kept = fcntl(reader, F_DUPFD_CLOEXEC, 0);
	objects_drop(&o, 1, true);
	EXPECT_EQ(memfd_read(kept, 0, text, 1), 0);
	EXPECT_STR(text, "x");
	EXPECT_EQ(objects_freeze(&o, 1), -ENOENT);
	(void)close(kept);
	objects_deinit(&o);
}

TEST(a_mapping_for_writing_keeps_an_object_from_being_frozen)
{
	struct objects o = objects_up();
	void *addr;

	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, OBJECT_FREEZABLE), 0);
	EXPECT_EQ(vm_place(NULL, page, VM_READ | VM_WRITE, writer_of(&o, 1), 0, &addr), 0);
	EXPECT_EQ(objects_freeze(&o, 1), -EBUSY);
	/* And nothing has changed. */
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), 0);
	vm_unmap(addr, page);
	EXPECT_EQ(objects_freeze(&o, 1), 0);
	objects_deinit(&o);
}

TEST(an_object_that_was_not_made_for_it_is_not_frozen)
{
	struct objects o = objects_up();

	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_freeze(&o, 1), -EPERM);
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), 0);
	objects_deinit(&o);
}

TEST(every_object_is_its_owner_s_alone)
{
	struct objects o = objects_up();
	struct stat st;

	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_make(&o, 2, SIZE, 0, OBJECT_FREEZABLE), 0);
	EXPECT_EQ(objects_make(&o, 3, SIZE, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_make(&o, 4, SIZE + page, 0, OBJECT_HUGE | OBJECT_FREEZABLE), 0);
	EXPECT_EQ(objects_make_bell(&o, 5), 0);
	EXPECT_EQ(objects_make_pledge(&o, 6), 0);
	for (uint64_t id = 1; id <= 6; id++) {
		EXPECT_EQ(fstat(writer_of(&o, id), &st), 0);
		EXPECT_EQ(st.st_mode & 07777, 0600);
		EXPECT_EQ(st.st_uid, geteuid());
	}
	objects_deinit(&o);
}

/* ---- where, and how large --------------------------------------------------------------- */

TEST(measuring_counts_each_page_once_and_makes_none)
{
	struct objects o = objects_up();
	struct object_pages pages = { .huge = 0 };

	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_fill(&o, 1, 2 * MIB + page, 300 * page), 0);
	EXPECT_EQ(memfd_write(writer_of(&o, 1), 3 * page, "x", 1), 0);
	for (uint64_t at = 0; at < SIZE; at += MIB)
		EXPECT_EQ(objects_measure(&o, 1, at, MIB, &pages), 0);
	EXPECT_EQ(pages_of(&pages), 301);
	EXPECT_EQ(pages_of(&pages) + pages.absent, SIZE / page);
	EXPECT_EQ(pages.huge, 0);
	EXPECT_EQ(objects_resident(&o, 1), 301 * page);
	objects_deinit(&o);
}

static void need_numa(void)
{
	if (numa_check_node(0) == -EOPNOTSUPP)
		SKIP("this kernel has no calls for NUMA, or they are blocked");
}

TEST(an_object_is_on_the_node_where_it_was_placed)
{
	struct objects o = objects_up();

	need_numa();
	for (uint32_t node = 0; node < PORTS_NODES; node++) {
		struct object_pages pages = { .huge = 0 };

		if (numa_check_node(node) < 0)
			continue;
		for (uint64_t id = 1; id <= 2; id++) {
			EXPECT_EQ(objects_make(&o, id, SIZE, 0, 0), 0);
			EXPECT_EQ(objects_place(&o, id, node, true), 0);
		}
		/* A copy is placed as well. */
		EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), 0);
		EXPECT_EQ(objects_copy(&o, 2, 1, 0, SIZE), 0);
		EXPECT_EQ(objects_measure(&o, 1, 0, SIZE, &pages), 0);
		EXPECT_EQ(objects_measure(&o, 2, 0, SIZE, &pages), 0);
		EXPECT_EQ(pages.node[node], 2 * SIZE / page);
		EXPECT_EQ(pages.absent, 0);
		objects_drop(&o, 1, false);
		objects_drop(&o, 2, false);
	}
	objects_deinit(&o);
}

TEST(placing_comes_before_pages_and_on_a_node_that_is_there)
{
	struct objects o = objects_up();

	need_numa();
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_place(&o, 1, 100000, true), -ENODEV);
	EXPECT_EQ(objects_place(&o, 1, UINT32_MAX, false), -ENODEV);
	EXPECT_EQ(objects_place(&o, 9, 0, false), -ENOENT);
	EXPECT_EQ(objects_place(&o, 1, 0, false), 0);
	EXPECT_EQ(objects_fill(&o, 1, 0, page), 0);
	EXPECT_EQ(objects_place(&o, 1, 0, false), -EBUSY);
	objects_deinit(&o);
}

TEST(more_than_a_node_has_is_not_placed_strictly)
{
	struct objects o = objects_up();
	uint64_t room = 0, most = 0;
	uint32_t least = 0;

	need_numa();
	for (uint32_t node = 0; node < PORTS_NODES; node++)
		if (numa_room(node, &room) == 0 && (most == 0 || room < most)) {
			most = room;
			least = node;
		}
	/* Promised as if it replaced something, for the host may have no more. */
	most = (most + 64 * MIB) & ~(MIB - 1);
	EXPECT_EQ(objects_make(&o, 1, most, most, 0), 0);
	EXPECT_EQ(objects_place(&o, 1, least, true), -ENOMEM);
	EXPECT_EQ(objects_place(&o, 1, least, false), 0);
	objects_deinit(&o);
}

TEST(huge_pages_are_asked_for_and_what_was_got_is_told)
{
	struct objects o = objects_up();
	struct object_pages pages = { .huge = 0 };
	uint64_t size = 0, spare = 0;

	(void)host_huge_pages(&size, &spare);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_page(&o, 1), spare >= SIZE && size <= SIZE ? size : page);
	EXPECT_EQ(objects_resident(&o, 1), 0);
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), 0);
	EXPECT_EQ(objects_resident(&o, 1), SIZE);
	EXPECT_EQ(objects_measure(&o, 1, 0, SIZE, &pages), 0);
	EXPECT_EQ(pages_of(&pages), SIZE / page);
	EXPECT_EQ(pages.absent, 0);
	if (objects_page(&o, 1) != page)
		EXPECT_EQ(pages.huge, SIZE / page);
	else
		EXPECT(pages.huge <= SIZE / page);
	objects_deinit(&o);
}

/* Does the kernel make huge pages of memory that can be shared, for those who ask? */
static bool are_made_huge(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "re");
	char line[128] = "";

	if (!file)
		return false;
	(void)!fgets(line, sizeof(line), file);
	(void)fclose(file);
	return strstr(line, "[advise]") || strstr(line, "[always]") ||
	       strstr(line, "[within_size]");
}

TEST(huge_pages_are_made_of_memory_where_the_kernel_does_that)
{
	struct objects o = objects_up();
	struct object_pages pages = { .huge = 0 };
	uint64_t size = 0, spare = 0;

	(void)host_huge_pages(&size, &spare);
	if (!are_made_huge() || pages_huge_size() > SIZE || spare > 0)
		SKIP("this kernel makes no huge pages of shared memory, or has some set aside");
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_page(&o, 1), page);
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), 0);
	EXPECT_EQ(objects_measure(&o, 1, 0, SIZE, &pages), 0);
	EXPECT_EQ(pages.huge, SIZE / page);
	/* Who did not ask has none. */
	pages.huge = 0;
	EXPECT_EQ(objects_make(&o, 2, SIZE, 0, 0), 0);
	EXPECT_EQ(objects_fill(&o, 2, 0, SIZE), 0);
	EXPECT_EQ(objects_measure(&o, 2, 0, SIZE, &pages), 0);
	EXPECT_EQ(pages.huge, 0);
	objects_deinit(&o);
}

TEST(an_object_of_part_of_a_huge_page_is_of_memory)
{
	struct objects o = objects_up();
	struct object_pages pages = { .huge = 0 };

	EXPECT_EQ(objects_make(&o, 1, SIZE + page, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_page(&o, 1), page);
	EXPECT_EQ(o.promised, SIZE + page);
	for (uint64_t at = 0, part = SIZE; at < SIZE + page; at += part, part = page) {
		EXPECT_EQ(objects_fill(&o, 1, at, part), 0);
		EXPECT_EQ(objects_measure(&o, 1, at, part, &pages), 0);
	}
	EXPECT_EQ(pages_of(&pages), SIZE / page + 1);
	objects_deinit(&o);
}

static void need_huge_pages(uint64_t bytes)
{
	uint64_t size, spare;

	if (host_huge_pages(&size, &spare) < 0 || spare < bytes || size > bytes)
		SKIP("this host has not enough huge pages set aside");
}

TEST(huge_pages_that_were_set_aside_are_copied_frozen_and_given_back)
{
	struct objects o = objects_up();
	uint64_t size, before, after;
	char text[3] = "";

	need_huge_pages(4 * SIZE);
	EXPECT_EQ(host_huge_pages(&size, &before), 0);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_make(&o, 2, SIZE, 0, OBJECT_HUGE | OBJECT_FREEZABLE), 0);
	EXPECT_EQ(objects_make(&o, 3, SIZE, 0, 0), 0);
	EXPECT_EQ(o.promised, SIZE);
	EXPECT_EQ(objects_fill(&o, 1, 0, page), -EINVAL);
	EXPECT_EQ(memfd_write(writer_of(&o, 3), 3 * MIB, "xy", 2), 0);
	/* To them, between them, and back. */
	EXPECT_EQ(objects_copy(&o, 1, 3, 0, SIZE), 0);
	EXPECT_EQ(objects_copy(&o, 2, 1, 0, SIZE), 0);
	EXPECT_EQ(memfd_punch(writer_of(&o, 3), 0, SIZE), 0);
	EXPECT_EQ(objects_copy(&o, 3, 2, 0, SIZE), 0);
	EXPECT_EQ(memfd_read(writer_of(&o, 3), 3 * MIB, text, 2), 0);
	EXPECT_STR(text, "xy");
	EXPECT_EQ(objects_freeze(&o, 2), 0);
	EXPECT_EQ(objects_copy(&o, 2, 1, 0, SIZE), -EPERM);
	for (uint64_t id = 1; id <= 3; id++)
		objects_drop(&o, id, true);
	EXPECT_EQ(host_huge_pages(&size, &after), 0);
	EXPECT_EQ(after, before);
	objects_deinit(&o);
}

TEST(huge_pages_that_are_set_aside_are_on_the_node_that_was_asked_for)
{
	struct objects o = objects_up();
	struct object_pages pages = { .huge = 0 };

	need_numa();
	need_huge_pages(4 * SIZE);
	EXPECT_EQ(objects_make(&o, 1, SIZE, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_place(&o, 1, 0, true), 0);
	EXPECT_EQ(objects_fill(&o, 1, 0, SIZE), 0);
	EXPECT_EQ(objects_measure(&o, 1, 0, SIZE, &pages), 0);
	EXPECT_EQ(pages.node[0], SIZE / page);
	EXPECT_EQ(pages.huge, SIZE / page);
	objects_deinit(&o);
}

/* ---- physical addresses ----------------------------------------------------------------- */

TEST(ordinary_memory_has_no_physical_address)
{
	struct objects o = objects_up();
	uint64_t base = 7;

	EXPECT_EQ(objects_make(&o, 1, page, 0, 0), 0);
	EXPECT_EQ(objects_fill(&o, 1, 0, page), 0);
	EXPECT_EQ(objects_physical(&o, 1, &base), -EOPNOTSUPP);
	EXPECT_EQ(objects_physical(&o, 9, &base), -ENOENT);
	EXPECT_EQ(base, 7);
	objects_deinit(&o);
}

TEST(one_huge_page_has_the_physical_address_that_the_kernel_says)
{
	struct objects o = objects_up();
	uint64_t size, spare, base = 7, again = 0;
	struct pages_view view;
	unsigned char there;
	int r;

	need_huge_pages(SIZE);
	EXPECT_EQ(host_huge_pages(&size, &spare), 0);
	EXPECT_EQ(objects_make(&o, 1, size, 0, OBJECT_HUGE | OBJECT_FREEZABLE), 0);
	EXPECT_EQ(objects_make(&o, 2, 2 * size, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_physical(&o, 1, &base), -EOPNOTSUPP);
	EXPECT_EQ(objects_fill(&o, 1, 0, size), 0);
	EXPECT_EQ(objects_fill(&o, 2, 0, 2 * size), 0);
	EXPECT_EQ(objects_physical(&o, 2, &base), -EOPNOTSUPP);
	EXPECT_EQ(base, 7);
	r = objects_physical(&o, 1, &base);
	if (r == -EOPNOTSUPP && geteuid() != 0)
		SKIP("needs CAP_SYS_ADMIN to see physical addresses");
	EXPECT_EQ(r, 0);
	EXPECT(base != 0 && base % size == 0);
	EXPECT_EQ(pages_view(writer_of(&o, 1), VM_READ, 0, size, &view), 0);
	EXPECT_EQ(pages_look(&view, size, &there), 0);
	EXPECT_EQ(pages_physical(&view, &again), 0);
	EXPECT_EQ(again, base);
	pages_view_end(&view);
	/* Knowing it stands in nobody's way. */
	EXPECT_EQ(objects_freeze(&o, 1), 0);
	EXPECT_EQ(objects_physical(&o, 1, &again), 0);
	EXPECT_EQ(again, base);
	objects_deinit(&o);
}

TEST(a_physical_address_is_not_told_to_a_process_that_may_not_know_it)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };
	struct objects o = objects_up();
	uint64_t size, spare, base = 7;

	need_huge_pages(SIZE);
	EXPECT_EQ(host_huge_pages(&size, &spare), 0);
	EXPECT_EQ(objects_make(&o, 1, size, 0, OBJECT_HUGE), 0);
	EXPECT_EQ(objects_fill(&o, 1, 0, size), 0);
	EXPECT_EQ(syscall(SYS_capget, &header, caps), 0);
	caps[0].effective &= ~(1u << CAP_SYS_ADMIN);
	EXPECT_EQ(syscall(SYS_capset, &header, caps), 0);
	EXPECT_EQ(objects_physical(&o, 1, &base), -EOPNOTSUPP);
	EXPECT_EQ(base, 7);
	objects_deinit(&o);
}
