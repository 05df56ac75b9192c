/* SPDX-License-Identifier: MIT */
/*
 * test_connect.c - rsm_memseg_import_connect() and rsm_memseg_import_disconnect()
 */
#include "rig.h"

#include <malloc.h>

#define MARK ((rsm_memseg_import_handle_t)(uintptr_t)0x1000)

static int connect_to(rsmapi_controller_handle_t controller, rsm_node_id_t node,
		      rsm_memseg_id_t id, rsm_permission_t perm)
{
	rsm_memseg_import_handle_t segment = MARK;
	int rc = rsm_memseg_import_connect(controller, node, id, perm, &segment);

	if (rc == RSM_SUCCESS)
		EXPECT_EQ(rsm_memseg_import_disconnect(segment), RSM_SUCCESS);
	else
		EXPECT(segment == NULL);
	return rc;
}

TEST(no_controller_is_found_before_no_handle)
{
	EXPECT_EQ(rsm_memseg_import_connect(NULL, local_node(), ID(0), RSM_PERM_READ, NULL),
		  RSMERR_BAD_CTLR_HNDL);
}

/* Q23 */
TEST(no_handle_is_found_before_bad_permissions)
{
	rsmapi_controller_handle_t controller = the_controller();

	EXPECT_EQ(rsm_memseg_import_connect(controller, local_node(), ID(0), 0777, NULL),
		  RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

TEST(bad_permissions_are_found_before_a_wrong_node)
{
	rsmapi_controller_handle_t controller = the_controller();

	EXPECT_EQ(connect_to(controller, local_node() + 1, ID(0), 0777), RSMERR_PERM_DENIED);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

TEST(a_released_controller_connects_nothing)
{
	struct exporter e;
	rsmapi_controller_handle_t controller;
	rsm_memseg_import_handle_t segment = NULL;

	exporter_up(&e, ID(0), 1);
	controller = e.controller;
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	EXPECT_EITHER(rsm_memseg_import_connect(controller, 0, ID(0), RSM_PERM_READ, &segment),
		      RSMERR_BAD_CTLR_HNDL, RSMERR_CTLR_NOT_PRESENT);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSM_SUCCESS);
	free(e.memory);
}

/* 25.33 */
TEST(an_unknown_id_is_not_published)
{
	static const rsm_memseg_id_t ids[] = {
		0, 1, 0x3fffff, 0x400001, 0x80000000, 0xffffffff
	};
	struct exporter e;

	exporter_up(&e, ID(0), 1);
	for (size_t k = 0; k < sizeof(ids) / sizeof(*ids); k++)
		EXPECT_EQ(connect_to(e.controller, local_node(), ids[k], RSM_PERM_RDWR),
			  RSMERR_SEG_NOT_PUBLISHED);
	exporter_down(&e);
}

/* 25.33 */
TEST(a_segment_not_yet_published_cannot_be_connected_to)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(connect_to(e.controller, local_node(), ID(0), RSM_PERM_READ),
		  RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(connect_to(e.controller, local_node(), 0, RSM_PERM_READ),
		  RSMERR_SEG_NOT_PUBLISHED);
	exporter_down(&e);
}

/* 25.34 */
TEST(loopback_reaches_no_other_node)
{
	rsmapi_controller_handle_t controller = loopback();
	struct exporter e;
	rsm_node_id_t node = local_node();

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(connect_to(controller, node + 1, ID(0), RSM_PERM_READ),
		  RSMERR_CTLR_NOT_PRESENT);
	EXPECT_EQ(connect_to(controller, node + 64, ID(0), RSM_PERM_READ),
		  RSMERR_CTLR_NOT_PRESENT);
	EXPECT_EQ(connect_to(controller, UINT32_MAX, ID(0), RSM_PERM_READ),
		  RSMERR_CTLR_NOT_PRESENT);
	/* That is found before the id. */
	EXPECT_EQ(connect_to(controller, node + 1, ID(1), RSM_PERM_READ),
		  RSMERR_CTLR_NOT_PRESENT);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	exporter_down(&e);
}

/* 25.35, Q4 */
TEST(permissions_outside_read_and_write_are_denied)
{
	static const rsm_permission_t perms[] = {
		0100, 0777, 01, 0004, 0444, 01000, 0x80000000
	};
	struct exporter e;

	exporter_up(&e, ID(0), 1);
	for (size_t k = 0; k < sizeof(perms) / sizeof(*perms); k++)
		EXPECT_EQ(connect_to(e.controller, local_node(), ID(0), perms[k]),
			  RSMERR_PERM_DENIED);
	exporter_down(&e);
}

/* 25.36 */
TEST(the_exporter_may_connect_to_its_own_segment)
{
	struct pair p;
	uint8_t byte = 5;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[0], 5);
	pair_down(&p);
}

/* 25.36 */
TEST(a_process_may_hold_several_connections_to_a_segment)
{
	struct exporter e;
	struct importer i[5];
	uint8_t byte;

	exporter_up(&e, ID(0), 1);
	for (unsigned k = 0; k < 5; k++) {
		importer_up(&i[k], ID(0), RSM_PERM_RDWR);
		for (unsigned j = 0; j < k; j++)
			EXPECT(i[j].segment != i[k].segment);
	}
	for (uint8_t k = 0; k < 5; k++)
		EXPECT_EQ(rsm_memseg_import_put8(i[k].segment, k, &k, 1), RSM_SUCCESS);
	importer_down(&i[0]);
	importer_down(&i[3]);
	EXPECT_EQ(rsm_memseg_import_get8(i[4].segment, 3, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(byte, 3);
	importer_down(&i[1]);
	importer_down(&i[2]);
	importer_down(&i[4]);
	exporter_down(&e);
}

TEST(any_process_may_connect)
{
	struct exporter e;
	struct child far[3];

	exporter_up(&e, ID(0), 1);
	for (unsigned k = 0; k < 3; k++) {
		agent_importing(&far[k], ID(0), 0);
		EXPECT_EQ(ask(&far[k], PUT, k, 10 + k), RSM_SUCCESS);
	}
	for (unsigned k = 0; k < 3; k++) {
		EXPECT_EQ(e.memory[k], 10 + k);
		child_finish(&far[k]);
	}
	exporter_down(&e);
}

TEST(a_new_import_is_unmapped_implicit_and_without_events)
{
	struct exporter e;
	struct importer i;
	rsm_barrier_mode_t mode = RSM_BARRIER_MODE_EXPLICIT;

	exporter_up(&e, ID(0), 1);
	/* What was posted before it connected is not for it. */
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSM_SUCCESS);
	importer_fresh(&i, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_unmap(i.segment), RSMERR_SEG_NOT_MAPPED);
	EXPECT_EQ(rsm_memseg_import_get_mode(i.segment, &mode), RSM_SUCCESS);
	EXPECT_EQ(mode, RSM_BARRIER_MODE_IMPLICIT);
	EXPECT_EQ(rsm_intr_signal_wait(i.segment, 0), RSMERR_TIMEOUT);
	importer_down(&i);
	exporter_down(&e);
}

/* Q46 */
TEST(failed_connects_leak_nothing)
{
	struct exporter e;
	unsigned fds;
	size_t heap;

	exporter_up(&e, ID(0), 1);
	for (unsigned n = 0; n < 20; n++)
		(void)connect_to(e.controller, local_node(), ID(1), RSM_PERM_READ);
	fds = test_count_fds();
	heap = mallinfo2().uordblks;
	for (unsigned n = 0; n < 500; n++) {
		EXPECT_EQ(connect_to(e.controller, local_node(), ID(0), 0100),
			  RSMERR_PERM_DENIED);
		EXPECT_EQ(connect_to(e.controller, local_node(), ID(1), RSM_PERM_READ),
			  RSMERR_SEG_NOT_PUBLISHED);
	}
	EXPECT_EQ(test_count_fds(), fds);
	EXPECT(mallinfo2().uordblks < heap + 16384);
	exporter_down(&e);
}

/* 25.37 */
TEST(disconnecting_nothing_is_a_bad_handle)
{
	EXPECT_EQ(rsm_memseg_import_disconnect(NULL), RSMERR_BAD_SEG_HNDL);
}

/* 25.37 */
TEST(an_explicitly_mapped_import_is_not_disconnected)
{
	struct pair p;
	struct pollfd pfd;

	pair_up(&p, 1);
	importer_map(&p.i, RSM_PERM_RDWR, PAGE);
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSMERR_SEG_STILL_MAPPED);
	/* That is found before a pollfd reference. */
	EXPECT_EQ(rsm_memseg_get_pollfd(p.i.segment, &pfd), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSMERR_SEG_STILL_MAPPED);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.i.segment), RSM_SUCCESS);
	p.i.address[0] = 3;
	importer_deliver(&p.i);
	EXPECT_EQ(p.e.memory[0], 3);
	pair_down(&p);
}

