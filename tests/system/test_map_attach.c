/* SPDX-License-Identifier: MIT */
/*
 * test_map_attach.c - what tract_map_attach() puts where, and what it refuses
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "land.h"

#define OWN tract_map_own()
#define HIGHEST ((void *)UINTPTR_MAX)

/* ---- what is refused -------------------------------------------------------------------- */

/* Refused with @wanted, *addr as it was, and nothing behind it. */
static void expect_refused(const struct tract_attachment *what, void *from, int wanted)
{
	unsigned before = land_count();
	void *at = from;

	EXPECT_EQ(tract_map_attach(OWN, what, &at), wanted);
	EXPECT(at == from);
	EXPECT_EQ(land_count(), before);
	land_check();
}

#define refused(wanted, from, ...) \
	expect_refused(&(struct tract_attachment){ __VA_ARGS__ }, (from), (wanted))

TEST(nothing_is_attached_for_what_makes_no_sense)
{
	struct tract_region *region = land_region(2, 'a');
	struct tract_attachment what = { .region = region };
	void *at = NULL;

	EXPECT_EQ(tract_map_attach(NULL, &what, &at), -EINVAL);
	EXPECT_EQ(tract_map_attach(OWN, NULL, &at), -EINVAL);
	EXPECT_EQ(tract_map_attach(OWN, &what, NULL), -EINVAL);
	refused(-EINVAL, NULL, .size = PAGE);
	refused(-EINVAL, NULL, .region = region, .flags = TRACT_ATTACH_BLOCK);
	refused(-EINVAL, NULL, .region = region, .flags = TRACT_ATTACH_ANONYMOUS);
	refused(-EINVAL, NULL, .size = PAGE,
		.flags = TRACT_ATTACH_ANONYMOUS | TRACT_ATTACH_BLOCK);
	refused(-EINVAL, NULL, .region = region, .flags = 512);
	refused(-EINVAL, NULL, .region = region, .flags = 1u << 31);
	refused(-EINVAL, NULL, .region = region, .rights = 1);
	refused(-EINVAL, NULL, .region = region, .rights = 8);
	refused(-EINVAL, NULL, .flags = TRACT_ATTACH_ANONYMOUS);
	refused(-EINVAL, NULL, .flags = TRACT_ATTACH_BLOCK);
	refused(-EINVAL, NULL, .region = region, .offset = 2 * PAGE);
	refused(-EINVAL, NULL, .region = region, .offset = UINT64_MAX);
	refused(-EINVAL, NULL, .region = region, .size = SIZE_MAX);
	refused(-EINVAL, NULL, .region = region, .align = 64);
	refused(-EINVAL, NULL, .region = region, .align = UINT32_MAX);
	tract_region_close(region);
}

TEST(a_range_ends_within_the_address_space)
{
	struct tract_region *region = land_region(2, 'a');

	refused(-EINVAL, HIGHEST, .region = region, .flags = TRACT_ATTACH_FIXED);
	refused(-EINVAL, (void *)(UINTPTR_MAX - PAGE), .region = region, .size = 3 * PAGE,
		.flags = TRACT_ATTACH_FIXED);
	tract_region_close(region);
}

TEST(nothing_is_attached_outside_the_limits)
{
	struct tract_region *region = land_region(2, 'a');
	void *first, *last;

	tract_map_limits(OWN, &first, &last);
	refused(-EADDRNOTAVAIL, NULL, .region = region, .flags = TRACT_ATTACH_FIXED);
	refused(-EADDRNOTAVAIL, (void *)((uintptr_t)first - PAGE), .region = region,
		.flags = TRACT_ATTACH_FIXED);
	refused(-EADDRNOTAVAIL, (char *)last + 1 - PAGE, .region = region,
		.flags = TRACT_ATTACH_FIXED);
	refused(-EADDRNOTAVAIL, (char *)last + 1, .region = region,
		.flags = TRACT_ATTACH_FIXED);
	refused(-EADDRNOTAVAIL, HIGHEST - 2 * PAGE + 1, .region = region,
		.flags = TRACT_ATTACH_FIXED);
	tract_region_close(region);
}

TEST(what_is_taken_is_not_taken_again)
{
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region);
	char *before = land_text(at - PAGE, 6);

	for (unsigned i = 0; i < 4; i++) {
		void *there = at + i * PAGE;

		EXPECT_EQ(attach(&there, .region = region, .size = PAGE,
				 .flags = TRACT_ATTACH_FIXED),
			  -EADDRNOTAVAIL);
		EXPECT_EQ(attach(&there, .region = region, .flags = TRACT_ATTACH_FIXED),
			  -EADDRNOTAVAIL);
		there = at - PAGE;
		EXPECT_EQ(attach(&there, .size = (2 + i) * PAGE,
				 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_BLOCK),
			  -EADDRNOTAVAIL);
	}
	land_expect_same(before, at - PAGE, 6);
	free(before);
	EXPECT_STR(land_bytes(at, 4), "abcd");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
}

