/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_shared.c - shared regions that are imported from another node
 *
 * One memory for mappers and for importers of both nodes; and when the call that takes it back
 * has returned, whoever is cut off on the other node neither certifies anything nor changes it.
 * The test's process is on both nodes: it owns the region on the second, and imports on the
 * first.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "cluster.h"
#include "kin.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define SIZE ((size_t)64 << 10)
#define ID 0x400001u

/* What the checks in this file compare, in words. */
#define EXPECT_WORD(address, word) \
	EXPECT_EQ(*(const volatile uint64_t *)(const void *)(address), word)

struct scene {
	struct cluster c;
	struct kin other; /* a process of the second node's */
	struct tract *here, *there;
	struct tract_shared *shared;
	char *memory;
	struct tract_export *export;
	struct tract_import *import;
	struct tract_barrier barrier;
};

static void expect_ok(int r)
{
	ck_assert_msg(r == 0, "%d: %s", r, tract_reason());
}

/* ---- another process of the exporter's node ---------------------------------------------- */

enum deed { END, NUMBER, MAP, TAKE, STORE, LOAD };

static uint64_t do_deed(struct tract *ctx, enum deed deed, uint64_t a, uint64_t b)
{
	static struct tract_shared *shared;
	static volatile uint64_t *memory;
	uint64_t number = 0;
	void *addr = NULL;

	switch (deed) {
	case NUMBER:
		expect_ok(tract_process(ctx, &number));
		return number;
	case MAP:
		expect_ok(tract_shared_open(ctx, a, &shared));
		expect_ok(tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE));
		memory = addr;
		return 0;
	case TAKE:
		expect_ok(tract_cap_map(ctx, a, true, &addr, TRACT_PERMIT_READ_WRITE, &shared));
		memory = addr;
		return 0;
	case STORE:
		memory[a] = b;
		return 0;
	case LOAD:
		return memory[a];
	case END:
		tract_shared_unmap_all(ctx);
		tract_shared_close(shared);
		break;
	}
	return 0;
}

static void serve(struct kin *parent, void *arg)
{
	const struct scene *s = arg;
	struct tract *ctx;

	expect_ok(tract_open(s->c.node[1].directory, &ctx));
	for (uint64_t deed = NUMBER; deed != END;) {
		uint64_t a, b;

		deed = kin_hear(parent);
		a = kin_hear(parent);
		b = kin_hear(parent);
		kin_tell(parent, do_deed(ctx, (enum deed)deed, a, b));
	}
	tract_close(ctx);
}

static uint64_t ask(struct kin *k, enum deed deed, uint64_t a, uint64_t b)
{
	kin_tell(k, deed);
	kin_tell(k, a);
	kin_tell(k, b);
	return kin_hear(k);
}

/* ---- the scene --------------------------------------------------------------------------- */

static void nodes_up(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	cluster_make(&s->c, 2, true, NULL);
	cluster_start_all(&s->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&s->c));
	kin_start(&s->other, serve, s);
	expect_ok(tract_open(s->c.node[0].directory, &s->here));
	expect_ok(tract_open(s->c.node[1].directory, &s->there));
}

static void region_up(struct scene *s)
{
	const struct tract_shared_spec spec = { .size = SIZE,
						.ceiling = TRACT_PERMIT_READ_WRITE,
						.numa_node = TRACT_NODE_ANY };
	void *addr = NULL;

	expect_ok(tract_shared_create(s->there, &spec, &s->shared));
	expect_ok(tract_shared_map(s->shared, &addr, TRACT_PERMIT_READ_WRITE));
	s->memory = addr;
}

static struct tract_export *export_at(struct scene *s, uint32_t id)
{
	struct tract_export *export;

	expect_ok(tract_export_create(s->there, s->memory, SIZE, 0, &export));
	expect_ok(tract_export_publish(export, &id, NULL, 0));
	return export;
}