/* 25.37, Q14 */
TEST(an_implicitly_mapped_import_is_disconnected)
{
	struct pair p;
	uint8_t byte = 1;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(p.i.controller), RSM_SUCCESS);
	exporter_down(&p.e);
}

/* 25.37 */
TEST(an_import_with_a_pollfd_reference_is_not_disconnected)
{
	struct pair p;
	struct pollfd pfd;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_get_pollfd(p.i.segment, &pfd), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSMERR_POLLFD_IN_USE);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.i.segment), RSM_SUCCESS);
	pair_down(&p);
}

TEST(an_implicit_mapping_is_gone_when_a_pollfd_reference_stops_disconnect)
{
	struct pair p;
	struct pollfd pfd;
	uint8_t byte = 1;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_get_pollfd(p.i.segment, &pfd), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSMERR_POLLFD_IN_USE);
	EXPECT_EQ(rsm_memseg_import_unmap(p.i.segment), RSMERR_SEG_NOT_MAPPED);
	EXPECT_EQ(rsm_memseg_release_pollfd(p.i.segment), RSM_SUCCESS);
	pair_down(&p);
}

TEST(disconnect_does_not_write_to_barriers)
{
	struct pair p;
	rsmapi_barrier_t second, copies[2];

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_init_barrier(p.i.segment, RSM_BARRIER_NODE, &second),
		  RSM_SUCCESS);
	(void)memcpy(&copies[0], &p.i.barrier, sizeof(copies[0]));
	(void)memcpy(&copies[1], &second, sizeof(copies[1]));
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSM_SUCCESS);
	EXPECT_EQ(memcmp(&copies[0], &p.i.barrier, sizeof(copies[0])), 0);
	EXPECT_EQ(memcmp(&copies[1], &second, sizeof(copies[1])), 0);
	EXPECT_EQ(rsm_release_controller(p.i.controller), RSM_SUCCESS);
	exporter_down(&p.e);
}

