/* SPDX-License-Identifier: MIT */
/*
 * test_access.c - what an access does, for each kind of address; never does it hang
 *
 * Every access is made by a child, which is killed, and fails the test, if it does not end.
 */
#include "rig.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef BUS_ADRERR
#define BUS_ADRERR 2
#endif

static void expect_kind(l4_addr_t at, enum access how, int signal, int code)
{
	struct fault f = probe(at, how);

	EXPECT_EQ(f.signal, signal);
	EXPECT_EQ(f.code, code);
	EXPECT(f.there);
}

/* 6, first two rows */
TEST(inside_of_a_dataspace_reads_and_writes_reach_it)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 2 * PAGE, RW), other = attach(ds, 2 * PAGE, RO);

	EXPECT_WORKS(at, READ);
	EXPECT_WORKS(at + 2 * PAGE - 1, WRITE);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	WORD(at + PAGE) = 0xabcdef;
	EXPECT_EQ(WORD(other + PAGE), 0xabcdef);
	detach(at);
	detach(other);
	slot_drop(ds);
}

static void write_in_child(void *at)
{
	WORD((l4_addr_t)at) = 0x1234;
}

/* 6, 14.4 */
TEST(a_store_of_a_child_is_seen_by_its_parent)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT_CHILD(write_in_child, (void *)at);
	EXPECT_EQ(WORD(at), 0x1234);
	detach(at);
	slot_drop(ds);
}

/* 6, third row */
TEST(a_store_through_a_region_for_reading_is_a_fault_of_rights)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = attach(ds, PAGE, RO), ro = attach(alias, PAGE, RO);

	expect_kind(at, WRITE, SIGSEGV, SEGV_ACCERR);
	expect_kind(ro, WRITE, SIGSEGV, SEGV_ACCERR);
	EXPECT_EQ(BYTE(at), MARK(0));
	detach(at);
	detach(ro);
	slot_drop(alias);
	slot_drop(ds);
}

/* 6, fourth row */
TEST(past_the_last_page_of_the_dataspace_every_access_faults)
{
	unsigned long size, end;
	l4re_ds_t ds;
	l4_addr_t at;

	FOR_EACH_SIZE(size)
	{
		ds = ds_new(size);
		end = l4_round_page(size);
		at = attach(ds, end + 2 * PAGE, RW);
		EXPECT_WORKS(at + end - 1, WRITE);
		EXPECT_FAULTS(at + end, READ);
		EXPECT_FAULTS(at + end, WRITE);
		EXPECT_FAULTS(at + end + 2 * PAGE - 1, READ);
		detach(at);
		slot_drop(ds);
	}
}

/* 6 */
TEST(the_tail_of_the_last_page_is_zero_at_first_and_can_be_written)
{
	l4re_ds_t ds = ds_new(1000);
	l4_addr_t at = attach(ds, 1000, RW);

	EXPECT(is_filled(at, PAGE, 0));
	BYTE(at + 1000) = 1;
	BYTE(at + PAGE - 1) = 2;
	EXPECT_EQ(l4re_ds_size(ds), 1000);
	EXPECT_EQ(ds_byte(ds, 1000), 1);
	EXPECT_EQ(ds_byte(ds, PAGE - 1), 2);
	detach(at);
	slot_drop(ds);
}

/* 6, fifth row */
TEST(a_dataspace_that_was_deleted_faults_and_its_record_stays)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 2 * PAGE, RW | EAGER);

	EXPECT(l4_error(l4_task_delete_obj(L4_BASE_TASK_CAP, ds)) >= 0);
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at, WRITE);
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	detach(at);
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* 6, sixth row */
TEST(a_reserved_region_faults)
{
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	expect_kind(at, READ, SIGSEGV, SEGV_ACCERR);
	expect_kind(at, WRITE, SIGSEGV, SEGV_ACCERR);
	EXPECT_FAULTS(at, EXECUTE);
	detach(at);
}

/* 6, eighth and ninth row */
TEST(an_area_shows_what_was_mapped_into_it_and_else_faults)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = room(2);

	EXPECT_EQ(reserve_at(at, 2 * PAGE, 0), 0);
	EXPECT_FAULTS(at, READ);
	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_WORKS(at, WRITE);
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT_FAULTS(at + PAGE, WRITE);
	unmap(at, 1, L4_FPAGE_RWX);
	EXPECT_FAULTS(at, READ);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 6, last row */
TEST(free_space_faults_as_what_is_not_there)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	expect_kind(at, READ, SIGSEGV, SEGV_MAPERR);
	expect_kind(at, WRITE, SIGSEGV, SEGV_MAPERR);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	detach(at);
	expect_kind(at, READ, SIGSEGV, SEGV_MAPERR);
	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	expect_kind(at, READ, SIGSEGV, SEGV_MAPERR);
	slot_drop(ds);
}

