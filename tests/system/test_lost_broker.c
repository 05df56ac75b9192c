/* SPDX-License-Identifier: MIT */
/*
 * test_lost_broker.c - the broker dies, or stops: what goes on, what does not, and what is left
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/tract.h>

#include "crew.h"

#define RACERS 100u

struct cast {
	pid_t broker;
	struct member exporter, importer, other;
};

static void connect_and_map(struct member *m)
{
	EXPECT_EQ(member_ask(m, CONNECT, CREW_ID), 0);
	EXPECT_EQ(member_ask(m, MAP, 0), 0);
	EXPECT_EQ(member_ask(m, IMPORT_LOAD, 0), CREW_FILL);
}

static void publish(struct member *m)
{
	EXPECT_EQ(member_ask(m, EXPORT_PRIVATE, 0), 0);
	EXPECT_EQ(member_ask(m, PUBLISH, CREW_ID), 0);
}

static void cast_up(struct cast *c)
{
	c->broker = crew_broker_up(NULL, NULL);
	member_up(&c->exporter, NULL, NULL);
	member_up(&c->importer, NULL, NULL);
	member_up(&c->other, NULL, NULL);
	publish(&c->exporter);
	connect_and_map(&c->importer);
	connect_and_map(&c->other);
}

static void cast_down(struct cast *c)
{
	(void)member_down(&c->exporter);
	(void)member_down(&c->importer);
	(void)member_down(&c->other);
	if (c->broker)
		crew_broker_kill(c->broker);
	crew_brokers_end();
}

static void kill_broker(struct cast *c)
{
	crew_broker_kill(c->broker);
	c->broker = 0;
}

static void expect_data_passes(struct cast *c, unsigned byte)
{
	EXPECT_EQ(member_ask(&c->importer, IMPORT_STORE, byte), 0);
	EXPECT_EQ(member_ask(&c->exporter, EXPORT_LOAD, 0), byte);
	EXPECT_EQ(member_ask(&c->exporter, EXPORT_STORE, byte + 1), 0);
	EXPECT_EQ(member_ask(&c->importer, IMPORT_LOAD, 0), byte + 1);
	EXPECT_EQ(member_ask(&c->importer, PUT, byte + 2), 0);
	EXPECT_EQ(member_ask(&c->importer, GET, 0), 0);
	EXPECT_EQ(member_ask(&c->exporter, EXPORT_LOAD, 0), byte + 2);
}

/* ---- the broker dies --------------------------------------------------------------------- */

TEST(data_paths_go_on_without_the_broker)
{
	struct cast c;

	cast_up(&c);
	member_signal(&(struct member){ .pid = c.broker }, SIGSTOP);
	expect_data_passes(&c, 1);
	kill_broker(&c);
	expect_data_passes(&c, 11);
	cast_down(&c);
}

TEST(barriers_go_on_without_the_broker)
{
	struct cast c;

	cast_up(&c);
	kill_broker(&c);
	for (unsigned byte = 0; byte < 100; byte++)
		EXPECT_EQ(member_ask(&c.importer, BARRIER, byte), 0);
	/* Nor does it matter when another importer ends. */
	member_signal(&c.other, SIGKILL);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 200), 0);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_LOAD, 0), 200);
	cast_down(&c);
}

TEST(signals_go_on_without_the_broker)
{
	struct cast c;

	cast_up(&c);
	EXPECT_EQ(member_ask(&c.importer, IMPORT_WAIT, 0), -ETIMEDOUT);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_WAIT, 0), -ETIMEDOUT);
	kill_broker(&c);
	member_tell(&c.importer, IMPORT_WAIT, 5000);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_POST, 0), 0);
	EXPECT_EQ(member_hear(&c.importer, 1000), 0);
	EXPECT_EQ(member_ask(&c.importer, IMPORT_POST, 0), 0);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_WAIT, 0), 0);
	/* This one never fetched the bell. */
	EXPECT_EQ(member_ask(&c.other, IMPORT_POST, 0), -ENOTCONN);
	cast_down(&c);
}

