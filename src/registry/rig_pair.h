/* SPDX-License-Identifier: MIT */
/*
 * rig_pair.h - two registries, and a link between them on which tests carry messages
 */
#ifndef REGISTRY_RIG_PAIR_H
#define REGISTRY_RIG_PAIR_H

#include "registry/rig.h"

#define PAIR_FIRST 1u /* node ids */

/* Node I + PAIR_FIRST is at I. */
struct pair {
	struct rig *at[2];
};

#define HERE 0	/* who imports, in most tests */
#define THERE 1 /* who exports */

struct pair pair_up(void);
/* Everybody leaves; nothing may stay.  The link may be up or lost. */
void pair_down(struct pair *pair);
void pair_link(struct pair *pair);
/* For @side, and for both. */
void pair_lose_at(struct pair *pair, unsigned side);
void pair_lose(struct pair *pair);
void pair_gone_at(struct pair *pair, unsigned side);
/* The oldest that @from has said and the other has not heard; false if there is none. */
bool pair_peek(struct pair *pair, unsigned from, struct message *ret);
/* The other hears it: it must be @number. */
struct message pair_carry(struct pair *pair, unsigned from, enum msg_number number);
/* Until nobody has anything to say. */
void pair_carry_all(struct pair *pair);

/* Connects, with all that has to be carried; the answer. */
const struct message *pair_ask(struct pair *pair, struct fake_client *client, uint32_t id,
			       uint32_t rights);
struct msg_import_connected_far pair_import(struct pair *pair, struct fake_client *client,
					    uint32_t id, uint32_t rights);
/* Would a check of this connection of 0's succeed? */
bool pair_is_fresh(const struct pair *pair, const struct msg_import_connected_far *far);
/* Does a transfer through the window reach this memory of 1's? */
bool pair_reaches(struct pair *pair, uint64_t key, uint64_t object);

/* One export there, connected to from here. */
struct pair_scene {
	struct pair pair;
	struct fake_client *exporter, *importer;
	uint64_t segment, region, object;
	uint32_t id;
	struct msg_import_connected_far far;
};

/* @pins: windows are there until they are closed, as a device's are. */
struct pair_scene pair_scene_up(bool pins);

#endif
