/* SPDX-License-Identifier: MIT */
/*
 * test_controller.c - rsm_get_controller(), its attributes, rsm_release_controller()
 */
#include "rig.h"

static int get(const char *name, rsmapi_controller_handle_t *ret_controller)
{
	char copy[8192];

	(void)strcpy(copy, name);
	return rsm_get_controller(copy, ret_controller);
}

static void expect_is_loopback(const char *name)
{
	rsmapi_controller_handle_t known = loopback(), other = NULL;

	EXPECT_EQ(get(name, &other), RSM_SUCCESS);
	EXPECT(other == known);
	EXPECT_EQ(rsm_release_controller(other), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(known), RSM_SUCCESS);
}

static void expect_not_present(const char *name)
{
	rsmapi_controller_handle_t mark = (rsmapi_controller_handle_t)(uintptr_t)0x10;
	rsmapi_controller_handle_t controller = mark;

	EXPECT_EQ(get(name, &controller), RSMERR_CTLR_NOT_PRESENT);
	EXPECT(controller == mark || controller == NULL);
}

/* 25.5, Q17 */
TEST(no_name_means_loopback)
{
	rsmapi_controller_handle_t known = loopback(), other = NULL;

	EXPECT_EQ(rsm_get_controller(NULL, &other), RSM_SUCCESS);
	EXPECT(other == known);
	EXPECT_EQ(rsm_release_controller(other), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(known), RSM_SUCCESS);
}

/* 25.5 */
TEST(every_unit_of_loopback_is_the_same_controller)
{
	expect_is_loopback("loopback0");
	expect_is_loopback("loopback7");
	expect_is_loopback("loopback007");
	expect_is_loopback("loopback99999999999999999999");
}

/* 25.5 */
TEST(the_type_is_compared_without_regard_to_case)
{
	expect_is_loopback("LOOPBACK3");
	expect_is_loopback("Loopback7");
	expect_is_loopback("lOOPbACK");
}

TEST(the_name_is_not_modified)
{
	rsmapi_controller_handle_t controller = NULL;
	char name[] = "LoopBack07";

	EXPECT_EQ(rsm_get_controller(name, &controller), RSM_SUCCESS);
	EXPECT_STR(name, "LoopBack07");
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

/* 25.6 */
TEST(an_unknown_type_is_not_present)
{
	expect_not_present("nosuch0");
	expect_not_present("nosuch");
	expect_not_present("loopbac");
	expect_not_present("loopbackx0");
	expect_not_present("loopback0x");
	expect_not_present(" loopback");
}

/* 25.6 */
TEST(a_null_result_is_a_bad_handle)
{
	char name[] = "loopback";

	EXPECT_EQ(rsm_get_controller(name, NULL), RSMERR_BAD_CTLR_HNDL);
	EXPECT_EQ(rsm_get_controller(NULL, NULL), RSMERR_BAD_CTLR_HNDL);
}

TEST(a_null_result_is_found_before_an_unknown_name)
{
	char name[] = "nosuch0";

	EXPECT_EQ(rsm_get_controller(name, NULL), RSMERR_BAD_CTLR_HNDL);
}

TEST(an_empty_name_is_not_present)
{
	expect_not_present("");
}

TEST(a_name_of_digits_alone_is_not_present)
{
	expect_not_present("0");
	expect_not_present("12345");
}

/* Q24 */
TEST(a_name_longer_than_the_limit_is_not_present)
{
	char name[6000];

	(void)memset(name, 'x', sizeof(name));
	for (size_t length = MAXNAMELEN - 2; length < MAXNAMELEN + 3; length++) {
		name[length] = '\0';
		expect_not_present(name);
		name[length] = 'x';
	}
	name[sizeof(name) - 1] = '\0';
	expect_not_present(name);
}

/* Q24 */
TEST(the_limit_of_a_name_includes_its_unit)
{
	char name[MAXNAMELEN + 1] = "loopback";
	size_t used = strlen(name);

	(void)memset(name + used, '0', MAXNAMELEN - used);
	name[MAXNAMELEN] = '\0';
	expect_not_present(name);
	name[MAXNAMELEN - 1] = '\0';
	expect_is_loopback(name);
}

/* 25.7 */
TEST(as_many_releases_succeed_as_there_were_gets)
{
	rsmapi_controller_handle_t controller = NULL, same = NULL;

	controller = loopback();
	for (unsigned n = 1; n < 5; n++) {
		EXPECT_EQ(get("loopback", &same), RSM_SUCCESS);
		EXPECT(same == controller);
	}
	for (unsigned n = 0; n < 5; n++)
		EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(controller), RSMERR_BAD_CTLR_HNDL);
}

