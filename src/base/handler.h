/* SPDX-License-Identifier: MIT */
/*
 * handler.h - signal handlers that stand before others
 */
#ifndef BASE_HANDLER_H
#define BASE_HANDLER_H

#include <signal.h>

/*
 * For a handler of faults, of a signal that is none of its business: does what would have been
 * done without it.  @before: what the signal had when the handler was put there.  Whoever was
 * to end of it ends, whether an instruction raised it or somebody sent it.
 */
void handler_pass_on(const struct sigaction *before, int number, siginfo_t *info,
		     void *context);

#endif
