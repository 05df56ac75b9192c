/* SPDX-License-Identifier: MIT */
/*
 * test_publish.c - rsm_memseg_export_publish(), republish() and unpublish()
 */
#include "rig.h"

static int publish(struct exporter *e, rsm_memseg_id_t id)
{
	rsm_memseg_id_t wanted = id;
	int rc = rsm_memseg_export_publish(e->segment, &wanted, NULL, 0);

	/* Q15 */
	EXPECT(id == 0 || wanted == id);
	return rc;
}

static int publish_to(struct exporter *e, rsm_node_id_t node, rsm_permission_t mode,
		      uint_t count)
{
	rsmapi_access_entry_t list[80];
	rsm_memseg_id_t id = ID(0);

	for (uint_t k = 0; k < 80; k++)
		list[k] = (rsmapi_access_entry_t){ .ae_node = node, .ae_permission = mode };
	return rsm_memseg_export_publish(e->segment, &id, list, count);
}

static int try_connect(struct exporter *e, rsm_memseg_id_t id)
{
	rsm_memseg_import_handle_t segment = NULL;
	int rc = rsm_memseg_import_connect(e->controller, local_node(), id, RSM_PERM_RDWR,
					   &segment);

	if (rc == RSM_SUCCESS)
		EXPECT_EQ(rsm_memseg_import_disconnect(segment), RSM_SUCCESS);
	return rc;
}

/* 25.18 */
TEST(assigned_ids_come_from_their_range_and_differ)
{
	struct exporter one, two;

	exporter_bound(&one, 1, 0);
	exporter_bound(&two, 1, 0);
	exporter_publish(&one, 0);
	exporter_publish(&two, 0);
	EXPECT(one.id >= RSM_USER_APP_ID_BASE);
	EXPECT(two.id >= RSM_USER_APP_ID_BASE);
	EXPECT(one.id != two.id);
	EXPECT_EQ(try_connect(&one, one.id), RSM_SUCCESS);
	EXPECT_EQ(try_connect(&two, two.id), RSM_SUCCESS);
	exporter_down(&one);
	exporter_down(&two);
}

TEST(assigned_ids_are_not_reused_soon)
{
	struct exporter e;
	rsm_memseg_id_t last = 0;

	exporter_bound(&e, 1, 0);
	for (unsigned n = 0; n < 50; n++) {
		exporter_publish(&e, 0);
		EXPECT(e.id != last);
		last = e.id;
		EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
		EXPECT_EQ(try_connect(&e, last), RSMERR_SEG_NOT_PUBLISHED);
	}
	exporter_down(&e);
}

/* 25.19, Q12 */
TEST(reserved_ids_are_refused)
{
	static const rsm_memseg_id_t ids[] = { 1,	   0xfffff,    0x100000,
					       0x2fffff,   0x3fffff,   0x80000000,
					       0x80000001, 0xfffffffe, 0xffffffff };
	struct exporter e;

	exporter_bound(&e, 1, 0);
	for (size_t k = 0; k < sizeof(ids) / sizeof(*ids); k++)
		EXPECT_EQ(publish(&e, ids[k]), RSMERR_RESERVED_SEGID);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSMERR_SEG_NOT_PUBLISHED);
	exporter_down(&e);
}

/* 25.19, Q12 */
TEST(ids_between_the_reserved_ranges_are_allowed)
{
	static const rsm_memseg_id_t ids[] = { 0x400000, 0x5fffff, 0x600000, 0x7fffffff };
	struct exporter e;

	exporter_bound(&e, 1, 0);
	for (size_t k = 0; k < sizeof(ids) / sizeof(*ids); k++) {
		EXPECT_EQ(publish(&e, ids[k]), RSM_SUCCESS);
		EXPECT_EQ(try_connect(&e, ids[k]), RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	}
	exporter_down(&e);
}

/* Q15 */
TEST(an_id_that_was_asked_for_is_not_written)
{
	struct exporter e;
	unsigned char *m = pages_with_hole(1, 1);
	rsm_memseg_id_t *id = (rsm_memseg_id_t *)(void *)m;

	*id = ID(3);
	EXPECT_EQ(mprotect(m, PAGE, PROT_READ), 0);
	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, id, NULL, 0), RSM_SUCCESS);
	exporter_down(&e);
	EXPECT_EQ(munmap(m, PAGE), 0);
}

