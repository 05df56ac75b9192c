/* SPDX-License-Identifier: MIT */
/*
 * rig.h - a registry with a fake body and clients, for tests
 *
 * Every step checks the registry's invariants and the fake's rules.
 */
#ifndef REGISTRY_RIG_H
#define REGISTRY_RIG_H

#include "registry/fake_body.h"
#include "test.h"

#define RIG_PAGE 4096u
#define RIG_HEAR 1000000u /* ns */
#define RIG_PEER 5000000u /* ns */
#define RIG_NODE 7u

struct rig {
	struct registry_config config;
	struct fake_body fake;
	struct registry *registry;
};

/* Before rig_start(), for who needs more than one. */
void rig_init(struct rig *rig);
/* One registry for the test; change @config between the two if need be. */
struct rig *rig_new(void);
void rig_start(struct rig *rig);
struct rig *rig_up(void);
/* Everybody leaves; nothing may stay. */
void rig_down(struct rig *rig);
void rig_check(struct rig *rig);

/* Joined, greeted, with a channel.  @uid's group has the same number. */
struct fake_client *rig_join(struct rig *rig, uint32_t uid);
struct fake_client *rig_join_as(struct rig *rig, const struct registry_identity *identity);
void rig_leave(struct rig *rig, struct fake_client *client);

/* The answer, whose number is 0 if it is to come later. */
const struct message *rig_ask(struct rig *rig, struct fake_client *client,
			      struct message message);
/* For messages that have no answer. */
void rig_tell(struct rig *rig, struct fake_client *client, struct message message);
/* errno of the answer; 0 if it is no refusal. */
int rig_error(struct rig *rig, struct fake_client *client, struct message message);
void rig_pass(struct rig *rig, uint64_t ns);

/* Shorthands that expect success. */
uint64_t rig_region(struct rig *rig, struct fake_client *client, uint64_t pages);
uint64_t rig_segment(struct rig *rig, struct fake_client *client, uint64_t region,
		     uint64_t offset_pages, uint64_t pages, bool rebindable);
uint32_t rig_publish(struct rig *rig, struct fake_client *client, uint64_t segment);
/* A region of 4 pages, exported whole and published; *ret_region may be NULL. */
uint64_t rig_export(struct rig *rig, struct fake_client *client, uint64_t *ret_region,
		    uint32_t *ret_id);
struct msg_import_connected rig_import(struct rig *rig, struct fake_client *client, uint32_t id,
				       uint32_t rights);
/* Takes the oldest event, which must be @number. */
struct fake_said rig_event(struct fake_client *client, enum msg_number number);
void rig_heard(struct rig *rig, struct fake_client *client, uint32_t serial);
/* Takes it and answers it. */
struct fake_said rig_obey(struct rig *rig, struct fake_client *client, enum msg_number number);
/* Would a check of this connection succeed? */
bool rig_is_fresh(const struct rig *rig, const struct msg_import_connected *import);

/* Messages, short enough to read in a test. */
#define ASK(name, ...) ((struct message){ .number = MSG_##name, .name = { __VA_ARGS__ } })
#define ASK_BARE(name) ((struct message){ .number = MSG_##name })

#endif
