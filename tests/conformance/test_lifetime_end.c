/* SPDX-License-Identifier: MIT */
/*
 * test_lifetime_end.c - exec, exit, and who is left behind
 */
#include "rig.h"

/* A grandchild stays behind until the test closes the pipe. */
struct leaving {
	int hold[2];
	bool by_exec;
};

static void stay_behind(struct child *parent, void *arg)
{
	struct leaving *leaving = arg;
	char byte;

	(void)close(leaving->hold[1]);
	tell(parent, 0);
	/* Until the test closes its end. */
	(void)!read(leaving->hold[0], &byte, 1);
}

static void export_fork_and_leave(struct child *parent, void *arg)
{
	struct leaving *leaving = arg;
	struct exporter e;
	struct child grandchild;

	exporter_up(&e, ID(0), 1);
	child_start(&grandchild, stay_behind, leaving);
	(void)hear(&grandchild);
	tell(parent, (uint64_t)grandchild.pid);
	(void)hear(parent);
	if (leaving->by_exec) {
		(void)dup2(parent->fd, 0);
		(void)execlp("cat", "cat", (char *)NULL);
	}
	_exit(0);
}

static void expect_end_of_segments(bool by_exec)
{
	struct leaving leaving = { .by_exec = by_exec };
	struct importer i;
	struct child c;
	uint8_t byte = 1;
	pid_t grandchild;

	EXPECT_EQ(pipe(leaving.hold), 0);
	child_start(&c, export_fork_and_leave, &leaving);
	grandchild = (pid_t)hear(&c);
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_put8(i.segment, 0, &byte, 1), RSM_SUCCESS);
	tell(&c, 0);
	EXPECT_WITHIN(10000,
		      rsm_memseg_import_put8(i.segment, 0, &byte, 1) == RSMERR_CONN_ABORTED);
	EXPECT_EQ(kill(grandchild, 0), 0);
	(void)close(leaving.hold[0]);
	(void)close(leaving.hold[1]);
	child_finish(&c);
	importer_down(&i);
}

TEST(segments_end_with_the_parent_even_if_a_child_remains)
{
	expect_end_of_segments(false);
}

TEST(segments_end_with_the_parents_exec_even_if_a_child_remains)
{
	expect_end_of_segments(true);
}

/* 25.82 */
TEST(exec_aborts_the_importers_and_frees_the_id)
{
	struct child far;
	struct importer i;
	struct exporter e;
	uint8_t byte = 1;

	agent_exporting(&far, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	order(&far, EXEC, 0, 0);
	EXPECT_WITHIN(10000,
		      rsm_memseg_import_put8(i.segment, 0, &byte, 1) == RSMERR_CONN_ABORTED);
	exporter_up(&e, ID(0), 1);
	/* The process itself is still there. */
	EXPECT_EQ(kill(far.pid, 0), 0);
	exporter_down(&e);
	importer_down(&i);
	child_finish(&far);
}

struct listing {
	bool with_library;
	int ends[2];
};

static void exec_a_listing(struct child *parent, void *arg)
{
	struct listing *listing = arg;
	struct pair p;
	struct pollfd pfd;

	(void)parent;
	if (listing->with_library) {
		pair_up(&p, 1);
		importer_map(&p.i, RSM_PERM_RDWR, PAGE);
		EXPECT_EQ(rsm_memseg_get_pollfd(p.e.segment, &pfd), RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_get_pollfd(p.i.segment, &pfd), RSM_SUCCESS);
	}
	(void)dup2(listing->ends[1], 1);
	(void)execlp("ls", "ls", "/proc/self/fd", (char *)NULL);
}

static unsigned descriptors_after_exec(bool with_library)
{
	struct listing listing = { .with_library = with_library };
	char text[4096];
	unsigned lines = 0;
	ssize_t size;

	EXPECT_EQ(pipe2(listing.ends, O_CLOEXEC), 0);
	EXPECT_EQ(status_of(exec_a_listing, &listing), 0);
	(void)close(listing.ends[1]);
	while ((size = read(listing.ends[0], text, sizeof(text))) > 0)
		for (ssize_t k = 0; k < size; k++)
			lines += text[k] == '\n';
	(void)close(listing.ends[0]);
	return lines;
}

TEST(no_descriptor_survives_exec)
{
	unsigned without = descriptors_after_exec(false);

	EXPECT(without >= 3);
	EXPECT_EQ(descriptors_after_exec(true), without);
}

TEST(children_forked_before_the_library_was_used_are_strangers_with_equal_rights)
{
	struct child one, two;
	struct pair p;

	agent_start(&one);
	agent_start(&two);
	pair_up(&p, 1);
	EXPECT_EQ(ask(&one, IMPORT, ID(0), RSM_PERM_RDWR), RSM_SUCCESS);
	EXPECT_EQ(ask(&two, EXPORT, ID(1), 1), RSM_SUCCESS);
	EXPECT_EQ(ask(&one, PUT, 0, 3), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[0], 3);
	EXPECT_EQ(ask(&one, TRY, ID(1), RSM_PERM_RDWR), RSM_SUCCESS);
	pair_down(&p);
	child_finish(&one);
	child_finish(&two);
}

TEST(an_exporters_exit_handlers_are_harmless)
{
	struct child far;

	agent_exporting(&far, ID(0), 1);
	order(&far, EXIT, 0, 0);
	EXPECT_EQ(child_status(&far), 0);
}

TEST(an_importers_end_leaves_the_exporter_alone)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 1);
	for (unsigned n = 0; n < 10; n++) {
		agent_importing(&far, ID(0), PAGE);
		EXPECT_EQ(ask(&far, PUT, n, n + 1), RSM_SUCCESS);
		if (n % 2)
			child_kill(&far, SIGKILL);
		else
			child_finish(&far);
		EXPECT_EQ(e.memory[n], n + 1);
		EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	}
	exporter_down(&e);
}
