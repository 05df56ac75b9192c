/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_connect.c - connections to segments of other nodes, and how they are refused
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "far.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE

static void two_up(struct cluster *c)
{
	cluster_make(c, 2, true, NULL);
	cluster_start_all(c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(c));
}

TEST_SLOW(a_process_reads_and_writes_the_segment_of_another_node, 60)
{
	struct msg_import_connected_far far;
	struct far_client importer;
	struct far_export export;
	struct far_reach reach;
	struct cluster c;
	char got[8] = "";

	two_up(&c);
	far_export_up(&c, 1, &export);
	(void)strcpy(export.memory + 4096, "theirs");
	far_client_up(&c, 0, &importer);
	far = far_connect(&importer, 1, export.segment.id, RW);
	EXPECT_EQ(far.size, FAR_SIZE);
	EXPECT_STR(far.provider.text, test_provider());
	EXPECT(far_is_fresh(&importer, &far));
	reach = far_reach(&far, RW);
	EXPECT_EQ(far_get(&reach, 4096, got, 7), 0);
	EXPECT_STR(got, "theirs");
	EXPECT_EQ(far_put(&reach, 0, "ours", 5), 0);
	EXPECT_STR(export.memory, "ours");
	EXPECT(far_is_fresh(&importer, &far));
	far_leave(&reach);
	far_close(&importer, far.import);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 1, "import.closed"));
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

static int refusal(struct far_client *client, unsigned node, uint32_t id, uint32_t rights,
		   const char *words)
{
	struct message reply = far_ask(client, node, id, rights);

	EXPECT_STR(wire_name(reply.number), "refused");
	ck_assert_msg(strstr(reply.refused.rule.text, words), "it said: %s",
		      reply.refused.rule.text);
	return (int)reply.refused.error;
}

static void set_access(struct far_export *e, uint32_t node, uint32_t mode)
{
	struct message request = { .number = MSG_segment_republish };

	request.segment_republish.segment = e->segment.segment;
	request.segment_republish.access.count = 1;
	request.segment_republish.access.entry[0] = (struct tract_access){ node, mode };
	EXPECT_EQ(rig_ask(&e->rig, request, NULL).number, MSG_done);
}

