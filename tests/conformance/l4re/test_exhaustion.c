/* SPDX-License-Identifier: MIT */
/*
 * test_exhaustion.c - what the host runs out of: mappings, descriptors, memory
 *
 * Everything here happens in a child with limits.  What fails must fail cleanly: with its
 * error, and with everything as it was.
 */
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- mappings ---- */

#define SINGLES 32
/* Mappings that can be given back one by one. */
static void *singles[SINGLES];

static size_t most_mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	size_t most = 0;

	EXPECT(file != NULL);
	EXPECT_EQ(fscanf(file, "%zu", &most), 1);
	(void)fclose(file);
	return most;
}

/* One that no other is merged with, as each has an object of its own. */
static void *single_new(void)
{
	return mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Uses mappings up until there are no more, by making every other page of a range differ. */
static void use_up_mappings(void)
{
	size_t most = most_mappings(), n = 0;
	unsigned char *filler = mmap(NULL, (2 * most + 2) * PAGE, PROT_NONE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	EXPECT(filler != MAP_FAILED);
	for (unsigned k = 0; k < SINGLES; k++) {
		singles[k] = single_new();
		EXPECT(singles[k] != MAP_FAILED);
	}
	while (n < most && mprotect(filler + (2 * n + 1) * PAGE, PAGE, PROT_READ) == 0)
		n++;
	EXPECT(n < most);
	for (n = 0; single_new() != MAP_FAILED; n++)
		EXPECT(n < 16);
}

/* Gives @count mappings back, of those that can be. */
static void spare_mappings(unsigned count)
{
	for (unsigned k = 0; k < SINGLES && count > 0; k++) {
		if (!singles[k])
			continue;
		EXPECT_EQ(munmap(singles[k], PAGE), 0);
		singles[k] = NULL;
		count--;
	}
}

/* The map is full: R-21 allows either word for it. */
static bool is_full(int r)
{
	return r == -L4_ENOMEM || r == -L4_EADDRNOTAVAIL;
}

struct bag {
	l4re_ds_t ds, other;
	l4_addr_t at, area, free; /* a region, an area, and where nothing is */
};

static void expect_unchanged(struct bag *b)
{
	EXPECT_RECORD(b->at, b->at, 8 * PAGE, 0, RW, b->ds);
	for (unsigned page = 0; page < 8; page++)
		EXPECT(is_filled(b->at + page * PAGE, PAGE, MARK(page)));
	EXPECT_AREA(b->area, b->area, 8 * PAGE, 0);
	EXPECT_FREE(b->free);
}

/* Attaching, alone and in an area, either works or changes nothing. */
static void try_attaching(struct bag *b)
{
	int r = attach_at(b->free, PAGE, RW, b->other, 0);

	EXPECT(r == 0 || is_full(r));
	if (r == 0)
		detach(b->free);
	expect_unchanged(b);
	r = attach_at(b->area + 3 * PAGE, 2 * PAGE, RW | IN_AREA, b->other, 0);
	EXPECT(r == 0 || is_full(r));
	if (r == 0)
		detach(b->area + 3 * PAGE);
	expect_unchanged(b);
	r = reserve_at(b->free, PAGE, 0);
	EXPECT(r == 0 || is_full(r));
	if (r == 0)
		EXPECT_EQ(l4re_rm_free_area(b->free), 0);
	expect_unchanged(b);
}

/* Splitting either works or changes nothing. */
static void try_splitting(struct bag *b)
{
	l4re_ds_t was = UNTOUCHED;
	int r = l4re_rm_detach_range(b->at + 3 * PAGE, PAGE, &was, L4_BASE_TASK_CAP);

	if (r >= 0) {
		EXPECT_EQ(r, L4RE_RM_SPLIT_DS);
		EXPECT_RECORD(b->at, b->at, 3 * PAGE, 0, RW, b->ds);
		EXPECT_RECORD(b->at + 4 * PAGE, b->at + 4 * PAGE, 4 * PAGE, 4 * PAGE, RW,
			      b->ds);
		EXPECT(is_filled(b->at + 4 * PAGE, PAGE, MARK(4)));
		detach(b->at);
		detach(b->at + 4 * PAGE);
		EXPECT_EQ(attach_at(b->at, 8 * PAGE, RW, b->ds, 0), 0);
	} else {
		EXPECT_EQ(r, -L4_ENOMEM);
		EXPECT_EQ(was, L4_INVALID_CAP);
	}
	expect_unchanged(b);
#ifndef L4RE_MODERN
	r = attach_at(b->at + 2 * PAGE, PAGE, L4RE_RM_OVERMAP, b->other, 0);
	if (r == 0) {
		for (unsigned page = 1; page < 4; page++)
			detach(b->at + page * PAGE);
		EXPECT_EQ(attach_at(b->at, 8 * PAGE, RW, b->ds, 0), 0);
	}
	EXPECT(r == 0 || is_full(r));
	expect_unchanged(b);
#endif
}

static void without_mappings(void *arg)
{
	struct bag b = { .ds = ds_marked(8), .other = ds_new(2 * PAGE) };
	l4_addr_t base = room(64);

	b.at = base;
	b.area = base + 16 * PAGE;
	b.free = base + 32 * PAGE;
	EXPECT_EQ(attach_at(b.at, 8 * PAGE, RW, b.ds, 0), 0);
	EXPECT_EQ(reserve_at(b.area, 8 * PAGE, 0), 0);
	expect_unchanged(&b);
	use_up_mappings();
	/* There is a first try that fails, or this is no test. */
	EXPECT(is_full(attach_at(b.free, PAGE, RW, b.other, 0)));
	for (unsigned spare = 0; spare < 10; spare++) {
		try_attaching(&b);
		try_splitting(&b);
		spare_mappings(1);
	}
	spare_mappings(SINGLES);
	EXPECT_EQ(attach_at(b.free, PAGE, RW, b.other, 0), 0);
	detach(b.free);
	EXPECT_EQ(l4re_rm_detach_range(b.at + PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	(void)arg;
}

/* R-21, 14.2, I8 */
TEST_SLOW(r21_without_mappings_nothing_happens_by_halves, 120)
{
	if (TEST_SANITIZED)
		SKIP("a sanitizer needs mappings for itself");
	if (most_mappings() > 300000)
		SKIP("this host allows too many mappings to use them all up");
	EXPECT_CHILD(without_mappings, NULL);
}

static void detach_without_mappings(void *arg)
{
	l4re_ds_t ds = ds_marked(8);
	l4_addr_t base = room(64);

	(void)arg;
	EXPECT_EQ(reserve_at(base + 16 * PAGE, 8 * PAGE, 0), 0);
	for (unsigned n = 0; n < 8; n += 2) {
		EXPECT_EQ(attach_at(base + n * PAGE, PAGE, RW, ds, n * PAGE), 0);
		EXPECT_EQ(attach_at(base + (16 + n) * PAGE, PAGE, RW | IN_AREA, ds, n * PAGE),
			  0);
	}
	use_up_mappings();
	for (unsigned n = 0; n < 8; n += 2) {
		detach(base + (16 + n) * PAGE);
		detach(base + n * PAGE);
		EXPECT_FAULTS(base + n * PAGE, READ);
	}
	EXPECT_EQ(l4re_rm_free_area(base + 16 * PAGE), 0);
	EXPECT_FREE(base + 16 * PAGE);
}

/* 14.2 */
TEST_SLOW(what_is_there_can_be_given_up_without_mappings, 120)
{
	if (TEST_SANITIZED)
		SKIP("a sanitizer needs mappings for itself");
	if (most_mappings() > 300000)
		SKIP("this host allows too many mappings to use them all up");
	EXPECT_CHILD(detach_without_mappings, NULL);
}

/* ---- descriptors ---- */

static void without_descriptors(void *arg)
{
	struct rlimit limit = { 64, 64 };
	l4re_ds_t all[512], extra = slot_new();
	unsigned count = 0;
	long r = 0;

	(void)arg;
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (count < 512) {
		all[count] = slot_new();
		r = l4re_ma_alloc((long)(count + 1), all[count], 0);
		if (r != 0)
			break;
		count++;
	}
	/* A library that needs none for a dataspace gets through. */
	if (count < 512) {
		EXPECT_EQ(r, -L4_ENOMEM);
		EXPECT(!slot_is_filled(all[count]));
		EXPECT_EQ(l4re_ma_alloc(PAGE, all[0], 0), -L4_ENOMEM);
		slot_drop(all[count]);
	}
	for (unsigned n = 0; n < count; n++)
		EXPECT_EQ(l4re_ds_size(all[n]), n + 1);
	slot_drop(all[--count]);
	EXPECT_EQ(l4re_ma_alloc(PAGE, extra, 0), 0);
	EXPECT_EQ(ds_byte(extra, 0), 0);
	while (count > 0)
		slot_drop(all[--count]);
	slot_drop(extra);
}

/* 8.2, I8 */
TEST(without_descriptors_allocating_fails_and_changes_nothing)
{
	EXPECT_CHILD(without_descriptors, NULL);
}

/* ---- memory ---- */

static long kib_of(const char *what)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = -1;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, what, strlen(what)) == 0)
			(void)sscanf(line + strlen(what), ": %ld", &kib);
	if (file)
		(void)fclose(file);
	return kib;
}

/* Runs @body in a child that is killed should shared memory grow by more than it may. */
static void watched(void (*body)(void))
{
	long before = kib_of("Shmem"), most = 400 * 1024;
	int status = 0;
	pid_t pid = fork();

	EXPECT(pid >= 0);
	if (pid == 0) {
		(void)alarm((unsigned)(10 * test_patience()));
		body();
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (kib_of("Shmem") > before + most) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			ck_abort_msg("memory was taken before it was known to be enough");
		}
		test_pause_us(200);
	}
	EXPECT_EQ(status, 0);
}

