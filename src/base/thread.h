/* SPDX-License-Identifier: MIT */
/*
 * thread.h - mutexes that clang's -Wthread-safety can check
 *
 * One lock per object.  Lock and unlock stand on either side of one call.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#if defined(__clang__)
#define THREAD_ATTR(x) __attribute__((x))
#else
#define THREAD_ATTR(x)
#endif

#define CAPABILITY(name) THREAD_ATTR(capability(name))
#define ACQUIRE(...) THREAD_ATTR(acquire_capability(__VA_ARGS__))
#define RELEASE(...) THREAD_ATTR(release_capability(__VA_ARGS__))
#define REQUIRES(...) THREAD_ATTR(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) THREAD_ATTR(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY THREAD_ATTR(no_thread_safety_analysis)

struct CAPABILITY("mutex") mutex {
	pthread_mutex_t inner;
};

#define MUTEX_INIT                        \
	{                                 \
		PTHREAD_MUTEX_INITIALIZER \
	}

void mutex_init(struct mutex *m);
void mutex_deinit(struct mutex *m);
void mutex_lock(struct mutex *m) ACQUIRE(*m);
void mutex_unlock(struct mutex *m) RELEASE(*m);

/*
 * Starts a thread with every signal blocked and a small stack (256 KiB); detached if
 * @ret_thread is NULL, else to be joined.  Of @name fifteen bytes are used.  0 or -errno.
 */
int thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *arg);

#endif
