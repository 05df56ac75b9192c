/* SPDX-License-Identifier: MIT */
/* Who is served, how much there is, what can be seen. */
#include <errno.h>
#include <string.h>

#include "registry/rig.h"

static struct fake_client *join_silently(struct rig *rig, uint32_t uid)
{
	struct registry_identity identity = { .pid = 1, .uid = uid, .gid = uid };
	uint64_t id = 0;

	EXPECT_EQ(registry_join(rig->registry, &identity, &id), 0);
	return fake_client_add(&rig->fake, id);
}

static int handle(struct rig *rig, struct fake_client *client, struct message message)
{
	return fake_ask(rig->registry, client, &message, false);
}

/* ---- sessions --------------------------------------------------------------------------- */

TEST(nothing_is_served_before_hello)
{
	struct rig *rig = rig_up();
	struct fake_client *client = join_silently(rig, 10);

	EXPECT_EQ(handle(rig, client, ASK(region_create, .size = RIG_PAGE)), -EPROTO);
	EXPECT_EQ(handle(rig, client, ASK_BARE(events)), -EPROTO);
	EXPECT_EQ(handle(rig, client, ASK_BARE(heard)), -EPROTO);
	rig_down(rig);
}

TEST(hello_tells_the_limits_and_hands_the_board_out)
{
	struct rig *rig = rig_up();
	struct fake_client *client = join_silently(rig, 10);
	const struct message *answer =
		rig_ask(rig, client, ASK(hello, .version = WIRE_VERSION));

	EXPECT_EQ(answer->number, MSG_welcome);
	EXPECT_EQ(client->answer.attachment.kind, ATTACH_BOARD);
	EXPECT_EQ(answer->welcome.node, RIG_NODE);
	EXPECT_EQ(answer->welcome.client, client->id);
	EXPECT_EQ(answer->welcome.segment_bytes, rig->config.segment_bytes);
	EXPECT_EQ(answer->welcome.exports, rig->config.exports_max);
	rig_down(rig);
}

TEST(only_a_broker_of_another_user_is_strong)
{
	struct rig *rig = rig_up();
	struct fake_client *other = join_silently(rig, 10);
	struct fake_client *same = join_silently(rig, rig->config.broker_uid);

	EXPECT_EQ(rig_ask(rig, other, ASK(hello, .version = 1))->welcome.strong, 1);
	EXPECT_EQ(rig_ask(rig, same, ASK(hello, .version = 1))->welcome.strong, 0);
	rig_down(rig);
}

TEST(another_version_is_refused)
{
	struct rig *rig = rig_up();
	struct fake_client *client = join_silently(rig, 10);

	EXPECT_EQ(rig_error(rig, client, ASK(hello, .version = WIRE_VERSION + 1)), EPROTO);
	EXPECT_EQ(handle(rig, client, ASK_BARE(events)), -EPROTO);
	rig_down(rig);
}

TEST(a_second_hello_is_a_breach)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);

	EXPECT_EQ(handle(rig, client, ASK(hello, .version = WIRE_VERSION)), -EPROTO);
	rig_down(rig);
}

TEST(answers_and_events_from_a_client_are_breaches)
{
	static const enum msg_number not_theirs[] = {
		MSG_refused,	    MSG_done,		MSG_welcome,
		MSG_region_created, MSG_import_revoked, MSG_import_stall,
		MSG_import_moved,   MSG_bell_pipe,	MSG_monitor_event,
		MSG_segment_row,    (enum msg_number)0, (enum msg_number)0x7777,
	};
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);

	for (unsigned i = 0; i < sizeof(not_theirs) / sizeof(not_theirs[0]); i++) {
		struct message message = { .number = not_theirs[i] };

		EXPECT_EQ(handle(rig, client, message), -EPROTO);
	}
	client->asking = false;
	rig_down(rig);
}

TEST(a_stranger_is_not_served)
{
	struct rig *rig = rig_up();
	struct message message = ASK(hello, .version = WIRE_VERSION);

	EXPECT_EQ(registry_handle(rig->registry, 12345, &message), -ENOTCONN);
	registry_leave(rig->registry, 12345);
	rig_down(rig);
}

TEST(monitor_is_not_the_registrys)
{
	struct rig *rig = rig_up();

	EXPECT_EQ(rig_error(rig, rig_join(rig, 10), ASK_BARE(monitor)), EOPNOTSUPP);
	rig_down(rig);
}

TEST(what_nobody_waits_for_is_heard_and_forgotten)
{
	struct rig *rig = rig_up();

	rig_heard(rig, rig_join(rig, 10), 4711);
	rig_down(rig);
}

