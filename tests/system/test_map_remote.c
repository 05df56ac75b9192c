/* SPDX-License-Identifier: MIT */
/*
 * test_map_remote.c - maps of other processes
 *
 * A host is a child that hands its map out and does what it is told on the channel: looks,
 * stores, gives up.  The test attaches its memory there.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kin.h"
#include "rig.h"
#include "sys/sock.h"
#include "wire/wire.h"

#define RW TRACT_RIGHT_READ_WRITE
#define RO TRACT_RIGHT_READ
#define FAR_AWAY 0x7800000000000000ull

/* ---- hosts ------------------------------------------------------------------------------ */

enum order { END, OFFER, OFFER_OTHERS, WITHDRAW, PEEK, POKE, KIND, DETACH, EXPORT, CHECK, TAG };

static uint64_t kind_at(uint64_t addr)
{
	struct tract_span span;

	return tract_map_find(tract_map_own(), (void *)addr, 1, &span) == 0 ? span.kind : 0;
}

static uint64_t tag_at(uint64_t addr)
{
	struct tract_detached done;

	if (tract_map_detach(tract_map_own(), (void *)addr, 1, TRACT_DETACH_WHOLE, &done) < 0)
		return 1;
	return done.has_tag ? done.tag : 0;
}

/* Which thread mapped it, and before what, another process has been told: TSan knows of no
 * order but that of the map's lock. */
static void catch_up(uint64_t addr)
{
	char name[TRACT_ATTACH_NAME_MAX + 1];
	uint64_t offset;

	(void)tract_map_name(tract_map_own(), (void *)addr, name, &offset);
}

static uint64_t obey(struct tract *ctx, enum order order, uint64_t addr, uint64_t value,
		     struct tract_export **export)
{
	const struct tract_access all = { .mode = 0666 };

	catch_up(addr);
	switch (order) {
	case OFFER:
		return (uint64_t)-tract_map_offer(ctx, NULL, 0);
	case OFFER_OTHERS:
		return (uint64_t)-tract_map_offer(ctx, &all, 1);
	case WITHDRAW:
		return (uint64_t)-tract_map_withdraw(ctx);
	case PEEK:
		return *(volatile uint64_t *)addr;
	case POKE:
		*(volatile uint64_t *)addr = value;
		return 0;
	case KIND:
		return kind_at(addr);
	case DETACH:
		return (uint64_t)-tract_detach((void *)addr);
	case TAG:
		return tag_at(addr);
	case EXPORT:
		return (uint64_t)-tract_export_create(ctx, (void *)addr, value, 0, export);
	case CHECK:
		return (uint64_t)-tract_check_range((void *)addr, PAGE);
	default:
		return 0;
	}
}

static void host_body(struct kin *parent, void *arg)
{
	struct tract_export *export = NULL;
	struct tract *ctx = node_open();
	enum order order;
	uint64_t addr, value;

	(void)arg;
	/* A sanitizer would say something, and end it otherwise. */
	EXPECT(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
	while ((order = (enum order)kin_hear(parent)) != END) {
		addr = kin_hear(parent);
		value = kin_hear(parent);
		kin_tell(parent, obey(ctx, order, addr, value, &export));
	}
	if (export)
		EXPECT_EQ(tract_export_destroy(export), 0);
	tract_close(ctx);
}

static uint64_t host_do(struct kin *host, enum order order, const void *addr, uint64_t value)
{
	kin_tell(host, order);
	kin_tell(host, (uintptr_t)addr);
	kin_tell(host, value);
	return kin_hear(host);
}

static void host_up(struct kin *host)
{
	kin_start(host, host_body, NULL);
	EXPECT_EQ(host_do(host, OFFER, NULL, 0), 0);
}

static void host_down(struct kin *host)
{
	kin_tell(host, END);
	kin_finish(host);
}

static uint64_t peek(struct kin *host, const void *addr)
{
	return host_do(host, PEEK, addr, 0);
}

/* ---- what is attached there ------------------------------------------------------------- */

static struct tract_region *region_up(size_t pages, char **ret_here)
{
	const struct tract_region_spec spec = { .size = pages * PAGE };
	struct tract_region *region = NULL;
	void *here = NULL;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &here, 0, 0, RW, 0), 0);
	*ret_here = here;
	return region;
}

static void region_down(struct tract_region *region, char *here)
{
	EXPECT_EQ(tract_detach(here), 0);
	tract_region_close(region);
}

static struct tract_map *map_up(struct tract *ctx, const struct kin *host)
{
	struct tract_map *map = NULL;

	EXPECT_EQ(tract_map_of(ctx, host->pid, &map), 0);
	return map;
}

static int attach_at(struct tract_map *map, struct tract_region *region, uint32_t rights,
		     uint32_t flags, void **at)
{
	const struct tract_attachment what = {
		.region = region, .rights = rights, .flags = flags, .tag = 4711, .name = "lent"
	};

	return tract_map_attach(map, &what, at);
}

static char *attach(struct tract_map *map, struct tract_region *region, uint32_t rights)
{
	void *at = NULL;

	EXPECT_EQ(attach_at(map, region, rights, 0, &at), 0);
	return at;
}

static int detach(struct tract_map *map, const void *at)
{
	return tract_map_detach(map, at, 1, TRACT_DETACH_WHOLE, NULL);
}

static void store(char *at, uint64_t value)
{
	catch_up((uintptr_t)at);
	*(volatile uint64_t *)(void *)at = value;
}

static uint64_t load(const char *at)
{
	catch_up((uintptr_t)at);
	return *(const volatile uint64_t *)(const void *)at;
}

