/* SPDX-License-Identifier: MIT */
/*
 * mapped_l4re - as mapped, with the interface of L4Re, and never a word to a broker
 */
#include <stdio.h>
#include <stdlib.h>

#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>

#define PAGES(n) ((unsigned long)(n) << L4_PAGESHIFT)

static void must(long r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "mapped_l4re: %s: %ld\n", what, r);
	exit(1);
}

static void tell(const char *name, l4_addr_t addr)
{
	printf("%s %lu\n", name, addr);
}

int main(void)
{
	l4re_ds_t ds = l4re_util_cap_alloc();
	l4_addr_t area = 0;
	void *inside, *outside = NULL;

	must(l4re_rm_reserve_area(&area, PAGES(16), L4RE_RM_SEARCH_ADDR, L4_PAGESHIFT),
	     "reserve");
	tell("area", area);
	must(l4re_ma_alloc(PAGES(4), ds, 0), "alloc");
	inside = (void *)(area + PAGES(2));
	must(l4re_rm_attach(&inside, PAGES(3), L4RE_RM_IN_AREA | L4RE_RM_READ_ONLY, ds,
			    PAGES(1), L4_PAGESHIFT),
	     "attach in the area");
	tell("inside", (l4_addr_t)inside);
	must(l4re_rm_attach(&outside, PAGES(4), L4RE_RM_SEARCH_ADDR, ds, 0, L4_PAGESHIFT),
	     "attach");
	tell("outside", (l4_addr_t)outside);
	puts("ready");
	(void)fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