TEST_SLOW(a_connection_is_refused_for_the_reason_there_is, 60)
{
	struct far_client importer;
	struct far_export export;
	struct cluster c;

	cluster_make(&c, 3, true, NULL);
	cluster_start(&c, 0);
	cluster_start(&c, 1);
	EXPECT_WITHIN(LONG_MS, cluster_is_up(&c, 0, 1) && cluster_is_up(&c, 1, 0));
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	EXPECT_EQ(refusal(&importer, 40, 1, RW, "no way to node 41"), EHOSTUNREACH);
	EXPECT_EQ(refusal(&importer, 2, 1, RW, "the link to node 3 is down"), EHOSTUNREACH);
	EXPECT_EQ(refusal(&importer, 1, 0x500000, RW, "nothing is published on node 2"),
		  ENOENT);
	set_access(&export, 3, 0666);
	EXPECT_EQ(refusal(&importer, 1, export.segment.id, RW, "leaves node 1 out"), EXDEV);
	/* Root may do everything, on whatever node. */
	if (geteuid() != 0) {
		set_access(&export, 1, 0444);
		EXPECT_EQ(refusal(&importer, 1, export.segment.id, RW, "these rights"), EACCES);
	}
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

TEST_SLOW(only_the_rights_that_were_granted_are_in_the_window, 60)
{
	struct msg_import_connected_far far;
	struct far_client importer;
	struct far_export export;
	struct far_reach reach;
	struct cluster c;
	char got[8];

	two_up(&c);
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	far = far_connect(&importer, 1, export.segment.id, TRACT_RIGHT_READ);
	/* The client's own check is not what keeps it from writing. */
	reach = far_reach(&far, RW);
	EXPECT_EQ(far_get(&reach, 0, got, sizeof(got)), 0);
	EXPECT(far_put(&reach, 0, "bad", 4) < 0);
	EXPECT_STR(export.memory, "");
	far_leave(&reach);
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

/* ---- groups ------------------------------------------------------------------------------ */

#define USER 65534u
#define GROUP 5000u	   /* the exporter's */
#define GROUPS_TOLD_MAX 64 /* between nodes, and to brokers */

/* What comes of asking for reading and writing in turn, as a user with these groups. */
static void expect_asking_as(struct cluster *c, uint32_t id, size_t count, const gid_t *groups,
			     uint32_t error)
{
	pid_t child = fork();

	EXPECT(child >= 0);
	if (child == 0) {
		struct far_client importer;
		struct message reply;

		EXPECT_EQ(setgroups(count, groups), 0);
		EXPECT_EQ(setgid(USER), 0);
		EXPECT_EQ(setuid(USER), 0);
		far_client_up(c, 0, &importer);
		reply = far_ask(&importer, 1, id, TRACT_RIGHT_READ);
		EXPECT_EQ(reply.number, error ? MSG_refused : MSG_import_connected_far);
		EXPECT(!error || reply.refused.error == error);
		reply = far_ask(&importer, 1, id, RW);
		EXPECT_EQ(reply.number, MSG_refused);
		EXPECT_EQ(reply.refused.error, EACCES);
		far_client_down(&importer);
		_exit(0);
	}
	rig_expect_success(child);
}

static void export_to_group(struct cluster *c, struct far_export *ret_export)
{
	struct message list = { .number = MSG_segment_republish };

	EXPECT_EQ(setegid(GROUP), 0);
	far_export_up(c, 1, ret_export);
	EXPECT_EQ(setegid(0), 0);
	list.segment_republish.segment = ret_export->segment.segment;
	list.segment_republish.access.count = 1;
	list.segment_republish.access.entry[0] = (struct tract_access){ 1, 0640 };
	EXPECT_EQ(rig_ask(&ret_export->rig, list, NULL).number, MSG_done);
}

TEST_SLOW(every_group_of_a_process_that_its_broker_knows_counts_on_the_other_node, 60)
{
	gid_t groups[GROUPS_TOLD_MAX + 1];
	struct far_export export;
	struct cluster c;

	if (geteuid() != 0)
		SKIP("only root may have the groups it wants");
	/* A broker serves whom its directory lets in. */
	cluster_make(&c, 2, true, NULL);
	EXPECT_EQ(chmod(test_directory(), 0755), 0);
	EXPECT_EQ(chmod(c.node[0].directory, 0755), 0);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	export_to_group(&c, &export);
	for (size_t i = 0; i < GROUPS_TOLD_MAX; i++)
		groups[i] = (gid_t)(100 + i);
	expect_asking_as(&c, export.segment.id, GROUPS_TOLD_MAX, groups, EACCES);
	groups[GROUPS_TOLD_MAX - 1] = GROUP;
	expect_asking_as(&c, export.segment.id, GROUPS_TOLD_MAX, groups, 0);
	/* The kernel has them in order, and this is one too many. */
	groups[GROUPS_TOLD_MAX - 1] = 4000;
	groups[GROUPS_TOLD_MAX] = GROUP;
	expect_asking_as(&c, export.segment.id, GROUPS_TOLD_MAX + 1, groups, EACCES);
	far_export_down(&export);
	cluster_end(&c);
}

TEST_SLOW(nodes_without_a_fabric_in_common_do_not_connect, 60)
{
	struct far_client importer;
	struct far_export export;
	struct cluster c;
	char path[160];
	FILE *file;

	cluster_make(&c, 2, true, NULL);
	(void)snprintf(path, sizeof(path), "%s/tract.conf", c.node[1].directory);
	file = fopen(path, "ae");
	EXPECT(file && fputs("[controller none0]\nprovider = nonesuch\n", file) >= 0);
	EXPECT_EQ(fclose(file), 0);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	EXPECT(cluster_logged(&c, 1, "controller.down name=none0 provider=nonesuch"));
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	EXPECT_EQ(refusal(&importer, 1, export.segment.id, RW, "none of the fabrics"),
		  EHOSTUNREACH);
	/* Events need none. */
	EXPECT_EQ(far_connect(&importer, 1, export.segment.id, 0).size, FAR_SIZE);
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

TEST_SLOW(who_names_a_controller_goes_through_that, 60)
{
	struct message request = { .number = MSG_import_connect_through }, reply;
	struct far_client importer;
	struct far_export export;
	struct cluster c;

	cluster_make(&c, 2, true, cluster_alias());
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	request.import_connect_through.node = 2;
	request.import_connect_through.id = export.segment.id;
	request.import_connect_through.rights = RW;
	request.import_connect_through.controller = wire_text_of("sci0");
	reply = rig_ask(&importer.rig, request, NULL);
	EXPECT_EQ(reply.number, MSG_import_connected_far);
	EXPECT_STR(reply.import_connected_far.provider.text, test_provider());
	request.import_connect_through.controller = wire_text_of("loopback");
	reply = rig_ask(&importer.rig, request, NULL);
	EXPECT_EQ(reply.number, MSG_refused);
	EXPECT_EQ(reply.refused.error, ENODEV);
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

/* ---- taking back ------------------------------------------------------------------------- */

static struct message ask_to_withdraw(struct far_export *e)
{
	struct message request = { .number = MSG_segment_unpublish };

	request.segment_unpublish.segment = e->segment.segment;
	return rig_ask(&e->rig, request, NULL);
}

TEST_SLOW(when_unpublish_has_returned_no_check_succeeds_and_nothing_arrives, 60)
{
	struct msg_import_connected_far far;
	struct message reply, event;
	struct far_client importer;
	struct far_export export;
	struct far_reach reach;
	struct cluster c;

	two_up(&c);
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	far = far_connect(&importer, 1, export.segment.id, RW);
	reach = far_reach(&far, RW);
	EXPECT_EQ(far_put(&reach, 0, "before", 7), 0);
	reply = ask_to_withdraw(&export);
	EXPECT_EQ(reply.number, MSG_segment_withdrawn);
	/* No descriptor was given out, and the window is buried. */
	EXPECT_EQ(reply.segment_withdrawn.exposed, 0);
	EXPECT(!far_is_fresh(&importer, &far));
	/* Whoever has not heard yet disturbs nobody. */
	EXPECT_EQ(far_put(&reach, 0, "after", 6) == 0, far_buries_alone(&reach));
	EXPECT_STR(export.memory, "before");
	event = far_event(&importer, MSG_import_revoked);
	EXPECT_EQ(event.import_revoked.import, far.import);
	EXPECT_EQ(event.import_revoked.reason, 1);
	far_leave(&reach);
	far_heard(&importer, event.serial);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 1, "import.closed"));
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

TEST_SLOW(an_exporter_that_is_killed_takes_its_importers_checks_along, 60)
{
	struct msg_import_connected_far far;
	struct far_client importer;
	struct far_export export;
	struct message event;
	struct cluster c;

	two_up(&c);
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	far = far_connect(&importer, 1, export.segment.id, RW);
	/* Its connection's end is what the broker sees of a death. */
	far_export_down(&export);
	event = far_event(&importer, MSG_import_revoked);
	EXPECT_EQ(event.import_revoked.reason, 3);
	EXPECT(!far_is_fresh(&importer, &far));
	far_heard(&importer, event.serial);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 1, "import.closed"));
	far_client_down(&importer);
	cluster_end(&c);
}

TEST_SLOW(a_killed_importer_leaves_no_window, 60)
{
	struct far_client importer;
	struct far_export export;
	struct cluster c;

	two_up(&c);
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	(void)far_connect(&importer, 1, export.segment.id, RW);
	far_client_down(&importer);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 1, "import.closed"));
	EXPECT_EQ(ask_to_withdraw(&export).number, MSG_segment_withdrawn);
	far_export_down(&export);
	cluster_end(&c);
}