/* The program's own memory is never taken, whatever the flags. */
TEST(what_the_program_mapped_is_never_overwritten)
{
	struct tract_region *region = land_region(3, 'a');
	char *own =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *at = own;

	EXPECT(own != MAP_FAILED);
	*own = 'x';
	EXPECT_EQ(attach(&at, .region = region, .size = PAGE, .flags = TRACT_ATTACH_FIXED),
		  -EADDRNOTAVAIL);
	EXPECT_EQ(attach(&at, .region = region, .size = PAGE,
			 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE),
		  -EADDRNOTAVAIL);
	EXPECT_STR(land_bytes(own, 1), "x");
	/* A search that begins there goes on behind it. */
	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT((char *)at > own);
	EXPECT_STR(land_bytes(own, 1), "x");
	EXPECT_STR(land_bytes(at, 3), "abc");
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(munmap(own, PAGE), 0);
	tract_region_close(region);
	land_check();
}

TEST(a_handle_without_a_right_attaches_nothing_with_it)
{
	struct tract_region_spec spec = { .size = PAGE, .rights = TRACT_RIGHT_READ };
	struct tract_region *region;
	char *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	refused(-EACCES, NULL, .region = region, .rights = TRACT_RIGHT_READ_WRITE);
	refused(-EACCES, NULL, .region = region, .rights = TRACT_RIGHT_WRITE);
	/* Who has a view of his own needs no leave to write to it. */
	at = attached(.region = region, .flags = TRACT_ATTACH_PRIVATE);
	EXPECT_EQ(land_store(at), 0);
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.region = region, .rights = TRACT_RIGHT_READ);
	EXPECT_EQ(land_store(at), SIGSEGV);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);

	spec.rights = TRACT_RIGHT_WRITE;
	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	refused(-EACCES, NULL, .region = region, .rights = TRACT_RIGHT_READ,
		.flags = TRACT_ATTACH_PRIVATE);
	tract_region_close(region);
}

TEST(what_does_not_fit_anywhere_is_refused)
{
	const struct tract_region_spec huge = { .size = (size_t)1 << 47 };
	struct tract_region *region;
	void *at = NULL;

	EXPECT_EQ(tract_region_create_local(&huge, &region), 0);
	refused(-EADDRNOTAVAIL, NULL, .region = region);
	EXPECT_EQ(tract_attach(region, &at, 0, 0, TRACT_RIGHT_READ, 0), -ENOMEM);
	tract_region_close(region);
	refused(-EADDRNOTAVAIL, NULL, .size = PAGE, .align = 63, .flags = TRACT_ATTACH_BLOCK);
}

/* The kernel refuses, and shows nobody who would be the reason. */
TEST(who_was_in_the_way_and_has_gone_is_in_nobodys_way)
{
	struct tract_region *region = land_region(4, 'a');
	char *lowest = attached(.region = region), *again;
	void *at = lowest;

	EXPECT_EQ(tract_detach(lowest), 0);
	EXPECT_EQ(fault_arm("map.attach.here=e17"), 0);
	again = attached(.region = region);
	EXPECT(again == lowest);
	EXPECT_EQ(tract_detach(again), 0);
	EXPECT_EQ(fault_arm("map.attach.here=e17"), 0);
	EXPECT_EQ(attach(&at, .region = region, .flags = TRACT_ATTACH_FIXED), 0);
	EXPECT_STR(land_bytes(lowest, 4), "abcd");
	EXPECT_EQ(fault_arm(NULL), 0);
	land_clear(lowest, 4);
	tract_region_close(region);
}

TEST(a_step_that_fails_leaves_nothing_attached)
{
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region, .tag = 1), *before = land_text(at, 4);
	void *there = at + PAGE;

	for (unsigned n = 0;; n++) {
		int r;

		fault_arm_nth(n);
		r = attach(&there, .region = region, .size = PAGE, .tag = 2,
			   .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE);
		if (!fault_nth_visited())
			break;
		EXPECT_EQ(r, -ENOMEM);
		land_expect_same(before, at, 4);
	}
	(void)fault_arm(NULL);
	free(before);
	EXPECT_STR(land_bytes(at, 4), "aacd");
	/* What the failed attempts kept ready went with them. */
	land_clear(at, 4);
	at = attached(.region = region, .offset = PAGE, .tag = 7);
	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_STR(land_bytes(at, 3), "b!d");
	land_clear(at, 3);
	tract_region_close(region);
}

