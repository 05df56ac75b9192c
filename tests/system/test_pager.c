/* SPDX-License-Identifier: MIT */
/*
 * test_pager.c - memory whose pages a function supplies
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "kin.h"
#include "source.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE

/* ---- life ------------------------------------------------------------------------------- */

TEST(no_pager_is_made_of_nothing)
{
	struct tract_pager *pager = NULL;

	EXPECT_EQ(tract_pager_create(NULL, NULL, NULL, &pager), -EINVAL);
	EXPECT_EQ(tract_pager_create(supply, NULL, NULL, NULL), -EINVAL);
	EXPECT(pager == NULL);
	tract_pager_close(NULL);
	tract_pager_destroy(NULL);
	EXPECT_EQ(tract_pager_create(supply, NULL, NULL, &pager), 0);
	tract_pager_close(pager);
	/* None is needed until one is attached. */
	EXPECT_EQ(land_threads(), 1);
}

PAGER_TEST(a_pager_is_released_once_nobody_has_it)
{
	struct source s;
	char *at, *other;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 4 * PAGE);
	other = attached(.pager = s.pager, .size = PAGE);
	tract_pager_close(s.pager);
	EXPECT_STR(land_bytes(at, 2), "ab");
	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(tract_detach(other), 0);
	EXPECT_EQ(atomic_load(&s.released), 0);
	EXPECT_STR(land_bytes(at + 2 * PAGE, 2), "cd");
	EXPECT_EQ(tract_detach(at + 2 * PAGE), 0);
	wait_released(&s);
	land_check();
}

PAGER_TEST(a_host_without_userfaultfd_has_no_pagers)
{
	struct source s;
	void *at = NULL;

	source_up(&s);
	EXPECT_EQ(fault_arm("uffd.open_paging=e1"), 0);
	EXPECT_EQ(attach(&at, .pager = s.pager, .size = PAGE), -ENOTSUP);
	EXPECT(at == NULL);
	EXPECT_EQ(land_count(), 0);
	EXPECT_EQ(land_threads(), 1);
	/* It was only said to be so. */
	EXPECT_EQ(attach(&at, .pager = s.pager, .size = PAGE), 0);
	EXPECT_STR(land_bytes(at, 1), "a");
	EXPECT_EQ(tract_detach(at), 0);
	source_down(&s);
}

static void check_thread(const struct source *s)
{
	pthread_attr_t attr;
	char name[16];
	size_t size;

	EXPECT_EQ(pthread_getname_np(s->thread, name, sizeof(name)), 0);
	EXPECT_STR(name, "tract-pager");
	EXPECT(!pthread_equal(s->thread, pthread_self()));
	EXPECT_EQ(pthread_getattr_np(s->thread, &attr), 0);
	EXPECT_EQ(pthread_attr_getstacksize(&attr, &size), 0);
	EXPECT(size >= 256 * 1024);
	EXPECT_EQ(pthread_attr_destroy(&attr), 0);
}

PAGER_TEST(one_thread_runs_all_pagers)
{
	struct source one, other;
	char *at, *there;

	source_up(&one);
	source_up(&other);
	at = attached(.pager = one.pager, .size = PAGE);
	there = attached(.pager = other.pager, .size = PAGE);
	EXPECT_EQ(land_threads(), 2);
	EXPECT_STR(land_bytes(at, 1), "a");
	EXPECT_STR(land_bytes(there, 1), "a");
	EXPECT(pthread_equal(one.thread, other.thread));
	check_thread(&one);
	EXPECT_EQ(land_threads(), 2);
	land_clear(at, 1);
	land_clear(there, 1);
	source_down(&one);
	source_down(&other);
}

/* ---- what is asked ---------------------------------------------------------------------- */

PAGER_TEST(each_page_is_asked_for_when_it_is_first_touched)
{
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 8 * PAGE, .offset = 2 * PAGE + 5);
	EXPECT_EQ(atomic_load(&s.asked), 0);
	EXPECT_EQ(at[3 * PAGE + 77], 'f');
	EXPECT_EQ(atomic_load(&s.asked), 1);
	EXPECT(last_of(&s).page == at + 3 * PAGE);
	EXPECT(!last_of(&s).write);
	EXPECT(last_of(&s).start == at);
	EXPECT_EQ(last_of(&s).size, 8 * PAGE);
	EXPECT_EQ(last_of(&s).offset, 5 * PAGE + 5);
	at[3 * PAGE + 1] = 'x';
	EXPECT_EQ(at[3 * PAGE], 'f');
	at[4 * PAGE] = 'y';
	EXPECT(last_of(&s).write);
	EXPECT_EQ(at[4 * PAGE + 1], 'g');
	EXPECT_EQ(atomic_load(&s.asked), 2);
	/* What remains of a part that was cut off asks as it did before. */
	EXPECT_EQ(detach(at, 6, TRACT_DETACH_EXACT), 0);
	EXPECT_EQ(at[6 * PAGE], 'i');
	EXPECT(last_of(&s).start == at + 6 * PAGE);
	EXPECT_EQ(last_of(&s).size, 2 * PAGE);
	EXPECT_EQ(last_of(&s).offset, 8 * PAGE + 5);
	land_clear(at, 8);
	source_down(&s);
}

