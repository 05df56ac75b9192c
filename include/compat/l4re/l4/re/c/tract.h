/* SPDX-License-Identifier: MIT */
/*
 * tract.h - what tract adds to the region map
 *
 * First, functions that L4Re has in C++ only, under names of our own: detaching a range,
 * listing, having pages brought in, rescue jumps.  Then, region maps of other processes, and
 * two switches.  <l4/re/c/rm.h>, which
 * says what its functions have in common, includes this.
 */
#ifndef L4_RE_C_TRACT_H
#define L4_RE_C_TRACT_H

#include <l4/re/c/dataspace.h>
#include <l4/re/env.h>
#include <l4/sys/compiler.h>
#include <l4/sys/err.h>
#include <l4/tract/mode.h>

EXTERN_C_BEGIN

/* ---- detaching a range ---- */

/* How l4re_rm_detach_range_srv() works: EXACT or OVERLAP, and with it KEEP. */
enum {
	L4RE_RM_DETACH_EXACT = 1,   /* the range and nothing else */
	L4RE_RM_DETACH_OVERLAP = 2, /* all of every region that it touches */
#ifndef L4RE_MODERN
	L4RE_RM_DETACH_KEEP = 4 /* clear nothing, even of a region with NO_ALIAS */
#endif
};

/* What it did. */
enum {
	L4RE_RM_DETACHED_DS = 0,	/* a region is gone */
	L4RE_RM_KEPT_DS = 1,		/* a region is shorter, at one end */
	L4RE_RM_SPLIT_DS = 2,		/* a region's middle is gone, and two regions remain */
	L4RE_RM_DETACH_RESULT_MASK = 3, /* of these three */
	L4RE_RM_DETACH_AGAIN = 4	/* added: call again, the range is not empty yet */
};

/**
 * l4re_rm_detach_range() - remove what is in a range, one region at a time
 * @start: first byte; rounded down to a page
 * @size:  bytes; the end is rounded up to a page
 * @ds:    set to the index that was given to attach if a region is gone or was split, else to
 *         L4_INVALID_CAP; so on failure.  NULL: not wanted
 * @task:  as for l4re_rm_detach_srv()
 *
 * Each call deals with the lowest region that touches the range: it is cut exactly at the ends
 * of the range.  What remains of it shows what it did, is a region like any other, and keeps
 * the dataspace alive.  Areas are left alone.
 *
 * A program that counts its references drops one when a region is gone, and takes another when
 * one was split:
 *
 *   do
 *           r = l4re_rm_detach_range(start, size, &ds, L4_BASE_TASK_CAP);
 *   while (r > 0 && (r & L4RE_RM_DETACH_AGAIN));
 *
 * l4re_rm_detach_range_srv() takes a mode, too: EXACT is what is described here; OVERLAP
 * removes each region as a whole; KEEP, which modern mode lacks, leaves the dataspace's
 * content alone even if the region has NO_ALIAS.
 *
 * Return: one of L4RE_RM_DETACHED_DS, L4RE_RM_KEPT_DS and L4RE_RM_SPLIT_DS, the first two of
 * them with L4RE_RM_DETACH_AGAIN if a further region touches the range; or an error listed at
 * the top of <l4/re/c/rm.h>, or
 *   -L4_ENOENT  no region touches the range
 *   -L4_EINVAL  @size is 0; the range goes past the last address; not exactly one of EXACT and
 *               OVERLAP is given, or another bit is
 *   -L4_EBUSY   the memory is exported (tract_segment(3))
 *   -L4_ENOMEM  a region cannot be split: out of memory, or of mappings
 */
L4_CV int l4re_rm_detach_range_srv(l4_cap_idx_t rm, l4_addr_t start, unsigned long size,
				   unsigned mode, l4re_ds_t *ds, l4_cap_idx_t task) L4_NOTHROW
	L4_TRACT_LINK(rm_detach_range_srv);
L4_CV L4_INLINE int l4re_rm_detach_range(l4_addr_t start, unsigned long size, l4re_ds_t *ds,
					 l4_cap_idx_t task) L4_NOTHROW
{
	return l4re_rm_detach_range_srv(l4re_global_env->rm, start, size, L4RE_RM_DETACH_EXACT,
					ds, task);
}

/* ---- listing ---- */

/* A region or an area. */
typedef struct {
	l4_addr_t start;
	l4_addr_t end;	/* the last byte */
	unsigned flags; /* of the region or area, in the numbering of the mode */
} l4re_rm_range_t;

