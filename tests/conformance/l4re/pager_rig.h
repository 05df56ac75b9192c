/* SPDX-License-Identifier: MIT */
/*
 * pager_rig.h - a pager that notes how it is called, and answers as a test likes
 *
 * What the library starts for its first pager (a thread, a descriptor) may stay, so tests of
 * pagers are PAGER_TESTs, which may leave it; one of them looks at what is left behind.
 */
#ifndef TESTS_CONFORMANCE_L4RE_PAGER_RIG_H
#define TESTS_CONFORMANCE_L4RE_PAGER_RIG_H

#include "rig.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PAGER_TEST(name) TEST_WITH(name, 30, true)
#define MOST 256

struct pager;
typedef int (*answer_fn)(struct pager *p, const l4re_pager_fault_t *f,
			 l4re_pager_reply_t *reply);

struct pager {
	struct pager *before; /* they stay, for late faults, and are not lost */
	l4_cap_idx_t slot;
	answer_fn answer;
	_Atomic l4re_ds_t ds;
	/* A call counts when its answer is ready, and what was seen is then in its place:
	 * whoever looks at that looks at the count first. */
	_Atomic unsigned begun, calls;
	l4re_pager_fault_t seen[MOST];
	_Atomic pid_t thread;
	/* Per page of the region: how many calls, and how many at this moment. */
	_Atomic unsigned calls_of[MOST], busy[MOST];
	_Atomic unsigned at_once; /* calls for a page while another was at work on it */
	sem_t entered, go;	  /* for answers that tell when they are asked, and wait */
};

/* Skips the test where the kernel lets nobody have a userfaultfd. */
void need_userfaultfd(void);
struct pager *pager_new(answer_fn answer);
/* Attaches it where there is room. */
l4_addr_t attach_pager(struct pager *p, unsigned long pages, l4_addr_t offs);
/* Detaches it from there, and gives it up. */
void pager_done(struct pager *p, l4_addr_t at);

/* Answers: the page of the offset as a marked dataspace has it, zeros, none, and the page of
 * the offset of p->ds, writable only if the access writes. */
int with_marks(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply);
int with_zeros(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply);
int with_refusal(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply);
int with_dataspace(struct pager *p, const l4re_pager_fault_t *f, l4re_pager_reply_t *reply);

#endif
