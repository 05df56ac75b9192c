/* SPDX-License-Identifier: MIT */
/*
 * test_map_remote_ends.c - maps of other processes, when somebody dies, stops, or asks at once
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hosts.h"
#include "rig.h"

/* ---- dying, stopping -------------------------------------------------------------------- */

TEST(a_stopped_map_owner_is_waited_for_and_no_longer)
{
	struct scene s = scene_up(2);
	void *there = attach(s.map, s.region, RW), *at = there;

	EXPECT_EQ(detach(s.map, there), 0);
	EXPECT_EQ(kill(s.host.pid, SIGSTOP), 0);
	EXPECT_EQ(waitpid(s.host.pid, NULL, WUNTRACED), s.host.pid);
	EXPECT_EQ(attach_at(s.map, s.region, RW, TRACT_ATTACH_FIXED, &at), -ETIMEDOUT);
	EXPECT_EQ(detach(s.map, there), -ETIMEDOUT);
	EXPECT_EQ(kill(s.host.pid, SIGCONT), 0);
	/* What comes too late is undone. */
	EXPECT_WITHIN(5000, host_do(&s.host, KIND, there, 0) == 0);
	at = there;
	EXPECT_EQ(attach_at(s.map, s.region, RW, TRACT_ATTACH_FIXED, &at), 0);
	EXPECT_EQ(detach(s.map, there), 0);
	scene_down(&s);
}

static void visitor_body(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_map *map = NULL;
	struct tract_region *region;
	char *here, *there;

	(void)arg;
	(void)kin_hear(parent);
	EXPECT_EQ(tract_map_of(ctx, getppid(), &map), 0);
	region = region_up(2, &here);
	store(here, 5);
	there = attach(map, region, RW);
	kin_tell(parent, (uintptr_t)there);
	kin_linger(parent);
}

static uint64_t count_segments(struct tract *ctx)
{
	struct tract_segment_info info;
	uint64_t after = 0, count = 0;

	while (tract_next_segment(ctx, after, &info) == 0) {
		after = info.key;
		count++;
	}
	return count;
}

TEST(what_a_dead_process_attached_becomes_zeros)
{
	struct tract *ctx;
	struct kin visitor;
	char *there;

	/* Forked before there is a second thread. */
	kin_start(&visitor, visitor_body, NULL);
	ctx = node_open();
	EXPECT_EQ(tract_map_offer(ctx, NULL, 0), 0);
	kin_tell(&visitor, 0);
	there = (char *)kin_hear(&visitor);
	EXPECT_EQ(load(there), 5);
	EXPECT_EQ(count_segments(ctx), 1);
	kin_kill(&visitor);
	EXPECT_WITHIN(5000, load(there) == 0);
	EXPECT_WITHIN(5000, count_segments(ctx) == 0);
	/* It is this process's own, and stays until it is given up. */
	store(there, 6);
	EXPECT_EQ(load(there), 6);
	EXPECT_EQ(kind_at((uintptr_t)there), TRACT_SPAN_BORROWED);
	EXPECT_EQ(tract_detach(there), 0);
	EXPECT_EQ(tract_map_withdraw(ctx), 0);
	tract_close(ctx);
}

TEST(a_map_owner_that_dies_lets_go_of_what_was_attached)
{
	struct scene s = scene_up(1);
	char *there = attach(s.map, s.region, RW);
	void *at = NULL;

	store(s.here, 8);
	kin_kill(&s.host);
	EXPECT_WITHIN(5000, count_segments(s.ctx) == 0);
	EXPECT_EQ(detach(s.map, there), -EPERM);
	EXPECT_EQ(attach_at(s.map, s.region, RW, 0, &at), -EPERM);
	EXPECT_EQ(load(s.here), 8);
	region_down(s.region, s.here);
	tract_map_close(s.map);
	tract_close(s.ctx);
}

