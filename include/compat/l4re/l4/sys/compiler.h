/* SPDX-License-Identifier: MIT */
/*
 * compiler.h - what L4Re's headers and programs say to the compiler
 *
 * For GCC and Clang.
 */
#ifndef L4_SYS_COMPILER_H
#define L4_SYS_COMPILER_H

#include <l4/sys/linkage.h>

#define L4_INLINE static __inline__
#define L4_NORETURN __attribute__((noreturn))
#define L4_PURE __attribute__((pure))
#define L4_EXPORT __attribute__((visibility("default")))
#define L4_HIDDEN __attribute__((visibility("hidden")))
#define L4_DEPRECATED(s) __attribute__((deprecated(s)))
/* Emitted even where nothing refers to it. */
#define L4_STICKY(x) __attribute__((used)) x

#define L4_LIKELY(x) __builtin_expect(!!(x), 1)
#define L4_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define L4_TRACT_STRINGIFY(x) #x
#define L4_stringify(x) L4_TRACT_STRINGIFY(x)

/* Stands behind a declarator.  Empty in C, where a definition could not have it there. */
#if !defined(__cplusplus)
#define L4_NOTHROW
#elif __cplusplus >= 201103L
#define L4_NOTHROW noexcept
#else
#define L4_NOTHROW throw()
#endif

#ifdef __cplusplus
#define EXTERN_C extern "C"
#define EXTERN_C_BEGIN extern "C" {
#define EXTERN_C_END }
#else
#define EXTERN_C extern
#define EXTERN_C_BEGIN
#define EXTERN_C_END
#endif

/* In the C library's words, which may come before these or after. */
#ifndef __BEGIN_DECLS
#ifdef __cplusplus
#define __BEGIN_DECLS extern "C" {
#define __END_DECLS }
#else
#define __BEGIN_DECLS
#define __END_DECLS
#endif
#endif

#define L4_BEGIN_DECLS __BEGIN_DECLS
#define L4_END_DECLS __END_DECLS

EXTERN_C_BEGIN

/* The compiler moves no access to memory across this. */
L4_INLINE void l4_barrier(void) L4_NOTHROW
{
	__asm__ __volatile__("" : : : "memory");
}

/* No access to memory moves across this, neither by the compiler nor by the processor. */
L4_INLINE void l4_mb(void) L4_NOTHROW
{
	__sync_synchronize();
}

/* Stores before this are seen before stores after it. */
L4_INLINE void l4_wmb(void) L4_NOTHROW
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

EXTERN_C_END

#endif
