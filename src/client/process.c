/* SPDX-License-Identifier: MIT */
#include "client/process.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/thread.h"

static struct mutex hooks_lock = MUTEX_INIT;
static struct process_hook *first, *last;
static _Atomic uint32_t serial = 1;

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&hooks_lock);
	for (struct process_hook *h = first; h; h = h->next)
		if (h->prepare)
			h->prepare();
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	for (struct process_hook *h = last; h; h = h->before)
		if (h->parent)
			h->parent();
	mutex_unlock(&hooks_lock);
}

static void after_in_child(void) NO_THREAD_SAFETY
{
	atomic_fetch_add_explicit(&serial, 1u, memory_order_relaxed);
	for (struct process_hook *h = last; h; h = h->before)
		if (h->child)
			h->child();
	mutex_unlock(&hooks_lock);
}

/* Not at the first hook: a fork that is under way then would run none, and its child might have
 * the lock as the thread that adds it held it. */
static void __attribute__((constructor)) watch_forks(void)
{
	(void)pthread_atfork(before_fork, after_in_parent, after_in_child);
}

static void insert(struct process_hook *hook, struct process_hook *next)
{
	struct process_hook *before = next ? next->before : last;

	hook->next = next;
	hook->before = before;
	if (before)
		before->next = hook;
	else
		first = hook;
	if (next)
		next->before = hook;
	else
		last = hook;
}

static void add_locked(struct process_hook *hook) REQUIRES(hooks_lock)
{
	struct process_hook *next = first;

	if (atomic_load_explicit(&hook->added, memory_order_relaxed))
		return;
	while (next && next->rank < hook->rank)
		next = next->next;
	insert(hook, next);
	atomic_store_explicit(&hook->added, 1, memory_order_release);
}

void process_hook_add(struct process_hook *hook)
{
	if (atomic_load_explicit(&hook->added, memory_order_acquire))
		return;
	mutex_lock(&hooks_lock);
	add_locked(hook);
	mutex_unlock(&hooks_lock);
}

uint32_t process_serial(void)
{
	return atomic_load_explicit(&serial, memory_order_relaxed);
}
