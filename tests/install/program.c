/* SPDX-License-Identifier: MIT */
/*
 * program [stay] - a program for L4Re, in C and C++, of the generation that it is compiled for
 *
 * Sees one page at two places, and ends with 0 if that is so.  With an argument it stays first,
 * until its standard input ends.
 */
#include <l4/re/c/debug.h>
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/pager.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/re/c/util/kumem_alloc.h>
#include <l4/sys/task.h>
#include <stdio.h>

#ifdef L4RE_MODERN
#define TO_WRITE (L4RE_RM_F_SEARCH_ADDR | L4RE_RM_F_RW)
#define TO_READ (L4RE_RM_F_SEARCH_ADDR | L4RE_RM_F_R)
#else
#define TO_WRITE L4RE_RM_SEARCH_ADDR
#define TO_READ (L4RE_RM_SEARCH_ADDR | L4RE_RM_READ_ONLY)
#endif

int main(int argc, char *argv[])
{
	l4re_ds_t ds = l4re_util_cap_alloc();
	void *here = 0, *there = 0;

	(void)argv;
	if (l4re_ma_alloc(L4_PAGESIZE, ds, 0) ||
	    l4re_rm_attach(&here, L4_PAGESIZE, TO_WRITE, ds, 0, L4_PAGESHIFT) ||
	    l4re_rm_attach(&there, L4_PAGESIZE, TO_READ, ds, 0, L4_PAGESHIFT))
		return 1;
	*(int *)here = 42;
	if (argc > 1) {
		puts("ready");
		(void)fflush(stdout);
		while (getchar() != EOF)
			;
	}
	return here == there || *(int *)there != 42;
}