/* Its pipe would have to be had from the broker. */
TEST(a_post_that_cannot_wake_who_polls_says_so)
{
	static _Alignas(65536) unsigned char memory[65536];
	pid_t broker = crew_broker_up(NULL, NULL);
	struct tract_export *export = NULL;
	struct tract_import *import = NULL;
	struct tract *ctx = NULL;
	uint32_t id = 0, node;
	int fd;

	EXPECT_EQ(tract_open(NULL, &ctx), 0);
	EXPECT_EQ(tract_export_create(ctx, memory, sizeof(memory), 0, &export), 0);
	EXPECT_EQ(tract_export_publish(export, &id, NULL, 0), 0);
	EXPECT_EQ(tract_node_id(ctx, &node), 0);
	EXPECT_EQ(tract_import_connect(ctx, node, id, TRACT_RIGHT_READ, &import), 0);
	EXPECT_EQ(tract_import_pollfd(import, &fd), 0);
	EXPECT_EQ(tract_export_wait(export, 0), -ETIMEDOUT);
	crew_broker_kill(broker);
	EXPECT_EQ(tract_export_post(export, 0), -ENOTCONN);
	EXPECT_EQ(tract_import_wait(import, 0), 0);
	tract_import_pollfd_release(import);
	EXPECT_EQ(tract_import_close(import), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	tract_close(ctx);
}

TEST(a_call_without_a_broker_fails_at_once)
{
	struct cast c;
	double begun;

	cast_up(&c);
	EXPECT_EQ(member_ask(&c.other, DROP, 0), 0);
	EXPECT_EQ(member_ask(&c.exporter, UNPUBLISH, 0), 0);
	kill_broker(&c);
	begun = crew_now_ms();
	EXPECT_EQ(member_ask(&c.exporter, PUBLISH, CREW_ID), -ENOTCONN);
	EXPECT_EQ(member_ask(&c.exporter, REBIND, 1), -ENOTCONN);
	EXPECT_EQ(member_ask(&c.other, CONNECT, CREW_ID), -ENOTCONN);
	EXPECT_EQ(member_ask(&c.other, EXPORT_PRIVATE, 0), -ENOTCONN);
	EXPECT_EQ(member_ask(&c.importer, LOOK, 0), -ENOTCONN);
	EXPECT(crew_now_ms() - begun < 500 * test_patience());
	cast_down(&c);
}

TEST(an_export_that_outlived_its_broker_is_destroyed_with_its_content)
{
	struct cast c;

	cast_up(&c);
	EXPECT_EQ(member_ask(&c.importer, IMPORT_STORE, CREW_FILL + 1), 0);
	kill_broker(&c);
	EXPECT_EQ(member_ask(&c.exporter, UNPUBLISH, 0), -ENOTCONN);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_COUNT, CREW_FILL), 1);
	EXPECT_EQ(member_ask(&c.exporter, DESTROY, 0), 0);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_COUNT, CREW_FILL), 1);
	/* It is the exporter's own again. */
	EXPECT_EQ(member_ask(&c.importer, IMPORT_STORE, 9), 0);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_LOAD, 0), CREW_FILL + 1);
	cast_down(&c);
}

TEST(no_barrier_closes_from_before_a_page_is_let_go)
{
	struct cast c;

	c.broker = crew_broker_up(NULL, NULL);
	/* It is stopped once it has said so, and has everything still. */
	member_up(&c.exporter, "segment.withdraw.told=stop", NULL);
	member_up(&c.importer, NULL, NULL);
	member_up(&c.other, NULL, NULL);
	publish(&c.exporter);
	connect_and_map(&c.importer);
	kill_broker(&c);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 1), 0);
	member_tell(&c.exporter, DESTROY, 0);
	member_until_stopped(&c.exporter);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 2), -ESTALE);
	member_signal(&c.exporter, SIGCONT);
	EXPECT_EQ(member_hear(&c.exporter, 1000), 0);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 3), -ESTALE);
	cast_down(&c);
}

