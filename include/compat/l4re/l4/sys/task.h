/* SPDX-License-Identifier: MIT */
/*
 * task.h - what a task can do with its slots and its pages
 *
 * A process is one task, and every function takes it as L4_BASE_TASK_CAP.  Of another task, of
 * l4re_tract_task_get(), l4_task_unmap() takes pages; anything else is -L4_EPERM.
 *
 * l4_error() makes a number of what they return: a label of 0 or more, or
 *   -2004          the task is an invalid index or an empty slot.  This number is
 *                  -(L4_EIPC_LO + L4_IPC_ENOT_EXISTENT)
 *   -L4_EBADPROTO  it is not a task
 *
 * Rights in the low bits of an index are ignored.  Every function may be called from any
 * thread; none is async-signal-safe.
 */
#ifndef L4_SYS_TASK_H
#define L4_SYS_TASK_H

#include <l4/sys/compiler.h>
#include <l4/sys/consts.h>
#include <l4/sys/ipc.h>
#include <l4/sys/types.h>

EXTERN_C_BEGIN

/**
 * l4_task_map() - copy a capability into another slot
 * @dst_task:  this task
 * @src_task:  this task
 * @snd_fpage: the slot to copy, and the rights that the copy has: l4_obj_fpage()
 * @snd_base:  the slot to copy into: l4_map_obj_control()
 *
 * The way to make an alias that gives less than the original:
 * l4_obj_fpage(ds, 0, L4_CAP_FPAGE_RO) makes one that can be read only.  A copy never has a
 * right that its original lacks.  What the other slot held, it no longer holds.  An empty
 * source maps nothing.  Flex pages of memory map nothing.
 *
 * Return: a tag with the label 0, or with an error listed at the top of this header.
 */
L4_CV l4_msgtag_t l4_task_map(l4_cap_idx_t dst_task, l4_cap_idx_t src_task,
			      l4_fpage_t snd_fpage, l4_umword_t snd_base) L4_NOTHROW;

/**
 * l4_task_unmap() - take capabilities or pages away
 * @task:     this task; for pages, maybe another
 * @fpage:    what: l4_obj_fpage() or l4_fpage()
 * @map_mask: L4_FP_ALL_SPACES, or L4_FP_DELETE_OBJ to delete objects as well; with
 *            L4_FP_OTHER_SPACES nothing is done, for nobody else has anything of this task's
 *
 * Slots become empty.  An object goes when no slot and no region refers to it any more.  With
 * L4_FP_DELETE_OBJ and a capability that has the right L4_CAP_FPAGE_D it goes at once: every
 * slot that holds it becomes empty, and its pages vanish from wherever they are visible.
 * Regions of it stay in the map until they are detached, and every access to them faults.
 * Without that right the flag does nothing.
 *
 * Pages lose the rights that the flex page names, and are gone if that is all of them.  Where a
 * region is, nobody notices: the next access brings the page back with its content.  Pages that
 * l4re_ds_map() put into an area are gone for good.
 *
 * Nothing there is no error.
 *
 * Return: a tag with the label 0, or with an error listed at the top of this header.
 */
L4_CV l4_msgtag_t l4_task_unmap(l4_cap_idx_t task, l4_fpage_t fpage,
				l4_umword_t map_mask) L4_NOTHROW;

/**
 * l4_task_delete_obj() - delete an object
 * @task: this task
 * @obj:  a slot that holds it
 *
 * l4_task_unmap() of this slot with L4_FP_DELETE_OBJ.
 *
 * Return: a tag with the label 0, or with an error listed at the top of this header.
 */
L4_CV l4_msgtag_t l4_task_delete_obj(l4_cap_idx_t task, l4_cap_idx_t obj) L4_NOTHROW;

/**
 * l4_task_release_cap() - empty a slot
 * @task: this task
 * @cap:  the slot
 *
 * The slot stays the caller's, and can be filled again.
 *
 * Return: a tag with the label 0, or with an error listed at the top of this header.
 */
L4_CV l4_msgtag_t l4_task_release_cap(l4_cap_idx_t task, l4_cap_idx_t cap) L4_NOTHROW;

/**
 * l4_task_cap_valid() - is something in a slot?
 * @task: this task
 * @cap:  the slot
 *
 * Return: a tag whose label is greater than 0 if the slot is filled, and 0 if it is not; or
 * with an error listed at the top of this header.
 */
L4_CV l4_msgtag_t l4_task_cap_valid(l4_cap_idx_t task, l4_cap_idx_t cap) L4_NOTHROW;

/**
 * l4_task_cap_equal() - do two slots hold the same?
 * @task:  this task
 * @cap_a: one slot
 * @cap_b: the other
 *
 * Return: a tag whose label is 1 if both hold the same object with the same rights, else 0; or
 * with an error listed at the top of this header.
 */
L4_CV l4_msgtag_t l4_task_cap_equal(l4_cap_idx_t task, l4_cap_idx_t cap_a,
				    l4_cap_idx_t cap_b) L4_NOTHROW;

EXTERN_C_END

#endif
