/* SPDX-License-Identifier: MIT */
/*
 * futex.h - sleep until a word in shared memory changes
 */
#ifndef SYS_FUTEX_H
#define SYS_FUTEX_H

#include <stdint.h>

/* 0 if woken, -EAGAIN if *word is not @expected, -ETIMEDOUT, -EINTR if a signal handler ran. */
int futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline);
void futex_wake(_Atomic uint32_t *word, int count);

#endif