TEST(a_controller_can_be_had_again_after_its_last_release)
{
	rsmapi_controller_handle_t controller = loopback();

	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	controller = loopback();
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

/* Q23 */
TEST(releasing_no_controller_is_a_bad_handle)
{
	EXPECT_EQ(rsm_release_controller(NULL), RSMERR_BAD_CTLR_HNDL);
}

TEST(segments_outlive_the_release_of_their_controller)
{
	struct pair p;
	uint8_t byte = 9;

	pair_up(&p, 4);
	EXPECT_EQ(rsm_release_controller(p.i.controller), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(p.e.controller), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 3, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[3], 9);
	EXPECT_EQ(rsm_intr_signal_post(p.i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(p.e.segment, SOON), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_publish(p.e.segment, &p.e.id, NULL, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(p.i.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_destroy(p.e.segment), RSM_SUCCESS);
	free(p.e.memory);
}

/* 25.8 */
TEST(attributes_check_the_handle_then_the_result)
{
	rsmapi_controller_handle_t controller = loopback();
	rsmapi_controller_attr_t attr;

	EXPECT_EQ(rsm_get_controller_attr(NULL, &attr), RSMERR_BAD_CTLR_HNDL);
	EXPECT_EQ(rsm_get_controller_attr(controller, NULL), RSMERR_BAD_ADDR);
	EXPECT_EQ(rsm_get_controller_attr(NULL, NULL), RSMERR_BAD_CTLR_HNDL);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

TEST(attributes_of_a_released_controller_are_refused)
{
	rsmapi_controller_handle_t controller = loopback();
	rsmapi_controller_attr_t attr;

	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	EXPECT_EITHER(rsm_get_controller_attr(controller, &attr), RSMERR_BAD_CTLR_HNDL,
		      RSMERR_CTLR_NOT_PRESENT);
}

static rsmapi_controller_attr_t attributes(void)
{
	rsmapi_controller_handle_t controller = loopback();
	rsmapi_controller_attr_t attr;

	(void)memset(&attr, 0xa5, sizeof(attr));
	EXPECT_EQ(rsm_get_controller_attr(controller, &attr), RSM_SUCCESS);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	return attr;
}

/* 25.8, Q25 */
TEST(the_page_size_is_the_systems)
{
	EXPECT_EQ(attributes().attr_page_size, PAGE);
}

/* Q25 */
TEST(access_sizes_are_those_of_whole_words)
{
	const uint_t all = RSM_DAS8 | RSM_DAS16 | RSM_DAS32 | RSM_DAS64;
	rsmapi_controller_attr_t attr = attributes();

	EXPECT_EQ(attr.attr_direct_access_sizes & ~all, 0);
	EXPECT_EQ(attr.attr_atomic_sizes & ~all, 0);
	EXPECT(attr.attr_direct_access_sizes & RSM_DAS8);
	EXPECT(attr.attr_atomic_sizes & RSM_DAS8);
}

/* Q25 */
TEST(limits_are_true_and_not_zero)
{
	rsmapi_controller_attr_t attr = attributes();

	EXPECT(attr.attr_max_export_segment_size >= PAGE);
	EXPECT_EQ(attr.attr_max_export_segment_size % PAGE, 0);
	EXPECT(attr.attr_tot_export_segment_size >= attr.attr_max_export_segment_size);
	EXPECT(attr.attr_max_import_map_size >= PAGE);
	EXPECT(attr.attr_tot_import_map_size >= attr.attr_max_import_map_size);
	EXPECT(attr.attr_max_export_segments > 0);
	EXPECT(attr.attr_max_import_segments > 0);
}

/* Q25 */
TEST(memory_of_the_reported_page_size_can_be_exported)
{
	struct exporter e;

	EXPECT_EQ(attributes().attr_page_size, PAGE);
	exporter_bound(&e, 1, 0);
	exporter_down(&e);
}