TEST(a_node_is_idle_when_nobody_is_attached)
{
	struct rig *rig = rig_up();
	struct fake_client *client;

	EXPECT(registry_is_idle(rig->registry));
	client = rig_join(rig, 10);
	EXPECT(!registry_is_idle(rig->registry));
	rig_leave(rig, client);
	EXPECT(registry_is_idle(rig->registry));
	rig_down(rig);
}

static bool nobody_listens(void *body)
{
	(void)body;
	return false;
}

TEST(lines_nobody_wants_are_not_made)
{
	struct rig *rig = rig_new();

	rig->fake.ports.log_wanted = nobody_listens;
	rig_start(rig);
	(void)rig_join(rig, 10);
	EXPECT_EQ(rig->fake.lines, 0);
	rig_down(rig);
}

TEST(a_refusal_is_logged_with_its_rule)
{
	struct rig *rig = rig_up();

	EXPECT_EQ(rig_error(rig, rig_join(rig, 10), ASK(import_connect, .node = 1)),
		  EHOSTUNREACH);
	EXPECT(strstr(rig->fake.line, "import.refused"));
	EXPECT(strstr(rig->fake.line, "rule=\"this node has no way to node 1"));
	rig_down(rig);
}

/* ---- quotas ----------------------------------------------------------------------------- */

TEST(a_region_is_whole_pages)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);

	EXPECT_EQ(rig_error(rig, client, ASK(region_create, .size = 0)), EINVAL);
	EXPECT_EQ(rig_error(rig, client, ASK(region_create, .size = RIG_PAGE + 1)), EINVAL);
	EXPECT_EQ(rig_error(rig, client, ASK(region_offer, .size = 1)), EINVAL);
	EXPECT_EQ(rig_error(rig, client, ASK(region_sysv, .shmid = 1, .size = 1)), EINVAL);
	rig_down(rig);
}

TEST(a_users_clients_share_its_bytes)
{
	struct rig *rig = rig_up();
	struct fake_client *first = rig_join(rig, 10), *second = rig_join(rig, 10);

	(void)rig_region(rig, first, 100);
	EXPECT_EQ(rig_error(rig, second, ASK(region_create, .size = 29 * RIG_PAGE)), EDQUOT);
	EXPECT(strstr(second->answer.message.refused.rule.text, "user 10 uses 409600"));
	EXPECT(strstr(second->answer.message.refused.rule.text, "tract.conf"));
	(void)rig_region(rig, second, 28);
	rig_down(rig);
}

TEST(bytes_that_are_closed_can_be_had_again)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region = rig_region(rig, client, 128);

	EXPECT_EQ(rig_error(rig, client, ASK(region_create, .size = RIG_PAGE)), EDQUOT);
	rig_tell(rig, client, ASK(region_close, .region = region));
	(void)rig_region(rig, client, 128);
	rig_down(rig);
}

TEST(bytes_of_who_left_can_be_had_again)
{
	struct rig *rig = rig_up();
	struct fake_client *stays = rig_join(rig, 10), *leaves = rig_join(rig, 10);

	(void)rig_region(rig, leaves, 128);
	rig_leave(rig, leaves);
	(void)rig_region(rig, stays, 128);
	rig_down(rig);
}

TEST(the_node_promises_no_more_than_it_may)
{
	struct rig *rig = rig_up();

	(void)rig_region(rig, rig_join(rig, 10), 128);
	(void)rig_region(rig, rig_join(rig, 11), 128);
	EXPECT_EQ(rig_error(rig, rig_join(rig, 12), ASK(region_create, .size = RIG_PAGE)),
		  ENOMEM);
	rig_down(rig);
}

TEST(a_size_that_overflows_is_refused)
{
	struct rig *rig = rig_new();
	struct fake_client *client;

	rig->config.user_bytes = UINT64_MAX;
	rig->config.total_bytes = UINT64_MAX;
	rig_start(rig);
	client = rig_join(rig, 10);
	(void)rig_region(rig, client, 4);
	EXPECT_EQ(rig_error(rig, client, ASK(region_create, .size = UINT64_MAX - RIG_PAGE + 1)),
		  EDQUOT);
	rig_down(rig);
}

TEST(a_host_without_memory_charges_nothing)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);

	rig->fake.fail = -ENOMEM;
	EXPECT_EQ(rig_error(rig, client, ASK(region_create, .size = 128 * RIG_PAGE)), ENOMEM);
	rig->fake.fail = -EMFILE;
	EXPECT_EQ(rig_error(rig, client, ASK(region_create, .size = 128 * RIG_PAGE)), EMFILE);
	rig->fake.fail = -EPERM;
	EXPECT_EQ(rig_error(rig, client, ASK(region_offer, .size = 128 * RIG_PAGE)), EPERM);
	rig->fake.fail = 0;
	(void)rig_region(rig, client, 128);
	rig_down(rig);
}

