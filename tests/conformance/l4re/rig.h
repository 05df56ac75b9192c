/* SPDX-License-Identifier: MIT */
/*
 * rig.h - what the conformance tests of the region map of L4Re stand on
 *
 * Dataspaces, addresses, looking, and accesses that may fault, in one line each.  Everything
 * here fails the test where it fails.  Compiled once for each generation of the interface, with
 * names for what is the same in both but for the numbers; "5.4" and the like above a test is
 * the section that it proves.
 */
#ifndef TESTS_CONFORMANCE_L4RE_RIG_H
#define TESTS_CONFORMANCE_L4RE_RIG_H

#include "test.h"

#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/pager.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/sys/err.h>
#include <l4/sys/task.h>
#include <string.h>

#define PAGE L4_PAGESIZE
/* The slot is empty, or the index is none. */
#define NOT_EXISTENT (-2004)

#ifdef L4RE_MODERN
#define RW L4RE_RM_F_RW
#define RO L4RE_RM_F_R
#define SEARCH L4RE_RM_F_SEARCH_ADDR
#define IN_AREA L4RE_RM_F_IN_AREA
#define EAGER L4RE_RM_F_EAGER_MAP
#define RESERVED L4RE_RM_F_RESERVED
#define PAGED (L4RE_RM_F_PAGER | L4RE_RM_F_RW)
#define DS_RO L4RE_DS_F_R
#define DS_RW L4RE_DS_F_RW
#define IF_MODERN(modern, classic) (modern)
typedef l4re_rm_offset_t region_offset;
#else
#define RW 0
#define RO L4RE_RM_READ_ONLY
#define SEARCH L4RE_RM_SEARCH_ADDR
#define IN_AREA L4RE_RM_IN_AREA
#define EAGER L4RE_RM_EAGER_MAP
#define RESERVED L4RE_RM_RESERVED
#define PAGED L4RE_RM_PAGER
#define DS_RO L4RE_DS_MAP_FLAG_RO
#define DS_RW L4RE_DS_MAP_FLAG_RW
#define IF_MODERN(modern, classic) (classic)
typedef l4_addr_t region_offset;
#endif

/* ---- capabilities ---- */

/* An empty slot. */
l4_cap_idx_t slot_new(void);
/* Empties a slot and gives it back. */
void slot_drop(l4_cap_idx_t slot);
bool slot_is_filled(l4_cap_idx_t slot);
/* An object that is no dataspace, no region map and no pager; borrowed. */
l4_cap_idx_t other_object(void);

/* A dataspace of @size bytes; slot_drop() gives it up. */
l4re_ds_t ds_new(unsigned long size);
/* One of @pages pages, each filled with its MARK. */
l4re_ds_t ds_marked(unsigned pages);
#define MARK(page) ((unsigned char)(1 + (page) % 251))
/* Another slot with the same dataspace and these rights, L4_CAP_FPAGE_*. */
l4re_ds_t ds_alias(l4re_ds_t ds, unsigned char rights);
/* One byte, through a view of its own. */
unsigned char ds_byte(l4re_ds_t ds, l4_addr_t offset);
void ds_set_byte(l4re_ds_t ds, l4_addr_t offset, unsigned char to);

