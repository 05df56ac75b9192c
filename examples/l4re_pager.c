/* SPDX-License-Identifier: MIT */
/*
 * l4re_pager.c - memory that is decompressed where it is touched
 *
 * cc l4re_pager.c -ll4re && ./a.out
 *
 * A picture of a megabyte is kept as runs: so many bytes of this value, so many of that.  It is
 * also attached as plain memory.  No page of that is there at first; when one is touched, the
 * pager is asked for it, and unpacks the runs of this one page.
 */
#include <l4/re/c/pager.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/sys/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1024
#define HEIGHT 1024
#define PAGES (WIDTH * HEIGHT / L4_PAGESIZE)

/* A page, packed. */
struct packed {
	unsigned count; /* of runs */
	struct run {
		unsigned short length;
		unsigned char value;
	} * runs;
};

static struct packed picture[PAGES];
static unsigned unpacked; /* pages, so far */

/* Goes on if a call succeeded; else says why it did not, and ends the process. */
static void must(long r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, l4sys_errtostr(r));
	exit(EXIT_FAILURE);
}

/* A disc on a dark ground. */
static unsigned char pixel(long x, long y)
{
	long dx = x - WIDTH / 2, dy = y - HEIGHT / 2;

	return dx * dx + dy * dy < 400 * 400 ? '#' : '.';
}

static void pack_page(struct packed *page, unsigned long first)
{
	unsigned long at = first;

	page->runs = malloc(L4_PAGESIZE * sizeof(*page->runs));
	if (!page->runs)
		exit(EXIT_FAILURE);
	while (at < first + L4_PAGESIZE) {
		struct run *run = &page->runs[page->count++];

		run->value = pixel((long)(at % WIDTH), (long)(at / WIDTH));
		run->length = 0;
		while (at < first + L4_PAGESIZE &&
		       pixel((long)(at % WIDTH), (long)(at / WIDTH)) == run->value) {
			run->length++;
			at++;
		}
	}
}

/* The pager: called in a thread of the library, while who touched the page waits. */
static int unpack_page(void *ctx, l4re_pager_fault_t const *fault, l4re_pager_reply_t *reply)
{
	static _Thread_local unsigned char page[L4_PAGESIZE];
	struct packed *packed = (struct packed *)ctx + fault->offset / L4_PAGESIZE;
	unsigned char *to = page;

	for (unsigned n = 0; n < packed->count; n++) {
		(void)memset(to, packed->runs[n].value, packed->runs[n].length);
		to += packed->runs[n].length;
	}
	__atomic_add_fetch(&unpacked, 1, __ATOMIC_RELAXED);
	reply->kind = L4RE_PAGER_CONTENT;
	reply->content = page;
	return 0;
}

int main(void)
{
	l4_cap_idx_t pager = l4re_util_cap_alloc();
	unsigned long runs = 0;
	void *start = NULL;
	char *memory;

	for (unsigned long n = 0; n < PAGES; n++) {
		pack_page(&picture[n], n * L4_PAGESIZE);
		runs += picture[n].count;
	}
	printf("%d pixels in %lu runs\n", WIDTH * HEIGHT, runs);

	must(l4re_pager_create(pager, unpack_page, picture), "make a pager");
	must(l4re_rm_attach(&start, WIDTH * HEIGHT, L4RE_RM_PAGER | L4RE_RM_SEARCH_ADDR, pager,
			    0, L4_PAGESHIFT),
	     "attach");
	memory = start;
	printf("%u of %lu pages unpacked\n", unpacked, PAGES);

	/* The column in the middle, every sixteenth pixel of it. */
	for (int y = 0; y < HEIGHT; y += 16)
		(void)putchar(memory[y * WIDTH + WIDTH / 2]);
	printf("\n%u of %lu pages unpacked\n", __atomic_load_n(&unpacked, __ATOMIC_RELAXED),
	       PAGES);

	must(l4re_rm_detach(start), "detach");
	l4re_util_cap_free_um(pager);
	for (unsigned long n = 0; n < PAGES; n++)
		free(picture[n].runs);
	return EXIT_SUCCESS;
}