TEST(a_rebind_without_a_broker_leaves_importers_where_they_are)
{
	struct cast c;

	cast_up(&c);
	kill_broker(&c);
	EXPECT_EQ(member_ask(&c.exporter, REBIND, 1), -ENOTCONN);
	expect_data_passes(&c, 1);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 7), 0);
	EXPECT_EQ(member_ask(&c.exporter, EXPORT_LOAD, 0), 7);
	cast_down(&c);
}

/* One of the importers had been told to move, and the exporter stays with the old memory. */
TEST(no_barrier_closes_once_a_broker_died_in_the_middle_of_a_rebind)
{
	struct cast c;

	c.broker = crew_broker_up("broker.event.decided=kill@2", NULL);
	member_up(&c.exporter, NULL, NULL);
	member_up(&c.importer, NULL, NULL);
	member_up(&c.other, NULL, NULL);
	publish(&c.exporter);
	connect_and_map(&c.importer);
	connect_and_map(&c.other);
	EXPECT_EQ(member_ask(&c.exporter, REBIND, 1), -ENOTCONN);
	EXPECT_EQ(member_ask(&c.other, BARRIER, 2), -ESTALE);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 3), -ESTALE);
	EXPECT(member_ask(&c.other, IMPORT_LOAD, 0) >= 0);
	EXPECT(member_ask(&c.importer, IMPORT_LOAD, 0) >= 0);
	EXPECT_EQ(member_ask(&c.exporter, DESTROY, 0), 0);
	cast_down(&c);
}

TEST(the_next_broker_serves_whoever_comes_back)
{
	struct cast c;

	cast_up(&c);
	kill_broker(&c);
	EXPECT_EQ(member_ask(&c.importer, LOOK, 0), -ENOTCONN);
	EXPECT_EQ(member_ask(&c.exporter, DROP, 0), 0);
	EXPECT_EQ(member_ask(&c.exporter, RECONNECT, 0), 0);
	publish(&c.exporter);
	/* What was imported through the old one is not mistaken for it. */
	EXPECT(member_ask(&c.importer, IMPORT_LOAD, 0) >= 0);
	EXPECT_EQ(member_ask(&c.importer, DROP, 0), 0);
	EXPECT_EQ(member_ask(&c.importer, RECONNECT, 0), 0);
	connect_and_map(&c.importer);
	expect_data_passes(&c, 30);
	cast_down(&c);
}

/* The exporter is copying; whoever was to say when it has finished is gone. */
TEST(who_was_being_moved_when_the_broker_died_is_told_at_once)
{
	struct cast c;
	siginfo_t info;
	double begun;

	c.broker = crew_broker_up(NULL, NULL);
	member_up(&c.exporter, "merge.fences.open=stop", NULL);
	member_up(&c.importer, NULL, NULL);
	member_up(&c.other, NULL, NULL);
	publish(&c.exporter);
	connect_and_map(&c.importer);
	connect_and_map(&c.other);
	member_tell(&c.exporter, EXPORT_OVERLAP, 0);
	EXPECT_EQ(waitid(P_PID, (id_t)c.exporter.pid, &info, WSTOPPED | WNOWAIT), 0);
	member_tell(&c.other, BARRIER, 1); /* begins to wait before */
	kill_broker(&c);
	EXPECT_EQ(member_hear(&c.other, 500), -EIO);
	begun = crew_now_ms();
	EXPECT_EQ(member_ask(&c.importer, PUT, 2), -EIO);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 3), -EIO);
	EXPECT(crew_now_ms() - begun < 500 * test_patience());
	member_signal(&c.exporter, SIGCONT);
	EXPECT_EQ(member_hear(&c.exporter, 1000), -ENOTCONN);
	/* All is there but for the byte that they stored. */
	EXPECT(member_ask(&c.exporter, EXPORT_COUNT, CREW_FILL) <= 1);
	cast_down(&c);
}

/* ---- the exporter dies after the broker ---------------------------------------------------
 */

