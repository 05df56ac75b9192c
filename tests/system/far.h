/* SPDX-License-Identifier: MIT */
/*
 * far.h - clients that import from another node by hand: the wire to their broker, and a fabric
 */
#ifndef TESTS_SYSTEM_FAR_H
#define TESTS_SYSTEM_FAR_H

#include "cluster.h"
#include "fabric/fabric.h"
#include "rig.h"

#define FAR_SIZE ((size_t)64 << 10)

/* With a channel for events. */
struct far_client {
	struct rig_client rig;
	struct conn events;
};

void far_client_up(struct cluster *c, unsigned node, struct far_client *client);
void far_client_down(struct far_client *client);
/* Takes the next event, which must be @number. */
struct message far_event(struct far_client *client, enum msg_number number);
/* Has none come?  Looks once. */
bool far_is_quiet(struct far_client *client);
void far_heard(struct far_client *client, uint32_t serial);

/* What comes of asking for segment @id of the node with that index. */
struct message far_ask(struct far_client *client, unsigned node, uint32_t id, uint32_t rights);
struct msg_import_connected_far far_connect(struct far_client *client, unsigned node,
					    uint32_t id, uint32_t rights);
void far_close(struct far_client *client, uint64_t import);
/* Would a check of the connection succeed now? */
bool far_is_fresh(const struct far_client *client, const struct msg_import_connected_far *far);

/* The way to its window. */
struct far_reach {
	struct fabric *fabric;
	struct fabric_peer *peer;
	struct fabric_target *target;
};

struct far_reach far_reach(const struct msg_import_connected_far *far, uint32_t rights);
void far_leave(struct far_reach *reach);
/* 0 or -errno. */
int far_put(struct far_reach *reach, size_t offset, const void *from, size_t size);
int far_get(struct far_reach *reach, size_t offset, void *into, size_t size);
/* A byte that nobody sends is not waited for for long. */
int far_get_nothing(struct far_reach *reach, size_t offset);

/* May who has not heard go on writing to a window that was taken back?  Otherwise it loses its
 * connection. */
bool far_buries_alone(const struct far_reach *reach);

/* Published by a client of @node's, with its memory mapped here. */
struct far_export {
	struct rig_client rig;
	struct rig_segment segment;
	char *memory;
};

void far_export_up(struct cluster *c, unsigned node, struct far_export *e);
/* The same memory, as an export that can be rebound instead. */
void far_rebindable(struct far_export *e);
void far_export_down(struct far_export *e);

#endif
