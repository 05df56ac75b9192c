/* SPDX-License-Identifier: MIT */
/*
 * process.h - which process is this, and what fork does to the library
 *
 * A child of fork has copies of every structure and none of the threads.  Whoever needs to act
 * at a fork registers a hook.  Before the fork hooks run by rank, which is the order in which
 * their locks are taken everywhere else; in the child and in the parent the other way round.
 */
#ifndef CLIENT_PROCESS_H
#define CLIENT_PROCESS_H

#include <stdint.h>

enum process_rank {
	PROCESS_SHARED = 1,
	PROCESS_IMPORTS,
	PROCESS_EXPORTS,
	PROCESS_PLACES,
	PROCESS_LENDING,
	PROCESS_CONTEXTS,
	PROCESS_SESSIONS,
};

struct process_hook {
	enum process_rank rank;
	void (*prepare)(void); /* in the parent, before; takes the locks a child needs free */
	void (*parent)(void);  /* in the parent, after */
	void (*child)(void);   /* in the child */
	_Atomic int added;
	struct process_hook *next, *before;
};

/*
 * Registers @hook (static storage) once; later calls do nothing.  The first is made without a
 * lock that any hook takes.
 */
void process_hook_add(struct process_hook *hook);

/* Grows by one with every fork between the first process and this one: cheap to compare. */
uint32_t process_serial(void);

#endif