static void scene_up(struct scene *s)
{
	nodes_up(s);
	region_up(s);
	s->export = export_at(s, ID);
	expect_ok(tract_import_connect(s->here, 2, ID, RW, &s->import));
	expect_ok(tract_barrier_init(s->import, &s->barrier));
}

static void nodes_down(struct scene *s)
{
	(void)ask(&s->other, END, 0, 0);
	kin_finish(&s->other);
	tract_shared_unmap_all(s->there);
	tract_shared_close(s->shared);
	tract_close(s->here);
	tract_close(s->there);
	cluster_end(&s->c);
}

static void scene_down(struct scene *s)
{
	expect_ok(tract_import_close(s->import));
	expect_ok(tract_export_destroy(s->export));
	nodes_down(s);
}

/* By a grant. */
static void map_there(struct scene *s)
{
	expect_ok(tract_shared_grant(s->shared, ask(&s->other, NUMBER, 0, 0),
				     TRACT_PERMIT_READ_WRITE));
	(void)ask(&s->other, MAP, tract_shared_number(s->shared), 0);
}

static uint64_t backing(const struct scene *s)
{
	struct tract_shared_facts facts;

	expect_ok(tract_shared_look(s->shared, &facts));
	return facts.backing;
}

static int put(struct scene *s, off_t offset, uint64_t word)
{
	return tract_import_put64(s->import, offset, &word, 1);
}

/* Nothing is a success there, and nothing of it is in the memory. */
static void expect_cut_off(struct scene *s)
{
	uint64_t word = 0;

	EXPECT_EQ(put(s, 0, 0xbad), -ESTALE);
	EXPECT_EQ(tract_import_get64(s->import, 0, &word, 1), -ESTALE);
	EXPECT_EQ(tract_import_check(s->import), -ESTALE);
}

/* The memory is replaced for the sake of an importer of the same node. */
static void replace(struct scene *s, uint32_t id)
{
	struct tract_export *export = export_at(s, id);
	struct tract_import *import;
	uint64_t before = backing(s);

	expect_ok(tract_import_connect(s->there, 2, id, RW, &import));
	expect_ok(tract_export_unpublish(export));
	EXPECT_EQ(backing(s), before + 1);
	expect_ok(tract_import_close(import));
	expect_ok(tract_export_destroy(export));
}

/* ---- one memory -------------------------------------------------------------------------- */

TEST_SLOW(another_node_reads_and_writes_what_mappers_of_a_shared_region_see, 60)
{
	struct scene s;
	uint64_t word = 0;

	scene_up(&s);
	map_there(&s);
	expect_ok(put(&s, 0, 1));
	EXPECT_WORD(s.memory, 1);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 1);
	(void)ask(&s.other, STORE, 1, 2);
	expect_ok(tract_import_get64(s.import, 8, &word, 1));
	EXPECT_EQ(word, 2);
	EXPECT_EQ(put(&s, SIZE, 3), -ERANGE);
	EXPECT_EQ(backing(&s), 0);
	scene_down(&s);
}

TEST_SLOW(another_nodes_importer_follows_memory_that_is_replaced, 60)
{
	struct scene s;
	uint64_t word = 0;

	scene_up(&s);
	map_there(&s);
	expect_ok(put(&s, 0, 1));
	for (uint32_t round = 1; round <= 3; round++) {
		replace(&s, ID + round);
		EXPECT_WORD(s.memory, round);
		expect_ok(put(&s, 0, round + 1));
		EXPECT_WORD(s.memory, round + 1);
		(void)ask(&s.other, STORE, 1, round);
		expect_ok(tract_import_get64(s.import, 8, &word, 1));
		EXPECT_EQ(word, round);
	}
	scene_down(&s);
}

struct writer {
	struct scene *s;
	_Atomic bool stop;
	uint64_t last;
};

/* Each number is put by itself, so that none that was told to be there may be missing. */
static void *write_on(void *arg)
{
	struct writer *w = arg;
	uint64_t got = 0;

	while (!atomic_load(&w->stop)) {
		expect_ok(put(w->s, 0, w->last + 1));
		w->last++;
		expect_ok(tract_import_get64(w->s->import, 0, &got, 1));
		EXPECT_EQ(got, w->last);
	}
	return NULL;
}

