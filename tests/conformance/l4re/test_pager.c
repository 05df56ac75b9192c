/* SPDX-License-Identifier: MIT */
/*
 * test_pager.c - regions whose pages a function of the program supplies
 *
 * What the library starts for its first pager (a thread, a descriptor) may stay, so these
 * tests look themselves at what is left behind.
 */
#include "rig.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGER_TEST(name) TEST_WITH(name, 30, true)
#define MOST 256

struct pager {
	l4_cap_idx_t slot;
	int (*answer)(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply);
	_Atomic l4re_ds_t ds;
	/* A call counts when its answer is ready, and what was seen is then in its place. */
	_Atomic unsigned begun, calls;
	l4re_pager_fault_t seen[MOST];
	_Atomic pid_t thread;
	/* Per page of the region: how many calls, and how many at this moment. */
	_Atomic unsigned calls_of[MOST], busy[MOST];
	_Atomic unsigned at_once;
	sem_t entered, go;
};

static int supply(void *ctx, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	unsigned page = (unsigned)((f->addr - f->region) / PAGE);
	struct pager *p = ctx;
	unsigned n = p->begun++;
	int r;

	if (n < MOST)
		p->seen[n] = *f;
	p->thread = (pid_t)syscall(SYS_gettid);
	p->calls_of[page]++;
	if (++p->busy[page] > 1)
		p->at_once++;
	r = p->answer(p, f, reply);
	p->busy[page]--;
	p->calls++;
	return r;
}

/* The page that belongs to the offset, as a marked dataspace has it. */
static int with_marks(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	static _Thread_local unsigned char bytes[4096];

	(void)p;
	(void)memset(bytes, MARK(f->offset / PAGE), sizeof(bytes));
	reply->kind = L4RE_PAGER_CONTENT;
	reply->content = bytes;
	return 0;
}

static int with_zeros(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	(void)p;
	(void)f;
	reply->kind = L4RE_PAGER_ZERO;
	return 0;
}

static int with_refusal(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	(void)p;
	(void)f;
	(void)reply;
	return -L4_EFAULT;
}

/* Writable only if the access writes. */
static int with_dataspace(struct pager *p, const l4re_pager_fault_t *f,
			  l4re_pager_reply_t *reply)
{
	reply->kind = L4RE_PAGER_DATASPACE;
	reply->ds = p->ds;
	reply->offset = f->offset;
	reply->writable = f->write;
	return 0;
}

static void need_userfaultfd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		SKIP("this host lets nobody have a userfaultfd");
	(void)close(fd);
}

static struct pager *pager_new(__typeof__(&with_marks) answer)
{
	struct pager *p = calloc(1, sizeof(*p));

	need_userfaultfd();
	EXPECT(p != NULL);
	p->slot = slot_new();
	p->answer = answer;
	p->ds = L4_INVALID_CAP;
	EXPECT_EQ(sem_init(&p->entered, 0, 0), 0);
	EXPECT_EQ(sem_init(&p->go, 0, 0), 0);
	EXPECT_EQ(l4re_pager_create(p->slot, supply, p), 0);
	EXPECT(slot_is_filled(p->slot));
	return p;
}

static l4_addr_t attach_pager(struct pager *p, unsigned long pages, l4_addr_t offs)
{
	l4_addr_t at = room(pages);

	EXPECT_EQ(attach_at(at, pages * PAGE, PAGED, p->slot, offs), 0);
	return at;
}

static void pager_done(struct pager *p, l4_addr_t at)
{
	detach(at);
	slot_drop(p->slot);
	free(p);
}

/* 12.2, 6 */
PAGER_TEST(each_page_is_asked_for_once_and_shows_what_was_answered)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = attach_pager(p, 8, 0);

	EXPECT_EQ(p->calls, 0);
	for (unsigned page = 8; page-- > 0;) {
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
		EXPECT_EQ(p->calls, 8 - page);
	}
	for (unsigned page = 0; page < 8; page++) {
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
		EXPECT_EQ(p->calls_of[page], 1);
	}
	pager_done(p, at);
}

