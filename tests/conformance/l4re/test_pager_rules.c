/* SPDX-License-Identifier: MIT */
/*
 * test_pager_rules.c - P1 to P7: how a pager is called, and what an access sees of it
 */
#include "pager_rig.h"

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct crowd {
	struct pager *p;
	l4_addr_t at;
	_Atomic pid_t tids[4];
	unsigned touching; /* and one that detaches meanwhile */
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
			/* Each of them to the same byte. */
			__atomic_store_n(&BYTE(c->at + page * PAGE), (unsigned char)number,
					 __ATOMIC_RELAXED);
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
	have_no_handlers();
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
		for (unsigned n = 1; n < c->touching; n++)
			EXPECT_WITHIN(5000, c->tids[n] && state_of(c->tids[n]) != 'R');
		detach(c->at);
		return;
	}
	c->tids[number] = (pid_t)syscall(SYS_gettid);
	f = touch(c->at + number, number % 2 ? READ : WRITE);
	EXPECT(f.signal == SIGSEGV || f.signal == SIGBUS);
}

/* P5 */
PAGER_TEST(p5_detaching_wakes_who_waits_and_their_accesses_fault)
{
	struct crowd c = { .p = pager_new(when_allowed), .touching = 4 };

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
	struct crowd c = { .p = pager_new(when_allowed), .touching = 2 };
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

#ifndef L4RE_MODERN
/* R-20, 5.5.6 */
PAGER_TEST(r20_what_a_pager_showed_is_not_cleared_with_its_region)
{
	struct pager *p = pager_new(with_dataspace);
	l4_addr_t at = room(2);
	l4re_ds_t ds = ds_marked(2);

	p->ds = ds;
	EXPECT_EQ(attach_at(at, 2 * PAGE, PAGED | L4RE_RM_NO_ALIAS, p->slot, 0), 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, PAGED | L4RE_RM_NO_ALIAS, p->slot);
	BYTE(at) = 99;
	EXPECT_EQ(BYTE(at + PAGE), MARK(1));
	pager_done(p, at);
	EXPECT_EQ(ds_byte(ds, 0), 99);
	EXPECT_EQ(ds_byte(ds, PAGE), MARK(1));
	slot_drop(ds);
}
#endif

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
