/* SPDX-License-Identifier: MIT */
/*
 * test_faces.c - one memory for a program that uses two interfaces
 *
 * What the region map of L4Re has attached is a segment of RSMAPI's without a copy, and what
 * RSMAPI imports is found in the region map.  The faces are linked over the library's layers
 * themselves, so that what they copy can be counted.
 */
#include <rsmapi.h>

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