TEST_SLOW(no_put_of_another_node_is_lost_while_memory_is_replaced, 120)
{
	struct writer w = { 0 };
	pthread_t thread;
	struct scene s;

	scene_up(&s);
	w.s = &s;
	EXPECT_EQ(pthread_create(&thread, NULL, write_on, &w), 0);
	for (uint32_t round = 1; round <= 10; round++)
		replace(&s, ID + round);
	atomic_store(&w.stop, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT(w.last > 0);
	EXPECT_WORD(s.memory, w.last);
	scene_down(&s);
}

/* Half of the region is one word, again and again another one. */
static void *fill_on(void *arg)
{
	static uint64_t words[SIZE / 16];
	struct writer *w = arg;

	while (!atomic_load(&w->stop)) {
		w->last++;
		for (size_t i = 0; i < SIZE / 16; i++)
			words[i] = w->last;
		expect_ok(tract_import_put64(w->s->import, 0, words, SIZE / 16));
	}
	return NULL;
}

TEST_SLOW(another_nodes_importer_goes_on_when_a_snapshot_was_made, 60)
{
	struct writer w = { 0 };
	struct tract_transfer offered;
	pthread_t thread;
	struct scene s;

	scene_up(&s);
	w.s = &s;
	EXPECT_EQ(pthread_create(&thread, NULL, fill_on, &w), 0);
	for (unsigned round = 0; round < 5; round++) {
		expect_ok(tract_offer(s.shared, ask(&s.other, NUMBER, 0, 0),
				      TRACT_OFFER_SNAPSHOT, 0, &offered));
		EXPECT_EQ(offered.copied, SIZE);
	}
	(void)ask(&s.other, TAKE, offered.token, 0);
	atomic_store(&w.stop, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_WORD(s.memory, w.last);
	expect_ok(put(&s, 0, w.last + 1));
	EXPECT_WORD(s.memory, w.last + 1);
	EXPECT(ask(&s.other, LOAD, 0, 0) <= w.last);
	scene_down(&s);
}

/* ---- taking back ------------------------------------------------------------------------- */

TEST_SLOW(when_a_shared_regions_unpublish_has_returned_nothing_of_another_node_arrives, 60)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	expect_ok(put(&s, 0, 1));
	expect_ok(tract_barrier_open(&s.barrier));
	expect_ok(tract_export_unpublish(s.export));
	EXPECT_EQ(tract_barrier_close(&s.barrier), -ESTALE);
	expect_cut_off(&s);
	EXPECT_WORD(s.memory, 1);
	/* There was nothing to keep, and so nothing was copied. */
	EXPECT_EQ(backing(&s), 0);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 1);
	scene_down(&s);
}

TEST_SLOW(unmapping_takes_an_export_from_another_node, 60)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	expect_ok(put(&s, 0, 1));
	expect_ok(tract_shared_unmap(s.shared, 0, 0));
	expect_cut_off(&s);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 1);
	scene_down(&s);
}

TEST_SLOW(who_is_given_a_region_has_it_for_himself_on_all_nodes, 60)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	expect_ok(put(&s, 0, 1));
	expect_ok(tract_shared_give(s.shared, ask(&s.other, NUMBER, 0, 0)));
	expect_cut_off(&s);
	EXPECT_WORD(s.memory, 1);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 1);
	scene_down(&s);
}

static void move_to_other(enum tract_force force)
{
	struct tract_transfer offered;
	struct scene s;

	scene_up(&s);
	expect_ok(put(&s, 0, 1));
	expect_ok(tract_offer(s.shared, ask(&s.other, NUMBER, 0, 0), TRACT_OFFER_MOVE, force,
			      &offered));
	(void)ask(&s.other, TAKE, offered.token, 0);
	expect_cut_off(&s);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 1);
	scene_down(&s);
}

