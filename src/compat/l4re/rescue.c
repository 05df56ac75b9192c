/* SPDX-License-Identifier: MIT */
/*
 * rescue.c - go on elsewhere when some code faults
 *
 * A handler for SIGSEGV and SIGBUS looks the faulting instruction up and edits where the thread
 * goes on.  It reads the table without a lock, and must not put one entry's code and the next
 * one's target together: each change of an entry makes its version another, which is odd while
 * it changes.
 */
#include <l4/re/c/tract.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <ucontext.h>

#include "base/handler.h"
#include "base/thread.h"
#include "compat/l4re/l4re.h"

#define JUMPS 1024

struct jump {
	_Atomic unsigned version;
	_Atomic l4_addr_t begin, target;
	_Atomic l4_addr_t end; /* behind the code; 0: no entry */
};

static struct mutex lock = MUTEX_INIT;
static struct jump jumps[JUMPS];
static bool installed;
static struct sigaction before_segv, before_bus;

/* ---- the handler ------------------------------------------------------------------------ */

#if defined(__x86_64__)
#define PC(context) (((ucontext_t *)(context))->uc_mcontext.gregs[REG_RIP])
#elif defined(__aarch64__)
#define PC(context) (((ucontext_t *)(context))->uc_mcontext.pc)
#endif

#ifdef PC

/*
 * The target of an entry that covers @pc, or 0; false if it was changed meanwhile.  What is
 * just being changed covers nothing: nobody was promised yet, or is promised any more, that it
 * does, and a signal may have come between the halves of a change of this very thread's.
 */
static bool look(const struct jump *jump, l4_addr_t pc, l4_addr_t *ret_target)
{
	/* Pairs with the release in change(). */
	unsigned version = atomic_load_explicit(&jump->version, memory_order_acquire);
	l4_addr_t end = atomic_load_explicit(&jump->end, memory_order_relaxed);
	l4_addr_t begin = atomic_load_explicit(&jump->begin, memory_order_relaxed);
	l4_addr_t target = atomic_load_explicit(&jump->target, memory_order_relaxed);

	/* What was read comes before the second look.  Pairs with the fence in change(). */
	atomic_thread_fence(memory_order_acquire);
	*ret_target = pc >= begin && pc < end && !(version & 1u) ? target : 0;
	return (version & 1u) ||
	       atomic_load_explicit(&jump->version, memory_order_relaxed) == version;
}

static l4_addr_t target_of(l4_addr_t pc)
{
	l4_addr_t target;

	for (unsigned i = 0; i < JUMPS; i++) {
		/* Again, for a change that was made as a whole. */
		while (!look(&jumps[i], pc, &target))
			continue;
		if (target)
			return target;
	}
	return 0;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	l4_addr_t target = target_of((l4_addr_t)PC(context));

	if (target && info->si_code > 0)
		PC(context) = (__typeof__(PC(context)))target;
	else
		handler_pass_on(number == SIGSEGV ? &before_segv : &before_bus, number, info,
				context);
}

/* A child would have the lock as another thread of its parent's held it. */
static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&lock);
}

static void after_fork(void) NO_THREAD_SAFETY
{
	mutex_unlock(&lock);
}

/* Not at the first jump: a fork that is under way then would run half of them. */
static void __attribute__((constructor)) watch_forks(void)
{
	(void)pthread_atfork(before_fork, after_fork, after_fork);
}

static int install_locked(void) REQUIRES(lock)
{
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	if (installed)
		return 0;
	(void)sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, &action, &before_segv) < 0 ||
	    sigaction(SIGBUS, &action, &before_bus) < 0)
		return -L4_ENOMEM;
	installed = true;
	return 0;
}

#else

static int install_locked(void)
{
	return -L4_ENOSYS;
}

#endif

/* ---- the table -------------------------------------------------------------------------- */

static struct jump *find_locked(l4_addr_t begin, l4_addr_t end) REQUIRES(lock)
{
	for (unsigned i = 0; i < JUMPS; i++) {
		l4_addr_t other = atomic_load_explicit(&jumps[i].end, memory_order_relaxed);

		if (other && begin < other &&
		    end > atomic_load_explicit(&jumps[i].begin, memory_order_relaxed))
			return &jumps[i];
	}
	return NULL;
}

/* An end of 0 takes the entry out. */
static void change(struct jump *jump, l4_addr_t begin, l4_addr_t end, l4_addr_t target)
	REQUIRES(lock)
{
	unsigned version = atomic_load_explicit(&jump->version, memory_order_relaxed);

	atomic_store_explicit(&jump->version, version + 1, memory_order_relaxed);
	/* Pairs with the fence in look(): who sees what follows sees the odd version, too. */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&jump->begin, begin, memory_order_relaxed);
	atomic_store_explicit(&jump->end, end, memory_order_relaxed);
	atomic_store_explicit(&jump->target, target, memory_order_relaxed);
	/* Pairs with the acquire in look(). */
	atomic_store_explicit(&jump->version, version + 2, memory_order_release);
}

static int add_locked(l4_addr_t begin, l4_addr_t end, l4_addr_t target) REQUIRES(lock)
{
	int r;

	if (find_locked(begin, end))
		return -L4_EEXIST;
	r = install_locked();
	for (unsigned i = 0; r == 0 && i < JUMPS; i++) {
		if (atomic_load_explicit(&jumps[i].end, memory_order_relaxed))
			continue;
		change(&jumps[i], begin, end, target);
		return 0;
	}
	return r < 0 ? r : -L4_ENOMEM;
}

L4_API int l4re_rm_add_rescue_jump_srv(l4_cap_idx_t rm, l4_addr_t pc_begin, l4_addr_t pc_end,
				       l4_addr_t rescue_pc)
{
	int r;

	r = l4_rm_check_own(rm);
	if (r < 0)
		return r;
	if (pc_begin >= pc_end)
		return -L4_EINVAL;
	mutex_lock(&lock);
	r = add_locked(pc_begin, pc_end, rescue_pc);
	mutex_unlock(&lock);
	return r;
}

static int remove_locked(l4_addr_t pc) REQUIRES(lock)
{
	struct jump *jump = find_locked(pc, pc + 1);

	if (!jump)
		return -L4_ENOENT;
	change(jump, 0, 0, 0);
	return 0;
}

L4_API int l4re_rm_remove_rescue_jump_srv(l4_cap_idx_t rm, l4_addr_t pc)
{
	int r;

	r = l4_rm_check_own(rm);
	if (r < 0)
		return r;
	mutex_lock(&lock);
	r = remove_locked(pc);
	mutex_unlock(&lock);
	return r;
}
