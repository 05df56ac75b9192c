/* SPDX-License-Identifier: MIT */
/*
 * test_map_scarce.c - a map without descriptors, and without locked memory
 *
 * The program closes the library's descriptors, or has as many as it may have.  What cannot be
 * done then is refused with nothing changed, and can be done once there is room.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kin.h"
#include "land.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE
#define EXACT TRACT_DETACH_EXACT
#define REPLACE (TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE)

static int answer(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	(void)context;
	(void)fault;
	answer->kind = TRACT_ANSWER_ZERO;
	return 0;
}

static struct tract_pager *pager_up(void)
{
	struct tract_pager *pager;

	EXPECT_EQ(tract_pager_create(answer, NULL, NULL, &pager), 0);
	return pager;
}

/* ---- closed behind the library's back --------------------------------------------------- */

/* What was open before the library was used: the test's own. */
static bool not_closed[4096];

static void remember_open(void)
{
	for (int fd = 0; fd < 4096; fd++)
		not_closed[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* As daemons do. */
static void close_all(void)
{
	for (int fd = 3; fd < 4096; fd++)
		if (!not_closed[fd])
			(void)close(fd);
}

/* Every number there can be is the program's: of a file full of 'P' that it goes on using. */
static ino_t fill_numbers(void)
{
	int fd = memfd_create("programs", MFD_CLOEXEC);
	struct stat st;

	EXPECT(fd >= 0);
	EXPECT_EQ(ftruncate(fd, (off_t)(16 * PAGE)), 0);
	for (unsigned i = 0; i < 16; i++)
		EXPECT_EQ(pwrite(fd, "P", 1, (off_t)(i * PAGE)), 1);
	EXPECT_EQ(fstat(fd, &st), 0);
	for (int number = 3; number < 1020; number++)
		if (!not_closed[number] && number != fd)
			EXPECT_EQ(dup2(fd, number), number);
	return st.st_ino;
}

static void expect_numbers_kept(ino_t inode)
{
	struct stat st;

	for (int number = 3; number < 1020; number++) {
		if (not_closed[number])
			continue;
		EXPECT_EQ(fstat(number, &st), 0);
		EXPECT_EQ(st.st_ino, inode);
		EXPECT_EQ(st.st_blocks * 512, 16 * PAGE);
	}
}

/* What can be said of a region whose descriptor is gone. */
static void expect_robbed(struct tract_region *region, char *at, size_t pages)
{
	struct tract_region *other = land_region(1, 'o');
	char *area = land_area(1, 0), *before = land_text(at, pages);
	void *there = NULL;

	EXPECT_EQ(attach(&there, .region = region), -EBADF);
	EXPECT_EQ(attach(&there, .region = region, .flags = TRACT_ATTACH_PRIVATE), -EBADF);
	there = at + PAGE;
	EXPECT_EQ(attach(&there, .region = region, .size = PAGE, .flags = REPLACE), -EBADF);
	EXPECT_EQ(tract_attach(region, &there, 0, 0, BOTH, 0), -EBADF);
	EXPECT_EQ(tract_map_show(OWN, region, area, PAGE, 0, BOTH), -EBADF);
	EXPECT_EQ(tract_region_clear(region, 0, PAGE), -EBADF);
	EXPECT_EQ(tract_region_reserve(region, 0, PAGE), -EBADF);
	EXPECT_EQ(tract_region_copy(region, 0, other, 0, PAGE), -EBADF);
	EXPECT_EQ(tract_region_copy(other, 0, region, 0, PAGE), -EBADF);
	EXPECT_STR(land_bytes(area, 1), "!");
	land_expect_same(before, at, pages);
	free(before);
	land_clear(area, 1);
	tract_region_close(other);
}

/* What is attached goes on, and can be given up. */
static void expect_goes_on(struct tract_region *region, char *at, char *area)
{
	EXPECT_STR(land_bytes(at, 4), "abcd");
	EXPECT_EQ(detach(at + PAGE, 1, EXACT), 0);
	EXPECT_STR(land_bytes(at, 4), "a!cd");
	attached_at(area, .size = PAGE, .flags = TRACT_ATTACH_ANONYMOUS | TRACT_ATTACH_IN_AREA);
	EXPECT_EQ(tract_detach(area), 0);
	land_clear(at, 4);
	land_clear(area, 2);
	EXPECT_EQ(tract_region_destroy(region), 0);
	tract_region_close(region);
	land_check();
}

static void rob(struct kin *parent, void *arg)
{
	const bool *reused = arg;
	struct tract_region *region;
	char *at, *area;
	ino_t inode;

	(void)parent;
	remember_open();
	region = land_region(4, 'a');
	at = attached(.region = region, .flags = TRACT_ATTACH_CLEAR);
	area = land_area(2, 0);
	close_all();
	if (!*reused) {
		expect_robbed(region, at, 4);
		expect_goes_on(region, at, area);
		return;
	}
	inode = fill_numbers();
	EXPECT_EQ(attach((void *[]){ NULL }, .region = region), -EBADF);
	EXPECT_EQ(tract_map_show(OWN, region, area, PAGE, 0, BOTH), -EBADF);
	expect_goes_on(region, at, area);
	expect_numbers_kept(inode);
}

TEST(a_region_whose_descriptor_was_closed_can_be_used_where_it_is)
{
	bool reused = false;
	struct kin kin;

	kin_start(&kin, rob, &reused);
	kin_finish(&kin);
}

/* What has the number now is the program's: it is neither mapped nor changed nor closed. */
TEST(a_descriptor_that_has_a_regions_number_is_not_touched)
{
	bool reused = true;
	struct kin kin;

	kin_start(&kin, rob, &reused);
	kin_finish(&kin);
}

static void rob_the_brokers(struct kin *parent, void *arg)
{
	const struct tract_region_spec spec = { .size = 4 * PAGE };
	struct tract_region *region;
	struct tract *ctx;
	char *at;

	(void)parent;
	(void)arg;
	remember_open();
	ctx = node_open();
	EXPECT_EQ(tract_region_create(ctx, &spec, &region), 0);
	at = attached(.region = region);
	at[0] = 'a';
	close_all();
	expect_robbed(region, at, 4);
	EXPECT_STR(land_bytes(at, 4), "a000");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	tract_close(ctx);
}

TEST(a_region_of_the_brokers_whose_descriptor_was_closed_shows_nothing_else)
{
	struct kin kin;

	kin_start(&kin, rob_the_brokers, NULL);
	kin_finish(&kin);
}

static void rob_pagers(struct kin *parent, void *arg)
{
	struct tract_region *region;
	struct tract_pager *pager = pager_up();
	char *at, *other, *before;
	void *there;

	(void)parent;
	(void)arg;
	remember_open();
	region = land_region(3, 'a');
	at = attached(.pager = pager, .size = 3 * PAGE);
	EXPECT_STR(land_bytes(at, 1), "0");
	other = attached(.region = region);
	close_all();
	/* What is there is there. */
	EXPECT_STR(land_bytes(at, 1), "0");
	before = land_text(other, 3);
	there = other;
	EXPECT_EQ(attach(&there, .pager = pager, .size = PAGE, .flags = REPLACE), -EBADF);
	there = NULL;
	EXPECT_EQ(attach(&there, .pager = pager, .size = PAGE), -EBADF);
	land_expect_same(before, other, 3);
	free(before);
	EXPECT_STR(land_bytes(other, 3), "abc");
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(tract_detach(other), 0);
	tract_pager_close(pager);
	tract_region_close(region);
	land_check();
}

TEST(no_pager_is_attached_once_its_descriptor_was_closed)
{
	struct kin kin;

	if (TEST_TSAN)
		SKIP("TSan calls it a race to close what another thread reads, which is the "
		     "point");
	kin_start(&kin, rob_pagers, NULL);
	kin_finish(&kin);
}

/* ---- as many descriptors as there may be ------------------------------------------------ */

static struct rlimit allow_descriptors(bool any)
{
	static struct rlimit before;
	struct rlimit none;

	if (any) {
		EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
		return before;
	}
	EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

TEST_WITH(what_needs_no_descriptor_works_without_one, 20, true)
{
	const struct tract_region_spec spec = { .size = PAGE };
	struct tract_region *region = land_region(4, 'a'), *none = NULL;
	struct tract_pager *pager = pager_up();
	char *at = attached(.region = region), *next;
	void *there = NULL;

	(void)allow_descriptors(false);
	EXPECT_EQ(tract_region_create_local(&spec, &none), -EMFILE);
	EXPECT(none == NULL);
	EXPECT_EQ(attach(&there, .pager = pager, .size = PAGE), -EMFILE);
	EXPECT(there == NULL);
	next = attached(.region = region, .offset = PAGE);
	EXPECT(next == at + 4 * PAGE);
	EXPECT_STR(land_bytes(next, 3), "bcd");
	EXPECT_EQ(tract_map_show(OWN, region, next, PAGE, 3 * PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(next, 3), "dcd");
	EXPECT_EQ(tract_map_hide(OWN, next, PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(next, 3), "bcd");
	EXPECT_EQ(detach(next + PAGE, 1, EXACT), 0);
	EXPECT_EQ(tract_region_copy(region, 0, region, PAGE, PAGE), 0);
	EXPECT_EQ(tract_region_clear(region, PAGE, PAGE), 0);
	EXPECT_STR(land_bytes(at, 4), "b0cd");
	EXPECT_EQ(tract_map_populate(OWN, at, PAGE, BOTH), 0);
	land_clear(at, 8);
	(void)allow_descriptors(true);
	/* It was not the host that has no pagers. */
	EXPECT_EQ(attach(&there, .pager = pager, .size = PAGE), 0);
	EXPECT_STR(land_bytes(there, 1), "0");
	EXPECT_EQ(tract_detach(there), 0);
	tract_pager_close(pager);
	tract_region_close(region);
	land_check();
}

/* Pages are supplied without descriptors, too. */
TEST_WITH(a_pager_goes_on_without_descriptors, 20, true)
{
	struct tract_pager *pager = pager_up();
	char *at = attached(.pager = pager, .size = 3 * PAGE);
	struct tract_region *region = land_region(1, 'a');

	EXPECT_STR(land_bytes(at, 1), "0");
	(void)allow_descriptors(false);
	EXPECT_STR(land_bytes(at + PAGE, 1), "0");
	/* And asked for again once what was shown over them is gone. */
	EXPECT_EQ(tract_map_show(OWN, region, at, PAGE, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 1), "a");
	EXPECT_EQ(tract_map_hide(OWN, at, PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "000");
	(void)allow_descriptors(true);
	EXPECT_EQ(tract_detach(at), 0);
	tract_pager_close(pager);
	tract_region_close(region);
}

/* A stranger is gone around without looking at /proc. */
TEST(a_search_without_descriptors_goes_around_what_the_program_mapped)
{
	struct tract_region *region = land_region(1, 'a');
	char *own = pages_private(64);
	void *at = own;

	(void)allow_descriptors(false);
	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT((char *)at >= own + 64 * PAGE);
	EXPECT_EQ(tract_detach(at), 0);
	(void)allow_descriptors(true);
	tract_region_close(region);
	pages_free(own, 64);
}

/* However large it is: page by page that would take for ever. */
TEST(a_search_without_descriptors_gets_past_a_large_mapping)
{
	const size_t pages = ((size_t)1 << 36) / PAGE;
	struct tract_region *region = land_region(1, 'a');
	char *lowest = attached(.region = region), *own;
	void *at = NULL;

	EXPECT_EQ(tract_detach(lowest), 0);
	own = mmap(lowest, pages * PAGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	EXPECT(own == lowest);
	(void)allow_descriptors(false);
	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT(at == own + pages * PAGE);
	EXPECT_EQ(tract_detach(at), 0);
	(void)allow_descriptors(true);
	pages_free(own, pages);
	tract_region_close(region);
}

/* ---- as much locked memory as there may be ----------------------------------------------- */

static void lock_all(struct kin *parent, void *arg)
{
	const struct rlimit some = { 16 * PAGE, 16 * PAGE };
	struct tract_region *region = land_region(64, 'a');
	void *there = NULL;
	char *at;

	(void)parent;
	(void)arg;
	EXPECT_EQ(setrlimit(RLIMIT_MEMLOCK, &some), 0);
	/* Root may lock what it likes. */
	EXPECT(geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
	/* Sanitizers make nothing of the C library's. */
	EXPECT_EQ(syscall(SYS_mlockall, MCL_FUTURE), 0);
	EXPECT_EQ(attach(&there, .region = region), -ENOMEM);
	EXPECT_EQ(attach(&there, .size = 64 * PAGE, .flags = TRACT_ATTACH_ANONYMOUS), -ENOMEM);
	EXPECT_EQ(tract_map_reserve(OWN, &there, 64 * PAGE, 0, 12, 0), -ENOMEM);
	EXPECT_EQ(tract_attach(region, &there, 0, 0, BOTH, 0), -ENOMEM);
	EXPECT(there == NULL);
	EXPECT_EQ(land_count(), 0);
	at = attached(.region = region, .size = 2 * PAGE);
	EXPECT_STR(land_bytes(at, 2), "ab");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	land_check();
}

TEST(memory_that_may_not_be_locked_is_no_memory)
{
	struct kin kin;

	kin_start(&kin, lock_all, NULL);
	kin_finish(&kin);
}
