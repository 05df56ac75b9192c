/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_loss.c - nodes, brokers and processes that are lost, and what the others keep
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "far.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE

static struct message withdraw(struct far_export *e)
{
	struct message request = { .number = MSG_segment_unpublish };

	request.segment_unpublish.segment = e->segment.segment;
	return rig_ask(&e->rig, request, NULL);
}

TEST_SLOW(the_loss_of_one_node_is_no_other_nodes_business, 60)
{
	struct msg_import_connected_far far[2];
	struct far_client importer[2];
	struct far_export export;
	struct far_reach reach;
	struct message event;
	struct cluster c;

	cluster_make(&c, 3, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	far_export_up(&c, 2, &export);
	for (unsigned i = 0; i < 2; i++) {
		far_client_up(&c, i, &importer[i]);
		far[i] = far_connect(&importer[i], 2, export.segment.id, RW);
	}
	cluster_kill(&c, 0);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 2, "link.gone node=1"));
	reach = far_reach(&far[1], RW);
	EXPECT_EQ(far_put(&reach, 0, "there", 6), 0);
	EXPECT(far_is_fresh(&importer[1], &far[1]));
	EXPECT_STR(export.memory, "there");
	far_leave(&reach);
	/* Taking back waits for nobody who is gone. */
	EXPECT_EQ(withdraw(&export).number, MSG_segment_withdrawn);
	event = far_event(&importer[1], MSG_import_revoked);
	EXPECT_EQ(event.import_revoked.import, far[1].import);
	EXPECT(!far_is_fresh(&importer[1], &far[1]));
	far_client_down(&importer[0]);
	far_client_down(&importer[1]);
	far_export_down(&export);
	cluster_end(&c);
}

TEST_SLOW(a_broker_that_comes_back_with_another_key_gets_nothing_and_holds_up_nobody, 60)
{
	struct far_client importer, again;
	struct far_export export;
	struct message reply;
	struct cluster c;

	cluster_make(&c, 2, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	(void)far_connect(&importer, 1, export.segment.id, RW);
	cluster_kill(&c, 0);
	cluster_new_key(&c, 0);
	cluster_start(&c, 0);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, "another cluster key"));
	far_client_up(&c, 0, &again);
	reply = far_ask(&again, 1, export.segment.id, RW);
	EXPECT_EQ(reply.number, MSG_refused);
	EXPECT_EQ(reply.refused.error, EHOSTUNREACH);
	EXPECT_EQ(withdraw(&export).number, MSG_segment_withdrawn);
	EXPECT(cluster_logged(&c, 1, "link.gone node=1"));
	far_client_down(&importer);
	far_client_down(&again);
	far_export_down(&export);
	cluster_end(&c);
}

/* ---- what is left ------------------------------------------------------------------------ */

static unsigned count_fds(pid_t pid)
{
	char path[64];
	unsigned count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	EXPECT(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

/* Of objects; boards and bells are others. */
static unsigned count_windows(pid_t pid)
{
	char path[64], line[512];
	unsigned count = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	EXPECT(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, "memfd:tract ") != NULL;
	(void)fclose(file);
	return count;
}

/* Connects, moves some bytes, tells over @orders, and waits for its end. */
static void import_until_killed(struct cluster *c, unsigned node, uint32_t id, int orders)
{
	struct msg_import_connected_far far;
	struct far_client importer;
	struct far_reach reach;

	far_client_up(c, node, &importer);
	far = far_connect(&importer, 1, id, RW);
	reach = far_reach(&far, RW);
	EXPECT_EQ(far_put(&reach, 0, "hello", 6), 0);
	EXPECT_EQ(write(orders, "", 1), 1);
	for (;;)
		(void)far_put(&reach, 64, "more", 5);
}

static pid_t importer_start(struct cluster *c, uint32_t id)
{
	int ends[2];
	pid_t pid;
	char byte;

	EXPECT_EQ(pipe(ends), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		import_until_killed(c, 0, id, ends[1]);
	(void)close(ends[1]);
	EXPECT_EQ(read(ends[0], &byte, 1), 1);
	(void)close(ends[0]);
	return pid;
}

static void kill_and_wait(pid_t pid)
{
	int status;

	EXPECT_EQ(kill(pid, SIGKILL), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
}

TEST_SLOW(importers_killed_in_the_middle_of_a_transfer_leave_nothing, 60)
{
	struct far_export export;
	unsigned here, there;
	struct cluster c;

	cluster_make(&c, 2, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	far_export_up(&c, 1, &export);
	/* The first opens what stays open. */
	kill_and_wait(importer_start(&c, export.segment.id));
	EXPECT_WITHIN(LONG_MS, cluster_lines(&c, 1, "import.closed") == 1);
	EXPECT_WITHIN(LONG_MS, cluster_lines(&c, 0, "client.left") > 0);
	here = count_fds(c.node[0].broker);
	there = count_fds(c.node[1].broker);
	for (unsigned i = 2; i < 6; i++) {
		pid_t pid = importer_start(&c, export.segment.id);

		EXPECT_EQ(count_windows(c.node[1].broker), 1);
		kill_and_wait(pid);
		EXPECT_WITHIN(LONG_MS, cluster_lines(&c, 1, "import.closed") == i);
	}
	EXPECT_EQ(count_windows(c.node[1].broker), 0);
	EXPECT_WITHIN(LONG_MS, count_fds(c.node[0].broker) <= here);
	EXPECT_WITHIN(LONG_MS, count_fds(c.node[1].broker) <= there);
	far_export_down(&export);
	cluster_end(&c);
}

TEST_SLOW(when_everybody_is_killed_all_begins_anew, 60)
{
	struct far_client importer;
	struct far_export export;
	struct far_reach reach;
	struct msg_import_connected_far far;
	struct cluster c;
	pid_t pid;

	cluster_make(&c, 2, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	far_export_up(&c, 1, &export);
	pid = importer_start(&c, export.segment.id);
	cluster_kill(&c, 1);
	cluster_kill(&c, 0);
	kill_and_wait(pid);
	far_export_down(&export);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	EXPECT_EQ(count_windows(c.node[1].broker), 0);
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	far = far_connect(&importer, 1, export.segment.id, RW);
	reach = far_reach(&far, RW);
	EXPECT_EQ(far_put(&reach, 0, "anew", 5), 0);
	EXPECT_STR(export.memory, "anew");
	far_leave(&reach);
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

/* ---- brokers that stop for a while ---------------------------------------------------------
 */

TEST_SLOW(an_exporters_broker_that_stops_cuts_its_importers_off_within_the_bound, 60)
{
	struct msg_import_connected_far far;
	struct far_client importer;
	struct far_export export;
	struct message event;
	struct cluster c;

	cluster_make(&c, 2, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	far = far_connect(&importer, 1, export.segment.id, RW);
	cluster_pause(&c, 1);
	EXPECT_WITHIN((int)(CLUSTER_TIMEOUT_MS * test_patience()),
		      !far_is_fresh(&importer, &far));
	event = far_event(&importer, MSG_import_revoked);
	EXPECT_EQ(event.import_revoked.reason, 3);
	cluster_resume(&c, 1);
	/* It has lost the link, too, and its window closes when node 1 has surely noticed. */
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	EXPECT_WITHIN(LONG_MS, count_windows(c.node[1].broker) == 0);
	(void)far_connect(&importer, 1, export.segment.id, RW);
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}