/* ---- brokers that are lost --------------------------------------------------------------- */

TEST_SLOW(a_killed_broker_of_the_exporter_cuts_its_importers_off, 60)
{
	struct msg_import_connected_far far;
	struct far_client importer;
	struct far_export export;
	struct message event;
	struct cluster c;

	two_up(&c);
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	far = far_connect(&importer, 1, export.segment.id, RW);
	cluster_kill(&c, 1);
	event = far_event(&importer, MSG_import_revoked);
	EXPECT_EQ(event.import_revoked.reason, 3);
	EXPECT(!far_is_fresh(&importer, &far));
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

TEST_SLOW(who_takes_back_from_a_killed_node_waits_until_it_is_gone, 60)
{
	struct far_client importer;
	struct far_export export;
	struct cluster c;

	two_up(&c);
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	(void)far_connect(&importer, 1, export.segment.id, RW);
	cluster_kill(&c, 0);
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 1, "remote.cut_off node=1 windows=1"));
	/* What was connected may go on with the window: that its node's broker is dead it does
	 * not hear from here. */
	EXPECT_EQ(ask_to_withdraw(&export).number, MSG_segment_withdrawn);
	EXPECT(cluster_logged(&c, 1, "link.gone node=1"));
	EXPECT(cluster_logged(&c, 1, "import.closed"));
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

