/* SPDX-License-Identifier: MIT */
/*
 * cap_alloc.h - capability slots
 *
 * A pool of at least 4096 slots.  Rights in the low bits of an index are ignored.  Every
 * function may be called from any thread; none is async-signal-safe.
 */
#ifndef L4_RE_C_UTIL_CAP_ALLOC_H
#define L4_RE_C_UTIL_CAP_ALLOC_H

#include <l4/sys/compiler.h>
#include <l4/sys/types.h>

EXTERN_C_BEGIN

/**
 * l4re_util_cap_alloc() - take an empty slot
 *
 * The free slot with the lowest number becomes the caller's, until l4re_util_cap_free() or
 * l4re_util_cap_free_um().
 *
 * Return: its index; L4_INVALID_CAP if every slot is taken.
 */
L4_CV l4_cap_idx_t l4re_util_cap_alloc(void) L4_NOTHROW;

/**
 * l4re_util_cap_free() - give a slot back, as it is
 * @cap: the slot
 *
 * For a slot that is empty.  What is still in it is dropped when the slot is handed out again,
 * or before.  A slot outside of the pool, or one that is free already, is left alone.
 */
L4_CV void l4re_util_cap_free(l4_cap_idx_t cap) L4_NOTHROW;

/**
 * l4re_util_cap_free_um() - empty a slot and give it back
 * @cap: the slot
 *
 * The object that was in it goes when no other slot and no region refers to it: regions keep
 * what they show.  A slot outside of the pool, or one that is free already, is left alone.
 */
L4_CV void l4re_util_cap_free_um(l4_cap_idx_t cap) L4_NOTHROW;

/**
 * l4re_util_cap_last() - how far do slots go?
 *
 * Return: the highest slot number, not an index, that l4re_util_cap_alloc() can come up with.
 */
L4_CV long l4re_util_cap_last(void) L4_NOTHROW;

EXTERN_C_END

#endif