/**
 * l4re_rm_get_regions() - regions from an address on
 * @start: the lowest one that is wanted ends here or later
 * @out:   filled, in the order of addresses
 * @max:   how many @out has room for
 *
 * May return fewer than there are: go on with the last one's end + 1, unless that is 0.  What
 * others do between two calls may show or not.  Memory of the program itself is not listed.
 *
 * Return: how many were written, 0 if there are no more; or an error listed at the top of
 * <l4/re/c/rm.h>.
 */
L4_CV long l4re_rm_get_regions_srv(l4_cap_idx_t rm, l4_addr_t start, l4re_rm_range_t *out,
				   unsigned max) L4_NOTHROW L4_TRACT_LINK(rm_get_regions_srv);
L4_CV L4_INLINE long l4re_rm_get_regions(l4_addr_t start, l4re_rm_range_t *out,
					 unsigned max) L4_NOTHROW
{
	return l4re_rm_get_regions_srv(l4re_global_env->rm, start, out, max);
}

/* The same for areas.  Their flags are RESERVED or nothing (modern: or KERNEL). */
L4_CV long l4re_rm_get_areas_srv(l4_cap_idx_t rm, l4_addr_t start, l4re_rm_range_t *out,
				 unsigned max) L4_NOTHROW L4_TRACT_LINK(rm_get_areas_srv);
L4_CV L4_INLINE long l4re_rm_get_areas(l4_addr_t start, l4re_rm_range_t *out,
				       unsigned max) L4_NOTHROW
{
	return l4re_rm_get_areas_srv(l4re_global_env->rm, start, out, max);
}

/* ---- bringing pages in ---- */

/**
 * l4re_rm_page_in() - have the pages of a range present
 * @start:  first byte; rounded down to a page
 * @size:   bytes; the end is rounded up to a page
 * @rights: which access is to come: L4_FPAGE_RO, or one of L4_FPAGE_RW, _RX and _RWX, which are
 *          the numbers of L4RE_RM_F_R and so on in modern mode
 *
 * Without a right to read, or for no bytes, nothing happens.
 *
 * Return: 0, or an error listed at the top of <l4/re/c/rm.h>, or
 *   -L4_EINVAL   @rights has other bits; the range goes past the last address
 *   -L4_EACCESS  a region in the range does not give these rights
 *   -L4_ENOENT   a part of the range is in no region
 *   -L4_ENODEV   a region in the range is RESERVED (modern: or KERNEL)
 *   -L4_ERANGE   a dataspace ends before its region does
 *   -L4_ENOMEM   out of memory
 */
L4_CV int l4re_rm_page_in_srv(l4_cap_idx_t rm, l4_addr_t start, unsigned long size,
			      unsigned rights) L4_NOTHROW;
L4_CV L4_INLINE int l4re_rm_page_in(l4_addr_t start, unsigned long size,
				    unsigned rights) L4_NOTHROW
{
	return l4re_rm_page_in_srv(l4re_global_env->rm, start, size, rights);
}

/* ---- rescue jumps ---- */

/**
 * l4re_rm_add_rescue_jump() - go on elsewhere after a fault
 * @pc_begin:  first address of some code
 * @pc_end:    the address behind it
 * @rescue_pc: where to go on
 *
 * If an instruction of this code faults, the thread continues at @rescue_pc, with all other
 * registers as they were.  Faults of other code reach the handler that the program had for
 * SIGSEGV and SIGBUS when the first jump was added, or end the process as ever.
 *
 * Return: 0, or an error listed at the top of <l4/re/c/rm.h>, or
 *   -L4_EINVAL  @pc_begin is not below @pc_end
 *   -L4_EEXIST  some of this code has a jump already
 *   -L4_ENOMEM  out of memory
 */
L4_CV int l4re_rm_add_rescue_jump_srv(l4_cap_idx_t rm, l4_addr_t pc_begin, l4_addr_t pc_end,
				      l4_addr_t rescue_pc) L4_NOTHROW;
L4_CV L4_INLINE int l4re_rm_add_rescue_jump(l4_addr_t pc_begin, l4_addr_t pc_end,
					    l4_addr_t rescue_pc) L4_NOTHROW
{
	return l4re_rm_add_rescue_jump_srv(l4re_global_env->rm, pc_begin, pc_end, rescue_pc);
}

/**
 * l4re_rm_remove_rescue_jump() - undo that
 * @pc: any address of the code
 *
 * Return: 0, or an error listed at the top of <l4/re/c/rm.h>, or
 *   -L4_ENOENT  this code has no jump
 */
