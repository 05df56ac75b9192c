/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <signal.h>
#include <time.h>

static volatile sig_atomic_t seen;

static void note(int signal_number)
{
	(void)signal_number;
	seen = 1;
}

void interrupt_catch(void)
{
	struct sigaction action = { .sa_handler = note,
				    .sa_flags = (int)(SA_RESTART | SA_RESETHAND) };

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

bool interrupt_seen(void)
{
	return seen;
}

void interrupt_pause(unsigned ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&time, NULL);
}
