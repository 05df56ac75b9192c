/* SPDX-License-Identifier: MIT */
/*
 * test_map_keeper.c - a process that was lent memory for its map, and keeps it
 *
 * It hands its map out by hand, and has no map: what it gets it keeps.
 */
#include <errno.h>
#include <unistd.h>

#include "hosts.h"
#include "rig.h"
#include "sys/sock.h"
#include "wire/wire.h"

#define FAR_AWAY 0x7800000000000000ull

struct keeper {
	struct rig_client client;
	struct conn events;
	int kept;
	uint32_t serial;
};

static void keeper_up(struct keeper *k)
{
	struct message events = { .number = MSG_events }, offer = { .number = MSG_map_offer };
	int pair[2], fd;

	*k = (struct keeper){ .kept = -1 };
	rig_client_up(test_directory(), &k->client);
	EXPECT_EQ(sock_pair(pair), 0);
	EXPECT_EQ(rig_ask_with(&k->client, events, &pair[1], 1, &fd).number, MSG_done);
	(void)close(pair[1]);
	conn_open(&k->events, pair[0], true);
	EXPECT_EQ(rig_ask(&k->client, offer, &fd).number, MSG_done);
}

static struct message keeper_hear(struct keeper *k)
{
	struct message event;
	int fds[CONN_FDS_MAX];
	unsigned count = 0;

	EXPECT_EQ(conn_receive(&k->events, &event, fds, &count), 0);
	k->serial = event.serial;
	if (count == 1) {
		if (k->kept >= 0)
			(void)close(k->kept);
		k->kept = fds[0];
	}
	return event;
}

static void keeper_answer(struct keeper *k, struct msg_map_answer words)
{
	struct message answer = { .number = MSG_map_answer,
				  .serial = k->serial,
				  .map_answer = words };

	EXPECT_EQ(conn_send(&k->events, &answer, NULL, 0), 0);
}

static void keeper_down(struct keeper *k)
{
	(void)close(k->kept);
	conn_close(&k->events);
	rig_client_down(&k->client);
}

static void keeper_body(struct kin *parent, void *arg)
{
	const uint64_t attach_error = *(uint64_t *)arg;
	struct message event, closes = { .number = MSG_import_close };
	struct keeper k;
	uint64_t word = 0;

	keeper_up(&k);
	kin_tell(parent, 0);
	event = keeper_hear(&k);
	EXPECT_EQ(event.number, MSG_map_asked_region);
	closes.import_close.import = event.map_asked_region.import;
	if (attach_error == ETIMEDOUT) {
		(void)kin_hear(parent);
	} else {
		keeper_answer(&k, (struct msg_map_answer){ .error = (uint32_t)attach_error,
							   .start = FAR_AWAY,
							   .size = PAGE });
	}
	if (attach_error == 0) {
		event = keeper_hear(&k);
		EXPECT_EQ(event.number, MSG_map_asked);
		/* Closed before it is answered for, and kept all the same. */
		EXPECT_EQ(conn_send(&k.events, &closes, NULL, 0), 0);
		keeper_answer(&k, (struct msg_map_answer){ .start = FAR_AWAY, .size = PAGE });
	}
	kin_tell(parent, 0);
	while (kin_hear(parent) == 0) {
		EXPECT_EQ(pread(k.kept, &word, sizeof(word), 0), sizeof(word));
		kin_tell(parent, word);
		word = UINT64_C(0xbadbad);
		EXPECT_EQ(pwrite(k.kept, &word, sizeof(word), 0), sizeof(word));
		kin_tell(parent, 0);
	}
	keeper_down(&k);
}

static void expect_nothing_kept(struct kin *keeper, char *here)
{
	store(here, 0x5ec5ec);
	kin_tell(keeper, 0);
	EXPECT_EQ(kin_hear(keeper), 0);
	(void)kin_hear(keeper);
	EXPECT_EQ(load(here), 0x5ec5ec);
	kin_tell(keeper, 1);
}

static void meet_keeper(uint64_t attach_error)
{
	struct tract *ctx = node_open();
	struct tract_region *region;
	struct kin keeper;
	struct tract_map *map;
	void *at = NULL;
	char *here;
	int r;

	kin_start(&keeper, keeper_body, &attach_error);
	(void)kin_hear(&keeper);
	map = map_up(ctx, &keeper);
	region = region_up(1, &here);
	r = attach_at(map, region, RW, 0, &at);
	EXPECT_EQ(r, -(int)attach_error);
	if (r == 0)
		EXPECT_EQ(detach(map, at), 0);
	if (attach_error == ETIMEDOUT)
		kin_tell(&keeper, 0);
	(void)kin_hear(&keeper);
	expect_nothing_kept(&keeper, here);
	kin_finish(&keeper);
	region_down(region, here);
	tract_map_close(map);
	tract_close(ctx);
}

TEST(who_keeps_what_was_detached_has_a_view_of_nothing)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);

	meet_keeper(0);
	rig_broker_stop(broker);
}

TEST(who_keeps_what_it_refused_to_attach_has_a_view_of_nothing)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);

	meet_keeper(ENOMEM);
	rig_broker_stop(broker);
}

TEST(who_keeps_what_it_never_answered_for_has_a_view_of_nothing)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);

	meet_keeper(ETIMEDOUT);
	rig_broker_stop(broker);
}
