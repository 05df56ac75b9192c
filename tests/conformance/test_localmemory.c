/* SPDX-License-Identifier: MIT */
/*
 * test_localmemory.c - local memory handles
 */
#include "rig.h"

#include <stdio.h>
#include <stdio_ext.h>

static int create(rsmapi_controller_handle_t controller, void *at, size_t length)
{
	rsm_localmemory_handle_t handle = NULL;
	int rc = rsm_create_localmemory_handle(controller, &handle, at, length);

	if (rc == RSM_SUCCESS) {
		EXPECT(handle != NULL);
		EXPECT_EQ(rsm_free_localmemory_handle(controller, handle), RSM_SUCCESS);
	}
	return rc;
}

static void expect_create(void *at, size_t length, int wanted)
{
	rsmapi_controller_handle_t controller = the_controller();

	EXPECT_EQ(create(controller, at, length), wanted);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

/* 25.83 */
TEST(a_misaligned_address_is_found_before_no_controller)
{
	unsigned char *m = pages_new(1);
	rsm_localmemory_handle_t handle;

	EXPECT_EQ(rsm_create_localmemory_handle(NULL, &handle, (caddr_t)m + 8, PAGE),
		  RSMERR_BAD_ADDR);
	EXPECT_EQ(rsm_create_localmemory_handle(NULL, NULL, (caddr_t)m + 8, 0),
		  RSMERR_BAD_ADDR);
	expect_create(m + 1, PAGE, RSMERR_BAD_ADDR);
	free(m);
}

/* 25.83 */
TEST(no_controller_is_found_before_no_result)
{
	unsigned char *m = pages_new(1);

	EXPECT_EQ(rsm_create_localmemory_handle(NULL, NULL, (caddr_t)m, 0),
		  RSMERR_BAD_CTLR_HNDL);
	free(m);
}

/* 25.83 */
TEST(no_result_is_found_before_no_length)
{
	rsmapi_controller_handle_t controller = the_controller();
	unsigned char *m = pages_new(1);

	EXPECT_EQ(rsm_create_localmemory_handle(controller, NULL, (caddr_t)m, 0),
		  RSMERR_BAD_LOCALMEM_HNDL);
	free(m);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

/* 25.83 */
TEST(no_length_is_found_before_a_hole)
{
	unsigned char *m = pages_with_hole(2, 0);

	expect_create(m, 0, RSMERR_BAD_LENGTH);
	EXPECT_EQ(munmap(m + PAGE, PAGE), 0);
}

TEST(no_address_is_a_bad_one)
{
	expect_create(NULL, PAGE, RSMERR_BAD_ADDR);
}

TEST(a_hole_is_a_bad_address)
{
	unsigned char *m = pages_with_hole(3, 1);

	expect_create(m, 3 * PAGE, RSMERR_BAD_ADDR);
	/* A length in the middle of a page counts as the whole of it. */
	expect_create(m, PAGE + 1, RSMERR_BAD_ADDR);
	expect_create(m, PAGE, RSM_SUCCESS);
	EXPECT_EQ(munmap(m, 3 * PAGE), 0);
}

TEST(read_only_memory_is_permission_denied)
{
	unsigned char *m = pages_with_read_only(2, 1);

	expect_create(m, 2 * PAGE, RSMERR_PERM_DENIED);
	EXPECT_EQ(munmap(m, 2 * PAGE), 0);
}

TEST(a_length_that_wraps_is_refused)
{
	rsmapi_controller_handle_t controller = the_controller();
	unsigned char *m = pages_new(1);

	EXPECT(create(controller, m, SIZE_MAX) != RSM_SUCCESS);
	EXPECT(create(controller, m, SIZE_MAX - PAGE) != RSM_SUCCESS);
	free(m);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

TEST(a_length_need_not_be_a_page_multiple)
{
	unsigned char *m = pages_new(2);

	expect_create(m, 1, RSM_SUCCESS);
	expect_create(m, PAGE + 100, RSM_SUCCESS);
	free(m);
}

TEST(a_released_controller_registers_nothing)
{
	rsmapi_controller_handle_t controller = the_controller();
	unsigned char *m = pages_new(1);

	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	EXPECT_EITHER(create(controller, m, PAGE), RSMERR_BAD_CTLR_HNDL,
		      RSMERR_CTLR_NOT_PRESENT);
	free(m);
}

TEST(handles_are_objects_of_their_own_and_touch_no_memory)
{
	rsmapi_controller_handle_t controller = the_controller();
	rsm_localmemory_handle_t one = NULL, two = NULL;
	unsigned char *m = pages_new(2);

	(void)memset(m, 0x17, 2 * PAGE);
	EXPECT_EQ(rsm_create_localmemory_handle(controller, &one, (caddr_t)m, 2 * PAGE),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_create_localmemory_handle(controller, &two, (caddr_t)m, 2 * PAGE),
		  RSM_SUCCESS);
	EXPECT(one != two);
	EXPECT((void *)one != (void *)m);
	EXPECT_EQ(rsm_free_localmemory_handle(controller, one), RSM_SUCCESS);
	EXPECT_EQ(rsm_free_localmemory_handle(controller, two), RSM_SUCCESS);
	EXPECT(is_filled(m, 2 * PAGE, 0x17));
	free(m);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

/* 25.84 */
TEST(free_finds_no_controller_before_no_handle)
{
	rsmapi_controller_handle_t controller = the_controller();

	EXPECT_EQ(rsm_free_localmemory_handle(NULL, NULL), RSMERR_BAD_CTLR_HNDL);
	EXPECT_EQ(rsm_free_localmemory_handle(controller, NULL), RSMERR_BAD_LOCALMEM_HNDL);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

static void leave_a_handle(struct child *parent, void *arg)
{
	rsm_localmemory_handle_t handle = NULL;

	(void)parent;
	(void)arg;
	EXPECT_EQ(rsm_create_localmemory_handle(the_controller(), &handle,
						(caddr_t)pages_new(1), PAGE),
		  RSM_SUCCESS);
	__fpurge(stdout);
	exit(0);
}

TEST(handles_need_not_be_freed_before_exit)
{
	EXPECT_EQ(status_of(leave_a_handle, NULL), 0);
}
