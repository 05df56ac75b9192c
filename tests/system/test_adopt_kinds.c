/* SPDX-License-Identifier: MIT */
/*
 * test_adopt_kinds.c - every kind of memory that can be exported, while and after it is
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "kin.h"
#include "sys/vm.h"

#define PAGES 8u

static void fill(volatile unsigned char *at, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)(i * 31u + i / 4096u + seed);
}

static bool is_filled(const volatile unsigned char *at, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] != (unsigned char)(i * 31u + i / 4096u + seed))
			return false;
	return true;
}

static bool is_zero(const volatile unsigned char *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] != 0)
			return false;
	return true;
}

/* ---- what ordinary private memory is ---------------------------------------------------- */

static int check_ordinary(const struct vm_area *area, void *arg)
{
	(void)arg;
	return area->prot == (VM_READ | VM_WRITE) && !area->shared && !area->file ? 0 : -EPERM;
}

static void store_in_child(struct kin *parent, void *arg)
{
	volatile unsigned char *at = arg;

	*at = (unsigned char)~*at;
	kin_tell(parent, *at);
	kin_linger(parent);
}

/* A child's store is seen by the child and by nobody else. */
static void expect_childs_stores_are_its_own(volatile unsigned char *at)
{
	unsigned char before = *at;
	struct kin child;

	kin_start(&child, store_in_child, (void *)(uintptr_t)at);
	EXPECT_EQ(kin_hear(&child), (unsigned char)~before);
	EXPECT_EQ(*at, before);
	kin_finish(&child);
	EXPECT_EQ(*at, before);
}

static void expect_ordinary(unsigned char *at, size_t size)
{
	EXPECT_EQ(vm_walk(at, size, check_ordinary, NULL), 0);
	expect_childs_stores_are_its_own(at);
	EXPECT_EQ(madvise(at + size - PAGE, PAGE, MADV_DONTNEED), 0);
	EXPECT(is_zero(at + size - PAGE, PAGE));
}

/* ---- an export from its beginning to its end -------------------------------------------- */

struct sharing {
	struct tract *ctx;
	struct tract_export *export;
	struct tract_import *import;
	unsigned char *seen;
};

static void shared_beside(struct sharing *s, struct tract *ctx, void *memory, size_t size)
{
	uint32_t id;

	s->ctx = ctx;
	s->export = export_up(s->ctx, memory, size, 0, &id);
	s->import = import_up(s->ctx, id, TRACT_RIGHT_READ_WRITE);
	s->seen = import_map(s->import, TRACT_RIGHT_READ_WRITE);
}

static void sharing_up(struct sharing *s, void *memory, size_t size)
{
	shared_beside(s, node_open(), memory, size);
}

/* All but the context. */
static void shared_end(struct sharing *s)
{
	if (s->export)
		EXPECT_EQ(tract_export_destroy(s->export), 0);
	import_down(s->import);
}

static void sharing_down(struct sharing *s)
{
	shared_end(s);
	tract_close(s->ctx);
}

/* The memory begins with fill 1. */
static void expect_exportable(unsigned char *memory, size_t size)
{
	struct sharing s;

	sharing_up(&s, memory, size);
	EXPECT(is_filled(memory, size, 1));
	EXPECT(is_filled(s.seen, size, 1));
	fill(memory, size, 2);
	EXPECT(is_filled(s.seen, size, 2));
	fill(s.seen, size, 3);
	EXPECT(is_filled(memory, size, 3));
	EXPECT_EQ(tract_export_destroy(s.export), 0);
	s.export = NULL;
	EXPECT(is_filled(memory, size, 3));
	fill(s.seen, size, 4);
	EXPECT(is_filled(memory, size, 3));
	sharing_down(&s);
}

static void expect_adoptable(unsigned char *memory, size_t size)
{
	fill(memory, size, 1);
	expect_exportable(memory, size);
	expect_ordinary(memory, size);
}

static int file_of(size_t size)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", test_directory());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	EXPECT_EQ(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static unsigned char *map_file(void *at, size_t count, int fd)
{
	void *memory = mmap(at, count * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | (at ? MAP_FIXED : 0), fd, 0);

	EXPECT(memory != MAP_FAILED);
	return memory;
}

