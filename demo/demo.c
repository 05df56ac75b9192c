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

typedef void (*step)(struct stage *stage);

static const step steps_near[] = {
	stage_export,	 stage_import,	      stage_write,	   stage_signal, stage_rebind,
	stage_unpublish, stage_importer_dies, stage_exporter_dies, NULL,
};

static const step steps_far[] = {
	stage_link,   stage_export,    stage_import,	    stage_write, stage_signal,
	stage_rebind, stage_unpublish, stage_exporter_dies, NULL,
};

/* How the story went, in memory both processes see; inherited, the old way to share. */
struct outcome {
	struct story_state state;
	struct node_count before, after;
	struct node_count after_there; /* on the other node */
	unsigned linked, kept;	       /* descriptors of both brokers: at first, at the end */
	bool left_out;		       /* there is no network to tell it with */
	bool finished;
};

static void play(struct stage *stage, const step *steps, struct outcome *outcome)
{
	for (; *steps; steps++) {
		(*steps)(stage);
		outcome->state = story_state();
	}
	must(rsm_memseg_export_destroy(stage->export), "destroy the segment");
	must(rsm_release_controller(controller()), "release the controller");
}

static void introduce(void)
{
	puts("tract - memory shared between processes\n");
	story_text("One process exports a range of its own memory; others import it, and");
	story_text("read or write it by pointers or by copying.  The exporter may take it");
	story_text("back, and any of them may die.  Each process below is a real one.");
}

static void introduce_far(void)
{
	puts("\nThe same across two nodes\n");
	story_text(
		"A node is usually a machine; these two are both on this one.  Exporters run");
	story_text("on node 1 and importers on node 2, and bytes pass over the network, here");
	story_text("tcp.  The programs are the same: they are told another node's number.");
}

static void tell_near(struct stage *stage, struct outcome *outcome)
{
	rsm_use("loopback", local_node());
	stage->here = stage->there =
		(struct place){ .controller = "loopback", .other = local_node() };
	outcome->before = node_count(NULL);
	play(stage, steps_near, outcome);
	outcome->after = node_count(NULL);
}

/* The same steps: what differs is where processes live, a name and a number. */
static void tell_far(struct stage *stage, struct outcome *outcome)
{
	const struct cluster *cluster = stage->cluster;
	char why[256];

	(void)setenv("TRACT_DIR", cluster->node[0].dir, 1);
	node_start(cluster->node[0].dir);
	outcome->left_out = !node_has_controller(cluster->node[0].dir, CLUSTER_CONTROLLER, why,
						 sizeof(why));
	if (outcome->left_out) {
		(void)putchar('\n');
		story_text("The second part, two nodes, is left out: %s", why);
		return;
	}
	introduce_far();
	rsm_use(CLUSTER_CONTROLLER, 2);
	stage->here = (struct place){ .controller = CLUSTER_CONTROLLER, .other = 2 };
	stage->there = (struct place){ .dir = cluster->node[1].dir,
				       .controller = CLUSTER_CONTROLLER,
				       .other = 1 };
	play(stage, steps_far, outcome);
	outcome->after = node_count(cluster->node[0].dir);
	outcome->after_there = node_count(cluster->node[1].dir);
	outcome->linked = stage->descriptors;
	outcome->kept = leftovers_descriptors(cluster->dir, outcome->linked);
}

/* Runs a part of it in a process of its own, and waits until that has ended. */
static void run_story(void (*tell)(struct stage *stage, struct outcome *outcome),
		      struct stage stage, struct outcome *outcome)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		story_fail("cannot start a process: %m");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		tell(&stage, outcome);
		outcome->finished = true;
		exit(0);
	}
	/* ^C is meant for the story; what it leaves is still looked at. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)waitpid(pid, &status, 0);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	story_continue(outcome->state);
	if (!outcome->finished) {
		story_check(false, "the story ended before its end");
		story_skip();
	}
}

/* What nobody has any more because the kernel keeps nothing else. */
static void check_machine(const struct leftovers *before)
{
	struct leftovers after = leftovers_count();

	story_check(
		after.dev_shm <= before->dev_shm && after.sysv <= before->sysv,
		"files in /dev/shm: %u, as before; System V segments that somebody left: %u",
		after.dev_shm, after.sysv);
}