/* ---- where ------------------------------------------------------------------------------ */

TEST(a_search_takes_the_lowest_place_that_fits)
{
	struct tract_region *region = land_region(8, 'a');
	char *at = attached(.region = region), *next = attached(.region = region);

	EXPECT(next == at + 8 * PAGE);
	EXPECT_EQ(detach(at + PAGE, 2, TRACT_DETACH_EXACT), 0);
	EXPECT(attached(.region = region, .size = 3 * PAGE) == next + 8 * PAGE);
	EXPECT(attached(.region = region, .size = PAGE) == at + PAGE);
	EXPECT(attached(.region = region, .size = PAGE) == at + 2 * PAGE);
	land_clear(at, 20);
	EXPECT(land_is_free(at, 20));
	tract_region_close(region);
}

TEST(a_search_starts_where_it_is_told_and_goes_upwards)
{
	struct tract_region *region = land_region(1, 'a');
	char *base = attached(.region = region);
	void *at = base + 15 * PAGE + 5;

	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT(at == base + 16 * PAGE);
	at = base + 16 * PAGE;
	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT(at == base + 17 * PAGE);
	land_clear(base, 18);
	tract_region_close(region);
}

TEST(a_search_from_outside_goes_from_the_bottom)
{
	struct tract_region *region = land_region(1, 'a');
	char *first = attached(.region = region), *last;
	void *at = HIGHEST;

	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT(at == first + PAGE);
	tract_map_limits(OWN, NULL, (void **)&last);
	at = last + 1;
	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT(at == first + 2 * PAGE);
	at = (void *)1;
	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT(at == first + 3 * PAGE);
	land_clear(first, 4);
	tract_region_close(region);
}

TEST(a_search_keeps_its_alignment)
{
	struct tract_region *region = land_region(1, 'a');
	char *first = attached(.region = region);
	void *at;

	/* TSan leaves no address that is aligned to more. */
	for (unsigned align = 0; align < (TEST_TSAN ? 39 : 40); align++) {
		at = first + PAGE;
		EXPECT_EQ(attach(&at, .region = region, .align = align), 0);
		EXPECT_EQ((uintptr_t)at % ((uintptr_t)1 << (align < 12 ? 12 : align)), 0);
		EXPECT_EQ(tract_detach(at), 0);
	}
	EXPECT_EQ(tract_detach(first), 0);
	tract_region_close(region);
}

TEST(fixed_means_the_page_of_any_byte)
{
	struct tract_region *region = land_region(2, 'a');
	char *base = attached(.region = region);
	void *at = base + PAGE + 77;

	land_clear(base, 2);
	EXPECT_EQ(attach(&at, .region = region, .flags = TRACT_ATTACH_FIXED), 0);
	EXPECT(at == base + PAGE);
	EXPECT_STR(land_bytes(at, 2), "ab");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
}

TEST(the_first_and_the_last_page_can_be_had)
{
	struct tract_region *region = land_region(1, 'a');
	char *first, *last;
	void *at;

	tract_map_limits(OWN, (void **)&first, (void **)&last);
	if (!land_is_free(last + 1 - PAGE, 1))
		SKIP("addresses are not scattered here, and the stack has the last page");
	at = first;
	EXPECT_EQ(attach(&at, .region = region, .flags = TRACT_ATTACH_FIXED), 0);
	EXPECT_STR(land_bytes(first, 1), "a");
	EXPECT_EQ(tract_detach(first), 0);
	at = last;
	EXPECT_EQ(attach(&at, .region = region, .flags = TRACT_ATTACH_FIXED), 0);
	EXPECT(at == last + 1 - PAGE);
	EXPECT_STR(land_bytes(at, 1), "a");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	land_check();
}

/* ---- which bytes ------------------------------------------------------------------------ */

TEST(an_offset_and_a_size_choose_pages)
{
	struct tract_region *region = land_region(6, 'a');
	char *at = attached(.region = region, .offset = 2 * PAGE);

	EXPECT_STR(land_bytes(at, 5), "cdef!");
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.region = region, .offset = 2 * PAGE + 100, .size = PAGE + 1);
	EXPECT_STR(land_bytes(at, 3), "cd!");
	EXPECT_EQ(tract_detach(at), 0);
	/* To the end, from within a page. */
	at = attached(.region = region, .offset = 5 * PAGE + 100);
	EXPECT_STR(land_bytes(at, 2), "f!");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
}

