/* SPDX-License-Identifier: MIT */
/* debug.h - asking an object to describe itself */
#ifndef L4_RE_C_DEBUG_H
#define L4_RE_C_DEBUG_H

#include <l4/sys/compiler.h>
#include <l4/sys/types.h>

EXTERN_C_BEGIN

/**
 * l4re_debug_obj_debug() - write about an object to the log
 * @srv:      the object
 * @function: of what; it is up to the object what it makes of the number
 *
 * A region map writes what l4re_rm_show_lists() does.  Others, and slots that hold nothing,
 * write nothing.  May be called from any thread.
 */
L4_CV void l4re_debug_obj_debug(l4_cap_idx_t srv, unsigned long function) L4_NOTHROW;

EXTERN_C_END

#endif