TEST_SLOW(who_takes_back_from_a_node_that_hangs_waits_for_its_time_out, 60)
{
	struct msg_import_connected_far far;
	struct far_client importer;
	struct far_export export;
	struct far_reach reach;
	struct cluster c;

	two_up(&c);
	far_export_up(&c, 1, &export);
	far_client_up(&c, 0, &importer);
	far = far_connect(&importer, 1, export.segment.id, RW);
	reach = far_reach(&far, RW);
	cluster_pause(&c, 0);
	EXPECT_EQ(far_put(&reach, 0, "before", 7), 0);
	EXPECT_EQ(ask_to_withdraw(&export).number, MSG_segment_withdrawn);
	EXPECT(cluster_logged(&c, 1, "link.gone node=1"));
	(void)far_put(&reach, 0, "after", 6);
	EXPECT_STR(export.memory, "before");
	cluster_resume(&c, 0);
	(void)far_event(&importer, MSG_import_revoked);
	EXPECT(!far_is_fresh(&importer, &far));
	/* And it can connect again. */
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	EXPECT_EQ(refusal(&importer, 1, export.segment.id, RW, "nothing is published"), ENOENT);
	far_leave(&reach);
	far_client_down(&importer);
	far_export_down(&export);
	cluster_end(&c);
}

/* ---- controllers ------------------------------------------------------------------------- */

/* The rows that @node's broker has, as words. */
static void read_controllers(struct cluster *c, unsigned node, char *words, size_t size)
{
	struct message request = { .number = MSG_next_controller }, reply;
	struct rig_client client;
	size_t used = 0;

	rig_client_up(c->node[node].directory, &client);
	while ((reply = rig_ask(&client, request, NULL)).number == MSG_controller_row) {
		const struct msg_controller_row *row = &reply.controller_row;

		EXPECT(row->key > request.next_controller.after);
		EXPECT(row->up != (row->why.length > 0));
		used += (size_t)snprintf(words + used, size - used, "%u:%s%s%s(%s)%s ",
					 row->node, row->name.text,
					 row->alias_of.length ? "=" : "", row->alias_of.text,
					 row->provider.text, row->up ? "" : "!");
		EXPECT(used < size);
		request.next_controller.after = row->key;
	}
	EXPECT_EQ(reply.refused.error, ENOENT);
	rig_client_down(&client);
}

static bool has_controllers(struct cluster *c, unsigned node, const char *wanted)
{
	char words[512];

	read_controllers(c, node, words, sizeof(words));
	return strcmp(words, wanted) == 0;
}

TEST_SLOW(the_controllers_of_this_node_and_of_its_peers_are_listed, 60)
{
	struct cluster c;

	cluster_make(
		&c, 2, true,
		"[controller tcp0]\nprovider = tcp\n[controller no0]\nprovider = nonesuch\n"
		"[alias]\nsci0 = tcp0\n");
	cluster_start(&c, 0);
	EXPECT(has_controllers(&c, 0,
			       "1:loopback() 1:tcp0(tcp) 1:no0(nonesuch)! 1:sci0=tcp0(tcp) "));
	cluster_start(&c, 1);
	EXPECT_WITHIN(LONG_MS,
		      has_controllers(&c, 0,
				      "1:loopback() 1:tcp0(tcp) 1:no0(nonesuch)! "
				      "1:sci0=tcp0(tcp) 2:tcp0(tcp) 2:no0(nonesuch)! "));
	cluster_kill(&c, 1);
	EXPECT_WITHIN(LONG_MS, has_controllers(&c, 0,
					       "1:loopback() 1:tcp0(tcp) 1:no0(nonesuch)! "
					       "1:sci0=tcp0(tcp) "));
	cluster_end(&c);
}