/* Quarter of a page, one page, three, and many and a bit: what dataspaces are tried with. */
#define ODD_SIZES 4
extern const unsigned long odd_sizes[ODD_SIZES];
#define FOR_EACH_SIZE(size)                                                      \
	for (unsigned size_##size = 0;                                           \
	     size_##size < ODD_SIZES && ((size) = odd_sizes[size_##size], true); \
	     size_##size++)

/* ---- addresses ---- */

/* Where @pages pages and sixteen on either side are free; a multiple of 64 KiB. */
l4_addr_t room(unsigned long pages);
/* Attaches at exactly @at.  On failure it has seen to it that the start variable is unchanged.
 */
int attach_at(l4_addr_t at, unsigned long size, unsigned long flags, l4re_ds_t ds,
	      l4_addr_t offs);
/* Attaches with SEARCH from *@at on. */
int attach_from(l4_addr_t *at, unsigned long size, unsigned long flags, l4re_ds_t ds,
		unsigned char align);
/* Attaches anywhere, and it works. */
l4_addr_t attach(l4re_ds_t ds, unsigned long size, unsigned long flags);
/* The region at @at goes, and it works. */
void detach(l4_addr_t at);
/* Reserves exactly @size bytes from @at on; on failure the start variable is unchanged. */
int reserve_at(l4_addr_t at, unsigned long size, unsigned flags);
int reserve_from(l4_addr_t *at, unsigned long size, unsigned flags, unsigned char align);
/* Takes rights of pages away, L4_FPAGE_*. */
void unmap(l4_addr_t at, unsigned long pages, unsigned char rights);
/* The limits of the region map, as its dump says. */
void limits(l4_addr_t *ret_min, l4_addr_t *ret_max);
/* What the region map writes to its log, for free(). */
char *dump(void);

/* ---- looking ---- */

struct record {
	l4_addr_t addr;
	unsigned long size;
	region_offset offset;
	unsigned flags;
	l4re_ds_t m;
};

/* l4re_rm_find(); what it leaves alone is UNTOUCHED. */
#define UNTOUCHED 0x5a5a
int find(l4_addr_t addr, unsigned long size, struct record *ret_record);
void expect_record(const char *file, int line, l4_addr_t at, const struct record *wanted);
#define EXPECT_RECORD(at, start, length, offs, kind, who) \
	expect_record(__FILE__, __LINE__, at,             \
		      &(struct record){ .addr = (start),  \
					.size = (length), \
					.offset = (offs), \
					.flags = (kind),  \
					.m = (who) })
#define EXPECT_AREA(at, start, length, kind) \
	EXPECT_RECORD(at, start, length, 0, IN_AREA | (kind), L4_INVALID_CAP)
#define EXPECT_FREE(at) EXPECT_EQ(find(at, 1, &(struct record){ 0 }), -L4_ENOENT)

/* ---- accesses ---- */

#define BYTE(at) (*(volatile unsigned char *)(at))
#define WORD(at) (*(volatile unsigned long *)(at))

enum access { READ, WRITE, EXECUTE };

struct fault {
	int signal; /* 0: the access went well */
	int code;   /* si_code */
	bool there; /* si_addr is where the access was */
};

/* Tries an access in this thread.  A write stores what it read. */
struct fault touch(l4_addr_t at, enum access how);
/* Has touch() hear of faults from now on; for what installs handlers that pass them on. */
void touch_prepare(void);
/* Faults end this process from now on, as they do any program that has no handler: a sanitizer
 * has one.  Before anything is installed that passes faults on. */
void have_no_handlers(void);
/* touch() in a child, which is killed if it hangs. */
struct fault probe(l4_addr_t at, enum access how);
#define EXPECT_WORKS(at, how) EXPECT_EQ(probe(at, how).signal, 0)
#define EXPECT_FAULTS(at, how) expect_fault(__FILE__, __LINE__, at, how, probe(at, how))
void expect_fault(const char *file, int line, l4_addr_t at, enum access how, struct fault f);
bool is_filled(l4_addr_t at, unsigned long size, unsigned char with);
/* Is the page of this address in this process's page table? */
bool is_present(l4_addr_t at);

/* ---- other processes and threads ---- */

/*
 * Runs @body in a child and returns its status as wait() gives it.  A child that hangs is
 * killed, and fails the test.
 */
int status_of(void (*body)(void *arg), void *arg);
#define EXPECT_CHILD(body, arg) EXPECT_EQ(status_of(body, arg), 0)
unsigned count_threads(void);
/* Several threads run @body, each with its number, and are joined. */
void in_threads(unsigned count, void (*body)(unsigned number, void *arg), void *arg);

#endif
