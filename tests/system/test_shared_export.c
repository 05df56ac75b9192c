/* SPDX-License-Identifier: MIT */
/*
 * test_shared_export.c - shared regions that are exported as segments, between processes
 *
 * One object for mappers and importers; and whoever is cut off keeps nothing of it, however he
 * holds on to what he was given.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "kin.h"
#include "map/copied.h"

#define BOTH TRACT_RIGHT_READ_WRITE
#define SIZE (2 * PAGE)

/* ---- a process that does what it is told ------------------------------------------------ */

enum deed {
	END,
	NUMBER,
	IMPORT,
	INODE,
	CHECK,
	LOAD,
	STORE,
	KEEP,
	KEPT,
	SPOIL,
	MAP,
	TAKE,
	EXPORT
};

struct other {
	struct tract *ctx;
	struct tract_import *import;
	struct tract_shared *shared;
	unsigned char *seen;   /* where it is imported */
	unsigned char *kept;   /* another mapping, of its own making */
	unsigned char *mapped; /* where it is mapped, as a shared region */
};

static uint64_t map_shared(struct other *o, uint64_t number, uint32_t permission)
{
	void *addr = NULL;
	int r;

	r = tract_shared_open(o->ctx, number, &o->shared);
	if (r == 0)
		r = tract_shared_map(o->shared, &addr, permission);
	o->mapped = addr;
	return (uint64_t)r;
}

static uint64_t take(struct other *o, uint64_t token)
{
	void *addr = NULL;
	int r = tract_cap_map(o->ctx, token, true, &addr, TRACT_PERMIT_READ_WRITE, &o->shared);

	o->mapped = addr;
	return (uint64_t)r;
}

static uint64_t export_mapped(const struct other *o)
{
	struct tract_export *export;
	int r;

	r = tract_export_create(o->ctx, o->mapped, SIZE, 0, &export);
	if (r == 0)
		EXPECT_EQ(tract_export_destroy(export), 0);
	return (uint64_t)r;
}

static unsigned char *view(const struct other *o)
{
	return o->mapped ? o->mapped : o->seen;
}

static uint64_t do_deed(struct other *o, enum deed deed, uint64_t a, uint64_t b)
{
	uint64_t number = 0;

	switch (deed) {
	case NUMBER:
		EXPECT_EQ(tract_process(o->ctx, &number), 0);
		return number;
	case IMPORT:
		o->import = import_up(o->ctx, (uint32_t)a, BOTH);
		o->seen = import_map(o->import, BOTH);
		return *o->seen;
	case INODE:
		return object_inode(view(o));
	case CHECK:
		return (uint64_t)tract_import_check(o->import);
	case LOAD:
		return view(o)[a];
	case STORE:
		view(o)[a] = (unsigned char)b;
		return 0;
	case KEEP:
		o->kept = pages_twin(o->seen, 2);
		return 0;
	case KEPT:
		return o->kept[a];
	case SPOIL:
		o->kept[a] = (unsigned char)b;
		return 0;
	case MAP:
		return map_shared(o, a, (uint32_t)b);
	case TAKE:
		return take(o, a);
	case EXPORT:
		return export_mapped(o);
	case END:
		break;
	}
	return 0;
}

static void serve(struct kin *parent, void *arg)
{
	struct other o = { .ctx = node_open() };

	(void)arg;
	for (uint64_t deed; (deed = kin_hear(parent)) != END;) {
		uint64_t a = kin_hear(parent), b = kin_hear(parent);

		kin_tell(parent, do_deed(&o, (enum deed)deed, a, b));
	}
	if (o.kept)
		pages_free(o.kept, 2);
	if (o.import)
		import_down(o.import);
	tract_shared_unmap_all(o.ctx);
	tract_shared_close(o.shared);
	tract_close(o.ctx);
}

static int64_t ask(struct kin *k, enum deed deed, uint64_t a, uint64_t b)
{
	kin_tell(k, deed);
	kin_tell(k, a);
	kin_tell(k, b);
	return (int64_t)kin_hear(k);
}

static void dismiss(struct kin *k)
{
	kin_tell(k, END);
	kin_finish(k);
}

/* ---- the owner -------------------------------------------------------------------------- */

/* A region, mapped and exported, and a process that imports it and keeps what it was given. */
struct scene {
	struct kin importer, other;
	struct tract *ctx;
	struct tract_shared *shared;
	struct tract_export *export;
	unsigned char *at;
	uint64_t copied;
	uint32_t id;
};

