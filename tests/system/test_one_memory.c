/* SPDX-License-Identifier: MIT */
/*
 * test_one_memory.c - what is attached is exported as it is, and imports are in the map
 *
 * One object under two names: an address of its owner's and a segment's.  Bytes are copied only
 * where memory is taken back, or was private.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kin.h"
#include "land.h"
#include "map/copied.h"
#include "rig.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE

/* ---- an importer ------------------------------------------------------------------------ */

enum order { END, LOOK, STORE, CHECK, CLOSE, INODE };

/* Imports what it is told of, and does with it what it is told. */
static void import_on(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_import *import;
	uint32_t id;

	(void)arg;
	while ((id = (uint32_t)kin_hear(parent)) != 0) {
		uint64_t order = LOOK;
		char *at;

		import = import_up(ctx, id, BOTH);
		at = import_map(import, BOTH);
		kin_tell(parent, (uint64_t)*at);
		while ((order = kin_hear(parent)) != CLOSE) {
			if (order == STORE)
				*at = (char)kin_hear(parent);
			if (order == CHECK)
				kin_tell(parent, (uint64_t)-tract_import_check(import));
			else
				kin_tell(parent,
					 order == INODE ? object_inode(at) : (uint64_t)*at);
		}
		import_down(import);
		kin_tell(parent, 0);
	}
	tract_close(ctx);
}

static uint64_t ask(struct kin *k, uint64_t order)
{
	kin_tell(k, order);
	return kin_hear(k);
}

static int look(struct kin *k)
{
	return (int)ask(k, LOOK);
}

static void store(struct kin *k, char byte)
{
	kin_tell(k, STORE);
	(void)ask(k, (uint64_t)byte);
}

struct stage {
	struct kin kin;
	struct tract *ctx;
	uint64_t copied;
};

static void stage_up(struct stage *s)
{
	kin_start(&s->kin, import_on, NULL);
	s->ctx = node_open();
	s->copied = copied_count();
}

static void stage_down(struct stage *s)
{
	kin_tell(&s->kin, END);
	kin_finish(&s->kin);
	tract_close(s->ctx);
	land_check();
}

static void expect_no_copy(const struct stage *s)
{
	EXPECT_EQ(copied_count() - s->copied, 0);
}

/* ---- without a copy --------------------------------------------------------------------- */

