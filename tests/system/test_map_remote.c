/* SPDX-License-Identifier: MIT */
/*
 * test_map_remote.c - maps of other processes
 */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hosts.h"
#include "rig.h"

TEST(what_is_attached_in_another_process_is_the_same_memory)
{
	struct scene s = scene_up(4);
	struct tract_detached done;
	char *there = attach(s.map, s.region, RW);

	store(s.here + PAGE, 11);
	EXPECT_EQ(peek(&s.host, there + PAGE), 11);
	EXPECT_EQ(host_do(&s.host, POKE, there + 3 * PAGE, 12), 0);
	EXPECT_EQ(load(s.here + 3 * PAGE), 12);
	EXPECT_EQ(host_do(&s.host, KIND, there, 0), TRACT_SPAN_BORROWED);
	EXPECT_EQ(tract_map_detach(s.map, there + 2 * PAGE, 1, TRACT_DETACH_WHOLE, &done), 0);
	EXPECT_EQ(done.result, TRACT_DETACHED);
	EXPECT(done.start == there && done.size == 4 * PAGE);
	EXPECT(done.has_tag && done.tag == 4711);
	EXPECT_EQ(host_do(&s.host, KIND, there, 0), 0);
	EXPECT_EQ(detach(s.map, there), -ENOENT);
	/* It is here as before. */
	EXPECT_EQ(load(s.here + PAGE), 11);
	EXPECT_EQ(load(s.here + 3 * PAGE), 12);
	scene_down(&s);
}

TEST(a_place_in_another_process_is_found_by_the_rules_of_the_own_map)
{
	struct scene s = scene_up(1);
	void *fixed, *first = attach(s.map, s.region, RW), *area = NULL, *inside;

	fixed = first;
	EXPECT_EQ(attach_at(s.map, s.region, RW, TRACT_ATTACH_FIXED, &fixed), -EADDRNOTAVAIL);
	EXPECT(fixed == first);
	EXPECT_EQ(attach_at(s.map, s.region, RW, TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE,
			    &fixed),
		  0);
	EXPECT_EQ(tract_map_reserve(s.map, &area, 4 * PAGE, 0, 0, 3), 0);
	EXPECT_EQ(host_do(&s.host, KIND, area, 0), TRACT_SPAN_AREA);
	inside = (char *)area + PAGE;
	EXPECT_EQ(attach_at(s.map, s.region, RW, TRACT_ATTACH_FIXED, &inside), -EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(s.map, s.region, RW, TRACT_ATTACH_IN_AREA, &inside), 0);
	EXPECT_EQ(tract_map_reserve(s.map, &area, PAGE, TRACT_AREA_FIXED, 0, 3),
		  -EADDRNOTAVAIL);
	EXPECT_EQ(tract_map_release(s.map, area), 0);
	EXPECT_EQ(tract_map_release(s.map, area), -ENOENT);
	EXPECT_EQ(attach_at(s.map, s.region, RW, TRACT_ATTACH_IN_AREA, &area), -ENOENT);
	EXPECT_EQ(detach(s.map, inside), 0);
	EXPECT_EQ(detach(s.map, fixed), 0);
	scene_down(&s);
}

TEST(memory_of_the_others_map_and_blocked_ranges_need_no_region)
{
	const struct tract_attachment zeros = { .size = PAGE,
						.rights = RW,
						.flags = TRACT_ATTACH_ANONYMOUS };
	const struct tract_attachment nothing = { .size = PAGE, .flags = TRACT_ATTACH_BLOCK };
	struct tract_attachment none = { .size = PAGE, .rights = RW };
	struct scene s = scene_up(1);
	void *a = NULL, *b = NULL;

	EXPECT_EQ(tract_map_attach(s.map, &zeros, &a), 0);
	EXPECT_EQ(tract_map_attach(s.map, &nothing, &b), 0);
	EXPECT_EQ(peek(&s.host, a), 0);
	EXPECT_EQ(host_do(&s.host, KIND, a, 0), TRACT_SPAN_ANONYMOUS);
	EXPECT_EQ(host_do(&s.host, KIND, b, 0), TRACT_SPAN_BLOCKED);
	EXPECT_EQ(tract_map_attach(s.map, &none, &b), -EINVAL);
	EXPECT_EQ(detach(s.map, a), 0);
	EXPECT_EQ(detach(s.map, b), 0);
	scene_down(&s);
}

TEST(the_middle_of_what_is_attached_there_can_be_detached)
{
	struct scene s = scene_up(4);
	struct tract_detached done;
	char *there = attach(s.map, s.region, RW);

	store(s.here + 3 * PAGE, 7);
	EXPECT_EQ(tract_map_detach(s.map, there + PAGE, PAGE, TRACT_DETACH_EXACT, &done), 0);
	EXPECT_EQ(done.result, TRACT_SPLIT);
	EXPECT_EQ(host_do(&s.host, KIND, there + PAGE, 0), 0);
	EXPECT_EQ(peek(&s.host, there + 3 * PAGE), 7);
	EXPECT_EQ(tract_map_detach(s.map, there, 4 * PAGE, TRACT_DETACH_EXACT, &done), 0);
	EXPECT(done.again && done.result == TRACT_DETACHED);
	EXPECT_EQ(tract_map_detach(s.map, there, 4 * PAGE, TRACT_DETACH_EXACT, &done), 0);
	EXPECT(!done.again);
	scene_down(&s);
}

