/* SPDX-License-Identifier: MIT */
/*
 * process.h - which process is this, and what fork does to the library
 *
 * A child of fork has copies of every structure and none of the threads.  Whoever needs to act
 * at a fork registers a hook; hooks run in order of registration before the fork, in the child
 * and in the parent in the opposite order.
 */
#ifndef CLIENT_PROCESS_H
#define CLIENT_PROCESS_H

#include <stdint.h>

struct process_hook {
	void (*prepare)(
		void); /* in the parent, before; takes the locks that a child needs free */
	void (*parent)(void); /* in the parent, after */
	void (*child)(void);  /* in the child */
	struct process_hook *next, *before;
};

/* Registers @hook (static storage) once; later calls do nothing. */
void process_hook_add(struct process_hook *hook);

/* Grows by one with every fork between the first process and this one: cheap to compare. */
uint32_t process_serial(void);

#endif