/* 12.2 */
PAGER_TEST(a_pager_is_told_what_was_accessed)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = attach_pager(p, 4, 16 * PAGE);

	EXPECT_EQ(BYTE(at + 2 * PAGE + 123), MARK(18));
	EXPECT_EQ(p->calls, 1);
	EXPECT_EQ(p->seen[0].addr, at + 2 * PAGE);
	EXPECT_EQ(p->seen[0].write, 0);
	EXPECT_EQ(p->seen[0].region, at);
	EXPECT_EQ(p->seen[0].region_size, 4 * PAGE);
	EXPECT_EQ(p->seen[0].offset, 18 * PAGE);
	BYTE(at + 3 * PAGE - 1) = 1;
	BYTE(at + 3 * PAGE) = 1;
	EXPECT_EQ(p->calls, 2);
	EXPECT_EQ(p->seen[1].addr, at + 3 * PAGE);
	EXPECT_EQ(p->seen[1].write, 1);
	EXPECT_EQ(p->seen[1].offset, 19 * PAGE);
	pager_done(p, at);
}

/* 12.2 */
PAGER_TEST(the_offset_is_told_as_it_was_given)
{
	struct pager *p = pager_new(with_zeros);
	l4_addr_t at = attach_pager(p, 2, 0x1234);

	EXPECT_EQ(BYTE(at + PAGE), 0);
	EXPECT_EQ(p->seen[0].offset, 0x1234 + PAGE);
	EXPECT_RECORD(at, at, 2 * PAGE, 0x1234, PAGED, p->slot);
	pager_done(p, at);
}

/* 12.2 */
PAGER_TEST(pages_of_content_and_of_zeros_can_be_written)
{
	struct pager *p = pager_new(with_marks), *z = pager_new(with_zeros);
	l4_addr_t at = attach_pager(p, 2, 0), zeros = attach_pager(z, 2, 0);

	EXPECT_EQ(BYTE(at), MARK(0));
	BYTE(at) = 77;
	EXPECT_EQ(BYTE(at), 77);
	EXPECT(is_filled(at + 1, PAGE - 1, MARK(0)));
	EXPECT_EQ(p->calls, 1);
	EXPECT(is_filled(zeros, 2 * PAGE, 0));
	BYTE(zeros + PAGE) = 78;
	EXPECT_EQ(BYTE(zeros + PAGE), 78);
	EXPECT_EQ(z->calls, 2);
	pager_done(p, at);
	pager_done(z, zeros);
}

static int always_writable(struct pager *p, const l4re_pager_fault_t *f,
			   l4re_pager_reply_t *reply)
{
	(void)with_dataspace(p, f, reply);
	reply->writable = 1;
	reply->ds |= L4_CAP_FPAGE_RW;
	return 0;
}

/* 12.2 */
PAGER_TEST(a_page_of_a_dataspace_is_that_page)
{
	struct pager *p = pager_new(always_writable);
	l4_addr_t at = attach_pager(p, 4, 0);

	p->ds = ds_marked(4);
	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
	BYTE(at + PAGE + 5) = 200;
	EXPECT_EQ(ds_byte(p->ds, PAGE + 5), 200);
	ds_set_byte(p->ds, 2 * PAGE, 201);
	EXPECT_EQ(BYTE(at + 2 * PAGE), 201);
	EXPECT_EQ(p->calls, 4);
	slot_drop(p->ds);
	EXPECT_EQ(BYTE(at + PAGE + 5), 200);
	pager_done(p, at);
}

struct crowd {
	struct pager *p;
	l4_addr_t at;
	_Atomic pid_t tids[4];
};

static char state_of(pid_t tid)
{
	char path[64], state = 'R';
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	file = fopen(path, "re");
	if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'R';
	if (file)
		(void)fclose(file);
	return state;
}

static struct crowd *the_crowd;