static void ask_for_too_much(void)
{
	/* Four times what there is, and more than any machine has. */
	long sizes[] = { kib_of("MemTotal") * 4096, 1L << 46, 1L << 55 };
	l4re_ds_t ds = ds_new(5);

	for (unsigned n = 0; n < 3; n++) {
		EXPECT_EQ(l4re_ma_alloc(sizes[n], ds, L4RE_MA_CONTINUOUS), -L4_ENOMEM);
		EXPECT_EQ(l4re_ma_alloc(sizes[n], ds, L4RE_MA_PINNED), -L4_ENOMEM);
		EXPECT_EQ(l4re_ds_size(ds), 5);
	}
	EXPECT_EQ(l4re_ma_alloc(-1, ds, L4RE_MA_CONTINUOUS), -L4_ENOMEM);
	slot_drop(ds);
}

/* 8.2 */
TEST(memory_that_is_not_there_is_refused_before_any_is_taken)
{
	watched(ask_for_too_much);
}

static void allocate_too_much(void)
{
	long sizes[] = { kib_of("MemTotal") * 4096, 1L << 46 };
	l4re_ds_t ds = slot_new();

	for (unsigned n = 0; n < 2; n++) {
		EXPECT_EQ(l4re_ma_alloc(sizes[n], ds, 0), 0);
		EXPECT_EQ(l4re_ds_allocate(ds, 0, (unsigned long)sizes[n]), -L4_ENOMEM);
		EXPECT_EQ(l4re_ds_allocate(ds, 0, PAGE), 0);
		EXPECT_EQ(ds_byte(ds, 0), 0);
	}
	slot_drop(ds);
}