TEST(a_disconnected_import_is_a_bad_handle)
{
	struct pair p;
	rsm_barrier_mode_t mode;
	rsmapi_barrier_t barrier;
	void *address = NULL;
	uint8_t byte = 0;

	pair_up(&p, 1);
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_get8(p.i.segment, 0, &byte, 1), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(
		rsm_memseg_import_map(p.i.segment, &address, RSM_MAP_NONE, RSM_PERM_READ, 0, 1),
		RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_unmap(p.i.segment), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_get_mode(p.i.segment, &mode), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_set_mode(p.i.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_init_barrier(p.i.segment, RSM_BARRIER_SEGMENT, &barrier),
		  RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_release_controller(p.i.controller), RSM_SUCCESS);
	exporter_down(&p.e);
}

/* 11.4, Q45 */
TEST(an_export_handle_is_no_import)
{
	struct exporter e;
	rsm_memseg_import_handle_t wrong;
	rsm_barrier_mode_t mode;
	rsmapi_barrier_t barrier;
	void *address = NULL;
	uint8_t byte = 0;

	exporter_up(&e, ID(0), 1);
	wrong = (rsm_memseg_import_handle_t)(void *)e.segment;
	EXPECT_EQ(rsm_memseg_import_get8(wrong, 0, &byte, 1), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_put(wrong, 0, &byte, 1), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_map(wrong, &address, RSM_MAP_NONE, RSM_PERM_READ, 0, 1),
		  RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_unmap(wrong), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_disconnect(wrong), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_get_mode(wrong, &mode), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_set_mode(wrong, RSM_BARRIER_MODE_EXPLICIT),
		  RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_import_init_barrier(wrong, RSM_BARRIER_SEGMENT, &barrier),
		  RSMERR_BAD_SEG_HNDL);
	exporter_down(&e);
}

/* 11.4, Q45 */
TEST(an_import_handle_is_no_export)
{
	struct pair p;
	rsm_memseg_export_handle_t wrong;
	rsm_memseg_id_t id = ID(1);

	pair_up(&p, 1);
	wrong = (rsm_memseg_export_handle_t)(void *)p.i.segment;
	EXPECT_EQ(rsm_memseg_export_publish(wrong, &id, NULL, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_unpublish(wrong), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_republish(wrong, NULL, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_rebind(wrong, p.e.memory, 0, PAGE), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_destroy(wrong), RSMERR_BAD_SEG_HNDL);
	pair_down(&p);
}