/* Answers when all threads wait. */
static int when_all_wait(struct pager *p, const l4re_pager_fault_t *f,
			 l4re_pager_reply_t *reply)
{
	for (unsigned n = 0; n < 4; n++)
		EXPECT_WITHIN(5000, the_crowd->tids[n] && state_of(the_crowd->tids[n]) != 'R');
	return with_marks(p, f, reply);
}

static void join_crowd(unsigned number, void *arg)
{
	struct crowd *c = arg;

	c->tids[number] = (pid_t)syscall(SYS_gettid);
	EXPECT_EQ(BYTE(c->at + number), MARK(0));
}

/* P1 */
PAGER_TEST(p1_threads_that_want_the_same_page_wait_for_one_answer)
{
	struct crowd c = { .p = pager_new(when_all_wait) };

	the_crowd = &c;
	c.at = attach_pager(c.p, 1, 0);
	in_threads(4, join_crowd, &c);
	EXPECT_EQ(c.p->calls, 1);
	EXPECT_EQ(c.p->at_once, 0);
	pager_done(c.p, c.at);
}

static void read_all(unsigned number, void *arg)
{
	struct crowd *c = arg;

	for (unsigned n = 0; n < 64; n++) {
		unsigned page = (n * 7 + number * 16) % 64;

		if (n % 3)
			EXPECT_EQ(BYTE(c->at + page * PAGE + 1), MARK(page));
		else
			BYTE(c->at + page * PAGE) = (unsigned char)number;
	}
}

/* P1 */
PAGER_TEST(p1_no_page_is_asked_for_twice_by_many_threads)
{
	struct crowd c = { .p = pager_new(with_marks) };

	c.at = attach_pager(c.p, 64, 0);
	in_threads(4, read_all, &c);
	EXPECT_EQ(c.p->at_once, 0);
	for (unsigned page = 0; page < 64; page++)
		EXPECT_EQ(c.p->calls_of[page], 1);
	pager_done(c.p, c.at);
}

/* P2 */
PAGER_TEST(p2_a_pager_runs_in_another_thread)
{
	struct pager *p = pager_new(with_zeros);
	l4_addr_t at = attach_pager(p, 1, 0);

	EXPECT_EQ(BYTE(at), 0);
	EXPECT(p->thread != 0);
	EXPECT(p->thread != (pid_t)syscall(SYS_gettid));
	pager_done(p, at);
}

static int through_the_map(struct pager *p, const l4re_pager_fault_t *f,
			   l4re_pager_reply_t *reply)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, PAGE, RO);
	struct record r;

	EXPECT_EQ(find(f->addr, 1, &r), 0);
	EXPECT_EQ(r.addr, f->region);
	(void)with_marks(p, f, reply);
	EXPECT_EQ(BYTE(at), MARK(0));
	detach(at);
	slot_drop(ds);
	return 0;
}

/* P2 */
PAGER_TEST(p2_a_pager_may_use_the_map)
{
	struct pager *p = pager_new(through_the_map);
	l4_addr_t at = attach_pager(p, 4, 0);

	for (unsigned page = 0; page < 4; page++)
		EXPECT_EQ(BYTE(at + page * PAGE), MARK(page));
	pager_done(p, at);
}

static void expect_refusal(struct pager *p)
{
	l4_addr_t at = attach_pager(p, 2, 0);
	unsigned calls;
	struct fault f;

	f = touch(at, READ);
	EXPECT(f.signal == SIGSEGV || f.signal == SIGBUS);
	EXPECT(f.there);
	calls = p->calls;
	EXPECT_EQ(calls, 1);
	f = touch(at + PAGE, WRITE);
	EXPECT(f.signal == SIGSEGV || f.signal == SIGBUS);
	EXPECT(p->calls <= 2 + calls);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, PAGED, p->slot);
	pager_done(p, at);
}

/* P3 */
PAGER_TEST(p3_what_is_refused_faults)
{
	touch_prepare();
	expect_refusal(pager_new(with_refusal));
}

