/* SPDX-License-Identifier: MIT */
/*
 * demo.c - tract-demo [FILE]: memory shared between processes, shown with a real file
 *
 * Two processes are behind it.  One tells the story and is the exporter in it.  The other
 * watches over it: it owns the node's directory, never touches shared memory itself, and looks
 * at the end, also if the first one died in the middle, what is left behind.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leftovers.h"
#include "stage.h"
#include "story.h"

static const struct role roles[] = {
	{ "map", play_map },
	{ "get", play_get },
	{ "getv", play_getv },
	{ "writer", play_writer },
	{ "waiter", play_waiter },
	{ "reader", play_reader },
	{ "keeper", play_keeper },
	{ "follower", play_follower },
	{ "exporter", play_exporter },
	{ "survivor", play_survivor },
	{ NULL, NULL },
};

static void (*const steps[])(struct stage *stage) = {
	stage_export, stage_import,    stage_write,	    stage_signal,
	stage_rebind, stage_unpublish, stage_importer_dies, stage_exporter_dies,
};

/* How the story went, in memory both processes see; inherited, the old way to share. */
struct outcome {
	struct story_state state;
	struct node_count before, after;
	bool finished;
};

static void tell(const char *path, struct outcome *outcome)
{
	struct stage stage = { .path = path };

	outcome->before = node_count();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		steps[i](&stage);
		outcome->state = story_state();
	}
	must(rsm_memseg_export_destroy(stage.export), "destroy the segment");
	must(rsm_release_controller(loopback()), "release the controller");
	outcome->after = node_count();
	outcome->finished = true;
}

/* Runs the story in a process of its own, and waits until that has ended. */
static void run_story(const char *path, struct outcome *outcome)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		story_fail("cannot start a process: %m");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		tell(path, outcome);
		exit(0);
	}
	/* ^C is meant for the story; what it leaves is still looked at. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)waitpid(pid, &status, 0);
	story_continue(outcome->state);
	if (!outcome->finished) {
		story_check(false, "the story ended before its end");
		story_skip();
	}
}

static void look_for_leftovers(const struct outcome *outcome, const struct leftovers *before,
			       const char *private_dir)
{
	struct leftovers after = leftovers_count();
	uint64_t begin = now_ns();
	bool left;

	story_step("What is left behind");
	if (outcome->finished)
		story_check(outcome->after.segments <= outcome->before.segments &&
				    outcome->after.imports <= outcome->before.imports,
			    "segments on the node: %u; imports: %u", outcome->after.segments,
			    outcome->after.imports);
	story_check(after.dev_shm <= before->dev_shm && after.sysv <= before->sysv,
		    "files in /dev/shm: %u, as before; System V segments: %u, as before",
		    after.dev_shm, after.sysv);
	if (!private_dir)
		return;
	left = leftovers_broker_left(private_dir);
	story_check_timed(left, now_ns() - begin,
			  "the broker, which the first call started, has left by itself");
	story_check(leftovers_files(private_dir) == 0, "files in the node's directory: %u",
		    leftovers_files(private_dir));
}

static void summarise(uint64_t took)
{
	struct story_state state = story_state();

	(void)putchar('\n');
	if (state.failures == 0)
		story_text("All %u checks hold, after %.1f seconds.", state.checks,
			   (double)took / 1e9);
	else
		story_text("%u of %u checks do NOT hold, after %.1f seconds.", state.failures,
			   state.checks, (double)took / 1e9);
	story_text("Read on: README.md; the code of this demo, in demo/; `tract help`.");
}

static void introduce(void)
{
	puts("tract - memory shared between processes\n");
	story_text("One process exports a range of its own memory; others import it, and");
	story_text("read or write it by pointers or by copying.  The exporter may take it");
	story_text("back, and any of them may die.  Each process below is a real one.");
}

int main(int argc, char *argv[])
{
	char template[] = "/tmp/tract-demo.XXXXXX";
	const char *private_dir = NULL;
	struct leftovers before;
	struct outcome *outcome;
	const char *path;
	uint64_t begin = now_ns();

	if (argc > 1 && strcmp(argv[1], "--role") == 0)
		child_main(roles, argc, argv);
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		(void)fputs("usage: tract-demo [FILE]\n", stderr);
		return 2;
	}
	path = argc == 2 ? argv[1] : file_choose();
	(void)file_size(path); /* before there is anything to clean up */
	story_begin();
	if (!getenv("TRACT_DIR")) {
		private_dir = mkdtemp(template);
		if (!private_dir)
			story_fail("cannot make a directory in /tmp: %m");
		(void)setenv("TRACT_DIR", private_dir, 1);
		/* Nobody will come back to this node: its broker need not wait long. */
		(void)setenv("TRACT_IDLE_MS", "200", 1);
	}
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		story_fail("no memory: %m");
	before = leftovers_count();
	introduce();
	run_story(path, outcome);
	look_for_leftovers(outcome, &before, private_dir);
	if (private_dir)
		(void)rmdir(private_dir);
	summarise(now_ns() - begin);
	return story_state().failures == 0 ? 0 : 1;
}
