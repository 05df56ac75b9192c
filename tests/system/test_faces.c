/* SPDX-License-Identifier: MIT */
/*
 * test_faces.c - one memory for a program that uses several interfaces
 *
 * What the region map of L4Re has attached is a segment of RSMAPI's without a copy, and what
 * RSMAPI imports is found in the region map.  What SharedRegion has mapped is both.  The faces
 * are linked over the library's layers themselves, so that what they copy can be counted.
 */
#include <rsmapi.h>

#include <shared_region.h>

#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/sys/err.h>
#include <stdlib.h>

#include "kin.h"
#include "land.h"
#include "map/copied.h"

#define PAGES 4u
#define SIZE (PAGES * PAGE)

/* ---- by the region map of L4Re ---------------------------------------------------------- */

static l4re_ds_t ds_new(void)
{
	l4re_ds_t ds = l4re_util_cap_alloc();

	EXPECT(!l4_is_invalid_cap(ds));
	EXPECT_EQ(l4re_ma_alloc((long)SIZE, ds, 0), 0);
	return ds;
}

static char *attach_ds(l4re_ds_t ds)
{
	void *at = NULL;

	EXPECT_EQ(l4re_rm_attach(&at, SIZE, L4RE_RM_SEARCH_ADDR, ds, 0, L4_PAGESHIFT), 0);
	return at;
}

/* A page begins with its letter. */
static void write_letters(char *at, char first)
{
	for (unsigned i = 0; i < PAGES; i++)
		at[i * PAGE] = (char)(first + i);
}

static void expect_found(const char *inside, const char *start, l4re_ds_t ds)
{
	l4_addr_t addr = (l4_addr_t)inside, offset = 1;
	unsigned long size = 1;
	l4re_ds_t found = 1;
	unsigned flags = ~0u;

	EXPECT_EQ(l4re_rm_find(&addr, &size, &offset, &flags, &found), 0);
	EXPECT(addr == (l4_addr_t)start);
	EXPECT_EQ(size, SIZE);
	EXPECT_EQ(offset, 0);
	EXPECT_EQ(flags, 0);
	EXPECT_EQ(found, ds);
}

/* Nothing that the region map can do takes it away, or changes it. */
static void expect_kept(char *at, l4re_ds_t other)
{
	l4re_ds_t was = 1;
	l4_addr_t guard = (l4_addr_t)at;
	void *there = at + PAGE;
	char *before = land_text(at, PAGES);

	EXPECT_EQ(l4re_rm_detach(at + PAGE), -L4_EBUSY);
	EXPECT_EQ(l4re_rm_detach_ds(at, &was), -L4_EBUSY);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_EQ(l4re_rm_detach_range((l4_addr_t)at, PAGE, &was, L4_BASE_TASK_CAP), -L4_EBUSY);
	EXPECT_EQ(l4re_rm_attach(&there, PAGE, L4RE_RM_OVERMAP, other, 0, L4_PAGESHIFT),
		  -L4_EBUSY);
	EXPECT(there == at + PAGE);
	EXPECT_EQ(l4re_rm_reserve_area(&guard, PAGE, L4RE_RM_OVERMAP | L4RE_RM_RESERVED, 0),
		  -L4_EBUSY);
	land_expect_same(before, at, PAGES);
	free(before);
}

/* ---- by RSMAPI -------------------------------------------------------------------------- */

static rsmapi_controller_handle_t loopback(void)
{
	rsmapi_controller_handle_t controller = NULL;

	EXPECT_EQ(rsm_get_controller((char[]){ "loopback" }, &controller), RSM_SUCCESS);
	return controller;
}

static rsm_node_id_t local_node(void)
{
	rsm_topology_t *topology = NULL;
	rsm_node_id_t node;

	EXPECT_EQ(rsm_get_interconnect_topology(&topology), RSM_SUCCESS);
	node = topology->topology_hdr.local_nodeid;
	rsm_free_interconnect_topology(topology);
	return node;
}

