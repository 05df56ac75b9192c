/* SPDX-License-Identifier: MIT */
/*
 * l4re_classic.c - the region map of L4Re in one program: allocate, attach, use, detach, free
 *
 * cc l4re_classic.c -ll4re && ./a.out
 *
 * Memory is an object of its own here, a dataspace.  It is named by a capability, an index of a
 * slot that the program asks for first, and it has no address until it is attached.
 */
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/sys/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (3 * L4_PAGESIZE)

/* Goes on if a call succeeded; else says why it did not, and ends the process. */
static void must(long r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, l4sys_errtostr(r));
	exit(EXIT_FAILURE);
}

/* Asks the map who is at an address. */
static void look(void *address)
{
	l4_addr_t start = (l4_addr_t)address, offset;
	unsigned long size = 1;
	unsigned flags;
	l4re_ds_t ds;

	if (l4re_rm_find(&start, &size, &offset, &flags, &ds) < 0)
		printf("nobody is there\n");
	else
		printf("a region of %lu bytes is there, from byte %lu of its dataspace on%s\n",
		       size, offset, flags & L4RE_RM_READ_ONLY ? ", read-only" : "");
}

int main(void)
{
	l4re_ds_t ds = l4re_util_cap_alloc(), was;
	void *everything = NULL, *second_page = NULL;

	if (l4_is_invalid_cap(ds)) {
		(void)fprintf(stderr, "there is no free slot\n");
		return EXIT_FAILURE;
	}
	/* Zeroed memory, which takes nothing until it is used. */
	must(l4re_ma_alloc(SIZE, ds, 0), "allocate");

	/* SEARCH_ADDR: at the lowest address that is free.  Here all of it, to write, and its
	 * second page once more, to read. */
	must(l4re_rm_attach(&everything, SIZE, L4RE_RM_SEARCH_ADDR, ds, 0, L4_PAGESHIFT),
	     "attach");
	must(l4re_rm_attach(&second_page, L4_PAGESIZE, L4RE_RM_SEARCH_ADDR | L4RE_RM_READ_ONLY,
			    ds, L4_PAGESIZE, L4_PAGESHIFT),
	     "attach again");

	/* Both show the same bytes. */
	(void)strcpy((char *)everything + L4_PAGESIZE, "hello");
	printf("the second page says %s\n", (char *)second_page);
	look(everything);
	look(second_page);

	/* Detaching takes the address away, not the memory. */
	must(l4re_rm_detach(everything), "detach");
	look(everything);
	printf("the second page still says %s\n", (char *)second_page);

	/* The last region gone and the slot emptied, the memory goes, too. */
	must(l4re_rm_detach_ds(second_page, &was), "detach");
	l4re_util_cap_free_um(was);
	return EXIT_SUCCESS;
}
