/* SPDX-License-Identifier: MIT */
/*
 * page_in.c - have the pages of a range present
 */
#include <l4/re/c/tract.h>

#include "compat/l4re/l4re.h"

/* Bits of L4_FPAGE_*. */
#define RIGHT_X 1u
#define RIGHT_W 2u
#define RIGHT_R 4u

/* The native map judges reading and writing alone. */
static int check_executable(l4_addr_t first, l4_addr_t last)
{
	struct tract_span span;

	while (tract_map_next_attachment(tract_map_own(), (void *)first, &span) == 0 &&
	       (l4_addr_t)span.start <= last) {
		if (!(span.flags & TRACT_ATTACH_EXECUTABLE))
			return -L4_EACCESS;
		first = (l4_addr_t)span.start + span.size;
	}
	return 0;
}

L4_API int l4re_rm_page_in_srv(l4_cap_idx_t rm, l4_addr_t start, unsigned long size,
			       unsigned rights)
{
	uint32_t native = rights & RIGHT_W ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_READ;
	l4_addr_t last = start + size - 1;
	int r;

	r = l4_rm_check_own(rm);
	if (r < 0)
		return r;
	if (rights & ~(RIGHT_X | RIGHT_W | RIGHT_R))
		return -L4_EINVAL;
	if (size == 0 || !(rights & RIGHT_R))
		return 0;
	if (last < start)
		return -L4_EINVAL;
	r = rights & RIGHT_X ? check_executable(l4_trunc_page(start), last) : 0;
	return r < 0 ? r
		     : l4_error_of(tract_map_populate(tract_map_own(), (void *)start, size,
						      native));
}
