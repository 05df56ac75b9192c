/* SPDX-License-Identifier: MIT */
/*
 * l4re_window.c - several dataspaces side by side, as one piece of memory
 *
 * cc l4re_window.c -ll4re && ./a.out
 *
 * To have dataspaces one behind the other, the program needs addresses that nobody else takes
 * in the meantime.  It sets an area aside, attaches each dataspace inside, and ends the area:
 * the regions stay.
 */
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/sys/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 3

static const unsigned long sizes[PARTS] = { 2 * L4_PAGESIZE, L4_PAGESIZE, 5 * L4_PAGESIZE };

/* Goes on if a call succeeded; else says why it did not, and ends the process. */
static void must(long r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, l4sys_errtostr(r));
	exit(EXIT_FAILURE);
}

/* Attaches all parts in a row and returns where the row begins. */
static char *window_new(const l4re_ds_t *parts)
{
	unsigned long all = 0;
	l4_addr_t base = 0, next;
	void *start;

	for (int n = 0; n < PARTS; n++)
		all += sizes[n];
	/* From the lowest address on, and at a multiple of a superpage. */
	must(l4re_rm_reserve_area(&base, all, L4RE_RM_SEARCH_ADDR, L4_SUPERPAGESHIFT),
	     "reserve");
	next = base;
	for (int n = 0; n < PARTS; n++) {
		/* Without SEARCH_ADDR it goes exactly where it is asked to. */
		start = (void *)next;
		must(l4re_rm_attach(&start, sizes[n], L4RE_RM_IN_AREA, parts[n], 0, 0),
		     "attach");
		next += sizes[n];
	}
	must(l4re_rm_free_area(base), "free the area");
	return (char *)base;
}

int main(void)
{
	static const char text[] =
		"a sentence that begins in one dataspace and ends in another";
	l4re_ds_t parts[PARTS], was;
	char *window, *middle, *end;

	for (int n = 0; n < PARTS; n++) {
		parts[n] = l4re_util_cap_alloc();
		must(l4re_ma_alloc((long)sizes[n], parts[n], 0), "allocate");
	}
	window = window_new(parts);

	middle = window + sizes[0] - sizeof(text) / 2;
	(void)strcpy(middle, text);
	printf("%s\n", middle);
	l4re_rm_show_lists();

	end = window + sizes[0] + sizes[1] + sizes[2];
	/* Each region is detached by any of its bytes; here by the last one. */
	for (int n = PARTS - 1; n >= 0; n--) {
		must(l4re_rm_detach_ds(end - 1, &was), "detach");
		l4re_util_cap_free_um(was);
		end -= sizes[n];
	}
	return EXIT_SUCCESS;
}
