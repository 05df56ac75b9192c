/* SPDX-License-Identifier: MIT */
/*
 * test_pager.c - memory whose pages a function supplies
 *
 * A process keeps the one descriptor that its pagers share, so these tests may leave it.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "kin.h"
#include "land.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE

#define PAGER_TEST(name) TEST_WITH(name, 20, true)

/* ---- a pager that does as it is told ---------------------------------------------------- */

struct source {
	struct tract_pager *pager;
	/* A fault orders nothing that the language knows of: what a test says and hears of its
	 * pager goes through a lock. */
	pthread_mutex_t lock;
	struct tract_answer answer; /* what it gives; a region is duplicated */
	struct tract_fault last;
	_Atomic int result;
	char page[65536]; /* the pager's */
	_Atomic unsigned asked, released;
	/* It waits in there for as long as this is set. */
	_Atomic bool held, inside;
	_Atomic pthread_t thread;
};

static void answer_with(struct source *s, struct tract_answer answer)
{
	EXPECT_EQ(pthread_mutex_lock(&s->lock), 0);
	s->answer = answer;
	EXPECT_EQ(pthread_mutex_unlock(&s->lock), 0);
}

static struct tract_answer answer_of(struct source *s)
{
	struct tract_answer answer;

	EXPECT_EQ(pthread_mutex_lock(&s->lock), 0);
	answer = s->answer;
	EXPECT_EQ(pthread_mutex_unlock(&s->lock), 0);
	return answer;
}

static void note(struct source *s, const struct tract_fault *fault)
{
	EXPECT_EQ(pthread_mutex_lock(&s->lock), 0);
	s->last = *fault;
	EXPECT_EQ(pthread_mutex_unlock(&s->lock), 0);
}

/* What was asked last. */
static struct tract_fault last_of(struct source *s)
{
	struct tract_fault last;

	EXPECT_EQ(pthread_mutex_lock(&s->lock), 0);
	last = s->last;
	EXPECT_EQ(pthread_mutex_unlock(&s->lock), 0);
	return last;
}

static int supply(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	struct source *s = context;

	EXPECT_EQ(answer->kind, TRACT_ANSWER_CONTENT);
	EXPECT(!answer->content && !answer->region && !answer->offset && !answer->writable);
	note(s, fault);
	s->thread = pthread_self();
	atomic_store(&s->inside, true);
	while (atomic_load(&s->held))
		test_pause_us(50);
	atomic_store(&s->inside, false);
	*answer = answer_of(s);
	if (answer->region)
		(void)tract_region_dup(answer->region);
	if (answer->kind == TRACT_ANSWER_CONTENT && answer->content == s->page)
		memset(s->page, (int)('a' + fault->offset / PAGE), PAGE);
	atomic_fetch_add(&s->asked, 1u);
	return s->result;
}

static void released(void *context)
{
	struct source *s = context;

	atomic_fetch_add(&s->released, 1u);
}

static void source_up(struct source *s)
{
	*s = (struct source){ .lock = PTHREAD_MUTEX_INITIALIZER,
			      .answer = { .content = s->page } };
	EXPECT_EQ(tract_pager_create(supply, released, s, &s->pager), 0);
}

/* The thread may still have it that has just answered. */
static void wait_released(struct source *s)
{
	while (atomic_load(&s->released) == 0)
		test_pause_us(50);
	EXPECT_EQ(atomic_load(&s->released), 1);
}

/* With nothing attached any more. */
static void source_down(struct source *s)
{
	EXPECT_EQ(atomic_load(&s->released), 0);
	tract_pager_close(s->pager);
	wait_released(s);
	land_check();
}

/* ---- somebody who waits for a page ------------------------------------------------------ */

struct toucher {
	char *at;
	bool writes;
	_Atomic int result; /* what was read, or -1 for a fault; -2: not yet */
	pthread_t thread;
};

static _Thread_local sigjmp_buf back;

static void on_fault(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void *touch(void *arg)
{
	struct toucher *t = arg;
	int result = -1;

	if (sigsetjmp(back, 1) == 0) {
		if (t->writes)
			__atomic_store_n(t->at, 'w', __ATOMIC_RELAXED);
		result = __atomic_load_n(t->at, __ATOMIC_RELAXED);
	}
	atomic_store(&t->result, result);
	return NULL;
}

static void touch_begin(struct toucher *t, char *at, bool writes)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	EXPECT_EQ(sigaction(SIGSEGV, &action, NULL), 0);
	EXPECT_EQ(sigaction(SIGBUS, &action, NULL), 0);
	t->at = at;
	t->writes = writes;
	atomic_store(&t->result, -2);
	EXPECT_EQ(pthread_create(&t->thread, NULL, touch, t), 0);
}

static int touch_end(struct toucher *t)
{
	EXPECT_EQ(pthread_join(t->thread, NULL), 0);
	return atomic_load(&t->result);
}

static void wait_inside(struct source *s)
{
	while (!atomic_load(&s->inside))
		test_pause_us(50);
}

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

/* ---- while somebody waits --------------------------------------------------------------- */

PAGER_TEST(who_waits_for_what_is_detached_faults)
{
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at + PAGE, true);
	wait_inside(&s);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(touch_end(&t), -1);
	atomic_store(&s.held, false);
	EXPECT_WITHIN(1000, atomic_load(&s.asked) == 1);
	EXPECT(land_is_free(at, 3));
	source_down(&s);
}