/* ---- kinds ------------------------------------------------------------------------------ */

TEST(memory_of_valloc_is_shared_and_then_ordinary_and_free)
{
	unsigned char *memory = valloc(PAGES * PAGE);

	expect_adoptable(memory, PAGES * PAGE);
	free(memory);
}

TEST(memory_inside_the_heap_is_shared_and_then_ordinary)
{
	/* Small enough to come from the heap, between two neighbours that keep their own. */
	unsigned char *before = malloc(PAGE), *heap = malloc(6 * PAGE), *after = malloc(PAGE);
	unsigned char *whole_pages = (unsigned char *)(((uintptr_t)heap + PAGE) & ~(PAGE - 1));

	fill(before, PAGE, 7);
	fill(after, PAGE, 8);
	expect_adoptable(whole_pages, 4 * PAGE);
	EXPECT(is_filled(before, PAGE, 7));
	EXPECT(is_filled(after, PAGE, 8));
	free(heap);
	free(before);
	free(after);
}

TEST(an_anonymous_mapping_is_shared_and_then_ordinary)
{
	unsigned char *memory = pages_private(PAGES);

	expect_adoptable(memory, PAGES * PAGE);
	pages_free(memory, PAGES);
}

TEST(the_middle_of_a_mapping_is_shared_and_the_rest_is_left_alone)
{
	unsigned char *memory = pages_private(PAGES);

	fill(memory, PAGE, 7);
	fill(memory + (PAGES - 1) * PAGE, PAGE, 8);
	expect_adoptable(memory + PAGE, (PAGES - 2) * PAGE);
	EXPECT(is_filled(memory, PAGE, 7));
	EXPECT(is_filled(memory + (PAGES - 1) * PAGE, PAGE, 8));
	pages_free(memory, PAGES);
}

TEST(a_shared_anonymous_mapping_is_shared_and_keeps_its_content)
{
	unsigned char *memory = pages_shared(PAGES);

	fill(memory, PAGES * PAGE, 1);
	expect_exportable(memory, PAGES * PAGE);
	pages_free(memory, PAGES);
}

TEST(a_private_mapping_of_a_file_is_shared_and_the_file_is_not_written)
{
	int fd = file_of(PAGES * PAGE);
	unsigned char *memory = map_file(NULL, PAGES, fd);
	unsigned char byte = 1;

	expect_adoptable(memory, PAGES * PAGE);
	for (size_t i = 0; i < PAGES; i++) {
		EXPECT_EQ(pread(fd, &byte, 1, (off_t)(i * PAGE + 5)), 1);
		EXPECT_EQ(byte, 0);
	}
	pages_free(memory, PAGES);
	(void)close(fd);
}

TEST(a_files_content_that_was_never_touched_is_shared)
{
	int fd = file_of(PAGES * PAGE);
	unsigned char *content = pages_private(PAGES), *memory;

	fill(content, PAGES * PAGE, 1);
	EXPECT_EQ(write(fd, content, PAGES * PAGE), PAGES * PAGE);
	memory = map_file(NULL, PAGES, fd);
	expect_exportable(memory, PAGES * PAGE);
	pages_free(memory, PAGES);
	pages_free(content, PAGES);
	(void)close(fd);
}

TEST(a_mapping_longer_than_its_file_is_shared_with_zeros_past_the_end)
{
	int fd = file_of(2 * PAGE + 100);
	unsigned char *memory = map_file(NULL, PAGES, fd);
	struct sharing s;

	fill(memory, 3 * PAGE, 1);
	sharing_up(&s, memory, PAGES * PAGE);
	EXPECT(is_filled(memory, 3 * PAGE, 1));
	EXPECT(is_filled(s.seen, 3 * PAGE, 1));
	EXPECT(is_zero(s.seen + 3 * PAGE, (PAGES - 3) * PAGE));
	/* What faulted before is memory now. */
	fill(memory, PAGES * PAGE, 2);
	EXPECT(is_filled(s.seen, PAGES * PAGE, 2));
	sharing_down(&s);
	EXPECT(is_filled(memory, PAGES * PAGE, 2));
	expect_ordinary(memory, PAGES * PAGE);
	pages_free(memory, PAGES);
	(void)close(fd);
}

