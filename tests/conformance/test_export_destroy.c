/* SPDX-License-Identifier: MIT */
/*
 * test_export_destroy.c - rsm_memseg_export_destroy()
 */
#include "rig.h"

/* 25.16 */
TEST(destroying_nothing_is_a_bad_handle)
{
	EXPECT_EQ(rsm_memseg_export_destroy(NULL), RSMERR_BAD_SEG_HNDL);
}

/* 25.16, Q9 */
TEST(a_published_segment_with_importers_can_be_destroyed)
{
	struct exporter e;
	struct importer i;
	struct child far;

	exporter_up(&e, ID(0), 4);
	agent_importing(&far, ID(0), 0);
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, e.size);
	exporter_down(&e);
	importer_down(&i);
	child_finish(&far);
}

TEST(a_destroyed_segment_is_a_bad_handle)
{
	struct exporter e;

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, &e.id, NULL, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_republish(e.segment, NULL, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_rebind(e.segment, e.memory, 0, e.size),
		  RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_intr_signal_post(e.segment, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, 0), RSMERR_BAD_SEG_HNDL);
	free(e.memory);
	EXPECT_EQ(rsm_release_controller(e.controller), RSM_SUCCESS);
}

/* 25.17 */
TEST(a_segment_with_a_pollfd_reference_is_not_destroyed)
{
	struct exporter e;
	struct importer i;
	struct pollfd pfd;

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(rsm_memseg_get_pollfd(e.segment, &pfd), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_get_pollfd(e.segment, &pfd), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSMERR_POLLFD_IN_USE);
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_release_pollfd(e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSMERR_POLLFD_IN_USE);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_release_pollfd(e.segment), RSM_SUCCESS);
	importer_down(&i);
	exporter_down(&e);
}

/* No success where importers may have kept memory that another segment stands on. */
TEST(a_segment_whose_memory_cannot_be_taken_back_is_left_to_be_destroyed_again)
{
	rsm_memseg_export_handle_t other;
	rsm_memseg_import_handle_t late;
	struct exporter e;
	struct importer i;

	ONE_NODE_ONLY("what only other nodes were shown is taken back without new memory");
#ifndef TRACT_FAULTS
	SKIP("built without fault points");
#endif
	EXPECT_EQ(setenv("TRACT_FAULT", "claim.fence.begun=e12", 1), 0);
	exporter_up(&e, ID(0), 4);
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &other, e.memory, e.size, 0),
		  RSM_SUCCESS);
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, e.size);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSMERR_INSUFFICIENT_MEM);
	EXPECT_EQ(rsm_memseg_import_connect(e.controller, local_node(), ID(0), RSM_PERM_READ,
					    &late),
		  RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&i.barrier), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSMERR_SEG_NOT_PUBLISHED);
	importer_down(&i);
	EXPECT_EQ(rsm_memseg_export_destroy(other), RSM_SUCCESS);
	exporter_down(&e);
}