TEST(no_barrier_closes_once_the_exporter_followed_its_broker)
{
	struct cast c;

	cast_up(&c);
	kill_broker(&c);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 1), 0);
	member_signal(&c.exporter, SIGKILL);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c.importer, BARRIER, 2) == -ESTALE);
	EXPECT_EQ(member_ask(&c.importer, PUT, 3), -ESTALE);
	EXPECT_WITHIN((int)(1000 * test_patience()), member_ask(&c.other, CHECK, 0) == -ESTALE);
	cast_down(&c);
}

TEST(no_barrier_closes_once_the_broker_followed_the_exporter)
{
	struct cast c;

	cast_up(&c);
	/* It hears of nothing any more. */
	EXPECT_EQ(kill(c.broker, SIGSTOP), 0);
	member_signal(&c.exporter, SIGKILL);
	EXPECT_EQ(member_ask(&c.importer, CHECK, 0), 0);
	kill_broker(&c);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c.importer, BARRIER, 2) == -ESTALE);
	cast_down(&c);
}

/* ---- the exporter becomes another program -------------------------------------------------
 */

static void expect_told_of_exec(struct cast *c)
{
	/* The channel ends with the program, the process does not. */
	EXPECT_EQ(member_ask(&c->importer, BARRIER, 1), 0);
	member_tell(&c->exporter, EXEC, 0);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c->importer, BARRIER, 2) == -ESTALE);
	EXPECT_EQ(kill(c->exporter.pid, 0), 0);
	EXPECT_EQ(member_ask(&c->importer, PUT, 3), -ESTALE);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c->other, CHECK, 0) == -ESTALE);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c->other, IMPORT_LOAD, 0) == 0);
}

TEST(no_barrier_closes_once_the_exporter_without_a_broker_is_another_program)
{
	struct cast c;

	cast_up(&c);
	kill_broker(&c);
	expect_told_of_exec(&c);
	cast_down(&c);
}

TEST(no_barrier_closes_once_the_broker_followed_an_exporter_that_is_another_program)
{
	struct cast c;

	cast_up(&c);
	/* It hears of nothing any more. */
	EXPECT_EQ(kill(c.broker, SIGSTOP), 0);
	member_tell(&c.exporter, EXEC, 0);
	EXPECT_EQ(member_ask(&c.importer, CHECK, 0), 0);
	kill_broker(&c);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c.importer, BARRIER, 2) == -ESTALE);
	cast_down(&c);
}

/* A child of the exporter, which is gone and leaves it to us. */
static void end_child(int64_t pid)
{
	EXPECT(pid > 0);
	EXPECT_EQ(kill((pid_t)pid, SIGKILL), 0);
	EXPECT_EQ(waitpid((pid_t)pid, NULL, 0), pid);
}

/* What a child of fork has of it does not stand for its parent. */
TEST(a_child_of_an_exporter_that_is_another_program_hides_nothing)
{
	struct cast c;
	int64_t child;

	EXPECT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	cast_up(&c);
	child = member_ask(&c.exporter, FORK, 0);
	kill_broker(&c);
	expect_told_of_exec(&c);
	(void)member_down(&c.exporter);
	end_child(child);
	cast_down(&c);
}

/* Not even if it has everything, as nobody told the library of it. */
TEST(a_child_that_no_hook_was_run_in_does_not_keep_a_dead_exporter_alive)
{
	struct cast c;
	int64_t child;

	EXPECT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	cast_up(&c);
	child = member_ask(&c.exporter, FORK, 1);
	kill_broker(&c);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 1), 0);
	member_signal(&c.exporter, SIGKILL);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c.importer, BARRIER, 2) == -ESTALE);
	end_child(child);
	cast_down(&c);
}

/* ---- a child of fork that imports ---------------------------------------------------------
 */

/* It has made no call that needs the broker, and never can. */
static void cast_up_with_children(struct cast *c)
{
	cast_up(c);
	EXPECT_EQ(member_ask(&c->importer, PASS_ON, 0), 0);
	EXPECT_EQ(member_ask(&c->other, PASS_ON, 0), 0);
	expect_data_passes(c, 40);
	kill_broker(c);
	expect_data_passes(c, 50);
	EXPECT_EQ(member_ask(&c->importer, BARRIER, 1), 0);
}