static void look_for_leftovers(const struct outcome *outcome, const struct leftovers *before,
			       const char *private_dir)
{
	uint64_t begin = now_ns();
	bool left;

	story_step("What is left behind");
	if (outcome->finished)
		story_check(outcome->after.segments <= outcome->before.segments &&
				    outcome->after.imports <= outcome->before.imports,
			    "segments on the node: %u; imports: %u", outcome->after.segments,
			    outcome->after.imports);
	check_machine(before);
	if (!private_dir)
		return;
	left = leftovers_broker_left(private_dir);
	story_check_timed(left, now_ns() - begin,
			  "the broker, which the first call started, has left by itself");
	story_check(leftovers_files(private_dir) == 0, "files in the node's directory: %u",
		    leftovers_files(private_dir));
}

static void look_on_both(const struct outcome *outcome, const struct leftovers *before,
			 const struct cluster *cluster)
{
	const char *one = cluster->node[0].dir, *two = cluster->node[1].dir;
	uint64_t begin = now_ns();
	unsigned processes, files;
	bool left, ports;

	story_step("What is left behind on both nodes");
	if (outcome->finished) {
		story_check(outcome->after.segments == 0 && outcome->after_there.imports == 0,
			    "segments on node 1: %u; imports on node 2: %u",
			    outcome->after.segments, outcome->after_there.imports);
		story_check(outcome->kept <= outcome->linked,
			    "descriptors that both brokers have open: %u; at first: %u",
			    outcome->kept, outcome->linked);
	}
	check_machine(before);
	left = leftovers_broker_left(one) && leftovers_broker_left(two);
	processes = leftovers_running(cluster->dir, 0);
	story_check_timed(left && processes == 0, now_ns() - begin,
			  "both brokers have left by themselves: processes of the nodes: %u",
			  processes);
	ports = cluster_port_is_free(cluster, 0) && cluster_port_is_free(cluster, 1);
	/* But for tract.conf in each. */
	files = leftovers_files(one) + leftovers_files(two) - CLUSTER_NODES;
	story_check(ports && files == 0, "files in their directories: %u; their ports are %s",
		    files, ports ? "free" : "taken");
}

static void first_part(const char *path, struct outcome *outcome)
{
	char template[] = "/tmp/tract-demo.XXXXXX";
	struct leftovers before = leftovers_count();
	const char *private_dir = NULL;

	if (!getenv("TRACT_DIR")) {
		private_dir = mkdtemp(template);
		if (!private_dir)
			story_fail("cannot make a directory in /tmp: %m");
		(void)setenv("TRACT_DIR", private_dir, 1);
		/* Nobody will come back to this node: its broker need not wait long. */
		(void)setenv("TRACT_IDLE_MS", "200", 1);
	}
	introduce();
	run_story(tell_near, (struct stage){ .path = path }, outcome);
	look_for_leftovers(outcome, &before, private_dir);
	if (private_dir)
		(void)rmdir(private_dir);
}

static void second_part(const char *path, struct outcome *outcome)
{
	struct leftovers before = leftovers_count();
	struct stage stage = { .path = path, .far = true };
	struct cluster cluster;

	*outcome = (struct outcome){ .state = story_state() };
	cluster_make(&cluster);
	stage.cluster = &cluster;
	run_story(tell_far, stage, outcome);
	if (outcome->left_out)
		(void)leftovers_broker_left(cluster.node[0].dir);
	else
		look_on_both(outcome, &before, &cluster);
	cluster_remove(&cluster);
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

int main(int argc, char *argv[])
{
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
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		story_fail("no memory: %m");
	first_part(path, outcome);
	if (outcome->finished)
		second_part(path, outcome);
	summarise(now_ns() - begin);
	return story_state().failures == 0 ? 0 : 1;
}