L4_CV int l4re_rm_remove_rescue_jump_srv(l4_cap_idx_t rm, l4_addr_t pc) L4_NOTHROW;
L4_CV L4_INLINE int l4re_rm_remove_rescue_jump(l4_addr_t pc) L4_NOTHROW
{
	return l4re_rm_remove_rescue_jump_srv(l4re_global_env->rm, pc);
}

/* ---- other processes ---- */

/**
 * l4re_tract_rm_offer() - hand this task's region map out
 *
 * From now on other processes of the same user can get it, attach dataspaces of theirs here,
 * detach what is attached, whoever did that, and set areas aside.  A thread that this starts
 * does it for them, by the rules of this interface.  What they attached is not listed with an
 * index: it has none here.
 *
 * Return: 0, or
 *   -L4_ENOMEM  out of memory, or of descriptors; or there can be no broker
 */
L4_CV int l4re_tract_rm_offer(void) L4_NOTHROW;

/* Takes it back: nobody can change it any more.  What was attached stays until it is detached.
 * Return: 0, or -L4_ENOENT if it was not handed out. */
L4_CV int l4re_tract_rm_withdraw(void) L4_NOTHROW;

/**
 * l4re_tract_rm_get() - the region map of another process
 * @pid: the process, by its number
 * @rm:  the slot to put it into; what it held, it no longer holds
 *
 * For functions with the suffix _srv: attach, detach, detach a range, reserve_area and
 * free_area work on it as on one's own.  All others, which would look into it, return
 * -L4_EPERM.  Attaching is more careful: a region that can be written to needs the dataspace to
 * be given with the right L4_CAP_FPAGE_W in its index, and a slot that has it (-L4_EPERM); an
 * empty slot is -L4_ENOENT, PAGER is -L4_EINVAL.
 *
 * Every call asks the other process, and returns, besides all else,
 *   -L4_EPERM  the process does not hand its map out any more, or has ended
 *   -(L4_EIPC_LO + L4_IPC_RETIMEOUT), which is -2003, if it does not answer: then nothing was
 *              attached; anything else it may do later
 *
 * Detaching what this task has attached there takes the memory away even from a process that
 * kept it: no later store is seen there.  When this task ends, what it attached becomes zeros.
 *
 * Return: 0, also for this process, whose own map it then is; or
 *   -L4_EINVAL  @rm is no slot; @pid is no process's number
 *   -L4_ENOENT  there is no such process that uses tract
 *   -L4_EPERM   it has not handed its map out, or not to this user
 *   -L4_ENOMEM  out of memory
 */
L4_CV int l4re_tract_rm_get(int pid, l4_cap_idx_t rm) L4_NOTHROW;

/**
 * l4re_tract_task_get() - another process, as a task
 * @pid:  as for l4re_tract_rm_get()
 * @task: the slot to put it into
 *
 * For l4_task_unmap(), and where detaching takes a task: pages are taken away there.
 *
 * Return: as l4re_tract_rm_get().
 */
L4_CV int l4re_tract_task_get(int pid, l4_cap_idx_t task) L4_NOTHROW;

/* ---- switches ---- */

/**
 * l4re_tract_executable() - may regions that classic programs attach be executed?
 * @on: 1: from now on, yes; 0: no; -1: only ask
 *
 * On L4Re they can, always.  Here they can not, unless a program that needs it says so:
 * memory that can be written and executed is what attackers look for.  For the whole process,
 * and for regions attached from now on: READ_ONLY ones become readable and executable, others
 * writable as well.  Where the system forbids that, the right to execute is left out.  At the
 * start it is off, unless the environment variable TRACT_L4RE_EXECUTABLE is 1.  Modern
 * programs, which give this right with L4RE_RM_F_X, do not depend on it.
 *
 * May be called from any thread.
 *
 * Return: what it was before: 1 or 0.
 */
L4_CV int l4re_tract_executable(int on) L4_NOTHROW;

/**
 * l4re_tract_strict_rights() - is it an error to attach for writing what cannot be written?
 * @on: 1: from now on, yes; 0: no; -1: only ask
 *
 * Classic programs attach files without READ_ONLY and then only read, so that is accepted, and
 * only writes fault.  If this is on, l4re_rm_attach() returns -L4_EPERM instead and attaches
 * nothing.  For the whole process.  At the start it is off, unless the environment variable
 * TRACT_L4RE_STRICT_RIGHTS is 1.  Modern programs always get the error.
 *
 * May be called from any thread.
 *
 * Return: what it was before: 1 or 0.
 */
L4_CV int l4re_tract_strict_rights(int on) L4_NOTHROW;

EXTERN_C_END

#endif