PAGER_TEST(nobody_is_asked_for_what_may_not_be_done)
{
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = PAGE, .rights = TRACT_RIGHT_READ);
	EXPECT_EQ(land_load(at), 0);
	EXPECT_EQ(land_store(at), SIGSEGV);
	EXPECT_EQ(atomic_load(&s.asked), 1);
	/* Nor by those who only bring pages in. */
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.pager = s.pager, .size = PAGE, .flags = TRACT_ATTACH_EAGER);
	EXPECT_EQ(tract_map_populate(OWN, at, PAGE, BOTH), 0);
	EXPECT_EQ(atomic_load(&s.asked), 1);
	EXPECT_EQ(tract_detach(at), 0);
	source_down(&s);
}

/* ---- what is answered ------------------------------------------------------------------- */

PAGER_TEST(zeros_are_an_answer)
{
	struct source s;
	char *at;

	source_up(&s);
	answer_with(&s, (struct tract_answer){ .kind = TRACT_ANSWER_ZERO });
	at = attached(.pager = s.pager, .size = 2 * PAGE);
	EXPECT_STR(land_bytes(at, 2), "00");
	at[0] = 'x';
	EXPECT_STR(land_bytes(at, 2), "x0");
	EXPECT_EQ(atomic_load(&s.asked), 2);
	EXPECT_EQ(tract_detach(at), 0);
	source_down(&s);
}

PAGER_TEST(a_page_that_is_refused_faults_now_and_later)
{
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	s.result = -EIO;
	EXPECT_EQ(land_load(at + PAGE), SIGSEGV);
	s.result = 0;
	EXPECT_STR(land_bytes(at, 3), "a!c");
	EXPECT_EQ(land_store(at + PAGE), SIGSEGV);
	EXPECT_EQ(atomic_load(&s.asked), 3);
	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	land_check();
	attached_at(at + PAGE, .pager = s.pager, .size = PAGE);
	EXPECT_STR(land_bytes(at, 3), "aac");
	EXPECT_EQ(fault_arm("pager.answer=e12"), 0);
	land_clear(at, 3);
	attached_at(at, .pager = s.pager, .size = PAGE);
	EXPECT_EQ(land_load(at), SIGSEGV);
	EXPECT_EQ(tract_detach(at), 0);
	source_down(&s);
}

PAGER_TEST(an_answer_that_makes_no_sense_is_none)
{
	const struct tract_region_spec spec = { .size = PAGE, .rights = TRACT_RIGHT_READ };
	struct tract_region *region = land_region(1, 'A'), *reader, *gone = land_region(1, 'G');
	struct source s;
	struct tract_answer answers[8];

	EXPECT_EQ(tract_region_create_local(&spec, &reader), 0);
	EXPECT_EQ(tract_region_destroy(gone), 0);
	answers[0] = (struct tract_answer){ .content = NULL };
	answers[1] = (struct tract_answer){ .kind = TRACT_ANSWER_REGION };
	answers[2] = (struct tract_answer){ TRACT_ANSWER_REGION, NULL, region, 1, false };
	answers[3] = (struct tract_answer){ TRACT_ANSWER_REGION, NULL, region, PAGE, false };
	answers[4] = (struct tract_answer){ TRACT_ANSWER_REGION, NULL, reader, 0, true };
	answers[5] = (struct tract_answer){ .kind = (enum tract_answer_kind)7 };
	answers[6] = (struct tract_answer){ TRACT_ANSWER_REGION, NULL, gone, 0, false };
	/* Not to be read. */
	answers[7] = (struct tract_answer){ .content = attached(.size = PAGE,
								.flags = TRACT_ATTACH_BLOCK) };
	source_up(&s);
	for (unsigned i = 0; i < 8; i++) {
		char *at = attached(.pager = s.pager, .size = PAGE);

		answer_with(&s, answers[i]);
		ck_assert_msg(land_load(at) == SIGSEGV, "answer %u", i);
		land_check();
		EXPECT_EQ(tract_detach(at), 0);
	}
	source_down(&s);
	land_clear((void *)(uintptr_t)answers[7].content, 1);
	tract_region_close(region);
	tract_region_close(reader);
	tract_region_close(gone);
}