static void read_free(void *at)
{
	(void)BYTE((l4_addr_t)at);
}

/* 6 */
TEST(a_program_without_a_handler_ends_with_the_signal)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, 2 * PAGE, RW);
	int status;

	have_no_handlers();
	status = status_of(read_free, (void *)(at + PAGE));
	EXPECT(WIFSIGNALED(status));
	EXPECT(WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV);
	detach(at);
	status = status_of(read_free, (void *)at);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	slot_drop(ds);
}

/* 6 */
TEST(a_program_goes_on_after_a_fault_that_it_handled)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, 2 * PAGE, RO);

	for (unsigned n = 0; n < 3; n++) {
		EXPECT(touch(at, WRITE).signal != 0);
		EXPECT(touch(at + PAGE, READ).signal != 0);
		EXPECT_EQ(touch(at, READ).signal, 0);
	}
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	slot_drop(ds);
}

/* ---- execution, R-12 ---- */

/* A function that returns, at the start of a dataspace. */
static l4re_ds_t ds_of_code(void)
{
#if defined(__x86_64__) || defined(__i386__)
	static const unsigned char code[] = { 0xc3 };
#elif defined(__aarch64__)
	static const unsigned char code[] = { 0xc0, 0x03, 0x5f, 0xd6 };
#else
	static const unsigned char code[] = { 0 };

	SKIP("this test knows no instruction of this machine");
#endif
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW);

	(void)memcpy((void *)at, code, sizeof(code));
	__builtin___clear_cache((char *)at, (char *)at + sizeof(code));
	detach(at);
	return ds;
}

/* A host may let nobody execute what is in no file. */
static void need_execution(void)
{
	int fd = memfd_create("probe", MFD_CLOEXEC);
	void *at;

	EXPECT(fd >= 0);
	EXPECT_EQ(ftruncate(fd, (off_t)PAGE), 0);
	at = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (at == MAP_FAILED)
		SKIP("this host executes no anonymous memory");
	EXPECT_EQ(munmap(at, PAGE), 0);
}

#ifndef L4RE_MODERN
/* */
TEST(r12_a_classic_region_cannot_be_executed)
{
	l4re_ds_t ds = ds_of_code();
	l4_addr_t at = attach(ds, PAGE, RW), ro = attach(ds, PAGE, RO);

	EXPECT_EQ(l4re_tract_executable(-1), 0);
	EXPECT_FAULTS(at, EXECUTE);
	EXPECT_FAULTS(ro, EXECUTE);
	detach(at);
	detach(ro);
	slot_drop(ds);
}

/* */
TEST(r12_a_switch_makes_classic_regions_executable)
{
	l4re_ds_t ds = ds_of_code();
	l4_addr_t before = attach(ds, PAGE, RO), at, ro, after;

	need_execution();
	EXPECT_EQ(l4re_tract_executable(1), 0);
	EXPECT_EQ(l4re_tract_executable(-1), 1);
	at = attach(ds, PAGE, RW);
	ro = attach(ds, PAGE, RO);
	EXPECT_WORKS(at, EXECUTE);
	EXPECT_WORKS(at, WRITE);
	EXPECT_WORKS(ro, EXECUTE);
	EXPECT_FAULTS(ro, WRITE);
	EXPECT_RECORD(at, at, PAGE, 0, 0, ds);
	EXPECT_EQ(l4re_tract_executable(0), 1);
	after = attach(ds, PAGE, RW);
	EXPECT_FAULTS(before, EXECUTE);
	EXPECT_FAULTS(after, EXECUTE);
	EXPECT_WORKS(at, EXECUTE);
	detach(before);
	detach(at);
	detach(ro);
	detach(after);
	slot_drop(ds);
}
#else
/* */
TEST(r12_a_modern_region_is_executable_if_its_flags_say_so)
{
	l4re_ds_t ds = ds_of_code();
	l4_addr_t rw = attach(ds, PAGE, RW), ro = attach(ds, PAGE, RO), rx, rwx;

	need_execution();
	rx = attach(ds, PAGE, L4RE_RM_F_RX);
	rwx = attach(ds, PAGE, L4RE_RM_F_RWX);
	EXPECT_FAULTS(rw, EXECUTE);
	EXPECT_FAULTS(ro, EXECUTE);
	EXPECT_WORKS(rx, EXECUTE);
	EXPECT_FAULTS(rx, WRITE);
	EXPECT_WORKS(rwx, EXECUTE);
	EXPECT_WORKS(rwx, WRITE);
	EXPECT_RECORD(rx, rx, PAGE, 0, L4RE_RM_F_RX, ds);
	EXPECT_RECORD(rwx, rwx, PAGE, 0, L4RE_RM_F_RWX, ds);
	detach(rw);
	detach(ro);
	detach(rx);
	detach(rwx);
	slot_drop(ds);
}
#endif
