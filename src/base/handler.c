/* SPDX-License-Identifier: MIT */
#include "base/handler.h"

void handler_pass_on(const struct sigaction *before, int number, siginfo_t *info, void *context)
{
	if (before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(number, info, context);
	} else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
		before->sa_handler(number);
	} else if (info->si_code > 0) {
		/* The same instruction again, and nobody who catches it. */
		(void)signal(number, SIG_DFL);
	} else if (before->sa_handler == SIG_DFL) {
		/* Somebody sent it, and no instruction will raise it again. */
		(void)signal(number, SIG_DFL);
		(void)raise(number);
	}
}
