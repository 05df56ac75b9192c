/* SPDX-License-Identifier: MIT */
#include "map/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/handler.h"
#include "base/thread.h"
#include "sys/futex.h"
#include "sys/vm.h"

struct guarded {
	_Atomic uintptr_t start; /* 0: free */
	_Atomic uintptr_t end;
};

static struct mutex lock = MUTEX_INIT;
static struct guarded ranges[GUARD_RANGES];
/* Raised at every release: what sleepers sleep on, and how a late fault is recognised. */
static _Atomic uint32_t releases;
static struct sigaction before;

/* The last fault that was let go without a range: the same one again is nobody's of ours. */
static _Thread_local __attribute__((tls_model("initial-exec"))) uintptr_t last_address;
static _Thread_local __attribute__((tls_model("initial-exec"))) uint32_t last_releases;

static bool is_guarded(uintptr_t address)
{
	for (unsigned i = 0; i < GUARD_RANGES; i++) {
		uintptr_t start = atomic_load_explicit(&ranges[i].start, memory_order_acquire);

		if (start && address >= start &&
		    address < atomic_load_explicit(&ranges[i].end, memory_order_relaxed))
			return true;
	}
	return false;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	uint32_t now = atomic_load_explicit(&releases, memory_order_acquire);

	/* Somebody sent it: there is no address. */
	if (info->si_code <= 0) {
		handler_pass_on(&before, number, info, context);
		return;
	}
	if (is_guarded(address)) {
		while (is_guarded(address)) {
			(void)futex_wait(&releases, now, clock_deadline_ms(1000));
			now = atomic_load_explicit(&releases, memory_order_acquire);
		}
		return;
	}
	/* The range may have been released between the fault and this handler. */
	if (info->si_code == SEGV_ACCERR && now != 0 &&
	    (address != last_address || now != last_releases)) {
		last_address = address;
		last_releases = now;
		return;
	}
	handler_pass_on(&before, number, info, context);
}

static int install_locked(void) REQUIRES(lock)
{
	struct sigaction current;
	struct sigaction ours = { .sa_sigaction = on_fault,
				  .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	if (sigaction(SIGSEGV, NULL, &current) < 0)
		return -EINVAL;
	if ((current.sa_flags & SA_SIGINFO) && current.sa_sigaction == on_fault)
		return 0;
	before = current;
	return sigaction(SIGSEGV, &ours, NULL) < 0 ? -EINVAL : 0;
}

static int hold_locked(void *addr, size_t size, bool reads_wait) REQUIRES(lock)
{
	int r;

	r = install_locked();
	if (r < 0)
		return r;
	for (unsigned i = 0; i < GUARD_RANGES; i++) {
		if (atomic_load_explicit(&ranges[i].start, memory_order_relaxed))
			continue;
		atomic_store_explicit(&ranges[i].end, (uintptr_t)addr + size,
				      memory_order_relaxed);
		/* Before the protection: a fault must find its range. */
		atomic_store_explicit(&ranges[i].start, (uintptr_t)addr, memory_order_release);
		r = vm_protect(addr, size, reads_wait ? 0 : VM_READ);
		if (r < 0)
			atomic_store_explicit(&ranges[i].start, 0, memory_order_release);
		return r;
	}
	return -ENOMEM;
}

int guard_hold(void *addr, size_t size, bool reads_wait)
{
	int r;

	mutex_lock(&lock);
	r = hold_locked(addr, size, reads_wait);
	mutex_unlock(&lock);
	return r;
}

void guard_release(void *addr, size_t size)
{
	(void)size;
	mutex_lock(&lock);
	for (unsigned i = 0; i < GUARD_RANGES; i++)
		if (atomic_load_explicit(&ranges[i].start, memory_order_relaxed) ==
		    (uintptr_t)addr)
			atomic_store_explicit(&ranges[i].start, 0, memory_order_release);
	mutex_unlock(&lock);
	atomic_fetch_add_explicit(&releases, 1u, memory_order_release);
	futex_wake(&releases, INT32_MAX);
}
