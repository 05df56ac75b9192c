/* SPDX-License-Identifier: MIT */
/* launch_fork.c - the pair is a parent and its child */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "launch.h"

static pid_t child;

enum pair_role launch_start(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	child = fork();
	if (child < 0)
		die("cannot fork");
	return child == 0 ? PAIR_OWNER : PAIR_MEASURER;
}

void launch_finish(void)
{
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	exit(0);
}
