/* SPDX-License-Identifier: MIT */
/*
 * pager.h - supplying pages on demand
 *
 * A pager is an object with a function of the program's.  Attach it with L4RE_RM_PAGER (modern:
 * L4RE_RM_F_PAGER), and for each page of the region the function is called when the page is
 * first accessed, and says what is to be there.  The access waits for the answer.
 *
 * The function
 *   - is called for one page once at a time.  Threads that wait for the same page get the same
 *     answer.  It may be called for several pages at the same time, in different threads.
 *   - runs in a thread of the library that has all signals blocked, so it may sleep, take locks
 *     and call functions of L4Re.  It must not access memory that it has to supply itself, nor
 *     wait for a thread that does: neither would ever end.
 *   - is not called for a page that was answered, until the page is unmapped, with one
 *     exception: after an answer to a read that cannot be written, the first write asks
 *     again.
 *
 * The region keeps the pager alive.  Detaching the region ends the wait of every thread, and
 * their accesses fault; a function that is still at work is not waited for, and its answer is
 * dropped.  EAGER_MAP does nothing here.  A child of fork is not served: its accesses to pages
 * that were not supplied before fault, and those to others may.
 *
 * The kernel has to let the process have a userfaultfd; if it refuses, attaching a pager fails
 * with -L4_ENOSYS.  A system call that is given memory not yet supplied fails with EFAULT,
 * unless the process has the privilege to have faults of the kernel's supplied, too.
 */
#ifndef L4_RE_C_PAGER_H
#define L4_RE_C_PAGER_H

#include <l4/re/c/dataspace.h>
#include <l4/sys/compiler.h>
#include <l4/sys/err.h>
#include <l4/sys/types.h>

EXTERN_C_BEGIN

/* An access that waits. */
typedef struct {
	l4_addr_t addr;		   /* its page */
	unsigned write;		   /* 1: it writes */
	l4_addr_t region;	   /* first byte of the region */
	unsigned long region_size; /* bytes */
	l4_addr_t offset;	   /* what attach was given as offs, + (addr - region) */
} l4re_pager_fault_t;

/* Kinds of an answer. */
enum {
	L4RE_PAGER_CONTENT = 0,	 /* a page with these bytes */
	L4RE_PAGER_ZERO = 1,	 /* a page of zeros */
	L4RE_PAGER_DATASPACE = 2 /* a page of a dataspace, as itself and not as a copy */
};

/* An answer.  All of it is zero when the function is called. */
typedef struct {
	unsigned kind;
	/* CONTENT: L4_PAGESIZE bytes, read after the function has returned and before the same
	 * thread calls it again. */
	void const *content;
	l4re_ds_t ds;	   /* DATASPACE: which; the slot need not be kept */
	l4_addr_t offset;  /* DATASPACE: a byte of the page to show */
	unsigned writable; /* DATASPACE: 0: a write asks again.  Others can always be written */
} l4re_pager_reply_t;

/**
 * l4re_pager_fn - the function of a pager
 * @ctx:   what l4re_pager_create() was given
 * @f:     the access; borrowed until the function returns
 * @reply: to be filled in
 *
 * Return: 0 if @reply is the answer.  A negative number refuses, and the access faults; so
 * does an answer that cannot be carried out: an unknown kind, no content, no such page of the
 * dataspace, or one that cannot be written though writable is set.
 */
typedef int (*l4re_pager_fn)(void *ctx, l4re_pager_fault_t const *f, l4re_pager_reply_t *reply);

/**
 * l4re_pager_create() - make a pager
 * @slot: a slot from l4re_util_cap_alloc(); what it held, it no longer holds
 * @fn:   the function
 * @ctx:  handed to it; must be good for as long as the function can be called
 *
 * The pager goes when no slot and no region refers to it any more: give the slot up with
 * l4re_util_cap_free_um().  May be called from any thread; not async-signal-safe.
 *
 * Return: 0, or
 *   -L4_EINVAL  @slot is an invalid index, or @fn is NULL
 *   -L4_ENOMEM  out of memory, of descriptors or of threads
 */
L4_CV long l4re_pager_create(l4_cap_idx_t slot, l4re_pager_fn fn, void *ctx) L4_NOTHROW;

EXTERN_C_END

#endif