TEST(a_reader_there_cannot_write)
{
	struct scene s = scene_up(1);
	char *there = attach(s.map, s.region, RO);
	int status;

	store(s.here, 5);
	EXPECT_EQ(peek(&s.host, there), 5);
	kin_tell(&s.host, POKE);
	kin_tell(&s.host, (uintptr_t)there);
	kin_tell(&s.host, 6);
	EXPECT_EQ(waitpid(s.host.pid, &status, 0), s.host.pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_EQ(load(s.here), 5);
	(void)close(s.host.fd);
	region_down(s.region, s.here);
	tract_map_close(s.map);
	tract_close(s.ctx);
}

TEST(a_private_view_there_is_a_copy)
{
	struct scene s = scene_up(2);
	void *there = NULL;

	store(s.here, 5);
	EXPECT_EQ(attach_at(s.map, s.region, RW, TRACT_ATTACH_PRIVATE, &there), 0);
	store(s.here, 6);
	EXPECT_EQ(peek(&s.host, there), 5);
	EXPECT_EQ(host_do(&s.host, POKE, there, 7), 0);
	EXPECT_EQ(load(s.here), 6);
	EXPECT_EQ(detach(s.map, there), 0);
	EXPECT_EQ(load(s.here), 6);
	scene_down(&s);
}

TEST(attached_memory_outlives_its_handle_and_the_map)
{
	struct scene s = scene_up(1);
	char *there = attach(s.map, s.region, RW);

	store(s.here, 9);
	region_down(s.region, s.here);
	tract_map_close(s.map);
	EXPECT_EQ(peek(&s.host, there), 9);
	/* It is the host's own to give up, too; the word it was called by is not. */
	EXPECT_EQ(host_do(&s.host, TAG, there, 0), 0);
	EXPECT_EQ(host_do(&s.host, KIND, there, 0), 0);
	host_down(&s.host);
	tract_close(s.ctx);
}

TEST(what_others_attached_cannot_be_exported_again)
{
	struct scene s = scene_up(1);
	char *there = attach(s.map, s.region, RW);

	EXPECT_EQ(host_do(&s.host, CHECK, there, 0), EFAULT);
	EXPECT_EQ(host_do(&s.host, EXPORT, there, PAGE), EFAULT);
	EXPECT_EQ(detach(s.map, there), 0);
	scene_down(&s);
}

TEST(what_the_others_exports_stand_on_stays)
{
	/* The child of fork has it, too. */
	char *own = pages_private(2);
	struct scene s = scene_up(1);
	void *at = own;

	EXPECT_EQ(host_do(&s.host, EXPORT, own, 2 * PAGE), 0);
	EXPECT_EQ(detach(s.map, own), -EBUSY);
	EXPECT_EQ(
		attach_at(s.map, s.region, RW, TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE, &at),
		-EBUSY);
	EXPECT_EQ(host_do(&s.host, KIND, own, 0), TRACT_SPAN_EXPORTED);
	scene_down(&s);
	pages_free(own, 2);
}

TEST(an_attachment_follows_its_region_to_other_backing)
{
	struct scene s = scene_up(4);
	char *there = attach(s.map, s.region, RW);
	struct tract_import *import;
	struct tract_export *export;
	uint32_t id;

	store(s.here, 21);
	export = export_up(s.ctx, s.here, 4 * PAGE, 0, &id);
	import = import_up(s.ctx, id, RW);
	(void)import_map(import, RW);
	/* An importer may have kept it: the region moves. */
	EXPECT_EQ(tract_export_unpublish(export), 0);
	EXPECT_EQ(peek(&s.host, there), 21);
	store(s.here, 22);
	EXPECT_EQ(peek(&s.host, there), 22);
	EXPECT_EQ(host_do(&s.host, POKE, there, 23), 0);
	EXPECT_EQ(load(s.here), 23);
	EXPECT_EQ(tract_export_destroy(export), 0);
	import_down(import);
	EXPECT_EQ(detach(s.map, there), 0);
	scene_down(&s);
}

/* ---- who may ---------------------------------------------------------------------------- */

TEST(a_process_that_did_not_hand_its_map_out_is_not_asked)
{
	struct tract_map *map = NULL;
	struct tract *ctx = node_open();
	struct kin host;

	kin_start(&host, host_body, NULL);
	EXPECT_EQ(tract_map_of(ctx, host.pid, &map), -ENOENT);
	/* It is there, and has agreed to nothing. */
	EXPECT_EQ(host_do(&host, WITHDRAW, NULL, 0), ENOENT);
	EXPECT_EQ(host_do(&host, OFFER, NULL, 0), 0);
	EXPECT_EQ(host_do(&host, WITHDRAW, NULL, 0), 0);
	EXPECT_EQ(tract_map_of(ctx, host.pid, &map), -EPERM);
	EXPECT_EQ(tract_map_of(ctx, 0, &map), -EINVAL);
	EXPECT_EQ(tract_map_of(NULL, host.pid, &map), -EINVAL);
	EXPECT(!map);
	host_down(&host);
	tract_close(ctx);
}

TEST(a_map_that_was_withdrawn_is_changed_no_more)
{
	struct scene s = scene_up(1);
	char *there = attach(s.map, s.region, RW);
	void *at = NULL;

	store(s.here, 3);
	EXPECT_EQ(host_do(&s.host, WITHDRAW, NULL, 0), 0);
	EXPECT_EQ(attach_at(s.map, s.region, RW, 0, &at), -EPERM);
	EXPECT_EQ(detach(s.map, there), -EPERM);
	EXPECT_EQ(tract_map_reserve(s.map, &at, PAGE, 0, 0, 0), -EPERM);
	EXPECT_EQ(tract_map_release(s.map, there), -EPERM);
	EXPECT_EQ(peek(&s.host, there), 3);
	/* Handed out again it has to be got again. */
	EXPECT_EQ(host_do(&s.host, OFFER, NULL, 0), 0);
	EXPECT_EQ(detach(s.map, there), -EPERM);
	tract_map_close(s.map);
	s.map = map_up(s.ctx, &s.host);
	EXPECT_EQ(detach(s.map, there), 0);
	scene_down(&s);
}

TEST(another_processs_map_is_not_looked_at)
{
	struct scene s = scene_up(1);
	char *there = attach(s.map, s.region, RW), name[TRACT_ATTACH_NAME_MAX + 1];
	struct tract_span span;
	uint64_t offset;

	EXPECT_EQ(tract_map_find(s.map, there, 1, &span), -EPERM);
	EXPECT_EQ(tract_map_next_attachment(s.map, NULL, &span), -EPERM);
	EXPECT_EQ(tract_map_next_area(s.map, NULL, &span), -EPERM);
	EXPECT_EQ(tract_map_name(s.map, there, name, &offset), -EPERM);
	EXPECT_EQ(tract_map_populate(s.map, there, PAGE, RO), -EPERM);
	EXPECT_EQ(tract_map_show(s.map, s.region, there, PAGE, 0, RO), -EPERM);
	/* Taking away is no looking; what is attached stays. */
	EXPECT_EQ(tract_map_hide(s.map, there, PAGE, RW), 0);
	EXPECT_EQ(tract_map_hide(s.map, there, 1, RW), -EINVAL);
	EXPECT_EQ(peek(&s.host, there), 0);
	EXPECT_EQ(detach(s.map, there), 0);
	scene_down(&s);
}

TEST(ones_own_number_gives_the_own_map)
{
	struct tract *ctx = node_open();
	struct tract_map *map = NULL;

	EXPECT_EQ(tract_map_of(ctx, getpid(), &map), 0);
	EXPECT(map == tract_map_own());
	tract_map_close(map);
	tract_map_close(NULL);
	tract_close(ctx);
}

TEST(a_child_has_no_use_for_its_parents_map_of_another)
{
	struct scene s = scene_up(1);
	pid_t child = fork();
	void *at = NULL;

	if (child == 0) {
		EXPECT_EQ(attach_at(s.map, s.region, RW, 0, &at), -ECHILD);
		EXPECT_EQ(detach(s.map, s.here), -ECHILD);
		_exit(0);
	}
	rig_expect_success(child);
	scene_down(&s);
}

static void be_another_user(pid_t host, int wanted)
{
	struct tract_map *map = NULL;
	struct tract_region *region;
	struct tract *ctx;
	char *here;

	EXPECT(rig_become(RIG_OTHER_UID));
	ctx = node_open();
	EXPECT_EQ(tract_map_of(ctx, host, &map), wanted);
	if (wanted == 0) {
		region = region_up(1, &here);
		EXPECT_EQ(detach(map, attach(map, region, RW)), 0);
	}
	_exit(0);
}

TEST(another_user_needs_the_list_to_say_so)
{
	struct kin host;
	pid_t broker, child;

	if (geteuid() != 0)
		SKIP("needs root, to be two users");
	EXPECT_EQ(chmod(test_directory(), 0711), 0);
	broker = rig_broker_start(test_directory(), 0, rig_stays);
	host_up(&host);
	child = fork();
	if (child == 0)
		be_another_user(host.pid, -EPERM);
	rig_expect_success(child);
	EXPECT_EQ(host_do(&host, OFFER_OTHERS, NULL, 0), 0);
	child = fork();
	if (child == 0)
		be_another_user(host.pid, 0);
	rig_expect_success(child);
	host_down(&host);
	rig_broker_stop(broker);
}