TEST(a_region_that_replaces_memory_needs_room_for_the_rest)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	struct message message =
		ASK(region_create, .size = 100 * RIG_PAGE, .replaces = 90 * RIG_PAGE);

	client->memory = 95 * RIG_PAGE;
	rig->fake.room = 9 * RIG_PAGE;
	EXPECT_EQ(rig_error(rig, client, message), ENOMEM);
	rig->fake.room = 11 * RIG_PAGE;
	EXPECT_EQ(rig_error(rig, client, message), 0);
	EXPECT_EQ(rig->fake.room, RIG_PAGE);
	/* The user's share is charged with all of it. */
	EXPECT_EQ(
		rig_error(rig, client,
			  ASK(region_create, .size = 29 * RIG_PAGE, .replaces = 28 * RIG_PAGE)),
		EDQUOT);
	rig_down(rig);
}

TEST(nobody_replaces_more_than_he_has)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct message message =
		ASK(region_create, .size = 100 * RIG_PAGE, .replaces = UINT64_MAX);

	other->memory = 1000 * RIG_PAGE;
	client->memory = 50 * RIG_PAGE;
	rig->fake.room = 49 * RIG_PAGE;
	EXPECT_EQ(rig_error(rig, client, message), ENOMEM);
	rig->fake.room = 50 * RIG_PAGE;
	EXPECT_EQ(rig_error(rig, client, message), 0);
	EXPECT_EQ(rig->fake.room, 0);
	/* And never all: what one was promised before is always looked at. */
	client->memory = 1000 * RIG_PAGE;
	EXPECT_EQ(rig_error(rig, client,
			    ASK(region_create, .size = 8 * RIG_PAGE, .replaces = UINT64_MAX)),
		  ENOMEM);
	EXPECT_EQ(rig_error(rig, client,
			    ASK(region_create, .size = RIG_PAGE, .replaces = RIG_PAGE)),
		  ENOMEM);
	rig->fake.room = RIG_PAGE;
	EXPECT_EQ(rig_error(rig, client,
			    ASK(region_create, .size = 8 * RIG_PAGE, .replaces = UINT64_MAX)),
		  0);
	rig_down(rig);
}

TEST(what_his_own_regions_have_in_memory_can_be_replaced_too)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct message message =
		ASK(region_create, .size = 40 * RIG_PAGE, .replaces = 30 * RIG_PAGE);

	(void)rig_region(rig, client, 20);
	fake_object_find(&rig->fake, client->answer.attachment.object)->resident =
		20 * RIG_PAGE;
	client->memory = 10 * RIG_PAGE;
	other->memory = 10 * RIG_PAGE;
	rig->fake.room = 10 * RIG_PAGE;
	EXPECT_EQ(rig_error(rig, other, message), ENOMEM);
	EXPECT_EQ(rig_error(rig, client, message), 0);
	rig_down(rig);
}

TEST(a_process_has_a_number_of_things)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region = rig_region(rig, client, 4);
	uint32_t id = rig_publish(rig, client, rig_segment(rig, client, region, 0, 1, false));

	for (uint32_t i = 2; i < rig->config.per_client_max; i++)
		(void)rig_import(rig, client, id, 4);
	EXPECT_EQ(rig_error(rig, client, ASK(region_create, .size = RIG_PAGE)), EMFILE);
	EXPECT_EQ(
		rig_error(rig, client, ASK(segment_create, .region = region, .size = RIG_PAGE)),
		EMFILE);
	EXPECT_EQ(rig_error(rig, client, ASK(import_connect, .node = RIG_NODE, .id = id)),
		  EMFILE);
	EXPECT_EQ(rig_error(rig, rig_join(rig, 10), ASK(region_create, .size = RIG_PAGE)), 0);
	rig_down(rig);
}

TEST(the_node_has_a_number_of_exports)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region = rig_region(rig, client, 4), segment = 0;

	for (uint32_t i = 0; i < rig->config.exports_max; i++)
		segment = rig_segment(rig, client, region, 0, 1, false);
	EXPECT_EQ(
		rig_error(rig, client, ASK(segment_create, .region = region, .size = RIG_PAGE)),
		EMFILE);
	EXPECT_EQ(rig_ask(rig, client, ASK(segment_destroy, .segment = segment))->number,
		  MSG_segment_withdrawn);
	(void)rig_segment(rig, client, region, 0, 1, false);
	rig_down(rig);
}