TEST(without_a_broker_nothing_is_changed_and_all_stays)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	struct scene s = scene_up(1);
	char *there = attach(s.map, s.region, RW);
	void *at = NULL;

	store(s.here, 8);
	EXPECT_EQ(kill(broker, SIGKILL), 0);
	EXPECT_EQ(rig_broker_wait(broker), 256 + SIGKILL);
	EXPECT_EQ(detach(s.map, there), -ENOTCONN);
	EXPECT_EQ(attach_at(s.map, s.region, RW, 0, &at), -ENOTCONN);
	EXPECT_EQ(peek(&s.host, there), 8);
	EXPECT_EQ(host_do(&s.host, DETACH, there, 0), 0);
	scene_down(&s);
}

/* ---- at once ---------------------------------------------------------------------------- */

#define TURNS 60

static void take_turns(struct tract_map *map)
{
	struct tract_region *region;
	char *here, *there;

	for (unsigned i = 0; i < TURNS; i++) {
		region = region_up(1, &here);
		there = attach(map, region, RW);
		EXPECT_EQ(detach(map, there), 0);
		region_down(region, here);
	}
}

static void twin_body(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_map *map = NULL;

	(void)arg;
	EXPECT_EQ(tract_map_offer(ctx, NULL, 0), 0);
	kin_tell(parent, 0);
	EXPECT_EQ(tract_map_of(ctx, (pid_t)kin_hear(parent), &map), 0);
	take_turns(map);
	kin_tell(parent, 0);
	kin_linger(parent);
	tract_map_close(map);
	tract_close(ctx);
}

TEST_SLOW(two_processes_may_change_each_others_maps_at_once, 60)
{
	struct kin twins[2];

	for (unsigned i = 0; i < 2; i++)
		kin_start(&twins[i], twin_body, NULL);
	for (unsigned i = 0; i < 2; i++)
		(void)kin_hear(&twins[i]);
	for (unsigned i = 0; i < 2; i++)
		kin_tell(&twins[i], (uint64_t)twins[1 - i].pid);
	for (unsigned i = 0; i < 2; i++)
		(void)kin_hear(&twins[i]);
	for (unsigned i = 0; i < 2; i++)
		kin_finish(&twins[i]);
}

static void caller_body(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_map *map = NULL;

	EXPECT_EQ(tract_map_of(ctx, *(pid_t *)arg, &map), 0);
	take_turns(map);
	tract_map_close(map);
	tract_close(ctx);
	kin_tell(parent, 0);
}

TEST_SLOW(four_processes_may_change_one_map_at_once, 60)
{
	struct kin host, callers[4];

	host_up(&host);
	for (unsigned i = 0; i < 4; i++)
		kin_start(&callers[i], caller_body, &host.pid);
	for (unsigned i = 0; i < 4; i++) {
		(void)kin_hear(&callers[i]);
		kin_finish(&callers[i]);
	}
	host_down(&host);
}

/* The owner's own threads go on meanwhile, with calls of their own to the broker. */
TEST_SLOW(a_map_may_be_changed_by_others_while_its_owner_changes_it, 60)
{
	struct tract *ctx;
	struct kin twin;
	struct tract_export *export;
	char *pages = pages_private(4);
	uint32_t id;

	/* Forked before there is a second thread: a sanitizer's locks are not made for more. */
	kin_start(&twin, twin_body, NULL);
	ctx = node_open();
	EXPECT_EQ(tract_map_offer(ctx, NULL, 0), 0);
	(void)kin_hear(&twin);
	kin_tell(&twin, (uint64_t)getpid());
	while (!kin_speaks(&twin, 0)) {
		export = export_up(ctx, pages, 4 * PAGE, 0, &id);
		import_down(import_up(ctx, id, RW));
		EXPECT_EQ(tract_export_destroy(export), 0);
	}
	(void)kin_hear(&twin);
	kin_finish(&twin);
	pages_free(pages, 4);
	tract_close(ctx);
}