static void read_refused(void *arg)
{
	struct pager *p = pager_new(with_refusal);
	l4_addr_t at = attach_pager(p, 1, 0);

	(void)arg;
	(void)BYTE(at);
}

/* P3, 6 */
PAGER_TEST(p3_a_refused_access_ends_a_program_without_a_handler)
{
	int status;

	need_userfaultfd();
	status = status_of(read_refused, NULL);
	EXPECT(WIFSIGNALED(status));
	EXPECT(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

static int with_unknown_kind(struct pager *p, const l4re_pager_fault_t *f,
			     l4re_pager_reply_t *reply)
{
	(void)p;
	(void)f;
	reply->kind = 77;
	return 0;
}

static int with_no_content(struct pager *p, const l4re_pager_fault_t *f,
			   l4re_pager_reply_t *reply)
{
	(void)p;
	(void)f;
	reply->kind = L4RE_PAGER_CONTENT;
	reply->content = NULL;
	return 0;
}

static int with_no_dataspace(struct pager *p, const l4re_pager_fault_t *f,
			     l4re_pager_reply_t *reply)
{
	(void)with_dataspace(p, f, reply);
	reply->ds = L4_INVALID_CAP;
	return 0;
}

static int with_no_such_page(struct pager *p, const l4re_pager_fault_t *f,
			     l4re_pager_reply_t *reply)
{
	(void)with_dataspace(p, f, reply);
	reply->offset = 1000 * PAGE;
	return 0;
}

/* P3 */
PAGER_TEST(p3_an_answer_that_cannot_be_carried_out_is_a_refusal)
{
	struct pager *p;
	l4re_ds_t ds;

	touch_prepare();
	expect_refusal(pager_new(with_unknown_kind));
	expect_refusal(pager_new(with_no_content));
	expect_refusal(pager_new(with_no_dataspace));
	p = pager_new(with_no_such_page);
	ds = ds_new(PAGE);
	p->ds = ds;
	expect_refusal(p);
	slot_drop(ds);
}

/* P4 */
PAGER_TEST(p4_the_first_write_to_what_was_answered_for_reading_asks_again)
{
	struct pager *p = pager_new(with_dataspace);
	l4_addr_t at = attach_pager(p, 2, 0);

	p->ds = ds_marked(2);
	EXPECT_EQ(BYTE(at + 1), MARK(0));
	EXPECT_EQ(p->calls, 1);
	EXPECT_EQ(p->seen[0].write, 0);
	BYTE(at) = 99;
	EXPECT_EQ(p->calls, 2);
	EXPECT_EQ(p->seen[1].write, 1);
	EXPECT_EQ(p->seen[1].addr, at);
	EXPECT_EQ(BYTE(at), 99);
	EXPECT_EQ(ds_byte(p->ds, 0), 99);
	BYTE(at + 5) = 98;
	EXPECT_EQ(p->calls, 2);
	BYTE(at + PAGE) = 97;
	EXPECT_EQ(p->calls, 3);
	EXPECT_EQ(p->seen[2].write, 1);
	EXPECT_EQ(ds_byte(p->ds, PAGE), 97);
	slot_drop(p->ds);
	pager_done(p, at);
}

static int refuses_writes(struct pager *p, const l4re_pager_fault_t *f,
			  l4re_pager_reply_t *reply)
{
	return f->write ? -L4_EACCESS : with_dataspace(p, f, reply);
}

/* P3, P4 */
PAGER_TEST(p4_a_write_that_is_refused_faults_and_the_page_can_still_be_read)
{
	struct pager *p = pager_new(refuses_writes);
	l4_addr_t at = attach_pager(p, 1, 0);
	l4re_ds_t ds = ds_marked(1);
	struct fault f;

	p->ds = ds;
	touch_prepare();
	EXPECT_EQ(BYTE(at), MARK(0));
	f = touch(at, WRITE);
	EXPECT(f.signal == SIGSEGV || f.signal == SIGBUS);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	pager_done(p, at);
	slot_drop(ds);
}

/* Answers when it may. */
static int when_allowed(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	(void)sem_post(&p->entered);
	(void)sem_wait(&p->go);
	return with_marks(p, f, reply);
}

static void touch_or_detach(unsigned number, void *arg)
{
	struct crowd *c = arg;
	struct fault f;

	if (number == 0) {
		EXPECT_EQ(sem_wait(&c->p->entered), 0);
		detach(c->at);
		return;
	}
	f = touch(c->at + number, number % 2 ? READ : WRITE);
	EXPECT(f.signal == SIGSEGV || f.signal == SIGBUS);
}

/* P5 */
PAGER_TEST(p5_detaching_wakes_who_waits_and_their_accesses_fault)
{
	struct crowd c = { .p = pager_new(when_allowed) };

	touch_prepare();
	c.at = attach_pager(c.p, 1, 0);
	/* All threads end while the pager still thinks. */
	in_threads(4, touch_or_detach, &c);
	EXPECT_FREE(c.at);
	EXPECT_EQ(sem_post(&c.p->go), 0);
	slot_drop(c.p->slot);
}

/* P5 */
PAGER_TEST(p5_a_late_answer_does_no_harm)
{
	struct crowd c = { .p = pager_new(when_allowed) };
	l4re_ds_t ds = ds_new(PAGE);

	touch_prepare();
	c.at = attach_pager(c.p, 1, 0);
	in_threads(2, touch_or_detach, &c);
	EXPECT_EQ(attach_at(c.at, PAGE, RW, ds, 0), 0);
	BYTE(c.at) = 5;
	EXPECT_EQ(sem_post(&c.p->go), 0);
	EXPECT_WITHIN(5000, c.p->busy[0] == 0);
	/* Another pager's answer comes after the late one was dropped. */
	c.p->answer = with_zeros;
	EXPECT_EQ(BYTE(attach_pager(c.p, 1, 0)), 0);
	EXPECT_EQ(BYTE(c.at), 5);
	EXPECT(is_filled(c.at + 1, PAGE - 1, 0));
	detach(c.at);
	slot_drop(ds);
}

/* P6 */
PAGER_TEST(p6_a_region_keeps_its_pager)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = attach_pager(p, 4, 0);
	l4re_ds_t other;

	slot_drop(p->slot);
	other = ds_new(PAGE);
	EXPECT_EQ(other, p->slot);
	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
	EXPECT_EQ(p->calls, 4);
	EXPECT_RECORD(at, at, 4 * PAGE, 0, PAGED, p->slot);
	detach(at);
	slot_drop(other);
	free(p);
}

/* P7 */
PAGER_TEST(p7_eager_mapping_may_do_nothing)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at, 4 * PAGE, PAGED | EAGER, p->slot, 0), 0);
	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
	for (unsigned page = 0; page < 4; page++)
		EXPECT_EQ(p->calls_of[page], 1);
	pager_done(p, at);
}