TEST(the_node_has_a_number_of_imports)
{
	struct rig *rig = rig_up();
	struct fake_client *one = rig_join(rig, 10), *two = rig_join(rig, 11);
	struct fake_client *exporter = rig_join(rig, 12);
	uint32_t id;

	(void)rig_export(rig, exporter, NULL, &id);
	for (uint32_t i = 0; i < rig->config.imports_max / 2; i++) {
		(void)rig_import(rig, one, id, 4);
		(void)rig_import(rig, two, id, 4);
	}
	EXPECT_EQ(rig_error(rig, exporter, ASK(import_connect, .node = RIG_NODE, .id = id)),
		  EMFILE);
	rig_leave(rig, one);
	(void)rig_import(rig, exporter, id, 4);
	rig_down(rig);
}

TEST(a_region_is_its_owners)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 10);
	uint64_t region = rig_region(rig, owner, 4);

	EXPECT_EQ(
		rig_error(rig, other, ASK(segment_create, .region = region, .size = RIG_PAGE)),
		EBADF);
	EXPECT_EQ(rig_error(rig, other, ASK(region_fence, .region = region)), EBADF);
	rig_tell(rig, other, ASK(region_close, .region = region));
	EXPECT_EQ(fake_object_count(&rig->fake), 1);
	rig_down(rig);
}

TEST(an_offered_object_is_kept_and_dropped)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	const struct message *answer =
		rig_ask(rig, client, ASK(region_offer, .size = 4 * RIG_PAGE));

	EXPECT_EQ(answer->number, MSG_region_known);
	EXPECT_EQ(fake_object_count(&rig->fake), 1);
	rig_tell(rig, client, ASK(region_close, .region = answer->region_known.region));
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	rig_down(rig);
}

/* ---- inspection ------------------------------------------------------------------------- */

static uint32_t count_rows(struct rig *rig, struct fake_client *client, enum msg_number number)
{
	struct message message = { .number = number };
	uint64_t key = 0;
	uint32_t count = 0;

	for (;; count++) {
		const struct message *row;

		message.next_client.after = key;
		row = rig_ask(rig, client, message);
		if (row->number == MSG_refused) {
			EXPECT_EQ(row->refused.error, ENOENT);
			return count;
		}
		EXPECT(row->client_row.key > key);
		key = row->client_row.key;
	}
}

TEST(a_user_sees_its_own_and_root_and_the_brokers_user_see_all)
{
	struct rig *rig = rig_up();
	struct fake_client *ten = rig_join(rig, 10), *eleven = rig_join(rig, 11);
	uint32_t id;

	(void)rig_export(rig, ten, NULL, &id);
	(void)rig_import(rig, eleven, id, 4);
	(void)rig_import(rig, eleven, id, 6);
	EXPECT_EQ(count_rows(rig, ten, MSG_next_segment), 1);
	EXPECT_EQ(count_rows(rig, ten, MSG_next_import), 0);
	EXPECT_EQ(count_rows(rig, ten, MSG_next_client), 1);
	EXPECT_EQ(count_rows(rig, eleven, MSG_next_segment), 0);
	EXPECT_EQ(count_rows(rig, eleven, MSG_next_import), 2);
	EXPECT_EQ(count_rows(rig, rig_join(rig, 0), MSG_next_import), 2);
	EXPECT_EQ(count_rows(rig, rig_join(rig, 500), MSG_next_client), 4);
	rig_down(rig);
}

TEST(a_segments_row_says_what_it_is)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	struct msg_segment_row row;
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	rig_pass(rig, 5000000);
	row = rig_ask(rig, client, ASK(next_segment, .after = 0))->segment_row;
	EXPECT_EQ(row.id, id);
	EXPECT_EQ(row.node, RIG_NODE);
	EXPECT_EQ(row.size, 4 * RIG_PAGE);
	EXPECT_EQ(row.pid, 1000);
	EXPECT_EQ(row.uid, 10);
	EXPECT_EQ(row.mode, 0777);
	EXPECT_EQ(row.backing, 1);
	EXPECT_EQ(row.exposed, 0);
	EXPECT_EQ(row.imports, 0);
	EXPECT_EQ(row.age_ms, 5);
	(void)rig_import(rig, client, id, 4);
	row = rig_ask(rig, client, ASK(next_segment, .after = 0))->segment_row;
	EXPECT_EQ(row.exposed, 1);
	EXPECT_EQ(row.imports, 1);
	rig_down(rig);
}

TEST(a_clients_row_counts_what_it_holds)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	struct msg_client_row row;
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, client, id, 4);
	row = rig_ask(rig, client, ASK(next_client, .after = 0))->client_row;
	EXPECT_EQ(row.regions, 1);
	EXPECT_EQ(row.segments, 1);
	EXPECT_EQ(row.imports, 1);
	EXPECT_EQ(row.bytes, 4 * RIG_PAGE);
	rig_down(rig);
}
