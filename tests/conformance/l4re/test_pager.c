/* SPDX-License-Identifier: MIT */
/*
 * test_pager.c - regions whose pages a function of the program supplies
 *
 * What is promised about how that function is called is in test_pager_rules.c.
 */
#include "pager_rig.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
	EXPECT_EQ(p->calls, 1);
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
	(void)BYTE(*(l4_addr_t *)arg + PAGE);
}

/* 14.4 */
PAGER_TEST(a_child_of_fork_faults_where_nothing_was_supplied)
{
	struct pager *p = pager_new(with_marks);
	l4_addr_t at = attach_pager(p, 2, 0);
	int status;

	have_no_handlers();
	EXPECT_EQ(BYTE(at), MARK(0));
	status = status_of(read_unsupplied, &at);
	EXPECT(WIFSIGNALED(status));
	EXPECT(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
	EXPECT_EQ(BYTE(at + PAGE), MARK(1));
	pager_done(p, at);
}

static int never(void *ctx, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply)
{
	(void)ctx;
	(void)f;
	(void)reply;
	return -L4_EFAULT;
}

/* 12.2 */
TEST(a_pager_needs_a_slot_and_a_function)
{
	l4_cap_idx_t slot = slot_new();

	EXPECT_EQ(l4re_pager_create(L4_INVALID_CAP, never, NULL), -L4_EINVAL);
	EXPECT_EQ(l4re_pager_create(slot, NULL, NULL), -L4_EINVAL);
	EXPECT(!slot_is_filled(slot));
	slot_drop(slot);
}

/* As hosts do that keep programs in a sandbox. */
static void forbid_userfaultfd(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	/* Nor by the device, which is root's. */
	EXPECT(geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
	EXPECT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	EXPECT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void attach_forbidden(void *arg)
{
	l4_cap_idx_t slot = slot_new();
	l4_addr_t at = room(1);

	(void)arg;
	forbid_userfaultfd();
	EXPECT_EQ(l4re_pager_create(slot, never, NULL), 0);
	EXPECT_EQ(attach_at(at, PAGE, PAGED, slot, 0), -L4_ENOSYS);
	slot_drop(slot);
}

TEST(where_userfaultfd_is_forbidden_no_pager_is_attached)
{
	EXPECT_EQ(status_of(attach_forbidden, NULL), 0);
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
