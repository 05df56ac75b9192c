/* SPDX-License-Identifier: MIT */
/*
 * test_export_create.c - rsm_memseg_export_create()
 */
#include "rig.h"

#include <sys/resource.h>

#define NOWHERE ((void *)(uintptr_t)0x1000)

static int create(rsmapi_controller_handle_t controller, void *at, size_t size)
{
	rsm_memseg_export_handle_t segment = (rsm_memseg_export_handle_t)NOWHERE;
	int rc = rsm_memseg_export_create(controller, &segment, at, size, 0);

	/* 25.15: whatever the error, the handle is null. */
	if (rc != RSM_SUCCESS)
		EXPECT(segment == NULL);
	else
		EXPECT_EQ(rsm_memseg_export_destroy(segment), RSM_SUCCESS);
	return rc;
}

static void expect_create(void *at, size_t size, int wanted)
{
	rsmapi_controller_handle_t controller = the_controller();

	EXPECT_EQ(create(controller, at, size), wanted);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

/* 25.10 */
TEST(no_controller_is_found_before_no_handle)
{
	EXPECT_EQ(rsm_memseg_export_create(NULL, NULL, NULL, 0, 0), RSMERR_BAD_CTLR_HNDL);
}

/* 25.10 */
TEST(no_handle_is_found_before_no_address)
{
	rsmapi_controller_handle_t controller = the_controller();

	EXPECT_EQ(rsm_memseg_export_create(controller, NULL, NULL, 0, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

/* 25.10 */
TEST(no_address_is_found_before_no_size)
{
	expect_create(NULL, 0, RSMERR_BAD_ADDR);
}

/* 25.10 */
TEST(no_size_is_found_before_misalignment)
{
	unsigned char *m = pages_new(1);

	expect_create(m + 1, 0, RSMERR_BAD_LENGTH);
	free(m);
}

TEST(misalignment_is_found_before_an_excessive_size)
{
	unsigned char *m = pages_new(1);

	expect_create(m + 1, SIZE_MAX, RSMERR_BAD_MEM_ALIGNMENT);
	expect_create(m, SIZE_MAX, RSMERR_BAD_MEM_ALIGNMENT);
	free(m);
}

TEST(misalignment_is_found_before_a_hole)
{
	unsigned char *m = pages_with_hole(2, 1);

	expect_create(m, PAGE + 1, RSMERR_BAD_MEM_ALIGNMENT);
	expect_create(m + PAGE + 8, PAGE, RSMERR_BAD_MEM_ALIGNMENT);
	EXPECT_EQ(munmap(m, PAGE), 0);
}

/* 25.11 */
TEST(address_and_size_must_be_multiples_of_the_page_size)
{
	unsigned char *m = pages_new(4);

	expect_create(m + 1, PAGE, RSMERR_BAD_MEM_ALIGNMENT);
	expect_create(m, PAGE + 1, RSMERR_BAD_MEM_ALIGNMENT);
	expect_create(m, PAGE / 2, RSMERR_BAD_MEM_ALIGNMENT);
	expect_create(m, 0, RSMERR_BAD_LENGTH);
	free(m);
}

TEST(more_than_the_reported_maximum_is_a_bad_length)
{
	rsmapi_controller_handle_t controller = the_controller();
	rsmapi_controller_attr_t attr;
	unsigned char *m = pages_new(1);

	EXPECT_EQ(rsm_get_controller_attr(controller, &attr), RSM_SUCCESS);
	if (attr.attr_max_export_segment_size < SIZE_MAX - 2 * PAGE)
		EXPECT_EQ(create(controller, m, attr.attr_max_export_segment_size + PAGE),
			  RSMERR_BAD_LENGTH);
	EXPECT(create(controller, m, SIZE_MAX & ~(PAGE - 1)) != RSM_SUCCESS);
	free(m);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

TEST(a_released_controller_creates_nothing)
{
	rsmapi_controller_handle_t controller = the_controller();
	unsigned char *m = pages_new(1);

	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	EXPECT_EITHER(create(controller, m, PAGE), RSMERR_BAD_CTLR_HNDL,
		      RSMERR_CTLR_NOT_PRESENT);
	free(m);
}

/* 25.12 */
TEST(a_hole_anywhere_in_the_range_is_a_bad_address)
{
	for (unsigned hole = 0; hole < 4; hole++) {
		unsigned char *m = pages_with_hole(4, hole);

		expect_create(m, 4 * PAGE, RSMERR_BAD_ADDR);
		EXPECT_EQ(munmap(m, 4 * PAGE), 0);
	}
}

/* 25.12 */
TEST(a_read_only_page_anywhere_is_permission_denied)
{
	for (unsigned page = 0; page < 4; page++) {
		unsigned char *m = pages_with_read_only(4, page);

		expect_create(m, 4 * PAGE, RSMERR_PERM_DENIED);
		EXPECT_EQ(munmap(m, 4 * PAGE), 0);
	}
}

TEST(an_inaccessible_page_is_permission_denied)
{
	unsigned char *m = pages_with_hole(2, 2);

	EXPECT_EQ(mprotect(m + PAGE, PAGE, PROT_NONE), 0);
	expect_create(m, 2 * PAGE, RSMERR_PERM_DENIED);
	EXPECT_EQ(munmap(m, 2 * PAGE), 0);
}

TEST(a_hole_is_found_before_a_read_only_page)
{
	unsigned char *m = pages_with_read_only(4, 0);

	EXPECT_EQ(munmap(m + 2 * PAGE, PAGE), 0);
	expect_create(m, 4 * PAGE, RSMERR_BAD_ADDR);
	EXPECT_EQ(munmap(m, 4 * PAGE), 0);
}

TEST(a_refused_range_is_left_as_it_was)
{
	unsigned char *m = pages_with_read_only(4, 3);

	(void)memset(m, 0x5a, 3 * PAGE);
	expect_create(m, 4 * PAGE, RSMERR_PERM_DENIED);
	EXPECT(is_filled(m, 3 * PAGE, 0x5a));
	EXPECT(is_filled(m + 3 * PAGE, PAGE, 0));
	m[0] = 1;
	EXPECT_EQ(munmap(m, 4 * PAGE), 0);
}

/* 25.12 */
TEST(a_shared_file_mapping_is_a_bad_address)
{
	int fd = file_of_pages(4, 7);
	void *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(m != MAP_FAILED);
	expect_create(m, 4 * PAGE, RSMERR_BAD_ADDR);
	EXPECT_EQ(munmap(m, 4 * PAGE), 0);
	(void)close(fd);
}

/* 25.13 */
TEST(contents_from_before_create_are_visible_to_importers)
{
	struct exporter e = { .size = 4 * PAGE };
	struct importer i;

	e.controller = the_controller();
	e.memory = pages_new(4);
	for (unsigned page = 0; page < 4; page++)
		(void)memset(e.memory + page * PAGE, (int)page + 1, PAGE);
	EXPECT_EQ(rsm_memseg_export_create(e.controller, &e.segment, e.memory, e.size, 0),
		  RSM_SUCCESS);
	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_filled(e.memory + page * PAGE, PAGE, (int)page + 1));
	exporter_publish(&e, ID(0));
	importer_fresh(&i, ID(0), RSM_PERM_READ);
	importer_map(&i, RSM_PERM_READ, e.size);
	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_filled(i.address + page * PAGE, PAGE, (int)page + 1));
	importer_down(&i);
	exporter_down(&e);
}

/* 25.13 */
TEST(contents_are_intact_at_the_same_address_after_destroy)
{
	struct exporter e;
	struct importer i;
	unsigned char byte = 8;

	exporter_up(&e, ID(0), 4);
	(void)memset(e.memory, 6, e.size);
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	EXPECT_EQ(rsm_memseg_import_put8(i.segment, (off_t)PAGE, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSM_SUCCESS);
	EXPECT_EQ(e.memory[PAGE], 8);
	e.memory[PAGE] = 6;
	EXPECT(is_filled(e.memory, e.size, 6));
	(void)memset(e.memory, 1, e.size);
	importer_down(&i);
	EXPECT_EQ(rsm_release_controller(e.controller), RSM_SUCCESS);
	free(e.memory);
}

/* Q44 */
TEST(unknown_flags_are_ignored)
{
	struct exporter e;

	exporter_bound(&e, 1, 0xfffffffc);
	EXPECT_EQ(rsm_memseg_export_rebind(e.segment, e.memory, 0, e.size),
		  RSMERR_REBIND_NOT_ALLOWED);
	exporter_down(&e);
	exporter_bound(&e, 1, RSM_LOCK_OPS | RSM_ALLOW_REBIND);
	EXPECT_EQ(rsm_memseg_export_rebind(e.segment, e.memory, 0, e.size), RSM_SUCCESS);
	exporter_down(&e);
}

TEST(a_segment_that_does_not_wait_for_resources_works)
{
	struct exporter e;

	exporter_bound(&e, 1, RSM_CREATE_SEG_DONTWAIT);
	exporter_publish(&e, ID(0));
	exporter_down(&e);
}

TEST(a_new_export_has_no_events)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, 0), RSMERR_TIMEOUT);
	exporter_down(&e);
}

/* Q22 */
TEST(running_out_of_descriptors_is_insufficient_resources)
{
	struct rlimit limit, none;
	rsmapi_controller_handle_t controller = the_controller();
	rsm_memseg_export_handle_t segment = NULL;
	rsm_memseg_id_t id = ID(0);
	unsigned char *m = pages_new(1);
	int rc;

	EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = rsm_memseg_export_create(controller, &segment, m, PAGE, 0);
	/* A library that needs no descriptor until then may notice at publish. */
	if (rc == RSM_SUCCESS)
		rc = rsm_memseg_export_publish(segment, &id, NULL, 0);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	EXPECT_EITHER(rc, RSMERR_INSUFFICIENT_RESOURCES, RSM_SUCCESS);
	if (segment)
		EXPECT_EQ(rsm_memseg_export_destroy(segment), RSM_SUCCESS);
	/* Having been refused does no lasting harm. */
	EXPECT_EQ(create(controller, m, PAGE), RSM_SUCCESS);
	free(m);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}