TEST(what_is_attached_is_exported_without_a_copy)
{
	struct tract_region *region = land_region(4, 'a');
	struct tract_export *export;
	struct stage s;
	uint32_t id;
	char *at;

	stage_up(&s);
	at = attached(.region = region);
	export = export_up(s.ctx, at, 4 * PAGE, 0, &id);
	EXPECT_EQ(ask(&s.kin, id), 'a');
	EXPECT_EQ(ask(&s.kin, INODE), object_inode(at));
	at[0] = 'x';
	EXPECT_EQ(look(&s.kin), 'x');
	store(&s.kin, 'y');
	EXPECT_EQ(at[0], 'y');
	(void)ask(&s.kin, CLOSE);
	expect_no_copy(&s);
	/* Nor is it when the export ends, as nobody was given it who might keep it. */
	EXPECT_EQ(tract_export_destroy(export), 0);
	export = export_up(s.ctx, at, 4 * PAGE, 0, &id);
	EXPECT_EQ(tract_export_unpublish(export), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_STR(land_bytes(at, 4), "ybcd");
	land_clear(at, 4);
	tract_region_close(region);
	stage_down(&s);
}

TEST(a_part_is_exported_from_where_it_is)
{
	struct tract_region *region = land_region(8, 'a');
	struct tract_export *export;
	struct stage s;
	uint32_t id;
	char *at;

	stage_up(&s);
	/* Attached from within a page, in an area, and exported from its middle. */
	at = attached_at(land_area(8, 0), .region = region, .offset = 2 * PAGE + 100,
			 .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_STR(land_bytes(at, 6), "cdefgh");
	export = export_up(s.ctx, at + PAGE, 2 * PAGE, 0, &id);
	EXPECT_EQ(ask(&s.kin, id), 'd');
	store(&s.kin, 'x');
	EXPECT_STR(land_bytes(at, 6), "cxefgh");
	(void)ask(&s.kin, CLOSE);
	EXPECT_EQ(tract_export_destroy(export), 0);
	export = export_up(s.ctx, at, PAGE, 0, &id);
	EXPECT_EQ(ask(&s.kin, id), 'c');
	(void)ask(&s.kin, CLOSE);
	EXPECT_EQ(tract_export_destroy(export), 0);
	land_clear(at, 8);
	tract_region_close(region);
	stage_down(&s);
}

TEST(rebinding_from_one_region_to_another_copies_nothing)
{
	struct tract_region *old = land_region(2, 'a'), *new = land_region(2, 'A');
	struct tract_export *export;
	struct stage s;
	char *from, *to;
	uint32_t id;

	stage_up(&s);
	from = attached(.region = old);
	to = attached(.region = new);
	export = export_up(s.ctx, from, 2 * PAGE, TRACT_EXPORT_REBIND, &id);
	EXPECT_EQ(ask(&s.kin, id), 'a');
	EXPECT_EQ(tract_export_rebind(export, to, 2 * PAGE), 0);
	EXPECT_EQ(look(&s.kin), 'A');
	store(&s.kin, 'x');
	EXPECT_STR(land_bytes(to, 2), "xB");
	EXPECT_STR(land_bytes(from, 2), "ab");
	EXPECT_EQ(tract_export_rebind(export, from, 2 * PAGE), 0);
	EXPECT_EQ(look(&s.kin), 'a');
	expect_no_copy(&s);
	/* What it stood on stays until it is taken back with the export. */
	EXPECT_EQ(tract_detach(from), -EBUSY);
	EXPECT_EQ(tract_region_destroy(new), -EBUSY);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(ask(&s.kin, CHECK), ESTALE);
	(void)ask(&s.kin, CLOSE);
	EXPECT_STR(land_bytes(from, 2), "ab");
	EXPECT_STR(land_bytes(to, 2), "xB");
	land_clear(from, 2);
	land_clear(to, 2);
	EXPECT_EQ(tract_region_destroy(new), 0);
	tract_region_close(old);
	tract_region_close(new);
	stage_down(&s);
}

/* ---- taken back ------------------------------------------------------------------------- */

/* Everywhere the region is seen, its content goes on; and nowhere the old object's does. */
TEST(every_view_of_a_region_goes_on_when_it_is_taken_back)
{
	struct tract_region *region = land_region(4, 'a'), *over = land_region(1, 'O');
	struct tract_export *export;
	struct stage s;
	char *at, *reader, *long_one, *view, *shown, *none;
	uint32_t id;

	stage_up(&s);
	at = attached(.region = region);
	reader = attached(.region = region, .offset = PAGE + 5, .rights = TRACT_RIGHT_READ);
	long_one = attached(.region = region, .offset = 2 * PAGE, .size = 4 * PAGE);
	/* Past the region's end, too; and with stores of its own. */
	view = attached(.region = region, .size = 6 * PAGE, .flags = TRACT_ATTACH_PRIVATE);
	view[PAGE] = 'v';
	shown = land_area(3, 0);
	EXPECT_EQ(tract_map_show(OWN, region, shown, 2 * PAGE, PAGE, BOTH), 0);
	EXPECT_EQ(tract_map_show(OWN, over, long_one, PAGE, 0, BOTH), 0);
	none = attached(.region = region, .offset = 5 * PAGE, .size = PAGE);
	export = export_up(s.ctx, at, 4 * PAGE, 0, &id);
	EXPECT_EQ(ask(&s.kin, id), 'a');
	EXPECT_EQ(tract_export_unpublish(export), 0);
	land_check();
	EXPECT_STR(land_bytes(at, 4), "abcd");
	EXPECT_STR(land_bytes(reader, 3), "bcd");
	EXPECT_STR(land_bytes(long_one, 4), "Od!!");
	EXPECT_STR(land_bytes(view, 6), "avcd!!");
	EXPECT_STR(land_bytes(shown, 3), "bc!");
	EXPECT_STR(land_bytes(none, 1), "!");
	at[PAGE] = 'x';
	shown[PAGE] = 'y';
	EXPECT_STR(land_bytes(at, 4), "axyd");
	EXPECT_STR(land_bytes(reader, 3), "xyd");
	EXPECT_EQ(land_store(reader), SIGSEGV);
	EXPECT_EQ(tract_map_hide(OWN, long_one, PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(long_one, 4), "yd!!");
	EXPECT_STR(land_bytes(view, 6), "avcd!!");
	EXPECT_EQ(ask(&s.kin, CHECK), ESTALE);
	(void)ask(&s.kin, CLOSE);
	/* It can be published again, and taken back again. */
	id = 0;
	EXPECT_EQ(tract_export_publish(export, &id, NULL, 0), 0);
	EXPECT_EQ(ask(&s.kin, id), 'a');
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_STR(land_bytes(at, 4), "axyd");
	(void)ask(&s.kin, CLOSE);
	/* What is attached from now on is the same. */
	EXPECT_STR(land_bytes(attached(.region = region, .offset = PAGE), 3), "xyd");
	land_clear(at, 24);
	EXPECT_EQ(tract_map_hide(OWN, shown, 3 * PAGE, BOTH), 0);
	land_clear(shown, 3);
	tract_region_close(region);
	tract_region_close(over);
	stage_down(&s);
}

TEST(two_exports_of_one_region_end_one_by_one)
{
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region);
	struct tract_export *one, *other;
	struct kin kin;
	struct stage s;
	uint32_t id;

	stage_up(&s);
	kin_start(&kin, import_on, NULL);
	one = export_up(s.ctx, at, 3 * PAGE, 0, &id);
	EXPECT_EQ(ask(&s.kin, id), 'a');
	other = export_up(s.ctx, at + PAGE, 3 * PAGE, 0, &id);
	EXPECT_EQ(ask(&kin, id), 'b');
	EXPECT_EQ(tract_export_unpublish(one), 0);
	EXPECT_EQ(ask(&s.kin, CHECK), ESTALE);
	/* The other's importers go on, with the region's new object. */
	EXPECT_EQ(ask(&kin, CHECK), 0);
	at[PAGE] = 'x';
	EXPECT_EQ(look(&kin), 'x');
	store(&kin, 'y');
	EXPECT_EQ(at[PAGE], 'y');
	EXPECT_EQ(tract_export_destroy(other), 0);
	EXPECT_EQ(tract_export_destroy(one), 0);
	EXPECT_STR(land_bytes(at, 4), "aycd");
	(void)ask(&s.kin, CLOSE);
	(void)ask(&kin, CLOSE);
	kin_tell(&kin, END);
	kin_finish(&kin);
	land_clear(at, 4);
	tract_region_close(region);
	stage_down(&s);
}

/* ---- windows of imports ----------------------------------------------------------------- */

static void map_into_an_area(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_import *import = import_up(ctx, (uint32_t)kin_hear(parent), BOTH);
	struct tract_region *region = land_region(4, 'A');
	char *area = land_area(6, 0);
	struct tract_span span;
	void *at = area + PAGE;

	(void)arg;
	EXPECT_EQ(tract_map_show(OWN, region, area + PAGE, PAGE, 0, BOTH), 0);
	EXPECT_EQ(tract_import_map(import, &at, TRACT_IMPORT_MAP_FIXED, BOTH, 0, 4 * PAGE), 0);
	EXPECT(at == area + PAGE);
	land_check();
	EXPECT_STR(land_bytes(area, 6), "!abcd!");
	EXPECT_EQ(tract_map_find(OWN, at, 1, &span), 0);
	EXPECT_EQ(span.kind, TRACT_SPAN_IMPORTED);
	EXPECT(span.in_area);
	EXPECT_EQ(attach(&at, .region = region, .size = PAGE,
			 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA),
		  -EADDRNOTAVAIL);
	EXPECT_EQ(tract_map_show(OWN, region, area + PAGE, PAGE, 0, BOTH), -EBUSY);
	/* Its addresses stay set aside, and nobody else gets them. */
	EXPECT_EQ(tract_import_unmap(import), 0);
	land_check();
	EXPECT_STR(land_bytes(area, 6), "!!!!!!");
	for (unsigned i = 0; i < 6; i++)
		EXPECT(!land_is_free(area + i * PAGE, 1));
	attached_at(area + PAGE, .region = region, .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_STR(land_bytes(area, 6), "!ABCD!");
	/* Not where something is attached. */
	at = area + 2 * PAGE;
	EXPECT_EQ(tract_import_map(import, &at, TRACT_IMPORT_MAP_FIXED, BOTH, 0, PAGE), -EBUSY);
	EXPECT_STR(land_bytes(area, 6), "!ABCD!");
	land_clear(area, 6);
	EXPECT(land_is_free(area, 6));
	/* And outside of all: over the program's own, which is gone then. */
	at = area;
	EXPECT_EQ(tract_import_map(import, &at, TRACT_IMPORT_MAP_FIXED, BOTH, 0, 4 * PAGE), 0);
	EXPECT_EQ(tract_import_close(import), -EADDRINUSE);
	EXPECT_EQ(tract_import_unmap(import), 0);
	EXPECT(land_is_free(area, 6));
	EXPECT_EQ(tract_import_close(import), 0);
	tract_region_close(region);
	tract_close(ctx);
	land_check();
}

TEST(the_window_of_an_import_may_lie_in_an_area)
{
	struct tract_region *region = land_region(4, 'a');
	struct tract_export *export;
	struct tract *ctx;
	struct kin kin;
	uint32_t id;
	char *at;

	kin_start(&kin, map_into_an_area, NULL);
	ctx = node_open();
	at = attached(.region = region);
	export = export_up(ctx, at, 4 * PAGE, 0, &id);
	kin_tell(&kin, id);
	kin_finish(&kin);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	tract_close(ctx);
}

/* ---- brokers come and go ---------------------------------------------------------------- */

static pid_t broker_up(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/broker", test_directory());
	(void)unlink(path);
	return rig_broker_start(test_directory(), geteuid(), rig_stays);
}

static void broker_kill(pid_t pid)
{
	int status;

	EXPECT_EQ(kill(pid, SIGKILL), 0);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
}

/* Keeps what it was given, whatever becomes of the broker that gave it. */
static void keep_it(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_import *import = import_up(ctx, (uint32_t)kin_hear(parent), BOTH);
	const volatile char *kept;
	char *at = import_map(import, BOTH);

	(void)arg;
	kept = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, object_fd(at), 0);
	EXPECT(kept != MAP_FAILED);
	/* Whoever closes that descriptor does so after it was used: it takes the same lock. */
	EXPECT_EQ(tract_import_map(import, &(void *){ NULL }, 0, BOTH, 0, PAGE), -EALREADY);
	kin_tell(parent, (uint64_t)*kept);
	while (kin_hear(parent) != CLOSE)
		kin_tell(parent, (uint64_t)*kept);
	import_down(import);
	EXPECT_EQ(munmap((void *)(uintptr_t)kept, PAGE), 0);
	tract_close(ctx);
}

TEST(a_local_region_is_announced_anew_to_the_next_broker)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region);
	struct tract_export *export, *again;
	struct tract_import *import;
	struct tract *ctx;
	uint64_t known;
	pid_t broker;
	uint32_t id;

	broker = broker_up();
	ctx = node_open();
	export = export_up(ctx, at, 2 * PAGE, 0, &id);
	known = tract_region_id(region);
	EXPECT(known != 0);
	broker_kill(broker);
	EXPECT_EQ(tract_export_create(ctx, at, 2 * PAGE, 0, &again), -ENOTCONN);
	broker = broker_up();
	EXPECT_EQ(tract_reconnect(ctx), 0);
	again = export_up(ctx, at, 2 * PAGE, 0, &id);
	EXPECT(tract_region_id(region) != 0);
	import = import_up(ctx, id, BOTH);
	at[0] = 'x';
	EXPECT_STR(land_bytes(import_map(import, BOTH), 2), "xb");
	import_down(import);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_export_destroy(again), 0);
	EXPECT_STR(land_bytes(at, 2), "xb");
	EXPECT_EQ(copied_count() > 0, true);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	tract_close(ctx);
	broker_kill(broker);
	land_check();
}