/* 7.6 */
TEST(allocating_more_than_there_is_is_refused_before_any_is_taken)
{
	watched(allocate_too_much);
}

static void attach_too_much(void)
{
	l4re_ds_t ds = slot_new();
	void *start = NULL;
	int r;

	EXPECT_EQ(l4re_ma_alloc(kib_of("MemTotal") * 4096, ds, 0), 0);
	r = l4re_rm_attach(&start, (unsigned long)kib_of("MemTotal") * 4096,
			   SEARCH | RW | EAGER, ds, 0, L4_PAGESHIFT);
	EXPECT_EQ(r, IF_MODERN(0, -L4_ENOMEM));
	EXPECT_EQ(find((l4_addr_t)start, 1, &(struct record){ 0 }), 0);
	BYTE((l4_addr_t)start) = 1;
	detach((l4_addr_t)start);
	slot_drop(ds);
}

/* 5.3.7, R-04 */
TEST(r04_mapping_more_than_there_is_eagerly_fails_before_any_is_taken)
{
	watched(attach_too_much);
}

#ifndef L4RE_MODERN
/* 11.5 */
static void page_in_too_much(void)
{
	unsigned long size = (unsigned long)kib_of("MemTotal") * 4096;
	l4re_ds_t ds = slot_new();
	l4_addr_t at;

	EXPECT_EQ(l4re_ma_alloc((long)size, ds, 0), 0);
	at = attach(ds, size, RW);
	EXPECT_EQ(l4re_rm_page_in(at, size, L4_FPAGE_RW), -L4_ENOMEM);
	detach(at);
	slot_drop(ds);
}

TEST(paging_more_in_than_there_is_fails_before_any_is_taken)
{
	watched(page_in_too_much);
}
#endif
