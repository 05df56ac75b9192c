/* SPDX-License-Identifier: MIT */
#include "far.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "shm/layout.h"
#include "test.h"

#define PATIENCE clock_deadline_ms(15000)

void far_client_up(struct cluster *c, unsigned node, struct far_client *client)
{
	const struct message request = { .number = MSG_events };
	int ends[2];

	rig_client_up(c->node[node].directory, &client->rig);
	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	EXPECT_EQ(rig_ask_with(&client->rig, request, &ends[1], 1, NULL).number, MSG_done);
	(void)close(ends[1]);
	client->events = (struct conn)CONN_CLOSED;
	conn_open(&client->events, ends[0], true);
	conn_set_patience(&client->events, 15000);
}

void far_client_down(struct far_client *client)
{
	conn_close(&client->events);
	rig_client_down(&client->rig);
}

struct message far_event(struct far_client *client, enum msg_number number)
{
	struct message event = { 0 };
	int fds[CONN_FDS_MAX];
	unsigned count;

	EXPECT_EQ(conn_receive(&client->events, &event, fds, &count), 0);
	conn_drop_fds(fds, count);
	EXPECT_STR(wire_name(event.number), wire_name(number));
	return event;
}

bool far_is_quiet(struct far_client *client)
{
	struct pollfd fd = { .fd = client->events.fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 0;
}

void far_heard(struct far_client *client, uint32_t serial)
{
	struct message heard = { .number = MSG_heard, .serial = serial };

	EXPECT_EQ(conn_send(&client->events, &heard, NULL, 0), 0);
}

struct message far_ask(struct far_client *client, unsigned node, uint32_t id, uint32_t rights)
{
	struct message request = { .number = MSG_import_connect };

	request.import_connect.node = node + 1;
	request.import_connect.id = id;
	request.import_connect.rights = rights;
	return rig_ask(&client->rig, request, NULL);
}

struct msg_import_connected_far far_connect(struct far_client *client, unsigned node,
					    uint32_t id, uint32_t rights)
{
	struct message reply = far_ask(client, node, id, rights);

	if (reply.number == MSG_refused)
		ck_abort_msg("refused: %s", reply.refused.rule.text);
	EXPECT_EQ(reply.number, MSG_import_connected_far);
	return reply.import_connected_far;
}

void far_close(struct far_client *client, uint64_t import)
{
	struct message close = { .number = MSG_import_close };

	close.import_close.import = import;
	EXPECT_EQ(conn_send(&client->rig.conn, &close, NULL, 0), 0);
	/* It was heard when something else is answered. */
	(void)rig_ask(&client->rig, (struct message){ .number = MSG_next_node }, NULL);
}

bool far_is_fresh(const struct far_client *client, const struct msg_import_connected_far *far)
{
	const struct shm_board_slot *slot = &client->rig.board->slot[far->slot];

	return atomic_load(&slot->generation) == far->generation &&
	       atomic_load(&slot->epoch) <= far->epoch;
}

/* ---- windows ----------------------------------------------------------------------------- */

struct far_reach far_reach(const struct msg_import_connected_far *far, uint32_t rights)
{
	struct fabric_config config = { .provider = far->provider.text,
					.domain = far->domain.length ? far->domain.text : NULL,
					.address = far->local.length ? far->local.text : NULL };
	struct fabric_address address = { .size = (uint16_t)far->address.length };
	struct fabric_target_spec spec = {
		.base = far->base, .key = far->key, .size = far->size, .rights = rights
	};
	struct far_reach reach;

	EXPECT(far->address.length <= FABRIC_ADDRESS_MAX);
	(void)memcpy(address.bytes, far->address.bytes, far->address.length);
	EXPECT_EQ(fabric_open(&config, &reach.fabric), 0);
	EXPECT_EQ(fabric_peer_open(reach.fabric, &address, PATIENCE, &reach.peer), 0);
	EXPECT_EQ(fabric_target_open(reach.peer, &spec, &reach.target), 0);
	return reach;
}

void far_leave(struct far_reach *reach)
{
	fabric_target_close(reach->target);
	fabric_peer_close(reach->peer);
	fabric_close(reach->fabric);
}

int far_put(struct far_reach *reach, size_t offset, const void *from, size_t size)
{
	int r = fabric_put(reach->target, offset, from, size, FABRIC_DELIVERED, PATIENCE, NULL);
	int waited = fabric_wait(reach->target, PATIENCE);

	return r < 0 ? r : waited;
}

static int get_until(struct far_reach *reach, size_t offset, void *into, size_t size,
		     uint64_t deadline)
{
	int r = fabric_get(reach->target, offset, into, size, deadline, NULL);
	int waited = fabric_wait(reach->target, deadline);

	return r < 0 ? r : waited;
}

int far_get(struct far_reach *reach, size_t offset, void *into, size_t size)
{
	return get_until(reach, offset, into, size, PATIENCE);
}

int far_get_nothing(struct far_reach *reach, size_t offset)
{
	char byte;

	return get_until(reach, offset, &byte, sizeof(byte), clock_deadline_ms(1000));
}

bool far_buries_alone(const struct far_reach *reach)
{
	return fabric_facts(reach->fabric)->abilities & FABRIC_BURIES_ALONE;
}

/* ---- exports ----------------------------------------------------------------------------- */

void far_export_up(struct cluster *c, unsigned node, struct far_export *e)
{
	rig_client_up(c->node[node].directory, &e->rig);
	e->segment = rig_publish(&e->rig, FAR_SIZE);
	e->memory = mmap(NULL, FAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, e->segment.fd, 0);
	EXPECT(e->memory != MAP_FAILED);
	(void)close(e->segment.fd);
}

void far_rebindable(struct far_export *e)
{
	struct message request = { .number = MSG_segment_destroy }, reply;

	request.segment_destroy.segment = e->segment.segment;
	EXPECT_EQ(rig_ask(&e->rig, request, NULL).number, MSG_segment_withdrawn);
	request = (struct message){ .number = MSG_segment_create };
	request.segment_create.region = e->segment.region;
	request.segment_create.size = FAR_SIZE;
	request.segment_create.mode = 0666;
	request.segment_create.rebindable = true;
	reply = rig_ask(&e->rig, request, NULL);
	EXPECT_EQ(reply.number, MSG_segment_created);
	e->segment.segment = reply.segment_created.segment;
	request = (struct message){ .number = MSG_segment_publish };
	request.segment_publish.segment = e->segment.segment;
	reply = rig_ask(&e->rig, request, NULL);
	EXPECT_EQ(reply.number, MSG_segment_published);
	e->segment.id = reply.segment_published.id;
}

void far_export_down(struct far_export *e)
{
	(void)munmap(e->memory, FAR_SIZE);
	rig_client_down(&e->rig);
}