static rsm_memseg_export_handle_t export_new(rsmapi_controller_handle_t controller, char *at,
					     rsm_memseg_id_t *ret_id)
{
	rsm_memseg_export_handle_t segment;

	EXPECT_EQ(rsm_memseg_export_create(controller, &segment, at, SIZE, RSM_ALLOW_REBIND),
		  RSM_SUCCESS);
	*ret_id = 0;
	EXPECT_EQ(rsm_memseg_export_publish(segment, ret_id, NULL, 0), RSM_SUCCESS);
	return segment;
}

static char *import_new(rsmapi_controller_handle_t controller, rsm_memseg_id_t id,
			rsm_memseg_import_handle_t *ret_segment)
{
	void *at = NULL;

	EXPECT_EQ(rsm_memseg_import_connect(controller, local_node(), id, RSM_PERM_RDWR,
					    ret_segment),
		  RSM_SUCCESS);
	EXPECT_EQ(
		rsm_memseg_import_map(*ret_segment, &at, RSM_MAP_NONE, RSM_PERM_RDWR, 0, SIZE),
		RSM_SUCCESS);
	return at;
}

static void import_end(rsm_memseg_import_handle_t segment)
{
	EXPECT_EQ(rsm_memseg_import_unmap(segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(segment), RSM_SUCCESS);
}

/* ---- both ------------------------------------------------------------------------------- */

struct scene {
	rsmapi_controller_handle_t controller;
	l4re_ds_t ds, other;
	char *at; /* where the dataspace is attached, and exported */
	char *seen;
	rsm_memseg_export_handle_t export;
	rsm_memseg_import_handle_t import;
};

static struct scene scene_up(void)
{
	struct scene s = { .controller = loopback(), .ds = ds_new(), .other = ds_new() };

	s.at = attach_ds(s.ds);
	write_letters(s.at, 'a');
	return s;
}

static void share(struct scene *s)
{
	rsm_memseg_id_t id;

	s->export = export_new(s->controller, s->at, &id);
	s->seen = import_new(s->controller, id, &s->import);
}

/* Nothing is attached, exported or imported any more. */
static void scene_down(const struct scene *s)
{
	l4re_util_cap_free_um(s->ds);
	l4re_util_cap_free_um(s->other);
	EXPECT_EQ(rsm_release_controller(s->controller), RSM_SUCCESS);
	land_check();
}

TEST(a_dataspace_is_exported_where_it_is_attached_without_a_copy)
{
	uint64_t copied = copied_count(), inode;
	struct scene s = scene_up();

	inode = object_inode(s.at);
	share(&s);
	EXPECT(s.seen != s.at);
	EXPECT_EQ(object_inode(s.seen), inode);
	EXPECT_STR(land_bytes(s.seen, PAGES), "abcd");
	s.seen[0] = 'x';
	s.at[PAGE] = 'y';
	EXPECT_STR(land_bytes(s.at, PAGES), "xycd");
	EXPECT_STR(land_bytes(s.seen, PAGES), "xycd");
	EXPECT_EQ(object_inode(s.at), inode);
	EXPECT_EQ(copied_count() - copied, 0);
	expect_found(s.at + 2 * PAGE, s.at, s.ds);
	expect_kept(s.at, s.other);
	import_end(s.import);
	expect_kept(s.at, s.other);
	EXPECT_EQ(rsm_memseg_export_destroy(s.export), RSM_SUCCESS);
	EXPECT_STR(land_bytes(s.at, PAGES), "xycd");
	EXPECT_EQ(l4re_rm_detach(s.at), 0);
	EXPECT(land_is_free(s.at, PAGES));
	/* The dataspace is what it was, for whoever attaches it next. */
	s.at = attach_ds(s.ds);
	EXPECT_STR(land_bytes(s.at, PAGES), "xycd");
	EXPECT_EQ(l4re_rm_detach(s.at), 0);
	scene_down(&s);
}

TEST(a_segment_that_is_imported_is_found_in_the_region_map)
{
	struct scene s = scene_up();

	share(&s);
	expect_found(s.seen + 3 * PAGE, s.seen, L4_INVALID_CAP);
	expect_kept(s.seen, s.other);
	EXPECT_STR(land_bytes(s.seen, PAGES), "abcd");
	import_end(s.import);
	EXPECT_EQ(l4re_rm_find(&(l4_addr_t){ (l4_addr_t)s.seen }, &(unsigned long){ SIZE },
			       &(l4_addr_t){ 0 }, &(unsigned){ 0 }, &(l4re_ds_t){ 0 }),
		  -L4_ENOENT);
	EXPECT_EQ(rsm_memseg_export_destroy(s.export), RSM_SUCCESS);
	EXPECT_EQ(l4re_rm_detach(s.at), 0);
	scene_down(&s);
}

TEST(a_segment_is_rebound_from_one_dataspace_to_another_without_a_copy)
{
	struct scene s = scene_up();
	char *next = attach_ds(s.other);
	uint64_t copied;

	write_letters(next, 'A');
	copied = copied_count();
	share(&s);
	EXPECT_STR(land_bytes(s.seen, PAGES), "abcd");
	EXPECT_EQ(rsm_memseg_export_rebind(s.export, next, 0, SIZE), RSM_SUCCESS);
	EXPECT_STR(land_bytes(s.seen, PAGES), "ABCD");
	EXPECT_EQ(object_inode(s.seen), object_inode(next));
	EXPECT_EQ(copied_count() - copied, 0);
	import_end(s.import);
	EXPECT_EQ(rsm_memseg_export_destroy(s.export), RSM_SUCCESS);
	EXPECT_EQ(l4re_rm_detach(s.at), 0);
	EXPECT_EQ(l4re_rm_detach(next), 0);
	scene_down(&s);
}

/* ---- all three -------------------------------------------------------------------------- */

struct triple {
	rsmapi_controller_handle_t controller;
	shared_region_client *client;
	shared_region *region;
	l4re_ds_t ds;
	char *at; /* where SharedRegion has it mapped */
	char *seen;
	rsm_memseg_export_handle_t export;
	rsm_memseg_import_handle_t import;
};

static char *map_region(const struct triple *t, uint32_t permission)
{
	void *at = NULL;

	EXPECT_EQ(shared_region_map(t->region, shared_region_self(t->client), NULL, permission,
				    &at),
		  0);
	return at;
}

static struct triple triple_up(uint32_t permission)
{
	struct triple t = { .controller = loopback(), .ds = ds_new() };
	char *at;

	EXPECT_EQ(shared_region_attach(NULL, 0, &t.client), 0);
	EXPECT_EQ(shared_region_new(t.client, shared_region_self(t.client), SIZE,
				    SHARED_REGION_WRITE, &t.region),
		  0);
	at = map_region(&t, SHARED_REGION_WRITE);
	write_letters(at, 'a');
	EXPECT_EQ(
		shared_region_unmap(t.region, shared_region_self(t.client), SHARED_REGION_ASK),
		0);
	t.at = map_region(&t, permission);
	return t;
}

static void triple_share(struct triple *t)
{
	rsm_memseg_id_t id;

	t->export = export_new(t->controller, t->at, &id);
	t->seen = import_new(t->controller, id, &t->import);
}

static void triple_down(struct triple *t)
{
	shared_region_release(t->region);
	shared_region_detach(t->client);
	l4re_util_cap_free_um(t->ds);
	EXPECT_EQ(rsm_release_controller(t->controller), RSM_SUCCESS);
	land_check();
}

TEST(a_shared_region_is_the_same_bytes_to_all_three_faces)
{
	uint64_t copied = copied_count(), inode;
	struct triple t = triple_up(SHARED_REGION_WRITE);

	inode = object_inode(t.at);
	triple_share(&t);
	EXPECT(t.seen != t.at);
	EXPECT_EQ(object_inode(t.seen), inode);
	/* Where the region map finds it, both are what they are. */
	expect_found(t.at + 2 * PAGE, t.at, L4_INVALID_CAP);
	expect_found(t.seen + 2 * PAGE, t.seen, L4_INVALID_CAP);
	expect_kept(t.at, t.ds);
	t.at[0] = 'x';
	t.seen[PAGE] = 'y';
	EXPECT_STR(land_bytes(t.at, PAGES), "xycd");
	EXPECT_STR(land_bytes(t.seen, PAGES), "xycd");
	EXPECT_EQ(object_inode(t.at), inode);
	EXPECT_EQ(copied_count() - copied, 0);
	import_end(t.import);
	EXPECT_EQ(rsm_memseg_export_destroy(t.export), RSM_SUCCESS);
	/* Who imported it may have kept it: the owner has other memory now, and the same bytes.
	 */
	EXPECT(object_inode(t.at) != inode);
	EXPECT_STR(land_bytes(t.at, PAGES), "xycd");
	triple_down(&t);
}

/* What is put is checked. */
static void check_each(const struct triple *t, rsmapi_barrier_t *barrier)
{
	EXPECT_EQ(rsm_memseg_import_init_barrier(t->import, RSM_BARRIER_NODE, barrier),
		  RSM_SUCCESS);
}

TEST(a_shared_region_that_is_unmapped_is_no_segment_any_more)
{
	struct triple t = triple_up(SHARED_REGION_WRITE);
	rsmapi_barrier_t barrier;
	rsm_memseg_id_t id = 0;

	triple_share(&t);
	check_each(&t, &barrier);
	EXPECT_EQ(
		shared_region_unmap(t.region, shared_region_self(t.client), SHARED_REGION_ASK),
		0);
	EXPECT_EQ(rsm_memseg_import_put8(t.import, 0, &(uint8_t){ 1 }, 1), RSMERR_CONN_ABORTED);
	EXPECT_EQ(t.seen[PAGE], 0);
	EXPECT_EQ(rsm_memseg_export_unpublish(t.export), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(rsm_memseg_export_publish(t.export, &id, NULL, 0), RSMERR_BAD_SEG_HNDL);
	import_end(t.import);
	EXPECT_EQ(rsm_memseg_export_destroy(t.export), RSM_SUCCESS);
	/* Its content is its owner's as before. */
	t.at = map_region(&t, SHARED_REGION_READ);
	EXPECT_STR(land_bytes(t.at, PAGES), "abcd");
	triple_down(&t);
}

TEST(a_shared_region_that_is_mapped_for_reading_is_imported_for_reading)
{
	struct triple t = triple_up(SHARED_REGION_READ);
	rsm_memseg_id_t id;
	void *at = NULL;

	t.export = export_new(t.controller, t.at, &id);
	EXPECT_EQ(rsm_memseg_import_connect(t.controller, local_node(), id, RSM_PERM_RDWR,
					    &t.import),
		  RSMERR_PERM_DENIED);
	EXPECT_EQ(rsm_memseg_import_connect(t.controller, local_node(), id, RSM_PERM_READ,
					    &t.import),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_map(t.import, &at, RSM_MAP_NONE, RSM_PERM_READ, 0, SIZE),
		  RSM_SUCCESS);
	EXPECT_STR(land_bytes(at, PAGES), "abcd");
	import_end(t.import);
	EXPECT_EQ(rsm_memseg_export_destroy(t.export), RSM_SUCCESS);
	triple_down(&t);
}

TEST(what_is_put_into_a_segment_comes_out_of_the_shared_region)
{
	struct triple t = triple_up(SHARED_REGION_WRITE);
	rsm_localmemory_handle_t local = NULL;
	rsmapi_barrier_t barrier;
	char got[4] = { 0 };

	triple_share(&t);
	check_each(&t, &barrier);
	EXPECT_EQ(rsm_memseg_import_put(t.import, PAGE, (char[]){ "put" }, 3), RSM_SUCCESS);
	EXPECT_EQ(t.at[PAGE + 1], 'u');
	EXPECT_EQ(rsm_memseg_import_get(t.import, PAGE, got, 3), RSM_SUCCESS);
	EXPECT_STR(got, "put");
	/* And it serves as memory to scatter to and to gather from. */
	EXPECT_EQ(rsm_create_localmemory_handle(t.controller, &local, t.at, SIZE), RSM_SUCCESS);
	EXPECT_EQ(rsm_free_localmemory_handle(t.controller, local), RSM_SUCCESS);
	import_end(t.import);
	EXPECT_EQ(rsm_memseg_export_destroy(t.export), RSM_SUCCESS);
	triple_down(&t);
}