static void map_here(struct scene *s, uint32_t permission)
{
	void *addr = NULL;

	EXPECT_EQ(tract_shared_map(s->shared, &addr, permission), 0);
	s->at = addr;
}

static void scene_up(struct scene *s)
{
	const struct tract_shared_spec spec = { .size = SIZE,
						.ceiling = TRACT_PERMIT_READ_WRITE,
						.numa_node = TRACT_NODE_ANY };

	(void)memset(s, 0, sizeof(*s));
	kin_start(&s->importer, serve, NULL);
	kin_start(&s->other, serve, NULL);
	s->ctx = node_open();
	s->copied = copied_count();
	EXPECT_EQ(tract_shared_create(s->ctx, &spec, &s->shared), 0);
	map_here(s, TRACT_PERMIT_READ_WRITE);
	s->at[0] = 'a';
	s->at[PAGE] = 'b';
}

static void share(struct scene *s)
{
	s->export = export_up(s->ctx, s->at, SIZE, 0, &s->id);
	EXPECT_EQ(ask(&s->importer, IMPORT, s->id, 0), s->at[0]);
	EXPECT_EQ(ask(&s->importer, KEEP, 0, 0), 0);
}

/* By a grant. */
static void map_there(struct scene *s)
{
	EXPECT_EQ(tract_shared_grant(s->shared, (uint64_t)ask(&s->other, NUMBER, 0, 0),
				     TRACT_PERMIT_READ_WRITE),
		  0);
	EXPECT_EQ(ask(&s->other, MAP, tract_shared_number(s->shared), TRACT_PERMIT_READ_WRITE),
		  0);
}

static void scene_down(struct scene *s)
{
	dismiss(&s->importer);
	dismiss(&s->other);
	tract_shared_unmap_all(s->ctx);
	tract_shared_close(s->shared);
	tract_close(s->ctx);
}

static uint64_t backing(const struct scene *s)
{
	struct tract_shared_facts facts;

	EXPECT_EQ(tract_shared_look(s->shared, &facts), 0);
	return facts.backing;
}

/* It is told so, sees zeros, and neither sees nor does anything by what it has kept. */
static void expect_cut_off(struct scene *s)
{
	EXPECT_EQ(ask(&s->importer, CHECK, 0, 0), -ESTALE);
	EXPECT_EQ(ask(&s->importer, LOAD, 0, 0), 0);
	EXPECT_EQ(ask(&s->importer, KEPT, 0, 0), 0);
	EXPECT_EQ(ask(&s->importer, KEPT, PAGE, 0), 0);
	EXPECT_EQ(ask(&s->importer, SPOIL, 0, 'x'), 0);
}

/* ---- one memory ------------------------------------------------------------------------- */

TEST(a_shared_region_is_exported_where_it_is_mapped_without_a_copy)
{
	struct scene s;

	scene_up(&s);
	share(&s);
	map_there(&s);
	EXPECT_EQ(ask(&s.importer, INODE, 0, 0), (int64_t)object_inode(s.at));
	EXPECT_EQ(ask(&s.other, INODE, 0, 0), (int64_t)object_inode(s.at));
	s.at[1] = 'o';
	EXPECT_EQ(ask(&s.importer, STORE, 2, 'i'), 0);
	EXPECT_EQ(ask(&s.other, STORE, PAGE + 1, 'm'), 0);
	EXPECT_EQ(ask(&s.importer, LOAD, 1, 0), 'o');
	EXPECT_EQ(ask(&s.importer, LOAD, PAGE + 1, 0), 'm');
	EXPECT_EQ(ask(&s.other, LOAD, 2, 0), 'i');
	EXPECT_EQ(s.at[2], 'i');
	EXPECT_EQ(copied_count() - s.copied, 0);
	EXPECT_EQ(backing(&s), 0);
	EXPECT_EQ(tract_export_destroy(s.export), 0);
	scene_down(&s);
}