PAGER_TEST(who_waits_for_what_is_replaced_sees_what_came_instead)
{
	struct tract_region *region = land_region(1, 'A');
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at + PAGE, false);
	wait_inside(&s);
	EXPECT_EQ(attach((void *[]){ at + PAGE }, .region = region,
			 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE),
		  0);
	EXPECT_EQ(touch_end(&t), 'A');
	atomic_store(&s.held, false);
	EXPECT_STR(land_bytes(at, 3), "aAc");
	land_clear(at, 3);
	source_down(&s);
	tract_region_close(region);
}

/* The answer to an earlier question is not that to the next, although all looks the same. */
PAGER_TEST(an_answer_goes_to_who_asked_for_it)
{
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 2 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at, false);
	wait_inside(&s);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(touch_end(&t), -1);
	attached_at(at, .pager = s.pager, .size = 2 * PAGE, .offset = 7 * PAGE);
	atomic_store(&s.held, false);
	EXPECT_STR(land_bytes(at, 2), "hi");
	land_clear(at, 2);
	source_down(&s);
}

PAGER_TEST(what_was_parted_meanwhile_is_asked_for_by_its_new_bounds)
{
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 4 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at + 3 * PAGE, false);
	wait_inside(&s);
	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	atomic_store(&s.held, false);
	EXPECT_EQ(touch_end(&t), 'd');
	EXPECT_STR(land_bytes(at, 4), "a!cd");
	land_clear(at, 4);
	source_down(&s);
}

PAGER_TEST(a_destroyed_pager_is_asked_no_more)
{
	struct source s;
	struct toucher t;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	EXPECT_STR(land_bytes(at, 1), "a");
	atomic_store(&s.held, true);
	touch_begin(&t, at + PAGE, false);
	wait_inside(&s);
	tract_pager_destroy(s.pager);
	atomic_store(&s.held, false);
	(void)touch_end(&t);
	EXPECT_EQ(land_load(at + 2 * PAGE), SIGSEGV);
	EXPECT_EQ(land_store(at), 0);
	EXPECT_EQ(atomic_load(&s.asked), 2);
	EXPECT_EQ(tract_detach(at), 0);
	source_down(&s);
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

/* ---- many at once ----------------------------------------------------------------------- */

#define THREADS 4u
#define PAGES 32u
#define ROUNDS 60u

struct storm {
	struct source source;
	char *at;
	pthread_barrier_t begin, end;
	_Atomic bool stop;
	_Atomic unsigned wrong, reads;
};

/* Half of the threads go upwards, half downwards: they meet in the middle. */
static void *read_all(void *arg)
{
	static _Atomic unsigned numbers;
	unsigned number = atomic_fetch_add(&numbers, 1u);
	struct storm *storm = arg;

	for (;;) {
		(void)pthread_barrier_wait(&storm->begin);
		if (atomic_load(&storm->stop))
			return NULL;
		for (unsigned i = 0; i < PAGES; i++) {
			unsigned page = number % 2 ? PAGES - 1 - i : i;
			char byte = *(volatile char *)(storm->at + page * PAGE + number);

			atomic_fetch_add(&storm->wrong, byte != (char)('a' + page));
			atomic_fetch_add(&storm->reads, 1u);
		}
		(void)pthread_barrier_wait(&storm->end);
	}
}

PAGER_TEST(threads_that_touch_the_same_pages_all_see_what_was_supplied)
{
	struct storm *storm = calloc(1, sizeof(*storm));
	pthread_t thread[THREADS];

	EXPECT(storm != NULL);
	source_up(&storm->source);
	EXPECT_EQ(pthread_barrier_init(&storm->begin, NULL, THREADS + 1), 0);
	EXPECT_EQ(pthread_barrier_init(&storm->end, NULL, THREADS + 1), 0);
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_create(&thread[i], NULL, read_all, storm), 0);
	for (unsigned n = 0; n < ROUNDS; n++) {
		storm->at = attached(.pager = storm->source.pager, .size = PAGES * PAGE);
		(void)pthread_barrier_wait(&storm->begin);
		(void)pthread_barrier_wait(&storm->end);
		EXPECT_EQ(tract_detach(storm->at), 0);
	}
	atomic_store(&storm->stop, true);
	(void)pthread_barrier_wait(&storm->begin);
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_join(thread[i], NULL), 0);
	EXPECT_EQ(atomic_load(&storm->wrong), 0);
	EXPECT_EQ(atomic_load(&storm->reads), ROUNDS * THREADS * PAGES);
	EXPECT(atomic_load(&storm->source.asked) >= ROUNDS * PAGES);
	source_down(&storm->source);
	free(storm);
}

/* Whoever waits when it goes faults, or has got its page; nobody waits for ever. */
PAGER_TEST(what_is_detached_under_waiting_threads_lets_all_of_them_go)
{
	struct toucher t[THREADS];
	struct source s;

	source_up(&s);
	for (unsigned n = 0; n < ROUNDS; n++) {
		char *at = attached(.pager = s.pager, .size = PAGES * PAGE);

		for (unsigned i = 0; i < THREADS; i++)
			touch_begin(&t[i], at + (i + n) % 3 * PAGE, i & 1);
		if (n % 2)
			test_pause_us(n * 7);
		EXPECT_EQ(tract_detach(at), 0);
		for (unsigned i = 0; i < THREADS; i++) {
			int result = touch_end(&t[i]);

			EXPECT(result == -1 || result == 'w' ||
			       result == (int)('a' + (i + n) % 3));
		}
		land_check();
	}
	source_down(&s);
}
