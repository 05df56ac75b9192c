/* SPDX-License-Identifier: MIT */
/*
 * l4re_guard_page.c - a stack that cannot overflow unnoticed
 *
 * cc l4re_guard_page.c -ll4re -lpthread && ./a.out
 *
 * A thread's stack is attached like any memory.  Then its lowest page is made a guard: one call
 * cuts it out of the region and sets its address aside, so that nothing else comes there.  What
 * runs over the end of the stack faults, instead of writing into somebody else's memory.
 */
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/sys/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE (64 * L4_PAGESIZE)

/* Goes on if a call succeeded; else says why it did not, and ends the process. */
static void must(long r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, l4sys_errtostr(r));
	exit(EXIT_FAILURE);
}

/* The lowest byte of what can be used of a fresh stack; below it is the guard. */
static l4_addr_t stack_new(l4re_ds_t ds)
{
	void *stack = NULL;
	l4_addr_t guard;

	must(l4re_ma_alloc(STACK_SIZE, ds, 0), "allocate");
	must(l4re_rm_attach(&stack, STACK_SIZE, L4RE_RM_SEARCH_ADDR, ds, 0, L4_PAGESHIFT),
	     "attach");
	guard = (l4_addr_t)stack;
	/* RESERVED: no region may go there.  OVERMAP: and the one that is there has to go. */
	must(l4re_rm_reserve_area(&guard, L4_PAGESIZE, L4RE_RM_OVERMAP | L4RE_RM_RESERVED, 0),
	     "guard");
	return guard + L4_PAGESIZE;
}

/* Needs about a page of stack for each level; returns how many there were. */
static long recurse(long levels, volatile char const *above)
{
	volatile char used[L4_PAGESIZE - 128];
	long below;

	/* Looked at from below, so that no compiler makes a loop of it. */
	used[0] = above[0];
	below = levels > 1 ? recurse(levels - 1, used) : 0;
	return below + used[0];
}

static void *thread(void *levels)
{
	printf("%ld levels fit\n", recurse(*(long *)levels, "\1"));
	return NULL;
}

/* Runs a thread on the stack, with so many pages used. */
static int run(l4_addr_t stack, long levels)
{
	pthread_attr_t attributes;
	pthread_t id;

	if (pthread_attr_init(&attributes) != 0 ||
	    pthread_attr_setstack(&attributes, (void *)stack, STACK_SIZE - L4_PAGESIZE) != 0 ||
	    pthread_create(&id, &attributes, thread, &levels) != 0)
		return EXIT_FAILURE;
	(void)pthread_join(id, NULL);
	(void)pthread_attr_destroy(&attributes);
	return EXIT_SUCCESS;
}

int main(void)
{
	l4re_ds_t ds = l4re_util_cap_alloc();
	l4_addr_t stack = stack_new(ds);
	int status = 0;
	pid_t child;

	if (run(stack, 20) != EXIT_SUCCESS)
		return EXIT_FAILURE;

	/* A child, as this will end it. */
	(void)fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(run(stack, 1000));
	(void)waitpid(child, &status, 0);
	if (!WIFSIGNALED(status)) {
		(void)fprintf(stderr, "1000 levels should not fit\n");
		return EXIT_FAILURE;
	}
	printf("1000 levels do not: %s\n", strsignal(WTERMSIG(status)));

	must(l4re_rm_detach((void *)stack), "detach");
	must(l4re_rm_free_area(stack - L4_PAGESIZE), "free the guard");
	l4re_util_cap_free_um(ds);
	return EXIT_SUCCESS;
}