TEST(a_child_that_imports_knows_of_the_exporters_death_without_a_broker)
{
	struct cast c;

	cast_up_with_children(&c);
	/* A child's child as well. */
	EXPECT_EQ(member_ask(&c.other, PASS_ON, 0), 0);
	EXPECT_EQ(member_ask(&c.other, BARRIER, 1), 0);
	member_signal(&c.exporter, SIGKILL);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c.importer, BARRIER, 2) == -ESTALE);
	EXPECT_EQ(member_ask(&c.importer, PUT, 3), -ESTALE);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c.other, BARRIER, 2) == -ESTALE);
	EXPECT(member_ask(&c.other, IMPORT_LOAD, 0) >= 0);
	cast_down(&c);
}

TEST(a_child_that_imports_knows_of_the_exporters_exec_without_a_broker)
{
	struct cast c;

	cast_up_with_children(&c);
	member_tell(&c.exporter, EXEC, 0);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c.importer, BARRIER, 2) == -ESTALE);
	EXPECT_EQ(kill(c.exporter.pid, 0), 0);
	cast_down(&c);
}

TEST(a_child_that_imports_knows_what_is_taken_back_without_a_broker)
{
	struct cast c;

	cast_up_with_children(&c);
	EXPECT_EQ(member_ask(&c.exporter, DESTROY, 0), 0);
	EXPECT_EQ(member_ask(&c.importer, BARRIER, 2), -ESTALE);
	EXPECT_EQ(member_ask(&c.other, PUT, 2), -ESTALE);
	cast_down(&c);
}

TEST(a_child_that_imports_goes_on_with_a_broker_as_its_parent_did)
{
	struct cast c;

	cast_up(&c);
	EXPECT_EQ(member_ask(&c.importer, PASS_ON, 0), 0);
	expect_data_passes(&c, 1);
	/* A session of its own, for a call that needs it. */
	EXPECT_EQ(member_ask(&c.importer, UNMAP, 0), 0);
	EXPECT_EQ(member_ask(&c.importer, MAP, 0), 0);
	expect_data_passes(&c, 10);
	kill_broker(&c);
	expect_data_passes(&c, 20);
	member_signal(&c.exporter, SIGKILL);
	EXPECT_WITHIN((int)(1000 * test_patience()),
		      member_ask(&c.importer, BARRIER, 2) == -ESTALE);
	cast_down(&c);
}

/* ---- coming and going -------------------------------------------------------------------- */

static unsigned count_entries(void)
{
	DIR *dir = opendir(test_directory());
	struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		(void)closedir(dir);
	return count;
}

/* TRACT_IDLE_MS is short in tests. */
TEST(a_broker_that_was_started_by_itself_leaves_when_idle_and_leaves_nothing)
{
	struct member m;

	member_up(&m, NULL, NULL);
	publish(&m);
	EXPECT(crew_broker_pid() > 0);
	/* Its socket, and its lock. */
	EXPECT_EQ(count_entries(), 2);
	EXPECT_EQ(member_ask(&m, DROP, 0), 0);
	(void)member_down(&m);
	/* Asking would keep it. */
	EXPECT_WITHIN((int)(5000 * test_patience()), count_entries() == 0);
}

TEST_SLOW(a_hundred_processes_that_race_share_one_broker, 60)
{
	struct member racers[RACERS];

	if (!getenv("TRACT_BROKER_PROGRAM"))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	for (unsigned i = 0; i < RACERS; i++)
		member_up(&racers[i], NULL, NULL);
	for (unsigned i = 0; i < RACERS; i++)
		member_tell(&racers[i], RECONNECT, 0);
	for (unsigned i = 0; i < RACERS; i++)
		EXPECT_EQ(member_hear(&racers[i], 20000), 0);
	/* All of them are attached to whom the first asks. */
	EXPECT_EQ(member_ask(&racers[0], LOOK_ALL, 0), RACERS);
	for (unsigned i = 0; i < RACERS; i++)
		(void)member_down(&racers[i]);
	crew_brokers_end();
}