TEST(a_failed_publish_assigns_no_id)
{
	struct exporter e;
	rsm_memseg_id_t id = 0;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, &id, NULL, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(id, 0);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSMERR_SEG_NOT_PUBLISHED);
	exporter_down(&e);
}

/* 25.20 */
TEST(an_id_in_use_in_this_process_is_refused_until_unpublished)
{
	struct exporter one, two;

	exporter_up(&one, ID(0), 1);
	exporter_bound(&two, 1, 0);
	EXPECT_EQ(publish(&two, ID(0)), RSMERR_SEGID_IN_USE);
	EXPECT_EQ(rsm_memseg_export_unpublish(two.segment), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(rsm_memseg_export_unpublish(one.segment), RSM_SUCCESS);
	EXPECT_EQ(publish(&two, ID(0)), RSM_SUCCESS);
	EXPECT_EQ(publish(&one, ID(0)), RSMERR_SEGID_IN_USE);
	exporter_down(&one);
	exporter_down(&two);
}

/* 25.20 */
TEST(an_id_is_free_after_destroy)
{
	struct exporter one, two;

	exporter_up(&one, ID(0), 1);
	exporter_bound(&two, 1, 0);
	EXPECT_EQ(publish(&two, ID(0)), RSMERR_SEGID_IN_USE);
	exporter_down(&one);
	EXPECT_EQ(publish(&two, ID(0)), RSM_SUCCESS);
	exporter_down(&two);
}

/* 25.20 */
TEST(an_id_in_use_in_another_process_is_refused_until_unpublished)
{
	struct child far;
	struct exporter e;

	agent_exporting(&far, ID(0), 1);
	exporter_bound(&e, 1, 0);
	EXPECT_EQ(publish(&e, ID(0)), RSMERR_SEGID_IN_USE);
	EXPECT_EQ(ask(&far, UNPUBLISH, 0, 0), RSM_SUCCESS);
	EXPECT_EQ(publish(&e, ID(0)), RSM_SUCCESS);
	EXPECT_EQ(ask(&far, PUBLISH, ID(0), 0), RSMERR_SEGID_IN_USE);
	exporter_down(&e);
	child_finish(&far);
}

/* 25.20 */
TEST(an_id_is_free_after_destroy_in_another_process)
{
	struct child far;
	struct exporter e;

	agent_exporting(&far, ID(0), 1);
	exporter_bound(&e, 1, 0);
	EXPECT_EQ(ask(&far, DESTROY, 0, 0), RSM_SUCCESS);
	EXPECT_EQ(publish(&e, ID(0)), RSM_SUCCESS);
	exporter_down(&e);
	child_finish(&far);
}

/* 25.20 */
TEST(an_id_is_free_after_its_process_has_died)
{
	struct child far;
	struct exporter e;

	agent_exporting(&far, ID(0), 1);
	exporter_bound(&e, 1, 0);
	EXPECT_EQ(publish(&e, ID(0)), RSMERR_SEGID_IN_USE);
	child_kill(&far, SIGKILL);
	EXPECT_WITHIN(5000, publish(&e, ID(0)) == RSM_SUCCESS);
	exporter_down(&e);
}

/* 25.21 */
TEST(a_published_segment_is_not_published_again)
{
	struct exporter e;

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(publish(&e, ID(0)), RSMERR_SEG_ALREADY_PUBLISHED);
	EXPECT_EQ(publish(&e, ID(1)), RSMERR_SEG_ALREADY_PUBLISHED);
	EXPECT_EQ(publish(&e, 0), RSMERR_SEG_ALREADY_PUBLISHED);
	EXPECT_EQ(try_connect(&e, ID(0)), RSM_SUCCESS);
	EXPECT_EQ(try_connect(&e, ID(1)), RSMERR_SEG_NOT_PUBLISHED);
	exporter_down(&e);
}

/* 25.22 */
TEST(no_id_is_found_before_no_segment)
{
	EXPECT_EQ(rsm_memseg_export_publish(NULL, NULL, NULL, 1), RSMERR_BAD_SEGID);
}

TEST(no_segment_is_found_before_no_list)
{
	rsm_memseg_id_t id = ID(0);

	EXPECT_EQ(rsm_memseg_export_publish(NULL, &id, NULL, 1), RSMERR_BAD_SEG_HNDL);
}

/* 25.22 */
TEST(a_length_without_a_list_is_a_bad_list)
{
	struct exporter e;
	rsm_memseg_id_t id = ID(0);

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, &id, NULL, 1), RSMERR_BAD_ACL);
	exporter_publish(&e, ID(0));
	/* It is found before the state. */
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, &id, NULL, 1), RSMERR_BAD_ACL);
	exporter_down(&e);
}

