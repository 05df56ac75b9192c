/* SPDX-License-Identifier: MIT */
/*
 * scope.h - what a function acquires is released on every way out
 *
 * scoped(kind) marks a local whose release is kind_scope_end(); steal() hands the value over to
 * someone else, after which nothing is released.
 */
#ifndef BASE_SCOPE_H
#define BASE_SCOPE_H

#include <stdlib.h>
#include <unistd.h>

#define scoped(kind) __attribute__((cleanup(kind##_scope_end)))

/* Defines scoped(kind) for pointers to type, released by fn, which accepts NULL. */
#define DEFINE_SCOPE(kind, type, fn)                  \
	static inline void kind##_scope_end(type **p) \
	{                                             \
		fn(*p);                               \
	}                                             \
	struct scope_needs_a_semicolon

#define steal(p)                           \
	__extension__({                    \
		__auto_type stolen_ = (p); \
		(p) = NULL;                \
		stolen_;                   \
	})

static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

static inline void fd_scope_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* scoped(mem) void *p: released by free(). */
static inline void mem_scope_end(void *p)
{
	free(*(void **)p);
}

#endif