TEST(bytes_past_the_regions_end_fault)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region, .offset = PAGE, .size = 4 * PAGE);

	EXPECT_EQ(land_load(at), 0);
	EXPECT(land_load(at + PAGE) != 0);
	EXPECT(land_store(at + 3 * PAGE) != 0);
	EXPECT_EQ(tract_detach(at), 0);
	/* All of it is behind the end. */
	at = attached(.region = region, .offset = 5 * PAGE, .size = 2 * PAGE);
	EXPECT(land_load(at) != 0);
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.region = region, .offset = UINT64_MAX, .size = 2 * PAGE);
	EXPECT(land_load(at) != 0);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	land_check();
}

/* Not even where its last page would be the region's first one, if offsets went round. */
TEST(behind_the_last_offset_there_is_nothing_to_show_or_to_clear)
{
	struct tract_region *region = land_region(2, 'a'), *over = land_region(1, 'A');
	char *look = attached(.region = region);
	char *at = attached(.region = region, .offset = UINT64_MAX - PAGE + 1, .size = 3 * PAGE,
			    .flags = TRACT_ATTACH_CLEAR);

	EXPECT_EQ(tract_map_populate(OWN, at + PAGE, PAGE, TRACT_RIGHT_READ_WRITE), -ERANGE);
	EXPECT_EQ(tract_check_range(at + PAGE, PAGE), -EFAULT);
	EXPECT_EQ(tract_map_show(OWN, over, at + PAGE, PAGE, 0, TRACT_RIGHT_READ_WRITE), 0);
	EXPECT_STR(land_bytes(at, 3), "!A!");
	EXPECT_EQ(tract_map_hide(OWN, at + PAGE, PAGE, TRACT_RIGHT_READ_WRITE), 0);
	EXPECT_STR(land_bytes(at, 3), "!!!");
	EXPECT_EQ(detach(at + 2 * PAGE, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_EQ(detach(at, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_EQ(tract_map_populate(OWN, at + PAGE, PAGE, TRACT_RIGHT_READ_WRITE), -ERANGE);
	EXPECT_EQ(tract_detach(at + PAGE), 0);
	EXPECT_STR(land_bytes(look, 2), "ab");
	EXPECT_EQ(tract_detach(look), 0);
	tract_region_close(region);
	tract_region_close(over);
	land_check();
}

TEST(two_attachments_show_the_same_bytes)
{
	struct tract_region *region = land_region(2, 'a');
	char *one = attached(.region = region), *other = attached(.region = region);
	char *reader = attached(.region = region, .rights = TRACT_RIGHT_READ);

	one[PAGE] = 'x';
	EXPECT_STR(land_bytes(other, 2), "ax");
	EXPECT_STR(land_bytes(reader, 2), "ax");
	EXPECT_EQ(land_store(reader), SIGSEGV);
	tract_region_close(region);
	/* They go on without the handle. */
	other[0] = 'y';
	EXPECT_STR(land_bytes(one, 2), "yx");
	land_clear(one, 6);
}

/* ---- how -------------------------------------------------------------------------------- */

TEST(what_is_attached_without_rights_faults)
{
	struct tract_region *region = land_region(1, 'a');
	void *at = NULL;
	const struct tract_attachment what = { .region = region };

	EXPECT_EQ(tract_map_attach(OWN, &what, &at), 0);
	EXPECT_EQ(land_load(at), SIGSEGV);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
}

TEST(every_access_to_what_is_blocked_faults)
{
	struct tract_span span;
	char *at = attached(.size = 2 * PAGE - 1, .flags = TRACT_ATTACH_BLOCK, .tag = 9);

	EXPECT_EQ(land_load(at), SIGSEGV);
	EXPECT_EQ(land_load(at + PAGE), SIGSEGV);
	EXPECT_EQ(tract_find(at + PAGE, &span), 0);
	EXPECT_EQ(span.kind, TRACT_SPAN_BLOCKED);
	EXPECT_EQ(span.size, 2 * PAGE);
	EXPECT_EQ(span.tag, 9);
	EXPECT_EQ(span.flags, TRACT_ATTACH_BLOCK);
	EXPECT(!land_is_free(at, 1));
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT(land_is_free(at, 2));
}

TEST(anonymous_memory_is_zero_and_nobody_elses)
{
	char *at = attached(.size = 3 * PAGE, .flags = TRACT_ATTACH_ANONYMOUS);
	pid_t child;
	int status;

	EXPECT_STR(land_bytes(at, 3), "000");
	at[PAGE] = 'p';
	child = fork();
	if (child == 0) {
		at[PAGE] = 'c';
		_exit(0);
	}
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_STR(land_bytes(at, 3), "0p0");
	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_STR(land_bytes(at, 3), "0!0");
	/* What is freed is not met again. */
	attached_at(at + PAGE, .size = PAGE, .flags = TRACT_ATTACH_ANONYMOUS);
	EXPECT_STR(land_bytes(at, 3), "000");
	land_clear(at, 3);
}

TEST(stores_to_a_private_view_stay_there)
{
	struct tract_region *region = land_region(2, 'a');
	char *shared = attached(.region = region);
	char *view = attached(.region = region, .flags = TRACT_ATTACH_PRIVATE);
	struct tract_span span;

	EXPECT_STR(land_bytes(view, 2), "ab");
	view[0] = 'v';
	EXPECT_STR(land_bytes(shared, 2), "ab");
	EXPECT_STR(land_bytes(view, 2), "vb");
	shared[0] = 's';
	EXPECT_STR(land_bytes(view, 2), "vb");
	EXPECT_EQ(tract_find(view, &span), 0);
	EXPECT_EQ(span.flags, TRACT_ATTACH_PRIVATE);
	EXPECT_EQ(span.kind, TRACT_SPAN_REGION);
	land_clear(shared, 4);
	tract_region_close(region);
}

static unsigned count_resident(void *at, size_t pages)
{
	unsigned char there[16];
	unsigned count = 0;

	EXPECT_EQ(mincore(at, pages * PAGE, there), 0);
	for (size_t i = 0; i < pages; i++)
		count += there[i] & 1;
	return count;
}

TEST(eager_brings_every_page_in)
{
	const struct tract_region_spec spec = { .size = 8 * PAGE };
	struct tract_region *region;
	char *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	at = attached(.region = region);
	EXPECT_EQ(count_resident(at, 8), 0);
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.region = region, .flags = TRACT_ATTACH_EAGER);
	EXPECT_EQ(count_resident(at, 8), 8);
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.size = 8 * PAGE, .flags = TRACT_ATTACH_EAGER | TRACT_ATTACH_ANONYMOUS);
	EXPECT_EQ(count_resident(at, 8), 8);
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.size = 8 * PAGE, .flags = TRACT_ATTACH_EAGER | TRACT_ATTACH_BLOCK);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
}

TEST(an_eager_attachment_that_is_not_all_there_stays)
{
	struct tract_region *region = land_region(2, 'a');
	struct tract_span span;
	void *at = NULL;

	EXPECT_EQ(attach(&at, .region = region, .size = 3 * PAGE, .flags = TRACT_ATTACH_EAGER),
		  -ERANGE);
	EXPECT(at != NULL);
	EXPECT_EQ(tract_find(at, &span), 0);
	EXPECT_EQ(span.size, 3 * PAGE);
	EXPECT_EQ(land_load(at), 0);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	land_check();
}

TEST(an_eager_attachment_that_there_is_no_memory_for_stays)
{
	/* More than any host has. */
	const struct tract_region_spec huge = { .size = (size_t)1 << 40 };
	struct tract_region *region;
	struct tract_span span;
	void *at;

	if (TEST_TSAN)
		SKIP("TSan leaves a program no terabyte of addresses");
	EXPECT_EQ(tract_region_create_local(&huge, &region), 0);
	at = NULL;
	EXPECT_EQ(attach(&at, .region = region, .flags = TRACT_ATTACH_EAGER), -EFAULT);
	EXPECT_EQ(tract_find(at, &span), 0);
	EXPECT_EQ(span.size, huge.size);
	EXPECT_EQ(land_store(at), 0);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	land_check();
}

TEST(instructions_can_be_fetched_from_what_is_executable)
{
#if defined(__x86_64__)
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
#elif defined(__aarch64__)
	static const unsigned char code[] = { 0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6 };
#else
	static const unsigned char code[] = { 0 };
	SKIP("no instructions of this processor are known here");
#endif
	struct tract_region *region = land_region(1, 'a');
	char *written = attached(.region = region);
	void *run;
	int (*function)(void);

	memcpy(written, code, sizeof(code));
	run = attached(.region = region, .rights = TRACT_RIGHT_READ,
		       .flags = TRACT_ATTACH_EXECUTABLE);
	__builtin___clear_cache(written, written + sizeof(code));
	memcpy(&function, &run, sizeof(run));
	EXPECT_EQ(function(), 42);
	EXPECT_EQ(tract_detach(run), 0);
	EXPECT_EQ(tract_detach(written), 0);
	tract_region_close(region);
}
