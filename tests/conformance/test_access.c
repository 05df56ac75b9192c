/* SPDX-License-Identifier: MIT */
/*
 * test_access.c - who may connect to what
 *
 * The people here are agents: children that become other users before they use the library.
 * The test itself stays who it is and keeps the broker up.  That a list leaves the local node
 * out cannot be tried on loopback, which refuses such a list.
 */
#include "rig.h"

#include <sys/stat.h>

enum { OWNER = 65534, OTHER = 65533, GROUP = 65534, OTHER_GROUP = 65533 };

struct people {
	struct child owner; /* who exports */
	struct child twin;  /* the same user and group */
	struct child mate;  /* another user of the same group */
	struct child other; /* another user of another group */
};

static void person_start(struct child *c, uint64_t user, uint64_t group)
{
	agent_start(c);
	EXPECT_EQ(ask(c, BECOME, user, group), 0);
}

static rsmapi_controller_handle_t people_up(struct people *people)
{
	if (geteuid() != 0)
		SKIP("only root can become two other users");
	EXPECT_EQ(chmod(test_directory(), 0755), 0);
	person_start(&people->owner, OWNER, GROUP);
	person_start(&people->twin, OWNER, OTHER_GROUP);
	person_start(&people->mate, OTHER, GROUP);
	person_start(&people->other, OTHER, OTHER_GROUP);
	/* The broker is there, and stays, because this process needs it. */
	(void)local_node();
	return the_controller();
}

static void people_down(struct people *people, rsmapi_controller_handle_t controller)
{
	child_finish(&people->owner);
	child_finish(&people->twin);
	child_finish(&people->mate);
	child_finish(&people->other);
	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
}

static int attempt(struct child *c, rsm_permission_t perm)
{
	return (int)ask(c, TRY, ID(0), perm);
}

/* Whether each may read, write, and do both. */
static void expect_rights(struct child *c, int read, int write)
{
	int both =
		read == RSM_SUCCESS && write == RSM_SUCCESS ? RSM_SUCCESS : RSMERR_PERM_DENIED;

	EXPECT_EQ(attempt(c, RSM_PERM_READ), read);
	EXPECT_EQ(attempt(c, RSM_PERM_WRITE), write);
	EXPECT_EQ(attempt(c, RSM_PERM_RDWR), both);
	EXPECT_EQ(attempt(c, RSM_PERM_NONE), RSM_SUCCESS);
}

static void publish_with(struct people *people, rsm_permission_t mode)
{
	EXPECT_EQ(ask(&people->owner, CREATE, 1, 0), 0);
	EXPECT_EQ(ask(&people->owner, PUBLISH_TO, ID(0), mode), RSM_SUCCESS);
}

/* 25.26, Q10 */
TEST(mode_0600_admits_the_exporters_user_alone)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, RSM_PERM_RDWR);
	expect_rights(&people.owner, RSM_SUCCESS, RSM_SUCCESS);
	expect_rights(&people.twin, RSM_SUCCESS, RSM_SUCCESS);
	expect_rights(&people.mate, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	expect_rights(&people.other, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	people_down(&people, controller);
}

/* 25.27 */
TEST(mode_0640_lets_the_group_read)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0640);
	expect_rights(&people.mate, RSM_SUCCESS, RSMERR_PERM_DENIED);
	expect_rights(&people.other, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	people_down(&people, controller);
}

TEST(a_supplementary_group_counts_as_the_group)
{
	struct people people;
	struct child member;
	rsmapi_controller_handle_t controller;

	if (geteuid() != 0)
		SKIP("only root can become two other users");
	agent_start(&member);
	EXPECT_EQ(ask(&member, JOIN, GROUP, 0), 0);
	EXPECT_EQ(ask(&member, TAKE_EFFECTIVE, OTHER, OTHER_GROUP), 0);
	controller = people_up(&people);
	publish_with(&people, 0640);
	expect_rights(&member, RSM_SUCCESS, RSMERR_PERM_DENIED);
	child_finish(&member);
	people_down(&people, controller);
}

/* 25.28 */
TEST(mode_0604_lets_others_read)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0604);
	expect_rights(&people.other, RSM_SUCCESS, RSMERR_PERM_DENIED);
	/* The classes are exclusive: the group has less than others. */
	expect_rights(&people.mate, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	people_down(&people, controller);
}

TEST(mode_0624_gives_each_class_what_it_says)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0624);
	expect_rights(&people.twin, RSM_SUCCESS, RSM_SUCCESS);
	expect_rights(&people.mate, RSMERR_PERM_DENIED, RSM_SUCCESS);
	expect_rights(&people.other, RSM_SUCCESS, RSMERR_PERM_DENIED);
	people_down(&people, controller);
}