TEST(exports_of_a_shared_region_overlap_and_end_by_themselves)
{
	struct tract_export *tail;
	struct scene s;
	uint32_t id;

	scene_up(&s);
	share(&s);
	tail = export_up(s.ctx, s.at + PAGE, PAGE, 0, &id);
	EXPECT_EQ(ask(&s.other, IMPORT, id, 0), 'b');
	EXPECT_EQ(tract_export_destroy(s.export), 0);
	expect_cut_off(&s);
	/* Who imports the other one has moved along, and his stores arrive. */
	EXPECT_EQ(ask(&s.other, CHECK, 0, 0), 0);
	EXPECT_EQ(ask(&s.other, INODE, 0, 0), (int64_t)object_inode(s.at));
	EXPECT_EQ(ask(&s.other, STORE, 0, 'c'), 0);
	EXPECT_EQ(s.at[PAGE], 'c');
	EXPECT_EQ(s.at[0], 'a');
	EXPECT_EQ(tract_export_destroy(tail), 0);
	EXPECT_EQ(s.at[PAGE], 'c');
	scene_down(&s);
}

TEST(what_is_mapped_for_reading_is_exported_for_reading)
{
	struct tract_import *import;
	struct scene s;

	scene_up(&s);
	EXPECT_EQ(tract_shared_unmap(s.shared, 0, 0), 0);
	map_here(&s, TRACT_PERMIT_READ);
	s.export = export_up(s.ctx, s.at, SIZE, 0, &s.id);
	EXPECT_EQ(tract_import_connect(s.ctx, 0, s.id, BOTH, &import), -EACCES);
	import = import_up(s.ctx, s.id, TRACT_RIGHT_READ);
	EXPECT_EQ(*(unsigned char *)import_map(import, TRACT_RIGHT_READ), 'a');
	import_down(import);
	EXPECT_EQ(tract_export_destroy(s.export), 0);
	scene_down(&s);
}

TEST(who_was_granted_a_region_does_not_export_it)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	EXPECT_EQ(ask(&s.other, EXPORT, 0, 0), -EACCES);
	scene_down(&s);
}

TEST(a_range_that_goes_past_the_region_is_not_exported)
{
	struct tract_export *export = NULL;
	struct scene s;

	scene_up(&s);
	EXPECT_EQ(tract_export_create(s.ctx, s.at + PAGE, SIZE, 0, &export), -EFAULT);
	EXPECT_EQ(tract_export_create(s.ctx, s.at, SIZE, TRACT_EXPORT_REBIND, &s.export), 0);
	EXPECT_EQ(tract_export_rebind(s.export, s.at - SIZE, SIZE), -ENOTSUP);
	EXPECT_EQ(tract_export_destroy(s.export), 0);
	scene_down(&s);
}

/* ---- taking back ------------------------------------------------------------------------ */

TEST(unpublishing_takes_a_region_from_importers_and_from_nobody_else)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	share(&s);
	EXPECT_EQ(tract_export_unpublish(s.export), 0);
	expect_cut_off(&s);
	EXPECT_EQ(s.at[0], 'a');
	EXPECT_EQ(ask(&s.other, STORE, 1, 'm'), 0);
	EXPECT_EQ(s.at[1], 'm');
	EXPECT_EQ(backing(&s), 1);
	/* And again: the same export, and other importers. */
	s.id = 0;
	EXPECT_EQ(tract_export_publish(s.export, &s.id, NULL, 0), 0);
	EXPECT_EQ(tract_export_unpublish(s.export), 0);
	EXPECT_EQ(tract_export_unpublish(s.export), -ENOENT);
	EXPECT_EQ(backing(&s), 1);
	EXPECT_EQ(tract_export_destroy(s.export), 0);
	EXPECT_EQ(s.at[PAGE], 'b');
	scene_down(&s);
}

static _Atomic bool enough;

static void *count_up(void *arg)
{
	volatile uint64_t *counter = arg;
	uint64_t count = 0;

	while (!atomic_load_explicit(&enough, memory_order_relaxed))
		*counter = ++count;
	EXPECT_EQ(*counter, count);
	return (void *)(uintptr_t)count;
}

TEST_SLOW(no_store_of_a_mapper_is_lost_while_importers_are_cut_off, 120)
{
	uint64_t *counter;
	pthread_t thread;
	void *count;
	struct scene s;

	scene_up(&s);
	counter = (uint64_t *)(void *)(s.at + PAGE + 64);
	atomic_store(&enough, false);
	EXPECT_EQ(pthread_create(&thread, NULL, count_up, counter), 0);
	for (int i = 0; i < 20; i++) {
		struct tract_import *import;

		s.export = export_up(s.ctx, s.at, SIZE, 0, &s.id);
		import = import_up(s.ctx, s.id, BOTH);
		EXPECT_EQ(tract_export_unpublish(s.export), 0);
		EXPECT_EQ(tract_import_close(import), 0);
		EXPECT_EQ(tract_export_destroy(s.export), 0);
		EXPECT(backing(&s) == (uint64_t)i + 1);
	}
	atomic_store(&enough, true);
	EXPECT_EQ(pthread_join(thread, &count), 0);
	EXPECT_EQ(*counter, (uint64_t)(uintptr_t)count);
	scene_down(&s);
}