/* 5.5.3 */
PAGER_TEST(parts_of_a_region_are_supplied_like_all_of_it)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = attach_pager(p, 8, PAGE);
	l4re_ds_t was = 0;

	EXPECT_EQ(BYTE(at), MARK(1));
	EXPECT_EQ(l4re_rm_detach_range(at + 2 * PAGE, PAGE, &was, L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	EXPECT_EQ(was, p->slot);
	EXPECT_RECORD(at, at, 2 * PAGE, PAGE, PAGED, p->slot);
	EXPECT_RECORD(at + 3 * PAGE, at + 3 * PAGE, 5 * PAGE, 4 * PAGE, PAGED, p->slot);
	EXPECT_EQ(BYTE(at), MARK(1));
	EXPECT_EQ(BYTE(at + PAGE), MARK(2));
	EXPECT_EQ(BYTE(at + 5 * PAGE), MARK(6));
	EXPECT_EQ(p->calls, 3);
	EXPECT_EQ(p->seen[2].region, at + 3 * PAGE);
	EXPECT_EQ(p->seen[2].region_size, 5 * PAGE);
	EXPECT_EQ(p->seen[2].offset, 6 * PAGE);
	touch_prepare();
	EXPECT(touch(at + 2 * PAGE, READ).signal != 0);
	detach(at);
	pager_done(p, at + 3 * PAGE);
}

/* 1.3, 5.3.4 */
PAGER_TEST(a_paged_region_may_be_in_an_area)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, PAGED | IN_AREA, p->slot, 0), 0);
	EXPECT_EQ(BYTE(at + 2 * PAGE), MARK(1));
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + 3 * PAGE, READ);
	pager_done(p, at + PAGE);
	EXPECT_AREA(at + PAGE, at, 4 * PAGE, 0);
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
}