TEST(being_published_is_found_before_a_reserved_id_and_a_bad_list)
{
	struct exporter e;

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(publish(&e, 1), RSMERR_SEG_ALREADY_PUBLISHED);
	EXPECT_EQ(publish_to(&e, importers_node(), 0777, 1), RSMERR_SEG_ALREADY_PUBLISHED);
	exporter_down(&e);
}

static void expect_refusals_in_a_child(struct child *parent, void *arg)
{
	struct exporter *e = arg;

	(void)parent;
	EXPECT_EQ(publish(e, 1), RSMERR_RESERVED_SEGID);
	EXPECT_EQ(publish(e, ID(0)), RSMERR_NOT_CREATOR);
	EXPECT_EQ(publish_to(e, importers_node(), 01000, 1), RSMERR_NOT_CREATOR);
}

TEST(a_reserved_id_then_not_being_the_creator_then_the_list)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(status_of(expect_refusals_in_a_child, &e), 0);
	exporter_down(&e);
}

TEST(a_bad_list_is_found_before_an_id_in_use)
{
	struct exporter one, two;

	exporter_up(&one, ID(0), 1);
	exporter_bound(&two, 1, 0);
	EXPECT_EQ(publish_to(&two, importers_node(), 0667, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(publish_to(&two, importers_node(), 0666, 1), RSMERR_SEGID_IN_USE);
	exporter_down(&two);
	exporter_down(&one);
}

/* 25.23 */
TEST(a_list_of_two_is_too_long_for_loopback)
{
	struct exporter e;

	ONE_NODE_ONLY("it is about loopback");
	exporter_bound(&e, 1, 0);
	EXPECT_EQ(publish_to(&e, importers_node(), 0666, 2), RSMERR_BAD_ACL);
	EXPECT_EQ(publish_to(&e, importers_node(), 0666, 65), RSMERR_BAD_ACL);
	EXPECT_EQ(publish_to(&e, importers_node(), 0666, 1), RSM_SUCCESS);
	exporter_down(&e);
}

/* 25.23 */
TEST(loopback_publishes_to_no_other_node)
{
	struct exporter e;

	ONE_NODE_ONLY("it is about loopback");
	exporter_bound(&e, 1, 0);
	EXPECT_EQ(publish_to(&e, local_node() + 1, 0666, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(publish_to(&e, 64, 0666, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(publish_to(&e, UINT32_MAX, 0666, 1), RSMERR_BAD_ACL);
	exporter_down(&e);
}

/* 25.23 */
TEST(a_mode_above_0666_is_a_bad_list)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(publish_to(&e, importers_node(), 0667, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(publish_to(&e, importers_node(), 0777, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(publish_to(&e, importers_node(), 01000, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(publish_to(&e, importers_node(), UINT32_MAX, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSMERR_SEG_NOT_PUBLISHED);
	exporter_down(&e);
}

TEST(execute_bits_below_the_limit_are_ignored)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(publish_to(&e, importers_node(), 0111, 1), RSM_SUCCESS);
	exporter_down(&e);
}

TEST(the_pointer_of_an_empty_list_is_ignored)
{
	struct exporter e;
	volatile uintptr_t unreadable = 8;
	rsmapi_access_entry_t *nowhere = (rsmapi_access_entry_t *)unreadable;
	rsm_memseg_id_t id = ID(0);

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, &id, nowhere, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_republish(e.segment, nowhere, 0), RSM_SUCCESS);
	exporter_down(&e);
}

static void publish_unreadable(struct child *parent, void *arg)
{
	volatile uintptr_t unreadable = 4096;
	rsmapi_access_entry_t *nowhere = (rsmapi_access_entry_t *)unreadable;
	rsm_memseg_id_t id = ID(0);
	struct exporter e;

	(void)parent;
	(void)arg;
	exporter_bound(&e, 1, 0);
	(void)signal(SIGSEGV, SIG_DFL);
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, &id, nowhere, 1), RSMERR_BAD_ADDR);
}

TEST(an_unreadable_list_is_a_bad_address_or_a_fault)
{
	int status = status_of(publish_unreadable, NULL);

	EXPECT(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
}

TEST(the_list_is_copied)
{
	struct exporter e;
	rsmapi_access_entry_t entry = { .ae_node = importers_node(), .ae_permission = 0666 };
	rsm_memseg_id_t id = ID(0);

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_memseg_export_publish(e.segment, &id, &entry, 1), RSM_SUCCESS);
	(void)memset(&entry, 0xff, sizeof(entry));
	EXPECT_EQ(try_connect(&e, ID(0)), RSM_SUCCESS);
	exporter_down(&e);
}

/* 25.24 */
TEST(an_unpublished_segment_is_neither_unpublished_nor_republished)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(rsm_memseg_export_republish(e.segment, NULL, 0), RSMERR_SEG_NOT_PUBLISHED);
	/* The state is found before a missing list. */
	EXPECT_EQ(rsm_memseg_export_republish(e.segment, NULL, 1), RSMERR_SEG_NOT_PUBLISHED);
	exporter_publish(&e, ID(0));
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(rsm_memseg_export_republish(e.segment, NULL, 0), RSMERR_SEG_NOT_PUBLISHED);
	exporter_down(&e);
}

TEST(nothing_is_neither_unpublished_nor_republished)
{
	EXPECT_EQ(rsm_memseg_export_unpublish(NULL), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_republish(NULL, NULL, 0), RSMERR_BAD_SEG_HNDL);
	EXPECT_EQ(rsm_memseg_export_republish(NULL, NULL, 1), RSMERR_BAD_SEG_HNDL);
}

static void expect_more_refusals_in_a_child(struct child *parent, void *arg)
{
	struct exporter *e = arg;
	rsmapi_access_entry_t bad = { .ae_node = importers_node(), .ae_permission = 0777 };

	(void)parent;
	EXPECT_EQ(rsm_memseg_export_republish(e->segment, NULL, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(rsm_memseg_export_republish(e->segment, &bad, 1), RSMERR_NOT_CREATOR);
	EXPECT_EQ(rsm_memseg_export_republish(e->segment, NULL, 0), RSMERR_NOT_CREATOR);
	EXPECT_EQ(rsm_memseg_export_unpublish(e->segment), RSMERR_NOT_CREATOR);
}

TEST(republish_finds_no_list_then_not_the_creator_then_a_bad_list)
{
	struct exporter e;

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(status_of(expect_more_refusals_in_a_child, &e), 0);
	EXPECT_EQ(try_connect(&e, ID(0)), RSM_SUCCESS);
	exporter_down(&e);
}

static void expect_state_before_creator(struct child *parent, void *arg)
{
	struct exporter *e = arg;

	(void)parent;
	EXPECT_EQ(rsm_memseg_export_republish(e->segment, NULL, 0), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(rsm_memseg_export_unpublish(e->segment), RSMERR_SEG_NOT_PUBLISHED);
}

TEST(not_being_published_is_found_before_not_being_the_creator)
{
	struct exporter e;

	exporter_bound(&e, 1, 0);
	EXPECT_EQ(status_of(expect_state_before_creator, &e), 0);
	exporter_down(&e);
}

TEST(republish_refuses_the_lists_that_publish_refuses)
{
	struct exporter e;
	rsmapi_access_entry_t list[2];

	list[0] = (rsmapi_access_entry_t){ .ae_node = importers_node(), .ae_permission = 0666 };
	list[1] = list[0];
	exporter_up(&e, ID(0), 1);
	/* Loopback has room for one, and for this node alone. */
	EXPECT_EQ(rsm_memseg_export_republish(e.segment, list, 2),
		  nodes_are_two() ? RSM_SUCCESS : RSMERR_BAD_ACL);
	list[0].ae_permission = 0667;
	EXPECT_EQ(rsm_memseg_export_republish(e.segment, list, 1), RSMERR_BAD_ACL);
	list[1].ae_node += nodes_are_two() ? 0x10000 : 1;
	EXPECT_EQ(rsm_memseg_export_republish(e.segment, list + 1, 1), RSMERR_BAD_ACL);
	EXPECT_EQ(try_connect(&e, ID(0)), RSM_SUCCESS);
	exporter_down(&e);
}

/* 25.25 */
TEST(a_segment_can_be_published_again_under_another_id)
{
	struct exporter e;

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	exporter_publish(&e, ID(1));
	EXPECT_EQ(try_connect(&e, ID(0)), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(try_connect(&e, ID(1)), RSM_SUCCESS);
	exporter_down(&e);
}

TEST(unpublish_leaves_the_memory_alone)
{
	struct pair p;

	pair_up(&p, 4);
	importer_map(&p.i, RSM_PERM_RDWR, p.e.size);
	(void)memset(p.i.address, 0x6b, p.e.size);
	importer_deliver(&p.i);
	EXPECT_EQ(rsm_memseg_export_unpublish(p.e.segment), RSM_SUCCESS);
	EXPECT(is_filled(p.e.memory, p.e.size, 0x6b));
	(void)memset(p.e.memory, 0x6c, p.e.size);
	exporter_publish(&p.e, ID(0));
	EXPECT(is_filled(p.e.memory, p.e.size, 0x6c));
	pair_down(&p);
}

/* Q21 */
TEST(a_segment_with_a_pollfd_reference_can_be_unpublished)
{
	struct exporter e;
	struct pollfd pfd = { .fd = -1 };

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(rsm_memseg_get_pollfd(e.segment, &pfd), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_destroy(e.segment), RSMERR_POLLFD_IN_USE);
	EXPECT_EQ(rsm_memseg_release_pollfd(e.segment), RSM_SUCCESS);
	exporter_down(&e);
}

TEST(success_means_that_others_find_the_segment_at_once)
{
	struct child far;
	struct exporter e;

	agent_start(&far);
	exporter_bound(&e, 1, 0);
	for (unsigned n = 0; n < 20; n++) {
		EXPECT_EQ(ask(&far, TRY, ID(n), RSM_PERM_READ), RSMERR_SEG_NOT_PUBLISHED);
		exporter_publish(&e, ID(n));
		EXPECT_EQ(ask(&far, TRY, ID(n), RSM_PERM_READ), RSM_SUCCESS);
		EXPECT_EQ(rsm_memseg_export_unpublish(e.segment), RSM_SUCCESS);
		EXPECT_EQ(ask(&far, TRY, ID(n), RSM_PERM_READ), RSMERR_SEG_NOT_PUBLISHED);
	}
	exporter_down(&e);
	child_finish(&far);
}