/* The export is left, with nothing behind it. */
static void expect_lost(struct scene *s)
{
	s->id = 0;
	EXPECT_EQ(tract_export_unpublish(s->export), -ENOENT);
	EXPECT_EQ(tract_export_publish(s->export, &s->id, NULL, 0), -ESTALE);
	EXPECT_EQ(tract_export_destroy(s->export), 0);
}

TEST(unmapping_takes_the_export_back)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	share(&s);
	EXPECT_EQ(tract_shared_unmap(s.shared, 0, 0), 0);
	expect_cut_off(&s);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 'a');
	expect_lost(&s);
	scene_down(&s);
}

TEST(who_moves_a_region_away_has_exported_it_no_more)
{
	struct tract_transfer offered;
	struct scene s;

	scene_up(&s);
	share(&s);
	EXPECT_EQ(tract_offer(s.shared, (uint64_t)ask(&s.other, NUMBER, 0, 0), TRACT_OFFER_MOVE,
			      TRACT_FORCE_FENCE, &offered),
		  0);
	EXPECT_EQ(ask(&s.other, TAKE, offered.token, 0), 0);
	EXPECT_EQ(ask(&s.other, STORE, 0, 'n'), 0);
	expect_cut_off(&s);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 'n');
	EXPECT_EQ(ask(&s.other, LOAD, PAGE, 0), 'b');
	expect_lost(&s);
	scene_down(&s);
}

TEST(who_gives_a_region_away_keeps_it_mapped_and_has_exported_it_no_more)
{
	struct scene s;

	scene_up(&s);
	share(&s);
	EXPECT_EQ(tract_shared_give(s.shared, (uint64_t)ask(&s.other, NUMBER, 0, 0)), 0);
	expect_cut_off(&s);
	EXPECT_EQ(s.at[0], 'a');
	expect_lost(&s);
	scene_down(&s);
}

/* Says the id under which it exports the region of that number, which it has mapped. */
static void export_until_killed(struct kin *parent, void *arg)
{
	struct scene s = { .ctx = node_open() };
	const struct tract_shared_spec spec = { .size = SIZE,
						.ceiling = TRACT_PERMIT_READ_WRITE,
						.numa_node = TRACT_NODE_ANY };

	(void)arg;
	EXPECT_EQ(tract_shared_create(s.ctx, &spec, &s.shared), 0);
	map_here(&s, TRACT_PERMIT_READ_WRITE);
	s.at[0] = 'a';
	s.export = export_up(s.ctx, s.at, SIZE, 0, &s.id);
	EXPECT_EQ(tract_shared_grant(s.shared, kin_hear(parent), TRACT_PERMIT_READ_WRITE), 0);
	kin_tell(parent, tract_shared_number(s.shared));
	kin_tell(parent, s.id);
	kin_linger(parent);
}

TEST(an_owner_that_is_killed_takes_its_importers_along_and_no_mapper)
{
	struct kin owner, mapper, importer;
	uint64_t number, id;

	kin_start(&owner, export_until_killed, NULL);
	kin_start(&mapper, serve, NULL);
	kin_start(&importer, serve, NULL);
	kin_tell(&owner, (uint64_t)ask(&mapper, NUMBER, 0, 0));
	number = kin_hear(&owner);
	id = kin_hear(&owner);
	EXPECT_EQ(ask(&mapper, MAP, number, TRACT_PERMIT_READ_WRITE), 0);
	EXPECT_EQ(ask(&importer, IMPORT, id, 0), 'a');
	EXPECT_EQ(ask(&importer, KEEP, 0, 0), 0);
	kin_kill(&owner);
	while (ask(&importer, CHECK, 0, 0) == 0)
		continue;
	while (ask(&importer, KEPT, 0, 0) != 0)
		continue;
	EXPECT_EQ(ask(&importer, SPOIL, 0, 'x'), 0);
	EXPECT_EQ(ask(&mapper, LOAD, 0, 0), 'a');
	dismiss(&importer);
	dismiss(&mapper);
}