PAGER_TEST(a_page_of_a_region_is_seen_from_then_on)
{
	struct tract_region *region = land_region(3, 'A');
	char *seen = attached(.region = region), *at;
	struct source s;

	source_up(&s);
	answer_with(&s,
		    (struct tract_answer){ TRACT_ANSWER_REGION, NULL, region, 2 * PAGE, true });
	at = attached(.pager = s.pager, .size = 2 * PAGE);
	EXPECT_STR(land_bytes(at, 1), "C");
	at[1] = 'x';
	EXPECT_EQ(seen[2 * PAGE + 1], 'x');
	seen[2 * PAGE] = 'y';
	EXPECT_STR(land_bytes(at, 2), "yy");
	EXPECT_EQ(atomic_load(&s.asked), 2);
	/* Its content goes where all of it goes. */
	EXPECT_EQ(tract_region_clear(region, 2 * PAGE, PAGE), 0);
	EXPECT_STR(land_bytes(at, 2), "00");
	land_check();
	EXPECT_EQ(tract_region_destroy(region), 0);
	EXPECT_STR(land_bytes(at, 2), "!!");
	land_clear(at, 2);
	EXPECT_EQ(tract_detach(seen), 0);
	source_down(&s);
	tract_region_close(region);
}

PAGER_TEST(a_store_to_what_may_only_be_read_asks_again)
{
	struct tract_region *region = land_region(2, 'A');
	char *seen = attached(.region = region), *at;
	struct source s;

	source_up(&s);
	answer_with(&s, (struct tract_answer){ TRACT_ANSWER_REGION, NULL, region, 0, false });
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	EXPECT_STR(land_bytes(at, 3), "AAA");
	EXPECT_EQ(atomic_load(&s.asked), 3);
	/* A page of its own, as for copy on write. */
	answer_with(&s, (struct tract_answer){ .content = s.page });
	at[1] = 'x';
	EXPECT_EQ(atomic_load(&s.asked), 4);
	EXPECT(last_of(&s).write);
	EXPECT(last_of(&s).page == at);
	EXPECT_STR(land_bytes(at, 3), "aAA");
	EXPECT_EQ(at[1], 'x');
	EXPECT_STR(land_bytes(seen, 2), "AB");
	/* Leave to write. */
	answer_with(&s, (struct tract_answer){ TRACT_ANSWER_REGION, NULL, region, PAGE, true });
	at[PAGE + 1] = 'y';
	EXPECT_STR(land_bytes(at, 3), "aBA");
	EXPECT_EQ(seen[PAGE + 1], 'y');
	/* Nothing. */
	s.result = -EACCES;
	EXPECT_EQ(land_store(at + 2 * PAGE), SIGSEGV);
	EXPECT_STR(land_bytes(at, 3), "aB!");
	land_clear(at, 3);
	EXPECT_EQ(tract_detach(seen), 0);
	source_down(&s);
	tract_region_close(region);
}

static void lock_all(struct kin *parent, void *arg)
{
	struct source s;
	char *at;

	(void)parent;
	(void)arg;
	EXPECT_EQ(mlockall(MCL_FUTURE), 0);
	source_up(&s);
	at = attached(.pager = s.pager, .size = 4 * PAGE);
	EXPECT_EQ(atomic_load(&s.asked), 0);
	EXPECT_STR(land_bytes(at, 4), "abcd");
	EXPECT_EQ(atomic_load(&s.asked), 4);
	EXPECT_EQ(tract_detach(at), 0);
	source_down(&s);
}

/* The kernel brings in at once whatever such a process maps. */
PAGER_TEST(a_process_that_locks_all_its_memory_is_asked_for_pages_too)
{
	struct kin kin;

	if (mlockall(MCL_FUTURE) < 0)
		SKIP("this process may not lock its memory");
	EXPECT_EQ(munlockall(), 0);
	kin_start(&kin, lock_all, NULL);
	kin_finish(&kin);
}

/* ---- regions that change under it ------------------------------------------------------- */

