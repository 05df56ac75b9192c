/* SPDX-License-Identifier: MIT */
/*
 * test_topology.c - rsm_get_interconnect_topology() and rsm_free_interconnect_topology()
 */
#include "rig.h"

static rsm_topology_t *topology(void)
{
	rsm_topology_t *result = NULL;

	EXPECT_EQ(rsm_get_interconnect_topology(&result), RSM_SUCCESS);
	EXPECT(result != NULL);
	return result;
}

/* 25.9 */
TEST(a_null_result_is_a_bad_topology_pointer)
{
	EXPECT_EQ(rsm_get_interconnect_topology(NULL), RSMERR_BAD_TOPOLOGY_PTR);
}

/* 25.9 */
TEST(freeing_no_topology_is_harmless)
{
	rsm_free_interconnect_topology(NULL);
}

/* 25.9 */
TEST(the_local_node_id_works_in_connect)
{
	rsm_topology_t *t = topology();
	struct exporter e;
	rsm_memseg_import_handle_t import = NULL;

	exporter_up(&e, ID(0), 1);
	EXPECT_EQ(rsm_memseg_import_connect(e.controller, t->topology_hdr.local_nodeid, ID(0),
					    RSM_PERM_RDWR, &import),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_disconnect(import), RSM_SUCCESS);
	exporter_down(&e);
	rsm_free_interconnect_topology(t);
}

/* Q16 */
TEST(a_machine_outside_a_cluster_is_node_0)
{
	ONE_NODE_ONLY("here is a cluster");
	EXPECT_EQ(local_node(), 0);
}

/* Q16 */
TEST(loopback_is_not_listed)
{
	rsm_topology_t *t = topology();

	for (uint_t i = 0; i < t->topology_hdr.local_cntlr_count; i++)
		EXPECT(strncasecmp(t->connections[i]->hdr.cntlr_name, "loopback", 8) != 0);
	rsm_free_interconnect_topology(t);
}

TEST(every_listed_controller_can_be_opened_and_ends_its_strings)
{
	rsm_topology_t *t = topology();

	for (uint_t i = 0; i < t->topology_hdr.local_cntlr_count; i++) {
		rsm_connections_t *c = t->connections[i];
		rsmapi_controller_handle_t controller = NULL;

		EXPECT(memchr(c->hdr.cntlr_name, '\0', MAXNAMELEN) != NULL);
		EXPECT_EQ(rsm_get_controller(c->hdr.cntlr_name, &controller), RSM_SUCCESS);
		EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
		for (int j = 0; j < c->hdr.remote_cntlr_count; j++)
			EXPECT(memchr(c->remote_cntlr[j].remote_cntlrname, '\0', MAXNAMELEN) !=
			       NULL);
	}
	rsm_free_interconnect_topology(t);
}

TEST(each_topology_is_an_allocation_of_its_own)
{
	rsm_topology_t *one = topology(), *two = topology();
	rsm_node_id_t node = one->topology_hdr.local_nodeid;

	EXPECT(one != two);
	(void)memset(&one->topology_hdr, 0, sizeof(one->topology_hdr));
	one->topology_hdr.local_nodeid = node + 1;
	EXPECT_EQ(two->topology_hdr.local_nodeid, node);
	rsm_free_interconnect_topology(one);
	EXPECT_EQ(two->topology_hdr.local_nodeid, node);
	rsm_free_interconnect_topology(two);
}

TEST(the_topology_needs_no_controller_and_outlives_all)
{
	rsm_topology_t *t = topology();
	rsmapi_controller_handle_t controller = the_controller();

	EXPECT_EQ(rsm_release_controller(controller), RSM_SUCCESS);
	EXPECT_EQ(t->topology_hdr.local_nodeid, local_node());
	rsm_free_interconnect_topology(t);
}

TEST(all_processes_of_a_node_have_the_same_node_id)
{
	struct child c;

	/* The agent publishes to its own idea of the local node, which loopback checks. */
	agent_start(&c);
	EXPECT_EQ(ask(&c, CREATE, 1, 0), RSM_SUCCESS);
	EXPECT_EQ(ask(&c, PUBLISH_TO, ID(0), 0666), RSM_SUCCESS);
	{
		struct importer i;

		importer_fresh(&i, ID(0), RSM_PERM_RDWR);
		importer_down(&i);
	}
	child_finish(&c);
}