struct scene {
	struct tract *ctx;
	struct kin host;
	struct tract_map *map;
	struct tract_region *region;
	char *here;
};

static struct scene scene_up(size_t pages)
{
	struct scene s;

	host_up(&s.host);
	s.ctx = node_open();
	s.map = map_up(s.ctx, &s.host);
	s.region = region_up(pages, &s.here);
	return s;
}

static void scene_down(struct scene *s)
{
	region_down(s->region, s->here);
	tract_map_close(s->map);
	host_down(&s->host);
	tract_close(s->ctx);
}

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

/* ---- who keeps everything --------------------------------------------------------------- */

/* Hands its map out by hand, and has no map: what it gets it keeps. */
struct keeper {
	struct rig_client client;
	struct conn events;
	int kept;
	uint32_t serial;
};

static void keeper_up(struct keeper *k)
{
	struct message events = { .number = MSG_events }, offer = { .number = MSG_map_offer };
	int pair[2], fd;

	*k = (struct keeper){ .kept = -1 };
	rig_client_up(test_directory(), &k->client);
	EXPECT_EQ(sock_pair(pair), 0);
	EXPECT_EQ(rig_ask_with(&k->client, events, &pair[1], 1, &fd).number, MSG_done);
	(void)close(pair[1]);
	conn_open(&k->events, pair[0], true);
	EXPECT_EQ(rig_ask(&k->client, offer, &fd).number, MSG_done);
}

static struct message keeper_hear(struct keeper *k)
{
	struct message event;
	int fds[CONN_FDS_MAX];
	unsigned count = 0;

	EXPECT_EQ(conn_receive(&k->events, &event, fds, &count), 0);
	k->serial = event.serial;
	if (count == 1) {
		if (k->kept >= 0)
			(void)close(k->kept);
		k->kept = fds[0];
	}
	return event;
}

static void keeper_answer(struct keeper *k, struct msg_map_answer words)
{
	struct message answer = { .number = MSG_map_answer,
				  .serial = k->serial,
				  .map_answer = words };

	EXPECT_EQ(conn_send(&k->events, &answer, NULL, 0), 0);
}

static void keeper_down(struct keeper *k)
{
	(void)close(k->kept);
	conn_close(&k->events);
	rig_client_down(&k->client);
}

static void keeper_body(struct kin *parent, void *arg)
{
	const uint64_t attach_error = *(uint64_t *)arg;
	struct message event, closes = { .number = MSG_import_close };
	struct keeper k;
	uint64_t word = 0;

	keeper_up(&k);
	kin_tell(parent, 0);
	event = keeper_hear(&k);
	EXPECT_EQ(event.number, MSG_map_asked_region);
	closes.import_close.import = event.map_asked_region.import;
	if (attach_error == ETIMEDOUT) {
		(void)kin_hear(parent);
	} else {
		keeper_answer(&k, (struct msg_map_answer){ .error = (uint32_t)attach_error,
							   .start = FAR_AWAY,
							   .size = PAGE });
	}
	if (attach_error == 0) {
		event = keeper_hear(&k);
		EXPECT_EQ(event.number, MSG_map_asked);
		/* Closed before it is answered for, and kept all the same. */
		EXPECT_EQ(conn_send(&k.events, &closes, NULL, 0), 0);
		keeper_answer(&k, (struct msg_map_answer){ .start = FAR_AWAY, .size = PAGE });
	}
	kin_tell(parent, 0);
	while (kin_hear(parent) == 0) {
		EXPECT_EQ(pread(k.kept, &word, sizeof(word), 0), sizeof(word));
		kin_tell(parent, word);
		word = UINT64_C(0xbadbad);
		EXPECT_EQ(pwrite(k.kept, &word, sizeof(word), 0), sizeof(word));
		kin_tell(parent, 0);
	}
	keeper_down(&k);
}

static void expect_nothing_kept(struct kin *keeper, char *here)
{
	store(here, 0x5ec5ec);
	kin_tell(keeper, 0);
	EXPECT_EQ(kin_hear(keeper), 0);
	(void)kin_hear(keeper);
	EXPECT_EQ(load(here), 0x5ec5ec);
	kin_tell(keeper, 1);
}

static void meet_keeper(uint64_t attach_error)
{
	struct tract *ctx = node_open();
	struct tract_region *region;
	struct kin keeper;
	struct tract_map *map;
	void *at = NULL;
	char *here;
	int r;

	kin_start(&keeper, keeper_body, &attach_error);
	(void)kin_hear(&keeper);
	map = map_up(ctx, &keeper);
	region = region_up(1, &here);
	r = attach_at(map, region, RW, 0, &at);
	EXPECT_EQ(r, -(int)attach_error);
	if (r == 0)
		EXPECT_EQ(detach(map, at), 0);
	if (attach_error == ETIMEDOUT)
		kin_tell(&keeper, 0);
	(void)kin_hear(&keeper);
	expect_nothing_kept(&keeper, here);
	kin_finish(&keeper);
	region_down(region, here);
	tract_map_close(map);
	tract_close(ctx);
}

TEST(who_keeps_what_was_detached_has_a_view_of_nothing)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);

	meet_keeper(0);
	rig_broker_stop(broker);
}

TEST(who_keeps_what_it_refused_to_attach_has_a_view_of_nothing)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);

	meet_keeper(ENOMEM);
	rig_broker_stop(broker);
}

TEST(who_keeps_what_it_never_answered_for_has_a_view_of_nothing)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);

	meet_keeper(ETIMEDOUT);
	rig_broker_stop(broker);
}