TEST(shared_memory_mapped_past_its_end_is_shared_with_zeros_there)
{
	unsigned char *memory = pages_shared(2);
	struct sharing s;

	fill(memory, 2 * PAGE, 1);
	/* The mapping grows, the memory does not. */
	memory = mremap(memory, 2 * PAGE, PAGES * PAGE, MREMAP_MAYMOVE);
	EXPECT((void *)memory != MAP_FAILED);
	sharing_up(&s, memory, PAGES * PAGE);
	EXPECT(is_filled(s.seen, 2 * PAGE, 1));
	EXPECT(is_zero(s.seen + 2 * PAGE, (PAGES - 2) * PAGE));
	sharing_down(&s);
	EXPECT(is_filled(memory, 2 * PAGE, 1));
	pages_free(memory, PAGES);
}

TEST(adjacent_mappings_of_every_kind_are_one_segment)
{
	int fd = file_of(2 * PAGE);
	unsigned char *memory = pages_private(PAGES);
	void *shared = mmap(memory + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	EXPECT(shared != MAP_FAILED);
	(void)map_file(memory + 4 * PAGE, 2, fd);
	/* A mapping of its own, too: it can be executed. */
	EXPECT_EQ(mprotect(memory + 6 * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	expect_adoptable(memory, PAGES * PAGE);
	pages_free(memory, PAGES);
	(void)close(fd);
}

TEST(memory_beside_a_hole_or_a_shared_file_is_refused_and_left_alone)
{
	int fd = file_of(2 * PAGE);
	unsigned char *memory = pages_private(PAGES);
	struct tract_export *export = NULL;
	struct tract *ctx = node_open();
	void *shared = mmap(memory + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, fd, 0);

	EXPECT(shared != MAP_FAILED);
	fill(memory, PAGES * PAGE, 1);
	EXPECT_EQ(tract_export_create(ctx, memory, PAGES * PAGE, 0, &export), -EFAULT);
	EXPECT_EQ(munmap(shared, PAGE), 0);
	EXPECT_EQ(tract_export_create(ctx, memory, PAGES * PAGE, 0, &export), -EFAULT);
	EXPECT(is_filled(memory, 2 * PAGE, 1));
	expect_ordinary(memory, 2 * PAGE);
	EXPECT_EQ(munmap(memory, 2 * PAGE), 0);
	EXPECT_EQ(munmap(memory + 3 * PAGE, (PAGES - 3) * PAGE), 0);
	tract_close(ctx);
	(void)close(fd);
}

/* ---- sparse memory ---------------------------------------------------------------------- */

#define SPARSE_PAGES 16384u /* 64 MB where pages have 4 kB */

static uint64_t present_bytes(const void *memory, size_t size)
{
	uintptr_t start, end = (uintptr_t)memory, limit = end + size;
	uint64_t bytes = 0;

	while (vm_next_present(end, limit, &start, &end) == 0)
		bytes += end - start;
	return bytes;
}

static void expect_stays_sparse(unsigned char *memory)
{
	size_t size = SPARSE_PAGES * PAGE;
	struct sharing s;
	uint64_t resident;

	for (size_t i = 0; i < SPARSE_PAGES; i += SPARSE_PAGES / 4)
		fill(memory + i * PAGE, PAGE, 1);
	sharing_up(&s, memory, size);
	resident = object_bytes(memory);
	EXPECT(resident >= 4 * PAGE && resident <= size / 16);
	EXPECT_EQ(tract_export_unpublish(s.export), 0);
	resident = object_bytes(memory);
	EXPECT(resident >= 4 * PAGE && resident <= size / 16);
	sharing_down(&s);
	EXPECT(present_bytes(memory, size) <= size / 16);
	for (size_t i = 0; i < SPARSE_PAGES; i += SPARSE_PAGES / 4)
		EXPECT(is_filled(memory + i * PAGE, PAGE, 1));
	EXPECT(is_zero(memory + PAGE, PAGE));
}

TEST(sparse_memory_stays_sparse)
{
	unsigned char *memory = pages_private(SPARSE_PAGES);

	/* A huge page is no measure of what was touched. */
	(void)madvise(memory, SPARSE_PAGES * PAGE, MADV_NOHUGEPAGE);
	expect_stays_sparse(memory);
	pages_free(memory, SPARSE_PAGES);
}

TEST(sparse_memory_shared_with_children_stays_sparse)
{
	unsigned char *memory = pages_shared(SPARSE_PAGES);

	expect_stays_sparse(memory);
	pages_free(memory, SPARSE_PAGES);
}

/* ---- System V --------------------------------------------------------------------------- */

/* Attaches what it is told, and stores and looks there: 0 looks, anything else is stored. */
static void attach_elsewhere(struct kin *parent, void *arg)
{
	const int *id = arg;
	volatile unsigned char *at = shmat(*id, NULL, 0);
	uint64_t asked;

	EXPECT((void *)(uintptr_t)at != (void *)-1);
	kin_tell(parent, 0);
	while ((asked = kin_hear(parent)) != 0x100) {
		if (asked != 0)
			at[PAGE] = (unsigned char)asked;
		kin_tell(parent, at[PAGE]);
	}
}

static void expect_both_see(struct kin *other, volatile unsigned char *memory, unsigned value)
{
	memory[PAGE] = (unsigned char)value;
	kin_tell(other, 0);
	EXPECT_EQ(kin_hear(other), value);
	kin_tell(other, value + 1);
	EXPECT_EQ(kin_hear(other), value + 1);
	EXPECT_EQ(memory[PAGE], value + 1);
}

TEST(other_attachers_of_system_v_memory_see_the_same_before_during_and_after)
{
	int id = shmget(IPC_PRIVATE, PAGES * PAGE, IPC_CREAT | 0600);
	unsigned char *memory = shmat(id, NULL, 0);
	struct sharing s;
	struct kin other;

	EXPECT((void *)memory != (void *)-1);
	kin_start(&other, attach_elsewhere, &id);
	(void)kin_hear(&other);
	EXPECT_EQ(shmctl(id, IPC_RMID, NULL), 0);
	expect_both_see(&other, memory, 10);
	sharing_up(&s, memory, PAGES * PAGE);
	expect_both_see(&other, memory, 20);
	EXPECT_EQ(s.seen[PAGE], 21);
	s.seen[PAGE] = 30;
	kin_tell(&other, 0);
	EXPECT_EQ(kin_hear(&other), 30);
	EXPECT_EQ(memory[PAGE], 30);
	EXPECT_EQ(tract_export_destroy(s.export), 0);
	s.export = NULL;
	expect_both_see(&other, memory, 40);
	/* Who imported it, and did as it was asked, is elsewhere. */
	EXPECT(s.seen[PAGE] != 41);
	sharing_down(&s);
	kin_tell(&other, 0x100);
	kin_finish(&other);
	EXPECT_EQ(shmdt(memory), 0);
}

TEST(a_part_of_system_v_memory_is_exported_at_its_place)
{
	int id = shmget(IPC_PRIVATE, PAGES * PAGE, IPC_CREAT | 0600);
	unsigned char *memory = shmat(id, NULL, 0);
	struct sharing s;

	EXPECT((void *)memory != (void *)-1);
	EXPECT_EQ(shmctl(id, IPC_RMID, NULL), 0);
	fill(memory, PAGES * PAGE, 1);
	sharing_up(&s, memory + 2 * PAGE, 3 * PAGE);
	EXPECT_EQ(memcmp(s.seen, memory + 2 * PAGE, 3 * PAGE), 0);
	s.seen[0] = 99;
	EXPECT_EQ(memory[2 * PAGE], 99);
	sharing_down(&s);
	EXPECT_EQ(shmdt(memory), 0);
}

TEST(system_v_memory_is_unpublished_whoever_has_imported_it)
{
	int id = shmget(IPC_PRIVATE, PAGES * PAGE, IPC_CREAT | 0600);
	unsigned char *memory = shmat(id, NULL, 0);
	struct sharing s;
	uint32_t again = 0;

	EXPECT((void *)memory != (void *)-1);
	EXPECT_EQ(shmctl(id, IPC_RMID, NULL), 0);
	sharing_up(&s, memory, PAGES * PAGE);
	EXPECT_EQ(tract_export_unpublish(s.export), 0);
	import_down(s.import);
	/* And when they have gone before. */
	EXPECT_EQ(tract_export_publish(s.export, &again, NULL, 0), 0);
	import_down(import_up(s.ctx, again, TRACT_RIGHT_READ_WRITE));
	EXPECT_EQ(tract_export_unpublish(s.export), 0);
	EXPECT_EQ(tract_export_destroy(s.export), 0);
	tract_close(s.ctx);
	EXPECT_EQ(shmdt(memory), 0);
}

/* ---- fork ------------------------------------------------------------------------------- */

TEST(a_childs_stores_to_exported_memory_are_its_own_and_the_parents_go_on)
{
	unsigned char *memory = pages_private(PAGES);
	struct sharing s;
	struct kin child;

	fill(memory, PAGES * PAGE, 1);
	sharing_up(&s, memory, PAGES * PAGE);
	expect_childs_stores_are_its_own(memory);
	EXPECT(is_filled(s.seen, PAGES * PAGE, 1));
	/* While a child lives that has stored, too. */
	kin_start(&child, store_in_child, memory);
	(void)kin_hear(&child);
	fill(memory, PAGES * PAGE, 2);
	EXPECT(is_filled(s.seen, PAGES * PAGE, 2));
	sharing_down(&s);
	EXPECT(is_filled(memory, PAGES * PAGE, 2));
	kin_finish(&child);
	pages_free(memory, PAGES);
}

/* ---- overlapping exports ---------------------------------------------------------------- */

TEST(two_exports_of_one_range_end_in_any_order)
{
	for (unsigned first = 0; first < 2; first++) {
		unsigned char *memory = pages_private(PAGES);
		struct tract *ctx = node_open();
		struct sharing s[2];

		fill(memory, PAGES * PAGE, 1);
		for (unsigned i = 0; i < 2; i++)
			shared_beside(&s[i], ctx, memory, PAGES * PAGE);
		s[0].seen[7] = 50;
		EXPECT_EQ(s[1].seen[7], 50);
		shared_end(&s[first]);
		memory[8] = 60;
		EXPECT_EQ(s[!first].seen[8], 60);
		EXPECT_EQ(s[!first].seen[7], 50);
		sharing_down(&s[!first]);
		EXPECT_EQ(memory[7], 50);
		EXPECT_EQ(memory[8], 60);
		expect_ordinary(memory, PAGES * PAGE);
		pages_free(memory, PAGES);
	}
}

TEST(an_export_of_a_part_ends_before_or_after_the_whole)
{
	for (unsigned first = 0; first < 2; first++) {
		unsigned char *memory = pages_private(PAGES);
		struct tract *ctx = node_open();
		struct sharing s[2];

		fill(memory, PAGES * PAGE, 1);
		shared_beside(&s[0], ctx, memory, PAGES * PAGE);
		shared_beside(&s[1], ctx, memory + 2 * PAGE, 2 * PAGE);
		s[1].seen[7] = 50;
		EXPECT_EQ(s[0].seen[2 * PAGE + 7], 50);
		shared_end(&s[first]);
		memory[2 * PAGE + 8] = 60;
		EXPECT_EQ(s[!first].seen[(first ? 2 * PAGE : 0) + 8], 60);
		sharing_down(&s[!first]);
		EXPECT_EQ(memory[2 * PAGE + 7], 50);
		EXPECT_EQ(memory[2 * PAGE + 8], 60);
		expect_ordinary(memory, PAGES * PAGE);
		pages_free(memory, PAGES);
	}
}