/* 10.2 */
PAGER_TEST(a_pager_that_was_deleted_supplies_nothing_and_nobody_hangs)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = attach_pager(p, 2, 0);

	touch_prepare();
	EXPECT_EQ(BYTE(at), MARK(0));
	EXPECT(l4_error(l4_task_delete_obj(L4_BASE_TASK_CAP, p->slot)) >= 0);
	EXPECT(!slot_is_filled(p->slot));
	EXPECT(touch(at + PAGE, READ).signal != 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, PAGED, p->slot);
	pager_done(p, at);
}

static void read_unsupplied(void *arg)
{
	(void)BYTE(((struct crowd *)arg)->at + PAGE);
}

/* 14.4 */
PAGER_TEST(a_child_of_fork_faults_where_nothing_was_supplied)
{
	struct crowd c = { .p = pager_new(with_marks) };
	int status;

	c.at = attach_pager(c.p, 2, 0);
	EXPECT_EQ(BYTE(c.at), MARK(0));
	status = status_of(read_unsupplied, &c);
	EXPECT(WIFSIGNALED(status));
	EXPECT(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
	EXPECT_EQ(BYTE(c.at + PAGE), MARK(1));
	pager_done(c.p, c.at);
}

/* 12.2 */
TEST(a_pager_needs_a_slot_and_a_function)
{
	l4_cap_idx_t slot = slot_new();

	EXPECT_EQ(l4re_pager_create(L4_INVALID_CAP, supply, NULL), -L4_EINVAL);
	EXPECT_EQ(l4re_pager_create(slot, NULL, NULL), -L4_EINVAL);
	EXPECT(!slot_is_filled(slot));
	slot_drop(slot);
}

/* 5.3.6, 2.5 */
PAGER_TEST(a_pager_is_no_dataspace)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RW, p->slot, 0), -L4_ENOENT);
	EXPECT_EQ(l4re_ds_info(p->slot, &(l4re_ds_stats_t){ 0 }), -L4_EBADPROTO);
	EXPECT_EQ(l4re_rm_free_area_srv(p->slot, at), -L4_EBADPROTO);
	slot_drop(p->slot);
	free(p);
}

/* 12.2 */
PAGER_TEST(pagers_that_come_and_go_leave_nothing_behind)
{
	unsigned fds = 0, threads = 0, mappings = 0;

	for (unsigned n = 0; n < 40; n++) {
		struct pager *p = pager_new(n % 2 ? with_marks : with_dataspace);
		l4_addr_t at = attach_pager(p, 4, 0);
		l4re_ds_t ds = ds_marked(4);

		p->ds = ds;
		EXPECT_EQ(BYTE(at + PAGE), MARK(1));
		BYTE(at + PAGE) = 1;
		pager_done(p, at);
		slot_drop(ds);
		if (n == 1) {
			fds = test_count_fds();
			threads = count_threads();
			mappings = test_count_memfd_mappings();
		}
	}
	EXPECT(test_count_fds() <= fds);
	EXPECT(count_threads() <= threads);
	EXPECT(test_count_memfd_mappings() <= mappings);
}