TEST_SLOW(who_takes_a_region_that_is_moved_has_it_for_himself_on_all_nodes, 60)
{
	move_to_other(TRACT_FORCE_ASK);
}

TEST_SLOW(who_takes_a_region_with_a_fence_has_it_for_himself_on_all_nodes, 60)
{
	move_to_other(TRACT_FORCE_FENCE);
}

static void own_until_killed(struct kin *parent, void *arg)
{
	struct scene s = *(struct scene *)arg;

	expect_ok(tract_open(s.c.node[1].directory, &s.there));
	region_up(&s);
	s.export = export_at(&s, ID);
	expect_ok(tract_shared_grant(s.shared, kin_hear(parent), TRACT_PERMIT_READ_WRITE));
	kin_tell(parent, tract_shared_number(s.shared));
	kin_linger(parent);
}

TEST_SLOW(an_owner_that_is_killed_takes_importers_of_other_nodes_along_and_no_mapper, 60)
{
	struct scene s;
	struct kin owner;

	nodes_up(&s);
	kin_start(&owner, own_until_killed, &s);
	kin_tell(&owner, ask(&s.other, NUMBER, 0, 0));
	(void)ask(&s.other, MAP, kin_hear(&owner), 0);
	expect_ok(tract_import_connect(s.here, 2, ID, RW, &s.import));
	expect_ok(tract_barrier_init(s.import, &s.barrier));
	expect_ok(put(&s, 0, 1));
	kin_kill(&owner);
	EXPECT_WITHIN(LONG_MS, put(&s, 8, 2) == -ESTALE);
	(void)ask(&s.other, STORE, 0, 3);
	EXPECT_EQ(put(&s, 0, 4), -ESTALE);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 3);
	expect_ok(tract_import_close(s.import));
	EXPECT_EQ(tract_import_connect(s.here, 2, ID, RW, &s.import), -ENOENT);
	nodes_down(&s);
}

/* ---- a node that is lost ----------------------------------------------------------------- */

TEST_SLOW(who_takes_a_shared_region_back_from_a_killed_node_waits_until_it_is_gone, 60)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	expect_ok(put(&s, 0, 1));
	cluster_kill(&s.c, 0);
	expect_ok(tract_export_unpublish(s.export));
	EXPECT(cluster_logged(&s.c, 1, "link.gone node=1"));
	EXPECT(put(&s, 0, 2) < 0);
	EXPECT_WORD(s.memory, 1);
	scene_down(&s);
}

TEST_SLOW(who_unmaps_a_shared_region_that_a_stopped_node_imports_waits_until_it_is_gone, 60)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	expect_ok(put(&s, 0, 1));
	cluster_pause(&s.c, 0);
	expect_ok(tract_shared_unmap(s.shared, 0, 0));
	EXPECT(cluster_logged(&s.c, 1, "link.gone node=1"));
	/* Its broker could not tell it. */
	EXPECT_EQ(put(&s, 0, 2), -EIO);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 1);
	cluster_resume(&s.c, 0);
	EXPECT_WITHIN(LONG_MS, put(&s, 0, 3) == -ESTALE);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 1);
	scene_down(&s);
}

TEST_SLOW(memory_is_replaced_without_a_node_that_is_lost_meanwhile, 60)
{
	struct scene s;

	scene_up(&s);
	map_there(&s);
	expect_ok(put(&s, 0, 1));
	cluster_pause(&s.c, 0);
	replace(&s, ID + 1);
	EXPECT(cluster_logged(&s.c, 1, "link.gone node=1"));
	EXPECT_EQ(put(&s, 0, 2), -EIO);
	EXPECT_WORD(s.memory, 1);
	EXPECT_EQ(ask(&s.other, LOAD, 0, 0), 1);
	cluster_resume(&s.c, 0);
	EXPECT_WITHIN(LONG_MS, put(&s, 0, 3) == -ESTALE);
	EXPECT_WORD(s.memory, 1);
	scene_down(&s);
}
