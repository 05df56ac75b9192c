/* SPDX-License-Identifier: MIT */
/*
 * test_rescue.c - l4re_rm_add_rescue_jump()
 */
#include "rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__aarch64__)
#define HAVE_LOADS 1
#else
#define HAVE_LOADS 0
#endif

#if HAVE_LOADS

/* load_NAME() returns the byte at an address, or -1 by way of a rescue jump. */
long load_one(const void *at);
long load_two(const void *at);
extern const char begin_one[], end_one[], rescue_one[];
extern const char begin_two[], end_two[], rescue_two[];

#ifdef __x86_64__
#define LOAD "movzbl (%rdi), %eax\n"
#define RETURN "ret\n"
#define FAIL "mov $-1, %rax\nret\n"
#else
#define LOAD "ldrb w0, [x0]\n"
#define RETURN "ret\n"
#define FAIL "mov x0, #-1\nret\n"
#endif
#define DEFINE(name)                                                                    \
	__asm__(".text\n.balign 16\n"                                                   \
		".globl load_" name ", begin_" name ", end_" name ", rescue_" name "\n" \
		".type load_" name ", STT_FUNC\n"                                       \
		"load_" name ":\nbegin_" name ":\n" LOAD "end_" name ":\n" RETURN       \
		"rescue_" name ":\n" FAIL ".size load_" name ", . - load_" name "\n")

DEFINE("one");
DEFINE("two");

#define PC(label) ((l4_addr_t)(label))

static int add(const char *begin, const char *end, const char *rescue)
{
	return l4re_rm_add_rescue_jump(PC(begin), PC(end), PC(rescue));
}

/* 11.6 */
TEST(a_fault_of_the_code_goes_on_at_the_rescue_address)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, 2 * PAGE, RW);

	EXPECT_EQ(load_one((void *)at), MARK(0));
	EXPECT_EQ(add(begin_one, end_one, rescue_one), 0);
	EXPECT_EQ(load_one((void *)at), MARK(0));
	/* No such page of the dataspace, no region, and no address. */
	EXPECT_EQ(load_one((void *)(at + PAGE)), -1);
	detach(at);
	EXPECT_EQ(load_one((void *)at), -1);
	EXPECT_EQ(load_one(NULL), -1);
	for (unsigned n = 0; n < 100; n++)
		EXPECT_EQ(load_one(NULL), -1);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_one)), 0);
	slot_drop(ds);
}

static void load_null(void *arg)
{
	(void)arg;
	(void)load_two(NULL);
}

/* 11.6 */
TEST(a_fault_of_other_code_ends_the_process)
{
	int status;

	have_no_handlers();
	EXPECT_EQ(add(begin_one, end_one, rescue_one), 0);
	status = status_of(load_null, NULL);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_one)), 0);
}

/* 11.6 */
TEST(a_fault_of_other_code_reaches_the_handler_that_was_there)
{
	touch_prepare();
	EXPECT_EQ(add(begin_one, end_one, rescue_one), 0);
	EXPECT_EQ(touch(8, READ).signal, SIGSEGV);
	EXPECT_EQ(load_one(NULL), -1);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_one)), 0);
	EXPECT_EQ(touch(8, READ).signal, SIGSEGV);
}

static void kill_itself(void *arg)
{
	(void)arg;
	(void)kill(getpid(), SIGSEGV);
	(void)kill(getpid(), SIGBUS);
}

/* 11.6 */
TEST(a_signal_that_somebody_sends_ends_the_process_too)
{
	int status;

	/* A sanitizer would say something, and end it otherwise. */
	have_no_handlers();
	EXPECT_EQ(add(begin_one, end_one, rescue_one), 0);
	status = status_of(kill_itself, NULL);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_one)), 0);
}

static void kill_itself_ignoring(void *arg)
{
	(void)arg;
	(void)signal(SIGBUS, SIG_IGN);
	EXPECT_EQ(add(begin_one, end_one, rescue_one), 0);
	(void)kill(getpid(), SIGBUS);
	(void)kill(getpid(), SIGBUS);
}

/* 11.6 */
TEST(a_signal_that_somebody_sends_is_ignored_if_it_was)
{
	int status = status_of(kill_itself_ignoring, NULL);

	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void load_null_without(void *arg)
{
	(void)arg;
	EXPECT_EQ(add(begin_two, end_two, rescue_two), 0);
	EXPECT_EQ(load_two(NULL), -1);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_two)), 0);
	(void)load_two(NULL);
}

/* 11.6 */
TEST(a_jump_that_was_removed_is_gone)
{
	int status;

	have_no_handlers();
	status = status_of(load_null_without, NULL);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* 11.6 */
TEST(several_jumps_do_not_disturb_each_other)
{
	EXPECT_EQ(add(begin_two, end_two, rescue_two), 0);
	EXPECT_EQ(add(begin_one, end_one, rescue_one), 0);
	EXPECT_EQ(load_one(NULL), -1);
	EXPECT_EQ(load_two(NULL), -1);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_one)), 0);
	EXPECT_EQ(load_two(NULL), -1);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_two)), 0);
}