/* 25.29 */
TEST(mode_0066_denies_the_owner)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0066);
	expect_rights(&people.owner, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	expect_rights(&people.twin, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	expect_rights(&people.mate, RSM_SUCCESS, RSM_SUCCESS);
	expect_rights(&people.other, RSM_SUCCESS, RSM_SUCCESS);
	people_down(&people, controller);
}

TEST(root_is_admitted_everywhere)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);
	struct importer i;

	publish_with(&people, 0);
	importer_fresh(&i, ID(0), RSM_PERM_RDWR);
	importer_down(&i);
	people_down(&people, controller);
}

static void publish_under_umask(struct people *people, mode_t mask)
{
	EXPECT_EQ(ask(&people->owner, SET_UMASK, mask, 0), 0);
	EXPECT_EQ(ask(&people->owner, CREATE, 1, 0), 0);
	/* What it is from here on makes no difference. */
	EXPECT_EQ(ask(&people->owner, SET_UMASK, mask ^ 0777, 0), 0);
	EXPECT_EQ(ask(&people->owner, PUBLISH, ID(0), 0), RSM_SUCCESS);
}

/* 25.30, Q11 */
TEST(an_empty_list_under_umask_077_admits_the_user_alone)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_under_umask(&people, 077);
	expect_rights(&people.twin, RSM_SUCCESS, RSM_SUCCESS);
	expect_rights(&people.mate, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	expect_rights(&people.other, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	people_down(&people, controller);
}

/* 25.30, Q11 */
TEST(an_empty_list_under_umask_0_admits_everybody)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_under_umask(&people, 0);
	expect_rights(&people.mate, RSM_SUCCESS, RSM_SUCCESS);
	expect_rights(&people.other, RSM_SUCCESS, RSM_SUCCESS);
	people_down(&people, controller);
}

/* 25.30 */
TEST(an_empty_list_under_umask_022_lets_others_read)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_under_umask(&people, 022);
	expect_rights(&people.other, RSM_SUCCESS, RSMERR_PERM_DENIED);
	people_down(&people, controller);
}

/* 25.31 */
TEST(no_permission_is_needed_to_connect_for_events)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0);
	EXPECT_EQ(ask(&people.other, IMPORT, ID(0), RSM_PERM_NONE), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.other, GET, 0, 0), 0x100 + RSMERR_PERM_DENIED);
	EXPECT_EQ(ask(&people.other, PUT, 0, 1), RSMERR_PERM_DENIED);
	EXPECT_EQ(ask(&people.other, MAP, PAGE, RSM_PERM_READ), RSMERR_BAD_PERMS);
	EXPECT_EQ(ask(&people.other, POST_IMPORT, 0, 0), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.owner, WAIT_EXPORT, 5000, 0), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.owner, POST_EXPORT, 0, 0), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.other, WAIT_IMPORT, 5000, 0), RSM_SUCCESS);
	people_down(&people, controller);
}

/* 25.31, within one process and for any user */
TEST(a_connection_without_permission_posts_and_does_nothing_else)
{
	struct exporter e;
	struct importer i;
	uint8_t byte = 1;

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_NONE);
	EXPECT_EQ(rsm_memseg_import_get8(i.segment, 0, &byte, 1), RSMERR_PERM_DENIED);
	EXPECT_EQ(rsm_memseg_import_put8(i.segment, 0, &byte, 1), RSMERR_PERM_DENIED);
	EXPECT_EQ(rsm_intr_signal_post(i.segment, 0), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(e.segment, SOON), RSM_SUCCESS);
	importer_down(&i);
	exporter_down(&e);
}

/* 25.32 */
TEST(republish_leaves_connections_alone_and_judges_new_ones)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0666);
	EXPECT_EQ(ask(&people.twin, IMPORT, ID(0), RSM_PERM_RDWR), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.other, IMPORT, ID(0), RSM_PERM_RDWR), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.owner, REPUBLISH_TO, 0400, 0), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.twin, PUT, 3, 7), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.owner, LOAD, 3, 0), 7);
	EXPECT_EQ(ask(&people.other, PUT, 4, 8), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.owner, LOAD, 4, 0), 8);
	expect_rights(&people.owner, RSM_SUCCESS, RSMERR_PERM_DENIED);
	expect_rights(&people.other, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	EXPECT_EQ(ask(&people.owner, REPUBLISH_TO, 0606, 0), RSM_SUCCESS);
	expect_rights(&people.other, RSM_SUCCESS, RSM_SUCCESS);
	people_down(&people, controller);
}

