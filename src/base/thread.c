/* SPDX-License-Identifier: MIT */
/*
 * thread.c - mutexes and threads
 *
 * A mutex call can only fail by a mistake of ours, so it does not return.
 */
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#define STACK_SIZE ((size_t)256 * 1024)

void mutex_init(struct mutex *m)
{
	int r = pthread_mutex_init(&m->inner, NULL);

	assert(r == 0);
	(void)r;
}

void mutex_deinit(struct mutex *m)
{
	int r = pthread_mutex_destroy(&m->inner);

	assert(r == 0);
	(void)r;
}

/*
 * A thread is not cancelled while it holds a lock: it would never be released.  Initial-exec:
 * fork handlers run this too, and must not allocate.
 */
static _Thread_local __attribute__((tls_model("initial-exec"))) unsigned held;
static _Thread_local __attribute__((tls_model("initial-exec"))) int cancel_state;

void mutex_lock(struct mutex *m) NO_THREAD_SAFETY
{
	int r;

	if (held++ == 0)
		(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	r = pthread_mutex_lock(&m->inner);
	assert(r == 0);
	(void)r;
}

void mutex_unlock(struct mutex *m) NO_THREAD_SAFETY
{
	int r = pthread_mutex_unlock(&m->inner);

	assert(r == 0);
	(void)r;
	if (--held == 0)
		(void)pthread_setcancelstate(cancel_state, NULL);
}

static int create(pthread_t *ret_thread, size_t stack, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	int r;

	r = pthread_attr_init(&attr);
	if (r != 0)
		return -r;
	if (stack > 0)
		(void)pthread_attr_setstacksize(&attr, stack);
	r = pthread_create(ret_thread, &attr, run, arg);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

int thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	pthread_t thread;
	char short_name[16];
	int r;

	/* The new thread is born with this mask: there is no moment when a handler of the
	 * application's could run in it. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = create(&thread, STACK_SIZE, run, arg);
	/* Thread-local variables live on the stack, and a program may have many. */
	if (r == -EINVAL)
		r = create(&thread, 0, run, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return r;

	(void)snprintf(short_name, sizeof(short_name), "%s", name);
	(void)pthread_setname_np(thread, short_name);
	/* Only now: one that is detached may be gone, and its handle with it. */
	if (ret_thread)
		*ret_thread = thread;
	else
		(void)pthread_detach(thread);
	return 0;
}