PAGER_TEST(what_is_asked_for_again_is_so_after_the_region_was_taken_back)
{
	struct tract *ctx = node_open();
	struct tract_region *region = land_region(3, 'A');
	char *seen = attached(.region = region), *at;
	struct tract_export *export;
	struct tract_import *import;
	struct source s;
	uint32_t id;

	source_up(&s);
	answer_with(&s, (struct tract_answer){ TRACT_ANSWER_REGION, NULL, region, 0, false });
	at = attached(.pager = s.pager, .size = 2 * PAGE);
	EXPECT_STR(land_bytes(at, 1), "A");
	answer_with(&s, (struct tract_answer){ TRACT_ANSWER_REGION, NULL, region, PAGE, true });
	EXPECT_STR(land_bytes(at, 2), "AB");
	export = export_up(ctx, seen, 3 * PAGE, 0, &id);
	import = import_up(ctx, id, BOTH);
	(void)import_map(import, BOTH);
	EXPECT_EQ(tract_export_unpublish(export), 0);
	land_check();
	EXPECT_STR(land_bytes(seen, 3), "ABC");
	/* It may be asked for once more. */
	answer_with(&s, (struct tract_answer){ TRACT_ANSWER_REGION, NULL, region, 0, false });
	EXPECT_STR(land_bytes(at, 2), "AB");
	seen[0] = 'x';
	seen[PAGE] = 'y';
	EXPECT_STR(land_bytes(at, 2), "xy");
	at[PAGE] = 'z';
	EXPECT_STR(land_bytes(seen, 3), "xzC");
	/* The first is still not to be written to without asking. */
	answer_with(&s, (struct tract_answer){ .content = s.page });
	at[1] = 'w';
	EXPECT(last_of(&s).write);
	EXPECT_STR(land_bytes(at, 2), "az");
	EXPECT_STR(land_bytes(seen, 3), "xzC");
	import_down(import);
	EXPECT_EQ(tract_export_destroy(export), 0);
	land_clear(at, 2);
	land_clear(seen, 3);
	source_down(&s);
	tract_region_close(region);
	tract_close(ctx);
}

PAGER_TEST(what_is_shown_over_a_page_is_not_asked_for)
{
	struct tract_region *region = land_region(1, 'A');
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	EXPECT_STR(land_bytes(at, 1), "a");
	EXPECT_EQ(tract_map_show(OWN, region, at, PAGE, 0, BOTH), 0);
	EXPECT_EQ(tract_map_show(OWN, region, at + PAGE, PAGE, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "AAc");
	EXPECT_EQ(atomic_load(&s.asked), 2);
	/* Both are asked for then. */
	EXPECT_EQ(tract_map_hide(OWN, at, 3 * PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "abc");
	EXPECT_EQ(atomic_load(&s.asked), 4);
	land_clear(at, 3);
	source_down(&s);
	tract_region_close(region);
}

/* An answer that was on its way takes away nothing that the program showed meanwhile. */
PAGER_TEST(what_was_shown_meanwhile_stays)
{
	struct tract_region *region = land_region(1, 'A');
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	for (int refuses = 0; refuses < 2; refuses++) {
		at = attached(.pager = s.pager, .size = PAGE);
		s.result = refuses ? -EIO : 0;
		atomic_store(&s.held, true);
		touch_begin(&t, at, false);
		wait_inside(&s);
		EXPECT_EQ(tract_map_show(OWN, region, at, PAGE, 0, BOTH), 0);
		atomic_store(&s.held, false);
		EXPECT_EQ(touch_end(&t), 'A');
		EXPECT_STR(land_bytes(at, 1), "A");
		EXPECT_EQ(tract_detach(at), 0);
	}
	source_down(&s);
	tract_region_close(region);
}

/* ---- what the library itself reads and writes ------------------------------------------- */

/* Where the caller's own structs are in memory that a pager supplies. */
PAGER_TEST(what_is_told_may_be_told_into_a_pagers_memory)
{
	struct source s;
	char *at, *attachment = attached(.size = 5 * PAGE, .flags = TRACT_ATTACH_BLOCK,
					 .name = "name", .tag = 1);
	struct tract_detached *done;
	struct tract_span *span;
	uint64_t offset;
	void **addr;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 16 * PAGE);
	EXPECT_EQ(tract_map_name(OWN, attachment, at, &offset), 0);
	EXPECT_STR(at, "name");
	EXPECT_EQ(tract_map_name(OWN, attachment, (char[64]){ 0 }, (uint64_t *)(at + PAGE)), 0);
	span = (struct tract_span *)(at + 2 * PAGE);
	EXPECT_EQ(tract_map_find(OWN, attachment, 1, span), 0);
	EXPECT_EQ(span->tag, 1);
	done = (struct tract_detached *)(at + 3 * PAGE);
	EXPECT_EQ(tract_map_detach(OWN, attachment, PAGE, TRACT_DETACH_EXACT, done), 0);
	EXPECT_EQ(done->result, TRACT_SHORTENED);
	/* A page full of letters ends with the next one, of zeros. */
	answer_with(&s, (struct tract_answer){ .kind = TRACT_ANSWER_ZERO });
	addr = (void **)(at + 4 * PAGE);
	EXPECT_EQ(
		attach(addr, .size = PAGE, .flags = TRACT_ATTACH_BLOCK, .name = at + 5 * PAGE),
		0);
	land_clear(*addr, 1);
	addr = (void **)(at + 6 * PAGE);
	EXPECT_EQ(tract_map_reserve(OWN, addr, PAGE, 0, 0, 0), 0);
	land_clear(*addr, 1);
	land_clear(attachment, 5);
	land_clear(at, 16);
	source_down(&s);
}