/* 25.32 */
TEST(an_existing_writer_goes_on_after_republish_takes_writing_away)
{
	struct pair p;
	rsmapi_access_entry_t entry = { .ae_permission = 0400 };
	uint8_t byte = 5;

	pair_up(&p, 1);
	entry.ae_node = importers_node();
	EXPECT_EQ(rsm_memseg_export_republish(p.e.segment, &entry, 1), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_put8(p.i.segment, 0, &byte, 1), RSM_SUCCESS);
	EXPECT_EQ(p.e.memory[0], 5);
	EXPECT_EQ(rsm_memseg_import_open_barrier(&p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_close_barrier(&p.i.barrier), RSM_SUCCESS);
	pair_down(&p);
}

TEST(republishing_an_empty_list_restores_the_default)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	EXPECT_EQ(ask(&people.owner, SET_UMASK, 0, 0), 0);
	publish_with(&people, 0600);
	expect_rights(&people.other, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	EXPECT_EQ(ask(&people.owner, REPUBLISH, 0, 0), RSM_SUCCESS);
	expect_rights(&people.other, RSM_SUCCESS, RSM_SUCCESS);
	people_down(&people, controller);
}

/* Q28 and Q29 */
TEST(an_importer_admitted_as_other_maps_and_accesses_what_it_asked_for)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0604);
	EXPECT_EQ(ask(&people.owner, STORE, 9, 77), 0);
	EXPECT_EQ(ask(&people.other, IMPORT, ID(0), RSM_PERM_READ), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.other, GET, 9, 0), 77);
	EXPECT_EQ(ask(&people.other, UNMAP, 0, 0), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.other, MAP, PAGE, RSM_PERM_READ), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.other, LOAD_MAPPED, 9, 0), 77);
	people_down(&people, controller);
}

/* Q29 */
TEST(an_importer_admitted_through_the_group_maps_what_it_asked_for)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0660);
	EXPECT_EQ(ask(&people.mate, IMPORT, ID(0), RSM_PERM_RDWR), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.mate, MAP, PAGE, RSM_PERM_RDWR), RSM_SUCCESS);
	EXPECT_EQ(ask(&people.mate, STORE_MAPPED, 1, 2), 0);
	EXPECT_EQ(ask(&people.owner, LOAD, 1, 0), 2);
	people_down(&people, controller);
}

TEST(a_connection_carries_what_was_asked_for_and_no_more)
{
	struct exporter e;
	struct importer i;
	void *address = NULL;
	uint8_t byte = 1;

	exporter_up(&e, ID(0), 1);
	importer_up(&i, ID(0), RSM_PERM_READ);
	EXPECT_EQ(rsm_memseg_import_map(i.segment, &address, RSM_MAP_NONE, RSM_PERM_RDWR, 0,
					PAGE),
		  RSMERR_BAD_PERMS);
	EXPECT_EQ(rsm_memseg_import_put8(i.segment, 0, &byte, 1), RSMERR_PERM_DENIED);
	importer_down(&i);
	exporter_down(&e);
}

/* Q47 */
TEST(each_connect_is_judged_afresh)
{
	struct people people;
	rsmapi_controller_handle_t controller = people_up(&people);

	publish_with(&people, 0600);
	for (unsigned n = 0; n < 3; n++) {
		EXPECT_EQ(attempt(&people.twin, RSM_PERM_RDWR), RSM_SUCCESS);
		EXPECT_EQ(attempt(&people.other, RSM_PERM_RDWR), RSMERR_PERM_DENIED);
	}
	EXPECT_EQ(ask(&people.twin, IMPORT, ID(0), RSM_PERM_RDWR), RSM_SUCCESS);
	EXPECT_EQ(attempt(&people.other, RSM_PERM_RDWR), RSMERR_PERM_DENIED);
	people_down(&people, controller);
}

TEST(the_exporters_ids_are_those_it_had_when_it_created)
{
	struct people people;
	struct child chameleon;
	rsmapi_controller_handle_t controller;

	if (geteuid() != 0)
		SKIP("only root can become two other users");
	agent_start(&chameleon);
	controller = people_up(&people);
	/* It is known to the library as root before it creates as another. */
	EXPECT_EQ(ask(&chameleon, TRY, ID(0), RSM_PERM_READ), RSMERR_SEG_NOT_PUBLISHED);
	EXPECT_EQ(ask(&chameleon, TAKE_EFFECTIVE, OWNER, GROUP), 0);
	EXPECT_EQ(ask(&chameleon, CREATE, 1, 0), 0);
	EXPECT_EQ(ask(&chameleon, TAKE_EFFECTIVE, 0, 0), 0);
	EXPECT_EQ(ask(&chameleon, PUBLISH_TO, ID(0), 0600), RSM_SUCCESS);
	expect_rights(&people.twin, RSM_SUCCESS, RSM_SUCCESS);
	expect_rights(&people.other, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	child_finish(&chameleon);
	people_down(&people, controller);
}

TEST(the_importers_ids_are_those_it_has_when_it_connects)
{
	struct people people;
	struct child chameleon;
	rsmapi_controller_handle_t controller;

	if (geteuid() != 0)
		SKIP("only root can become two other users");
	agent_start(&chameleon);
	controller = people_up(&people);
	publish_with(&people, 0600);
	EXPECT_EQ(attempt(&chameleon, RSM_PERM_RDWR), RSM_SUCCESS);
	EXPECT_EQ(ask(&chameleon, TAKE_EFFECTIVE, OTHER, OTHER_GROUP), 0);
	expect_rights(&chameleon, RSMERR_PERM_DENIED, RSMERR_PERM_DENIED);
	child_finish(&chameleon);
	people_down(&people, controller);
}