/* Also what an earlier broker gave away is taken back. */
TEST(who_got_a_region_from_an_earlier_broker_sees_nothing_after_it_was_taken_back)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region);
	struct tract_export *export, *again;
	struct tract *ctx;
	struct kin kin;
	pid_t broker;
	uint32_t id;

	broker = broker_up();
	kin_start(&kin, keep_it, NULL);
	ctx = node_open();
	export = export_up(ctx, at, 2 * PAGE, 0, &id);
	EXPECT_EQ(ask(&kin, id), 'a');
	broker_kill(broker);
	broker = broker_up();
	EXPECT_EQ(tract_reconnect(ctx), 0);
	again = export_up(ctx, at, 2 * PAGE, 0, &id);
	EXPECT_EQ(tract_export_unpublish(again), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_export_destroy(again), 0);
	at[0] = 's';
	EXPECT(look(&kin) != 's');
	kin_tell(&kin, CLOSE);
	kin_finish(&kin);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	tract_close(ctx);
	broker_kill(broker);
}

static void be_elsewhere(struct kin *parent, void *arg)
{
	const char *directory = arg;
	struct tract_region *region = land_region(1, 'a');
	char *at = attached(.region = region);
	struct tract_export *here, *there;
	struct tract *ctx = node_open(), *other;

	(void)parent;
	EXPECT_EQ(tract_open(directory, &other), 0);
	EXPECT_EQ(tract_export_create(ctx, at, PAGE, 0, &here), 0);
	/* One object has one broker who knows it. */
	EXPECT_EQ(tract_export_create(other, at, PAGE, 0, &there), -EFAULT);
	EXPECT_EQ(tract_export_destroy(here), 0);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	tract_close(other);
	tract_close(ctx);
}

TEST(a_region_is_known_to_one_broker_at_a_time)
{
	char directory[64];
	struct kin kin;

	(void)snprintf(directory, sizeof(directory), "%.40s/other", test_directory());
	kin_start(&kin, be_elsewhere, directory);
	kin_finish(&kin);
}