static void load_often(unsigned number, void *arg)
{
	(void)arg;
	for (unsigned n = 0; n < 1000; n++)
		EXPECT_EQ(number % 2 ? load_one(NULL) : load_two(NULL), -1);
}

/* 11.6 */
TEST(every_thread_is_rescued)
{
	EXPECT_EQ(add(begin_one, end_one, rescue_one), 0);
	EXPECT_EQ(add(begin_two, end_two, rescue_two), 0);
	in_threads(4, load_often, NULL);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_one)), 0);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_two)), 0);
}

static _Atomic bool enough;

static void *change_often(void *arg)
{
	(void)arg;
	while (!atomic_load(&enough)) {
		EXPECT_EQ(add(begin_one, end_one, rescue_one), 0);
		EXPECT_EQ(l4re_rm_remove_rescue_jump(PC(begin_one)), 0);
	}
	return NULL;
}

/* One entry after the other, of code above what faults and of code below it, in one place. */
static void *pass_around(void *arg)
{
	const l4_addr_t pc = PC(begin_two), above = pc + 0x1000, below = pc - 0x2000;

	(void)arg;
	while (!atomic_load(&enough)) {
		EXPECT_EQ(l4re_rm_add_rescue_jump(above, above + 0x1000, PC(rescue_two)), 0);
		EXPECT_EQ(l4re_rm_remove_rescue_jump(above), 0);
		EXPECT_EQ(l4re_rm_add_rescue_jump(below, below + 0x1000, PC(rescue_two)), 0);
		EXPECT_EQ(l4re_rm_remove_rescue_jump(below), 0);
	}
	return NULL;
}

/* ASan takes most of a millisecond for each. */
#define FAULTS (TEST_SANITIZED ? 3000u : 30000u)

static sigjmp_buf out_of_load;

static void leave_load(int number)
{
	(void)number;
	siglongjmp(out_of_load, 1);
}

/* 11.6: the end of the one and the beginning of the other are no jump. */
TEST_SLOW(code_between_two_jumps_that_come_and_go_has_none, 60)
{
	pthread_t thread;

	EXPECT(signal(SIGSEGV, leave_load) != SIG_ERR);
	EXPECT_EQ(pthread_create(&thread, NULL, pass_around, NULL), 0);
	for (volatile unsigned n = 0; n < FAULTS; n++)
		if (sigsetjmp(out_of_load, 1) == 0)
			EXPECT_EQ(load_two(NULL), 0);
	atomic_store(&enough, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static void change_once(void *arg)
{
	(void)arg;
	EXPECT_EQ(add(begin_two, end_two, rescue_two), 0);
	EXPECT_EQ(load_two(NULL), -1);
}

/* 14.4: whatever other threads are doing when it is forked. */
TEST(a_child_can_add_jumps)
{
	pthread_t thread;

	EXPECT_EQ(pthread_create(&thread, NULL, change_often, NULL), 0);
	for (unsigned n = 0; n < 200; n++)
		EXPECT_EQ(status_of(change_once, NULL), 0);
	atomic_store(&enough, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
}

#else

TEST(a_fault_of_the_code_goes_on_at_the_rescue_address)
{
	SKIP("this test knows no load of this machine");
}

#endif

/* 11.6 */
TEST(code_that_ends_before_it_begins_is_refused)
{
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x2000, 0x2000, 0x3000), -L4_EINVAL);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x2001, 0x2000, 0x3000), -L4_EINVAL);
}

/* 11.6 */
TEST(code_has_one_jump)
{
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x2000, 0x2010, 0x3000), 0);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x2000, 0x2010, 0x3000), -L4_EEXIST);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x200f, 0x2020, 0x3000), -L4_EEXIST);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x1ff0, 0x2001, 0x3000), -L4_EEXIST);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x1000, 0x9000, 0x3000), -L4_EEXIST);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x2004, 0x2008, 0x3000), -L4_EEXIST);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x2010, 0x2020, 0x3000), 0);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x1ff0, 0x2000, 0x3000), 0);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(0x2008), 0);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x2000, 0x2010, 0x3000), 0);
}

/* 11.6 */
TEST(where_no_jump_is_none_is_removed)
{
	EXPECT_EQ(l4re_rm_remove_rescue_jump(0x2000), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_add_rescue_jump(0x2000, 0x2010, 0x3000), 0);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(0x1fff), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(0x2010), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(0x200f), 0);
	EXPECT_EQ(l4re_rm_remove_rescue_jump(0x2000), -L4_ENOENT);
}
