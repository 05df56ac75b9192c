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
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	importer_map(&i, RSM_PERM_RDWR, e.size);
	agent_importing(&far, ID(0), 0);
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
